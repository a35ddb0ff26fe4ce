//! A desktop's stored password: a line of text, or the file that `vncpasswd` writes.

use std::fmt;
use std::sync::Arc;

/// A password that the gateway shows to a VNC server. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Arc<[u8]>);

/// Why a password file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// No password on the first line.
    #[error("the password file is empty")]
    Empty,
}

impl Password {
    /// Bytes of a password file; whoever reads one sees to it.
    pub const FILE_LEN_MAX: usize = 4096;

    /// A password from elsewhere than a file.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// Reads a file's content. 8 bytes (or 16, when `vncpasswd`
    /// added a view-only password) that are not all text are `vncpasswd`'s; otherwise the first
    /// line counts.
    pub fn from_file(content: &[u8]) -> Result<Self, PasswordError> {
        let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        let stored = content
            .first_chunk()
            .filter(|_| matches!(content.len(), 8 | 16));
        let password = match stored {
            Some(stored) if !content.iter().all(is_text) => proto::rfb::reveal_password(*stored),
            _ => first_line(content).to_vec(),
        };
        if password.is_empty() {
            return Err(PasswordError::Empty);
        }
        Ok(Self::new(&password))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn first_line(content: &[u8]) -> &[u8] {
    let line = content
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line)
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_text_file_counts() {
        for content in [&b"secret12"[..], b"secret12\n", b"secret12\r\nview\n"] {
            assert_eq!(Password::from_file(content), Ok(Password::new(b"secret12")));
        }
        let spaced = Password::from_file(b" two words \n").unwrap();
        assert_eq!(spaced.bytes(), b" two words ");
    }

    #[test]
    fn the_file_of_vncpasswd_is_read() {
        // `printf secret12 | vncpasswd -f`, checked against that program's output.
        let stored = [0x24, 0xb5, 0xae, 0x4c, 0xe1, 0x55, 0x03, 0xc6];
        assert_eq!(Password::from_file(&stored), Ok(Password::new(b"secret12")));
        let with_view_only = [stored, [0xff; 8]].concat();
        assert_eq!(
            Password::from_file(&with_view_only),
            Ok(Password::new(b"secret12"))
        );
    }

    #[test]
    fn an_empty_file_is_refused() {
        assert_eq!(Password::from_file(b""), Err(PasswordError::Empty));
        assert_eq!(Password::from_file(b"\nsecond"), Err(PasswordError::Empty));
    }

    #[test]
    fn a_password_is_never_printed() {
        assert_eq!(format!("{:?}", Password::new(b"secret12")), "Password(..)");
    }
}
