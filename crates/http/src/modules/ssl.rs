//! `ngx_http_ssl_module`: its directives, checked and not used yet.
//!
//! Files that distributions and certificate tools write name them at the `http` level, where they
//! do nothing without a TLS listener. `listen … ssl` is an error until there is TLS, so that
//! nothing is served in the clear by mistake.

use conf::{Arity, Directive, Item};
use script::Builtin;
use script::variables::Get;

use crate::module::{Cx, Done, HTTP, Module, SERVER, Set, doc};
use crate::request::Request;

pub mod form;

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_ssl_module",
    directives: DIRECTIVES,
    variables: VARIABLES,
};

/// A directive of listeners, and how its arguments are checked.
macro_rules! listener {
    ($name:literal, $arity:expr, $check:expr, $arguments:literal, $text:literal) => {
        Directive::inert(
            $name,
            HTTP.or(SERVER),
            $arity,
            Set::Server(|item, _, cx| $check(item, cx)),
            doc(concat!($name, " ", $arguments, ";"), "", $text),
            "there are no TLS listeners yet",
        )
    };
}

const ONE: Arity = Arity::Exactly(1);

#[rustfmt::skip]
const DIRECTIVES: &[Directive<Set>] = &[
    listener!("ssl_certificate", ONE, form::certificate, "file", "The certificate and those above it."),
    listener!("ssl_certificate_key", ONE, form::key, "file", "The key of the certificate."),
    listener!("ssl_certificate_cache", Arity::Between(1, 3), form::certificate_cache, "off | max=N [inactive=time] [valid=time]", "Keeps certificates with variables in their paths."),
    listener!("ssl_certificate_compression", Arity::Flag, nothing, "on | off", "Whether certificates are compressed."),
    listener!("ssl_ech_file", ONE, form::pem, "file", "A key for Encrypted Client Hello."),
    listener!("ssl_password_file", ONE, form::file, "file", "Passphrases of keys."),
    listener!("ssl_dhparam", ONE, form::pem, "file", "Parameters of DHE ciphers."),
    listener!("ssl_ecdh_curve", ONE, form::curves, "curve", "The groups of key exchange."),
    listener!("ssl_protocols", Arity::AtLeast(1), form::protocols, "[SSLv2] [SSLv3] [TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]", "The versions of TLS."),
    listener!("ssl_ciphers", ONE, form::ciphers, "ciphers", "The ciphers of TLS 1.2 and before, as OpenSSL writes them."),
    listener!("ssl_prefer_server_ciphers", Arity::Flag, nothing, "on | off", "Whether the server's order of ciphers counts."),
    listener!("ssl_buffer_size", ONE, form::size, "size", "The length of records."),
    listener!("ssl_verify_client", ONE, form::verify_client, "on | off | optional | optional_no_ca", "Whether clients must have a certificate."),
    listener!("ssl_verify_depth", ONE, form::number, "number", "How long a client's chain of certificates may be."),
    listener!("ssl_client_certificate", ONE, form::certificate, "file", "Authorities that sign clients, named to them."),
    listener!("ssl_trusted_certificate", ONE, form::certificate, "file", "Authorities that sign clients."),
    listener!("ssl_crl", ONE, form::pem, "file", "Revoked certificates of clients."),
    listener!("ssl_session_cache", Arity::Between(1, 2), form::session_cache, "off | none | [builtin[:size]] [shared:name:size]", "Where sessions are kept."),
    listener!("ssl_session_tickets", Arity::Flag, nothing, "on | off", "Whether clients keep their sessions."),
    listener!("ssl_session_ticket_key", ONE, form::ticket_key, "file", "A key of tickets, 48 or 80 bytes."),
    listener!("ssl_session_timeout", ONE, form::time, "time", "How long a session can be resumed."),
    listener!("ssl_ocsp", ONE, form::ocsp, "on | off | leaf", "Whether clients' certificates are asked about."),
    listener!("ssl_ocsp_responder", ONE, form::responder, "url", "Who is asked."),
    listener!("ssl_ocsp_cache", ONE, form::ocsp_cache, "off | shared:name:size", "Where answers are kept."),
    listener!("ssl_stapling", Arity::Flag, nothing, "on | off", "Whether the certificate's OCSP answer is sent along."),
    listener!("ssl_stapling_file", ONE, form::file, "file", "That answer."),
    listener!("ssl_stapling_responder", ONE, form::responder, "url", "Who is asked for it."),
    listener!("ssl_stapling_verify", Arity::Flag, nothing, "on | off", "Whether it is verified."),
    listener!("ssl_early_data", Arity::Flag, nothing, "on | off", "Whether requests may come with the handshake of TLS 1.3."),
    listener!("ssl_conf_command", Arity::Exactly(2), nothing, "name value", "A command for OpenSSL."),
    listener!("ssl_reject_handshake", Arity::Flag, nothing, "on | off", "Whether handshakes are refused."),
];

/// What has no form beyond its number of arguments.
fn nothing(_item: &Item, _cx: &mut Cx<'_>) -> Done {
    Ok(())
}

/// A variable of TLS connections: without one it has no value.
const fn absent(name: &'static str, doc: &'static str) -> Builtin<Request> {
    Builtin {
        name,
        get: Get::Plain(|_, _| false),
        set: None,
        doc,
    }
}

#[rustfmt::skip]
const VARIABLES: &[Builtin<Request>] = &[
    absent("ssl_protocol", "The version of TLS."),
    absent("ssl_cipher", "The cipher."),
    absent("ssl_ciphers", "The ciphers that the client knows."),
    absent("ssl_curve", "The group of the key exchange."),
    absent("ssl_curves", "The groups that the client knows."),
    absent("ssl_sigalg", "The algorithm of the server's signature."),
    absent("ssl_sigalgs", "The algorithms of signatures that the client knows."),
    absent("ssl_session_id", "The identifier of the session."),
    absent("ssl_session_reused", "\"r\" for a session that was resumed, \".\" otherwise."),
    absent("ssl_early_data", "\"1\" while the handshake is not complete."),
    absent("ssl_server_name", "The name that the client asked for (SNI)."),
    absent("ssl_ech_status", "What became of Encrypted Client Hello."),
    absent("ssl_ech_outer_server_name", "The name in the clear, with Encrypted Client Hello."),
    absent("ssl_alpn_protocol", "The protocol that was agreed on."),
    absent("ssl_client_cert", "The client's certificate, continued lines indented."),
    absent("ssl_client_raw_cert", "The client's certificate."),
    absent("ssl_client_escaped_cert", "The client's certificate, encoded for a URI."),
    absent("ssl_client_s_dn", "The client's name in its certificate."),
    absent("ssl_client_i_dn", "The name of who signed the client's certificate."),
    absent("ssl_client_s_dn_legacy", "The client's name, in an old form."),
    absent("ssl_client_i_dn_legacy", "The name of who signed, in an old form."),
    absent("ssl_client_serial", "The serial number of the client's certificate."),
    absent("ssl_client_fingerprint", "The SHA-1 of the client's certificate."),
    absent("ssl_client_sigalg", "The algorithm of the client's signature."),
    absent("ssl_client_verify", "SUCCESS, FAILED:reason or NONE."),
    absent("ssl_client_v_start", "From when the client's certificate is valid."),
    absent("ssl_client_v_end", "Until when the client's certificate is valid."),
    absent("ssl_client_v_remain", "Days until the client's certificate expires."),
];
