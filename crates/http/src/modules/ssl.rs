//! `ngx_http_ssl_module`: what a server says is compiled into a [`ServerTls`]; `downstream/tls.rs`
//! shakes hands with it.

use conf::{Arity, Directive, Item};

use crate::module::{Cx, Done, HTTP, Module, SERVER, Set, doc};

mod build;
pub mod form;
mod settings;
mod variables;

pub use build::{ClientOcsp, Identify, ServerTls, Servers};
pub use settings::{Conf, Draft, VerifyClient};

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_ssl_module",
    directives: DIRECTIVES,
    variables: variables::VARIABLES,
};

/// A directive of listeners: its setter gets what the server, or `http`, says of TLS.
macro_rules! listener {
    ($name:literal, $arity:expr, $set:expr, $arguments:literal, $default:literal, $text:literal) => {
        Directive::new(
            $name,
            HTTP.or(SERVER),
            $arity,
            Set::Server(|item, server, cx| $set(item, &mut server.ssl, cx)),
            doc(concat!($name, " ", $arguments, ";"), $default, $text),
        )
    };
}

/// A directive of listeners that is checked and has no meaning here.
macro_rules! inert {
    ($name:literal, $arity:expr, $check:expr, $arguments:literal, $text:literal, $reason:literal) => {
        Directive::inert(
            $name,
            HTTP.or(SERVER),
            $arity,
            Set::Server(|item, _, cx| $check(item, cx)),
            doc(concat!($name, " ", $arguments, ";"), "", $text),
            $reason,
        )
    };
}

const ONE: Arity = Arity::Exactly(1);

#[rustfmt::skip]
const DIRECTIVES: &[Directive<Set>] = &[
    listener!("ssl_certificate", ONE, settings::certificate, "file | data:text", "", "The certificate and those above it. May have variables."),
    listener!("ssl_certificate_key", ONE, settings::key, "file | data:text", "", "The key of the certificate. May have variables."),
    listener!("ssl_certificate_cache", Arity::Between(1, 3), settings::certificate_cache, "off | max=N [inactive=time] [valid=time]", "ssl_certificate_cache off;", "Keeps certificates with variables in their paths."),
    listener!("ssl_certificate_compression", Arity::Flag, settings::certificate_compression, "on | off", "ssl_certificate_compression off;", "Whether certificates are compressed."),
    listener!("ssl_password_file", ONE, settings::password_file, "file", "", "Passphrases of keys."),
    listener!("ssl_ecdh_curve", ONE, settings::curves, "curve", "ssl_ecdh_curve auto;", "The groups of key exchange."),
    listener!("ssl_protocols", Arity::AtLeast(1), settings::protocols, "[SSLv2] [SSLv3] [TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]", "ssl_protocols TLSv1.2 TLSv1.3;", "The versions of TLS."),
    listener!("ssl_ciphers", ONE, settings::ciphers, "ciphers", "ssl_ciphers HIGH:!aNULL:!MD5;", "The ciphers of TLS 1.2, as OpenSSL writes them."),
    listener!("ssl_prefer_server_ciphers", Arity::Flag, settings::prefer_server_ciphers, "on | off", "ssl_prefer_server_ciphers on;", "Whether the server's order of ciphers counts."),
    listener!("ssl_buffer_size", ONE, settings::buffer_size, "size", "ssl_buffer_size 16k;", "The length of records."),
    listener!("ssl_verify_client", ONE, settings::verify_client, "on | off | optional | optional_no_ca", "ssl_verify_client off;", "Whether clients must have a certificate."),
    listener!("ssl_verify_depth", ONE, settings::verify_depth, "number", "ssl_verify_depth 1;", "How long a client's chain of certificates may be."),
    listener!("ssl_client_certificate", ONE, settings::client_certificate, "file", "", "Authorities that sign clients, named to them."),
    listener!("ssl_trusted_certificate", ONE, settings::trusted_certificate, "file", "", "Authorities that sign clients."),
    listener!("ssl_crl", ONE, settings::crl, "file", "", "Revoked certificates of clients."),
    listener!("ssl_session_cache", Arity::Between(1, 2), settings::session_cache, "off | none | [builtin[:size]] [shared:name:size]", "ssl_session_cache none;", "Where sessions are kept."),
    listener!("ssl_session_tickets", Arity::Flag, settings::session_tickets, "on | off", "ssl_session_tickets on;", "Whether clients keep their sessions."),
    listener!("ssl_session_ticket_key", ONE, settings::ticket_key, "file", "", "A key of tickets, 48 or 80 bytes. The first seals, all open."),
    listener!("ssl_session_timeout", ONE, settings::session_timeout, "time", "ssl_session_timeout 5m;", "How long a session can be resumed."),
    listener!("ssl_reject_handshake", Arity::Flag, settings::reject_handshake, "on | off", "ssl_reject_handshake off;", "Whether handshakes are refused."),
    listener!("ssl_stapling", Arity::Flag, settings::stapling, "on | off", "ssl_stapling off;", "Whether the OCSP answer about the certificate is sent along."),
    listener!("ssl_stapling_file", ONE, settings::stapling_file, "file", "", "That answer, in DER."),
    listener!("ssl_stapling_responder", ONE, settings::stapling_responder, "url", "", "Who is asked for it, whatever the certificate says."),
    listener!("ssl_stapling_verify", Arity::Flag, settings::stapling_verify, "on | off", "ssl_stapling_verify off;", "Whether the issuer must be trusted for the answer to be sent."),
    listener!("ssl_ocsp", ONE, settings::ocsp, "on | off | leaf", "ssl_ocsp off;", "Whether responders are asked about clients' certificates."),
    listener!("ssl_ocsp_responder", ONE, settings::ocsp_responder, "url", "", "Who is asked, whatever certificates say."),
    listener!("ssl_ocsp_cache", ONE, settings::ocsp_cache, "off | shared:name:size", "ssl_ocsp_cache off;", "Where answers are kept."),
    inert!("ssl_ech_file", ONE, form::pem, "file", "A key for Encrypted Client Hello.", "there is no Encrypted Client Hello for servers in rustls"),
    inert!("ssl_dhparam", ONE, form::pem, "file", "Parameters of DHE ciphers.", "there are no DHE ciphers in rustls"),
    inert!("ssl_early_data", Arity::Flag, nothing, "on | off", "Whether requests may come with the handshake of TLS 1.3.", "requests wait for the handshake, which is always right"),
    listener!("ssl_conf_command", Arity::Exactly(2), settings::conf_command, "name value", "", "`Options KTLS` lets the kernel encrypt large files that it sends, where it can. Other commands are for OpenSSL, which is not here."),
];

/// What has no form beyond its number of arguments.
fn nothing(_item: &Item, _cx: &mut Cx<'_>) -> Done {
    Ok(())
}
