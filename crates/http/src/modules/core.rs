//! `ngx_http_core_module`: what holds for every location.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conf::value;
use net::Resolver;
use net::log::Level as LogLevel;
use script::Template;

use crate::logs::ErrorLogs;
use crate::request::Request;
use crate::settings::{Absent, settings};
use crate::temp_file::TempPath;

mod directives;
pub mod resolver;
mod setters;

pub use directives::MODULE;
pub use setters::temp_path;

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
    /// How long a connection at rest stays open even if the configuration is replaced.
    keepalive_min_timeout: Duration = Duration::ZERO, inherit;
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
    /// What one call sends of a file, in bytes; 0 is no limit.
    sendfile_max_chunk: u64 = 2 << 20, inherit;
    /// Whether files leave in full segments.
    tcp_nopush: bool = false, inherit;
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
    /// When hints of an upstream go to the client before the response: if one of these is neither
    /// empty nor `0`.
    early_hints: Vec<Template> = Vec::new(), inherit;
    /// Whether old versions of Internet Explorer are redirected by a page.
    msie_refresh: bool = false, inherit;
    /// Whether sub-requests are written to the access log.
    log_subrequest: bool = false, inherit;
    /// How long a response may be that is kept in memory, in bytes.
    subrequest_output_buffer_size: u64 = 4096, inherit;
    /// Clients whose connections are closed by a reset after a timeout.
    reset_timedout_connection: bool = false, inherit;
    /// Who knows names at run time.
    resolver: Option<Arc<Resolver>> = None, inherit;
    /// How long a name may take; zero is no limit.
    resolver_timeout: Duration = Duration::from_secs(30), inherit;
}

/// What answers requests of a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    /// Files.
    Static,
    /// `empty_gif`
    EmptyGif,
    /// `proxy_pass`
    Proxy,
    /// `tunnel_pass`
    Tunnel,
    /// `vnc_pass`
    Vnc,
    /// `vnc_status`
    VncStatus,
    /// `vnc_recordings`
    VncRecordings,
    /// `stub_status`
    StubStatus,
}

impl Absent for Handler {
    fn is_absent(&self) -> bool {
        *self == Handler::Static
    }
}

impl Handler {
    /// Whether links to it may hold secrets.
    pub fn is_of_desktops(self) -> bool {
        matches!(self, Self::Vnc | Self::VncStatus | Self::VncRecordings)
    }
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

/// Whether a message about a missing file is written, and at which level.
pub fn not_found_level(request: &Request) -> Option<LogLevel> {
    request.conf().core.log_not_found.then_some(LogLevel::Error)
}
