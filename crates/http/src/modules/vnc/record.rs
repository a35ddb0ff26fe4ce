//! `vnc_record`: which sessions are recorded, where to, and what becomes of those that cannot be.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use conf::{Arity, Directive, Item, Span, value};
use net::log::{ErrorLog, Level as LogLevel};
use recording::{Grade, Limits, Plan};
use vnc::{OnFull, Record, TapSource};

use super::desktops::LEVELS;
use super::{Conf, Switch};
use crate::draft::Level;
use crate::module::{Cx, Done, Module, Set, doc};
use crate::request::Request;

/// The module.
pub const MODULE: Module = Module {
    name: "portway_vnc_record_module",
    directives: &[Directive::new(
        "vnc_record",
        LEVELS,
        Arity::Between(1, 5),
        Set::Level(vnc_record),
        doc(
            "vnc_record directory [keep=time] [max_size=size] [on_full=stop|cut] [if=value];  vnc_record off;",
            "vnc_record off;",
            "Records sessions in a directory: what the machine shows and where the pointer is, never keys, credentials or clipboards. keep= removes recordings that ended so long ago, max_size= the oldest when all together are larger; a session that cannot be recorded any more goes on without (stop) or ends (cut); if= records where the value is neither empty nor 0 nor off.",
        ),
    )],
    variables: &[],
};

/// What a level says of recording.
#[derive(Debug, Clone)]
pub struct Asked {
    place: Arc<Place>,
    when: Switch,
}

/// A folder of recordings; one for each folder in a configuration.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    limits: Limits,
    on_full: OnFull,
    /// What stands in the policies of sessions.
    source: OnceLock<Arc<Record>>,
}

/// The folders named so far, and where.
pub type Places = HashMap<PathBuf, (Arc<Place>, Span)>;

impl Place {
    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How its recordings are kept.
    pub fn plan(&self, log: ErrorLog) -> Plan {
        let tell = move |grade, text: &str| {
            let level = match grade {
                Grade::Info => LogLevel::Info,
                Grade::Notice => LogLevel::Notice,
                Grade::Error => LogLevel::Error,
            };
            log.log(level, None, format_args!("{text}"));
        };
        Plan {
            folder: self.folder.clone(),
            limits: self.limits,
            tell: Arc::new(tell),
        }
    }

    fn source(&self, request: &Request) -> Arc<Record> {
        let make = || {
            let log = request.conf().core.error_logs.log().clone();
            Arc::new(Record {
                recorder: request.generation.thread.shared.recorder.clone(),
                plan: self.plan(log),
                on_full: self.on_full,
            })
        };
        self.source.get_or_init(make).clone()
    }
}

/// Who records the session that a request asks for.
pub fn taps(request: &Request, conf: &Conf) -> Vec<Arc<dyn TapSource>> {
    let asked = conf.record.as_ref();
    let asked = asked.filter(|asked| asked.when.is_on(request));
    asked
        .map(|asked| asked.place.source(request) as Arc<dyn TapSource>)
        .into_iter()
        .collect()
}

fn vnc_record(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let word = item.arg(0)?;
    if word.text == b"off" {
        return match item.args.get(1) {
            Some(more) => Err(item.invalid_parameter(more)),
            None => item.once(&mut level.drafts.vnc.record, None),
        };
    }
    let mut limits = Limits::default();
    let (mut on_full, mut when) = (OnFull::Stop, Switch::On);
    for word in &item.args[1..] {
        let invalid = || item.invalid_parameter(word);
        let (name, text) = match word.text.iter().position(|&byte| byte == b'=') {
            Some(at) => (&word.text[..at], &word.text[at + 1..]),
            None => return Err(invalid()),
        };
        match name {
            b"keep" => limits.keep = Some(positive(value::time(text)).ok_or_else(invalid)?),
            b"max_size" => {
                let size = value::offset(text).filter(|&size| size > 0);
                limits.bytes_max = Some(size.ok_or_else(invalid)?);
            }
            b"on_full" => {
                on_full = match text {
                    b"stop" => OnFull::Stop,
                    b"cut" => OnFull::Cut,
                    _ => return Err(invalid()),
                };
            }
            b"if" => when = Switch::If(cx.template_of(item, text)?),
            _ => return Err(invalid()),
        }
    }
    let place = place(item, limits, on_full, cx)?;
    item.once(&mut level.drafts.vnc.record, Some(Asked { place, when }))
}

fn positive(time: Option<Duration>) -> Option<Duration> {
    time.filter(|time| !time.is_zero())
}

/// The folder, which has the same rules wherever it is named.
fn place(
    item: &Item,
    limits: Limits,
    on_full: OnFull,
    cx: &mut Cx<'_>,
) -> Result<Arc<Place>, conf::Diagnostic> {
    let folder = cx.bundle.prefix_path(&item.arg(0)?.text);
    if let Some((known, span)) = cx.record_places.get(&folder) {
        if (known.limits, known.on_full) == (limits, on_full) {
            return Ok(known.clone());
        }
        let (shown, line) = (folder.display(), span.line);
        return Err(item
            .error(format!("\"{shown}\" is recorded to with other parameters elsewhere"))
            .help(format!(
                "a folder has one \"keep\", \"max_size\" and \"on_full\"; the other \"vnc_record\" is in line {line}"
            )));
    }
    let place = Arc::new(Place {
        folder: folder.clone(),
        limits,
        on_full,
        source: OnceLock::new(),
    });
    cx.record_places
        .insert(folder, (place.clone(), item.span()));
    Ok(place)
}
