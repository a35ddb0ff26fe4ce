//! Our half of the handshake towards a viewer (RFC 6143 §7.1 to §7.3), with a way to say "no" in
//! every state that has one.
//!
//! ```text
//! start ─► AwaitVersion ─► Offer ─► AwaitChoice ─► Challenge ─► AwaitResponse ─┐
//!                                        │ None                                ▼
//!             Done ◄─ Init ◄─ AwaitClientInit ◄────────────────────────── Verdict
//!
//! AwaitChoice (VeNCrypt) ─► AwaitVencryptVersion ─► AwaitSubtype ─► AwaitLogin ─► Verdict
//! ```

use super::vencrypt::{self, Login};
use super::version::VERSION_LEN;
use super::wire::{read_u32, write_text};
use super::{HandshakeError, ServerInit, Version, security};

/// What a viewer said, and what it makes due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewerEvent {
    /// The version is agreed; [`ServerHandshake::offer`] or a refusal is due.
    Version(Version),
    /// The viewer chose a type: for VncAuth [`ServerHandshake::challenge`] is due, for None
    /// [`ServerHandshake::accept`], for VeNCrypt nothing: [`ViewerEvent::Login`] is next. Any other
    /// exchange is not followed.
    Chosen(u8),
    /// A user name and a password; [`ServerHandshake::accept`] or a refusal is due.
    Login(Login),
    /// The answer to the challenge; [`ServerHandshake::accept`] or a refusal is due.
    Response([u8; 16]),
    /// The viewer is ready; [`ServerHandshake::init`] is due. The viewer's wish to share or not
    /// is not told, because the gateway always shares.
    ClientInit,
}

/// What became of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalSent {
    /// The viewer was told, with the reason.
    WithReason,
    /// The viewer was told, but its version has no place for the reason.
    Bare,
    /// The viewer must speak first; try again after its next message.
    NotYet,
    /// This state has no way to say it: the connection's end must.
    Impossible,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    AwaitVersion,
    Offer,
    AwaitChoice,
    Challenge,
    AwaitResponse,
    AwaitVencryptVersion,
    AwaitSubtype,
    AwaitLogin,
    Verdict { chosen: u8 },
    AwaitClientInit,
    Init,
    Done,
}

/// The gateway as a server. Give it what the viewer sent, in order.
#[derive(Debug, Clone)]
pub struct ServerHandshake {
    state: State,
    version: Version,
    offered: Vec<u8>,
}

impl ServerHandshake {
    /// Begins: appends our version, which is always 3.8, to `out`.
    pub fn start(out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(Version::V3_8.message());
        Self {
            state: State::AwaitVersion,
            version: Version::V3_8,
            offered: Vec::new(),
        }
    }

    /// The version that both sides speak.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Takes bytes from the front of `input`: how many, and what they said. `(0, None)` asks for
    /// more than is there, or says that it is our turn. Replies are appended to `out`.
    pub fn handle(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<ViewerEvent>), HandshakeError> {
        match self.state {
            State::AwaitVersion => self.handle_version(input),
            State::AwaitChoice => self.handle_choice(input, out),
            State::AwaitVencryptVersion => self.handle_vencrypt_version(input, out),
            State::AwaitSubtype => self.handle_subtype(input),
            State::AwaitLogin => self.handle_login(input),
            State::AwaitResponse => Ok(match input.first_chunk() {
                Some(response) => {
                    self.state = State::Verdict {
                        chosen: security::VNC_AUTH,
                    };
                    (16, Some(ViewerEvent::Response(*response)))
                }
                None => (0, None),
            }),
            State::AwaitClientInit if !input.is_empty() => {
                self.state = State::Init;
                Ok((1, Some(ViewerEvent::ClientInit)))
            }
            _ => Ok((0, None)),
        }
    }

    /// Offers security types. A 3.3 viewer cannot choose: it is told the first that it knows. Of
    /// VeNCrypt it is user name and password that is offered, since whatever secures the viewer's
    /// connection is outside of RFB.
    pub fn offer(&mut self, types: &[u8], out: &mut Vec<u8>) -> Option<ViewerEvent> {
        debug_assert!(self.state == State::Offer && !types.is_empty());
        if self.version > Version::V3_3 {
            self.offered = types[..types.len().min(255)].to_vec();
            out.push(self.offered.len() as u8);
            out.extend_from_slice(&self.offered);
            self.state = State::AwaitChoice;
            return None;
        }
        let simple = |security_type: &&u8| **security_type <= security::VNC_AUTH;
        let decided = *types.iter().find(simple).or(types.first())?;
        out.extend_from_slice(&u32::from(decided).to_be_bytes());
        Some(self.chosen(decided, out))
    }

    /// Sends the challenge of VncAuth.
    pub fn challenge(&mut self, challenge: &[u8; 16], out: &mut Vec<u8>) {
        debug_assert_eq!(self.state, State::Challenge);
        out.extend_from_slice(challenge);
        self.state = State::AwaitResponse;
    }

    /// Lets the viewer in. Before 3.8, None has no security result.
    pub fn accept(&mut self, out: &mut Vec<u8>) {
        let State::Verdict { chosen } = self.state else {
            debug_assert!(false, "accept in {:?}", self.state);
            return;
        };
        if self.version == Version::V3_8 || chosen != security::NONE {
            out.extend_from_slice(&0u32.to_be_bytes());
        }
        self.state = State::AwaitClientInit;
    }

    /// Shows the screen; what follows belongs to the session.
    pub fn init(&mut self, init: &ServerInit, out: &mut Vec<u8>) {
        debug_assert_eq!(self.state, State::Init);
        init.encode(out);
        self.state = State::Done;
    }

    /// Says "no" in the encoding of the state reached. `reason` should be ASCII.
    pub fn refuse(&mut self, reason: &str, out: &mut Vec<u8>) -> RefusalSent {
        let sent = match (self.state, self.version) {
            (State::AwaitVersion | State::AwaitChoice | State::AwaitResponse, _)
            | (State::AwaitVencryptVersion | State::AwaitSubtype | State::AwaitLogin, _) => {
                return RefusalSent::NotYet;
            }
            (State::Offer, Version::V3_3) => {
                out.extend_from_slice(&0u32.to_be_bytes());
                write_text(reason.as_bytes(), out);
                RefusalSent::WithReason
            }
            (State::Offer, _) => {
                out.push(0);
                write_text(reason.as_bytes(), out);
                RefusalSent::WithReason
            }
            (State::Challenge | State::Verdict { .. }, _) => self.refuse_by_result(reason, out),
            (State::AwaitClientInit | State::Init | State::Done, _) => RefusalSent::Impossible,
        };
        self.state = State::Done;
        sent
    }

    fn refuse_by_result(&mut self, reason: &str, out: &mut Vec<u8>) -> RefusalSent {
        let (chosen, challenge_due) = match self.state {
            State::Verdict { chosen } => (chosen, false),
            _ => (security::VNC_AUTH, true),
        };
        // The viewer waits for 16 bytes of challenge, or before 3.8 for no result at all.
        if challenge_due || (self.version < Version::V3_8 && chosen == security::NONE) {
            return RefusalSent::Impossible;
        }
        out.extend_from_slice(&1u32.to_be_bytes());
        if self.version < Version::V3_8 {
            return RefusalSent::Bare;
        }
        write_text(reason.as_bytes(), out);
        RefusalSent::WithReason
    }

    fn handle_version(
        &mut self,
        input: &[u8],
    ) -> Result<(usize, Option<ViewerEvent>), HandshakeError> {
        let Some(version) = Version::parse(input)? else {
            return Ok((0, None));
        };
        self.version = version;
        self.state = State::Offer;
        Ok((VERSION_LEN, Some(ViewerEvent::Version(version))))
    }

    fn handle_choice(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<ViewerEvent>), HandshakeError> {
        let [chosen, ..] = *input else {
            return Ok((0, None));
        };
        if !self.offered.contains(&chosen) {
            return Err(HandshakeError::NotOffered(chosen));
        }
        Ok((1, Some(self.chosen(chosen, out))))
    }

    fn handle_vencrypt_version(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<ViewerEvent>), HandshakeError> {
        let Some(&[major, minor]) = input.first_chunk() else {
            return Ok((0, None));
        };
        if [major, minor] != vencrypt::VERSION {
            return Err(HandshakeError::UnsupportedVencrypt(major, minor));
        }
        out.push(0);
        vencrypt::write_subtypes(&[vencrypt::PLAIN], out);
        self.state = State::AwaitSubtype;
        Ok((2, None))
    }

    fn handle_subtype(
        &mut self,
        input: &[u8],
    ) -> Result<(usize, Option<ViewerEvent>), HandshakeError> {
        match read_u32(input) {
            None => Ok((0, None)),
            Some(vencrypt::PLAIN) => {
                self.state = State::AwaitLogin;
                Ok((4, None))
            }
            Some(other) => Err(HandshakeError::SubtypeNotOffered(other)),
        }
    }

    fn handle_login(
        &mut self,
        input: &[u8],
    ) -> Result<(usize, Option<ViewerEvent>), HandshakeError> {
        let Some((taken, login)) = Login::parse(input)? else {
            return Ok((0, None));
        };
        self.state = State::Verdict {
            chosen: security::VENCRYPT,
        };
        Ok((taken, Some(ViewerEvent::Login(login))))
    }

    fn chosen(&mut self, chosen: u8, out: &mut Vec<u8>) -> ViewerEvent {
        self.state = match chosen {
            security::NONE => State::Verdict { chosen },
            security::VNC_AUTH => State::Challenge,
            security::VENCRYPT => {
                out.extend_from_slice(&vencrypt::VERSION);
                State::AwaitVencryptVersion
            }
            _ => State::Done,
        };
        ViewerEvent::Chosen(chosen)
    }
}
