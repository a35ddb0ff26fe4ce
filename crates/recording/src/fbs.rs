//! FBS 001.001, the form in which programs for VNC keep a session: blocks of what the server sent,
//! each with the time at which it came.
//!
//! ```text
//! "FBS 001.001\n"
//! U32 length, data, padding to a multiple of 4, U32 milliseconds     … as often as needed
//! U32 0, U32 milliseconds                                            the end, if it was reached
//! ```
//!
//! Version 001.001 promises one pixel format from the first to the last byte.

/// The first bytes of a stream.
pub const MAGIC: &[u8; 12] = b"FBS 001.001\n";

/// The most bytes that one block holds; what is longer is cut.
pub const BLOCK_LEN_MAX: usize = 256 * 1024;

/// The name of a desktop is cut to this.
const NAME_LEN_MAX: usize = 4096;

/// What the viewer was told of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screen {
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// The `PIXEL_FORMAT` that the viewer chose.
    pub pixel_format: [u8; 16],
    /// The desktop's name.
    pub name: Vec<u8>,
}

impl Screen {
    /// Appends the handshake of a server that asks for nothing (RFB 3.3, type None), which is what
    /// a recording begins with in place of the real one.
    pub fn handshake(&self, out: &mut Vec<u8>) {
        let name = &self.name[..self.name.len().min(NAME_LEN_MAX)];
        out.extend_from_slice(b"RFB 003.003\n");
        out.extend_from_slice(&1_u32.to_be_bytes());
        out.extend_from_slice(&self.width.to_be_bytes());
        out.extend_from_slice(&self.height.to_be_bytes());
        out.extend_from_slice(&self.pixel_format);
        out.extend_from_slice(&(name.len() as u32).to_be_bytes());
        out.extend_from_slice(name);
    }
}

/// Appends blocks that hold `data`.
pub fn push(ms: u32, data: &[u8], out: &mut Vec<u8>) {
    for piece in data.chunks(BLOCK_LEN_MAX) {
        out.extend_from_slice(&(piece.len() as u32).to_be_bytes());
        out.extend_from_slice(piece);
        out.resize(out.len() + padding(piece.len()), 0);
        out.extend_from_slice(&ms.to_be_bytes());
    }
}

/// Bytes of a block's length, which stand before its data.
pub(crate) const LENGTH_LEN: usize = 4;

/// Ends a block whose data begins at `start` and goes to the end, with room for the length before.
pub(crate) fn close(start: usize, ms: u32, out: &mut Vec<u8>) {
    let len = out.len() - start;
    debug_assert!(len <= BLOCK_LEN_MAX);
    out[start - LENGTH_LEN..start].copy_from_slice(&(len as u32).to_be_bytes());
    out.resize(out.len() + padding(len), 0);
    out.extend_from_slice(&ms.to_be_bytes());
}

/// Appends the end.
pub fn push_end(ms: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&0_u32.to_be_bytes());
    out.extend_from_slice(&ms.to_be_bytes());
}

fn padding(len: usize) -> usize {
    len.wrapping_neg() % 4
}

/// One block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    /// When it came, in milliseconds of the session.
    pub ms: u32,
    /// What came; empty at the end of the stream.
    pub data: &'a [u8],
}

/// Bytes that are no FBS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFbs {
    /// Something else than the version stands at the front.
    #[error("does not begin with \"FBS 001.001\"")]
    Magic,
    /// A block is longer than any that is written here.
    #[error("a block of {0} bytes")]
    Length(u32),
    /// The bytes end inside a block.
    #[error("ends inside of a block")]
    Short,
}

/// Takes the block at the front of whole blocks; `None` when nothing is left.
pub fn take<'a>(bytes: &mut &'a [u8]) -> Result<Option<Block<'a>>, BadFbs> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (len, rest) = bytes.split_first_chunk::<4>().ok_or(BadFbs::Short)?;
    let len = u32::from_be_bytes(*len);
    if len as usize > BLOCK_LEN_MAX {
        return Err(BadFbs::Length(len));
    }
    let len = len as usize;
    let padded = len + padding(len);
    if rest.len() < padded + 4 {
        return Err(BadFbs::Short);
    }
    let (data, rest) = rest.split_at(padded);
    let (ms, rest) = rest.split_first_chunk::<4>().ok_or(BadFbs::Short)?;
    *bytes = rest;
    Ok(Some(Block {
        ms: u32::from_be_bytes(*ms),
        data: &data[..len],
    }))
}

/// Takes the version from the front.
pub fn take_magic(bytes: &mut &[u8]) -> Result<(), BadFbs> {
    *bytes = bytes.strip_prefix(MAGIC).ok_or(BadFbs::Magic)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen() -> Screen {
        Screen {
            width: 0x0320,
            height: 0x0258,
            pixel_format: *b"\x20\x18\x00\x01\x00\xff\x00\xff\x00\xff\x00\x08\x10\x00\x00\x00",
            name: b"desk".to_vec(),
        }
    }

    #[test]
    fn every_byte_of_a_stream_is_where_the_format_says() {
        let mut data = Vec::new();
        screen().handshake(&mut data);
        let mut out = MAGIC.to_vec();
        push(0, &data, &mut out);
        push(258, b"\x02", &mut out);
        push_end(300, &mut out);
        let expected = [
            &b"FBS 001.001\n"[..],
            b"\x00\x00\x00\x2c",
            b"RFB 003.003\n\x00\x00\x00\x01\x03\x20\x02\x58",
            b"\x20\x18\x00\x01\x00\xff\x00\xff\x00\xff\x00\x08\x10\x00\x00\x00",
            b"\x00\x00\x00\x04desk",
            b"\x00\x00\x00\x00",
            b"\x00\x00\x00\x01\x02\x00\x00\x00\x00\x00\x01\x02",
            b"\x00\x00\x00\x00\x00\x00\x01\x2c",
        ]
        .concat();
        assert_eq!(out, expected);
    }

    #[test]
    fn blocks_are_read_back_and_long_data_is_cut() {
        let long = vec![7; BLOCK_LEN_MAX + 5];
        let mut out = Vec::new();
        push(9, &long, &mut out);
        // Two lengths and two times; the second block is filled up to a multiple of four.
        assert_eq!(out.len(), BLOCK_LEN_MAX + 8 + 4 * 4);
        let mut rest = &out[..];
        let lengths: Vec<_> = std::iter::from_fn(|| take(&mut rest).unwrap())
            .map(|block| (block.ms, block.data.len()))
            .collect();
        assert_eq!(lengths, [(9, BLOCK_LEN_MAX), (9, 5)]);
    }

    #[test]
    fn what_is_no_stream_is_refused() {
        assert_eq!(take_magic(&mut &b"FBS 001.000\n"[..]), Err(BadFbs::Magic));
        assert_eq!(take(&mut &b"\x00\x00"[..]), Err(BadFbs::Short));
        assert_eq!(take(&mut &[0, 0, 0, 1, 5, 0, 0][..]), Err(BadFbs::Short));
        let long = [0x7f, 0xff, 0xff, 0xff];
        assert_eq!(take(&mut &long[..]), Err(BadFbs::Length(0x7fff_ffff)));
    }
}
