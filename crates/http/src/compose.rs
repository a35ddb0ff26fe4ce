//! Texts of unknown length, such as heads: put together in a buffer that the thread keeps, and
//! copied once they are whole. One allocation of the right size.

use std::cell::Cell;

use bytes::Bytes;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A buffer that grew beyond this is not kept.
const KEPT_MAX: usize = 16 * 1024;

/// What `write` appends to an empty buffer.
pub fn compose(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    // One inside another begins with a buffer of its own.
    let mut buffer = BUFFER.take();
    write(&mut buffer);
    let text = Bytes::copy_from_slice(&buffer);
    if buffer.capacity() <= KEPT_MAX {
        buffer.clear();
        BUFFER.set(buffer);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_for_itself() {
        let first = compose(|out| {
            out.extend_from_slice(b"first");
            let inner = compose(|out| out.extend_from_slice(b"inner"));
            assert_eq!(&inner[..], b"inner");
        });
        assert_eq!(&first[..], b"first");
        assert_eq!(&compose(|_| ())[..], b"");
    }
}
