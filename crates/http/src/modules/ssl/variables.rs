//! `$ssl_…`: what is known of the client's connection, in OpenSSL's words.

use std::fmt::Write as _;
use std::sync::Arc;

use net::tls::peers::ClientAuth;
use net::tls::{Facts, HandshakeKind, names};
use proto::h1::{Escape, escape};
use script::Builtin;
use script::variables::Get;
use x509::Certificate;

use crate::downstream::tls::ClientTls;
use crate::request::Request;

/// Appends a value; `None` if there is none.
type Read = fn(&Request, &mut Vec<u8>) -> Option<()>;

macro_rules! variable {
    ($name:literal, $read:expr, $doc:literal) => {
        Builtin {
            name: $name,
            get: Get::Plain(|request, out| {
                let read: Read = $read;
                read(request, out).is_some()
            }),
            set: None,
            doc: $doc,
        }
    };
}

#[rustfmt::skip]
pub(super) const VARIABLES: &[Builtin<Request>] = &[
    variable!("ssl_protocol", |r, out| put(out, names::protocol(facts(r)?.version?)), "The version of TLS."),
    variable!("ssl_cipher", |r, out| put(out, names::cipher(facts(r)?.suite?.suite())), "The cipher."),
    variable!("ssl_ciphers", |r, out| list(out, tls(r)?.offered.ciphers.iter().filter(|c| !names::is_grease(u16::from(**c))).map(|c| names::cipher(*c))), "The ciphers that the client knows."),
    variable!("ssl_curve", |r, out| put(out, names::group(facts(r)?.group?)), "The group of the key exchange."),
    variable!("ssl_curves", |r, out| list(out, tls(r)?.offered.groups.iter().filter(|g| !names::is_grease(u16::from(**g))).map(|g| names::group(*g))), "The groups that the client knows."),
    variable!("ssl_sigalg", |r, out| put(out, names::signature(r.conn.stream.tls_seen()?.signature?)), "The algorithm of the server's signature."),
    variable!("ssl_sigalgs", |r, out| list(out, tls(r)?.offered.signatures.iter().map(|s| names::signature(*s))), "The algorithms of signatures that the client knows."),
    variable!("ssl_session_id", session_id, "The identifier of the session."),
    variable!("ssl_session_reused", |r, out| put(out, if is_resumed(r)? { "r" } else { "." }), "\"r\" for a session that was resumed, \".\" otherwise."),
    variable!("ssl_early_data", |_, _| None, "\"1\" while the handshake is not complete."),
    variable!("ssl_server_name", |r, out| put(out, tls(r)?.name.as_ref()?), "The name that the client asked for (SNI)."),
    variable!("ssl_ech_status", |_, _| None, "What became of Encrypted Client Hello."),
    variable!("ssl_ech_outer_server_name", |_, _| None, "The name in the clear, with Encrypted Client Hello."),
    variable!("ssl_alpn_protocol", |r, out| put(out, facts(r)?.alpn?), "The protocol that was agreed on."),
    variable!("ssl_client_cert", |r, out| put(out, pem(r)?.trim_end().replace('\n', "\n\t")), "The client's certificate, continued lines indented."),
    variable!("ssl_client_raw_cert", |r, out| put(out, pem(r)?), "The client's certificate."),
    variable!("ssl_client_escaped_cert", |r, out| put(out, escape(pem(r)?.as_bytes(), Escape::UriComponent)), "The client's certificate, encoded for a URI."),
    variable!("ssl_client_s_dn", |r, out| put(out, leaf(r)?.subject().rfc2253()), "The client's name in its certificate."),
    variable!("ssl_client_i_dn", |r, out| put(out, leaf(r)?.issuer().rfc2253()), "The name of who signed the client's certificate."),
    variable!("ssl_client_s_dn_legacy", |r, out| put(out, leaf(r)?.subject().oneline()), "The client's name, in an old form."),
    variable!("ssl_client_i_dn_legacy", |r, out| put(out, leaf(r)?.issuer().oneline()), "The name of who signed, in an old form."),
    variable!("ssl_client_serial", |r, out| put(out, leaf(r)?.serial_hex()), "The serial number of the client's certificate."),
    variable!("ssl_client_fingerprint", |r, out| put(out, leaf(r)?.sha1_fingerprint()), "The SHA-1 of the client's certificate."),
    variable!("ssl_client_sigalg", |r, out| put(out, names::signature(r.conn.stream.tls_seen()?.peer_signature?)), "The algorithm of the client's signature."),
    variable!("ssl_client_verify", client_verify, "SUCCESS, FAILED:reason or NONE."),
    variable!("ssl_client_v_start", |r, out| put(out, leaf(r)?.validity().not_before?.to_string()), "From when the client's certificate is valid."),
    variable!("ssl_client_v_end", |r, out| put(out, leaf(r)?.validity().not_after?.to_string()), "Until when the client's certificate is valid."),
    variable!("ssl_client_v_remain", days_left, "Days until the client's certificate expires."),
];

fn put(out: &mut Vec<u8>, value: impl AsRef<[u8]>) -> Option<()> {
    out.extend_from_slice(value.as_ref());
    Some(())
}

fn list(out: &mut Vec<u8>, names: impl Iterator<Item = String>) -> Option<()> {
    let names: Vec<String> = names.collect();
    put(out, names.join(":"))
}

fn tls(request: &Request) -> Option<&ClientTls> {
    request.conn.tls.get().map(|tls| &**tls)
}

fn facts(request: &Request) -> Option<Facts> {
    request.conn.stream.tls_facts()
}

fn leaf(request: &Request) -> Option<&Arc<Certificate>> {
    tls(request)?.chain().first()
}

fn pem(request: &Request) -> Option<String> {
    Some(x509::pem::encode("CERTIFICATE", leaf(request)?.der()))
}

fn is_resumed(request: &Request) -> Option<bool> {
    Some(facts(request)?.kind == Some(HandshakeKind::Resumed))
}

fn session_id(request: &Request, out: &mut Vec<u8>) -> Option<()> {
    let id = request.conn.stream.tls_seen()?.session?;
    let mut text = String::with_capacity(2 * id.len());
    for byte in id {
        // A string takes all.
        let _ = write!(text, "{byte:02x}");
    }
    put(out, text)
}

fn client_verify(request: &Request, out: &mut Vec<u8>) -> Option<()> {
    match tls(request)?.auth() {
        ClientAuth::None => put(out, "NONE"),
        ClientAuth::Ok => put(out, "SUCCESS"),
        ClientAuth::Failed(error) => put(out, format!("FAILED:{error}")),
    }
}

fn days_left(request: &Request, out: &mut Vec<u8>) -> Option<()> {
    let end = leaf(request)?.validity().not_after?;
    let now = net::clock::wall().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.map_or(0, |since| since.as_secs())).ok()?;
    let left = (end.0 - now).max(0) / 86400;
    put(out, left.to_string())
}
