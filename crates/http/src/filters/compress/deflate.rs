//! gzip, by flate2.

use std::io;

use flate2::{Compress, Compression, FlushCompress, Status};

use super::Coder;

/// By how much the room for compressed data grows, in bytes.
const ROOM: usize = 4096;

/// A gzip stream that takes its memory, up to a quarter of a megabyte, with its first byte.
pub struct Gzip {
    level: u32,
    window_bits: u8,
    stream: Option<Compress>,
}

impl Gzip {
    /// A stream of that level, 1 to 9, and window, a power of two from 9 to 15.
    pub fn new(level: u32, window_bits: u8) -> Self {
        Self {
            level,
            window_bits,
            stream: None,
        }
    }

    fn deflate(&mut self, input: &[u8], flush: FlushCompress, out: &mut Vec<u8>) -> io::Result<()> {
        let (level, bits) = (Compression::new(self.level), self.window_bits);
        let stream = self
            .stream
            .get_or_insert_with(|| Compress::new_gzip(level, bits));
        let begin = stream.total_in();
        loop {
            out.reserve(ROOM);
            let consumed = (stream.total_in() - begin) as usize;
            let status = stream.compress_vec(&input[consumed..], out, flush)?;
            let consumed = (stream.total_in() - begin) as usize;
            // Room left over: everything that could be written was.
            let done = consumed == input.len() && out.len() < out.capacity();
            if status == Status::StreamEnd || done {
                return Ok(());
            }
        }
    }
}

impl Coder for Gzip {
    fn code(&mut self, input: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.deflate(input, FlushCompress::None, out)
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.deflate(&[], FlushCompress::Sync, out)
    }

    fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.deflate(&[], FlushCompress::Finish, out)
    }
}
