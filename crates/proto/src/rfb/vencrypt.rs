//! VeNCrypt 0.2 (rfbproto), the negotiation inside of security type 19: a version, a list of
//! subtypes, and for most of them TLS before a login inside.
//!
//! ```text
//! server: version ─► client: version ─► server: ack, subtypes ─► client: subtype
//!   ─► (server: go, TLS) ─► nothing | VNC challenge | user and password ─► security result
//! ```

use super::HandshakeError;
use super::wire::read_u32;

/// User name and password in the clear.
pub const PLAIN: u32 = 256;
/// Anonymous TLS: no certificate, so no protection against whoever stands in between.
pub const TLS_NONE: u32 = 257;
/// The same with VNC authentication inside.
pub const TLS_VNC: u32 = 258;
/// The same with user name and password inside.
pub const TLS_PLAIN: u32 = 259;
/// TLS with a certificate, and nothing inside.
pub const X509_NONE: u32 = 260;
/// TLS with a certificate, VNC authentication inside.
pub const X509_VNC: u32 = 261;
/// TLS with a certificate, user name and password inside.
pub const X509_PLAIN: u32 = 262;

/// The version that both sides speak.
pub(super) const VERSION: [u8; 2] = [0, 2];

/// Bytes of a user name, and of a password, that a viewer may send.
const FIELD_LEN_MAX: u32 = 1024;

/// Whether the subtype is TLS with a certificate.
pub fn is_certified(subtype: u32) -> bool {
    (X509_NONE..=X509_PLAIN).contains(&subtype)
}

/// Whether the subtype is TLS without one.
pub fn is_anonymous(subtype: u32) -> bool {
    (TLS_NONE..=TLS_PLAIN).contains(&subtype)
}

/// A subtype's name, for logs.
pub fn name(subtype: u32) -> &'static str {
    match subtype {
        PLAIN => "Plain",
        TLS_NONE => "TLSNone",
        TLS_VNC => "TLSVnc",
        TLS_PLAIN => "TLSPlain",
        X509_NONE => "X509None",
        X509_VNC => "X509Vnc",
        X509_PLAIN => "X509Plain",
        263 => "TLSSASL",
        264 => "X509SASL",
        _ => "unknown",
    }
}

/// Reads the list of subtypes with its length; `None` asks for more.
pub(super) fn parse_subtypes(input: &[u8]) -> Option<(usize, Vec<u32>)> {
    let [count, rest @ ..] = input else {
        return None;
    };
    let words = rest.get(..usize::from(*count) * 4)?;
    let subtypes = words.as_chunks::<4>().0.iter();
    let subtypes = subtypes.map(|word| u32::from_be_bytes(*word)).collect();
    Some((1 + words.len(), subtypes))
}

/// Appends a list of subtypes.
pub(super) fn write_subtypes(subtypes: &[u32], out: &mut Vec<u8>) {
    let subtypes = &subtypes[..subtypes.len().min(255)];
    out.push(subtypes.len() as u8);
    for subtype in subtypes {
        out.extend_from_slice(&subtype.to_be_bytes());
    }
}

/// A user name and a password, as a viewer sent them. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user name.
    pub user: Vec<u8>,
    /// The password.
    pub password: Vec<u8>,
}

impl Login {
    /// Reads both with their length; `None` asks for more.
    pub(super) fn parse(input: &[u8]) -> Result<Option<(usize, Self)>, HandshakeError> {
        let lengths = read_u32(input).zip(input.get(4..).and_then(read_u32));
        let Some((user_len, password_len)) = lengths else {
            return Ok(None);
        };
        if let Some(too_long) = [user_len, password_len]
            .into_iter()
            .find(|len| *len > FIELD_LEN_MAX)
        {
            return Err(HandshakeError::LoginTooLong(too_long));
        }
        let (user_len, password_len) = (user_len as usize, password_len as usize);
        let end = 8 + user_len + password_len;
        let Some(text) = input.get(8..end) else {
            return Ok(None);
        };
        let (user, password) = text.split_at(user_len);
        let login = Self {
            user: user.to_vec(),
            password: password.to_vec(),
        };
        Ok(Some((end, login)))
    }

    /// Appends both.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.user.len() as u32).to_be_bytes());
        out.extend_from_slice(&(self.password.len() as u32).to_be_bytes());
        out.extend_from_slice(&self.user);
        out.extend_from_slice(&self.password);
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(..)")
    }
}
