//! Zstandard (RFC 8878), by the zstd crate.

use std::io::{self, Write as _};

use zstd::stream::write::Encoder;

use super::Coder;

/// The largest window that every client has to read (RFC 9659), as a power of two: eight megabytes.
const WINDOW_LOG_MAX: u32 = 23;

/// A Zstandard stream, which takes its memory with its first byte.
pub struct Zstd {
    level: i32,
    stream: Option<Encoder<'static, Vec<u8>>>,
}

impl Zstd {
    /// A stream of that level; negative ones are faster.
    pub fn new(level: i32) -> Self {
        Self {
            level,
            stream: None,
        }
    }

    fn stream(&mut self) -> io::Result<&mut Encoder<'static, Vec<u8>>> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let mut stream = Encoder::new(Vec::new(), self.level)?;
                // Only the levels from 20 on would take more.
                if self.level >= 20 {
                    stream.window_log(WINDOW_LOG_MAX)?;
                }
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
