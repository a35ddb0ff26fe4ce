//! What the master tells its worker: bytes and descriptors over their channel.
//!
//! Both ends are the same program, so a message that cannot be read is a fault of ours; it is
//! refused as a whole and nothing changes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use conf::Bundle;
use conf::bundle::{File, Secret, UserIds};
use net::Addr;
use net::channel::{Channel, Message};

use super::state::State;

/// An order to the worker.
#[derive(Debug)]
pub enum Order {
    /// Serve a new configuration, on these sockets and with these logs.
    Install {
        /// The loaded configuration.
        bundle: Box<Bundle>,
        /// Its sockets: one for all threads or one for each.
        sockets: Vec<(Addr, Vec<OwnedFd>)>,
        /// Its logs.
        logs: Vec<(PathBuf, OwnedFd)>,
    },
    /// Write to these files from now on.
    Reopen {
        /// The logs.
        logs: Vec<(PathBuf, OwnedFd)>,
    },
}

const INSTALL: u8 = 1;
const REOPEN: u8 = 2;

/// Sends the configuration in force.
pub fn send_install(channel: &Channel, state: &State) -> std::io::Result<()> {
    let mut out = Writer::default();
    out.byte(INSTALL);
    out.bundle(&state.setup.bundle);
    let sockets: Vec<_> = state.sockets.all().collect();
    let mut fds = Vec::new();
    out.length(sockets.len());
    for (addr, of_addr) in sockets {
        out.addr(addr);
        out.length(of_addr.len());
        fds.extend(of_addr);
    }
    let logs = state.files.all();
    out.logs(&logs, &mut fds);
    channel.send(&out.bytes, &fds)
}

/// Sends the log files that were opened again.
pub fn send_reopen(channel: &Channel, state: &State) -> std::io::Result<()> {
    let (mut out, mut fds) = (Writer::default(), Vec::new());
    out.byte(REOPEN);
    let logs = state.files.all();
    out.logs(&logs, &mut fds);
    channel.send(&out.bytes, &fds)
}

/// Reads a message; `None` if it makes no sense.
pub fn read(message: Message) -> Option<Order> {
    let mut input = Reader {
        bytes: &message.bytes,
        fds: message.fds.into_iter(),
    };
    match input.byte()? {
        INSTALL => Some(Order::Install {
            bundle: Box::new(input.bundle()?),
            sockets: input.list(|input| {
                let addr = input.addr()?;
                let fds = input.list(|input| input.fds.next())?;
                Some((addr, fds))
            })?,
            logs: input.logs()?,
        }),
        REOPEN => Some(Order::Reopen {
            logs: input.logs()?,
        }),
        _ => None,
    }
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    fn length(&mut self, length: usize) {
        self.bytes.extend_from_slice(&(length as u64).to_be_bytes());
    }

    fn text(&mut self, text: &[u8]) {
        self.length(text.len());
        self.bytes.extend_from_slice(text);
    }

    fn path(&mut self, path: &Path) {
        self.text(path.as_os_str().as_bytes());
    }

    fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn result<T>(&mut self, result: &Result<T, String>, write: impl FnOnce(&mut Self, &T)) {
        self.byte(u8::from(result.is_ok()));
        match result {
            Ok(value) => write(self, value),
            Err(failure) => self.text(failure.as_bytes()),
        }
    }

    fn map<K, V>(&mut self, map: &BTreeMap<K, V>, mut write: impl FnMut(&mut Self, &K, &V)) {
        self.length(map.len());
        for (key, value) in map {
            write(self, key, value);
        }
    }

    fn addr(&mut self, addr: &Addr) {
        match addr {
            Addr::Ip(ip) => {
                self.byte(0);
                self.text(ip.to_string().as_bytes());
            }
            Addr::Unix(path) => {
                self.byte(1);
                self.path(path);
            }
        }
    }

    fn logs<'a>(
        &mut self,
        logs: &'a [std::sync::Arc<net::log::LogFile>],
        fds: &mut Vec<BorrowedFd<'a>>,
    ) {
        self.length(logs.len());
        for log in logs {
            self.path(log.path());
            fds.push(log.as_fd());
        }
    }

    fn bundle(&mut self, bundle: &Bundle) {
        self.path(&bundle.prefix);
        self.path(&bundle.conf_file);
        self.maybe(bundle.globals.as_ref(), |out, text| {
            out.text(text.as_bytes())
        });
        self.text(bundle.hostname.as_bytes());
        self.map(&bundle.environment, |out, name, value| {
            out.text(name.as_bytes());
            out.text(value.as_bytes());
        });
        self.map(&bundle.files, |out, path, file| {
            out.path(path);
            out.result(file, |out, file| {
                out.text(&file.text);
                out.length(file.mode as usize);
            });
        });
        self.map(&bundle.globs, |out, pattern, paths| {
            out.path(pattern);
            out.length(paths.len());
            paths.iter().for_each(|path| out.path(path));
        });
        self.map(&bundle.hosts, |out, name, ips| {
            out.text(name.as_bytes());
            out.result(ips, |out, ips| {
                out.length(ips.len());
                ips.iter()
                    .for_each(|ip| out.text(ip.to_string().as_bytes()));
            });
        });
        self.map(&bundle.users, |out, name, ids| {
            out.text(name.as_bytes());
            out.maybe(ids.as_ref(), |out, ids| {
                out.length(ids.uid as usize);
                out.length(ids.gid as usize);
            });
        });
        self.map(&bundle.groups, |out, name, id| {
            out.text(name.as_bytes());
            out.maybe(*id, |out, id| out.length(id as usize));
        });
        self.maybe(bundle.secret.as_ref(), |out, secret| out.text(&secret.0));
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    fds: std::vec::IntoIter<OwnedFd>,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    fn length(&mut self) -> Option<usize> {
        let (first, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        usize::try_from(u64::from_be_bytes(*first)).ok()
    }

    fn number(&mut self) -> Option<u32> {
        u32::try_from(self.length()?).ok()
    }

    fn bytes(&mut self) -> Option<&[u8]> {
        let length = self.length()?;
        let (first, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(first)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    fn path(&mut self) -> Option<PathBuf> {
        Some(OsString::from_vec(self.bytes()?.to_vec()).into())
    }

    fn maybe<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            _ => Some(Some(read(self)?)),
        }
    }

    fn result<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Result<T, String>> {
        match self.byte()? {
            0 => Some(Err(self.text()?)),
            _ => Some(Ok(read(self)?)),
        }
    }

    fn list<T, C: FromIterator<T>>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<C> {
        let length = self.length()?;
        (0..length).map(|_| read(self)).collect()
    }

    fn addr(&mut self) -> Option<Addr> {
        match self.byte()? {
            0 => Some(Addr::Ip(self.text()?.parse::<SocketAddr>().ok()?)),
            _ => Some(Addr::Unix(self.path()?)),
        }
    }

    fn logs(&mut self) -> Option<Vec<(PathBuf, OwnedFd)>> {
        self.list(|input| Some((input.path()?, input.fds.next()?)))
    }

    fn bundle(&mut self) -> Option<Bundle> {
        Some(Bundle {
            prefix: self.path()?,
            conf_file: self.path()?,
            globals: self.maybe(Self::text)?,
            hostname: self.text()?,
            environment: self.list(|input| Some((input.text()?, input.text()?)))?,
            files: self.list(|input| Some((input.path()?, input.result(Self::file)?)))?,
            globs: self.list(|input| Some((input.path()?, input.list(Self::path)?)))?,
            hosts: self.list(|input| {
                let name = input.text()?;
                let ips = input.result(|input| input.list(Self::ip))?;
                Some((name, ips))
            })?,
            users: self.list(|input| Some((input.text()?, input.maybe(Self::ids)?)))?,
            groups: self.list(|input| Some((input.text()?, input.maybe(Self::number)?)))?,
            secret: self.maybe(|input| input.bytes()?.try_into().ok().map(Secret))?,
            wants: Default::default(),
            renewable: Default::default(),
        })
    }

    fn file(&mut self) -> Option<File> {
        Some(File {
            text: self.bytes()?.into(),
            mode: self.number()?,
        })
    }

    fn ip(&mut self) -> Option<IpAddr> {
        self.text()?.parse().ok()
    }

    fn ids(&mut self) -> Option<UserIds> {
        Some(UserIds {
            uid: self.number()?,
            gid: self.number()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> Bundle {
        let mut bundle = Bundle {
            prefix: "/srv".into(),
            conf_file: "/etc/n.conf".into(),
            globals: Some("pid x;".into()),
            hostname: "box".into(),
            ..Bundle::default()
        };
        let file = File {
            text: b"\xff\0 text"[..].into(),
            mode: 0o600,
        };
        bundle.environment.insert("TZ".into(), "UTC".into());
        bundle.files.insert("/etc/n.conf".into(), Ok(file));
        bundle
            .files
            .insert("/etc/key".into(), Err("13: Permission denied".into()));
        bundle
            .globs
            .insert("/etc/*".into(), vec!["/etc/a".into(), "/etc/b".into()]);
        bundle
            .hosts
            .insert("h".into(), Ok(vec!["::1".parse().unwrap()]));
        bundle
            .hosts
            .insert("none".into(), Err("host not found".into()));
        bundle
            .users
            .insert("www-data".into(), Some(UserIds { uid: 33, gid: 33 }));
        bundle.users.insert("ghost".into(), None);
        bundle.groups.insert("adm".into(), Some(4));
        bundle.secret = Some(Secret([7; 32]));
        bundle
    }

    fn written(bundle: &Bundle) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(INSTALL);
        out.bundle(bundle);
        out.length(1);
        out.addr(&Addr::Ip("[::1]:80".parse().unwrap()));
        out.length(0);
        out.logs(&[], &mut Vec::new());
        out.bytes
    }

    #[test]
    fn a_bundle_arrives_as_it_was_sent() {
        let bytes = written(&bundle());
        let order = read(Message {
            bytes: bytes.clone(),
            fds: Vec::new(),
        });
        let Some(Order::Install {
            bundle, sockets, ..
        }) = order
        else {
            panic!("not understood");
        };
        assert_eq!(written(&bundle), bytes);
        assert_eq!(
            bundle.read(Path::new("/etc/n.conf")).unwrap().as_ref(),
            b"\xff\0 text"
        );
        assert_eq!(bundle.user("www-data").unwrap().uid, 33);
        assert_eq!(sockets[0].0.to_string(), "[::1]:80");
    }

    #[test]
    fn a_message_cut_anywhere_is_refused() {
        let bytes = written(&bundle());
        for end in 0..bytes.len() {
            let cut = Message {
                bytes: bytes[..end].to_vec(),
                fds: Vec::new(),
            };
            assert!(read(cut).is_none(), "{end}");
        }
    }
}
