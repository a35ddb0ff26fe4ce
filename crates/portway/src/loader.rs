//! Reads everything that a configuration depends on: compile, fetch what was missing, repeat.

use std::collections::BTreeMap;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::OnceLock;

use conf::Bundle;
use conf::bundle::{Failure, File, Secret, UserIds, Want};
use net::log::Errno;
use net::sys::user;
use rustix::rand::GetRandomFlags;

use crate::invocation::Invocation;

mod glob;

/// The largest file that a configuration may name.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// How many rounds of fetching there may be. Each is a level of includes deeper, or something that
/// only an included file named, so far fewer are ever needed.
const ROUNDS_MAX: usize = 256;

/// An empty bundle for this invocation.
pub fn start(invocation: &Invocation) -> Bundle {
    let mut files = BTreeMap::new();
    if let Some(text) = &invocation.built_in {
        let file = File {
            text: text.as_bytes().into(),
            mode: 0o644,
        };
        files.insert(invocation.conf_file.clone(), Ok(file));
    }
    Bundle {
        prefix: invocation.prefix.clone(),
        conf_file: invocation.conf_file.clone(),
        globals: invocation.globals.clone(),
        hostname: user::host_name(),
        environment: environment(),
        secret: secret(),
        files,
        ..Bundle::default()
    }
}

/// One for as long as the program runs: what is signed with it outlives reloads and workers.
fn secret() -> Option<Secret> {
    static SECRET: OnceLock<Option<Secret>> = OnceLock::new();
    let make = || {
        let mut bytes = [0; 32];
        let got = rustix::rand::getrandom(&mut bytes, GetRandomFlags::empty());
        (got == Ok(bytes.len())).then_some(Secret(bytes))
    };
    SECRET.get_or_init(make).clone()
}

fn environment() -> BTreeMap<String, String> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

/// Compiles with `compile` until it misses nothing, and gives the bundle and the last result.
pub fn load<T>(invocation: &Invocation, compile: impl FnMut(&Bundle) -> T) -> (Bundle, T) {
    complete(start(invocation), compile)
}

/// The same, from what is there already: only what is missing is fetched.
pub fn complete<T>(mut bundle: Bundle, mut compile: impl FnMut(&Bundle) -> T) -> (Bundle, T) {
    let mut rounds = 0;
    loop {
        let result = compile(&bundle);
        let wants = bundle.take_wants();
        rounds += 1;
        if wants.is_empty() || rounds == ROUNDS_MAX {
            return (bundle, result);
        }
        fetch(&mut bundle, wants);
    }
}

/// Puts what is wanted into the bundle: the thing itself, or why it could not be had.
fn fetch(bundle: &mut Bundle, wants: impl IntoIterator<Item = Want>) {
    let mut hosts = Vec::new();
    for want in wants {
        match want {
            Want::File(path) => {
                let file = read(&path);
                bundle.files.insert(path, file);
            }
            Want::Glob(pattern) => {
                let found = glob::expand(&pattern);
                bundle.globs.insert(pattern, found);
            }
            Want::Host(name) => hosts.push(name),
            Want::User(name) => {
                let found = user::user(&name).ok().flatten();
                let ids = found.map(|user| UserIds {
                    uid: user.uid,
                    gid: user.gid,
                });
                bundle.users.insert(name, ids);
            }
            Want::Group(name) => {
                let id = user::group(&name).ok().flatten();
                bundle.groups.insert(name, id);
            }
        }
    }
    bundle.hosts.extend(resolve(hosts));
}

/// A file, as far as it is not too large.
pub fn read(path: &Path) -> Result<File, Failure> {
    let read = || {
        let metadata = std::fs::metadata(path)?;
        if metadata.len() > FILE_BYTES_MAX {
            return Err(rustix::io::Errno::FBIG.into());
        }
        let text = std::fs::read(path)?;
        Ok(File {
            text: text.into(),
            mode: metadata.mode() & 0o7777,
        })
    };
    read().map_err(|error| failure(&error))
}

/// `2: No such file or directory`.
fn failure(error: &std::io::Error) -> Failure {
    let text = Errno(error).to_string();
    let inner = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'));
    inner.unwrap_or(&text).to_owned()
}

/// How many names are looked up at a time.
const LOOKUPS_MAX: usize = 16;

type Lookup = (String, Result<Vec<IpAddr>, Failure>);

/// Looks all names up, several at a time, so that a server that is slow to answer costs its time
/// once. The threads have ended when this returns.
fn resolve(names: Vec<String>) -> Vec<Lookup> {
    let mut found = Vec::new();
    for names in names.chunks(LOOKUPS_MAX) {
        std::thread::scope(|scope| {
            let lookups: Vec<_> = names
                .iter()
                .map(|name| scope.spawn(|| (name.clone(), look_up(name))))
                .collect();
            found.extend(lookups.into_iter().filter_map(|lookup| lookup.join().ok()));
        });
    }
    found
}

fn look_up(name: &str) -> Result<Vec<IpAddr>, Failure> {
    let found = (name, 0).to_socket_addrs();
    let found = found.map_err(|_| "host not found".to_owned())?;
    let mut addresses: Vec<IpAddr> = found.map(|addr| addr.ip()).collect();
    addresses.dedup();
    match addresses.is_empty() {
        true => Err("host not found".to_owned()),
        false => Ok(addresses),
    }
}

/// The text of every file that was read, for `-T`.
pub fn dump(sources: &conf::Sources, out: &mut impl std::io::Write) -> std::io::Result<()> {
    for source in sources {
        if source.path == Path::new(conf::parser::COMMAND_LINE) {
            continue;
        }
        writeln!(out, "# configuration file {}:", source.path.display())?;
        out.write_all(&source.text)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_failure_is_the_system_s_number_and_name() {
        let missing = read(Path::new("/no/such/file"));
        assert_eq!(missing, Err("2: No such file or directory".to_owned()));
    }

    #[test]
    fn loading_repeats_until_nothing_is_missing() {
        let folder = std::env::temp_dir().join(format!("portway-load-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("d")).unwrap();
        std::fs::write(folder.join("nginx.conf"), "include d/*.conf; user root;").unwrap();
        std::fs::write(folder.join("d/b.conf"), "include c;").unwrap();
        std::fs::write(folder.join("d/a.conf"), "first 1;").unwrap();
        std::fs::write(folder.join("c"), "second 2;").unwrap();
        let invocation = Invocation {
            conf_file: folder.join("nginx.conf"),
            ..Invocation::default()
        };
        let (bundle, tree) = load(&invocation, |bundle| {
            bundle.user("root");
            let _ = bundle.resolve("localhost");
            conf::parse(bundle)
        });
        std::fs::remove_dir_all(&folder).unwrap();
        let names: Vec<_> = tree
            .items
            .iter()
            .map(|item| item.name().to_owned())
            .collect();
        assert_eq!(names, ["first", "second", "user"]);
        assert_eq!(bundle.users["root"], Some(UserIds { uid: 0, gid: 0 }));
        assert!(bundle.hosts["localhost"].as_ref().unwrap()[0].is_loopback());
        let mut out = Vec::new();
        dump(&tree.sources, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("# configuration file "), "{text}");
        assert!(
            text.contains("nginx.conf:\ninclude d/*.conf; user root;\n"),
            "{text}"
        );
    }
}
