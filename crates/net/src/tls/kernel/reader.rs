//! Records that arrive once the kernel sends ours: rustls' ciphers, without its connection.
//!
//! They are not left to the kernel: what a stranger sends is taken apart here, where memory is
//! safe, and a peer may renew its keys on every kernel.

use rustls::crypto::cipher::{AeadKey, InboundOpaqueMessage, Iv, MessageDecrypter};
use rustls::{
    AlertDescription, ConnectionTrafficSecrets, ContentType, Error, PeerMisbehaved,
    ProtocolVersion, SupportedCipherSuite,
};

/// The length of a record's header: content type, version, length.
const HEADER_LEN: usize = 5;

/// What encryption may add to a record, at most (RFC 8446 §5.2, RFC 5246 §6.2.3).
const EXPANSION_MAX_TLS13: usize = 256;
const EXPANSION_MAX_TLS12: usize = 2048;

/// A peer may renew its keys so often without sending data in between.
const KEY_UPDATES_MAX: u8 = 32;

/// A peer may send so many warnings.
const WARNINGS_MAX: u8 = 4;

/// The levels of alerts (RFC 5246 §7.2).
const WARNING: u8 = 1;
const FATAL: u8 = 2;

/// `KeyUpdate` (RFC 8446 §4.6.3), up to its last byte.
const KEY_UPDATE: [u8; 4] = [24, 0, 0, 1];

/// Takes records apart.
pub(super) struct Reader {
    suite: SupportedCipherSuite,
    decrypter: Box<dyn MessageDecrypter>,
    /// The number of the next record.
    seq: u64,
    key_updates: u8,
    warnings: u8,
}

/// One record.
pub(super) struct Record<'b> {
    /// Its length on the wire.
    pub len: usize,
    pub said: Said<'b>,
}

/// What a record said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<'b> {
    Data(&'b [u8]),
    /// The peer will send no more.
    Closed,
    /// The peer's next record has another key.
    KeyUpdate {
        /// It wants the same of us.
        wanted: bool,
    },
    /// A warning without consequence.
    Nothing,
}

/// A rule that the peer broke.
#[derive(Debug)]
pub(super) struct Fault {
    pub error: Error,
    /// What it is told; nothing, where silence is the custom.
    pub alert: Option<AlertDescription>,
}

impl Fault {
    pub fn new(error: impl Into<Error>, alert: AlertDescription) -> Self {
        Self {
            error: error.into(),
            alert: Some(alert),
        }
    }

    fn unexpected() -> Self {
        let error = Error::General("a record came that does not belong here".into());
        Self::new(error, AlertDescription::UnexpectedMessage)
    }
}

impl Reader {
    /// Reads with what rustls gave away.
    pub fn new(
        suite: SupportedCipherSuite,
        secrets: ConnectionTrafficSecrets,
        seq: u64,
    ) -> Result<Self, Error> {
        Ok(Self {
            suite,
            decrypter: decrypter(suite, secrets)?,
            seq,
            key_updates: 0,
            warnings: 0,
        })
    }

    /// Reads on with another key.
    pub fn renew(&mut self, secrets: ConnectionTrafficSecrets) -> Result<(), Error> {
        self.decrypter = decrypter(self.suite, secrets)?;
        self.seq = 0;
        Ok(())
    }

    fn is_tls13(&self) -> bool {
        matches!(self.suite, SupportedCipherSuite::Tls13(_))
    }

    /// The record at the front of `bytes`, where it is decrypted; none while it is not whole.
    pub fn next<'b>(&mut self, bytes: &'b mut [u8]) -> Result<Option<Record<'b>>, Fault> {
        let Some((header, rest)) = bytes.split_first_chunk_mut::<HEADER_LEN>() else {
            return Ok(None);
        };
        let (content_type, len) = self.check(*header)?;
        let Some(body) = rest.get_mut(..len) else {
            return Ok(None);
        };
        let message = InboundOpaqueMessage::new(content_type, ProtocolVersion::TLSv1_2, body);
        let decrypted = self.decrypter.decrypt(message, self.seq);
        let plain = decrypted.map_err(undecryptable)?;
        self.seq += 1;
        let said = self.handle(plain.typ, plain.payload)?;
        Ok(Some(Record {
            len: HEADER_LEN + len,
            said,
        }))
    }

    /// The content type and the length that a header declares.
    fn check(&self, header: [u8; HEADER_LEN]) -> Result<(ContentType, usize), Fault> {
        let [content_type, major, _, high, low] = header;
        let content_type = ContentType::from(content_type);
        let fits = match content_type {
            ContentType::ApplicationData => true,
            // RFC 8446 §5.2: whatever is inside of it, a protected record says that it is data.
            ContentType::Alert | ContentType::Handshake => !self.is_tls13(),
            _ => false,
        };
        if !fits || major != 3 {
            return Err(Fault::unexpected());
        }
        let len = usize::from(u16::from_be_bytes([high, low]));
        let expansion = match self.is_tls13() {
            true => EXPANSION_MAX_TLS13,
            false => EXPANSION_MAX_TLS12,
        };
        if len > super::super::buffers::RECORD_MAX + expansion {
            return Err(Fault::new(
                Error::PeerSentOversizedRecord,
                AlertDescription::RecordOverflow,
            ));
        }
        Ok((content_type, len))
    }

    /// What a record says, once it is decrypted.
    pub(super) fn handle<'b>(
        &mut self,
        content_type: ContentType,
        payload: &'b [u8],
    ) -> Result<Said<'b>, Fault> {
        match content_type {
            ContentType::ApplicationData => {
                if !payload.is_empty() {
                    self.key_updates = 0;
                }
                Ok(Said::Data(payload))
            }
            ContentType::Alert => self.handle_alert(payload),
            ContentType::Handshake if self.is_tls13() => self.handle_message(payload),
            // In the middle of TLS 1.2 it can only be an attempt to renegotiate. As nginx, we close
            // without a word.
            ContentType::Handshake => Err(Fault {
                error: Error::General("renegotiation refused".into()),
                alert: None,
            }),
            _ => Err(Fault::unexpected()),
        }
    }

    fn handle_alert<'b>(&mut self, payload: &[u8]) -> Result<Said<'b>, Fault> {
        let [level @ (WARNING | FATAL), description] = *payload else {
            let error = Error::General("an alert is not one".into());
            return Err(Fault::new(error, AlertDescription::DecodeError));
        };
        let description = AlertDescription::from(description);
        if description == AlertDescription::CloseNotify {
            return Ok(Said::Closed);
        }
        let error = Error::AlertReceived(description);
        if level == FATAL {
            // RFC 8446 §6.2: the connection is over, nothing is answered.
            return Err(Fault { error, alert: None });
        }
        // RFC 8446 §6: TLS 1.3 knows no warnings but this one.
        if self.is_tls13() && description != AlertDescription::UserCanceled {
            return Err(Fault::new(error, AlertDescription::DecodeError));
        }
        self.warnings += 1;
        if self.warnings > WARNINGS_MAX {
            return Err(Fault::new(
                PeerMisbehaved::TooManyWarningAlertsReceived,
                AlertDescription::UnexpectedMessage,
            ));
        }
        Ok(Said::Nothing)
    }

    /// A message of TLS 1.3 after the handshake. RFC 8446 §5.1: one after which the key changes
    /// ends its record; there is no other that a client may send.
    fn handle_message<'b>(&mut self, payload: &[u8]) -> Result<Said<'b>, Fault> {
        let wanted = match payload.strip_prefix(&KEY_UPDATE) {
            Some([0]) => false,
            Some([1]) => true,
            Some([_]) => {
                let error = Error::General("a key update is not one".into());
                return Err(Fault::new(error, AlertDescription::IllegalParameter));
            }
            _ => return Err(Fault::unexpected()),
        };
        self.key_updates += 1;
        if self.key_updates > KEY_UPDATES_MAX {
            return Err(Fault::new(
                PeerMisbehaved::TooManyKeyUpdateRequests,
                AlertDescription::UnexpectedMessage,
            ));
        }
        Ok(Said::KeyUpdate { wanted })
    }
}

fn undecryptable(error: Error) -> Fault {
    let alert = match error {
        Error::DecryptError => AlertDescription::BadRecordMac,
        Error::PeerSentOversizedRecord => AlertDescription::RecordOverflow,
        _ => AlertDescription::UnexpectedMessage,
    };
    Fault::new(error, alert)
}

fn decrypter(
    suite: SupportedCipherSuite,
    secrets: ConnectionTrafficSecrets,
) -> Result<Box<dyn MessageDecrypter>, Error> {
    let (key, iv): (AeadKey, Iv) = match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (key, iv),
        _ => return Err(Error::General("a key of an unknown kind".into())),
    };
    Ok(match suite {
        SupportedCipherSuite::Tls13(suite) => suite.aead_alg.decrypter(key, iv),
        SupportedCipherSuite::Tls12(suite) => {
            let fixed = suite.aead_alg.key_block_shape().fixed_iv_len;
            let iv = iv.as_ref();
            suite.aead_alg.decrypter(key, iv.get(..fixed).unwrap_or(iv))
        }
    })
}
