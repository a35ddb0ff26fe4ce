//! Our half of the handshake towards a VNC server (RFC 6143 §7.1 to §7.3).
//!
//! ```text
//! AwaitVersion ─► AwaitTypes | AwaitDecision ─► Choose ─► AwaitChallenge ─► Respond ─┐
//!        │               │           │            │ None ──────────────┐             ▼
//!        │               └───────────┴─► AwaitReason ◄───────────── AwaitResult ◄────┘
//!        ▼                                                              ▼
//!     (error)                                    Done ◄─ AwaitInit ◄─ Initialise
//!
//! Choose (VeNCrypt) ─► AwaitVencryptVersion ─► AwaitVencryptAck ─► AwaitSubtypes ─► ChooseSubtype
//!   ─► AwaitGo ─► Secure ─► AwaitResult | AwaitChallenge | LogIn ─► AwaitResult
//!
//! Choose (an exchange that is made elsewhere) ─► Exchange ─► AwaitResult
//! ```

use super::vencrypt::{self, Login};
use super::version::VERSION_LEN;
use super::wire::{REASON_LEN_MAX, read_u32};
use super::{HandshakeError, ServerInit, Version, security};

/// What a server said, and whose turn it makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerEvent {
    /// The types that the server offers, in its order; [`ClientHandshake::choose`] is due.
    /// A 3.3 server offers exactly one.
    Types(Vec<u8>),
    /// A challenge; [`ClientHandshake::respond`] is due.
    Challenge([u8; 16]),
    /// What VeNCrypt offers, in the server's order; [`ClientHandshake::choose_subtype`] is due.
    Subtypes(Vec<u32>),
    /// TLS begins with the next byte; once it stands, [`ClientHandshake::secured`] is due.
    StartTls,
    /// A user name and a password are wanted; [`ClientHandshake::log_in`] is due.
    LoginWanted,
    /// The server is content; [`ClientHandshake::initialise`] is due.
    Authenticated,
    /// The screen; what follows belongs to the session.
    Init(ServerInit),
    /// The server wants no connection and says why. The handshake is over.
    Refused(Vec<u8>),
    /// The server does not accept the response; 3.8 says why. The handshake is over.
    AuthFailed(Option<Vec<u8>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    AwaitVersion,
    AwaitTypes,
    AwaitDecision,
    Choose,
    AwaitVencryptVersion,
    AwaitVencryptAck,
    AwaitSubtypes,
    ChooseSubtype,
    AwaitGo {
        subtype: u32,
    },
    Secure {
        subtype: u32,
    },
    /// The event is due that asks for user and password.
    WantLogin,
    LogIn,
    /// What comes belongs to whoever makes the exchange.
    Exchange,
    AwaitChallenge,
    Respond,
    AwaitResult,
    AwaitReason {
        of_auth: bool,
    },
    /// Nothing more is awaited for the authentication: the event is due.
    Accepted,
    Initialise,
    AwaitInit,
    /// The session, a failure, or an exchange that only the viewer understands.
    Done,
}

/// The gateway as a client. Give it what the server sent, in order, until it asks for a decision.
#[derive(Debug, Clone)]
pub struct ClientHandshake {
    state: State,
    version: Version,
}

impl Default for ClientHandshake {
    fn default() -> Self {
        Self {
            state: State::AwaitVersion,
            version: Version::V3_8,
        }
    }
}

impl ClientHandshake {
    /// The version that both sides speak, once the server has named its own.
    pub fn version(&self) -> Option<Version> {
        (self.state != State::AwaitVersion).then_some(self.version)
    }

    /// Takes bytes from the front of `input`: how many, and what they said. `(0, None)` asks for
    /// more than is there; then the caller keeps the bytes. Replies are appended to `out`.
    pub fn handle(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<ServerEvent>), HandshakeError> {
        match self.state {
            State::AwaitVersion => self.handle_version(input, out),
            State::AwaitTypes => Ok(self.handle_types(input)),
            State::AwaitDecision => self.handle_decision(input),
            State::AwaitVencryptVersion => self.handle_vencrypt_version(input, out),
            State::AwaitVencryptAck => self.handle_vencrypt_ack(input),
            State::AwaitSubtypes => Ok(self.handle_subtypes(input)),
            State::AwaitGo { subtype } => self.handle_go(input, subtype),
            State::WantLogin => {
                self.state = State::LogIn;
                Ok((0, Some(ServerEvent::LoginWanted)))
            }
            State::AwaitChallenge => Ok(self.handle_challenge(input)),
            State::AwaitResult => self.handle_result(input),
            State::AwaitReason { of_auth } => Ok(self.handle_reason(input, of_auth)),
            State::Accepted => {
                self.state = State::Initialise;
                Ok((0, Some(ServerEvent::Authenticated)))
            }
            State::AwaitInit => self.handle_init(input),
            State::Done | State::Exchange => Ok((0, None)),
            State::Choose
            | State::ChooseSubtype
            | State::Secure { .. }
            | State::LogIn
            | State::Respond
            | State::Initialise => match input.is_empty() {
                true => Ok((0, None)),
                false => Err(HandshakeError::OutOfTurn),
            },
        }
    }

    /// Chooses one of the types offered. After a type other than None, VncAuth and VeNCrypt the
    /// exchange is not followed: every byte is the viewer's business.
    pub fn choose(&mut self, security_type: u8, out: &mut Vec<u8>) {
        debug_assert_eq!(self.state, State::Choose);
        if self.version >= Version::V3_7 {
            out.push(security_type);
        }
        self.state = match (security_type, self.version) {
            (security::NONE, Version::V3_8) => State::AwaitResult,
            (security::NONE, _) => State::Accepted,
            (security::VNC_AUTH, _) => State::AwaitChallenge,
            (security::VENCRYPT, _) => State::AwaitVencryptVersion,
            _ => State::Done,
        };
    }

    /// Chooses a type whose exchange is made elsewhere, out of the same input; then
    /// [`exchanged`](Self::exchanged) is due.
    pub fn choose_exchange(&mut self, security_type: u8, out: &mut Vec<u8>) {
        self.choose(security_type, out);
        debug_assert_eq!(self.state, State::Done, "a type that is followed");
        self.state = State::Exchange;
    }

    /// The exchange is over: the server's verdict comes next.
    pub fn exchanged(&mut self) {
        debug_assert_eq!(self.state, State::Exchange);
        self.state = State::AwaitResult;
    }

    /// Chooses one of VeNCrypt's subtypes: Plain, or one with a certificate.
    pub fn choose_subtype(&mut self, subtype: u32, out: &mut Vec<u8>) {
        debug_assert_eq!(self.state, State::ChooseSubtype);
        out.extend_from_slice(&subtype.to_be_bytes());
        self.state = match subtype {
            vencrypt::PLAIN => State::WantLogin,
            subtype => State::AwaitGo { subtype },
        };
    }

    /// TLS stands; what the server sends from now on comes through it.
    pub fn secured(&mut self) {
        let State::Secure { subtype } = self.state else {
            debug_assert!(false, "secured in {:?}", self.state);
            return;
        };
        self.state = match subtype {
            vencrypt::X509_VNC | vencrypt::TLS_VNC => State::AwaitChallenge,
            vencrypt::X509_PLAIN | vencrypt::TLS_PLAIN => State::WantLogin,
            // Other than for type 1, there is a result in version 3.7 too.
            _ => State::AwaitResult,
        };
    }

    /// Sends user name and password.
    pub fn log_in(&mut self, login: &Login, out: &mut Vec<u8>) {
        debug_assert_eq!(self.state, State::LogIn);
        login.encode(out);
        self.state = State::AwaitResult;
    }

    /// Answers the challenge.
    pub fn respond(&mut self, response: &[u8; 16], out: &mut Vec<u8>) {
        debug_assert_eq!(self.state, State::Respond);
        out.extend_from_slice(response);
        self.state = State::AwaitResult;
    }

    /// Sends `ClientInit`, always for a shared desktop: without it QEMU and others throw out
    /// everybody else.
    pub fn initialise(&mut self, out: &mut Vec<u8>) {
        debug_assert_eq!(self.state, State::Initialise);
        out.push(1);
        self.state = State::AwaitInit;
    }

    fn handle_version(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<ServerEvent>), HandshakeError> {
        let Some(version) = Version::parse(input)? else {
            return Ok((0, None));
        };
        out.extend_from_slice(version.message());
        self.version = version;
        self.state = match version {
            Version::V3_3 => State::AwaitDecision,
            _ => State::AwaitTypes,
        };
        Ok((VERSION_LEN, None))
    }

    fn handle_types(&mut self, input: &[u8]) -> (usize, Option<ServerEvent>) {
        let [count, rest @ ..] = input else {
            return (0, None);
        };
        let count = usize::from(*count);
        if count == 0 {
            self.state = State::AwaitReason { of_auth: false };
            return (1, None);
        }
        let Some(types) = rest.get(..count) else {
            return (0, None);
        };
        self.state = State::Choose;
        (1 + count, Some(ServerEvent::Types(types.to_vec())))
    }

    fn handle_decision(
        &mut self,
        input: &[u8],
    ) -> Result<(usize, Option<ServerEvent>), HandshakeError> {
        let Some(decided) = read_u32(input) else {
            return Ok((0, None));
        };
        if decided == 0 {
            self.state = State::AwaitReason { of_auth: false };
            return Ok((4, None));
        }
        let decided =
            u8::try_from(decided).map_err(|_| HandshakeError::UnknownSecurity(decided))?;
        self.state = State::Choose;
        Ok((4, Some(ServerEvent::Types(vec![decided]))))
    }

    fn handle_vencrypt_version(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<ServerEvent>), HandshakeError> {
        let Some(&[major, minor]) = input.first_chunk() else {
            return Ok((0, None));
        };
        // The highest version comes first; whoever has a higher one speaks this one too.
        if [major, minor] < vencrypt::VERSION {
            return Err(HandshakeError::UnsupportedVencrypt(major, minor));
        }
        out.extend_from_slice(&vencrypt::VERSION);
        self.state = State::AwaitVencryptAck;
        Ok((2, None))
    }

    fn handle_vencrypt_ack(
        &mut self,
        input: &[u8],
    ) -> Result<(usize, Option<ServerEvent>), HandshakeError> {
        match input.first() {
            None => Ok((0, None)),
            Some(0) => {
                self.state = State::AwaitSubtypes;
                Ok((1, None))
            }
            Some(_) => Err(HandshakeError::VencryptRefused),
        }
    }

    fn handle_subtypes(&mut self, input: &[u8]) -> (usize, Option<ServerEvent>) {
        let Some((taken, subtypes)) = vencrypt::parse_subtypes(input) else {
            return (0, None);
        };
        self.state = State::ChooseSubtype;
        (taken, Some(ServerEvent::Subtypes(subtypes)))
    }

    fn handle_go(
        &mut self,
        input: &[u8],
        subtype: u32,
    ) -> Result<(usize, Option<ServerEvent>), HandshakeError> {
        match input {
            [] => Ok((0, None)),
            [1] => {
                self.state = State::Secure { subtype };
                Ok((1, Some(ServerEvent::StartTls)))
            }
            // The client speaks first in TLS: what is there already came from somebody else.
            [1, ..] => Err(HandshakeError::OutOfTurn),
            _ => Err(HandshakeError::VencryptRefused),
        }
    }

    fn handle_challenge(&mut self, input: &[u8]) -> (usize, Option<ServerEvent>) {
        let Some(challenge) = input.first_chunk() else {
            return (0, None);
        };
        self.state = State::Respond;
        (16, Some(ServerEvent::Challenge(*challenge)))
    }

    fn handle_result(
        &mut self,
        input: &[u8],
    ) -> Result<(usize, Option<ServerEvent>), HandshakeError> {
        let Some(result) = read_u32(input) else {
            return Ok((0, None));
        };
        match (result, self.version) {
            (0, _) => {
                self.state = State::Initialise;
                Ok((4, Some(ServerEvent::Authenticated)))
            }
            // 2 is "too many attempts", of TightVNC and UltraVNC.
            (1 | 2, Version::V3_8) => {
                self.state = State::AwaitReason { of_auth: true };
                Ok((4, None))
            }
            (1 | 2, _) => {
                self.state = State::Done;
                Ok((4, Some(ServerEvent::AuthFailed(None))))
            }
            (unknown, _) => Err(HandshakeError::UnknownResult(unknown)),
        }
    }

    /// A reason that is longer than we keep counts as whole once that much of it is there.
    fn handle_reason(&mut self, input: &[u8], of_auth: bool) -> (usize, Option<ServerEvent>) {
        let Some(len) = read_u32(input) else {
            return (0, None);
        };
        let end = 4 + len.min(REASON_LEN_MAX) as usize;
        let Some(reason) = input.get(4..end) else {
            return (0, None);
        };
        self.state = State::Done;
        let reason = reason.to_vec();
        let event = match of_auth {
            true => ServerEvent::AuthFailed(Some(reason)),
            false => ServerEvent::Refused(reason),
        };
        (end, Some(event))
    }

    fn handle_init(
        &mut self,
        input: &[u8],
    ) -> Result<(usize, Option<ServerEvent>), HandshakeError> {
        let Some((init, len)) = ServerInit::parse(input)? else {
            return Ok((0, None));
        };
        self.state = State::Done;
        Ok((len, Some(ServerEvent::Init(init))))
    }
}
