//! The side track: where the viewer's pointer was. Nine bytes for each position, so that any of
//! them can be found without reading those before it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Bytes of one position.
pub const POSITION_LEN: usize = 9;

/// A position of the pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Milliseconds of the session.
    pub ms: u32,
    /// From the left.
    pub x: u16,
    /// From the top.
    pub y: u16,
    /// RFB's mask of buttons that are held down.
    pub buttons: u8,
}

impl Position {
    /// The bytes of it, big-endian.
    pub fn encode(&self) -> [u8; POSITION_LEN] {
        let (ms, x, y) = (
            self.ms.to_be_bytes(),
            self.x.to_be_bytes(),
            self.y.to_be_bytes(),
        );
        [
            ms[0],
            ms[1],
            ms[2],
            ms[3],
            x[0],
            x[1],
            y[0],
            y[1],
            self.buttons,
        ]
    }

    /// Reads one.
    pub fn parse(bytes: &[u8; POSITION_LEN]) -> Self {
        let [m0, m1, m2, m3, x0, x1, y0, y1, buttons] = *bytes;
        Self {
            ms: u32::from_be_bytes([m0, m1, m2, m3]),
            x: u16::from_be_bytes([x0, x1]),
            y: u16::from_be_bytes([y0, y1]),
            buttons,
        }
    }
}

/// A track that is read.
#[derive(Debug)]
pub struct Track {
    file: File,
    /// Of its whole positions, when it was opened.
    len: u64,
}

impl Track {
    /// Reads a file.
    pub fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self {
            file,
            len: len - len % POSITION_LEN as u64,
        })
    }

    /// Bytes of positions.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The file itself.
    pub fn into_file(self) -> File {
        self.file
    }

    /// Where in the file the first position stands that is not before `ms`.
    pub fn find(&self, ms: u32) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.len / POSITION_LEN as u64);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.at(middle)?.ms < ms {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low * POSITION_LEN as u64)
    }

    fn at(&self, index: u64) -> io::Result<Position> {
        let mut bytes = [0; POSITION_LEN];
        self.file
            .read_exact_at(&mut bytes, index * POSITION_LEN as u64)?;
        Ok(Position::parse(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_moment_is_found_among_positions() {
        let scratch = testkit::Scratch::new("pointer");
        let path = scratch.path().join("track");
        let mut file = File::create(&path).unwrap();
        for ms in [0, 10, 10, 40] {
            let position = Position {
                ms,
                x: 0x102,
                y: 0x304,
                buttons: 5,
            };
            assert_eq!(Position::parse(&position.encode()), position);
            file.write_all(&position.encode()).unwrap();
        }
        file.write_all(b"torn").unwrap();
        let track = Track::new(File::open(&path).unwrap()).unwrap();
        assert_eq!(track.len(), 36);
        for (ms, at) in [(0, 0), (1, 9), (10, 9), (11, 27), (40, 27), (41, 36)] {
            assert_eq!(track.find(ms).unwrap(), at, "{ms}");
        }
    }
}
