//! What the error log says of a request.

use net::log::{ErrorLog, Level};
use proto::h1::FieldName;

use super::Request;

impl Request {
    /// The error log of the place where it is.
    pub fn error_log(&self) -> &ErrorLog {
        self.conf().core.error_logs.log()
    }

    /// Writes to the error log: the message, then who asked for what.
    pub fn log(&self, level: Level, message: std::fmt::Arguments<'_>) {
        let log = self.error_log();
        if !log.admits(level) {
            return;
        }
        log.log_bytes(level, Some(self.conn.id), &self.log_line(message));
    }

    fn log_line(&self, message: std::fmt::Arguments<'_>) -> Vec<u8> {
        let message = message.to_string();
        let mut line = self.secrets.borrow().mask(message.as_bytes()).into_owned();
        self.append_log_context(&mut line);
        line
    }

    /// Who asked for what, as it follows a message in the error log.
    pub fn log_context(&self) -> String {
        let mut context = Vec::new();
        self.append_log_context(&mut context);
        String::from_utf8_lossy(&context).into_owned()
    }

    fn append_log_context(&self, line: &mut Vec<u8>) {
        line.extend(format!(", client: {}", self.client_text()).bytes());
        line.extend(b", server: ");
        line.extend_from_slice(&self.server().name);
        if !self.head.line.is_empty() {
            line.extend(b", request: \"");
            line.extend_from_slice(&self.secrets.borrow().mask(self.head.line.of(&self.buf)));
            line.push(b'"');
        }
        if !self.is_main() {
            line.extend(b", subrequest: \"");
            line.extend_from_slice(&self.secrets.borrow().mask(&self.uri.borrow()));
            line.push(b'"');
        }
        if let Some(attempt) = self.attempts.borrow().last() {
            line.extend(b", upstream: \"");
            line.extend_from_slice(attempt.scheme.as_bytes());
            line.extend_from_slice(attempt.peer().as_bytes());
            let uri = self.secrets.borrow().mask(&attempt.uri).into_owned();
            line.extend_from_slice(String::from_utf8_lossy(&uri).as_bytes());
            line.push(b'"');
        }
        if let Some(host) = self.header(FieldName::Host) {
            line.extend(b", host: \"");
            line.extend_from_slice(&self.secrets.borrow().mask(host));
            line.push(b'"');
        }
    }
}
