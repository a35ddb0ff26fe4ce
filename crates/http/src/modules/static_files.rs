//! `ngx_http_static_module`: files.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bytes::Bytes;
use net::log::{Errno, Level as LogLevel};
use proto::h1::Method;
use rustix::fs::{FileType, Mode, OFlags, Stat};

use crate::compose::compose;
use crate::digits;
use crate::module::Module;
use crate::modules::core::{DisableSymlinks, Root, Symlinks, not_found_level};
use crate::modules::types;
use crate::open_files::CacheConf;
use crate::phases::Flow;
use crate::redirect::redirect_to_slash;
use crate::request::Request;
use crate::response::{Body, Chunk, FileSlice, Head, Response};

/// The module; its directives are those of the core.
pub const MODULE: Module = Module {
    name: "ngx_http_static_module",
    directives: &[],
    variables: &[],
};

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
}

/// Whether a method reads; others are answered with 405 where there are only files.
pub fn method_is_allowed(request: &Request) -> bool {
    matches!(
        request.method.get(),
        Method::Get | Method::Head | Method::Post
    )
}

/// The path in the file system for a URI (`ngx_http_map_uri_to_path`).
pub fn path_of(request: &Request, uri: &[u8]) -> PathBuf {
    let location = request.location();
    /// Room for what usually stands before the URI.
    const ROOT_USUAL: usize = 64;
    let mut path = Vec::with_capacity(ROOT_USUAL + uri.len());
    match &location.settings.core.root {
        Root::Root(root) => {
            root.append(request, &mut path);
            if path.is_empty() {
                // Nothing is the prefix, as for any relative path, and not the whole machine.
                path.extend_from_slice(request.config().prefix.as_os_str().as_bytes());
            }
            path.extend_from_slice(uri);
        }
        Root::Alias(alias, strip) => {
            alias.append(request, &mut path);
            match strip {
                Some(strip) => path.extend_from_slice(uri.get(*strip..).unwrap_or_default()),
                None if request.add_uri_to_alias.get() => path.extend_from_slice(uri),
                None => {}
            }
        }
    }
    if path.starts_with(b"/") {
        return OsString::from_vec(path).into();
    }
    request
        .config()
        .prefix
        .join(Path::new(OsStr::from_bytes(&path)))
}

/// `root` or `alias` as a path (`$document_root`).
pub fn document_root(request: &Request) -> PathBuf {
    let (Root::Root(root) | Root::Alias(root, _)) = &request.conf().core.root;
    let root = request.eval(root);
    request
        .config()
        .prefix
        .join(Path::new(OsStr::from_bytes(&root)))
}

/// What stands at the path of a URI.
pub fn look(request: &Request, uri: &[u8]) -> io::Result<Kind> {
    let stat = look_at(request, &path_of(request, uri))?;
    Ok(kind(&stat))
}

/// What stands at a path, links refused as the location says.
pub fn look_at(request: &Request, path: &Path) -> io::Result<Stat> {
    if let Some(cache) = cache(request) {
        let errors = request.conf().open_file_cache.errors;
        return request.generation.open_files.look(&cache, errors, path);
    }
    Ok(open(request, path, OFlags::PATH)?.1)
}

/// The cache of open files, if there is one here. Where links are checked, every file is opened:
/// a link may change without the file that it leads to.
fn cache(request: &Request) -> Option<CacheConf> {
    let conf = request.conf();
    let cache = conf.open_file_cache.complete()?;
    (conf.core.disable_symlinks.which == Symlinks::Off).then_some(cache)
}

fn kind(stat: &Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Kind::Folder,
        _ => Kind::File,
    }
}

/// Whether there is simply nothing of that name.
pub fn not_there(error: &io::Error) -> bool {
    use rustix::io::Errno as Os;
    matches!(
        Os::from_io_error(error),
        Some(Os::NOENT | Os::NOTDIR | Os::NAMETOOLONG)
    )
}

/// The answer for a file that cannot be had.
pub fn refuse(request: &Request, uri: &[u8], error: &io::Error) -> Flow {
    use rustix::io::Errno as Os;
    let (status, level) = match Os::from_io_error(error) {
        _ if not_there(error) => (404, not_found_level(request)),
        Some(Os::ACCESS | Os::LOOP | Os::MLINK) => (403, Some(LogLevel::Error)),
        _ => (500, Some(LogLevel::Crit)),
    };
    if let Some(level) = level {
        let path = path_of(request, uri);
        request.log(
            level,
            format_args!("open() \"{}\" failed {}", path.display(), Errno(error)),
        );
    }
    Flow::Status(status)
}

/// The answer for a folder that is not there; the log names the index file that was looked for.
pub fn refuse_folder(request: &Request, index: &Path, error: &io::Error) -> Flow {
    if let Some(level) = not_found_level(request) {
        let (path, error) = (index.display(), Errno(error));
        request.log(level, format_args!("\"{path}\" is not found {error}"));
    }
    Flow::Status(404)
}

/// The handler: the file at the path of the URI.
pub fn run(request: &Request) -> Flow {
    if !method_is_allowed(request) {
        return Flow::Status(405);
    }
    let uri = request.uri();
    let path = path_of(request, &uri);
    if uri.ends_with(b"/") {
        let path = path.display();
        request.log(
            LogLevel::Error,
            format_args!("directory index of \"{path}\" is forbidden"),
        );
        return Flow::Status(403);
    }
    if uri.contains(&0) {
        return Flow::Status(404);
    }
    let (fd, stat) = match open_file(request, &path) {
        Ok(open) => open,
        Err(error) => return refuse(request, &uri, &error),
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => return folder(request, &uri),
        FileType::RegularFile => {}
        _ => {
            let path = path.display();
            request.log(
                LogLevel::Crit,
                format_args!("\"{path}\" is not a regular file"),
            );
            return Flow::Status(404);
        }
    }
    if request.method.get() == Method::Post {
        return Flow::Status(405);
    }
    Flow::Respond(file_response(request, fd, &stat))
}

fn folder(request: &Request, uri: &Bytes) -> Flow {
    let mut target = uri.to_vec();
    target.push(b'/');
    redirect_to_slash(request, &target)
}

/// Opens a path for reading, links refused as the location says.
pub fn open_file(request: &Request, path: &Path) -> io::Result<(Rc<OwnedFd>, Stat)> {
    if let Some(cache) = cache(request) {
        let errors = request.conf().open_file_cache.errors;
        return request.generation.open_files.open(&cache, errors, path);
    }
    let (fd, stat) = open(request, path, OFlags::empty())?;
    Ok((Rc::new(fd), stat))
}

/// A whole file as a response.
pub fn file_response(request: &Request, file: Rc<OwnedFd>, stat: &Stat) -> Response {
    let len = stat.st_size as u64;
    let modified = stat.st_mtime;
    let mut head = Head {
        content_type: Some(types::content_type(request)).filter(|value| !value.is_empty()),
        content_length: Some(len),
        last_modified: Some(modified),
        allow_ranges: true,
        ..Head::new(200)
    };
    if request.conf().core.etag {
        head.push("ETag", compose(|out| etag(modified, len, out)));
    }
    let slice = FileSlice {
        file,
        start: 0,
        end: len,
    };
    let body = match len {
        0 => Body::Empty,
        _ => Body::Chunks([Chunk::File(slice)].into()),
    };
    Response {
        head: head.into(),
        body,
    }
}

/// Appends the tag of a file: when it was changed, and how long it is.
fn etag(modified: i64, len: u64, out: &mut Vec<u8>) {
    out.push(b'"');
    // A time before 1970 in two's complement.
    digits::hex(out, modified as u64);
    out.push(b'-');
    digits::hex(out, len);
    out.push(b'"');
}

/// Opens a path, refusing the symbolic links that `disable_symlinks` refuses.
fn open(request: &Request, path: &Path, flags: OFlags) -> io::Result<(OwnedFd, Stat)> {
    let links = &request.conf().core.disable_symlinks;
    let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = match links.which {
        Symlinks::Off => rustix::fs::open(path, flags, Mode::empty())?,
        _ => open_checked(request, path, flags, links)?,
    };
    let stat = rustix::fs::fstat(&fd)?;
    Ok((fd, stat))
}

/// Goes down part by part from the beginning that is not checked.
fn open_checked(
    request: &Request,
    path: &Path,
    flags: OFlags,
    links: &DisableSymlinks,
) -> io::Result<OwnedFd> {
    let from = links.from.as_ref().map(|from| request.eval(from));
    let from = from.filter(|from| !from.is_empty());
    let from = from.and_then(|from| {
        let from = PathBuf::from(OsStr::from_bytes(&from));
        path.starts_with(&from).then_some(from)
    });
    let start = from.as_deref().unwrap_or(Path::new("/"));
    let mut at = rustix::fs::open(start, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let rest = path.strip_prefix(start).unwrap_or(path);
    let ends_in_folder = path.as_os_str().as_bytes().ends_with(b"/");
    let mut parts = rest.components().peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        let flags = if last && ends_in_folder {
            flags | OFlags::DIRECTORY
        } else {
            flags
        };
        let flags = if last {
            flags
        } else {
            OFlags::PATH | OFlags::CLOEXEC
        };
        at = step(&at, Path::new(part.as_os_str()), flags, links.which)?;
    }
    Ok(at)
}

fn step(at: &OwnedFd, name: &Path, flags: OFlags, which: Symlinks) -> io::Result<OwnedFd> {
    let no_follow = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let link = rustix::fs::openat(at, name, no_follow, Mode::empty())?;
    let link_stat = rustix::fs::fstat(&link)?;
    if FileType::from_raw_mode(link_stat.st_mode) != FileType::Symlink {
        return Ok(rustix::fs::openat(
            at,
            name,
            flags | OFlags::NOFOLLOW,
            Mode::empty(),
        )?);
    }
    if which == Symlinks::On {
        return Err(rustix::io::Errno::LOOP.into());
    }
    let target = rustix::fs::openat(at, name, flags, Mode::empty())?;
    match rustix::fs::fstat(&target)?.st_uid == link_stat.st_uid {
        true => Ok(target),
        false => Err(rustix::io::Errno::LOOP.into()),
    }
}
