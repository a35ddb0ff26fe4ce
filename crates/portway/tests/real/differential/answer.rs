//! What a server did on one connection, without what depends on the moment or on the machine.

use std::fmt::Write;
use std::io;
use std::process::Command;
use std::time::Duration;

use testkit::process::run;
use testkit::{Conn, Response, Server};

use super::case::{Case, Known};

/// Longer than a server needs to close a connection that it means to close.
const MOMENT: Duration = Duration::from_millis(15);

/// How long an answer may take; that none comes at all is an answer too.
const PATIENCE: Duration = Duration::from_secs(2);

/// Fields that name the moment or the program.
const SET_ASIDE: &[&str] = &["date", "server", "expires"];

const OPEN: &str = "open";
const BROKEN_PROMISE: &str = "closed, or more than was asked for, though kept alive";

/// Everything that came on a connection.
#[derive(Debug)]
pub struct Answer {
    parts: Vec<Part>,
    end: String,
}

/// A response, in the form that is compared.
#[derive(Debug, Clone)]
struct Part {
    status_line: String,
    fields: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// Plays a case against a server.
    pub fn to(case: &Case, server: &Server) -> Self {
        let mut conn = server.connect();
        conn.set_deadline(PATIENCE);
        conn.send(&case.bytes);
        let mut parts = Vec::new();
        let mut methods = case.methods.iter();
        let mut method = methods.next();
        let mut last = None;
        while let Some(name) = method {
            let response = match conn.try_response(name) {
                Ok(response) => response,
                Err(error) => {
                    return Self {
                        parts,
                        end: broken(&mut conn, &error),
                    };
                }
            };
            let interim = (100..200).contains(&response.status) && response.status != 101;
            parts.push(Part::of(&response, server));
            if !interim {
                method = methods.next();
            }
            last = Some(response);
        }
        Self {
            parts,
            end: fate(&mut conn, last.as_ref()),
        }
    }

    /// Every difference in a line; empty when there is none. `self` is nginx's answer.
    pub fn differences(&self, ours: &Self, case: &Case) -> String {
        let mut found = String::new();
        if self.parts.len() != ours.parts.len() {
            let _ = writeln!(
                found,
                "responses: {} / {}",
                self.parts.len(),
                ours.parts.len()
            );
            let _ = writeln!(found, "nginx: {self:?}\nours: {ours:?}");
        }
        for (theirs, ours) in self.parts.iter().zip(&ours.parts) {
            let (theirs, ours) = Part::comparable(theirs, ours, &case.ignored);
            line(&mut found, "status", &theirs.status_line, &ours.status_line);
            line(&mut found, "body", &theirs.body, &ours.body);
            for field in theirs
                .fields
                .iter()
                .filter(|field| !ours.fields.contains(field))
            {
                let _ = writeln!(found, "only nginx has {}: {}", field.0, field.1);
            }
            for field in ours
                .fields
                .iter()
                .filter(|field| !theirs.fields.contains(field))
            {
                let _ = writeln!(found, "only we have {}: {}", field.0, field.1);
            }
            if theirs.fields.len() != ours.fields.len() && found.is_empty() {
                let _ = writeln!(found, "fields: {:?} / {:?}", theirs.fields, ours.fields);
            }
        }
        // nginx closes after some responses that promise otherwise; nobody needs to do the same.
        if !(self.end == BROKEN_PROMISE && ours.end == OPEN) {
            line(&mut found, "end", &self.end, &ours.end);
        }
        found
    }
}

impl Known {
    /// A difference must still be one, and ours must be the answer that was meant.
    pub fn check(&self, theirs: &Answer, ours: &Answer, case: &Case) -> String {
        if theirs.differences(ours, case).is_empty() {
            return format!("is the same now, though: {}\n", self.reason);
        }
        match ours.parts.first() {
            Some(part) if part.status_line.split(' ').nth(1) == Some(&self.status) => String::new(),
            _ => format!(
                "must be {}, since {}, but is {ours:?}\n",
                self.status, self.reason
            ),
        }
    }
}

fn line(found: &mut String, what: &str, theirs: &str, ours: &str) {
    if theirs != ours {
        let _ = writeln!(found, "{what}: {theirs:?} / {ours:?}");
    }
}

/// How a connection ended that gave no whole response.
fn broken(conn: &mut Conn, error: &io::Error) -> String {
    let kind = match error.kind() {
        // Whether unread bytes turn a close into a reset depends on timing.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => "closed".to_owned(),
        other => other.to_string(),
    };
    format!(
        "{kind} after {:?}",
        String::from_utf8_lossy(&conn.take_unread())
    )
}

/// What became of the connection after the last response.
fn fate(conn: &mut Conn, last: Option<&Response>) -> String {
    if last.is_some_and(|response| response.status != 101 && !response.keeps_alive()) {
        let rest = conn.read_to_end();
        return format!("closed after {:?}", String::from_utf8_lossy(&rest));
    }
    if conn.silent_for(MOMENT) {
        OPEN
    } else {
        BROKEN_PROMISE
    }
    .to_owned()
}

/// The body, unpacked: two compressors seldom agree on bytes. A part of a packed file stays as it
/// is.
fn plain_body(response: &Response, server: &Server) -> Vec<u8> {
    let is_whole = response.status != 206 && !response.body.is_empty();
    if response.field("content-encoding") != Some("gzip") || !is_whole {
        return response.body.clone();
    }
    let packed = server.files().write("packed.gz", &response.body);
    let output = run(Command::new("gzip").arg("-dc").arg(packed), PATIENCE);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

impl Part {
    fn of(response: &Response, server: &Server) -> Self {
        let port = format!(":{}", server.addr().port());
        let dir = server.files().path().display().to_string();
        let without_place = |text: &str| text.replace(&port, ":PORT").replace(&dir, "DIR");
        let kept = response
            .fields
            .iter()
            .filter(|(name, _)| !SET_ASIDE.contains(&name.to_ascii_lowercase().as_str()));
        let mut fields: Vec<_> = kept
            .map(|(name, value)| (name.clone(), without_place(value)))
            .collect();
        fields.sort();
        Self {
            status_line: response.status_line().to_owned(),
            fields,
            body: without_place(&String::from_utf8_lossy(&plain_body(response, server))),
        }
    }

    /// Both sides without what need not be the same: the case's list, and the wording of built-in
    /// error pages, which must be there on both sides.
    fn comparable(theirs: &Self, ours: &Self, ignored: &[String]) -> (Self, Self) {
        let (mut theirs, mut ours) = (theirs.clone(), ours.clone());
        let error_page = theirs.body.contains("<center>nginx");
        for part in [&mut theirs, &mut ours] {
            if error_page && !part.body.is_empty() {
                "(an error page)".clone_into(&mut part.body);
            }
            if ignored.iter().any(|name| name == "body") {
                part.body.clear();
            }
            let length_varies = error_page || ignored.iter().any(|name| name == "body");
            part.fields.retain(|(name, _)| {
                let name = name.to_ascii_lowercase();
                !(ignored.contains(&name) || length_varies && name == "content-length")
            });
        }
        (theirs, ours)
    }
}

#[test]
fn a_difference_in_any_part_is_found() {
    let part = |status: &str, field: &str, body: &str| Answer {
        parts: vec![Part {
            status_line: status.to_owned(),
            fields: vec![("X-A".to_owned(), field.to_owned())],
            body: body.to_owned(),
        }],
        end: "open".to_owned(),
    };
    let case = Case::default();
    let nginx = part("HTTP/1.1 200 OK", "1", "b");
    assert_eq!(
        nginx.differences(&part("HTTP/1.1 200 OK", "1", "b"), &case),
        ""
    );
    for (status, field, body) in [
        ("HTTP/1.1 200", "1", "b"),
        ("HTTP/1.1 200 OK", "2", "b"),
        ("HTTP/1.1 200 OK", "1", "c"),
    ] {
        assert_ne!(nginx.differences(&part(status, field, body), &case), "");
    }
    let closed = Answer {
        end: "closed".to_owned(),
        ..part("HTTP/1.1 200 OK", "1", "b")
    };
    assert_ne!(nginx.differences(&closed, &case), "");
}
