//! Against a plain model of nginx's loops: whatever happens, the order is the same.

use super::*;

/// A peer as nginx keeps it.
struct Plain {
    current: i64,
    effective: i64,
    weight: i64,
    conns: i64,
    max_conns: i64,
    failed: bool,
}

/// A sequence by chance that is the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

struct Model {
    peers: Vec<Plain>,
    by_load: bool,
}

impl Model {
    fn select(&mut self, tried: &[usize]) -> Option<usize> {
        let free: Vec<usize> = (0..self.peers.len())
            .filter(|&at| {
                let peer = &self.peers[at];
                let full = peer.max_conns != 0 && peer.conns >= peer.max_conns;
                !tried.contains(&at) && !peer.failed && !full
            })
            .collect();
        let mut taking = free.clone();
        if self.by_load {
            let load = |a: usize, b: usize| {
                (self.peers[a].conns * self.peers[b].weight)
                    .cmp(&(self.peers[b].conns * self.peers[a].weight))
            };
            let least = free.iter().copied().min_by(|&a, &b| load(a, b))?;
            taking.retain(|&at| load(at, least).is_eq());
            if let [one] = taking[..] {
                self.peers[one].conns += 1;
                return Some(one);
            }
        }
        let mut total = 0;
        let mut best: Option<usize> = None;
        for at in taking {
            let peer = &mut self.peers[at];
            peer.current += peer.effective;
            total += peer.effective;
            if peer.effective < peer.weight {
                peer.effective += 1;
            }
            let current = peer.current;
            if best.is_none_or(|best| current > self.peers[best].current) {
                best = Some(at);
            }
        }
        let best = best?;
        self.peers[best].current -= total;
        self.peers[best].conns += 1;
        Some(best)
    }

    fn release(&mut self, at: usize, failed: bool, max_fails: i64) {
        let peer = &mut self.peers[at];
        peer.conns -= 1;
        if failed {
            peer.effective = (peer.effective - peer.weight / max_fails).max(0);
            peer.failed = max_fails == 1;
        }
    }
}

fn compare(by_load: bool, seed: u64, max_fails: u32) {
    let mut chance = Chance(seed);
    let now = Instant::now();
    let count = 2 + chance.below(12) as u16;
    let servers: Vec<Server> = (0..count)
        .map(|port| Server {
            weight: 1 + chance.below(4) as u32,
            max_conns: [0, 0, 0, 3][chance.below(4) as usize],
            max_fails,
            fail_timeout: Duration::from_secs(3600),
            ..server(port)
        })
        .collect();
    let plain = |server: &Server| Plain {
        current: 0,
        effective: server.weight.into(),
        weight: server.weight.into(),
        conns: 0,
        max_conns: server.max_conns.into(),
        failed: false,
    };
    let mut model = Model {
        peers: servers.iter().map(plain).collect(),
        by_load,
    };
    let method = match by_load {
        true => Method::LeastConn,
        false => Method::RoundRobin,
    };
    let group = group(method, &servers);
    let mut open: Vec<(usize, Lease)> = Vec::new();
    for step in 0..400 {
        let mut search = Search::default();
        let mut tried = Vec::new();
        for _ in 0..1 + chance.below(8) / 7 {
            let expected = model.select(&tried);
            let lease = group.select(&mut search, now);
            let got = lease.as_ref().map(|lease| lease.peer().name.clone());
            assert_eq!(
                got,
                expected.map(|at| at.to_string()),
                "seed {seed}, step {step}"
            );
            let (Some(at), Some(lease)) = (expected, lease) else {
                break;
            };
            tried.push(at);
            open.push((at, lease));
        }
        while !open.is_empty() && chance.below(3) != 0 {
            let (at, lease) = open.swap_remove(chance.below(open.len() as u64) as usize);
            // With more than one failure allowed, failing lowers the weight and takes nobody out
            // before the model's count would.
            let failed = chance.below(40) == 0 && (max_fails == 1 || max_fails == 1000);
            model.release(at, failed, max_fails.into());
            let outcome = match failed {
                true => Outcome::Failed,
                false => Outcome::Answered,
            };
            lease.finish(outcome, None, now);
        }
    }
}

#[test]
fn round_robin_is_that_of_nginx() {
    for seed in 0..60 {
        compare(false, seed, [1, 1000, 3][seed as usize % 3]);
    }
}

#[test]
fn least_conn_is_that_of_nginx() {
    for seed in 0..60 {
        compare(true, seed, [1, 1000, 3][seed as usize % 3]);
    }
}
