//! What the gateway itself shows to machines: passwords, users, certificates, and whose
//! certificates it trusts.

use std::sync::Arc;

use conf::{Arity, Diagnostic, Directive, Item, Span, value};
use net::log::Level as LogLevel;
use net::tls::identity::{Identity, IdentityError, certificates};
use net::tls::peers::Judge;
use net::tls::server::provider;
use vnc::{Credentials, Fingerprint, LoginLimit, Policy, Refusal, Target, Tls, TlsNeed, Trust};

use super::Conf;
use super::desktops::LEVELS;
use crate::draft::Level;
use crate::module::{Cx, Done, Module, Set, doc, store};
use crate::request::Request;

/// The module's part about logging in to machines.
pub const MODULE: Module = Module {
    name: "portway_vnc_module",
    directives: DIRECTIVES,
    variables: &[],
};

/// A certificate or key that was read.
#[derive(Debug, Clone)]
pub struct Loaded {
    shown: String,
    text: Arc<[u8]>,
    span: Span,
}

/// A certificate with its key, and what they were made of.
#[derive(Debug, Clone)]
pub struct Pair {
    certificate: Arc<[u8]>,
    key: Arc<[u8]>,
    identity: Identity,
}

/// What credentials are looked up for.
pub struct Machine<'a> {
    /// The token; empty if there is none.
    pub token: &'a str,
    /// The desktop's name, if it has one.
    pub desktop: Option<&'a str>,
    /// Where it is.
    pub target: &'a Target,
}

impl Conf {
    /// Whether the gateway has anything that opens a machine.
    pub fn has_credentials(&self) -> bool {
        self.password.is_some() || self.credentials.is_some() || self.ssl_certificate.is_some()
    }

    /// What is wrong with certificate and key that do not stand together.
    pub fn lacks_key(&self) -> Option<Diagnostic> {
        let certificate = self.ssl_certificate.as_ref();
        let key = self.ssl_certificate_key.as_ref();
        let belongs = |pair: &Pair| {
            certificate.is_some_and(|file| Arc::ptr_eq(&file.text, &pair.certificate))
                && key.is_some_and(|file| Arc::ptr_eq(&file.text, &pair.key))
        };
        let (present, missing) = match (certificate, key) {
            (None, None) => return None,
            (Some(_), Some(_)) if self.ssl_pair.as_ref().is_some_and(belongs) => return None,
            (Some(certificate), _) => (certificate, "vnc_ssl_certificate_key"),
            (None, Some(key)) => (key, "vnc_ssl_certificate"),
        };
        let message = format!("no \"{missing}\" is defined for \"{}\"", present.shown);
        let remedy = "the certificate and its key stand in the same block";
        Some(Diagnostic::emerg(message).at(present.span).help(remedy))
    }
}

/// Puts into a policy what the settings, and the files that they name, have for a machine.
pub fn equip(
    request: &Request,
    conf: &Conf,
    machine: &Machine<'_>,
    policy: &mut Policy,
) -> Result<(), Refusal> {
    policy.plain_login = conf.plain_login;
    policy.login_limit = conf.login_limit;
    policy.password = conf.password.clone();
    let user = conf.user.as_ref().map(|user| text(request, user));
    policy.user = user.filter(|user| !user.is_empty());
    let credentials = conf.credentials.as_ref();
    let own = credentials.and_then(|all| all.find(machine.token, machine.desktop, machine.target));
    if let Some(own) = own {
        policy.password = Some(own.password.clone());
        policy.user = own.user.clone().or(policy.user.take());
    }
    policy.tls = tls(request, conf)?;
    Ok(())
}

/// TLS towards the machine. What the location requires holds for every desktop.
fn tls(request: &Request, conf: &Conf) -> Result<Option<Tls>, Refusal> {
    let needs = [request.conf().vnc.tls, conf.tls];
    let required = needs.contains(&Some(TlsNeed::Required));
    let need = match (required, conf.tls) {
        (true, _) => TlsNeed::Required,
        (false, Some(need)) => need,
        (false, None) => return Ok(None),
    };
    let name = conf.ssl_name.as_ref().map(|name| text(request, name));
    Ok(Some(Tls {
        need,
        identity: conf.ssl_pair.as_ref().map(|pair| pair.identity.clone()),
        trust: trust(request, conf)?,
        name: name.filter(|name| !name.is_empty()),
    }))
}

fn trust(request: &Request, conf: &Conf) -> Result<Trust, Refusal> {
    let mut pinned = Vec::new();
    for template in &conf.ssl_fingerprints {
        let value = text(request, template);
        // A variable may well hold several, or none.
        for word in value.split_ascii_whitespace() {
            let fingerprint = word.parse::<Fingerprint>().map_err(|error| {
                request.log(
                    LogLevel::Error,
                    format_args!("\"vnc_ssl_fingerprint\": \"{word}\" is {error}"),
                );
                Refusal::Internal
            })?;
            pinned.push(fingerprint);
        }
    }
    Ok(match (&conf.ssl_trusted, conf.ssl_verify) {
        _ if !pinned.is_empty() => Trust::Pinned(pinned),
        (_, false) => Trust::Anybody,
        (Some(judge), true) => Trust::Signed(judge.clone()),
        (None, true) => Trust::Nobody,
    })
}

fn text(request: &Request, template: &script::Template) -> String {
    String::from_utf8_lossy(&request.eval(template)).into_owned()
}

const ONE: Arity = Arity::Exactly(1);

/// A directive of machines' logins.
macro_rules! login {
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

#[rustfmt::skip]
const DIRECTIVES: &[Directive<Set>] = &[
    login!("vnc_user", ONE, store!(optional template vnc.user), "name", "", "The user name that goes with the stored password, for VNC servers that want one (VeNCrypt's X509Plain and Plain). May have variables."),
    login!("vnc_credentials_file", ONE, Set::Level(credentials_file), "path | off", "vnc_credentials_file off;", "Passwords of many machines in one file of lines such as \"desktop:office password=secret\", \"192.168.204.21:5901 user=ann password=\"two words\"\" or \"token:8f14e45f password=secret\". The token's counts before the desktop's, that before the address's, and each of them before vnc_password_file. Read with the configuration; others may have no right to the file."),
    login!("vnc_plain_login", Arity::Flag, store!(flag vnc.plain_login), "on | off", "vnc_plain_login off;", "Whether a stored user and password may go to a VNC server in the clear, if that has no better way (VeNCrypt's Plain)."),
    login!("vnc_login_limit", Arity::Between(1, 2), Set::Level(login_limit), "number [wait=time] | off", "vnc_login_limit 3 wait=30s;", "So many wrong passwords a person may type for a machine; then there is a wait before the machine is asked again, which each further failure doubles. Keeps VNC servers from blocking the gateway's address. A stored password that a machine refused rests in the same way, whatever stands here."),
    login!("vnc_tls", ONE, Set::Level(tls_need), "on | off | required", "vnc_tls on;", "TLS towards VNC servers (VeNCrypt's X509None, X509Vnc, X509Plain). With \"on\" it is used where the server has nothing else, and where vnc_ssl_trusted_certificate, vnc_ssl_fingerprint or vnc_ssl_verify say which certificate is good; \"required\" refuses servers without it."),
    login!("vnc_ssl_verify", Arity::Flag, store!(flag vnc.ssl_verify), "on | off", "vnc_ssl_verify on;", "Whether certificates of VNC servers, and of gateways behind wss://, are verified. With \"on\" and neither vnc_ssl_trusted_certificate nor vnc_ssl_fingerprint no certificate is good; the log then has its fingerprint."),
    login!("vnc_ssl_trusted_certificate", ONE, Set::Level(trusted_certificate), "file", "", "Authorities that sign certificates of VNC servers, in PEM; or those certificates, if they sign themselves."),
    login!("vnc_ssl_fingerprint", Arity::AtLeast(1), Set::Level(fingerprint), "sha256:digits … | off", "vnc_ssl_fingerprint off;", "The only certificates that a VNC server may show, by their SHA-256, whoever signed them and whatever is in them. May have variables."),
    login!("vnc_ssl_name", ONE, store!(optional template vnc.ssl_name), "name", "", "The name that the VNC server's certificate must have, in place of its host name or address. May have variables."),
    login!("vnc_ssl_certificate", ONE, Set::Level(certificate), "file", "", "The certificate that the gateway shows to VNC servers that ask for one, in PEM."),
    login!("vnc_ssl_certificate_key", ONE, Set::Level(certificate_key), "file", "", "Its key, in PEM; in the same block."),
];

/// How many authorities may stand between a server's certificate and a trusted one.
const VERIFY_DEPTH: u32 = 4;

fn credentials_file(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let word = item.arg(0)?;
    if word.text == b"off" {
        return item.once(&mut level.drafts.vnc.credentials, None);
    }
    let path = cx.bundle.conf_path(&word.text);
    let shown = path.display();
    let file = cx.bundle.file(&path).map_err(|failure| {
        item.error(format!("open() \"{shown}\" failed ({failure})"))
            .at(word.span)
    })?;
    let credentials = Credentials::from_file(&file.text, file.mode).map_err(|error| {
        let wrong = item.error(format!("\"{shown}\": {error}")).at(word.span);
        match error {
            vnc::CredentialsError::OpenToAll(_) => wrong.help(format!("chmod o= {shown}")),
            _ => wrong,
        }
    })?;
    item.once(
        &mut level.drafts.vnc.credentials,
        Some(Arc::new(credentials)),
    )
}

fn login_limit(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let mut limit = LoginLimit::default();
    let limit = match (item.text(0)?, item.args.get(1)) {
        ("off", None) => None,
        ("off", Some(word)) => return Err(item.invalid_parameter(word)),
        (number, wait) => {
            let failures = number.parse().ok().filter(|number| *number > 0);
            limit.failures = failures.ok_or_else(|| item.invalid(&item.args[0]))?;
            if let Some(word) = wait {
                let time = word.text.strip_prefix(b"wait=").and_then(value::time);
                let time = time.filter(|time| !time.is_zero());
                limit.wait = time.ok_or_else(|| item.invalid_parameter(word))?;
            }
            Some(limit)
        }
    };
    item.once(&mut level.drafts.vnc.login_limit, limit)
}

fn tls_need(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let need = match item.text(0)? {
        "off" => None,
        "on" => Some(TlsNeed::Offered),
        "required" => Some(TlsNeed::Required),
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.vnc.tls, need)
}

fn trusted_certificate(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let file = load(item, cx)?;
    let found = certificates(&file.text);
    let found = found.map_err(|error| file.wrong("certificate", &error))?;
    let mut judge = Judge::new(VERIFY_DEPTH);
    judge.trust(found.into_iter().map(Arc::new));
    item.once(&mut level.drafts.vnc.ssl_trusted, Some(Arc::new(judge)))
}

fn fingerprint(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let mut templates = Vec::new();
    let is_off = item.args.len() == 1 && item.args[0].text == b"off";
    for (index, word) in item.args.iter().enumerate().filter(|_| !is_off) {
        if !word.text.contains(&b'$') {
            let text = String::from_utf8_lossy(&word.text);
            let parsed = text.parse::<Fingerprint>();
            parsed.map_err(|error| {
                item.error(format!("\"{text}\" is {error}"))
                    .at(word.span)
                    .help("\"openssl x509 -noout -fingerprint -sha256 -in FILE\" prints it")
            })?;
        }
        templates.push(cx.template(item, index)?);
    }
    item.once(&mut level.drafts.vnc.ssl_fingerprints, templates)
}

fn certificate(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let file = load(item, cx)?;
    item.once(&mut level.drafts.vnc.ssl_certificate, Some(file))?;
    join(level)
}

fn certificate_key(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let file = load(item, cx)?;
    item.once(&mut level.drafts.vnc.ssl_certificate_key, Some(file))?;
    join(level)
}

/// Makes an identity once both files of a level are there.
fn join(level: &mut Level) -> Done {
    let drafts = &mut level.drafts.vnc;
    let (Some(Some(certificate)), Some(Some(key))) =
        (&drafts.ssl_certificate, &drafts.ssl_certificate_key)
    else {
        return Ok(());
    };
    let identity = Identity::load(&certificate.text, &key.text, &[], &provider());
    let identity = identity.map_err(|error| match error {
        error if error.is_certificate() => certificate.wrong("certificate", &error),
        error @ IdentityError::Mismatch => key.wrong("certificate key", &error),
        error => key.wrong("certificate key", &error),
    })?;
    drafts.ssl_pair = Some(Some(Pair {
        certificate: certificate.text.clone(),
        key: key.text.clone(),
        identity,
    }));
    Ok(())
}

fn load(item: &Item, cx: &Cx<'_>) -> Result<Loaded, Diagnostic> {
    let word = item.arg(0)?;
    let path = cx.bundle.conf_path(&word.text);
    let text = cx.bundle.read_renewable(&path).map_err(|failure| {
        let message = format!("open() \"{}\" failed ({failure})", path.display());
        item.error(message).at(word.span)
    })?;
    Ok(Loaded {
        shown: path.display().to_string(),
        text,
        span: word.span,
    })
}

impl Loaded {
    fn wrong(&self, what: &str, error: &dyn std::fmt::Display) -> Diagnostic {
        let message = format!("cannot load {what} \"{}\": {error}", self.shown);
        Diagnostic::emerg(message).at(self.span)
    }
}
