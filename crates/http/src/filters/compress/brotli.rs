//! Brotli (RFC 7932), by the brotli crate.

use std::io::{self, Write as _};

use brotli::CompressorWriter;

use super::Coder;

/// Bytes of the encoder's own buffer between it and what it writes to.
const BUFFER: usize = 4096;

/// A Brotli stream, which takes its memory (some megabytes for a large window) with its first byte.
pub struct Brotli {
    level: u32,
    window_bits: u32,
    stream: Option<CompressorWriter<Vec<u8>>>,
}

impl Brotli {
    /// A stream of that level, 0 to 11, and window, a power of two from 10 to 24.
    pub fn new(level: u32, window_bits: u32) -> Self {
        Self {
            level,
            window_bits,
            stream: None,
        }
    }

    fn stream(&mut self) -> &mut CompressorWriter<Vec<u8>> {
        let (level, bits) = (self.level, self.window_bits);
        self.stream
            .get_or_insert_with(|| CompressorWriter::new(Vec::new(), BUFFER, level, bits))
    }
}

impl Coder for Brotli {
    fn code(&mut self, input: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let stream = self.stream();
        stream.write_all(input)?;
        out.append(stream.get_mut());
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let stream = self.stream();
        stream.flush()?;
        out.append(stream.get_mut());
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.stream();
        if let Some(stream) = self.stream.take() {
            out.append(&mut stream.into_inner());
        }
        Ok(())
    }
}
