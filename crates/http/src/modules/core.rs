//! `ngx_http_core_module`: what holds for every location.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conf::{Arity, Directive, Item, value};
use net::log::Level as LogLevel;
use script::Template;

use crate::draft::Level;
use crate::error_log;
use crate::logs::ErrorLogs;
use crate::module::{ANY, Cx, Done, HTTP, LOCATION, LOCATION_IF, Module, Set, doc, store};
use crate::request::Request;
use crate::settings::settings;
use crate::temp_file::TempPath;

settings! {
    /// What answers requests here.
    handler: Handler = Handler::Static, unnamed;
    /// Where files are.
    root: Root = Root::default(), inherit;
    /// Whether only internal redirects come here.
    internal: bool = false, unnamed;
    /// Pages for statuses.
    error_pages: Vec<ErrorPage> = Vec::new(), inherit;
    /// Whether an error page may lead to another one.
    recursive_error_pages: bool = false, inherit;
    /// Error logs.
    error_logs: Arc<ErrorLogs> = Arc::default(), inherit;
    /// Whether a missing file is worth a line in the error log.
    log_not_found: bool = true, inherit;
    /// Whether all access rules must agree or one is enough.
    satisfy: Satisfy = Satisfy::All, inherit;
    /// Longest request body in bytes; 0 is no limit.
    client_max_body_size: u64 = 1 << 20, inherit;
    /// How much of a body stays in memory, in bytes.
    client_body_buffer_size: u64 = 16 << 10, inherit;
    /// Time between two reads of a body.
    client_body_timeout: Duration = Duration::from_secs(60), inherit;
    /// Whether every body goes to a file.
    client_body_in_file_only: BodyInFile = BodyInFile::Off, inherit;
    /// Where those files are.
    client_body_temp_path: TempPath = TempPath::new("client_body_temp".into()), inherit;
    /// Time between two writes of a response.
    send_timeout: Duration = Duration::from_secs(60), inherit;
    /// How long an idle connection stays open.
    keepalive_timeout: Duration = Duration::from_secs(75), inherit;
    /// What the `Keep-Alive` field promises.
    keepalive_header: Option<Duration> = None, inherit;
    /// Requests on one connection.
    keepalive_requests: u64 = 1000, inherit;
    /// How long one connection may take new requests.
    keepalive_time: Duration = Duration::from_secs(3600), inherit;
    /// Browsers whose connections close.
    keepalive_disable: KeepaliveDisable = KeepaliveDisable { msie6: true, safari: false }, inherit;
    /// Whether a connection is read on after its last response.
    lingering_close: LingeringClose = LingeringClose::On, inherit;
    /// For how long in all.
    lingering_time: Duration = Duration::from_secs(30), inherit;
    /// For how long without a byte.
    lingering_timeout: Duration = Duration::from_secs(5), inherit;
    /// Whether the kernel sends files.
    sendfile: bool = false, inherit;
    /// Bytes per second of a response; 0 is no limit.
    limit_rate: Template = Template::default(), inherit;
    /// Bytes that are not limited.
    limit_rate_after: Template = Template::default(), inherit;
    /// What `Server` and error pages tell.
    server_tokens: ServerTokens = ServerTokens::On, inherit;
    /// Whether redirects name scheme and host.
    absolute_redirect: bool = true, inherit;
    /// Whether redirects name the server's first name instead of the client's word.
    server_name_in_redirect: bool = false, inherit;
    /// Whether redirects name the port.
    port_in_redirect: bool = true, inherit;
    /// Whether a body without a length is chunked.
    chunked_transfer_encoding: bool = true, inherit;
    /// `If-Modified-Since`.
    if_modified_since: IfModifiedSince = IfModifiedSince::Exact, inherit;
    /// Whether files have an `ETag`.
    etag: bool = true, inherit;
    /// Ranges that one request may ask for.
    max_ranges: u64 = u64::MAX, inherit;
    /// Which symbolic links are refused.
    disable_symlinks: DisableSymlinks = DisableSymlinks::default(), inherit;
    /// What is requested behind every response.
    post_action: Option<Template> = None, inherit;
    /// Clients whose connections are closed by a reset after a timeout.
    reset_timedout_connection: bool = false, inherit;
}

/// What answers requests of a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    /// Files.
    Static,
    /// `proxy_pass`
    Proxy,
    /// `vnc_pass`
    Vnc,
    /// `vnc_status`
    VncStatus,
}

/// `root` and `alias`.
#[derive(Debug, Clone)]
pub enum Root {
    /// The path follows the whole URI.
    Root(Template),
    /// The path follows what is behind the location's name, so many bytes; `None` if an expression
    /// chose the location, and nothing follows.
    Alias(Template, Option<usize>),
}

impl Default for Root {
    fn default() -> Self {
        Root::Root(Template::constant(Bytes::from_static(b"html")))
    }
}

/// One page of an `error_page` line.
#[derive(Debug, Clone)]
pub struct ErrorPage {
    /// The statuses that it is for.
    pub statuses: Vec<u16>,
    /// The status of the answer; 0 is that of the page itself.
    pub answer: Option<u16>,
    /// The page.
    pub target: Template,
}

/// `satisfy`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Satisfy {
    /// All must agree.
    All,
    /// One is enough.
    Any,
}

/// `client_body_in_file_only`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyInFile {
    /// Only when it is long.
    Off,
    /// Always, and the file stays.
    On,
    /// Always, and the file goes with the request.
    Clean,
}

/// `lingering_close`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LingeringClose {
    /// Never.
    Off,
    /// If the client may still be sending.
    On,
    /// Always.
    Always,
}

/// `server_tokens`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerTokens {
    /// The name only.
    Off,
    /// With the version.
    On,
    /// With the name of the build, of which there is none.
    Build,
}

/// `keepalive_disable`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepaliveDisable {
    /// Old versions of Internet Explorer, behind a POST.
    pub msie6: bool,
    /// Safari.
    pub safari: bool,
}

/// `if_modified_since`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfModifiedSince {
    /// The field is ignored.
    Off,
    /// The times are equal.
    Exact,
    /// The file is not newer.
    Before,
}

/// `disable_symlinks`
#[derive(Debug, Clone, Default)]
pub struct DisableSymlinks {
    /// Which links are refused.
    pub which: Symlinks,
    /// The beginning of a path that is not checked.
    pub from: Option<Template>,
}

/// Which symbolic links are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Symlinks {
    /// None.
    #[default]
    Off,
    /// All.
    On,
    /// Those whose owner is not that of what they point to.
    IfNotOwner,
}

impl Conf {
    /// Bytes per second for this request; 0 is no limit.
    pub fn limit_rate(&self, request: &Request) -> u64 {
        value::size(&request.eval(&self.limit_rate)).unwrap_or(0)
    }

    /// Bytes of this response that are not limited.
    pub fn limit_rate_after(&self, request: &Request) -> u64 {
        value::size(&request.eval(&self.limit_rate_after)).unwrap_or(0)
    }
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_core_module",
    directives: &[
        Directive::new(
            "root",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(root),
            doc(
                "root path;",
                "root html;",
                "The folder that holds the files; the URI follows it.",
            ),
        ),
        Directive::new(
            "alias",
            LOCATION,
            Arity::Exactly(1),
            Set::Level(alias),
            doc(
                "alias path;",
                "",
                "The folder that stands for the location's name.",
            ),
        ),
        Directive::new(
            "internal",
            LOCATION,
            Arity::Exactly(0),
            Set::Level(|item, level, _| item.once(&mut level.drafts.core.internal, true)),
            doc(
                "internal;",
                "",
                "Only internal redirects and error pages come here; clients get 404.",
            ),
        ),
        Directive::new(
            "error_page",
            ANY.or(LOCATION_IF),
            Arity::AtLeast(2),
            Set::Level(error_page),
            doc(
                "error_page code … [=[response]] uri;",
                "",
                "What is shown for these statuses: a URI, a named location or another site.",
            ),
        ),
        Directive::new(
            "recursive_error_pages",
            ANY,
            Arity::Flag,
            store!(flag core.recursive_error_pages),
            doc(
                "recursive_error_pages on | off;",
                "recursive_error_pages off;",
                "Whether an error while an error page is made may lead to another one.",
            ),
        ),
        Directive::new(
            "error_log",
            ANY,
            Arity::Between(1, 2),
            Set::Level(error_log_),
            doc(
                "error_log file | stderr | syslog:… [level];",
                "",
                "Where errors are written, and from which level on; without it, where those of the \
                 level outside go.",
            ),
        ),
        Directive::new(
            "log_not_found",
            ANY,
            Arity::Flag,
            store!(flag core.log_not_found),
            doc(
                "log_not_found on | off;",
                "log_not_found on;",
                "Whether missing files are written to the error log.",
            ),
        ),
        Directive::new(
            "satisfy",
            ANY,
            Arity::Exactly(1),
            Set::Level(satisfy),
            doc(
                "satisfy all | any;",
                "satisfy all;",
                "Whether all of access and authentication must allow a request, or one is enough.",
            ),
        ),
        Directive::new(
            "client_max_body_size",
            ANY,
            Arity::Exactly(1),
            store!(offset core.client_max_body_size),
            doc(
                "client_max_body_size size;",
                "client_max_body_size 1m;",
                "The longest request body; longer ones are answered with 413. 0 is no limit.",
            ),
        ),
        Directive::new(
            "client_body_buffer_size",
            ANY,
            Arity::Exactly(1),
            store!(size core.client_body_buffer_size),
            doc(
                "client_body_buffer_size size;",
                "client_body_buffer_size 16k;",
                "How much of a request body is kept in memory; more goes to a file.",
            ),
        ),
        Directive::new(
            "client_body_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time core.client_body_timeout),
            doc(
                "client_body_timeout time;",
                "client_body_timeout 60s;",
                "The longest silence while a request body is read.",
            ),
        ),
        Directive::new(
            "client_body_in_file_only",
            ANY,
            Arity::Exactly(1),
            Set::Level(body_in_file),
            doc(
                "client_body_in_file_only on | clean | off;",
                "client_body_in_file_only off;",
                "Whether every request body is written to a file, and whether the file stays.",
            ),
        ),
        Directive::inert(
            "client_body_in_single_buffer",
            ANY,
            Arity::Flag,
            Set::Nothing,
            doc(
                "client_body_in_single_buffer on | off;",
                "client_body_in_single_buffer off;",
                "Whether a request body is kept in one piece.",
            ),
            "$request_body is always in one piece",
        ),
        Directive::new(
            "client_body_temp_path",
            ANY,
            Arity::Between(1, 4),
            Set::Level(body_temp_path),
            doc(
                "client_body_temp_path path [level1 [level2 [level3]]];",
                "client_body_temp_path client_body_temp;",
                "The folder for files of request bodies.",
            ),
        ),
        Directive::new(
            "send_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time core.send_timeout),
            doc(
                "send_timeout time;",
                "send_timeout 60s;",
                "The longest time in which a client takes nothing of a response.",
            ),
        ),
        Directive::new(
            "keepalive_timeout",
            ANY,
            Arity::Between(1, 2),
            Set::Level(keepalive_timeout),
            doc(
                "keepalive_timeout time [header_time];",
                "keepalive_timeout 75s;",
                "How long an idle connection stays open; the second value is told in Keep-Alive. 0 closes at once.",
            ),
        ),
        Directive::new(
            "keepalive_requests",
            ANY,
            Arity::Exactly(1),
            store!(number core.keepalive_requests),
            doc(
                "keepalive_requests number;",
                "keepalive_requests 1000;",
                "How many requests a connection may carry.",
            ),
        ),
        Directive::new(
            "keepalive_time",
            ANY,
            Arity::Exactly(1),
            store!(time core.keepalive_time),
            doc(
                "keepalive_time time;",
                "keepalive_time 1h;",
                "How long a connection may carry new requests.",
            ),
        ),
        Directive::new(
            "keepalive_disable",
            ANY,
            Arity::AtLeast(1),
            Set::Level(keepalive_disable),
            doc(
                "keepalive_disable none | msie6 | safari …;",
                "keepalive_disable msie6;",
                "Browsers whose connections are closed behind a response.",
            ),
        ),
        Directive::new(
            "lingering_close",
            ANY,
            Arity::Exactly(1),
            Set::Level(lingering_close),
            doc(
                "lingering_close on | off | always;",
                "lingering_close on;",
                "Whether a connection is read on before it closes, so that the client sees the response.",
            ),
        ),
        Directive::new(
            "lingering_time",
            ANY,
            Arity::Exactly(1),
            store!(time core.lingering_time),
            doc(
                "lingering_time time;",
                "lingering_time 30s;",
                "For how long in all it is read on.",
            ),
        ),
        Directive::new(
            "lingering_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time core.lingering_timeout),
            doc(
                "lingering_timeout time;",
                "lingering_timeout 5s;",
                "The longest silence while it is read on.",
            ),
        ),
        Directive::new(
            "sendfile",
            ANY.or(LOCATION_IF),
            Arity::Flag,
            store!(flag core.sendfile),
            doc(
                "sendfile on | off;",
                "sendfile off;",
                "Whether the kernel sends files without copying them.",
            ),
        ),
        Directive::new(
            "limit_rate",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            store!(template core.limit_rate),
            doc(
                "limit_rate rate;",
                "limit_rate 0;",
                "Bytes per second that a response is sent with; 0 is no limit.",
            ),
        ),
        Directive::new(
            "limit_rate_after",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            store!(template core.limit_rate_after),
            doc(
                "limit_rate_after size;",
                "limit_rate_after 0;",
                "Bytes of a response that limit_rate does not slow down.",
            ),
        ),
        Directive::new(
            "server_tokens",
            ANY,
            Arity::Exactly(1),
            Set::Level(server_tokens),
            doc(
                "server_tokens on | off | build;",
                "server_tokens on;",
                "Whether Server and error pages tell the version.",
            ),
        ),
        Directive::new(
            "absolute_redirect",
            ANY,
            Arity::Flag,
            store!(flag core.absolute_redirect),
            doc(
                "absolute_redirect on | off;",
                "absolute_redirect on;",
                "Whether redirects of our own name scheme and host.",
            ),
        ),
        Directive::new(
            "server_name_in_redirect",
            ANY,
            Arity::Flag,
            store!(flag core.server_name_in_redirect),
            doc(
                "server_name_in_redirect on | off;",
                "server_name_in_redirect off;",
                "Whether redirects name the first server_name instead of the host that the client named.",
            ),
        ),
        Directive::new(
            "port_in_redirect",
            ANY,
            Arity::Flag,
            store!(flag core.port_in_redirect),
            doc(
                "port_in_redirect on | off;",
                "port_in_redirect on;",
                "Whether redirects name the port.",
            ),
        ),
        Directive::new(
            "chunked_transfer_encoding",
            ANY,
            Arity::Flag,
            store!(flag core.chunked_transfer_encoding),
            doc(
                "chunked_transfer_encoding on | off;",
                "chunked_transfer_encoding on;",
                "Whether a response without a length is sent in chunks.",
            ),
        ),
        Directive::new(
            "if_modified_since",
            ANY,
            Arity::Exactly(1),
            Set::Level(if_modified_since),
            doc(
                "if_modified_since off | exact | before;",
                "if_modified_since exact;",
                "How the time in If-Modified-Since is compared with that of the response.",
            ),
        ),
        Directive::new(
            "etag",
            ANY,
            Arity::Flag,
            store!(flag core.etag),
            doc("etag on | off;", "etag on;", "Whether files have an ETag."),
        ),
        Directive::new(
            "max_ranges",
            ANY,
            Arity::Exactly(1),
            store!(number core.max_ranges),
            doc(
                "max_ranges number;",
                "",
                "How many ranges a request may ask for; with more the whole is sent. 0 switches ranges off.",
            ),
        ),
        Directive::new(
            "disable_symlinks",
            ANY,
            Arity::Between(1, 2),
            Set::Level(disable_symlinks),
            doc(
                "disable_symlinks off | on | if_not_owner [from=part];",
                "disable_symlinks off;",
                "Which symbolic links on the way to a file are refused.",
            ),
        ),
        Directive::new(
            "post_action",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(post_action),
            doc(
                "post_action uri | off;",
                "post_action off;",
                "A URI that is requested behind every response; its answer is not sent.",
            ),
        ),
        Directive::new(
            "reset_timedout_connection",
            ANY,
            Arity::Flag,
            store!(flag core.reset_timedout_connection),
            doc(
                "reset_timedout_connection on | off;",
                "reset_timedout_connection off;",
                "Whether connections that timed out are reset.",
            ),
        ),
        inert(
            "tcp_nopush",
            ANY,
            Arity::Flag,
            "tcp_nopush on | off;",
            "head and body always leave in full segments",
        ),
        inert(
            "tcp_nodelay",
            ANY,
            Arity::Flag,
            "tcp_nodelay on | off;",
            "small writes are never held back",
        ),
        inert(
            "sendfile_max_chunk",
            ANY,
            Arity::Exactly(1),
            "sendfile_max_chunk size;",
            "one call never sends more than 2 MiB",
        ),
        inert(
            "output_buffers",
            ANY,
            Arity::Exactly(2),
            "output_buffers number size;",
            "files are read in pieces of 64 KiB",
        ),
        inert(
            "postpone_output",
            ANY,
            Arity::Exactly(1),
            "postpone_output size;",
            "what is ready is sent together",
        ),
        inert(
            "send_lowat",
            ANY,
            Arity::Exactly(1),
            "send_lowat size;",
            "has no effect on Linux",
        ),
        inert(
            "types_hash_max_size",
            ANY,
            Arity::Exactly(1),
            "types_hash_max_size size;",
            "tables grow as they need",
        ),
        inert(
            "types_hash_bucket_size",
            ANY,
            Arity::Exactly(1),
            "types_hash_bucket_size size;",
            "tables grow as they need",
        ),
        inert(
            "server_names_hash_max_size",
            HTTP,
            Arity::Exactly(1),
            "server_names_hash_max_size size;",
            "tables grow as they need",
        ),
        inert(
            "server_names_hash_bucket_size",
            HTTP,
            Arity::Exactly(1),
            "server_names_hash_bucket_size size;",
            "tables grow as they need",
        ),
        inert(
            "variables_hash_max_size",
            HTTP,
            Arity::Exactly(1),
            "variables_hash_max_size size;",
            "tables grow as they need",
        ),
        inert(
            "variables_hash_bucket_size",
            HTTP,
            Arity::Exactly(1),
            "variables_hash_bucket_size size;",
            "tables grow as they need",
        ),
        inert(
            "open_file_cache",
            ANY,
            Arity::Between(1, 2),
            "open_file_cache off | max=N [inactive=time];",
            "the kernel's own cache answers; nothing stale is ever served",
        ),
        inert(
            "open_file_cache_valid",
            ANY,
            Arity::Exactly(1),
            "open_file_cache_valid time;",
            "there is no open_file_cache",
        ),
        inert(
            "open_file_cache_min_uses",
            ANY,
            Arity::Exactly(1),
            "open_file_cache_min_uses number;",
            "there is no open_file_cache",
        ),
        inert(
            "open_file_cache_errors",
            ANY,
            Arity::Flag,
            "open_file_cache_errors on | off;",
            "there is no open_file_cache",
        ),
        inert(
            "open_file_cache_events",
            ANY,
            Arity::Flag,
            "open_file_cache_events on | off;",
            "there is no open_file_cache",
        ),
        inert(
            "directio",
            ANY,
            Arity::Exactly(1),
            "directio size | off;",
            "files go through the page cache",
        ),
        inert(
            "directio_alignment",
            ANY,
            Arity::Exactly(1),
            "directio_alignment size;",
            "there is no directio",
        ),
        inert(
            "aio",
            ANY,
            Arity::Exactly(1),
            "aio on | off | threads[=pool];",
            "files are read in short slices",
        ),
        inert(
            "aio_write",
            ANY,
            Arity::Flag,
            "aio_write on | off;",
            "files are written in short slices",
        ),
        inert(
            "read_ahead",
            ANY,
            Arity::Exactly(1),
            "read_ahead size;",
            "the kernel reads ahead",
        ),
        inert(
            "msie_padding",
            ANY,
            Arity::Flag,
            "msie_padding on | off;",
            "no browser of today needs it",
        ),
        inert(
            "msie_refresh",
            ANY,
            Arity::Flag,
            "msie_refresh on | off;",
            "no browser of today needs it",
        ),
        inert(
            "subrequest_output_buffer_size",
            ANY,
            Arity::Exactly(1),
            "subrequest_output_buffer_size size;",
            "there are no subrequests in memory",
        ),
        inert(
            "log_subrequest",
            ANY,
            Arity::Flag,
            "log_subrequest on | off;",
            "there are no subrequests yet",
        ),
        inert(
            "resolver",
            ANY,
            Arity::AtLeast(1),
            "resolver address …;",
            "names are looked up when the configuration is loaded",
        ),
        inert(
            "resolver_timeout",
            ANY,
            Arity::Exactly(1),
            "resolver_timeout time;",
            "names are looked up when the configuration is loaded",
        ),
        inert(
            "fastcgi_temp_path",
            ANY,
            Arity::Between(1, 4),
            "fastcgi_temp_path path;",
            "there is no FastCGI",
        ),
        inert(
            "scgi_temp_path",
            ANY,
            Arity::Between(1, 4),
            "scgi_temp_path path;",
            "there is no SCGI",
        ),
        inert(
            "uwsgi_temp_path",
            ANY,
            Arity::Between(1, 4),
            "uwsgi_temp_path path;",
            "there is no uwsgi",
        ),
    ],
    variables: &[],
};

const fn inert(
    name: &'static str,
    contexts: conf::Contexts,
    arity: Arity,
    syntax: &'static str,
    reason: &'static str,
) -> Directive<Set> {
    Directive::inert(
        name,
        contexts,
        arity,
        Set::Nothing,
        doc(syntax, "", "No effect."),
        reason,
    )
}

fn root(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    if level.drafts.core.root.is_some() {
        return Err(match &level.drafts.core.root {
            Some(Root::Alias(..)) => item.error(
                "\"root\" directive is duplicate, \"alias\" directive was specified earlier",
            ),
            _ => item.duplicate(),
        });
    }
    let path = path_template(item, cx)?;
    level.drafts.core.root = Some(Root::Root(path));
    Ok(())
}

fn alias(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    if level.drafts.core.root.is_some() {
        return Err(item.duplicate());
    }
    let path = path_template(item, cx)?;
    let strip = (!level.by_regex).then_some(level.name.len());
    level.drafts.core.root = Some(Root::Alias(path, strip));
    Ok(())
}

/// A path relative to the prefix, its trailing slash gone when it is `root`.
fn path_template(item: &Item, cx: &mut Cx<'_>) -> Result<Template, conf::Diagnostic> {
    let mut text = item.arg(0)?.text.clone();
    if item.name() == "root" && text.len() > 1 && text.ends_with(b"/") {
        text.pop();
    }
    cx.template_of(item, &text)
}

fn error_page(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let Some((target, codes)) = item.args.split_last() else {
        return Err(item.duplicate());
    };
    let mut answer = None;
    let mut codes = codes;
    if let Some((last, rest)) = codes.split_last()
        && let [b'=', code @ ..] = &last.text[..]
    {
        let invalid = || {
            item.error(format!("invalid value \"{}\"", last.display()))
                .at(last.span)
        };
        answer = Some(match code {
            [] => 0,
            code => value::number(code)
                .and_then(|code| code.try_into().ok())
                .ok_or_else(invalid)?,
        });
        codes = rest;
    }
    let mut statuses = Vec::new();
    for word in codes {
        let status = value::number(&word.text).filter(|status| (300..=599).contains(status));
        let status = status.filter(|&status| status != 499);
        statuses.push(status.ok_or_else(|| {
            let message = match word.text == b"499" {
                true => format!(
                    "value \"{}\" must be between 300 and 599, and not 499",
                    word.display()
                ),
                false => format!("value \"{}\" must be between 300 and 599", word.display()),
            };
            item.error(message).at(word.span)
        })? as u16);
    }
    let target = cx.template_of(item, &target.text)?;
    let pages = level.drafts.core.error_pages.get_or_insert_default();
    pages.push(ErrorPage {
        statuses,
        answer,
        target,
    });
    Ok(())
}

fn error_log_(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    // Several lines of one level are one log with several targets.
    let target = error_log::parse(item, cx.bundle)?;
    let mut targets = std::mem::take(&mut level.error_logs);
    targets.push(target);
    level.drafts.core.error_logs = Some(cx.logs.errors(targets.clone()));
    level.error_logs = targets;
    Ok(())
}

fn satisfy(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let value = match item.text(0)? {
        "all" => Satisfy::All,
        "any" => Satisfy::Any,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.core.satisfy, value)
}

fn body_in_file(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let value = match item.text(0)? {
        "off" => BodyInFile::Off,
        "on" => BodyInFile::On,
        "clean" => BodyInFile::Clean,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.core.client_body_in_file_only, value)
}

fn body_temp_path(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let path = temp_path(item, cx)?;
    item.once(&mut level.drafts.core.client_body_temp_path, path)
}

/// Reads `…_temp_path`: a folder and up to three levels.
pub fn temp_path(item: &Item, cx: &Cx<'_>) -> Result<TempPath, conf::Diagnostic> {
    let folder: PathBuf = cx.bundle.prefix_path(&item.arg(0)?.text);
    let mut levels = Vec::new();
    for index in 1..item.args.len() {
        let digits = item.number(index)?;
        if !(1..=3).contains(&digits) {
            return Err(item.invalid(item.arg(index)?));
        }
        levels.push(digits as usize);
    }
    Ok(TempPath { folder, levels })
}

fn keepalive_timeout(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let timeout = item.time(0)?;
    item.once(&mut level.drafts.core.keepalive_timeout, timeout)?;
    let header = match item.args.len() {
        2 => Some(item.time(1)?).filter(|time| !time.is_zero()),
        _ => None,
    };
    level.drafts.core.keepalive_header = Some(header);
    Ok(())
}

fn keepalive_disable(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let mut value = KeepaliveDisable {
        msie6: false,
        safari: false,
    };
    for word in &item.args {
        match &word.text[..] {
            b"none" => {}
            b"msie6" => value.msie6 = true,
            b"safari" => value.safari = true,
            _ => return Err(item.invalid(word)),
        }
    }
    item.once(&mut level.drafts.core.keepalive_disable, value)
}

fn lingering_close(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let value = match item.text(0)? {
        "off" => LingeringClose::Off,
        "on" => LingeringClose::On,
        "always" => LingeringClose::Always,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.core.lingering_close, value)
}

fn server_tokens(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let value = match item.text(0)? {
        "off" => ServerTokens::Off,
        "on" => ServerTokens::On,
        "build" => ServerTokens::Build,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.core.server_tokens, value)
}

fn if_modified_since(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let value = match item.text(0)? {
        "off" => IfModifiedSince::Off,
        "exact" => IfModifiedSince::Exact,
        "before" => IfModifiedSince::Before,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.core.if_modified_since, value)
}

fn disable_symlinks(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let mut value = DisableSymlinks::default();
    for word in &item.args {
        match &word.text[..] {
            b"off" => value.which = Symlinks::Off,
            b"on" => value.which = Symlinks::On,
            b"if_not_owner" => value.which = Symlinks::IfNotOwner,
            [b'f', b'r', b'o', b'm', b'=', part @ ..] if !part.is_empty() => {
                value.from = Some(cx.template_of(item, part)?);
            }
            _ => return Err(item.invalid_parameter(word)),
        }
    }
    item.once(&mut level.drafts.core.disable_symlinks, value)
}

fn post_action(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let value = match item.text(0)? {
        "off" => None,
        _ => Some(cx.template(item, 0)?),
    };
    item.once(&mut level.drafts.core.post_action, value)
}

/// Whether a message about a missing file is written, and at which level.
pub fn not_found_level(request: &Request) -> Option<LogLevel> {
    request.conf().core.log_not_found.then_some(LogLevel::Error)
}
