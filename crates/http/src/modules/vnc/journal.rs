//! `vnc_log`: where the start and the end of sessions are written, and what people do to them; one
//! line of JSON each.

use std::sync::Arc;

use conf::Item;
use net::log::{Level as LogLevel, Target, syslog};
use vnc::Notes;

use crate::draft::Level;
use crate::error_log::syslog_target;
use crate::logs::FileTarget;
use crate::module::{Cx, Done};
use crate::request::Request;

/// One `vnc_log`. Lines are not held back: there are few in a session's life.
#[derive(Debug, Clone)]
pub enum Journal {
    /// A file.
    File(Arc<FileTarget>),
    /// A syslog server.
    Syslog(Arc<syslog::Syslog>),
}

impl Journal {
    /// Writes a record; the error is a message for the error log.
    pub fn write(&self, record: &str) -> Result<(), String> {
        match self {
            Self::File(file) => {
                file.write(format!("{record}\n").as_bytes());
                Ok(())
            }
            Self::Syslog(server) => server
                .send(record.as_bytes())
                .map_err(|failure| failure.to_string()),
        }
    }
}

/// Writes a record to the journals of a request's place.
pub fn note(request: &Request, record: impl FnOnce() -> String) {
    let journals = &request.conf().vnc.journals;
    if journals.is_empty() {
        return;
    }
    let record = record();
    for journal in journals {
        if let Err(failure) = journal.write(&record) {
            request.log(LogLevel::Error, format_args!("{failure}"));
        }
    }
}

/// The same for what happens when the request is long over.
pub fn notes(request: &Request) -> Notes {
    let conf = request.conf();
    let (journals, errors) = (conf.vnc.journals.clone(), conf.core.error_logs.clone());
    if journals.is_empty() {
        return Notes::default();
    }
    Notes::new(move |record| {
        for journal in &journals {
            if let Err(failure) = journal.write(record) {
                let failure = format_args!("{failure}");
                errors.log().log(LogLevel::Error, None, failure);
            }
        }
    })
}

/// `vnc_log`
pub fn vnc_log(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let path = item.arg(0)?;
    let drafts = &mut level.drafts.vnc.journals;
    if path.text == b"off" {
        *drafts = Some(Vec::new());
        return Ok(());
    }
    if path.text.contains(&b'$') {
        return Err(item
            .error("\"vnc_log\" takes no variables")
            .at(path.span)
            .help("the records themselves say which desktop and which user it was"));
    }
    let journal = match path.text.strip_prefix(b"syslog:") {
        Some(parameters) => {
            let Target::Syslog(spec, addr) = syslog_target(item, parameters, cx.bundle)? else {
                return Err(item.invalid(path));
            };
            let server = syslog::Syslog::new(&spec, addr, &cx.bundle.hostname);
            Journal::Syslog(Arc::new(server))
        }
        None => Journal::File(cx.logs.file(&cx.bundle.prefix_path(&path.text))),
    };
    drafts.get_or_insert_default().push(journal);
    Ok(())
}
