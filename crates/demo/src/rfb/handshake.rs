//! The handshake (RFC 6143 §7.1 to §7.3): version, security, and the desktop's size and name.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Error, auth, server};

/// What the server says about itself.
pub(crate) struct Greeting<'a> {
    /// What a viewer must know, if anything.
    pub(crate) password: Option<&'a str>,
    /// Set to turn the viewer away.
    pub(crate) refusal: Option<&'a str>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    V3,
    V7,
    V8,
}

/// Agrees on version and security and reads the viewer's `ClientInit`.
pub(crate) async fn admit<S>(stream: &mut S, greeting: &Greeting<'_>) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(b"RFB 003.008\n").await?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await?;
    let version = Version::parse(&answer)?;
    if let Some(reason) = greeting.refusal {
        return refuse(stream, version, reason).await;
    }
    let security = if greeting.password.is_some() {
        VNC_AUTH
    } else {
        NONE
    };
    offer(stream, version, security).await?;
    match greeting.password {
        Some(password) => authenticate(stream, version, password).await?,
        // RFC 6143 §7.2.1: before 3.8 there is no result when there is nothing to check.
        None if version == Version::V8 => stream.write_all(&OK).await?,
        None => {}
    }
    stream.read_u8().await?;
    Ok(())
}

/// Sends the desktop's size and name.
pub(crate) async fn introduce<S>(stream: &mut S, size: (u16, u16), name: &str) -> Result<(), Error>
where
    S: AsyncWrite + Unpin,
{
    let mut init = Vec::new();
    server::put_server_init(size, name, &mut init);
    Ok(stream.write_all(&init).await?)
}

impl Version {
    fn parse(answer: &[u8; 12]) -> Result<Self, Error> {
        let digits = |range: std::ops::Range<usize>| {
            let text = std::str::from_utf8(&answer[range]).ok()?;
            text.bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| text.parse::<u16>().ok())?
        };
        let framed = answer.starts_with(b"RFB ") && answer[7] == b'.' && answer[11] == b'\n';
        match (framed, digits(4..7), digits(8..11)) {
            // RFC 6143 §7.1.1: unknown versions count as 3.3.
            (true, Some(3), Some(7)) => Ok(Self::V7),
            (true, Some(3), Some(8..)) => Ok(Self::V8),
            (true, Some(4..), Some(_)) => Ok(Self::V8),
            (true, Some(3), Some(_)) => Ok(Self::V3),
            _ => Err(Error::Viewer("not an RFB version")),
        }
    }
}

async fn offer<S>(stream: &mut S, version: Version, security: u8) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if version == Version::V3 {
        return Ok(stream.write_all(&[0, 0, 0, security]).await?);
    }
    stream.write_all(&[1, security]).await?;
    if stream.read_u8().await? == security {
        Ok(())
    } else {
        Err(Error::Viewer("chose a security type that was not offered"))
    }
}

async fn authenticate<S>(stream: &mut S, version: Version, password: &str) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let challenge = auth::challenge();
    stream.write_all(&challenge).await?;
    let mut response = [0; 16];
    stream.read_exact(&mut response).await?;
    if response == auth::response(&challenge, password) {
        return Ok(stream.write_all(&OK).await?);
    }
    let mut failure = FAILED.to_vec();
    if version == Version::V8 {
        put_reason("Wrong password", &mut failure);
    }
    stream.write_all(&failure).await?;
    Err(Error::Password)
}

async fn refuse<S>(stream: &mut S, version: Version, reason: &str) -> Result<(), Error>
where
    S: AsyncWrite + Unpin,
{
    let mut refusal = match version {
        Version::V3 => vec![0, 0, 0, 0],
        Version::V7 | Version::V8 => vec![0],
    };
    put_reason(reason, &mut refusal);
    stream.write_all(&refusal).await?;
    Err(Error::Viewer("turned away"))
}

fn put_reason(reason: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(reason.len() as u32).to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

const NONE: u8 = 1;
const VNC_AUTH: u8 = 2;
const OK: [u8; 4] = [0, 0, 0, 0];
const FAILED: [u8; 4] = [0, 0, 0, 1];
