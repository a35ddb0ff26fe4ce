//! A Redis server that is asked about tokens (websockify's `TokenRedis`).
//!
//! Each question has a connection of its own: log in, choose the database, get the value; all in
//! one turn.

use std::fmt;
use std::io;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use net::{Addr, Deadline, Stream, connect};

use super::TokenError;
use super::http::{self, Place};
use super::ticket::Ticket;

mod reply;

use reply::{Reply, ReplyError};

/// The longest value.
pub(super) const VALUE_BYTES_MAX: usize = 16 * 1024;

/// How much is read at a time.
const READ_BYTES: usize = 4096;

/// Where and how a server is asked.
pub struct Store {
    /// Its addresses, tried in turn.
    pub addrs: Vec<Addr>,
    /// What it is called in messages.
    pub name: String,
    /// The number of the database.
    pub database: u32,
    /// Who logs in, if not the default user.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Vec<u8>>,
    /// What stands before a token in the key of its value.
    pub prefix: String,
    /// Within which time an answer must be there.
    pub timeout: Duration,
}

/// A server, and how many questions it is asked at the moment.
#[derive(Debug)]
pub struct RedisSource {
    store: Store,
    asking: AtomicUsize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// Only the word that says what it is: the rest may repeat what was asked.
    #[error("it says {0}")]
    Refused(String),
}

impl RedisSource {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            asking: AtomicUsize::new(0),
        }
    }

    /// What it is called, without the password.
    pub(super) fn name(&self) -> String {
        let Store {
            name,
            database,
            prefix,
            ..
        } = &self.store;
        format!("redis://{name}/{database}/{prefix}%s")
    }

    /// What is stored for a token. Cancel-safe: dropping it closes the connection.
    pub(super) async fn lookup(&self, token: &str) -> Result<Option<Ticket>, TokenError> {
        let failed = |error: String| TokenError::Failed {
            of: self.name(),
            error,
        };
        let place = Place::take(&self.asking);
        let _place = place.ok_or_else(|| failed("too many questions at a time".into()))?;
        let mut problem = "it has no address".to_owned();
        for addr in &self.store.addrs {
            match self.store.get(addr, token).await {
                Ok(None) => return Ok(None),
                Ok(Some(value)) => {
                    let ticket = http::read(&value);
                    return ticket.map_err(|error| TokenError::BadAnswer {
                        of: self.name(),
                        error: error.to_string(),
                    });
                }
                Err(failure @ Failure::Refused(_)) => return Err(failed(failure.to_string())),
                Err(failure) => problem = failure.to_string(),
            }
        }
        Err(failed(problem))
    }
}

impl Store {
    async fn get(&self, addr: &Addr, token: &str) -> Result<Option<Vec<u8>>, Failure> {
        let deadline = Deadline::after(self.timeout);
        tokio::select! {
            value = self.exchange(addr, token) => value,
            () = deadline.expired() => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
        }
    }

    async fn exchange(&self, addr: &Addr, token: &str) -> Result<Option<Vec<u8>>, Failure> {
        let stream = connect(addr, None, self.timeout).await?;
        let (question, commands) = self.question(token);
        stream.write_all(&question).await?;
        let mut replies = Replies {
            stream: &stream,
            received: Vec::new(),
        };
        let mut last = Reply::Nil;
        for _ in 0..commands {
            last = replies.next().await?;
            if let Reply::Error(word) = last {
                return Err(Failure::Refused(word));
            }
        }
        match last {
            Reply::Value(value) => Ok(Some(value)),
            Reply::Nil => Ok(None),
            Reply::Simple | Reply::Error(_) => Err(ReplyError::Unexpected.into()),
        }
    }

    /// All that is sent, and how many commands that are.
    fn question(&self, token: &str) -> (Vec<u8>, usize) {
        let mut out = Vec::new();
        let mut count = 0;
        let mut add = |words: &[&[u8]]| {
            count += 1;
            command(words, &mut out);
        };
        match (&self.user, &self.password) {
            (Some(user), Some(password)) => add(&[b"AUTH", user.as_bytes(), password]),
            (None, Some(password)) => add(&[b"AUTH", password]),
            (_, None) => {}
        }
        if self.database != 0 {
            add(&[b"SELECT", self.database.to_string().as_bytes()]);
        }
        let key = [self.prefix.as_bytes(), token.as_bytes()].concat();
        add(&[b"GET", &key]);
        (out, count)
    }
}

impl fmt::Debug for Store {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Store");
        shown.field("name", &self.name).finish_non_exhaustive()
    }
}

/// A command: an array of byte strings, each with its length, so that nothing in them ends them.
fn command(words: &[&[u8]], out: &mut Vec<u8>) {
    out.extend(format!("*{}\r\n", words.len()).bytes());
    for word in words {
        out.extend(format!("${}\r\n", word.len()).bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// The replies on a connection, one after the other.
struct Replies<'s> {
    stream: &'s Stream,
    received: Vec<u8>,
}

impl Replies<'_> {
    async fn next(&mut self) -> Result<Reply, Failure> {
        let mut buf = vec![0; READ_BYTES];
        loop {
            if let Some((reply, len)) = Reply::parse(&self.received)? {
                self.received.drain(..len);
                return Ok(reply);
            }
            match self.stream.read(&mut buf).await? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                n => self
                    .received
                    .extend_from_slice(buf.get(..n).unwrap_or_default()),
            }
        }
    }
}

/// Replies from a server, for fuzzing.
#[cfg(any(test, feature = "fuzz"))]
pub(super) fn read_replies(mut data: &[u8]) {
    while let Ok(Some((reply, len))) = Reply::parse(data) {
        assert!(0 < len && len <= data.len());
        if let Reply::Value(value) = reply {
            assert!(value.len() <= VALUE_BYTES_MAX && value.len() < len);
        }
        data = &data[len..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Store {
        Store {
            addrs: Vec::new(),
            name: "a:6379".into(),
            database: 0,
            user: None,
            password: None,
            prefix: String::new(),
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_question_is_one_to_three_commands() {
        let text = |store: &Store, token: &str| {
            let (question, count) = store.question(token);
            (String::from_utf8(question).unwrap(), count)
        };
        let get = "*2\r\n$3\r\nGET\r\n$3\r\nabc\r\n";
        assert_eq!(text(&store(), "abc"), (get.to_owned(), 1));
        let whole = Store {
            database: 2,
            user: Some("reader".into()),
            password: Some(b"pass word".to_vec()),
            prefix: "vnc:".into(),
            ..store()
        };
        let expected = "*3\r\n$4\r\nAUTH\r\n$6\r\nreader\r\n$9\r\npass word\r\n\
             *2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n*2\r\n$3\r\nGET\r\n$7\r\nvnc:abc\r\n";
        assert_eq!(text(&whole, "abc"), (expected.to_owned(), 3));
        assert!(!format!("{whole:?}").contains("pass"));
        // A token cannot be more than a key.
        let (question, _) = text(&store(), "a\r\nFLUSHALL");
        assert!(question.ends_with("$11\r\na\r\nFLUSHALL\r\n"), "{question}");
    }
}
