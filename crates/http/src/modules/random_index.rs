//! `ngx_http_random_index_module`: any file of a folder answers for it.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use conf::{Arity, Directive};

use crate::module::{LOCATION, Module, doc, store};
use crate::modules::autoindex::folder_error;
use crate::modules::static_files::{method_is_allowed, path_of};
use crate::phases::Flow;
use crate::request::Request;
use crate::settings::settings;

settings! {
    /// Whether it is on.
    on: bool = false, inherit;
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_random_index_module",
    directives: &[Directive::new(
        "random_index",
        LOCATION,
        Arity::Flag,
        store!(flag random_index.on),
        doc(
            "random_index on | off;",
            "random_index off;",
            "Whether a file of the folder, chosen by chance, answers for it.",
        ),
    )],
    variables: &[],
};

/// The handler: leads to some file of the folder.
pub fn run(request: &Request) -> Flow {
    if !request.conf().random_index.on || !request.uri.borrow().ends_with(b"/") {
        return Flow::Next;
    }
    if !method_is_allowed(request) {
        return Flow::Next;
    }
    let uri = request.uri();
    let folder = path_of(request, &uri);
    match choose(&folder) {
        Ok(Some(name)) => {
            let target = [&uri[..], name.as_bytes()].concat();
            Flow::Redirect(target.into(), request.args())
        }
        Ok(None) => Flow::Next,
        Err(error) => folder_error(request, &folder, &error),
    }
}

fn choose(folder: &Path) -> io::Result<Option<OsString>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.as_bytes().starts_with(b".") && is_file(&entry)? {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Ok(None);
    }
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    // The remainder favours nobody that anyone could tell, as folders have far less than 2⁶⁴ files.
    let chosen = usize::from_ne_bytes(random) % names.len();
    Ok(Some(names.swap_remove(chosen)))
}

/// Whether it is a file, or a link to one.
fn is_file(entry: &std::fs::DirEntry) -> io::Result<bool> {
    let kind = entry.file_type()?;
    if !kind.is_symlink() {
        return Ok(kind.is_file());
    }
    match std::fs::metadata(entry.path()) {
        Ok(target) => Ok(target.is_file()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
