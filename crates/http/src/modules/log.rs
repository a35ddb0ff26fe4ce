//! `ngx_http_log_module`: `access_log` and `log_format`.

use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use conf::{Arity, Diagnostic, Directive, Item, Word, value};
use net::clock;
use net::log::{Errno, Level as LogLevel, Target as LogTarget, syslog};
use script::{Escape, Format, Template};

use crate::draft::{Draft as HttpDraft, Level};
use crate::error_log::syslog_target;
use crate::log_later::Late;
use crate::logs::FileTarget;
use crate::module::{ANY, Cx, Done, HTTP, LIMIT_EXCEPT, LOCATION_IF, Module, Set, doc};
use crate::modules::static_files;
use crate::open_files::CacheConf;
use crate::request::Request;
use crate::settings::settings;

mod open;

settings! {
    // DIFFERS: without any access_log nginx writes logs/access.log; here nothing is written.
    /// Where requests are written; `None` is nowhere, in a draft `off`.
    logs: Option<Vec<AccessLog>> = None, inherit;
    /// Logs that stay open although their paths have variables.
    cache: Option<CacheConf> = None, inherit;
}

/// One `access_log`.
#[derive(Debug, Clone)]
pub struct AccessLog {
    to: Target,
    format: Format,
    condition: Option<Template>,
    buffer: Option<Arc<Buffer>>,
}

#[derive(Debug, Clone)]
enum Target {
    File(Arc<FileTarget>),
    /// The path has variables: the file is opened when a line is written.
    Dynamic(Template, PathBuf),
    /// Such a path, its variables evaluated.
    Path(PathBuf, Option<CacheConf>),
    /// Nowhere, because the folder that the request is about is not there.
    Nowhere,
    Syslog(Arc<syslog::Syslog>),
}

/// Lines that wait to be written together; shared by the threads, so that one file has one.
#[derive(Debug)]
struct Buffer {
    size: usize,
    flush: Option<Duration>,
    /// The level of compression, if lines are compressed.
    gzip: Option<u32>,
    lines: Mutex<(Vec<u8>, Option<Instant>)>,
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_log_module",
    directives: &[
        Directive::new(
            "access_log",
            ANY.or(LOCATION_IF).or(LIMIT_EXCEPT),
            Arity::AtLeast(1),
            Set::Level(access_log),
            doc(
                "access_log path [format [buffer=size] [gzip[=level]] [flush=time] [if=condition]] | off;",
                "access_log off;",
                "Where requests are written, and in which format (combined, unless one is named).",
            ),
        ),
        Directive::new(
            "log_format",
            HTTP,
            Arity::AtLeast(2),
            Set::Main(log_format),
            doc(
                "log_format name [escape=default|json|none] string …;",
                "log_format combined \"…\";",
                "A format for access_log.",
            ),
        ),
        Directive::new(
            "open_log_file_cache",
            ANY,
            Arity::Between(1, 4),
            Set::Level(|item, level, _| {
                let cache = CacheConf::read(item, true)?;
                item.once(&mut level.drafts.log.cache, cache)
            }),
            doc(
                "open_log_file_cache off | max=N [inactive=time] [min_uses=N] [valid=time];",
                "open_log_file_cache off;",
                "Keeps so many logs open whose paths have variables. Every thread has its own cache.",
            ),
        ),
    ],
    variables: &[],
};

const COMBINED: &[u8] = b"$remote_addr - $remote_user [$time_local] \"$request\" $status \
$body_bytes_sent \"$http_referer\" \"$http_user_agent\"";

/// Defines the format that is always there.
pub fn define_combined(cx: &mut Cx<'_>) {
    if let Ok(format) = Format::compile(COMBINED, Escape::Default, &mut cx.names) {
        cx.formats.insert("combined".to_owned(), format);
    }
}

fn log_format(item: &Item, _draft: &mut HttpDraft, cx: &mut Cx<'_>) -> Done {
    let name = item.text(0)?.to_owned();
    if cx.formats.contains_key(&name) {
        return Err(item.error(format!("duplicate \"log_format\" name \"{name}\"")));
    }
    let mut words = &item.args[1..];
    let mut escape = Escape::Default;
    if let Some(kind) = words[0].text.strip_prefix(b"escape=") {
        escape = match kind {
            b"default" => Escape::Default,
            b"json" => Escape::Json,
            b"none" => Escape::None,
            _ => {
                let kind = String::from_utf8_lossy(kind);
                return Err(item.error(format!("unknown log format escaping \"{kind}\"")));
            }
        };
        words = &words[1..];
    }
    let text: Vec<u8> = words
        .iter()
        .flat_map(|word| word.text.iter().copied())
        .collect();
    let format = Format::compile(&text, escape, &mut cx.names);
    cx.formats
        .insert(name, format.map_err(|message| item.error(message))?);
    Ok(())
}

fn access_log(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let path = item.arg(0)?;
    if path.text == b"off" {
        if item.args.len() > 1 {
            return Err(item.invalid_parameter(&item.args[1]));
        }
        // As nginx: it switches off whatever else the level names, before it and behind.
        level.drafts.log.logs = Some(None);
        return Ok(());
    }
    let mut log = AccessLog {
        to: target(item, cx)?,
        format: Format::default(),
        condition: None,
        buffer: None,
    };
    let mut words = &item.args[1..];
    let named = words.first().filter(|word| !word.text.contains(&b'='));
    let name = named.map_or_else(|| "combined".to_owned(), |word| word.display());
    if named.is_some() {
        words = &words[1..];
    }
    let format = cx.formats.get(&name);
    log.format = format
        .cloned()
        .ok_or_else(|| item.error(format!("unknown log format \"{name}\"")))?;
    parameters(item, words, &mut log, cx)?;
    let unbuffered = match (&log.to, &log.buffer) {
        (Target::Syslog(_), Some(_)) => Some("logs to syslog cannot be buffered"),
        (Target::Dynamic(..), Some(_)) => Some("buffered logs cannot have variables in name"),
        _ => None,
    };
    if let Some(reason) = unbuffered {
        return Err(item.error(reason));
    }
    match &mut level.drafts.log.logs {
        Some(None) => {}
        Some(Some(logs)) => logs.push(log),
        none => *none = Some(Some(vec![log])),
    }
    Ok(())
}

/// Reads what follows the name of the format.
fn parameters(item: &Item, words: &[Word], log: &mut AccessLog, cx: &mut Cx<'_>) -> Done {
    let (mut size, mut flush, mut gzip) = (None, None, None);
    for word in words {
        let invalid = || item.invalid_parameter(word);
        let mut halves = word.text.splitn(2, |&byte| byte == b'=');
        match (halves.next().unwrap_or_default(), halves.next()) {
            (b"buffer", Some(text)) => size = Some(value::size(text).ok_or_else(invalid)?),
            (b"flush", Some(time)) => flush = Some(value::time(time).ok_or_else(invalid)?),
            (b"gzip", None) => gzip = Some(1),
            (b"gzip", Some(level)) => {
                let level = value::number(level).filter(|level| (1..=9).contains(level));
                gzip = Some(level.ok_or_else(invalid)? as u32);
            }
            (b"if", Some(condition)) => log.condition = Some(cx.template_of(item, condition)?),
            _ => return Err(invalid()),
        }
    }
    let size = size.or(gzip.map(|_| 64 * 1024));
    if let Some(size) = size {
        let size = size as usize;
        let lines = Mutex::default();
        log.buffer = Some(Arc::new(Buffer {
            size,
            flush,
            gzip,
            lines,
        }));
    } else if flush.is_some() {
        return Err(item.error("no buffer is defined for access_log"));
    }
    Ok(())
}

fn target(item: &Item, cx: &mut Cx<'_>) -> Result<Target, Diagnostic> {
    let path = item.arg(0)?;
    if let Some(parameters) = path.text.strip_prefix(b"syslog:")
        && let LogTarget::Syslog(spec, addr) = syslog_target(item, parameters, cx.bundle)?
    {
        let server = syslog::Syslog::new(&spec, addr, &cx.bundle.hostname);
        return Ok(Target::Syslog(Arc::new(server)));
    }
    let template = cx.template(item, 0)?;
    match template.as_constant() {
        Some(_) => Ok(Target::File(
            cx.logs.file(&cx.bundle.prefix_path(&path.text)),
        )),
        None => Ok(Target::Dynamic(template, cx.bundle.prefix.clone())),
    }
}

/// Writes a finished request to the logs of its location.
pub fn write(request: &Request) {
    for log in wanted(request) {
        let line = line_of(request, log);
        if let Err(failure) = log.to.of(request).deliver(line, log.buffer.as_ref()) {
            request.log(LogLevel::Error, format_args!("{failure}"));
        }
    }
}

/// The finished line. Secrets are looked for in each value by itself, since nobody knows what
/// stands between two of them.
fn line_of(request: &Request, log: &AccessLog) -> Vec<u8> {
    let mut line = Vec::with_capacity(256);
    let secrets = request.secrets.borrow();
    match secrets.is_empty() {
        true => log.format.append(request, &mut line),
        false => log.format.append_parts(request, |_, value| {
            line.extend_from_slice(&secrets.mask(&value));
        }),
    }
    line
}

/// The logs whose conditions the request fulfils.
fn wanted(request: &Request) -> impl Iterator<Item = &AccessLog> {
    let logs = request.conf().log.logs.iter().flatten();
    logs.filter(|log| match &log.condition {
        Some(condition) => !matches!(&request.eval(condition)[..], b"" | b"0"),
        None => true,
    })
}

/// A line that is finished later: what is known now, and where the rest goes.
#[derive(Debug)]
pub struct LateLine {
    to: Target,
    buffer: Option<Arc<Buffer>>,
    text: Box<[u8]>,
    /// Behind which byte of the text each value goes, in their order.
    late: Box<[(u32, Late)]>,
}

impl LateLine {
    /// Writes the finished line; the error is a message for the error log.
    pub fn finish(&self, mut value: impl FnMut(Late) -> String) -> Result<(), String> {
        let mut line = Vec::with_capacity(self.text.len() + 32);
        let mut at = 0;
        for &(behind, late) in &self.late {
            line.extend_from_slice(&self.text[at..behind as usize]);
            line.extend_from_slice(value(late).as_bytes());
            at = behind as usize;
        }
        line.extend_from_slice(&self.text[at..]);
        self.to.deliver(line, self.buffer.as_ref())
    }
}

/// The lines of a request as far as they are known now.
pub fn write_down(request: &Request) -> Box<[LateLine]> {
    let names = &request.config().variables;
    let line = |log: &AccessLog| {
        let mut text = Vec::new();
        let mut late = Vec::new();
        log.format.append_parts(request, |part, value| {
            match part.and_then(|id| Late::of_name(names.name(id))) {
                Some(later) => late.push((text.len() as u32, later)),
                None => text.extend_from_slice(&request.secrets.borrow().mask(&value)),
            }
        });
        LateLine {
            to: log.to.of(request),
            buffer: log.buffer.clone(),
            text: text.into(),
            late: late.into(),
        }
    };
    wanted(request).map(line).collect()
}

impl Target {
    /// The same with its path known, free of the request.
    fn of(&self, request: &Request) -> Self {
        match self {
            Target::Dynamic(path, prefix) => {
                if !has_root(request) {
                    return Target::Nowhere;
                }
                let path = request.eval(path);
                let path = prefix.join(Path::new(std::ffi::OsStr::from_bytes(&path)));
                Target::Path(path, request.conf().log.cache)
            }
            target => target.clone(),
        }
    }

    /// Writes a finished line; the error is a message for the error log.
    fn deliver(&self, mut line: Vec<u8>, buffer: Option<&Arc<Buffer>>) -> Result<(), String> {
        match self {
            Target::Syslog(server) => {
                return server.send(&line).map_err(|failure| failure.to_string());
            }
            Target::File(file) => {
                line.push(b'\n');
                match buffer {
                    None => file.write(&line),
                    Some(buffer) => buffer.add(&line, file),
                }
            }
            Target::Path(path, cache) => {
                line.push(b'\n');
                let file = open::open(path, cache.as_ref())
                    .map_err(|error| format!("open() \"{}\" failed ({error})", path.display()))?;
                file.write(&line);
            }
            // `of` has made a path of it.
            Target::Dynamic(..) | Target::Nowhere => {}
        }
        Ok(())
    }
}

/// Whether the folder is there that the request's path is in: as nginx, a log named by what clients
/// send is not written for every name that they think of.
fn has_root(request: &Request) -> bool {
    let root = static_files::document_root(request);
    let problem = match static_files::look_at(request, &root) {
        Ok(stat) if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir() => return true,
        Ok(_) => format!("\"{}\" is not a directory", root.display()),
        Err(error) => {
            let (root, error) = (root.display(), Errno(&error));
            format!("testing \"{root}\" existence failed {error}")
        }
    };
    request.log(LogLevel::Error, format_args!("{problem}"));
    false
}

impl Buffer {
    fn add(self: &Arc<Self>, line: &[u8], file: &Arc<FileTarget>) {
        let mut guard = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let (lines, since) = &mut *guard;
        if lines.len() + line.len() > self.size {
            self.write(lines, file);
            lines.clear();
            *since = None;
        }
        if line.len() > self.size {
            return self.write(line, file);
        }
        lines.extend_from_slice(line);
        if since.is_none() {
            *since = Some(clock::now());
            if let Some(flush) = self.flush {
                let (buffer, file) = (self.clone(), file.clone());
                tokio::task::spawn_local(async move {
                    net::timer::sleep(flush).await;
                    buffer.flush(&file);
                });
            }
        }
    }

    fn flush(&self, file: &FileTarget) {
        let mut guard = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let (lines, since) = &mut *guard;
        if !lines.is_empty() {
            self.write(lines, file);
            lines.clear();
        }
        *since = None;
    }

    fn write(&self, lines: &[u8], file: &FileTarget) {
        let Some(level) = self.gzip else {
            return file.write(lines);
        };
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        // Writing to a Vec cannot fail.
        if gzip.write_all(lines).is_ok()
            && let Ok(packed) = gzip.finish()
        {
            file.write(&packed);
        }
    }
}

impl Conf {
    /// Writes what waits in buffers; called when a worker ends.
    pub fn flush(&self) {
        for log in self.logs.iter().flatten() {
            if let (Target::File(file), Some(buffer)) = (&log.to, &log.buffer) {
                buffer.flush(file);
            }
        }
    }
}
