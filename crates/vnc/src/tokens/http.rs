//! A service that is asked about tokens over HTTP (websockify's `JSONTokenApi`).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use net::fetch::{self, Failure, Get, Secure};
use net::{Addr, clock};
use serde_json::Value;

use super::ticket::Ticket;
use super::{Asked, TokenError};

/// The longest answer.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Questions that one source is asked at a time; there are as many of them as clients please.
const QUESTIONS_MAX: usize = 128;

/// Answers that are remembered.
const REMEMBERED_MAX: usize = 1024;

/// Where and how a service is asked.
#[derive(Debug)]
pub struct Service {
    /// Its addresses, tried in turn.
    pub addrs: Vec<Addr>,
    /// What it is called, with the port if one was given.
    pub authority: String,
    /// The path with its query up to the token.
    pub before: String,
    /// What follows the token.
    pub after: String,
    /// TLS, for `https`.
    pub secure: Option<Secure>,
    /// Within which time an answer must be there.
    pub timeout: Duration,
    /// For how long an answer is believed.
    pub remember: Duration,
}

/// A service with what it has said of late.
#[derive(Debug)]
pub struct HttpSource {
    service: Service,
    asking: AtomicUsize,
    answers: Mutex<HashMap<Box<str>, (Instant, Ticket)>>,
}

/// One of the questions that are asked at the moment.
pub(super) struct Place<'a>(&'a AtomicUsize);

impl HttpSource {
    pub(super) fn new(service: Service) -> Self {
        Self {
            service,
            asking: AtomicUsize::new(0),
            answers: Mutex::default(),
        }
    }

    /// What it is called, without the token.
    pub(super) fn name(&self) -> String {
        let scheme = if self.service.secure.is_some() {
            "https"
        } else {
            "http"
        };
        let Service {
            authority,
            before,
            after,
            ..
        } = &self.service;
        format!("{scheme}://{authority}{before}%s{after}")
    }

    pub(super) async fn lookup(
        &self,
        token: &str,
        asked: Asked,
    ) -> Result<Option<Ticket>, TokenError> {
        // A page asks before it connects, and a service that hands out a token once must not be
        // asked twice.
        if asked == Asked::ToOpen
            && let Some(ticket) = self.remembered(token)
        {
            return Ok(Some(ticket));
        }
        let Some(answer) = self.ask(token, asked).await? else {
            self.answers().remove(token);
            return Ok(None);
        };
        let ticket = read(&answer).map_err(|error| TokenError::BadAnswer {
            of: self.name(),
            error: error.to_string(),
        })?;
        if let Some(ticket) = &ticket {
            self.remember(token, ticket);
        }
        Ok(ticket)
    }

    fn remembered(&self, token: &str) -> Option<Ticket> {
        let answers = self.answers();
        let (until, ticket) = answers.get(token)?;
        (*until > clock::now()).then(|| ticket.clone())
    }

    fn remember(&self, token: &str, ticket: &Ticket) {
        if self.service.remember.is_zero() {
            return;
        }
        let now = clock::now();
        let mut answers = self.answers();
        if answers.len() >= REMEMBERED_MAX {
            answers.retain(|_, (until, _)| *until > now);
        }
        if answers.len() < REMEMBERED_MAX {
            let until = now + self.service.remember;
            answers.insert(token.into(), (until, ticket.clone()));
        }
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<Box<str>, (Instant, Ticket)>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The service's answer; `None` if it knows no such token.
    async fn ask(&self, token: &str, asked: Asked) -> Result<Option<Vec<u8>>, TokenError> {
        let failed = |error: String| TokenError::Failed {
            of: self.name(),
            error,
        };
        let place = Place::take(&self.asking);
        let _place = place.ok_or_else(|| failed("too many questions at a time".into()))?;
        let service = &self.service;
        let path = format!("{}{}{}", service.before, escaped(token), service.after);
        let mut problem = "it has no address".to_owned();
        for addr in &service.addrs {
            let get = Get {
                addr,
                host: &service.authority,
                path: &path,
                body_bytes_max: ANSWER_BYTES_MAX,
                timeout: service.timeout,
                secure: service.secure.as_ref(),
            };
            match fetch::get(&get).await {
                Ok(answer) => return Ok(Some(answer)),
                // Not there, gone for good, nothing to say.
                Err(Failure::Status(404 | 410 | 204)) => return Ok(None),
                // Not for anybody; but to a session that runs it may mean that the service does
                // not know us any more, which must not end all sessions at once.
                Err(Failure::Status(403)) if asked == Asked::ToOpen => return Ok(None),
                Err(failure @ Failure::Status(_)) => return Err(failed(failure.to_string())),
                Err(failure) => problem = failure.to_string(),
            }
        }
        Err(failed(problem))
    }
}

impl<'a> Place<'a> {
    pub(super) fn take(asking: &'a AtomicUsize) -> Option<Self> {
        if asking.fetch_add(1, Ordering::Relaxed) >= QUESTIONS_MAX {
            asking.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Self(asking))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why an answer says nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    #[error("it is no text")]
    NotText,
    #[error("it is no JSON object")]
    NotObject,
    #[error(transparent)]
    Ticket(#[from] super::TicketError),
}

/// Reads `host:port`, or JSON; an empty answer, `null` and `{}` know no such token.
pub(super) fn read(answer: &[u8]) -> Result<Option<Ticket>, AnswerError> {
    let text = std::str::from_utf8(answer).map_err(|_| AnswerError::NotText)?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if !text.starts_with(['{', '[', '"']) && text != "null" {
        return Ok(Some(Ticket::parse(text)?));
    }
    match serde_json::from_str(text) {
        Ok(Value::Null) => Ok(None),
        Ok(Value::Object(object)) if object.is_empty() => Ok(None),
        Ok(Value::Object(object)) => {
            let mut ticket = Ticket::from_json(&object)?;
            ticket.take_password(&object)?;
            Ok(Some(ticket))
        }
        Ok(_) | Err(_) => Err(AnswerError::NotObject),
    }
}

/// A token as a part of a path or a query.
fn escaped(token: &str) -> String {
    let mut out = String::with_capacity(token.len());
    for byte in token.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            byte => {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_cannot_leave_their_place_in_the_url() {
        assert_eq!(escaped("a-Z_0.9~"), "a-Z_0.9~");
        assert_eq!(
            escaped("../x?y=1&z#\r\n \u{e4}"),
            "..%2Fx%3Fy%3D1%26z%23%0D%0A%20%C3%A4"
        );
    }

    #[test]
    fn answers_are_read_in_both_forms() {
        let target = |answer: &str| match read(answer.as_bytes()) {
            Ok(Some(ticket)) => format!("{:?}", ticket.place),
            Ok(None) => "none".into(),
            Err(error) => error.to_string(),
        };
        let machine = |text: &str| format!("Target({:?})", text.parse::<crate::Target>().unwrap());
        assert_eq!(target("10.0.0.1:5900\n"), machine("10.0.0.1:5900"));
        assert_eq!(
            target(r#"{"host":"10.0.0.1","port":5900}"#),
            machine("10.0.0.1:5900")
        );
        assert_eq!(
            target(r#"{"host":"::1","port":"5900","more":[1]}"#),
            machine("[::1]:5900")
        );
        assert_eq!(
            target(r#"{"host":"10.0.0.1:5900"}"#),
            machine("10.0.0.1:5900")
        );
        assert_eq!(target(r#"{"desktop":"office"}"#), "Desktop(\"office\")");
        for nothing in ["", " \n", "null", "{}"] {
            assert_eq!(target(nothing), "none");
        }
        for wrong in ["[]", "\"a:1\"", "{", "{\"port\":1}", "a b", "lab"] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(read(b"\xff\xfe").is_err());
    }

    #[test]
    fn a_password_is_taken_from_a_service() {
        let ticket = read(br#"{"host":"a:1","password":"pw"}"#).unwrap().unwrap();
        assert_eq!(ticket.password, Some(crate::Password::new(b"pw")));
    }
}
