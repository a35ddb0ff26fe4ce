//! What a server says of TLS, as its directives set it.

use std::sync::Arc;
use std::time::Duration;

use conf::{Diagnostic, Item, Span, value};
use net::tls::ocsp::Responder;
use net::tls::server::Versions;
use net::tls::tickets::TicketKey;
use script::Template;

use super::form;
use crate::module::{Cx, Done};
use crate::settings::settings;

settings! {
    /// Certificates.
    certificates: Vec<Source> = Vec::new(), inherit;
    /// Their keys, in the same order.
    keys: Vec<Source> = Vec::new(), inherit;
    /// Whether and how long certificates with variables in their names are kept.
    certificate_cache: Option<CertificateCache> = None, inherit;
    /// Whether certificates may be sent compressed.
    certificate_compression: bool = false, inherit;
    /// Passphrases of keys.
    passphrases: Arc<Vec<Vec<u8>>> = Arc::default(), inherit;
    /// Groups of key exchange, as written.
    curves: String = "auto".to_owned(), inherit;
    /// Versions of TLS.
    versions: Versions = Versions { tls12: true, tls13: true }, inherit;
    /// Ciphers of TLS 1.2, as written.
    ciphers: (String, Span) = ("HIGH:!aNULL:!MD5".to_owned(), Span::default()), inherit;
    /// Whether our order of ciphers counts.
    // DIFFERS: unless told otherwise the order of ciphers is the server's: nginx follows the
    // client, which audits (testssl.sh) find fault with.
    prefer_server_ciphers: bool = true, inherit;
    /// The most that one record carries, in bytes.
    buffer_size: u64 = 16 * 1024, inherit;
    /// Whether clients must have a certificate.
    verify_client: VerifyClient = VerifyClient::Off, inherit;
    /// How many authorities may stand above a client's certificate.
    verify_depth: u64 = 1, inherit;
    /// Authorities that sign clients and are named to them.
    client_certificate: Option<Arc<Loaded>> = None, inherit;
    /// Authorities that sign clients.
    trusted_certificate: Option<Arc<Loaded>> = None, inherit;
    /// Lists of revoked certificates.
    crl: Option<Arc<Loaded>> = None, inherit;
    /// Where sessions are kept.
    session_cache: SessionCache = SessionCache::None, inherit;
    /// Whether clients keep their sessions.
    session_tickets: bool = true, inherit;
    /// Keys of tickets, the newest first.
    ticket_keys: Vec<TicketKey> = Vec::new(), inherit;
    /// How long a session can be resumed.
    session_timeout: Duration = Duration::from_secs(300), inherit;
    /// Whether the kernel may make records, where it can.
    kernel: bool = false, inherit;
    /// Whether handshakes are refused.
    reject_handshake: bool = false, inherit;
    /// Whether an OCSP answer is sent with the certificate.
    stapling: bool = false, inherit;
    /// That answer.
    stapling_file: Option<Arc<Loaded>> = None, inherit;
    /// Who is asked for it.
    stapling_responder: Option<Responder> = None, inherit;
    /// Whether its issuer must be trusted.
    stapling_verify: bool = false, inherit;
    /// Whether responders are asked about clients.
    ocsp: AskOcsp = AskOcsp::Off, inherit;
    /// Who is asked about clients.
    ocsp_responder: Option<Responder> = None, inherit;
    /// Where answers about clients are kept: a name and a size in bytes.
    ocsp_cache: Option<(String, usize)> = None, inherit;
}

/// About which certificates of clients responders are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskOcsp {
    /// About none.
    Off,
    /// About the client's own.
    Leaf,
    /// About all of the chain.
    Chain,
}

/// Where a certificate or key comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// It is here.
    Loaded(Arc<Loaded>),
    /// Its name has variables.
    Script(Template),
}

/// A file that was read, or the text of a `data:` value.
#[derive(Debug)]
pub struct Loaded {
    /// What messages call it.
    pub shown: String,
    /// What is in it.
    pub bytes: Arc<[u8]>,
    /// Where it is named.
    pub span: Span,
    /// Whether it is there; if not, that was said, or will be.
    pub is_there: bool,
}

/// How long certificates with variables in their names are kept.
#[derive(Debug, Clone, Copy)]
pub struct CertificateCache {
    /// How many.
    pub max: usize,
    /// How long after the last use.
    pub inactive: Duration,
    /// How long until the file is looked at again.
    pub valid: Duration,
}

/// Whether clients must have a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyClient {
    /// They are not asked.
    Off,
    /// They must.
    On,
    /// They may, and it must be good.
    Optional,
    /// They may, and whoever signed it need not be known.
    OptionalNoCa,
}

impl Conf {
    /// Whether nobody comes in without a certificate.
    pub fn demands_certificates(&self) -> bool {
        self.verify_client == VerifyClient::On
    }
}

/// Where sessions are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionCache {
    /// Nowhere, without saying so.
    None,
    /// Nowhere.
    Off,
    /// By the server itself, so many bytes.
    Builtin(usize),
    /// In a cache that has a name.
    Shared(String, usize),
}

/// What a session costs on average, as OpenSSL's default of 20480 sessions is counted.
const SESSION_BYTES: usize = 512;

/// OpenSSL's default number of sessions.
const BUILTIN_SESSIONS: u64 = 1024 * 20;

/// A setter of this module.
type Ssl = Draft;

pub(super) fn certificate(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    form::certificate(item, cx)?;
    let source = source(item, cx, "certificate")?;
    ssl.certificates.get_or_insert_default().push(source);
    Ok(())
}

pub(super) fn key(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    form::key(item, cx)?;
    let source = source(item, cx, "certificate key")?;
    ssl.keys.get_or_insert_default().push(source);
    Ok(())
}

fn source(item: &Item, cx: &mut Cx<'_>, what: &str) -> Result<Source, Diagnostic> {
    match item.arg(0)?.text.contains(&b'$') {
        true => Ok(Source::Script(cx.template(item, 0)?)),
        false => Ok(Source::Loaded(loaded(item, cx, what)?)),
    }
}

fn loaded(item: &Item, cx: &Cx<'_>, what: &str) -> Result<Arc<Loaded>, Diagnostic> {
    let word = item.arg(0)?;
    let bytes = form::read(item, cx, what)?;
    let shown = match word.text.starts_with(b"data:") {
        true => "data:…".to_owned(),
        false => cx.bundle.conf_path(&word.text).display().to_string(),
    };
    Ok(Arc::new(Loaded {
        shown,
        // Before the loader has it, a file is empty; then nothing is made of it either.
        is_there: !bytes.is_empty(),
        bytes,
        span: word.span,
    }))
}

pub(super) fn certificate_cache(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    form::certificate_cache(item, cx)?;
    let mut cache = CertificateCache {
        max: 0,
        inactive: Duration::from_secs(10),
        valid: Duration::from_secs(60),
    };
    for word in &item.args {
        let text = word.display();
        let time = |text: &str| value::time(text.as_bytes());
        match text.split_once('=') {
            Some(("max", max)) => cache.max = max.parse().unwrap_or(0),
            Some(("inactive", text)) => cache.inactive = time(text).unwrap_or(cache.inactive),
            Some(("valid", text)) => cache.valid = time(text).unwrap_or(cache.valid),
            _ => {}
        }
    }
    let cache = (cache.max > 0).then_some(cache);
    item.once(&mut ssl.certificate_cache, cache)
}

pub(super) fn certificate_compression(item: &Item, ssl: &mut Ssl, _: &mut Cx<'_>) -> Done {
    item.once(&mut ssl.certificate_compression, item.flag()?)
}

pub(super) fn password_file(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    let text = form::read(item, cx, "file")?;
    let lines = text.split(|&byte| byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.to_vec()
    });
    let lines = lines.filter(|line| !line.is_empty()).collect();
    item.once(&mut ssl.passphrases, Arc::new(lines))
}

pub(super) fn curves(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    form::curves(item, cx)?;
    let names = item.text(0)?;
    let usable = net::tls::server::groups_of(names);
    if usable.is_empty() {
        return Err(item.error(format!("no group of \"{names}\" is supported")));
    }
    let left_out = names != "auto" && usable.len() < names.split(':').count();
    if left_out {
        // DIFFERS: rustls has X25519, P-256, P-384 and their hybrids with ML-KEM.
        let message = format!("some groups of \"{names}\" are not supported and are left out");
        cx.diagnostics
            .push(Diagnostic::warn(message).at(item.span()));
    }
    item.once(&mut ssl.curves, names.to_owned())
}

pub(super) fn protocols(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    let versions = form::versions(item, cx)?;
    item.once(&mut ssl.versions, versions)
}

pub(super) fn ciphers(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    form::ciphers(item, cx)?;
    let list = item.text(0)?.to_owned();
    item.once(&mut ssl.ciphers, (list, item.span()))
}

pub(super) fn prefer_server_ciphers(item: &Item, ssl: &mut Ssl, _: &mut Cx<'_>) -> Done {
    item.once(&mut ssl.prefer_server_ciphers, item.flag()?)
}

pub(super) fn buffer_size(item: &Item, ssl: &mut Ssl, _: &mut Cx<'_>) -> Done {
    item.once(&mut ssl.buffer_size, item.size(0)?)
}

pub(super) fn verify_client(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    form::verify_client(item, cx)?;
    let verify = match item.text(0)? {
        "on" => VerifyClient::On,
        "optional" => VerifyClient::Optional,
        "optional_no_ca" => VerifyClient::OptionalNoCa,
        _ => VerifyClient::Off,
    };
    item.once(&mut ssl.verify_client, verify)
}

pub(super) fn verify_depth(item: &Item, ssl: &mut Ssl, _: &mut Cx<'_>) -> Done {
    item.once(&mut ssl.verify_depth, item.number(0)?)
}

pub(super) fn client_certificate(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    form::certificate(item, cx)?;
    let file = loaded(item, cx, "certificate")?;
    item.once(&mut ssl.client_certificate, Some(file))
}

pub(super) fn trusted_certificate(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    form::certificate(item, cx)?;
    let file = loaded(item, cx, "certificate")?;
    item.once(&mut ssl.trusted_certificate, Some(file))
}

pub(super) fn crl(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    form::pem(item, cx)?;
    let file = loaded(item, cx, "CRL")?;
    item.once(&mut ssl.crl, Some(file))
}

pub(super) fn session_cache(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    form::session_cache(item, cx)?;
    let mut cache = SessionCache::None;
    for word in &item.args {
        let text = word.display();
        let parts: Vec<&str> = text.splitn(3, ':').collect();
        let given = match parts[..] {
            ["off"] => SessionCache::Off,
            ["none"] => SessionCache::None,
            ["shared", name, size] => {
                let bytes = value::size(size.as_bytes()).unwrap_or_default();
                SessionCache::Shared(name.to_owned(), bytes as usize)
            }
            ["builtin", number] => SessionCache::Builtin(
                (number.parse().unwrap_or(BUILTIN_SESSIONS) as usize).saturating_mul(SESSION_BYTES),
            ),
            _ => SessionCache::Builtin(BUILTIN_SESSIONS as usize * SESSION_BYTES),
        };
        // With both, the shared one has what the other one has.
        if !matches!(cache, SessionCache::Shared(..)) {
            cache = given;
        }
    }
    item.once(&mut ssl.session_cache, cache)
}

pub(super) fn session_tickets(item: &Item, ssl: &mut Ssl, _: &mut Cx<'_>) -> Done {
    item.once(&mut ssl.session_tickets, item.flag()?)
}

pub(super) fn ticket_key(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    let bytes = form::read(item, cx, "file")?;
    if bytes.is_empty() {
        return form::ticket_key(item, cx);
    }
    form::ticket_key(item, cx)?;
    let keys = ssl.ticket_keys.get_or_insert_default();
    keys.extend(TicketKey::from_file(&bytes));
    Ok(())
}

pub(super) fn session_timeout(item: &Item, ssl: &mut Ssl, _: &mut Cx<'_>) -> Done {
    item.once(&mut ssl.session_timeout, item.time(0)?)
}

pub(super) fn reject_handshake(item: &Item, ssl: &mut Ssl, _: &mut Cx<'_>) -> Done {
    item.once(&mut ssl.reject_handshake, item.flag()?)
}

pub(super) fn stapling(item: &Item, ssl: &mut Ssl, _: &mut Cx<'_>) -> Done {
    item.once(&mut ssl.stapling, item.flag()?)
}

pub(super) fn stapling_file(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    let file = loaded(item, cx, "file")?;
    item.once(&mut ssl.stapling_file, Some(file))
}

pub(super) fn stapling_responder(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    let responder = responder(item, cx)?;
    item.once(&mut ssl.stapling_responder, Some(responder))
}

pub(super) fn stapling_verify(item: &Item, ssl: &mut Ssl, _: &mut Cx<'_>) -> Done {
    item.once(&mut ssl.stapling_verify, item.flag()?)
}

pub(super) fn ocsp(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    form::ocsp(item, cx)?;
    let ask = match item.text(0)? {
        "on" => AskOcsp::Chain,
        "leaf" => AskOcsp::Leaf,
        _ => AskOcsp::Off,
    };
    item.once(&mut ssl.ocsp, ask)
}

pub(super) fn ocsp_responder(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    let responder = responder(item, cx)?;
    item.once(&mut ssl.ocsp_responder, Some(responder))
}

fn responder(item: &Item, cx: &mut Cx<'_>) -> Result<Responder, Diagnostic> {
    form::responder(item, cx)?;
    let word = item.arg(0)?;
    let parsed = Responder::parse(item.text(0)?).ok_or_else(|| item.invalid(word))?;
    with_addrs(parsed, cx).map_err(|host| {
        item.error(format!("host not found in OCSP responder \"{host}\""))
            .at(word.span)
    })
}

/// Looks the responder's name up; the error is the name.
pub(super) fn with_addrs(mut responder: Responder, cx: &Cx<'_>) -> Result<Responder, String> {
    if responder.addrs.is_empty() {
        let found = cx.bundle.resolve(&responder.host);
        let found = found.map_err(|_| responder.host.clone())?;
        let addr = |ip| std::net::SocketAddr::new(ip, responder.port).into();
        responder.addrs = found.into_iter().map(addr).collect();
    }
    Ok(responder)
}

pub(super) fn ocsp_cache(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    form::ocsp_cache(item, cx)?;
    let mut parts = item.text(0)?.splitn(3, ':').skip(1);
    let cache = parts.next().zip(parts.next()).map(|(name, size)| {
        let bytes = value::size(size.as_bytes()).unwrap_or_default();
        (name.to_owned(), bytes as usize)
    });
    item.once(&mut ssl.ocsp_cache, cache)
}

/// `Options KTLS` lets the kernel make records.
///
/// DIFFERS: there is no OpenSSL here that would take other commands.
pub(super) fn conf_command(item: &Item, ssl: &mut Ssl, cx: &mut Cx<'_>) -> Done {
    let mut ignore = |what: &str| {
        let message = format!("\"ssl_conf_command\" is for OpenSSL, which is not here; {what}");
        cx.diagnostics
            .push(Diagnostic::warn(message).at(item.span()));
    };
    if !item.text(0)?.eq_ignore_ascii_case("Options") {
        ignore("it is ignored");
        return Ok(());
    }
    for option in item.text(1)?.split(',').map(str::trim) {
        let (on, name) = match option.split_at_checked(1) {
            Some(("-", name)) => (false, name),
            Some(("+", name)) => (true, name),
            _ => (true, option),
        };
        match name.eq_ignore_ascii_case("KTLS") {
            true => ssl.kernel = Some(on),
            false => ignore(&format!("\"{name}\" is ignored")),
        }
    }
    Ok(())
}
