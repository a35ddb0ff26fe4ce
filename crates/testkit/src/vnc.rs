//! A fake VNC server (RFC 6143): one colour, and a record of what the client did.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::upstream::{Peer, Upstream};
use crate::wait::wait_for;

/// How the fake server treats a client before the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Anyone may enter.
    None,
    /// Type 2 with this fixed challenge; whatever is answered, the verdict is the test's.
    Challenge {
        /// The sixteen bytes that are to be encrypted.
        challenge: [u8; 16],
        /// `None` lets the client in, otherwise the reason of the failure.
        verdict: Option<&'static str>,
    },
    /// No security type at all, and the reason.
    Refused(&'static str),
}

/// What a client sent after the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The answer to the challenge.
    ChallengeResponse(Vec<u8>),
    /// `ClientInit` with its shared flag.
    Init(u8),
    /// `SetPixelFormat`.
    PixelFormat([u8; 16]),
    /// `SetEncodings`.
    Encodings(Vec<i32>),
    /// `FramebufferUpdateRequest`: incremental flag and rectangle.
    UpdateRequest(u8, [u16; 4]),
    /// `KeyEvent`: down flag and keysym.
    Key(u8, u32),
    /// `PointerEvent`: button mask and position.
    Pointer(u8, u16, u16),
    /// `ClientCutText`.
    CutText(Vec<u8>),
    /// Any other message type; the conversation ends there.
    Unknown(u8),
}

/// What the fake server is like.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// How a client gets in.
    pub security: Security,
    /// Width and height.
    pub size: (u16, u16),
    /// The colour of every pixel: red, green, blue.
    pub colour: [u8; 3],
    /// The desktop's name.
    pub name: &'static str,
}

impl Default for Look {
    fn default() -> Self {
        let colour = [0x20, 0x80, 0xe0];
        Self {
            security: Security::None,
            size: (64, 48),
            colour,
            name: "fake desktop",
        }
    }
}

/// A running fake server.
#[derive(Debug)]
pub struct VncServer {
    upstream: Upstream,
    events: Arc<Mutex<Vec<Event>>>,
}

impl VncServer {
    /// Starts it on a free loopback port.
    #[must_use]
    pub fn start(look: Look) -> Self {
        let events = Arc::default();
        let record = Arc::clone(&events);
        let upstream = Upstream::serving(move |peer| {
            Session {
                peer,
                look,
                events: &record,
                shifts: DEFAULT_SHIFTS,
            }
            .run();
        });
        Self { upstream, events }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.upstream.addr()
    }

    /// How many connections it has had.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.upstream.connections()
    }

    /// What clients have done so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().expect("sessions do not hold it").clone()
    }

    /// Waits until a client has done `event`.
    #[track_caller]
    pub fn wait_event(&self, event: &Event) {
        wait_for(&format!("{event:?}"), || {
            self.events().contains(event).then_some(())
        });
    }
}

const DEFAULT_SHIFTS: [u8; 3] = [16, 8, 0];

struct Session<'a> {
    peer: &'a mut Peer,
    look: Look,
    events: &'a Mutex<Vec<Event>>,
    /// Where red, green and blue stand in a pixel of 32 bits.
    shifts: [u8; 3],
}

impl Session<'_> {
    fn run(&mut self) {
        if self.enter().is_some() {
            while self.message().is_some() {}
        }
    }

    /// Everything up to `ServerInit` (RFC 6143 §7.1 to §7.3).
    fn enter(&mut self) -> Option<()> {
        self.peer.send(b"RFB 003.008\n");
        self.peer.read_exact(12)?;
        match self.look.security {
            Security::Refused(reason) => {
                self.peer.send(&[0]);
                self.fail(reason)?;
            }
            Security::None => {
                self.peer.send(&[1, 1]);
                self.peer.read_exact(1)?;
            }
            Security::Challenge { challenge, verdict } => self.challenge(challenge, verdict)?,
        }
        self.peer.send(&[0; 4]);
        let shared = self.peer.read_exact(1)?[0];
        self.record(Event::Init(shared));
        self.send_init();
        Some(())
    }

    fn challenge(&mut self, challenge: [u8; 16], verdict: Option<&str>) -> Option<()> {
        self.peer.send(&[1, 2]);
        self.peer.read_exact(1)?;
        self.peer.send(&challenge);
        let response = self.peer.read_exact(16)?;
        self.record(Event::ChallengeResponse(response));
        let Some(reason) = verdict else {
            return Some(());
        };
        self.peer.send(&1_u32.to_be_bytes());
        self.fail(reason)
    }

    /// Sends a reason and ends the conversation.
    fn fail(&mut self, reason: &str) -> Option<()> {
        self.peer.send(&(reason.len() as u32).to_be_bytes());
        self.peer.send(reason.as_bytes());
        None
    }

    fn send_init(&mut self) {
        let (width, height) = self.look.size;
        let mut init = [width.to_be_bytes(), height.to_be_bytes()].concat();
        let [red, green, blue] = self.shifts;
        init.extend_from_slice(&[
            32, 24, 0, 1, 0, 255, 0, 255, 0, 255, red, green, blue, 0, 0, 0,
        ]);
        init.extend_from_slice(&(self.look.name.len() as u32).to_be_bytes());
        init.extend_from_slice(self.look.name.as_bytes());
        self.peer.send(&init);
    }

    /// Reads one message of RFC 6143 §7.5 and answers it.
    fn message(&mut self) -> Option<()> {
        let kind = self.peer.read_exact(1)?[0];
        let event = match kind {
            0 => self.pixel_format()?,
            2 => self.encodings()?,
            3 => self.update_request()?,
            4 => {
                let body = self.peer.read_exact(7)?;
                Event::Key(
                    body[0],
                    u32::from_be_bytes([body[3], body[4], body[5], body[6]]),
                )
            }
            5 => {
                let body = self.peer.read_exact(5)?;
                Event::Pointer(body[0], be16(&body[1..]), be16(&body[3..]))
            }
            6 => {
                let head = self.peer.read_exact(7)?;
                let length = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
                Event::CutText(self.peer.read_exact(length as usize)?)
            }
            other => {
                self.record(Event::Unknown(other));
                return None;
            }
        };
        self.record(event);
        Some(())
    }

    fn pixel_format(&mut self) -> Option<Event> {
        let body = self.peer.read_exact(19)?;
        let format: [u8; 16] = body[3..].try_into().ok()?;
        self.shifts = [format[10], format[11], format[12]];
        Some(Event::PixelFormat(format))
    }

    fn encodings(&mut self) -> Option<Event> {
        let head = self.peer.read_exact(3)?;
        let body = self.peer.read_exact(usize::from(be16(&head[1..])) * 4)?;
        let words = body.chunks_exact(4);
        Some(Event::Encodings(
            words
                .map(|w| i32::from_be_bytes([w[0], w[1], w[2], w[3]]))
                .collect(),
        ))
    }

    fn update_request(&mut self) -> Option<Event> {
        let body = self.peer.read_exact(9)?;
        let area = [1, 3, 5, 7].map(|at| be16(&body[at..]));
        if body[0] == 0 {
            self.send_picture();
        }
        Some(Event::UpdateRequest(body[0], area))
    }

    /// The whole picture as one raw rectangle.
    fn send_picture(&mut self) {
        let (width, height) = self.look.size;
        let colours = self.look.colour.iter().zip(self.shifts);
        let pixel = colours.fold(0_u32, |pixel, (&colour, shift)| {
            pixel | u32::from(colour) << shift
        });
        let mut update = vec![0, 0, 0, 1, 0, 0, 0, 0];
        update.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
        update.extend([0; 4]);
        update.extend(
            pixel
                .to_le_bytes()
                .repeat(usize::from(width) * usize::from(height)),
        );
        self.peer.send(&update);
    }

    fn record(&self, event: Event) {
        self.events
            .lock()
            .expect("sessions do not hold it")
            .push(event);
    }
}

fn be16(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Conn;

    #[test]
    fn a_client_gets_in_sees_the_colour_and_is_recorded() {
        let server = VncServer::start(Look {
            size: (2, 1),
            ..Look::default()
        });
        let mut client = Conn::open(server.addr());
        client.send("RFB 003.008\n");
        assert_eq!(client.read_exact(14), b"RFB 003.008\n\x01\x01");
        client.send([1]);
        assert_eq!(client.read_exact(4), [0; 4]);
        client.send([1]);
        assert!(client.read_exact(24 + 12).ends_with(b"fake desktop"));
        client
            .send([3, 0, 0, 0, 0, 0, 0, 2, 0, 1])
            .send([4, 1, 0, 0, 0, 0, 0, 0x61]);
        let update = client.read_exact(16 + 8);
        assert_eq!(update[16..20], [0xe0, 0x80, 0x20, 0]);
        server.wait_event(&Event::Key(1, 0x61));
        assert_eq!(
            server.events()[..2],
            [Event::Init(1), Event::UpdateRequest(0, [0, 0, 2, 1])]
        );
    }

    #[test]
    fn a_refusal_tells_its_reason() {
        let security = Security::Refused("too many");
        let server = VncServer::start(Look {
            security,
            ..Look::default()
        });
        let mut client = Conn::open(server.addr());
        client.send("RFB 003.008\n");
        assert_eq!(client.read_to_end(), b"RFB 003.008\n\0\0\0\0\x08too many");
    }
}
