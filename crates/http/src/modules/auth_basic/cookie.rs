//! A cookie in place of `Authorization`, once a password was right: some browsers send no password
//! with a WebSocket.
//!
//! The cookie says who it is and until when, and proves that we said so. The proof also covers the
//! stored form of the password, so that a changed password, or a user who is gone from the file,
//! ends it at once; nothing is remembered here.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use conf::{Item, value};
use net::clock;
use proto::h1::FieldName;
use sha2::{Digest as _, Sha256};

use crate::draft::Level;
use crate::module::{Cx, Done};
use crate::request::Request;
use crate::response::Field;
use crate::secret_file::{Kind, SecretFile};

/// The shortest key that a file may hold.
const KEY_BYTES_MIN: usize = 32;

/// More than anybody makes.
const KEY_BYTES_MAX: usize = 4096;

/// Cookies of one name that are looked at: a browser sends one for each folder that has one.
const COOKIES_MAX: usize = 4;

/// The longest name that a cookie carries.
const USER_BYTES_MAX: usize = 256;

/// `auth_basic_cookie`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For desktops.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// What a cookie is good for: the same realm with the same file of users.
#[derive(Debug)]
pub struct Jar<'a> {
    key: &'a hmac::Key,
    name: String,
    lifetime: Duration,
}

impl<'a> Jar<'a> {
    /// For a place, if cookies are given and taken there.
    pub fn of(request: &'a Request, realm: &[u8], file: &[u8]) -> Option<Self> {
        let conf = &request.conf().auth_basic;
        let is_wanted = match conf.cookie {
            Mode::On => true,
            Mode::Off => false,
            Mode::Auto => request.conf().core.handler.is_of_desktops(),
        };
        let key = conf.cookie_key.as_deref().or(conf.program_key.as_deref());
        let key = key.filter(|_| is_wanted)?;
        let mut digest = Sha256::new();
        for part in [realm, file] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        let digest = digest.finalize();
        let mut name = "portway-".to_owned();
        for byte in digest.iter().take(NAME_BYTES) {
            name.push_str(&format!("{byte:02x}"));
        }
        Some(Self {
            key,
            name,
            lifetime: conf.cookie_time,
        })
    }

    /// Whether the request brings one, good or not.
    pub fn has_any(&self, request: &Request) -> bool {
        values(request, self.name.as_bytes()).next().is_some()
    }

    /// Whom a cookie of the request names, if `stored` knows that name, the proof fits, and its
    /// time is not over.
    pub fn user(
        &self,
        request: &Request,
        mut stored: impl FnMut(&[u8]) -> Option<Vec<u8>>,
    ) -> Option<Bytes> {
        let now = seconds(clock::wall());
        let mut given = values(request, self.name.as_bytes()).take(COOKIES_MAX);
        given.find_map(|value| {
            let cookie = Cookie::parse(value)?;
            if cookie.until <= now {
                return None;
            }
            let stored = stored(&cookie.user)?;
            let signed = self.signed(&cookie.user, &stored, cookie.until);
            hmac::verify(self.key, &signed, &cookie.proof).ok()?;
            Some(cookie.user.into())
        })
    }

    /// Gives the browser a cookie for a user whose password was right. It has no path of its own:
    /// a proxy in front may have other paths, and the browser takes the folder that it asked.
    pub fn give(&self, request: &Request, user: &[u8], stored: &[u8]) {
        if user.len() > USER_BYTES_MAX {
            return;
        }
        let until = seconds(clock::wall()).saturating_add(self.lifetime.as_secs());
        let proof = hmac::sign(self.key, &self.signed(user, stored, until));
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let value = format!("{}.{until}.{}", encode(user), encode(proof.as_ref()));
        let lifetime = self.lifetime.as_secs();
        self.set(request, &format!("{value}; Max-Age={lifetime}"));
    }

    /// Takes the cookie away, wherever in the path it may have been given.
    pub fn take_back(&self, request: &Request) {
        self.set(request, "; Max-Age=0");
        let uri = request.uri();
        let uri = String::from_utf8_lossy(&uri);
        let folders = uri.match_indices('/').map(|(at, _)| &uri[..at.max(1)]);
        let is_plain = |folder: &&str| folder.bytes().all(|byte| byte.is_ascii_graphic());
        for folder in folders.filter(is_plain).take(FOLDERS_MAX) {
            if !folder.contains([';', ',']) {
                self.push(request, &format!("; Max-Age=0; Path={folder}"));
            }
        }
    }

    /// As the only cookie of this name.
    fn set(&self, request: &Request, rest: &str) {
        let begins = format!("{}=", self.name);
        request.pending.borrow_mut().retain(|field| {
            !(field.is(FieldName::SetCookie) && field.value.starts_with(begins.as_bytes()))
        });
        self.push(request, rest);
    }

    fn push(&self, request: &Request, rest: &str) {
        let secure = match request.conn.stream.is_tls() {
            true => "; Secure",
            false => "",
        };
        let name = &self.name;
        request.pending.borrow_mut().push(Field {
            name: FieldName::SetCookie.as_str().into(),
            value: format!("{name}={rest}; HttpOnly; SameSite=Strict{secure}").into(),
        });
    }

    /// What the proof is of; where each part ends does not depend on what is in it.
    fn signed(&self, user: &[u8], stored: &[u8], until: u64) -> Vec<u8> {
        let until = until.to_be_bytes();
        let mut signed = b"portway sign-in 1".to_vec();
        for part in [self.name.as_bytes(), user, stored, &until] {
            signed.extend_from_slice(&part.len().to_be_bytes());
            signed.extend_from_slice(part);
        }
        signed
    }
}

/// Bytes of a digest in a cookie's name.
const NAME_BYTES: usize = 6;

/// Folders above a path in which a cookie is taken back.
const FOLDERS_MAX: usize = 8;

/// A cookie taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Cookie {
    user: Vec<u8>,
    /// Seconds since 1970.
    until: u64,
    proof: Vec<u8>,
}

impl Cookie {
    fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = value.split(|&byte| byte == b'.');
        let (user, until, proof) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let user = BASE64_URL_SAFE_NO_PAD.decode(user).ok()?;
        let until = value::number(until)?;
        let proof = BASE64_URL_SAFE_NO_PAD.decode(proof).ok()?;
        (user.len() <= USER_BYTES_MAX).then_some(Self { user, until, proof })
    }
}

/// The values of all cookies of a name.
fn values<'r>(request: &'r Request, name: &'r [u8]) -> impl Iterator<Item = &'r [u8]> {
    let fields = request.head.fields.all(FieldName::Cookie);
    let pairs = fields.flat_map(|field| {
        let value = field.value.of(&request.buf);
        value.split(|&byte| byte == b';')
    });
    pairs.filter_map(move |pair| pair.trim_ascii().strip_prefix(name)?.strip_prefix(b"="))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// `auth_basic_cookie`
pub fn auth_basic_cookie(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let mode = match item.text(0)? {
        "auto" => Mode::Auto,
        "on" => Mode::On,
        "off" => Mode::Off,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    if let Some(word) = item.args.get(1) {
        let time = value::time(&word.text).filter(|time| time.as_secs() > 0);
        let time = time.ok_or_else(|| item.invalid_parameter(word))?;
        level.drafts.auth_basic.cookie_time = Some(time);
    }
    item.once(&mut level.drafts.auth_basic.cookie, mode)
}

/// Where nothing is said of a key, it is one of this start of the program.
pub fn key_of_program(cx: &Cx<'_>) -> Option<Arc<hmac::Key>> {
    let secret = cx.bundle.secret.as_ref();
    secret.map(|secret| Arc::new(key_of(&secret.0)))
}

/// `auth_basic_cookie_key`
pub fn auth_basic_cookie_key(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let kind = Kind {
        what: "key",
        len_max: KEY_BYTES_MAX,
    };
    let file = SecretFile::open(item, 0, cx, kind)?;
    if file.text.len() < KEY_BYTES_MIN {
        let remedy = format!("openssl rand -out {} 48", file.shown());
        let wrong = file.wrong(item, "the key is shorter than 32 bytes");
        return Err(wrong.help(remedy));
    }
    let key = Some(Arc::new(key_of(&file.text)));
    item.once(&mut level.drafts.auth_basic.cookie_key, key)
}

fn key_of(secret: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret)
}
