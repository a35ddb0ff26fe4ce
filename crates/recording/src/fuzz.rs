//! Bodies of the fuzz target for recordings; unit tests run them on the saved inputs.

use std::io::Write as _;

use crate::json;
use crate::reader::Reader;
use crate::sidecar::Sidecar;

/// Reads `data` as a sidecar and as frames: whatever it is, reading ends, and what was read as a
/// sidecar is written as it was.
pub fn recording_reader(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return frames(data);
    };
    if let Ok(sidecar) = Sidecar::parse(text) {
        assert_eq!(Sidecar::parse(&sidecar.to_json()), Ok(sidecar));
    }
    let _ = json::parse(text);
    frames(data);
}

fn frames(data: &[u8]) {
    // A file without a name: nothing of it is left behind.
    let Ok(fd) = rustix::fs::memfd_create("recording", rustix::fs::MemfdFlags::CLOEXEC) else {
        return;
    };
    let mut file = std::fs::File::from(fd);
    if file.write_all(data).is_err() {
        return;
    }
    if let Ok(index) = file.try_clone() {
        let _ = crate::index::Index::read(index);
    }
    let mut reader = Reader::new(file);
    while let Ok(Some(frame)) = reader.next_frame() {
        assert!(frame.raw.len() <= crate::frame::RAW_MAX);
        for block in frame.blocks() {
            if block.is_err() {
                break;
            }
        }
    }
    assert!(reader.position() <= data.len() as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_inputs_end() {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../fuzz/corpus/recording_reader"
        );
        let mut count = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            recording_reader(&std::fs::read(file.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count >= 4, "the corpus is missing");
    }
}
