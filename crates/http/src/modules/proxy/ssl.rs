//! The TLS side of `ngx_http_proxy_module`: `proxy_ssl_…`. Handshakes are made in `proxy/tls.rs`.

use std::sync::{Arc, Mutex, OnceLock};

use conf::{Arity, Bundle, Diagnostic, Directive, Span};
use net::tls::ciphers;
use net::tls::client::{ClientSettings, revocation_lists};
use net::tls::identity::{Identity, IdentityError, certificates};
use net::tls::peers::Judge;
use net::tls::server::{Versions, provider};
use script::Template;

use super::Pass;
use crate::module::{ANY, Module, Set, doc, store};
use crate::modules::ssl::form;
use crate::proxy::target::Scheme;
use crate::proxy::tls::files::{DATA, Files, Keep, Part};
use crate::proxy::tls::{Certificate, Client, Parts};
use crate::settings::settings;

mod setters;

/// The module's part about TLS.
pub const MODULE: Module = Module {
    name: "ngx_http_proxy_module",
    directives: DIRECTIVES,
    variables: &[],
};

settings! {
    /// Whether sessions are resumed.
    session_reuse: bool = true, inherit;
    /// Versions of TLS.
    versions: Versions = Versions { tls12: true, tls13: true }, inherit;
    /// Ciphers of TLS 1.2, as OpenSSL writes them.
    ciphers: String = "DEFAULT".to_owned(), inherit;
    /// Whether the upstream's certificate is verified.
    verify: bool = false, inherit;
    /// How many authorities may stand above it.
    verify_depth: u64 = 1, inherit;
    /// Authorities that sign upstreams.
    trusted_certificate: Option<Loaded> = None, inherit;
    /// Lists of revoked certificates.
    crl: Option<Loaded> = None, inherit;
    /// The certificate that we show.
    certificate: Option<Source> = None, inherit;
    /// Its key.
    certificate_key: Option<Source> = None, inherit;
    /// How long certificates with variables in their names are kept.
    certificate_cache: Option<Keep> = None, inherit;
    /// Passphrases of keys.
    passphrases: Arc<Vec<Vec<u8>>> = Arc::default(), inherit;
    /// What all of this comes to.
    compiled: Compiled = Compiled::default(), inherit;
}

/// Where a certificate or key comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// It is here.
    Loaded(Loaded),
    /// Its name has variables.
    Script(Template),
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What messages call it.
    pub shown: String,
    /// What is in it, nothing before the loader has it; or why it cannot be read. That is told only
    /// if it is needed.
    pub text: Result<Arc<[u8]>, String>,
    /// Where it is named.
    pub span: Span,
}

/// The client that a level's settings make, once some location needs it. An inner level that says
/// something itself gets none with the copy of the rest.
#[derive(Debug, Default)]
pub struct Compiled(OnceLock<Arc<Client>>);

impl Clone for Compiled {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Conf {
    /// TLS to upstreams as it is wanted here.
    pub fn client(&self) -> Option<&Arc<Client>> {
        self.compiled.0.get()
    }

    /// Makes the client if `pass` may lead to an upstream over TLS, and there is none yet.
    pub(crate) fn prepare(&self, pass: Option<&Pass>, bundle: &Bundle) -> Result<(), Diagnostic> {
        let is_secure = match pass {
            None => false,
            Some(Pass::Static { url, .. }) => url.scheme == Scheme::Https,
            Some(Pass::Dynamic(_)) => true,
        };
        if is_secure && self.client().is_none() {
            let client = Arc::new(self.make(bundle)?);
            // Nobody else compiles this configuration.
            let _ = self.compiled.0.set(client);
        }
        Ok(())
    }

    fn make(&self, bundle: &Bundle) -> Result<Client, Diagnostic> {
        let parts = Parts {
            settings: ClientSettings {
                versions: self.versions,
                ciphers: ciphers::select(&self.ciphers),
            },
            certificate: self.certificate(bundle)?,
            judge: self.judge()?,
            resumes: self.session_reuse,
        };
        Client::new(parts)
            .map_err(|error| Diagnostic::emerg(format!("no TLS to upstreams is possible: {error}")))
    }

    fn certificate(&self, bundle: &Bundle) -> Result<Certificate, Diagnostic> {
        let Some(certificate) = &self.certificate else {
            return Ok(Certificate::None);
        };
        let Some(key) = &self.certificate_key else {
            let shown = match certificate {
                Source::Loaded(loaded) => &loaded.shown[..],
                Source::Script(_) => "$…",
            };
            return Err(Diagnostic::emerg(format!(
                "no \"proxy_ssl_certificate_key\" is defined for certificate \"{shown}\""
            )));
        };
        if let (Source::Loaded(certificate), Source::Loaded(key)) = (certificate, key) {
            return Ok(Certificate::Fixed(self.load(certificate, key)?));
        }
        Ok(Certificate::Scripted(Files {
            folder: bundle.conf_path(b""),
            certificate: certificate.part("certificate")?,
            key: key.part("certificate key")?,
            passphrases: self.passphrases.clone(),
            keep: self.certificate_cache,
            kept: Mutex::default(),
        }))
    }

    fn load(&self, certificate: &Loaded, key: &Loaded) -> Result<Identity, Diagnostic> {
        let chain = certificate.text("certificate")?;
        let private = key.text("certificate key")?;
        let identity = Identity::load(chain, private, &self.passphrases, &provider());
        identity.map_err(|error| match error {
            IdentityError::Mismatch => Diagnostic::emerg(format!(
                "SSL_CTX_use_PrivateKey(\"{}\") failed (SSL: {error})",
                key.shown
            ))
            .at(key.span),
            error if error.is_certificate() => certificate.wrong("certificate", &error),
            error => key.wrong("certificate key", &error),
        })
    }

    fn judge(&self) -> Result<Option<Judge>, Diagnostic> {
        if !self.verify {
            return Ok(None);
        }
        let Some(file) = &self.trusted_certificate else {
            let message = "no proxy_ssl_trusted_certificate for proxy_ssl_verify";
            return Err(Diagnostic::emerg(message));
        };
        let found = certificates(file.text("certificate")?);
        let found = found.map_err(|error| file.wrong("certificate", &error))?;
        let mut judge = Judge::new(u32::try_from(self.verify_depth).unwrap_or(u32::MAX));
        judge.trust(found.into_iter().map(Arc::new));
        if let Some(file) = &self.crl {
            let lists = revocation_lists(file.text("CRL")?);
            judge.revoke(lists.map_err(|error| file.wrong("CRL", &error))?);
        }
        Ok(Some(judge))
    }
}

impl Source {
    fn part(&self, what: &str) -> Result<Part, Diagnostic> {
        Ok(match self {
            Self::Script(template) => Part::Name(template.clone()),
            Self::Loaded(loaded) => Part::Text(loaded.text(what)?.clone()),
        })
    }
}

impl Loaded {
    fn text(&self, what: &str) -> Result<&Arc<[u8]>, Diagnostic> {
        let text = self.text.as_ref();
        text.map_err(|failure| self.wrong(what, &format_args!("open() failed ({failure})")))
    }

    fn wrong(&self, what: &str, error: &dyn std::fmt::Display) -> Diagnostic {
        let message = format!("cannot load {what} \"{}\": {error}", self.shown);
        Diagnostic::emerg(message).at(self.span)
    }
}

const ONE: Arity = Arity::Exactly(1);

/// A directive of connections to upstreams.
macro_rules! upstream {
    ($name:literal, $arity:expr, $set:expr, $arguments:literal, $default:literal, $text:literal) => {
        Directive::new(
            $name,
            ANY,
            $arity,
            $set,
            doc(concat!($name, " ", $arguments, ";"), $default, $text),
        )
    };
}

#[rustfmt::skip]
const DIRECTIVES: &[Directive<Set>] = &[
    upstream!("proxy_ssl_session_reuse", Arity::Flag, store!(flag proxy_ssl.session_reuse), "on | off", "proxy_ssl_session_reuse on;", "Whether sessions of TLS are resumed."),
    upstream!("proxy_ssl_protocols", Arity::AtLeast(1), Set::Level(setters::protocols), "[SSLv2] [SSLv3] [TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]", "proxy_ssl_protocols TLSv1.2 TLSv1.3;", "The versions of TLS. Those before TLS 1.2 are not supported."),
    upstream!("proxy_ssl_ciphers", ONE, Set::Level(setters::ciphers), "ciphers", "proxy_ssl_ciphers DEFAULT;", "The ciphers of TLS 1.2, as OpenSSL writes them."),
    upstream!("proxy_ssl_name", ONE, store!(optional template proxy.ssl_name), "name", "proxy_ssl_name $proxy_host;", "The name that the upstream's certificate must have, and that is sent with proxy_ssl_server_name."),
    upstream!("proxy_ssl_server_name", Arity::Flag, store!(flag proxy.ssl_server_name), "on | off", "proxy_ssl_server_name off;", "Whether the name is sent (SNI)."),
    upstream!("proxy_ssl_verify", Arity::Flag, store!(flag proxy_ssl.verify), "on | off", "proxy_ssl_verify off;", "Whether the upstream's certificate is verified."),
    upstream!("proxy_ssl_verify_depth", ONE, store!(number proxy_ssl.verify_depth), "number", "proxy_ssl_verify_depth 1;", "How many authorities may stand above the upstream's certificate."),
    upstream!("proxy_ssl_trusted_certificate", ONE, Set::Level(setters::trusted_certificate), "file", "", "Authorities that sign upstreams, in PEM."),
    upstream!("proxy_ssl_crl", ONE, Set::Level(setters::crl), "file", "", "Revoked certificates of upstreams, in PEM."),
    upstream!("proxy_ssl_certificate", ONE, Set::Level(setters::certificate), "file | data:text", "", "The certificate that we show, in PEM. May have variables; an empty value is none."),
    upstream!("proxy_ssl_certificate_key", ONE, Set::Level(setters::certificate_key), "file | data:text", "", "Its key, in PEM. May have variables."),
    upstream!("proxy_ssl_certificate_cache", Arity::Between(1, 3), Set::Level(setters::certificate_cache), "off | max=N [inactive=time] [valid=time]", "proxy_ssl_certificate_cache off;", "Keeps certificates with variables in their names."),
    upstream!("proxy_ssl_password_file", ONE, Set::Level(setters::password_file), "file", "", "Passphrases of keys, one a line."),
    upstream!("proxy_ssl_conf_command", Arity::Exactly(2), Set::Level(setters::conf_command), "name value", "", "A command for OpenSSL, which is not here: no effect."),
];
