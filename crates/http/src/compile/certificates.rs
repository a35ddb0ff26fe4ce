//! Whether the servers of TLS listeners have certificates (`ngx_http_ssl_init`).

use conf::Diagnostic;

use super::Compiler;
use crate::config::{ListenerConf, Server, ServerId};
use crate::draft::ListenDraft;

impl Compiler<'_, '_> {
    /// Every server that may come to show a certificate must have one.
    pub(super) fn check_certificates(
        &mut self,
        listens: &[(ListenDraft, ServerId)],
        listeners: &[ListenerConf],
        servers: &[Server],
    ) {
        let own = listeners.iter().filter_map(|listener| {
            let conf = listener.servers.as_ref()?;
            Some((&listener.listen.addr, conf))
        });
        let others = listeners.iter().flat_map(|listener| &listener.others);
        for (addr, conf) in own.chain(others).filter(|(_, conf)| conf.ssl) {
            let ssl_of = |id: ServerId| &servers[id.0 as usize].ssl;
            let default_server = ssl_of(conf.default_server);
            if !default_server.certificates.is_empty() {
                continue;
            }
            let lacks = |id: ServerId| match default_server.reject_handshake {
                false => id == conf.default_server,
                true => ssl_of(id).certificates.is_empty() && !ssl_of(id).reject_handshake,
            };
            let lacking = listens
                .iter()
                .find(|(listen, id)| listen.addr == *addr && lacks(*id));
            if let Some((listen, _)) = lacking {
                let message =
                    "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive";
                self.cx
                    .diagnostics
                    .push(Diagnostic::emerg(message).at(listen.span));
            }
        }
    }
}
