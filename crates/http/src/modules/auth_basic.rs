//! `ngx_http_auth_basic_module`: user names and passwords (RFC 7617), and `auth_delay`.

use std::ffi::OsStr;
use std::future::poll_fn;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use conf::{Arity, Directive, Item};
use net::Deadline;
use net::log::{Errno, Level as LogLevel};
use proto::h1::{FieldName, Method};
use script::Template;

use crate::draft::Level;
use crate::module::{ANY, Cx, Done, LIMIT_EXCEPT, Module, Set, doc, store};
use crate::password;
use crate::phases::Flow;
use crate::request::Request;
use crate::response::Field;
use crate::settings::settings;

mod cookie;
mod entry;
mod user_file;

use cookie::{Jar, Mode};
pub use entry::{Entry, Now, now};
use user_file::Found;

settings! {
    /// What the browser shows; `off` switches authentication off.
    realm: Option<Template> = None, inherit;
    /// Where the users are.
    user_file: Option<UserFile> = None, inherit;
    /// How long a refusal takes.
    delay: Duration = Duration::ZERO, inherit;
    /// Whether a cookie stands in for the password.
    cookie: Mode = Mode::Auto, inherit;
    /// How long such a cookie is good.
    cookie_time: Duration = Duration::from_secs(12 * 3600), inherit;
    /// What cookies are signed with, if a file says so.
    cookie_key: Option<Arc<hmac::Key>> = None, inherit;
    /// What cookies are signed with otherwise.
    program_key: Option<Arc<hmac::Key>> = None, inherit;
}

/// `auth_basic_user_file`
#[derive(Debug, Clone)]
pub struct UserFile {
    path: Template,
    /// Where relative paths begin: that of the configuration.
    folder: PathBuf,
}

impl Conf {
    /// Whether somebody may be kept out.
    pub fn is_on(&self) -> bool {
        self.realm.is_some() && self.user_file.is_some()
    }
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_auth_basic_module",
    directives: &[
        Directive::new(
            "auth_basic",
            ANY.or(LIMIT_EXCEPT),
            Arity::Exactly(1),
            store!(optional template auth_basic.realm),
            doc(
                "auth_basic string | off;",
                "auth_basic off;",
                "Asks for a user name and a password; the string tells the user what for.",
            ),
        ),
        Directive::new(
            "auth_basic_user_file",
            ANY.or(LIMIT_EXCEPT),
            Arity::Exactly(1),
            Set::Level(user_file),
            doc(
                "auth_basic_user_file file;",
                "",
                "The file with the users, one name:password a line; read at every request.",
            ),
        ),
        Directive::new(
            "auth_delay",
            ANY,
            Arity::Exactly(1),
            store!(time auth_basic.delay),
            doc(
                "auth_delay time;",
                "auth_delay 0s;",
                "How long a request without a good password waits for its 401, to slow guessing down.",
            ),
        ),
        Directive::new(
            "auth_basic_cookie",
            ANY.or(LIMIT_EXCEPT),
            Arity::Between(1, 2),
            Set::Level(cookie::auth_basic_cookie),
            doc(
                "auth_basic_cookie auto | on | off [time];",
                "auth_basic_cookie auto 12h;",
                "Whether a right password is answered with a signed cookie that stands in for it for that time, since some browsers send no password with a WebSocket; auto is in front of desktops. It is good for the same realm and file of users, and ends when the user's line there changes.",
            ),
        ),
        Directive::new(
            "auth_basic_cookie_key",
            ANY.or(LIMIT_EXCEPT),
            Arity::Exactly(1),
            Set::Level(cookie::auth_basic_cookie_key),
            doc(
                "auth_basic_cookie_key file;",
                "",
                "What such cookies are signed with: at least 32 bytes that others may not read. Without it a key is made at each start, which reloads keep.",
            ),
        ),
    ],
    variables: &[],
};

fn user_file(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let path = cx.template(item, 0)?;
    let folder = cx.bundle.conf_path(b"");
    level.drafts.auth_basic.program_key = Some(cookie::key_of_program(cx));
    item.once(
        &mut level.drafts.auth_basic.user_file,
        Some(UserFile { path, folder }),
    )
}

/// Whether names and passwords are asked for where a request is.
pub fn asks(request: &Request) -> bool {
    let conf = &request.conf().auth_basic;
    let realm = conf.realm.as_ref().filter(|_| conf.user_file.is_some());
    realm.is_some_and(|realm| request.eval(realm) != "off")
}

/// The file of users where a request is, if names and passwords are asked for there.
pub fn file_of_users(request: &Request) -> Option<PathBuf> {
    let file = request.conf().auth_basic.user_file.as_ref();
    Some(file.filter(|_| asks(request))?.path(request))
}

impl UserFile {
    fn path(&self, request: &Request) -> PathBuf {
        let path = request.eval(&self.path);
        self.folder.join(Path::new(OsStr::from_bytes(&path)))
    }
}

/// A place that asks for a password.
struct Door {
    realm: Bytes,
    path: PathBuf,
}

impl Door {
    /// That of the request's location, if it has one.
    fn of(request: &Request) -> Option<Self> {
        let conf = &request.conf().auth_basic;
        let (realm, file) = (conf.realm.as_ref()?, conf.user_file.as_ref()?);
        let realm = request.eval(realm);
        (realm != "off").then(|| Self {
            realm,
            path: file.path(request),
        })
    }

    /// The cookies that stand in for a password here.
    fn jar<'r>(&self, request: &'r Request) -> Option<Jar<'r>> {
        Jar::of(request, &self.realm, self.path.as_os_str().as_bytes())
    }
}

/// The handler of the access phase.
pub async fn run(request: &Rc<Request>) -> Flow {
    let Some(door) = Door::of(request) else {
        return Flow::Next;
    };
    let jar = door.jar(request);
    let Some(Credentials { user, password }) = Credentials::of(request) else {
        let mut line = None;
        let stored = |user: &[u8]| {
            line = user_file::find(&door.path, user).ok().flatten();
            line.clone()
        };
        if let Some(user) = jar.and_then(|jar| jar.user(request, stored)) {
            Entry::note(request, &user, &line.unwrap_or_default());
            request.user.replace(Some(user));
            return Flow::Allowed;
        }
        request.log(
            LogLevel::Info,
            format_args!("no user/password was provided for basic authentication"),
        );
        return challenge(request, &door.realm);
    };
    let shown = String::from_utf8_lossy(&user);
    let stored = match user_file::find(&door.path, &user) {
        Ok(Some(stored)) => stored,
        Ok(None) => {
            let path = door.path.display();
            request.log(
                LogLevel::Error,
                format_args!("user \"{shown}\" was not found in \"{path}\""),
            );
            return challenge(request, &door.realm);
        }
        Err(error) => return unreadable(request, &door.path, &error),
    };
    match password::check(&stored, &password).await {
        Ok(true) => {
            if let Some(jar) = jar
                && !is_kept_by_all(request)
                && jar.user(request, |_| Some(stored.clone())).is_none()
            {
                jar.give(request, &user, &stored);
            }
            Entry::note(request, &user, &stored);
            request.user.replace(Some(user.clone()));
            Flow::Allowed
        }
        Ok(false) => {
            request.log(
                LogLevel::Error,
                format_args!("user \"{shown}\": password mismatch"),
            );
            challenge(request, &door.realm)
        }
        Err(error) => Flow::Status(impossible(request, &shown, error)),
    }
}

fn impossible(request: &Request, user: &str, error: password::Error) -> u16 {
    request.log(LogLevel::Crit, format_args!("user \"{user}\": {error}"));
    match error {
        password::Error::UnknownKind => 500,
        password::Error::Busy => 503,
    }
}

/// Whether a proxy may give the answer to others, with a cookie that is none of theirs.
fn is_kept_by_all(request: &Request) -> bool {
    let uri = request.uri();
    request.conf().core.handler.is_of_desktops() && uri.windows(8).any(|part| part == b"/assets/")
}

/// What became of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// It is the user's.
    Right,
    /// It is not, or there is no such user.
    Wrong,
    /// It cannot be checked; the status that says so.
    Impossible(u16),
}

/// Checks what was typed in a form, and gives a cookie if it is right. An unknown user takes as
/// long as a wrong password.
pub async fn sign_in(request: &Rc<Request>, user: &[u8], password: &[u8]) -> Check {
    let Some(door) = Door::of(request) else {
        return Check::Wrong;
    };
    let Some(jar) = door.jar(request) else {
        let message = format_args!("\"vnc_login\" without cookies: \"auth_basic_cookie\" is off");
        request.log(LogLevel::Error, message);
        return Check::Impossible(500);
    };
    let (stored, is_theirs) = match user_file::find_or_other(&door.path, user) {
        Ok(Found::User(stored)) => (stored, true),
        Ok(Found::Other(stored)) => (stored, false),
        Ok(Found::Nobody) => return Check::Wrong,
        Err(error) => {
            unreadable(request, &door.path, &error);
            return Check::Impossible(500);
        }
    };
    let shown = String::from_utf8_lossy(user);
    match password::check(&stored, password).await {
        Ok(true) if is_theirs => {
            jar.give(request, user, &stored);
            Check::Right
        }
        Ok(_) => {
            let what = match is_theirs {
                true => "password mismatch",
                false => "not found",
            };
            request.log(LogLevel::Error, format_args!("user \"{shown}\": {what}"));
            Check::Wrong
        }
        Err(error) => Check::Impossible(impossible(request, &shown, error)),
    }
}

/// Takes the cookie back.
pub fn sign_out(request: &Request) {
    if let Some(door) = Door::of(request)
        && let Some(jar) = door.jar(request)
    {
        jar.take_back(request);
    }
}

/// Whether a cookie let a request in, given that it was let in.
pub fn came_by_cookie(request: &Request) -> bool {
    let jar_has = |door: Door| door.jar(request).is_some_and(|jar| jar.has_any(request));
    Credentials::of(request).is_none() && Door::of(request).is_some_and(jar_has)
}

fn unreadable(request: &Request, path: &Path, error: &io::Error) -> Flow {
    let (status, level) = match error.kind() {
        io::ErrorKind::NotFound => (403, LogLevel::Error),
        _ => (500, LogLevel::Crit),
    };
    let path = path.display();
    request.log(
        level,
        format_args!("open() \"{path}\" failed {}", Errno(error)),
    );
    Flow::Status(status)
}

/// Asks for a password, with an error page of the location if there is one.
fn challenge(request: &Request, realm: &[u8]) -> Flow {
    let (name, status) = match is_for_proxy(request) {
        true => (FieldName::ProxyAuthenticate, 407),
        false => (FieldName::WwwAuthenticate, 401),
    };
    let mut pending = request.pending.borrow_mut();
    // Only the last place asks, if an internal redirect led here from another one.
    pending.retain(|field| !field.is(name));
    let value = [b"Basic realm=\"", realm, b"\""].concat();
    pending.push(Field {
        name: name.as_str().into(),
        value: value.into(),
    });
    Flow::Status(status)
}

/// Whether it is us, and not somebody behind us, to whom the client names itself (RFC 9110 §11.7).
fn is_for_proxy(request: &Request) -> bool {
    request.method.get() == Method::Connect
}

/// `auth_delay`: a refusal takes so long.
pub async fn delay(request: &Rc<Request>, flow: Flow) -> Flow {
    let delay = request.conf().auth_basic.delay;
    if matches!(flow, Flow::Status(401 | 407)) && !delay.is_zero() {
        request.log(
            LogLevel::Error,
            format_args!("delaying unauthorized request"),
        );
        let deadline = Deadline::after(delay);
        poll_fn(|cx| deadline.poll_expired(cx)).await;
    }
    flow
}

/// The user that a request names, whether or not the password is right (`$remote_user`).
pub fn user(request: &Request) -> Option<Bytes> {
    Credentials::of(request).map(|credentials| credentials.user)
}

/// What `Authorization`, or with CONNECT `Proxy-Authorization`, says.
#[derive(Debug, PartialEq, Eq)]
struct Credentials {
    user: Bytes,
    password: Bytes,
}

impl Credentials {
    fn of(request: &Request) -> Option<Self> {
        let name = match is_for_proxy(request) {
            true => FieldName::ProxyAuthorization,
            false => FieldName::Authorization,
        };
        Self::parse(request.header(name)?)
    }

    fn parse(field: &[u8]) -> Option<Self> {
        let (scheme, encoded) = field.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"Basic ") {
            return None;
        }
        let decoded = Bytes::from(BASE64.decode(encoded.trim_ascii_start()).ok()?);
        let colon = memchr::memchr(b':', &decoded).filter(|&colon| colon > 0)?;
        Some(Self {
            user: decoded.slice(..colon),
            password: decoded.slice(colon + 1..),
        })
    }
}

/// As nginx, padding may be left out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(field: &str) -> Option<(String, String)> {
        let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
        let parsed = Credentials::parse(field.as_bytes())?;
        Some((text(parsed.user), text(parsed.password)))
    }

    #[test]
    fn credentials_are_a_name_a_colon_and_a_password() {
        let expected = Some(("user".to_owned(), "pass:word".to_owned()));
        assert_eq!(parse("Basic dXNlcjpwYXNzOndvcmQ="), expected);
        assert_eq!(parse("basic   dXNlcjpwYXNzOndvcmQ"), expected);
        assert_eq!(parse("Basic dXNlcjo="), Some(("user".into(), "".into())));
    }

    #[test]
    fn everything_else_is_none() {
        for field in [
            "",
            "Basic",
            "Basic ",
            "Bearer dXNlcjpw",
            "Basic dXNlcg==",
            "Basic OnBhc3M=",
            "Basic ____",
            "Basicx dXNlcjpw",
            "Basic \u{e4}",
        ] {
            assert_eq!(parse(field), None, "{field}");
        }
    }
}
