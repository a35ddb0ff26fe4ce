//! `ngx_http_autoindex_module`: the listing of a folder.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use bytes::Bytes;
use conf::{Arity, Directive, Item};
use net::log::{Errno, Level as LogLevel};
use proto::h1::Method;

use crate::draft::Level;
use crate::module::{ANY, Cx, Done, Module, Set, doc, store};
use crate::modules::static_files::{not_there, path_of};
use crate::phases::Flow;
use crate::request::Request;
use crate::response::{Body, Head, Response};
use crate::settings::settings;
use crate::variable::arg;
use page::Entry;

mod page;

settings! {
    /// Whether folders are listed.
    on: bool = false, inherit;
    /// As what.
    format: Format = Format::Html, inherit;
    /// Whether sizes are in bytes.
    exact_size: bool = true, inherit;
    /// Whether times are local.
    localtime: bool = false, inherit;
}

/// As what a folder is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A page.
    Html,
    /// An array of objects.
    Json,
    /// A call of a function that the request names, with that array.
    Jsonp,
    /// A document.
    Xml,
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_autoindex_module",
    directives: &[
        Directive::new(
            "autoindex",
            ANY,
            Arity::Flag,
            store!(flag autoindex.on),
            doc(
                "autoindex on | off;",
                "autoindex off;",
                "Whether a folder without an index file is listed.",
            ),
        ),
        Directive::new(
            "autoindex_format",
            ANY,
            Arity::Exactly(1),
            Set::Level(format),
            doc(
                "autoindex_format html | xml | json | jsonp;",
                "autoindex_format html;",
                "What listings are made of. With jsonp the argument `callback` names the function.",
            ),
        ),
        Directive::new(
            "autoindex_localtime",
            ANY,
            Arity::Flag,
            store!(flag autoindex.localtime),
            doc(
                "autoindex_localtime on | off;",
                "autoindex_localtime off;",
                "Whether the times in HTML listings are local instead of UTC.",
            ),
        ),
        Directive::new(
            "autoindex_exact_size",
            ANY,
            Arity::Flag,
            store!(flag autoindex.exact_size),
            doc(
                "autoindex_exact_size on | off;",
                "autoindex_exact_size on;",
                "Whether the sizes in HTML listings are exact instead of rounded to K, M and G.",
            ),
        ),
    ],
    variables: &[],
};

fn format(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let word = item.arg(0)?;
    let format = match &word.text[..] {
        b"html" => Format::Html,
        b"json" => Format::Json,
        b"jsonp" => Format::Jsonp,
        b"xml" => Format::Xml,
        _ => return Err(item.invalid(word)),
    };
    item.once(&mut level.drafts.autoindex.format, format)
}

/// The handler: lists a folder.
pub fn run(request: &Request) -> Flow {
    let conf = &request.conf().autoindex;
    if !conf.on || !request.uri.borrow().ends_with(b"/") {
        return Flow::Next;
    }
    if !matches!(request.method.get(), Method::Get | Method::Head) {
        return Flow::Next;
    }
    let callback = match conf.format {
        Format::Jsonp => callback(request),
        _ => Ok(Bytes::new()),
    };
    let Ok(callback) = callback else {
        return Flow::Status(400);
    };
    let uri = request.uri();
    let folder = path_of(request, &uri);
    let entries = match read(request, &folder) {
        Ok(entries) => entries,
        Err(error) => return folder_error(request, &folder, &error),
    };
    let (content_type, text) = match conf.format {
        Format::Html => ("text/html", html(conf, &uri, &entries)),
        Format::Xml => ("text/xml; charset=utf-8", page::xml(&entries)),
        Format::Jsonp if !callback.is_empty() => {
            ("application/javascript", page::jsonp(&entries, &callback))
        }
        Format::Json | Format::Jsonp => ("application/json", page::json(&entries)),
    };
    let head = Head {
        content_type: Some(Bytes::from_static(content_type.as_bytes())),
        ..Head::new(200)
    };
    Flow::Respond(Response {
        head: head.into(),
        body: Body::bytes(text),
    })
}

fn html(conf: &Conf, uri: &[u8], entries: &[Entry]) -> Vec<u8> {
    let offset = match conf.localtime {
        true => {
            let now = net::log::time::seconds(net::clock::wall());
            i64::from(net::sys::time::local(now).offset) * 60
        }
        false => 0,
    };
    let sizes = match conf.exact_size {
        true => page::Sizes::Exact,
        false => page::Sizes::Rounded,
    };
    page::html(uri, entries, offset, sizes)
}

/// The function that the request names; an error if no function may have such a name.
fn callback(request: &Request) -> Result<Bytes, ()> {
    const LONGEST: usize = 128;
    let mut name = Vec::new();
    arg(request, "callback", &mut name);
    let valid = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    let wrong = match name.len() {
        LONGEST.. if name.len() > LONGEST => "too long",
        _ if !name.iter().all(valid) => "invalid",
        _ => return Ok(name.into()),
    };
    let name = String::from_utf8_lossy(&name).into_owned();
    request.log(
        LogLevel::Info,
        format_args!("client sent {wrong} callback name: \"{name}\""),
    );
    Err(())
}

/// What is in a folder, hidden files left out: folders first, then by name.
fn read(request: &Request, folder: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for found in std::fs::read_dir(folder)? {
        let found = found?;
        if found.file_name().as_bytes().starts_with(b".") {
            continue;
        }
        match entry(&found) {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                let (path, errno) = (found.path(), Errno(&error));
                request.log(
                    LogLevel::Crit,
                    format_args!("stat() \"{}\" failed {errno}", path.display()),
                );
                if error.kind() != io::ErrorKind::PermissionDenied {
                    return Err(error);
                }
            }
        }
    }
    entries.sort_by(|a, b| b.is_dir.cmp(&a.is_dir).then_with(|| a.name.cmp(&b.name)));
    Ok(entries)
}

fn entry(found: &std::fs::DirEntry) -> io::Result<Entry> {
    use rustix::io::Errno as Os;
    let path = found.path();
    let metadata = match std::fs::metadata(&path) {
        // A link that leads nowhere, or round and round, is listed as itself.
        Err(error) if matches!(Os::from_io_error(&error), Some(Os::NOENT | Os::LOOP)) => {
            std::fs::symlink_metadata(&path)?
        }
        result => result?,
    };
    Ok(Entry {
        name: Bytes::copy_from_slice(found.file_name().as_bytes()),
        is_dir: metadata.is_dir(),
        is_file: metadata.is_file(),
        modified: metadata.mtime(),
        size: metadata.len(),
    })
}

/// The answer for a folder that cannot be read.
pub fn folder_error(request: &Request, folder: &Path, error: &io::Error) -> Flow {
    let (status, level) = match error.kind() {
        _ if not_there(error) => (404, LogLevel::Error),
        io::ErrorKind::PermissionDenied => (403, LogLevel::Error),
        _ => (500, LogLevel::Crit),
    };
    let folder = folder.display().to_string();
    let folder = match folder.trim_end_matches('/') {
        "" => "/",
        folder => folder,
    };
    request.log(
        level,
        format_args!("opendir() \"{folder}\" failed {}", Errno(error)),
    );
    Flow::Status(status)
}
