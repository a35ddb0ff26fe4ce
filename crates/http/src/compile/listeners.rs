//! What servers say of addresses becomes listeners (`ngx_http_optimize_servers`).

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use conf::Diagnostic;
use net::Addr;
use net::listen::{Listen, ListenOptions};

use super::Compiler;
use crate::config::{AddrConf, ListenerConf, ServerId};
use crate::draft::{ListenDraft, NameDraft};
use crate::server_names::ServerNames;

impl Compiler<'_, '_> {
    /// Groups the servers by address and the addresses by socket: a wildcard socket takes the
    /// connections of all addresses of its port that do not ask for a socket of their own.
    pub(super) fn listeners(
        &mut self,
        listens: &[(ListenDraft, ServerId)],
        names: &[Vec<NameDraft>],
    ) -> Vec<ListenerConf> {
        let mut addrs: BTreeMap<&Addr, Vec<&(ListenDraft, ServerId)>> = BTreeMap::new();
        let mut order: Vec<&Addr> = Vec::new();
        for entry in listens {
            let group = addrs.entry(&entry.0.addr).or_default();
            if group.is_empty() {
                order.push(&entry.0.addr);
            }
            // The lines of a server stand together.
            if group.last().is_some_and(|(_, server)| *server == entry.1) {
                let message = format!("a duplicate listen {}", entry.0.addr);
                self.cx
                    .diagnostics
                    .push(Diagnostic::emerg(message).at(entry.0.span));
            }
            group.push(entry);
        }
        let mut listeners: Vec<ListenerConf> = Vec::new();
        let mut later = Vec::new();
        for addr in order {
            let group = &addrs[addr];
            let conf = self.addr_conf(group, names);
            let options = self.options(group);
            let wildcard = wildcard_of(addr).filter(|wildcard| addrs.contains_key(wildcard));
            let own = group
                .iter()
                .any(|(listen, _)| listen.bind || listen.sets_options);
            match wildcard {
                Some(wildcard) if !own => later.push((wildcard, addr.clone(), conf)),
                _ => {
                    let listen = Listen {
                        addr: addr.clone(),
                        options,
                    };
                    let others = HashMap::new();
                    listeners.push(ListenerConf {
                        listen,
                        servers: Some(conf),
                        others,
                    });
                }
            }
        }
        for (wildcard, addr, conf) in later {
            let socket = listeners
                .iter_mut()
                .find(|listener| listener.listen.addr == wildcard);
            if let Some(socket) = socket {
                socket.others.insert(addr, conf);
            }
        }
        listeners
    }

    fn addr_conf(
        &mut self,
        group: &[&(ListenDraft, ServerId)],
        names: &[Vec<NameDraft>],
    ) -> AddrConf {
        let mut defaults = group.iter().filter(|(listen, _)| listen.default_server);
        let default_server = defaults.next().map_or(group[0].1, |entry| entry.1);
        if let Some((listen, _)) = defaults.next() {
            let message = format!("a duplicate default server for {}", listen.addr);
            self.cx
                .diagnostics
                .push(Diagnostic::emerg(message).at(listen.span));
        }
        let names = |id: ServerId| &names[id.0 as usize];
        let all = group.iter().map(|(_, id)| names(*id).len()).sum();
        let mut table = ServerNames::with_capacity(all);
        for (listen, id) in group {
            for draft in names(*id) {
                let (name, addr) = (&draft.name, &listen.addr);
                let plain = draft.regex.is_none();
                if plain && group.len() > 1 && cannot_be_found(name) {
                    let message = format!("invalid server name or wildcard \"{name}\" on {addr}");
                    self.cx
                        .diagnostics
                        .push(Diagnostic::emerg(message).at(draft.span));
                } else if !draft.add_to(&mut table, *id) {
                    let message = format!("conflicting server name \"{name}\" on {addr}, ignored");
                    self.cx
                        .diagnostics
                        .push(Diagnostic::warn(message).at(draft.span));
                }
            }
        }
        table.finish();
        AddrConf {
            default_server,
            ssl: group.iter().any(|(listen, _)| listen.ssl),
            names: table,
            proxy_protocol: group.iter().any(|(listen, _)| listen.proxy_protocol),
        }
    }

    fn options(&mut self, group: &[&(ListenDraft, ServerId)]) -> ListenOptions {
        let mut given = group.iter().filter(|(listen, _)| listen.sets_options);
        let options = given.next().map(|(listen, _)| listen.options.clone());
        if let Some((listen, _)) = given.next() {
            let message = format!("duplicate listen options for {}", listen.addr);
            self.cx
                .diagnostics
                .push(Diagnostic::emerg(message).at(listen.span));
        }
        options.unwrap_or_else(|| group[0].0.options.clone())
    }
}

/// The wildcard address of the same port, if `addr` is not one itself.
fn wildcard_of(addr: &Addr) -> Option<Addr> {
    let ip = addr.ip()?;
    if ip.ip().is_unspecified() {
        return None;
    }
    let any: IpAddr = match ip.is_ipv4() {
        true => Ipv4Addr::UNSPECIFIED.into(),
        false => Ipv6Addr::UNSPECIFIED.into(),
    };
    Some(SocketAddr::new(any, ip.port()).into())
}

/// Whether no host can be meant by a name. As ngx_http_server_names, which looks at names only
/// where there are several servers to choose from.
fn cannot_be_found(name: &str) -> bool {
    let ends = name.strip_prefix("*.").or(name.strip_suffix(".*"));
    ends.unwrap_or(name).contains('*') || name.contains("..")
}
