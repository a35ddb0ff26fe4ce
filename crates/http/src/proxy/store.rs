//! `proxy_store`: an answer that is kept as a file while it goes to the client.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use net::log::{Errno, Level};
use proto::h1::{FieldName, Method, parse_http_date};

use super::exchange::Replied;
use crate::modules::proxy::Store;
use crate::modules::static_files;
use crate::request::Request;
use crate::temp_file::TempFile;

/// An answer on its way into a file. It stands at its place when it is complete; dropped before, it
/// leaves nothing behind.
// DIFFERS: when the client leaves, nginx reads the answer to its end to store it. Here an answer
// that nobody waits for is not stored.
pub struct Storing {
    file: TempFile,
    modified: Option<i64>,
}

impl Storing {
    /// Begins, if the location stores answers and this is one to be stored.
    pub fn begin(request: &Request, replied: &Replied) -> Option<Box<Self>> {
        let conf = &request.conf().proxy;
        if conf.store.is_none() || replied.status() != 200 || request.method.get() == Method::Head {
            return None;
        }
        let modified = replied.head.value(&replied.buf, FieldName::LastModified);
        match TempFile::create(&conf.temp_path, &request.config().prefix) {
            Ok(file) => Some(Box::new(Self {
                file,
                modified: modified.and_then(parse_http_date),
            })),
            Err(error) => {
                request.log(
                    Level::Crit,
                    format_args!("no temporary file for proxy_store {}", Errno(&error)),
                );
                None
            }
        }
    }

    /// Appends bytes; false if they cannot be kept, and so none are.
    pub fn push(&mut self, request: &Request, bytes: &Bytes) -> bool {
        match self.file.write_all(bytes) {
            Ok(()) => true,
            Err(error) => {
                let path = self.file.path().display();
                request.log(
                    Level::Crit,
                    format_args!("write() to \"{path}\" failed {}", Errno(&error)),
                );
                false
            }
        }
    }

    /// The answer is complete: it goes where it belongs.
    pub fn finish(self, request: &Request) {
        let conf = &request.conf().proxy;
        let Some(path) = path(request) else { return };
        let temporary = self.file.path().to_owned();
        if let Err(error) = self.file.move_to(&path, conf.store_access, self.modified) {
            let (from, to) = (temporary.display(), path.display());
            request.log(
                Level::Crit,
                format_args!("rename() \"{from}\" to \"{to}\" failed {}", Errno(&error)),
            );
        }
    }
}

/// Where the answer belongs; `None` if that is nowhere.
fn path(request: &Request) -> Option<PathBuf> {
    match request.conf().proxy.store.as_ref()? {
        Store::Uri => Some(static_files::path_of(request, &request.uri())),
        Store::Path(path) => {
            let path = request.eval(path);
            let path = Path::new(OsStr::from_bytes(&path));
            let some = !path.as_os_str().is_empty();
            some.then(|| request.config().prefix.join(path))
        }
    }
}
