//! PEM (RFC 7468, RFC 1421): the blocks of a file, with text between them.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use thiserror::Error;

/// A block between `-----BEGIN label-----` and `-----END label-----`.
#[derive(Clone, PartialEq, Eq)]
pub struct Block {
    /// What the block says that it is: `CERTIFICATE`, `RSA PRIVATE KEY`.
    pub label: String,
    /// RFC 1421 headers (`Proc-Type`, `DEK-Info`), names as written.
    pub headers: Vec<(String, String)>,
    /// The decoded content.
    pub content: Vec<u8>,
}

impl Block {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// Whether this is a certificate, in any of the forms that OpenSSL reads as one.
    pub fn is_certificate(&self) -> bool {
        matches!(
            self.label.as_str(),
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE"
        )
    }

    /// Whether this is a revocation list.
    pub fn is_crl(&self) -> bool {
        self.label == "X509 CRL"
    }

    /// Whether this is a private key.
    pub fn is_private_key(&self) -> bool {
        self.label == "PRIVATE KEY" || self.label.ends_with(" PRIVATE KEY")
    }
}

/// The content is left out: it may be a key.
impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// Why a block cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PemError {
    /// The line that ends the block is missing.
    #[error("the block \"{0}\" has no end line")]
    NoEnd(String),
    /// Another block's end line came.
    #[error("the block \"{0}\" ends as another one")]
    WrongEnd(String),
    /// The content is not base64.
    #[error("the block \"{0}\" is not valid base64")]
    Base64(String),
}

/// All blocks of a file. Text before, between and after them is skipped, as OpenSSL does.
pub fn blocks(text: &[u8]) -> impl Iterator<Item = Result<Block, PemError>> + '_ {
    let mut lines = lines(text);
    std::iter::from_fn(move || {
        let label = lines.find_map(|line| label_of(line, "-----BEGIN "))?;
        Some(block(label, &mut lines))
    })
}

/// The file as PEM: one block.
pub fn encode(label: &str, content: &[u8]) -> String {
    let text = general_purpose::STANDARD.encode(content);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

/// Reads on from the line after the block's first.
fn block<'a>(label: String, lines: &mut impl Iterator<Item = &'a [u8]>) -> Result<Block, PemError> {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut content = Vec::new();
    let mut in_headers = false;
    loop {
        let Some(line) = lines.next() else {
            return Err(PemError::NoEnd(label));
        };
        if let Some(end) = label_of(line, "-----END ") {
            if end != label {
                return Err(PemError::WrongEnd(label));
            }
            break;
        }
        if line.is_empty() {
            in_headers = false;
        } else if content.is_empty() && line.contains(&b':') {
            in_headers = true;
            let line = String::from_utf8_lossy(line);
            let (name, value) = line.split_once(':').unwrap_or_default();
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        } else if in_headers {
            // RFC 1421 §4.6: a header goes on in lines that begin with white space.
            if let Some((_, value)) = headers.last_mut() {
                value.push_str(String::from_utf8_lossy(line).trim());
            }
        } else {
            content.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
        }
    }
    let Ok(content) = LENIENT.decode(&content) else {
        return Err(PemError::Base64(label));
    };
    Ok(Block {
        label,
        headers,
        content,
    })
}

/// What stands between the dashes, if the line begins with `start`.
fn label_of(line: &[u8], start: &str) -> Option<String> {
    let label = line
        .strip_prefix(start.as_bytes())?
        .strip_suffix(b"-----")?;
    Some(String::from_utf8_lossy(label).into_owned())
}

/// Lines without their ends and trailing white space, which OpenSSL takes off too.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n' || byte == b'\r')
        .map(<[u8]>::trim_ascii_end)
}

/// Padding may be missing at the end of a block, and bits after the last byte are not looked at.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_around_blocks_is_skipped() {
        let text = "subject=/CN=x\n-----BEGIN A-----\nYWJj\n-----END A-----\n\
                    notes\r\n-----BEGIN B C-----\r\nYW\r\nJj ZA==\r\n-----END B C-----";
        let blocks: Vec<_> = blocks(text.as_bytes()).map(Result::unwrap).collect();
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            (blocks[0].label.as_str(), &blocks[0].content[..]),
            ("A", &b"abc"[..])
        );
        assert_eq!(
            (blocks[1].label.as_str(), &blocks[1].content[..]),
            ("B C", &b"abcd"[..])
        );
    }

    #[test]
    fn headers_of_old_encrypted_keys_are_kept() {
        let text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
                    DEK-Info: AES-128-CBC,00\n  11\n\nYWJj\n-----END RSA PRIVATE KEY-----\n";
        let block = blocks(text.as_bytes()).next().unwrap().unwrap();
        assert_eq!(block.header("proc-type"), Some("4,ENCRYPTED"));
        assert_eq!(block.header("DEK-Info"), Some("AES-128-CBC,0011"));
        assert_eq!(block.content, b"abc");
        assert!(block.is_private_key() && !block.is_certificate());
    }

    #[test]
    fn broken_blocks_are_errors() {
        for (text, error) in [
            ("-----BEGIN A-----\nYWJj\n", PemError::NoEnd("A".into())),
            (
                "-----BEGIN A-----\n-----END B-----\n",
                PemError::WrongEnd("A".into()),
            ),
            (
                "-----BEGIN A-----\nY*Jj\n-----END A-----\n",
                PemError::Base64("A".into()),
            ),
        ] {
            let mut blocks = blocks(text.as_bytes());
            assert_eq!(blocks.next(), Some(Err(error)));
            assert_eq!(blocks.next(), None);
        }
    }

    #[test]
    fn what_is_encoded_can_be_read() {
        let content: Vec<u8> = (0..200).collect();
        let text = encode("X", &content);
        assert!(text.lines().all(|line| line.len() <= 64));
        assert_eq!(
            blocks(text.as_bytes()).next().unwrap().unwrap().content,
            content
        );
    }
}
