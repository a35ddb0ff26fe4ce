//! The extended clipboard: text in UTF-8, sent only when the other side asks for it.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::Error;

/// What a viewer says about clipboards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// It can do these things (the flags below).
    Caps(u32),
    /// It wants the text.
    Request,
    /// It wants to know whether there is text.
    Peek,
    /// It has text, or something else.
    Notify { text: bool },
    /// Its text.
    Provide(Option<String>),
}

/// Reads a message, without the length before it.
pub(crate) fn parse(payload: &[u8]) -> Result<Incoming, Error> {
    let Some((flags, data)) = payload.split_first_chunk::<4>() else {
        return Err(Error::Viewer("the clipboard message is too short"));
    };
    let flags = u32::from_be_bytes(*flags);
    if flags & CAPS != 0 {
        return Ok(Incoming::Caps(flags));
    }
    Ok(match flags & ACTIONS {
        REQUEST => Incoming::Request,
        PEEK => Incoming::Peek,
        NOTIFY => Incoming::Notify {
            text: flags & TEXT != 0,
        },
        PROVIDE if flags & TEXT != 0 => Incoming::Provide(Some(unpack(data)?)),
        PROVIDE => Incoming::Provide(None),
        _ => {
            return Err(Error::Viewer(
                "the clipboard message names no single action",
            ));
        }
    })
}

/// The message that says what this server can do.
pub(crate) fn caps() -> Vec<u8> {
    let flags = CAPS | ACTIONS | TEXT;
    [flags.to_be_bytes(), (TEXT_MAX as u32).to_be_bytes()].concat()
}

/// The message that says whether there is text, which is so unless `text` is empty.
pub(crate) fn notify(text: &str) -> Vec<u8> {
    (NOTIFY | if text.is_empty() { 0 } else { TEXT })
        .to_be_bytes()
        .to_vec()
}

/// The message that asks for text.
pub(crate) fn request() -> Vec<u8> {
    (REQUEST | TEXT).to_be_bytes().to_vec()
}

/// The message that carries `text`.
pub(crate) fn provide(text: &str) -> Vec<u8> {
    let text = text.replace('\n', "\r\n") + "\0";
    let mut zlib = ZlibEncoder::new(
        (PROVIDE | TEXT).to_be_bytes().to_vec(),
        Compression::default(),
    );
    let written = zlib
        .write_all(&(text.len() as u32).to_be_bytes())
        .and_then(|()| zlib.write_all(text.as_bytes()))
        .and_then(|()| zlib.finish());
    written.expect("invariant: writing to memory does not fail")
}

/// True when the flags of a viewer's `Caps` let it be told of new text.
pub(crate) const fn wants_notify(caps: u32) -> bool {
    caps & NOTIFY != 0
}

/// Text as programs on the desktop expect it.
pub(crate) fn tidy(text: &str) -> String {
    text.trim_end_matches('\0')
        .replace("\r\n", "\n")
        .replace('\r', "\n")
}

fn unpack(data: &[u8]) -> Result<String, Error> {
    let bad = Error::Viewer("the clipboard data is damaged or too long");
    let mut zlib = ZlibDecoder::new(data);
    let mut length = [0; 4];
    let mut text = Vec::new();
    let length = match zlib.read_exact(&mut length) {
        Ok(()) => u64::from(u32::from_be_bytes(length)),
        Err(_) => return Err(bad),
    };
    // The limit stands before the data is unpacked: a few bytes can stand for gigabytes.
    if length > TEXT_MAX as u64 || zlib.take(length).read_to_end(&mut text).is_err() {
        return Err(bad);
    }
    Ok(tidy(&String::from_utf8_lossy(&text)))
}

const TEXT: u32 = 1;
const CAPS: u32 = 1 << 24;
const REQUEST: u32 = 1 << 25;
const PEEK: u32 = 1 << 26;
const NOTIFY: u32 = 1 << 27;
const PROVIDE: u32 = 1 << 28;
const ACTIONS: u32 = REQUEST | PEEK | NOTIFY | PROVIDE;
/// The longest text that is accepted.
const TEXT_MAX: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_script_survives_the_way() {
        let text = "Grüße, мир\n日本 😀";
        assert_eq!(
            parse(&provide(text)).unwrap(),
            Incoming::Provide(Some(text.to_owned()))
        );
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(&u32::MAX.to_be_bytes()).unwrap();
        zlib.write_all(&vec![65; 4 << 20]).unwrap();
        let mut payload = (PROVIDE | TEXT).to_be_bytes().to_vec();
        payload.extend(zlib.finish().unwrap());
        assert!(parse(&payload).is_err());
        payload[4..].fill(0x55);
        assert!(parse(&payload).is_err());
    }

    #[test]
    fn short_and_contradictory_messages_are_refused() {
        assert!(parse(&[1, 0]).is_err());
        assert!(parse(&(REQUEST | PEEK).to_be_bytes()).is_err());
        assert_eq!(
            parse(&notify("x")).unwrap(),
            Incoming::Notify { text: true }
        );
    }
}
