//! Desktops: `vnc_pass` and what belongs to it. Beyond nginx; the sessions themselves are the
//! business of the crate `vnc`.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use conf::Span;
use net::log::Level;
use script::Template;
use vnc::{Credentials, LoginLimit, Password, Rule, Target, TargetError, TlsNeed, TokenSource};

use self::desktops::{Desktop, Desktops};
use self::grant::Subject;
use self::journal::Journal;
use self::pages::Place;
use self::role::Roles;
use self::thumbnails::Thumbnail;
use self::wall::Wall;
use crate::modules::proxy::Origins;
use crate::phases::Flow;
use crate::request::Request;
use crate::settings::settings;

/// A directive of machines, with its name in its syntax only once.
macro_rules! directive {
    ($name:literal, $arity:expr, $set:expr, $arguments:literal, $default:literal, $text:literal) => {
        Directive::new(
            $name,
            LEVELS,
            $arity,
            $set,
            doc(concat!($name, " ", $arguments, ";"), $default, $text),
        )
    };
}

pub mod credentials;
pub mod desktops;
mod directives;
mod form;
mod grant;
mod journal;
pub mod judge;
mod limit;
pub mod links;
pub mod login;
mod pages;
mod pictures;
pub mod probe;
pub mod record;
pub mod recordings;
mod role;
mod session;
mod setters;
mod sources;
pub mod status;
mod thumbnails;
mod tickets;
pub mod tls;
mod upgrade;
mod wall;

pub use directives::MODULE;
pub use grant::hide_token;

settings! {
    /// Where the desktop is.
    pass: Option<Pass> = None, unnamed;
    /// The desktops that stand below the location.
    wall: Option<Wall> = None, unnamed;
    /// The groups of a desktop.
    groups: Vec<Arc<str>> = Vec::new(), local;
    /// What names the desktop among those of the source; `None` is the argument `token`.
    token: Option<Template> = None, inherit;
    /// A form in place of the browser's dialog, and how often it may be tried.
    login: Option<login::attempts::Limit> = None, inherit;
    /// Who the person is, if not the user that authenticated.
    person: Option<Template> = None, inherit;
    /// Where tokens are looked up.
    source: Option<Arc<TokenSource>> = None, inherit;
    /// The password that the gateway shows to the machine.
    password: Option<Password> = None, inherit;
    /// The user name that goes with it.
    user: Option<Template> = None, inherit;
    /// Passwords and users of many machines.
    credentials: Option<Arc<Credentials>> = None, inherit;
    /// Whether user and password may go in the clear.
    plain_login: bool = false, inherit;
    /// How many wrong passwords a person may type.
    login_limit: Option<LoginLimit> = Some(LoginLimit::default()), inherit;
    /// TLS towards the machine; `None` is never.
    tls: Option<TlsNeed> = Some(TlsNeed::Offered), inherit;
    /// Versions of TLS.
    ssl_protocols: Option<tls::Protocols> = None, inherit;
    /// Ciphers of TLS 1.2, as OpenSSL writes them.
    ssl_ciphers: Arc<str> = "DEFAULT".into(), inherit;
    /// Whether the machine's certificate is verified.
    ssl_verify: bool = true, inherit;
    /// Who says which certificates are good.
    ssl_trusted: Option<tls::Authorities> = None, inherit;
    /// Lists of certificates that are not any more.
    ssl_crl: Option<tls::Revoked> = None, inherit;
    /// The only certificates that are good.
    ssl_fingerprints: Vec<Template> = Vec::new(), inherit;
    /// The name that the machine's certificate must have.
    ssl_name: Option<Template> = None, inherit;
    /// The certificate that the gateway shows.
    ssl_certificate: Option<tls::Loaded> = None, inherit;
    /// Its key.
    ssl_certificate_key: Option<tls::Loaded> = None, inherit;
    /// Both, where they stand.
    ssl_pair: Option<tls::Pair> = None, inherit;
    /// Whether the viewer may only watch.
    view_only: Switch = Switch::Off, inherit;
    /// Who has which role; without, everybody the one that is common where they are.
    role: Option<Roles> = None, inherit;
    /// The desktop's name.
    title: Option<Template> = None, inherit;
    /// Which ways the clipboard may go.
    clipboard: Clipboard = Clipboard { inwards: true, outwards: true, bytes_max: None }, inherit;
    /// Whether the viewer may change the screen's size.
    resize: bool = true, inherit;
    /// Whether the viewer may shut down and reset the machine.
    power: bool = true, inherit;
    /// The best JPEG quality that the viewer may ask for.
    quality_max: u8 = 9, inherit;
    /// Ends sessions without keys or pointer for so long.
    idle_timeout: Option<Duration> = None, inherit;
    /// How long a session goes on whose reason to be is gone.
    revoke_grace: Duration = Duration::from_secs(10), inherit;
    /// For how long somebody whose session was cut may not come back.
    cut_hold: Option<Duration> = Some(Duration::from_secs(300)), inherit;
    /// Ends sessions that are so old.
    max_session: Option<Duration> = None, inherit;
    /// How often viewers are pinged; zero is never.
    ping: Duration = Duration::from_secs(20), inherit;
    /// Which pages may open a session.
    origin: Origins = Origins::Same, inherit;
    /// Where sessions are recorded.
    record: Option<record::Asked> = None, inherit;
    /// The most sessions of one user.
    limit_user: Option<u32> = None, inherit;
    /// The most sessions at one machine.
    limit_desktop: Option<u32> = None, inherit;
    /// The most sessions in all.
    limit_all: Option<u32> = None, inherit;
    /// The folder of recordings that is shown.
    recordings: Option<Arc<std::path::Path>> = None, unnamed;
    /// What links may be made.
    links: Option<links::Allowed> = None, inherit;
    /// Where starts and ends of sessions are written.
    journals: Vec<Journal> = Vec::new(), inherit;
    /// Which addresses a token or a variable may lead to.
    reach: Vec<Rule> = Vec::new(), inherit;
    /// Whether pictures of the screen may be had, if that was said.
    screenshot: Option<bool> = None, inherit;
    /// Where small pictures of the screen come from, if that was said.
    thumbnail: Option<Thumbnail> = None, inherit;
    /// Whether machines are asked how they do, if that was said.
    probe: Option<probe::Asked> = None, inherit;
    /// Time to reach the machine.
    connect_timeout: Duration = Duration::from_secs(10), inherit;
    /// Time in which the machine must take something of the input that waits for it.
    send_timeout: Duration = Duration::from_secs(60), inherit;
}

/// `vnc_pass`
#[derive(Debug, Clone)]
pub enum Pass {
    /// One machine.
    Static(Target),
    /// One of the desktops.
    Desktop {
        /// Its name.
        name: Arc<str>,
        /// Why it is no address.
        error: TargetError,
        /// Where it stands.
        span: Span,
    },
    /// As the request says.
    Dynamic(Template),
}

/// A switch that may depend on the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switch {
    /// Never.
    Off,
    /// Always.
    On,
    /// As the value says; what is neither yes nor no counts as yes, which is the safe side.
    If(Template),
}

/// `vnc_clipboard`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clipboard {
    /// Whether the viewer's may reach the machine.
    pub inwards: bool,
    /// Whether the machine's may reach the viewer.
    pub outwards: bool,
    /// Longer texts do not pass.
    pub bytes_max: Option<u32>,
}

impl Switch {
    /// Whether it is on for this request.
    pub fn is_on(&self, request: &Request) -> bool {
        match self {
            Switch::Off => false,
            Switch::On => true,
            Switch::If(value) => {
                let value = request.eval(value).to_ascii_lowercase();
                !matches!(&value[..], b"" | b"0" | b"off" | b"no" | b"false")
            }
        }
    }
}

impl Conf {
    /// Whether roles decide who may do what.
    pub fn says_roles(&self) -> bool {
        self.role.is_some()
    }

    /// Whether viewers come in with credentials of the gateway's and nothing of their own, such as
    /// a token.
    pub fn stores_credentials(&self, desktops: &Desktops) -> bool {
        let stores = |desktop: &Desktop| desktop.conf.has_credentials();
        match (&self.wall, &self.pass) {
            (Some(wall), _) => {
                let mut desktops = wall.desktops(desktops).peekable();
                let any = desktops.peek().is_some();
                (any && self.has_credentials()) || desktops.any(|desktop| stores(desktop))
            }
            (None, Some(Pass::Desktop { name, .. })) => {
                let desktop = desktops.find(name);
                self.has_credentials() || desktop.is_some_and(|desktop| stores(desktop))
            }
            (None, _) => self.has_credentials() && self.token.is_none() && self.source.is_none(),
        }
    }
}

/// Before the handler of a location of desktops, of sessions or of recordings: who asks. The answer
/// is a refusal.
pub fn enter(request: &Request) -> Option<Flow> {
    // Roles are found by maps, which may have seen a user before that one was verified.
    request.forget_rules();
    if request.may_hold_claims() {
        request.log(
            Level::Error,
            format_args!(
                "the user in Authorization was asked for, without being verified, in a location \
                 that led to one of desktops: no role can be given"
            ),
        );
        return Some(Flow::Status(403));
    }
    let user = grant::user(request);
    request.desktop.borrow_mut().get_or_insert_default().user = user;
    None
}

/// The handler of a location of desktops: one, or a wall of many.
pub async fn run(request: &Rc<Request>) -> Flow {
    hide_token(request);
    let conf = request.conf().vnc.clone();
    if let Some(wall) = &conf.wall {
        return wall::run(request, wall).await;
    }
    let uri = request.uri();
    folder(request, pages::place(request, &uri), &Subject::OfLocation).await
}

/// Which desktop a request is for, where it leads to desktops; `None` if it is for none.
fn subject(request: &Request) -> Option<Subject> {
    let Some(wall) = &request.conf().vnc.wall else {
        return Some(Subject::OfLocation);
    };
    let uri = request.uri();
    match pages::place(request, &uri) {
        Place::Inside(path) => Some(wall::inside(request, wall, path).0),
        Place::Folder | Place::Nowhere => None,
    }
}

/// A desktop's folder: a WebSocket whatever its path, otherwise the pages.
async fn folder(request: &Rc<Request>, place: Place<'_>, subject: &Subject) -> Flow {
    match upgrade::is_asked_for(request) {
        true => upgrade::run(request, subject).await,
        false => pages::viewer(request, place, subject).await,
    }
}

/// Text that came from elsewhere, as far as it is text.
fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
