//! `ngx_http_auth_jwt_module` (nginx's commercial edition): signed tokens say who it is (RFC 7519).

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conf::{Arity, Diagnostic, Directive, Item};
use jwt::{Demands, JwtError, Keys, Token};
use net::clock;
use net::log::Level as LogLevel;
use proto::h1::FieldName;
use script::Template;
use serde_json::Value;

use crate::draft::Level;
use crate::module::{ANY, Cx, Done, LIMIT_EXCEPT, Module, Set, doc, store};
use crate::phases::Flow;
use crate::request::Request;
use crate::response::Field;
use crate::settings::settings;
use crate::variable::{builtin, prefix};

settings! {
    /// What is protected; `None` lets everybody in.
    site: Option<Site> = None, inherit;
    /// Who may sign.
    keys: Vec<Arc<Keys>> = Vec::new(), inherit;
    /// How far clocks may be apart.
    leeway: Duration = Duration::ZERO, inherit;
    /// Values of which none may be empty or zero.
    required: Vec<Required> = Vec::new(), inherit;
}

/// `auth_jwt`
#[derive(Debug, Clone)]
pub struct Site {
    realm: Template,
    /// Where the token is; otherwise in `Authorization`.
    token: Option<Template>,
}

/// `auth_jwt_require`
#[derive(Debug, Clone)]
pub struct Required {
    values: Vec<Template>,
    status: u16,
}

impl Conf {
    /// Whether somebody may be kept out.
    pub fn is_on(&self) -> bool {
        self.site.is_some()
    }

    /// What deserves a warning: a place where no token can be good.
    pub(crate) fn lacks_keys(&self) -> Option<Diagnostic> {
        let lacks = self.site.is_some() && self.keys.is_empty();
        lacks.then(|| {
            let message = "\"auth_jwt\" without \"auth_jwt_key_file\" lets nobody in";
            Diagnostic::warn(message).help("name the file with the keys that sign tokens")
        })
    }
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_auth_jwt_module",
    directives: &[
        Directive::new(
            "auth_jwt",
            ANY.or(LIMIT_EXCEPT),
            Arity::Between(1, 2),
            Set::Level(auth_jwt),
            doc(
                "auth_jwt string [token=$variable] | off;",
                "auth_jwt off;",
                "Lets in whoever brings a JSON Web Token that one of the keys has signed and whose time is now, in Authorization as a Bearer token or where the variable says. The claim sub becomes $remote_user.",
            ),
        ),
        Directive::new(
            "auth_jwt_key_file",
            ANY.or(LIMIT_EXCEPT),
            Arity::Exactly(1),
            Set::Level(key_file),
            doc(
                "auth_jwt_key_file file;",
                "",
                "Who may sign tokens: a JSON Web Key set, public keys or certificates in PEM, or one secret in base64url. May stand several times. A changed file counts within ssl_certificate_watch.",
            ),
        ),
        Directive::new(
            "auth_jwt_leeway",
            ANY,
            Arity::Exactly(1),
            store!(time auth_jwt.leeway),
            doc(
                "auth_jwt_leeway time;",
                "auth_jwt_leeway 0s;",
                "How far the clock of whoever makes the tokens may be from ours.",
            ),
        ),
        Directive::new(
            "auth_jwt_require",
            ANY.or(LIMIT_EXCEPT),
            Arity::AtLeast(1),
            Set::Level(require),
            doc(
                "auth_jwt_require value … [error=401 | 403];",
                "",
                "What else must be: none of the values, such as one of a map over $jwt_claim_…, may be empty or 0. May stand several times.",
            ),
        ),
    ],
    variables: &[
        prefix(
            "jwt_header_",
            |request, name, out| {
                with_token(request, |token| {
                    token
                        .header
                        .get_ignoring_case(name)
                        .is_some_and(|value| append(value, out))
                })
            },
            "A value of the header of the token that was let in.",
        ),
        prefix(
            "jwt_claim_",
            |request, name, out| {
                with_token(request, |token| {
                    token
                        .claims
                        .get_ignoring_case(name)
                        .is_some_and(|value| append(value, out))
                })
            },
            "A claim of the token that was let in: a text, a number, or the members of an array with commas.",
        ),
        builtin(
            "jwt_payload",
            |request, out| {
                with_token(request, |token| {
                    out.extend_from_slice(&token.payload);
                    true
                })
            },
            "All claims of the token that was let in, as JSON.",
        ),
    ],
};

fn with_token(request: &Request, ask: impl FnOnce(&Token) -> bool) -> bool {
    let request = request.main();
    let token = request.jwt.borrow().clone();
    token.is_some_and(|token| ask(&token))
}

/// A claim as the value of a variable.
fn append(value: &Value, out: &mut Vec<u8>) -> bool {
    match value {
        Value::Null => return false,
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::Array(members) => {
            for (at, member) in members.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                append(member, out);
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            out.extend_from_slice(value.to_string().as_bytes());
        }
    }
    true
}

fn auth_jwt(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let token = item.args.get(1);
    let site = match (&item.arg(0)?.text[..], token) {
        (b"off", None) => None,
        (_, token) => Some(Site {
            realm: cx.template(item, 0)?,
            token: match token {
                None => None,
                Some(word) => match word.text.strip_prefix(b"token=") {
                    Some(text) if text.starts_with(b"$") => Some(cx.template_of(item, text)?),
                    _ => return Err(item.invalid_parameter(word)),
                },
            },
        }),
    };
    item.once(&mut level.drafts.auth_jwt.site, site)
}

fn key_file(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let (_, keys) = keys(item, 0, cx)?;
    let all = level.drafts.auth_jwt.keys.get_or_insert_default();
    all.push(keys);
    Ok(())
}

/// The keys in a file that an argument names, with the file's name for messages. When the file
/// changes, they change with it.
pub fn keys(item: &Item, index: usize, cx: &Cx<'_>) -> Result<(String, Arc<Keys>), Diagnostic> {
    let word = item.arg(index)?;
    let path = cx.bundle.conf_path(&word.text);
    let shown = path.display().to_string();
    let wrong = |message: String| item.error(message).at(word.span);
    let text = cx.bundle.read_renewable(Path::new(&path));
    let text = text.map_err(|failure| wrong(format!("open() \"{shown}\" failed ({failure})")))?;
    let keys = Keys::parse(&text);
    let keys = keys.map_err(|error| wrong(format!("no keys in \"{shown}\": {error}")))?;
    Ok((shown, Arc::new(keys)))
}

fn require(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let mut status = 401;
    let mut values = Vec::new();
    for word in &item.args {
        match word.text.strip_prefix(b"error=") {
            Some(b"401") => status = 401,
            Some(b"403") => status = 403,
            Some(_) => return Err(item.invalid_parameter(word)),
            None => values.push(cx.template_of(item, &word.text)?),
        }
    }
    if values.is_empty() {
        return Err(item.error("\"auth_jwt_require\" names no value"));
    }
    let all = level.drafts.auth_jwt.required.get_or_insert_default();
    all.push(Required { values, status });
    Ok(())
}

/// Keeps a token that may stand where logs look out of them; to be called before anybody refuses
/// the request.
pub fn hide_token(request: &Request) {
    if let Some(Site {
        token: Some(template),
        ..
    }) = &request.conf().auth_jwt.site
    {
        let token = request.eval(template);
        request.secrets.borrow_mut().hide_too(token);
    }
}

/// Whether a signed token is asked for where a request is.
pub fn asks(request: &Request) -> bool {
    request.conf().auth_jwt.site.is_some()
}

/// The handler of the access phase.
pub fn run(request: &Rc<Request>) -> Flow {
    let conf = request.conf().auth_jwt.clone();
    let Some(site) = &conf.site else {
        return Flow::Next;
    };
    // Of another location, if an internal redirect led here.
    request.jwt.replace(None);
    let realm = request.eval(&site.realm);
    let given = match &site.token {
        Some(template) => request.eval(template),
        None => bearer(request),
    };
    if given.is_empty() {
        request.log(LogLevel::Info, format_args!("no JWT was provided"));
        return challenge(request, &realm, "");
    }
    let demands = Demands {
        leeway: conf.leeway,
        ..Demands::default()
    };
    match verify(&conf.keys, &given, &demands) {
        Ok(token) => admit(request, token, &conf, &realm),
        Err(error) => {
            request.log(LogLevel::Error, format_args!("JWT refused: {error}"));
            challenge(request, &realm, ", error=\"invalid_token\"")
        }
    }
}

fn verify(keys: &[Arc<Keys>], given: &[u8], demands: &Demands) -> Result<Token, JwtError> {
    let mut verdict = Err(JwtError::NoKey);
    for keys in keys {
        verdict = keys.verify(given);
        if verdict.is_ok() {
            break;
        }
    }
    let token = verdict?;
    demands.check(&token.claims, clock::wall())?;
    Ok(token)
}

fn admit(request: &Rc<Request>, token: Token, conf: &Conf, realm: &[u8]) -> Flow {
    let subject = token.claims.text("sub").map(str::to_owned);
    request.jwt.replace(Some(Rc::new(token)));
    for required in &conf.required {
        let is_missing = |value: &Template| matches!(&request.eval(value)[..], b"" | b"0");
        if required.values.iter().any(is_missing) {
            request.log(
                LogLevel::Error,
                format_args!("JWT refused: it has not what \"auth_jwt_require\" asks for"),
            );
            return match required.status {
                401 => challenge(request, realm, ", error=\"insufficient_scope\""),
                status => Flow::Status(status),
            };
        }
    }
    // DIFFERS: the subject becomes the user, in logs and for desktops; nginx leaves $remote_user.
    if let Some(subject) = subject
        && request.user.borrow().is_none()
    {
        request.user.replace(Some(subject.into()));
    }
    Flow::Allowed
}

/// The token of `Authorization: Bearer` (RFC 6750 §2.1).
fn bearer(request: &Request) -> Bytes {
    const SCHEME: &[u8] = b"Bearer ";
    let field = request.header(FieldName::Authorization);
    let (scheme, token) = match field.and_then(|field| field.split_at_checked(SCHEME.len())) {
        Some(parts) => parts,
        None => return Bytes::new(),
    };
    match scheme.eq_ignore_ascii_case(SCHEME) {
        true => Bytes::copy_from_slice(token.trim_ascii()),
        false => Bytes::new(),
    }
}

/// Asks for a token (RFC 6750 §3). Beside a password, if one is asked for too.
fn challenge(request: &Request, realm: &[u8], error: &str) -> Flow {
    let name = FieldName::WwwAuthenticate;
    let mut pending = request.pending.borrow_mut();
    pending.retain(|field| !(field.is(name) && field.value.starts_with(b"Bearer")));
    let value = [b"Bearer realm=\"", realm, b"\"", error.as_bytes()].concat();
    pending.push(Field {
        name: name.as_str().into(),
        value: value.into(),
    });
    Flow::Status(401)
}
