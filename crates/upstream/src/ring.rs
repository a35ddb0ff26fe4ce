//! The ring of `hash … consistent` (ketama, as Cache::Memcached::Fast has it).

use std::collections::HashMap;
use std::sync::Arc;

use crc32fast::Hasher;

/// Points for each unit of weight.
const POINTS: i64 = 160;

/// Points on a circle of hashes, each of which belongs to a server.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    points: Vec<(u32, u32)>,
    names: Vec<Arc<str>>,
}

impl Ring {
    /// The ring of servers with their weights, in the order of the configuration. A server of
    /// several addresses stands there once for each.
    pub(crate) fn new<'a>(servers: impl Iterator<Item = (&'a Arc<str>, i64)>) -> Self {
        let mut ring = Self::default();
        let mut known: HashMap<Arc<str>, u32> = HashMap::new();
        for (name, weight) in servers {
            let index = *known.entry(name.clone()).or_insert_with(|| {
                ring.names.push(name.clone());
                ring.names.len() as u32 - 1
            });
            let start = start_of(name);
            let mut previous = 0u32;
            for _ in 0..weight * POINTS {
                let mut hasher = start.clone();
                hasher.update(&previous.to_le_bytes());
                previous = hasher.finalize();
                ring.points.push((previous, index));
            }
        }
        ring.points.sort_by_key(|&(hash, _)| hash);
        ring.points.dedup_by_key(|&mut (hash, _)| hash);
        ring
    }

    /// The point that answers for a hash: the first that is not below it.
    pub(crate) fn find(&self, hash: u32) -> usize {
        self.points.partition_point(|&(point, _)| point < hash)
    }

    /// The server of a point; points go on behind the last one at the first.
    pub(crate) fn server(&self, point: usize) -> Option<&Arc<str>> {
        let (_, index) = self.points.get(point.checked_rem(self.points.len())?)?;
        self.names.get(*index as usize)
    }
}

/// `crc32(HOST \0 PORT …)`
fn start_of(server: &str) -> Hasher {
    let (host, port) = host_and_port(server);
    let mut hasher = Hasher::new();
    hasher.update(host.as_bytes());
    hasher.update(b"\0");
    hasher.update(port.as_bytes());
    hasher
}

/// As nginx: the port is what follows the last colon, if all of it is digits.
fn host_and_port(server: &str) -> (&str, &str) {
    if let Some(head) = server.get(..5)
        && head.eq_ignore_ascii_case("unix:")
    {
        return (&server[5..], "");
    }
    match server.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (server, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_what_follows_the_last_colon() {
        assert_eq!(host_and_port("a:80"), ("a", "80"));
        assert_eq!(host_and_port("a"), ("a", ""));
        assert_eq!(host_and_port("[::1]:8080"), ("[::1]", "8080"));
        assert_eq!(host_and_port("[::1]"), ("[::1]", ""));
        assert_eq!(host_and_port("UNIX:/tmp/s:1"), ("/tmp/s:1", ""));
    }

    #[test]
    fn points_lie_where_other_clients_of_the_same_servers_expect_them() {
        let name: Arc<str> = "127.0.0.1:8081".into();
        let ring = Ring::new([(&name, 1)].into_iter());
        // crc32("127.0.0.1\08081" + four zero bytes), from another implementation.
        let first = crc32fast::hash(b"127.0.0.1\x008081\0\0\0\0");
        assert!(ring.points.iter().any(|&(hash, _)| hash == first));
        assert_eq!(ring.points.len(), 160);
        assert!(ring.points.is_sorted());
        assert_eq!(ring.server(ring.find(u32::MAX)), Some(&name));
        assert!(Ring::default().server(0).is_none());
    }
}
