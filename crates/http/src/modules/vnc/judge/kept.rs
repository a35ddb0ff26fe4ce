//! What is kept of a session's request, and the request as it would be now.

use std::rc::Rc;

use bytes::Bytes;
use proto::h1::FieldName;

use crate::connection::{Connection, Memory};
use crate::downstream::{head, tls};
use crate::modules::auth_request::{self, Answers};
use crate::modules::core::Handler;
use crate::phases;
use crate::request::Request;
use crate::secrets::Secrets;
use crate::thread::Generation;

/// Listeners that a request is tried through where its own does not lead to its server any more.
const LISTENERS_TRIED_MAX: usize = 64;

/// A request, as far as it takes to ask for the same once more.
pub struct Kept {
    memory: Memory,
    /// What of it no log may show.
    secrets: Secrets,
    /// What its location is for: desktops, or sessions that are watched.
    pub handler: Handler,
    /// What was kept of the answer of `auth_request`, which is not asked again.
    answers: Answers,
    /// Where the request was led by the server itself, if it was.
    led: Option<Led>,
}

/// An internal redirect.
struct Led {
    uri: Bytes,
    args: Bytes,
    named: Option<Bytes>,
}

impl Kept {
    /// What has to be kept of a request; `None` where its location is for something else than
    /// desktops.
    pub fn of(request: &Request) -> Option<Self> {
        let handler = request.conf().core.handler;
        if !matches!(handler, Handler::Vnc | Handler::VncStatus) {
            return None;
        }
        let conn = &request.conn;
        let memory = Memory {
            id: conn.id,
            head: without_password(request),
            peer: conn.peer.clone(),
            local: conn.local().clone(),
            listen: conn.listener_conf().listen.addr.clone(),
            proxied: conn.proxied.get().cloned(),
            tls: conn.tls.get().map(|tls| Box::new(tls.memory())),
        };
        let name = &request.location().name;
        let led = request.internal.get().then(|| Led {
            uri: request.uri(),
            args: request.args(),
            named: name.starts_with(b"@").then(|| name.clone()),
        });
        let secrets = request.secrets.borrow().clone();
        Some(Self {
            memory,
            secrets,
            handler,
            answers: auth_request::answers(request),
            led,
        })
    }

    /// The number of the connection that it came on.
    pub fn connection_id(&self) -> u64 {
        self.memory.id
    }

    /// Whether anybody still listens where it came in.
    pub fn is_listened_for(&self, generation: &Generation) -> bool {
        generation.listener_at(&self.memory.listen).is_some()
    }

    /// The request as it would be now, or why it cannot be said what that is.
    pub async fn recall(&self, generation: &Rc<Generation>) -> Result<Rc<Request>, &'static str> {
        let unreadable = "its request cannot be read again";
        let listener = generation.listener_at(&self.memory.listen);
        let listener = listener.ok_or(unreadable)?;
        let conn = Connection::recalled(&self.memory, generation.clone(), listener);
        let conn = Rc::new(conn.map_err(|_| unreadable)?);
        if let Some(memory) = &self.memory.tls
            && !tls::recall(&conn, memory).await
        {
            return Err("the status of its certificate is not to be had");
        }
        let request = head::recall(&conn).ok_or(unreadable)?;
        // Where it leads now, nobody may know any more what is secret.
        request.secrets.borrow_mut().hide_those_of(&self.secrets);
        Ok(request)
    }

    /// The request as it would be through other listeners: of the server that it named, or if
    /// nobody listens where it came in, of any.
    pub fn recall_elsewhere<'a>(
        &'a self,
        generation: &'a Rc<Generation>,
    ) -> impl Iterator<Item = Rc<Request>> + 'a {
        let own = generation.listener_at(&self.memory.listen);
        let others = (0..generation.config.listeners.len()).filter(move |at| Some(*at) != own);
        let recalled = others.take(LISTENERS_TRIED_MAX).filter_map(|at| {
            let conn = Connection::recalled(&self.memory, generation.clone(), at).ok()?;
            let request = head::recall(&Rc::new(conn))?;
            request.secrets.borrow_mut().hide_those_of(&self.secrets);
            Some(request)
        });
        recalled.filter(move |request| own.is_none() || is_named(request))
    }

    /// Recalls what `auth_request` said; false if the configuration wants to know more than was
    /// kept of it.
    pub fn recall_answers(&self, request: &Request) -> bool {
        auth_request::recall(request, &self.answers)
    }

    /// Finds the request's place; false if that is for something else by now.
    pub fn place(&self, request: &Rc<Request>) -> bool {
        let placed = match &self.led {
            None => phases::place(request),
            Some(Led {
                named: Some(name), ..
            }) => phases::place_named(request, name),
            Some(led) => {
                request.uri.replace(led.uri.clone());
                request.args.replace(led.args.clone());
                request.uri_is_original.set(false);
                request.internal.set(true);
                phases::place(request)
            }
        };
        placed && request.conf().core.handler == self.handler
    }
}

/// Whether a request's server is one of the name that it asked for.
fn is_named(request: &Request) -> bool {
    let servers = request.conn.addr_conf();
    servers.is_some_and(|servers| servers.names.find(&request.host).is_some())
}

/// The head of a request without the password that it may hold.
fn without_password(request: &Request) -> Box<[u8]> {
    let mut head: Box<[u8]> = request.buf[..].into();
    for name in [FieldName::Authorization, FieldName::ProxyAuthorization] {
        for field in request.head.fields.all(name) {
            let value = field.value.start as usize..field.value.end as usize;
            let value = head.get_mut(value).unwrap_or_default();
            if value.len() >= 6 && value[..6].eq_ignore_ascii_case(b"Basic ") {
                value[6..].fill(b'-');
            }
        }
    }
    head
}
