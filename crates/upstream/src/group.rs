//! Smooth weighted round robin (`ngx_http_upstream_round_robin`).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::server::{Peer, Server};

/// A peer of a group: its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerId(usize);

/// How a request to a peer went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered.
    Answered,
    /// It failed in a way that counts against it.
    Failed,
}

/// The peers that one request has tried already, and how many more it may try.
#[derive(Debug, Default)]
pub struct Tried {
    peers: Vec<PeerId>,
    backup: bool,
}

#[derive(Debug)]
struct Member {
    peer: Peer,
    weight: i64,
    max_fails: u32,
    max_conns: u32,
    fail_timeout: Duration,
    down: bool,
    backup: bool,
}

#[derive(Debug, Clone, Default)]
struct State {
    current_weight: i64,
    effective_weight: i64,
    fails: u32,
    conns: u32,
    accessed: Option<Instant>,
    checked: Option<Instant>,
}

/// An `upstream` block, or the addresses of a name in `proxy_pass`. Shared by all threads.
#[derive(Debug)]
pub struct Group {
    name: String,
    members: Vec<Member>,
    states: Mutex<Vec<State>>,
}

impl Group {
    /// A group of the given servers, in their order.
    pub fn new(name: &str, servers: &[Server]) -> Self {
        let member = |server: &Server, peer: &Peer| Member {
            peer: peer.clone(),
            weight: server.weight.into(),
            max_fails: server.max_fails,
            max_conns: server.max_conns,
            fail_timeout: server.fail_timeout,
            down: server.down,
            backup: server.backup,
        };
        let members: Vec<Member> = servers
            .iter()
            .flat_map(|server| server.peers.iter().map(|peer| member(server, peer)))
            .collect();
        let state = |member: &Member| State {
            effective_weight: member.weight,
            ..State::default()
        };
        let states = Mutex::new(members.iter().map(state).collect());
        Self {
            name: name.to_owned(),
            members,
            states,
        }
    }

    /// Its name, which logs show when no peer is left.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many peers a request may try.
    pub fn tries(&self) -> usize {
        self.members
            .iter()
            .filter(|member| !member.down)
            .count()
            .max(1)
    }

    /// A peer's address and name.
    pub fn peer(&self, id: PeerId) -> &Peer {
        &self.members[id.0].peer
    }

    /// Chooses the next peer for a request and counts the request to it; `None` if none is left.
    /// Every choice is given back with [`release`](Self::release).
    pub fn select(&self, tried: &mut Tried, now: Instant) -> Option<PeerId> {
        let mut states = self.lock();
        if let [member] = &self.members[..] {
            let free = !member.down && !full(member, &states[0]);
            let first = free && tried.peers.is_empty();
            return first.then(|| choose(&mut states, tried, PeerId(0)));
        }
        if !tried.backup {
            if let Some(id) = self.best(&mut states, tried, now, false) {
                return Some(choose(&mut states, tried, id));
            }
            tried.backup = true;
        }
        let id = self.best(&mut states, tried, now, true)?;
        Some(choose(&mut states, tried, id))
    }

    fn best(
        &self,
        states: &mut [State],
        tried: &Tried,
        now: Instant,
        backup: bool,
    ) -> Option<PeerId> {
        let mut total = 0;
        let mut best: Option<usize> = None;
        for (index, member) in self.members.iter().enumerate() {
            let state = &mut states[index];
            if member.backup != backup
                || member.down
                || tried.peers.contains(&PeerId(index))
                || full(member, state)
                || failed(member, state, now)
            {
                continue;
            }
            state.current_weight += state.effective_weight;
            total += state.effective_weight;
            if state.effective_weight < member.weight {
                state.effective_weight += 1;
            }
            let weight = state.current_weight;
            if best.is_none_or(|best| weight > states[best].current_weight) {
                best = Some(index);
            }
        }
        let index = best?;
        let state = &mut states[index];
        state.current_weight -= total;
        let timeout = self.members[index].fail_timeout;
        if state.checked.is_some_and(|checked| now - checked > timeout) {
            state.checked = Some(now);
        }
        Some(PeerId(index))
    }

    /// Gives a peer back. True if this took it out of use for its `fail_timeout`.
    pub fn release(&self, id: PeerId, outcome: Outcome, now: Instant) -> bool {
        let mut states = self.lock();
        let member = &self.members[id.0];
        let state = &mut states[id.0];
        state.conns = state.conns.saturating_sub(1);
        if self.members.len() == 1 {
            return false;
        }
        match outcome {
            Outcome::Answered => {
                if state.accessed < state.checked {
                    state.fails = 0;
                }
                false
            }
            Outcome::Failed => {
                state.fails += 1;
                state.accessed = Some(now);
                state.checked = Some(now);
                if member.max_fails == 0 {
                    return false;
                }
                let less = member.weight / i64::from(member.max_fails);
                state.effective_weight = (state.effective_weight - less).max(0);
                state.fails >= member.max_fails
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<State>> {
        // No invariant spans a panic here: every field is a counter of its own.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn choose(states: &mut [State], tried: &mut Tried, id: PeerId) -> PeerId {
    states[id.0].conns += 1;
    tried.peers.push(id);
    id
}

fn full(member: &Member, state: &State) -> bool {
    member.max_conns != 0 && state.conns >= member.max_conns
}

fn failed(member: &Member, state: &State, now: Instant) -> bool {
    member.max_fails != 0
        && state.fails >= member.max_fails
        && state
            .checked
            .is_some_and(|checked| now - checked <= member.fail_timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(port: u16) -> Server {
        let addr = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let name = port.to_string();
        Server::new(
            &name,
            vec![Peer {
                addr: addr.into(),
                name: name.clone(),
            }],
        )
    }

    fn sequence(group: &Group, count: usize, now: Instant) -> String {
        let name = |_| match group.select(&mut Tried::default(), now) {
            Some(id) => {
                group.release(id, Outcome::Answered, now);
                group.peer(id).name.clone()
            }
            None => "-".to_owned(),
        };
        (0..count).map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn weights_are_spread_smoothly() {
        let heavy = Server {
            weight: 5,
            ..server(1)
        };
        let group = Group::new("u", &[heavy, server(2), server(3)]);
        assert_eq!(sequence(&group, 7, Instant::now()), "1 1 2 1 3 1 1");
    }

    #[test]
    fn a_failed_peer_is_out_until_its_time_has_passed() {
        let now = Instant::now();
        let group = Group::new("u", &[server(1), server(2)]);
        let mut tried = Tried::default();
        let id = group.select(&mut tried, now).expect("a peer");
        assert_eq!(group.peer(id).name, "1");
        assert!(group.release(id, Outcome::Failed, now));
        let next = group.select(&mut tried, now).expect("another peer");
        assert_eq!(group.peer(next).name, "2");
        group.release(next, Outcome::Answered, now);
        assert_eq!(sequence(&group, 3, now), "2 2 2");
        let later = now + Duration::from_secs(11);
        assert!(sequence(&group, 4, later).contains('1'));
    }

    #[test]
    fn a_backup_is_used_only_when_no_other_is_left() {
        let now = Instant::now();
        let backup = Server {
            backup: true,
            ..server(9)
        };
        let down = Server {
            down: true,
            ..server(1)
        };
        let group = Group::new("u", &[down, server(2), backup]);
        assert_eq!(sequence(&group, 2, now), "2 2");
        let mut tried = Tried::default();
        let id = group.select(&mut tried, now).expect("a peer");
        group.release(id, Outcome::Failed, now);
        let id = group.select(&mut tried, now).expect("the backup");
        assert_eq!(group.peer(id).name, "9");
        group.release(id, Outcome::Answered, now);
        assert!(group.select(&mut tried, now).is_none());
    }

    #[test]
    fn max_conns_counts_requests_that_were_not_given_back() {
        let now = Instant::now();
        let group = Group::new(
            "u",
            &[Server {
                max_conns: 1,
                ..server(1)
            }],
        );
        let id = group.select(&mut Tried::default(), now).expect("a peer");
        assert!(group.select(&mut Tried::default(), now).is_none());
        group.release(id, Outcome::Failed, now);
        assert!(group.select(&mut Tried::default(), now).is_some());
    }
}
