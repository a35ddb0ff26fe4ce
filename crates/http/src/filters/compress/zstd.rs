//! Zstandard (RFC 8878), by the zstd crate.

use std::io::{self, Write as _};

use zstd::stream::write::Encoder;

use super::Coder;

/// The highest level that is worked at.
// DIFFERS: the zstd module works at all levels up to 22. Their tables take hundreds of megabytes
// for each response, and their windows are larger than clients have to read (RFC 9659).
const LEVEL_MAX: i32 = 19;

/// A Zstandard stream, which takes its memory with its first byte.
pub struct Zstd {
    level: i32,
    /// The length of the body, if it is known: a short one takes little memory.
    length: Option<u64>,
    stream: Option<Encoder<'static, Vec<u8>>>,
}

impl Zstd {
    /// A stream of that level for a body of that length; negative levels are faster.
    pub fn new(level: i32, length: Option<u64>) -> Self {
        Self {
            level: level.min(LEVEL_MAX),
            length,
            stream: None,
        }
    }

    fn stream(&mut self) -> io::Result<&mut Encoder<'static, Vec<u8>>> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let mut stream = Encoder::new(Vec::new(), self.level)?;
                stream.set_pledged_src_size(self.length)?;
                stream
            }
        };
        Ok(self.stream.insert(stream))
    }
}

impl Coder for Zstd {
    fn code(&mut self, input: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let stream = self.stream()?;
        stream.write_all(input)?;
        out.append(stream.get_mut());
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let stream = self.stream()?;
        stream.flush()?;
        out.append(stream.get_mut());
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.stream()?;
        if let Some(stream) = self.stream.take() {
            out.append(&mut stream.finish()?);
        }
        Ok(())
    }
}
