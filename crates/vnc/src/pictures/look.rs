//! A viewer of our own that looks once and leaves.

use std::future::poll_fn;
use std::time::{Duration, Instant};

use picture::{Decoder, Framebuffer, PixelFormat, encodings};

use super::{LIMITS, refused};
use crate::asks::Turn;
use crate::{Machine, Policy, Refusal, Sessions, Target, Unreachable};

/// Bytes that are read at once, and then decoded elsewhere.
const READ_LEN: usize = 64 * 1024;

/// Bytes that are decoded at once; few, because few bytes may paint much.
const STEP_LEN: usize = 4 << 10;

/// Time that what is read at once may take to decode. What takes longer is made to be slow.
const DECODE_MAX: Duration = Duration::from_secs(2);

/// What is asked for, the best first: everything without loss. No cursor: then servers paint it.
const ENCODINGS: [i32; 9] = [
    encodings::COPY_RECT,
    encodings::TIGHT,
    encodings::ZRLE,
    encodings::HEXTILE,
    encodings::ZLIB,
    encodings::RRE,
    encodings::RAW,
    encodings::LAST_RECT,
    encodings::DESKTOP_SIZE,
];

/// The whole screen of a machine. Cancel-safe: dropping it closes the connection. What is being
/// decoded then keeps the permit until it is done.
pub(super) async fn look(
    target: &Target,
    policy: &Policy,
    sessions: &Sessions,
    permit: Turn,
) -> Result<Framebuffer, Unreachable> {
    let mut machine = Machine::reach(target, policy, sessions).await?;
    let (width, height) = (machine.init.width, machine.init.height);
    let decoder = Decoder::new(width, height, PixelFormat::RGBX, LIMITS).map_err(not_decoded)?;
    let mut looking = Looking {
        decoder,
        updates: 0,
        _permit: permit,
    };
    send(&machine, &wishes()).await?;
    send(&machine, &request(width, height, Ask::Everything)).await?;
    let mut bytes = std::mem::take(&mut machine.early);
    loop {
        looking = looking.decode(bytes).await?;
        if looking.has_seen_all() {
            machine.leave().await;
            return Ok(looking.decoder.screen().clone());
        }
        if looking.has_new_update() {
            // TigerVNC answers the first request with nothing but its screen's size.
            let screen = looking.decoder.screen();
            let more = request(screen.width(), screen.height(), Ask::Changes);
            send(&machine, &more).await?;
        }
        bytes = receive(&machine).await?;
    }
}

/// A picture that comes piece by piece.
struct Looking {
    decoder: Decoder,
    /// Updates that were answered with a request.
    updates: u64,
    /// Goes with it to the thread that decodes, which cannot be stopped from outside.
    _permit: Turn,
}

impl Looking {
    /// Decodes where it holds nobody up.
    async fn decode(self, bytes: Vec<u8>) -> Result<Self, Unreachable> {
        let decode = move || self.decode_until(&bytes, Instant::now() + DECODE_MAX);
        let decoded = tokio::task::spawn_blocking(decode).await;
        decoded.map_err(|error| refused(Refusal::Internal, error.to_string()))?
    }

    fn decode_until(mut self, bytes: &[u8], until: Instant) -> Result<Self, Unreachable> {
        for step in bytes.chunks(STEP_LEN) {
            if Instant::now() > until {
                let detail = "the server's picture takes too long to decode";
                return Err(refused(Refusal::Timeout, detail));
            }
            self.decoder.handle(step).map_err(not_decoded)?;
        }
        Ok(self)
    }

    /// Whether as much was painted as there is.
    fn has_seen_all(&self) -> bool {
        let screen = self.decoder.screen();
        self.decoder.is_at_boundary()
            && self.decoder.updates() > 0
            && screen.painted() >= screen.pixels().len() as u64
    }

    /// Whether an update has ended since this was last asked.
    fn has_new_update(&mut self) -> bool {
        let updates = self.decoder.updates();
        std::mem::replace(&mut self.updates, updates) < updates
    }
}

/// What of the screen is asked for.
#[derive(Clone, Copy)]
enum Ask {
    Everything,
    Changes,
}

/// `SetPixelFormat` and `SetEncodings` (RFC 6143 §7.5.1 and §7.5.2).
fn wishes() -> Vec<u8> {
    let mut out = vec![0, 0, 0, 0];
    out.extend_from_slice(&PixelFormat::RGBX.to_bytes());
    out.extend_from_slice(&[2, 0]);
    out.extend_from_slice(&(ENCODINGS.len() as u16).to_be_bytes());
    for encoding in ENCODINGS {
        out.extend_from_slice(&encoding.to_be_bytes());
    }
    out
}

/// `FramebufferUpdateRequest` (RFC 6143 §7.5.3) for the whole screen.
fn request(width: u16, height: u16, ask: Ask) -> Vec<u8> {
    let is_incremental = match ask {
        Ask::Everything => 0,
        Ask::Changes => 1,
    };
    let [width, height] = [width, height].map(u16::to_be_bytes);
    [&[3, is_incremental, 0, 0, 0, 0][..], &width, &height].concat()
}

async fn send(machine: &Machine, bytes: &[u8]) -> Result<(), Unreachable> {
    let sent = machine.link.write_all(bytes).await;
    sent.map_err(|error| refused(Refusal::Lost, error.to_string()))
}

async fn receive(machine: &Machine) -> Result<Vec<u8>, Unreachable> {
    let mut bytes = vec![0; READ_LEN];
    let read = poll_fn(|cx| machine.link.poll_read(cx, &mut bytes)).await;
    match read {
        Ok(0) => Err(refused(Refusal::Lost, "the server closed")),
        Ok(len) => {
            bytes.truncate(len);
            Ok(bytes)
        }
        Err(error) => Err(refused(Refusal::Lost, error.to_string())),
    }
}

fn not_decoded(error: picture::Error) -> Unreachable {
    refused(Refusal::NotVnc, format!("the server's picture: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_given_up_between_two_pieces() {
        let looking = || Looking {
            decoder: Decoder::new(64, 64, PixelFormat::RGBX, LIMITS).unwrap(),
            updates: 0,
            _permit: None,
        };
        // Bells.
        let bytes = vec![2; 3 * STEP_LEN];
        let later = Instant::now() + Duration::from_secs(60);
        assert!(looking().decode_until(&bytes, later).is_ok());
        let before = Instant::now();
        std::thread::sleep(Duration::from_millis(2));
        let given_up = looking().decode_until(&bytes, before).map(drop);
        assert_eq!(given_up.unwrap_err().refusal, Refusal::Timeout);
    }
}
