//! The VNC server's side of a session until the screen is shown.

use std::future::poll_fn;
use std::time::Duration;

use net::Deadline;
use proto::rfb::{
    ClientHandshake, HandshakeError, ServerEvent, ServerInit, ascii_sentence, security, vencrypt,
};

use super::connect::connect;
use super::ending::{Failure, out_of_order};
use super::link::Link;
use super::seal::Seals;
use super::sealed::SealedLink;
use crate::scratch::with_scratch;
use crate::{Policy, Refusal, Target};

/// Bytes that are read at a time: more than the longest message of the handshake, so that one is
/// never waited for with a full inbox.
const INBOX_MAX: usize = 16 * 1024;

/// A server in its handshake.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) link: Link,
    pub(super) handshake: ClientHandshake,
    /// What was read and not used yet.
    pub(super) inbox: Vec<u8>,
    /// What our decisions made due.
    pub(super) outbox: Vec<u8>,
    /// The screen, as the viewer was told of it.
    pub(super) screen: Option<ServerInit>,
    /// For each of its steps.
    step_timeout: Duration,
}

impl Server {
    /// Connects; gives back the security types besides.
    pub(super) async fn reach(
        target: &Target,
        policy: &Policy,
    ) -> Result<(Self, Vec<u8>), Failure> {
        let mut server = Self {
            link: connect(target, policy).await?,
            handshake: ClientHandshake::default(),
            inbox: Vec::new(),
            outbox: Vec::new(),
            screen: None,
            step_timeout: policy.handshake_timeout,
        };
        match server.next().await? {
            ServerEvent::Types(types) => Ok((server, types)),
            other => Err(refused(other, Refusal::WrongPassword)),
        }
    }

    /// Chooses a type; after one that is followed the next event says what the login needs.
    pub(super) fn choose(&mut self, kind: u8) {
        self.handshake.choose(kind, &mut self.outbox);
    }

    /// Chooses VeNCrypt and waits for what it offers.
    pub(super) async fn choose_vencrypt(&mut self) -> Result<Vec<u32>, Failure> {
        self.choose(security::VENCRYPT);
        match self.next().await? {
            ServerEvent::Subtypes(subtypes) => Ok(subtypes),
            other => Err(refused(other, Refusal::WrongPassword)),
        }
    }

    /// Chooses a subtype of VeNCrypt and makes the TLS that it asks for.
    pub(super) async fn choose_subtype(
        &mut self,
        subtype: u32,
        target: &Target,
        policy: &Policy,
    ) -> Result<(), Failure> {
        self.handshake.choose_subtype(subtype, &mut self.outbox);
        if !vencrypt::is_certified(subtype) {
            return Ok(());
        }
        match self.next().await? {
            ServerEvent::StartTls => {}
            other => return Err(refused(other, Refusal::TlsFailed)),
        }
        let (Link::Stream(stream), Some(tls)) = (&self.link, &policy.tls) else {
            let inside = "TLS inside of a WebSocket is not supported: secure the WebSocket (wss)";
            return Err(Failure::told(Refusal::UnsupportedSecurity, inside));
        };
        let deadline = Deadline::after(self.step_timeout);
        tls.secure(stream, target.host(), &deadline).await?;
        self.handshake.secured();
        Ok(())
    }

    /// Chooses a type whose exchange is made here, and not by the handshake.
    pub(super) fn choose_exchange(&mut self, kind: u8) {
        self.handshake.choose_exchange(kind, &mut self.outbox);
    }

    /// A part of an exchange, as `parse` reads it: how long it is, and what it says.
    pub(super) async fn take<T>(
        &mut self,
        parse: impl Fn(&[u8]) -> Result<Option<(usize, T)>, HandshakeError>,
    ) -> Result<T, Failure> {
        let deadline = Deadline::after(self.step_timeout);
        loop {
            let parsed = parse(&self.inbox).map_err(|error| not_usable(&error))?;
            if let Some((taken, part)) = parsed {
                self.inbox.drain(..taken);
                return Ok(part);
            }
            self.fill_before(&deadline).await?;
        }
    }

    /// The content of a sealed message.
    pub(super) async fn take_sealed(&mut self, seals: &mut Seals) -> Result<Vec<u8>, Failure> {
        let deadline = Deadline::after(self.step_timeout);
        loop {
            let opened = seals.back.open(&mut self.inbox);
            let opened = opened.map_err(|error| {
                Failure::told(
                    Refusal::TlsFailed,
                    format!("RSA-AES with the server: {error}"),
                )
            })?;
            if let Some((taken, content)) = opened {
                let content = content.to_vec();
                self.inbox.drain(..taken);
                return Ok(content);
            }
            if self.inbox.len() >= INBOX_MAX {
                return Err(not_usable(&"a message that is too long"));
            }
            self.fill_before(&deadline).await?;
        }
    }

    /// Sends a sealed message.
    pub(super) async fn send_sealed(
        &mut self,
        content: &[u8],
        seals: &mut Seals,
    ) -> Result<(), Failure> {
        let sealed = seals.out.seal(content, &mut self.outbox);
        sealed.map_err(|error| Failure::told(Refusal::Internal, error.to_string()))?;
        self.flush().await
    }

    /// The same server, of which everything from now on is sealed.
    pub(super) fn sealed(self, seals: Seals) -> Self {
        let link = SealedLink::new(self.link, seals, self.inbox);
        Self {
            link: Link::Sealed(Box::new(link)),
            inbox: Vec::new(),
            ..self
        }
    }

    async fn fill_before(&mut self, deadline: &Deadline) -> Result<(), Failure> {
        tokio::select! {
            filled = self.fill() => filled,
            () = deadline.expired() => Err(self.too_slow()),
        }
    }

    /// Waits for the verdict; `wrong` is what a "no" means.
    pub(super) async fn authenticated(&mut self, wrong: Refusal) -> Result<(), Failure> {
        match self.next().await? {
            ServerEvent::Authenticated => Ok(()),
            other => Err(refused(other, wrong)),
        }
    }

    /// Asks for the screen.
    pub(super) async fn initialise(&mut self) -> Result<ServerInit, Failure> {
        self.handshake.initialise(&mut self.outbox);
        match self.next().await? {
            ServerEvent::Init(init) => Ok(init),
            other => Err(refused(other, Refusal::Lost)),
        }
    }

    /// Sends what is due and waits for the next thing that the server says.
    pub(super) async fn next(&mut self) -> Result<ServerEvent, Failure> {
        let deadline = Deadline::after(self.step_timeout);
        tokio::select! {
            event = self.step() => event,
            () = deadline.expired() => Err(self.too_slow()),
        }
    }

    async fn step(&mut self) -> Result<ServerEvent, Failure> {
        loop {
            let handled = self.handshake.handle(&self.inbox, &mut self.outbox);
            let (taken, event) = handled.map_err(|error| not_understood(&error))?;
            self.inbox.drain(..taken);
            self.flush().await?;
            match event {
                Some(event) => return Ok(event),
                None if taken == 0 => self.fill().await?,
                None => {}
            }
        }
    }

    /// Sends what is due.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        let due = std::mem::take(&mut self.outbox);
        if due.is_empty() {
            return Ok(());
        }
        let sent = self.link.write_all(&due).await;
        sent.map_err(|error| self.broke(&format!("sending to the server: {error}")))
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        let room = INBOX_MAX.saturating_sub(self.inbox.len());
        let (link, inbox) = (&self.link, &mut self.inbox);
        let read = poll_fn(|cx| {
            with_scratch(|buf| {
                let read = link.poll_read(cx, &mut buf[..room]);
                read.map_ok(|n| {
                    inbox.extend_from_slice(&buf[..n]);
                    n
                })
            })
        });
        match read.await {
            Ok(0) => Err(self.ended()),
            Ok(_) => Ok(()),
            Err(error) => Err(self.broke(&format!("reading from the server: {error}"))),
        }
    }

    fn ended(&self) -> Failure {
        if !self.link.is_far() {
            return self.broke("the server closed during the handshake");
        }
        let failure = self.link.ended();
        match (failure.refusal(), self.handshake.version()) {
            // The bridge works; what is behind it does not.
            (Some(Refusal::ServerClosed), None) => {
                Failure::told(Refusal::FarFailed, failure.into_parts().1)
            }
            _ => failure,
        }
    }

    /// Before it said that it speaks RFB, a peer that leaves is no VNC server.
    fn broke(&self, what: &str) -> Failure {
        let is_inside_tls = self.link.stream().is_tls() && !self.link.is_far();
        match self.handshake.version() {
            None => Failure::told(Refusal::NotVnc, format!("no RFB version: {what}")),
            Some(_) if is_inside_tls => Failure::told(
                Refusal::TlsFailed,
                format!("{what} (it may want a certificate: \"vnc_ssl_certificate\")"),
            ),
            Some(_) => Failure::told(Refusal::Lost, what),
        }
    }

    fn too_slow(&self) -> Failure {
        match self.handshake.version() {
            None => Failure::told(Refusal::NotVnc, "no RFB version in time"),
            Some(_) => Failure::told(Refusal::Timeout, "the server's handshake stalled"),
        }
    }
}

fn not_usable(why: &dyn std::fmt::Display) -> Failure {
    Failure::told(
        Refusal::UnsupportedSecurity,
        format!("the server's login: {why}"),
    )
}

fn not_understood(error: &HandshakeError) -> Failure {
    Failure::told(Refusal::NotVnc, format!("the server's handshake: {error}"))
}

/// What the server said instead of what was awaited.
pub(super) fn refused(event: ServerEvent, wrong: Refusal) -> Failure {
    let words = |reason: &[u8]| ascii_sentence(reason, WORDS_LEN_MAX);
    match event {
        ServerEvent::Refused(reason) => {
            let detail = format!("the server refused: {}", words(&reason));
            Failure::told(Refusal::ServerRefused(words(&reason)), detail)
        }
        ServerEvent::AuthFailed(reason) => {
            let said = words(&reason.unwrap_or_default());
            let detail = format!("the server's verdict: {said}");
            // Not the password's fault: the server locks out whoever fails too often.
            let locked = said.to_ascii_lowercase().contains("too many");
            let refusal = if locked {
                Refusal::ServerRefused(said)
            } else {
                wrong
            };
            Failure::told(refusal, detail)
        }
        _ => out_of_order(),
    }
}

/// Bytes of a server's own words that a person is shown: what fits a close frame.
const WORDS_LEN_MAX: usize = 96;
