//! TLS towards machines: `vnc_tls` and `vnc_ssl_…`. Handshakes are the crate's business.

use std::sync::Arc;

use conf::{Arity, Diagnostic, Directive, Item, Span};
use net::log::Level as LogLevel;
use net::tls::ciphers;
use net::tls::client::{ClientSettings, revocation_lists};
use net::tls::identity::{Identity, IdentityError, certificates};
use net::tls::peers::Judge;
use net::tls::server::{Versions, provider};
use vnc::{Fingerprint, Refusal, SourceFile, Tls, TlsNeed, Trust};
use x509::{Certificate, Crl};

use super::desktops::LEVELS;
use super::{Conf, lossy};
use crate::draft::Level;
use crate::module::{Cx, Done, Module, Set, doc, store};
use crate::modules::ssl::form;
use crate::request::Request;

/// The module's part about TLS towards machines.
pub const MODULE: Module = Module {
    name: "portway_vnc_module",
    directives: DIRECTIVES,
    variables: &[],
};

/// Versions of TLS, and where they are said.
#[derive(Debug, Clone)]
pub struct Protocols {
    versions: Versions,
    span: Span,
}

/// A file in PEM that was read.
#[derive(Debug, Clone)]
pub struct Loaded {
    file: SourceFile,
    span: Span,
}

/// A certificate with its key, and what they were made of.
#[derive(Debug, Clone)]
pub struct Pair {
    certificate: SourceFile,
    key: SourceFile,
    identity: Identity,
}

/// Authorities that sign certificates of machines.
#[derive(Debug, Clone)]
pub struct Authorities {
    file: SourceFile,
    certificates: Arc<[Arc<Certificate>]>,
}

/// Certificates of machines that their authorities took back.
#[derive(Debug, Clone)]
pub struct Revoked {
    file: SourceFile,
    lists: Arc<[Arc<Crl>]>,
}

impl Conf {
    /// What is wrong with settings that each for itself are good: certificate and key that do not
    /// stand together, and versions of TLS without a cipher.
    pub fn wrong_tls(&self) -> Option<Diagnostic> {
        self.lacks_key().or_else(|| self.lacks_ciphers())
    }

    fn lacks_key(&self) -> Option<Diagnostic> {
        let certificate = self.ssl_certificate.as_ref();
        let key = self.ssl_certificate_key.as_ref();
        let belongs = |pair: &Pair| {
            certificate.is_some_and(|loaded| loaded.file == pair.certificate)
                && key.is_some_and(|loaded| loaded.file == pair.key)
        };
        let (present, missing) = match (certificate, key) {
            (None, None) => return None,
            (Some(_), Some(_)) if self.ssl_pair.as_ref().is_some_and(belongs) => return None,
            (Some(certificate), _) => (certificate, "vnc_ssl_certificate_key"),
            (None, Some(key)) => (key, "vnc_ssl_certificate"),
        };
        let message = format!("no \"{missing}\" is defined for \"{}\"", present.file.path);
        let remedy = "the certificate and its key stand in the same block";
        Some(Diagnostic::emerg(message).at(present.span).help(remedy))
    }

    fn lacks_ciphers(&self) -> Option<Diagnostic> {
        let protocols = self.ssl_protocols.as_ref()?;
        // Those of TLS 1.3 are always there.
        if protocols.versions.tls13 || !ciphers::select(&self.ssl_ciphers).is_empty() {
            return None;
        }
        let message = "no TLS to VNC servers is possible: \"vnc_ssl_ciphers\" has none for TLS 1.2";
        let remedy = "add TLSv1.3, or other ciphers";
        let error = Diagnostic::emerg(message).at(protocols.span);
        Some(error.help(remedy))
    }

    fn client_settings(&self) -> ClientSettings {
        let versions = self.ssl_protocols.as_ref();
        ClientSettings {
            versions: versions.map_or(ALL_VERSIONS, |protocols| protocols.versions),
            ciphers: ciphers::select(&self.ssl_ciphers),
        }
    }
}

/// TLS towards the machine. What the location requires holds for every desktop.
pub fn tls(request: &Request, conf: &Conf) -> Result<Option<Tls>, Refusal> {
    let needs = [request.conf().vnc.tls, conf.tls];
    let required = needs.contains(&Some(TlsNeed::Required));
    let need = match (required, conf.tls) {
        (true, _) => TlsNeed::Required,
        (false, Some(need)) => need,
        (false, None) => return Ok(None),
    };
    let name = conf.ssl_name.as_ref().map(|name| text(request, name));
    let trust = trust(request, conf)?;
    let mut files = Vec::new();
    if let Trust::Signed(_) = trust {
        files.extend(
            conf.ssl_trusted
                .as_ref()
                .map(|trusted| trusted.file.clone()),
        );
        files.extend(conf.ssl_crl.as_ref().map(|revoked| revoked.file.clone()));
    }
    if let Some(pair) = &conf.ssl_pair {
        files.extend([pair.certificate.clone(), pair.key.clone()]);
    }
    Ok(Some(Tls {
        need,
        settings: conf.client_settings(),
        identity: conf.ssl_pair.as_ref().map(|pair| pair.identity.clone()),
        trust,
        name: name.filter(|name| !name.is_empty()),
        files,
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
        (Some(trusted), true) => Trust::Signed(Arc::new(trusted.judge(conf.ssl_crl.as_ref()))),
        (None, true) => Trust::Nobody,
    })
}

impl Authorities {
    fn judge(&self, revoked: Option<&Revoked>) -> Judge {
        let mut judge = Judge::new(VERIFY_DEPTH);
        judge.trust(self.certificates.iter().cloned());
        if let Some(revoked) = revoked {
            judge.revoke(revoked.lists.iter().cloned());
        }
        judge
    }
}

fn text(request: &Request, template: &script::Template) -> String {
    lossy(&request.eval(template))
}

const ONE: Arity = Arity::Exactly(1);

#[rustfmt::skip]
const DIRECTIVES: &[Directive<Set>] = &[
    directive!("vnc_tls", ONE, Set::Level(tls_need), "on | off | required", "vnc_tls on;", "TLS towards VNC servers (VeNCrypt's X509None, X509Vnc, X509Plain). With \"on\" it is used where the server has nothing else, and where vnc_ssl_trusted_certificate, vnc_ssl_fingerprint or vnc_ssl_verify say which certificate is good; \"required\" refuses servers without it."),
    directive!("vnc_ssl_protocols", Arity::AtLeast(1), Set::Level(protocols), "[SSLv2] [SSLv3] [TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]", "vnc_ssl_protocols TLSv1.2 TLSv1.3;", "The versions of TLS towards VNC servers and gateways behind wss://. Those before TLS 1.2 are not supported."),
    directive!("vnc_ssl_ciphers", ONE, Set::Level(ssl_ciphers), "ciphers", "vnc_ssl_ciphers DEFAULT;", "The ciphers of TLS 1.2 towards them, as OpenSSL writes them."),
    directive!("vnc_ssl_verify", Arity::Flag, store!(flag vnc.ssl_verify), "on | off", "vnc_ssl_verify on;", "Whether certificates of VNC servers, and of gateways behind wss://, are verified. With \"on\" and neither vnc_ssl_trusted_certificate nor vnc_ssl_fingerprint no certificate is good; the log then has its fingerprint."),
    directive!("vnc_ssl_trusted_certificate", ONE, Set::Level(trusted_certificate), "file", "", "Authorities that sign certificates of VNC servers, in PEM; or those certificates, if they sign themselves."),
    directive!("vnc_ssl_crl", ONE, Set::Level(crl), "file", "", "Revoked certificates of VNC servers and gateways behind wss://, in PEM: a list of each authority in vnc_ssl_trusted_certificate, with which it goes. Read again when the file changes."),
    directive!("vnc_ssl_fingerprint", Arity::AtLeast(1), Set::Level(fingerprint), "sha256:digits … | off", "vnc_ssl_fingerprint off;", "The only certificates that a VNC server may show, by their SHA-256, whoever signed them and whatever is in them; and the only keys of servers with RSA-AES, which has no certificates, by the SHA-256 of the public key in DER. May have variables."),
    directive!("vnc_ssl_name", ONE, store!(optional template vnc.ssl_name), "name", "", "The name that the VNC server's certificate must have, in place of its host name or address. May have variables."),
    directive!("vnc_ssl_certificate", ONE, Set::Level(certificate), "file", "", "The certificate that the gateway shows to VNC servers that ask for one, in PEM."),
    directive!("vnc_ssl_certificate_key", ONE, Set::Level(certificate_key), "file", "", "Its key, in PEM; in the same block."),
];

/// Those that there are.
const ALL_VERSIONS: Versions = Versions {
    tls12: true,
    tls13: true,
};

/// How many authorities may stand between a server's certificate and a trusted one.
const VERIFY_DEPTH: u32 = 4;

fn protocols(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let versions = form::versions(item, cx)?;
    let span = item.span();
    let protocols = Protocols { versions, span };
    item.once(&mut level.drafts.vnc.ssl_protocols, Some(protocols))
}

fn ssl_ciphers(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let list = form::peer_ciphers(item, cx)?;
    item.once(&mut level.drafts.vnc.ssl_ciphers, list.into())
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
    let loaded = load(item, cx)?;
    let found = certificates(&loaded.file.text);
    let found = found.map_err(|error| loaded.wrong("certificate", &error))?;
    let authorities = Authorities {
        file: loaded.file,
        certificates: found.into_iter().map(Arc::new).collect(),
    };
    item.once(&mut level.drafts.vnc.ssl_trusted, Some(authorities))
}

fn crl(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let loaded = load(item, cx)?;
    let lists = revocation_lists(&loaded.file.text);
    let lists = lists.map_err(|error| loaded.wrong("CRL", &error))?;
    let revoked = Revoked {
        file: loaded.file,
        lists: lists.into(),
    };
    item.once(&mut level.drafts.vnc.ssl_crl, Some(revoked))
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
    let identity = Identity::load(&certificate.file.text, &key.file.text, &[], &provider());
    let identity = identity.map_err(|error| match error {
        error if error.is_certificate() => certificate.wrong("certificate", &error),
        error @ IdentityError::Mismatch => key.wrong("certificate key", &error),
        error => key.wrong("certificate key", &error),
    })?;
    drafts.ssl_pair = Some(Some(Pair {
        certificate: certificate.file.clone(),
        key: key.file.clone(),
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
    let path = path.display().to_string().into();
    Ok(Loaded {
        file: SourceFile { path, text },
        span: word.span,
    })
}

impl Loaded {
    fn wrong(&self, what: &str, error: &dyn std::fmt::Display) -> Diagnostic {
        let message = format!("cannot load {what} \"{}\": {error}", self.file.path);
        Diagnostic::emerg(message).at(self.span)
    }
}
