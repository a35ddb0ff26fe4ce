//! Replies of a Redis server (RESP 2), as far as the answers to our questions go.

use super::VALUE_BYTES_MAX;

/// The longest line; a value's bytes are none.
const LINE_BYTES_MAX: usize = 1024;

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// "+OK", or a number.
    Simple,
    /// No, by its first word.
    Error(String),
    /// There is no value.
    Nil,
    /// A value.
    Value(Vec<u8>),
}

/// What is no reply to our questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReplyError {
    #[error("it does not answer as Redis does")]
    NoRedis,
    #[error("its value is longer than {VALUE_BYTES_MAX} bytes")]
    TooLong,
    #[error("it answers something else than a value")]
    Unexpected,
}

impl Reply {
    /// Reads a reply and its length, if it is there as a whole.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, ReplyError> {
        let window = bytes.get(..LINE_BYTES_MAX).unwrap_or(bytes);
        let Some(end) = window.iter().position(|&byte| byte == b'\n') else {
            // Something else than Redis is known by its first byte.
            let is_kind = |byte: &u8| matches!(byte, b'+' | b'-' | b':' | b'$' | b'_');
            return match window.len() < LINE_BYTES_MAX && bytes.first().is_none_or(is_kind) {
                true => Ok(None),
                false => Err(ReplyError::NoRedis),
            };
        };
        let line = window.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").ok_or(ReplyError::NoRedis)?;
        let at = end + 1;
        let whole = |reply| Ok(Some((reply, at)));
        match line.split_first() {
            Some((b'+' | b':', _)) => whole(Self::Simple),
            Some((b'-', text)) => whole(Self::Error(first_word(text))),
            Some((b'_', b"")) | Some((b'$', b"-1")) => whole(Self::Nil),
            Some((b'$', length)) => value(bytes, at, length),
            // Arrays and whatever else answers other questions.
            Some((b'*' | b'%' | b'~' | b'#' | b',' | b'(', _)) => Err(ReplyError::Unexpected),
            _ => Err(ReplyError::NoRedis),
        }
    }
}

/// The value that begins at `at`.
fn value(bytes: &[u8], at: usize, length: &[u8]) -> Result<Option<(Reply, usize)>, ReplyError> {
    let is_number = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
    let length = std::str::from_utf8(length)
        .ok()
        .filter(|_| is_number)
        .ok_or(ReplyError::NoRedis)?;
    let length = match length.parse::<usize>() {
        Ok(length) if length <= VALUE_BYTES_MAX => length,
        _ => return Err(ReplyError::TooLong),
    };
    let end = at + length;
    match bytes.get(end..end + 2) {
        None => Ok(None),
        Some(b"\r\n") => {
            let value = bytes.get(at..end).unwrap_or_default();
            Ok(Some((Reply::Value(value.to_vec()), end + 2)))
        }
        Some(_) => Err(ReplyError::NoRedis),
    }
}

/// The word that says which error it is, such as `WRONGPASS`.
fn first_word(text: &[u8]) -> String {
    let word = text.split(|&byte| byte == b' ').next().unwrap_or_default();
    let is_word = word.len() <= 32 && word.iter().all(u8::is_ascii_uppercase);
    match is_word && !word.is_empty() {
        true => String::from_utf8_lossy(word).into_owned(),
        false => "an error".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_once_it_is_whole() {
        let cases: [(&[u8], Reply); 6] = [
            (b"+OK\r\n", Reply::Simple),
            (b":7\r\n", Reply::Simple),
            (b"$-1\r\n", Reply::Nil),
            (b"_\r\n", Reply::Nil),
            (b"$5\r\na:\r\n1\r\n", Reply::Value(b"a:\r\n1".to_vec())),
            (
                b"-WRONGPASS invalid username-password pair\r\n",
                Reply::Error("WRONGPASS".into()),
            ),
        ];
        for (text, reply) in cases {
            for len in 0..text.len() {
                assert_eq!(Reply::parse(&text[..len]), Ok(None), "{len} of {text:?}");
            }
            let more = [text, b"+OK\r\n"].concat();
            assert_eq!(Reply::parse(&more), Ok(Some((reply, text.len()))));
        }
        let secret = b"-unknown key 'token'\r\n";
        let (reply, _) = Reply::parse(secret).unwrap().unwrap();
        assert_eq!(reply, Reply::Error("an error".into()));
    }

    #[test]
    fn what_is_no_reply_or_too_long_is_refused() {
        for (text, error) in [
            ("HTTP/1.1 400 Bad Request\r\n", ReplyError::NoRedis),
            ("H", ReplyError::NoRedis),
            ("+OK\n", ReplyError::NoRedis),
            ("$x\r\n", ReplyError::NoRedis),
            ("$\r\n", ReplyError::NoRedis),
            ("$-2\r\n", ReplyError::NoRedis),
            ("$+1\r\na\r\n", ReplyError::NoRedis),
            ("$1\r\nabc", ReplyError::NoRedis),
            ("*1\r\n$1\r\na\r\n", ReplyError::Unexpected),
            ("$16385\r\n", ReplyError::TooLong),
            ("$99999999999999999999999\r\n", ReplyError::TooLong),
        ] {
            assert_eq!(Reply::parse(text.as_bytes()), Err(error), "{text}");
        }
        let endless = [b'+'; LINE_BYTES_MAX];
        assert_eq!(Reply::parse(&endless), Err(ReplyError::NoRedis));
    }
}
