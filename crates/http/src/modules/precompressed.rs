//! `ngx_http_gzip_static_module` and its like for Brotli and Zstandard: `page.html.gz` answers for
//! `page.html`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use conf::{Arity, Directive, Item};
use net::log::{Errno, Level as LogLevel};
use proto::h1::Method;
use rustix::fs::FileType;

use crate::draft::Level;
use crate::filters::compress::{CODINGS, Coding};
use crate::module::{ANY, Cx, Done, Module, Set, doc};
use crate::modules::{gzip, static_files};
use crate::phases::Flow;
use crate::request::Request;
use crate::response::Head;
use crate::settings::settings;

settings! {
    /// `gzip_static`
    gzip: When = When::Never, inherit;
    /// `brotli_static`
    brotli: When = When::Never, inherit;
    /// `zstd_static`
    zstd: When = When::Never, inherit;
}

/// When a compressed file answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Never.
    Never,
    /// When the client can read it.
    Accepted,
    /// Whenever it is there.
    Always,
}

/// The module for gzip.
pub const GZIP: Module = Module {
    name: "ngx_http_gzip_static_module",
    directives: &[Directive::new(
        "gzip_static",
        ANY,
        Arity::Exactly(1),
        Set::Level(set),
        doc(
            "gzip_static on | off | always;",
            "gzip_static off;",
            "Whether a file with .gz behind its name answers in place of the file, if the client can read that; always: even if not.",
        ),
    )],
    variables: &[],
};

/// The module for Brotli.
pub const BROTLI: Module = Module {
    name: "ngx_http_brotli_static_module",
    directives: &[Directive::new(
        "brotli_static",
        ANY,
        Arity::Exactly(1),
        Set::Level(set),
        doc(
            "brotli_static on | off | always;",
            "brotli_static off;",
            "The same for files with .br behind their name.",
        ),
    )],
    variables: &[],
};

/// The module for Zstandard.
pub const ZSTD: Module = Module {
    name: "ngx_http_zstd_static_module",
    directives: &[Directive::new(
        "zstd_static",
        ANY,
        Arity::Exactly(1),
        Set::Level(set),
        doc(
            "zstd_static on | off | always;",
            "zstd_static off;",
            "The same for files with .zst behind their name.",
        ),
    )],
    variables: &[],
};

fn set(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let when = match item.text(0)? {
        "off" => When::Never,
        "on" => When::Accepted,
        "always" => When::Always,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    let draft = &mut level.drafts.precompressed;
    let slot = match item.name() {
        "brotli_static" => &mut draft.brotli,
        "zstd_static" => &mut draft.zstd,
        _ => &mut draft.gzip,
    };
    item.once(slot, when)
}

impl Conf {
    fn when(&self, coding: Coding) -> When {
        match coding {
            Coding::Brotli => self.brotli,
            Coding::Zstd => self.zstd,
            Coding::Gzip => self.gzip,
        }
    }

    fn is_off(&self) -> bool {
        CODINGS
            .iter()
            .all(|&coding| self.when(coding) == When::Never)
    }
}

/// The handler before that of plain files.
pub fn run(request: &Request) -> Flow {
    let conf = &request.conf().precompressed;
    if conf.is_off()
        || !matches!(request.method.get(), Method::Get | Method::Head)
        || request.uri.borrow().ends_with(b"/")
    {
        return Flow::Next;
    }
    let mut codings = CODINGS.map(|coding| (weight(request, coding), coding));
    // Stable: of two that the client likes as much, the first one stays first.
    codings.sort_by_key(|&(weight, _)| std::cmp::Reverse(weight));
    for (weight, coding) in codings {
        let when = conf.when(coding);
        let skip = match when {
            When::Never => true,
            // The file is looked for only to say that the answer depends on what is accepted.
            When::Accepted => weight == 0 && !request.conf().gzip.vary,
            When::Always => false,
        };
        if skip {
            continue;
        }
        match answer(request, coding, when, weight) {
            Flow::Next => {}
            flow => return flow,
        }
    }
    Flow::Next
}

/// How much the client wants a coding that it may have.
fn weight(request: &Request, coding: Coding) -> u16 {
    // There is no head yet; `gzip_proxied` is judged by what it would say of an empty one.
    if coding == Coding::Gzip && !gzip::may_compress(request, &Head::new(200)) {
        return 0;
    }
    coding.weight(request)
}

fn answer(request: &Request, coding: Coding, when: When, weight: u16) -> Flow {
    let uri = request.uri();
    if uri.contains(&0) {
        return Flow::Next;
    }
    let path = static_files::path_of(request, &uri);
    let suffix: &[u8] = match coding {
        Coding::Brotli => b".br",
        Coding::Zstd => b".zst",
        Coding::Gzip => b".gz",
    };
    let path = [path.as_os_str().as_bytes(), suffix].concat();
    let path = Path::new(OsStr::from_bytes(&path));
    let (file, stat) = match static_files::open_file(request, path) {
        Ok(open) => open,
        Err(error) => {
            if !static_files::not_there(&error) {
                let (path, error) = (path.display(), Errno(&error));
                request.log(
                    LogLevel::Error,
                    format_args!("open() \"{path}\" failed {error}"),
                );
            }
            return Flow::Next;
        }
    };
    if when == When::Accepted {
        request.varies_by_encoding.set(true);
        if weight == 0 {
            return Flow::Next;
        }
    }
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Flow::Next,
        _ => {
            let path = path.display();
            request.log(
                LogLevel::Crit,
                format_args!("\"{path}\" is not a regular file"),
            );
            return Flow::Status(404);
        }
    }
    let mut response = static_files::file_response(request, file, &stat);
    response.head.push("Content-Encoding", coding.name());
    Flow::Respond(response)
}
