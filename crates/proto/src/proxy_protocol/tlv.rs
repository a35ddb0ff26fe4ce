//! What version 2 tells beside addresses: types, lengths, values.

use std::borrow::Cow;

/// The values behind the addresses, as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tlvs(Box<[u8]>);

/// Their types.
pub mod kind {
    /// The application protocol that TLS agreed on.
    pub const ALPN: u8 = 0x01;
    /// The host name that the client asked for.
    pub const AUTHORITY: u8 = 0x02;
    /// The checksum of the header.
    pub const CRC32C: u8 = 0x03;
    /// The proxy's name of the connection.
    pub const UNIQUE_ID: u8 = 0x05;
    /// What the proxy's TLS came to, with values of its own.
    pub const SSL: u8 = 0x20;
    /// Inside of [`SSL`]: the version of TLS.
    pub const SSL_VERSION: u8 = 0x21;
    /// Inside of [`SSL`]: the name in the client's certificate.
    pub const SSL_CN: u8 = 0x22;
    /// Inside of [`SSL`]: the cipher.
    pub const SSL_CIPHER: u8 = 0x23;
    /// Inside of [`SSL`]: how the certificate was signed.
    pub const SSL_SIG_ALG: u8 = 0x24;
    /// Inside of [`SSL`]: the kind of the certificate's key.
    pub const SSL_KEY_ALG: u8 = 0x25;
    /// The name of the network's namespace.
    pub const NETNS: u8 = 0x30;
}

/// Why a value cannot be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlvError {
    /// A length is beyond the end.
    #[error("broken PROXY protocol TLV")]
    Broken,
    /// `0x` and no number.
    #[error("invalid PROXY protocol TLV")]
    Number,
    /// No value has that name.
    #[error("unknown PROXY protocol TLV")]
    Name,
}

/// Before the values inside of [`kind::SSL`]: which client, and what verifying came to.
const SSL_HEAD: usize = 5;

impl Tlvs {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The value of a name as `$proxy_protocol_tlv_name` has it: `alpn`, `ssl_cn`, `ssl_verify`,
    /// `0x05`.
    pub fn get(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>, TlvError> {
        let Some(inner) = name.strip_prefix("ssl_") else {
            let found = find(&self.0, type_of(name, outer)?)?;
            return Ok(found.map(Cow::Borrowed));
        };
        let Some(ssl) = find(&self.0, kind::SSL.into())? else {
            return Ok(None);
        };
        let (head, tlvs) = ssl
            .split_first_chunk::<SSL_HEAD>()
            .ok_or(TlvError::Broken)?;
        if inner == "verify" {
            let [_, verify @ ..] = *head;
            let verify = u32::from_be_bytes(verify).to_string();
            return Ok(Some(Cow::Owned(verify.into_bytes())));
        }
        Ok(find(tlvs, type_of(inner, inside_ssl)?)?.map(Cow::Borrowed))
    }
}

fn type_of(name: &str, named: fn(&str) -> Option<u8>) -> Result<u64, TlvError> {
    match name.strip_prefix("0x") {
        Some(number) => u64::from_str_radix(number, 16).map_err(|_| TlvError::Number),
        None => named(name).map(u64::from).ok_or(TlvError::Name),
    }
}

fn outer(name: &str) -> Option<u8> {
    Some(match name {
        "alpn" => kind::ALPN,
        "authority" => kind::AUTHORITY,
        "unique_id" => kind::UNIQUE_ID,
        "ssl" => kind::SSL,
        "netns" => kind::NETNS,
        _ => return None,
    })
}

fn inside_ssl(name: &str) -> Option<u8> {
    Some(match name {
        "version" => kind::SSL_VERSION,
        "cn" => kind::SSL_CN,
        "cipher" => kind::SSL_CIPHER,
        "sig_alg" => kind::SSL_SIG_ALG,
        "key_alg" => kind::SSL_KEY_ALG,
        _ => return None,
    })
}

/// The first value of a type.
fn find(mut tlvs: &[u8], wanted: u64) -> Result<Option<&[u8]>, TlvError> {
    while !tlvs.is_empty() {
        let (head, rest) = tlvs.split_first_chunk::<3>().ok_or(TlvError::Broken)?;
        let [found, length @ ..] = *head;
        let length = usize::from(u16::from_be_bytes(length));
        let (value, rest) = rest.split_at_checked(length).ok_or(TlvError::Broken)?;
        if u64::from(found) == wanted {
            return Ok(Some(value));
        }
        tlvs = rest;
    }
    Ok(None)
}
