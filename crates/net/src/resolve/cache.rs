//! What a resolver knows, and what it is about to know.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use proto::dns::Srv;
use tokio::sync::oneshot;

use super::Failure;

/// So many names are known or asked for at a time.
const NAMES_MAX: usize = 16 * 1024;

/// So many questions are open at a time: each has a socket.
const QUESTIONS_MAX: usize = 1024;

/// So many may wait for one name.
const WAITING_MAX: usize = 64 * 1024;

/// What nobody has asked for so long is forgotten, if there is any need.
const UNUSED_MAX: Duration = Duration::from_secs(30);

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum About {
    /// Its addresses, of the families that the resolver asks for.
    Addresses,
    /// Its servers (SRV).
    Service,
    /// Its name (PTR).
    Name,
}

/// A question: what of which name, in lower case and without a dot at its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// What is asked.
    pub about: About,
    /// Of which name.
    pub name: Box<str>,
}

impl Key {
    /// The addresses of a name.
    pub fn addresses(name: &str) -> Self {
        Self::new(About::Addresses, name)
    }

    /// The servers of a service, whose whole name this is.
    pub fn service(name: &str) -> Self {
        Self::new(About::Service, name)
    }

    /// The name of an address (RFC 1035 §3.5, RFC 3596 §2.5).
    pub fn name_of(ip: IpAddr) -> Self {
        let name = match ip {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            IpAddr::V6(ip) => {
                let bytes = ip.octets().into_iter().rev();
                let mut name: String = bytes
                    .map(|byte| format!("{:x}.{:x}.", byte & 0xf, byte >> 4))
                    .collect();
                name.push_str("ip6.arpa");
                name
            }
        };
        Self::new(About::Name, &name)
    }

    /// The same of another name.
    pub fn renamed(&self, name: &str) -> Self {
        Self::new(self.about, name)
    }

    fn new(about: About, name: &str) -> Self {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        Self {
            about,
            name: name.into(),
        }
    }
}

/// What the name servers said of a name, and until when it is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Its addresses, at least one.
    Addresses {
        /// The addresses.
        ips: Vec<IpAddr>,
        /// Their end.
        until: Instant,
    },
    /// It is another name's alias.
    Alias {
        /// The other name.
        name: String,
        /// Its end.
        until: Instant,
    },
    /// Its servers, at least one.
    Service {
        /// The servers, by priority.
        servers: Vec<Srv>,
        /// Their end.
        until: Instant,
    },
    /// The name of an address.
    Name {
        /// The name.
        name: String,
        /// Its end.
        until: Instant,
    },
}

impl Known {
    /// Until when it is good.
    pub fn until(&self) -> Instant {
        match self {
            Known::Addresses { until, .. }
            | Known::Alias { until, .. }
            | Known::Service { until, .. }
            | Known::Name { until, .. } => *until,
        }
    }

    /// Begins with another address, so that all of them get their share of requests.
    pub fn rotate(&mut self, by: usize) {
        if let Known::Addresses { ips, .. } = self
            && !ips.is_empty()
        {
            let by = by % ips.len();
            ips.rotate_left(by);
        }
    }
}

/// How a question ends.
pub type Answered = Result<Known, Failure>;

/// What is to be done about a question.
pub enum LookUp {
    /// Nothing.
    Known(Known),
    /// Somebody has asked already.
    Wait(oneshot::Receiver<Answered>),
    /// It has to be asked, and its end told to [`Cache::settle`].
    Ask(oneshot::Receiver<Answered>),
    /// There are too many.
    Full,
}

#[derive(Debug)]
enum Node {
    Asked(Vec<oneshot::Sender<Answered>>),
    Known { known: Known, used: Instant },
}

/// The memory of a resolver.
#[derive(Debug, Default)]
pub struct Cache {
    nodes: HashMap<Key, Node>,
    /// Questions that are open.
    open: usize,
    /// The name server that the next question goes to first.
    next_server: usize,
}

impl Cache {
    /// What is known, or how to learn it.
    pub fn look_up(&mut self, key: &Key, now: Instant) -> LookUp {
        let has_room = self.nodes.contains_key(key) || self.make_room(now);
        match self.nodes.get_mut(key) {
            Some(Node::Known { known, used }) if known.until() > now => {
                *used = now;
                return LookUp::Known(known.clone());
            }
            Some(Node::Asked(waiting)) => {
                if waiting.len() >= WAITING_MAX {
                    waiting.retain(|one| !one.is_closed());
                }
                if waiting.len() >= WAITING_MAX {
                    return LookUp::Full;
                }
                let (sender, answer) = oneshot::channel();
                waiting.push(sender);
                return LookUp::Wait(answer);
            }
            _ if !has_room || self.open >= QUESTIONS_MAX => return LookUp::Full,
            _ => {}
        }
        self.open += 1;
        let (sender, answer) = oneshot::channel();
        self.nodes.insert(key.clone(), Node::Asked(vec![sender]));
        LookUp::Ask(answer)
    }

    /// Whether anybody still waits for the answer to a question.
    pub fn is_awaited(&mut self, key: &Key) -> bool {
        let Some(Node::Asked(waiting)) = self.nodes.get_mut(key) else {
            return false;
        };
        waiting.retain(|one| !one.is_closed());
        !waiting.is_empty()
    }

    /// Ends a question: an answer is kept, a failure is not.
    pub fn settle(&mut self, key: &Key, answered: &Answered, now: Instant) {
        let Some(Node::Asked(waiting)) = self.nodes.remove(key) else {
            return;
        };
        self.open -= 1;
        if let Ok(known) = answered
            && known.until() > now
        {
            let known = known.clone();
            self.nodes
                .insert(key.clone(), Node::Known { known, used: now });
        }
        for one in waiting {
            // Who has gone meanwhile needs no answer.
            let _ = one.send(answered.clone());
        }
    }

    /// The name server for the next question, of so many.
    pub fn next_server(&mut self, count: usize) -> usize {
        let next = self.next_server % count.max(1);
        self.next_server = next + 1;
        next
    }

    /// Whether there is room for another name, if need be by forgetting.
    fn make_room(&mut self, now: Instant) -> bool {
        if self.nodes.len() < NAMES_MAX {
            return true;
        }
        self.nodes.retain(|_, node| match node {
            Node::Asked(_) => true,
            Node::Known { known, used } => known.until() > now && now < *used + UNUSED_MAX,
        });
        if self.nodes.len() >= NAMES_MAX {
            self.nodes.retain(|_, node| matches!(node, Node::Asked(_)));
        }
        self.nodes.len() < NAMES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_questions_are_open_at_a_time() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let key = |number: usize| Key::addresses(&number.to_string());
        for number in 0..QUESTIONS_MAX {
            assert!(matches!(cache.look_up(&key(number), now), LookUp::Ask(_)));
        }
        assert!(matches!(cache.look_up(&key(0), now), LookUp::Wait(_)));
        let next = key(QUESTIONS_MAX);
        assert!(matches!(cache.look_up(&next, now), LookUp::Full));
        cache.settle(&key(0), &Err(Failure::NOT_FOUND), now);
        assert!(matches!(cache.look_up(&next, now), LookUp::Ask(_)));
    }

    #[test]
    fn what_is_not_needed_is_forgotten_where_there_is_no_room() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        for number in 0..NAMES_MAX + 1 {
            let key = Key::addresses(&number.to_string());
            assert!(
                matches!(cache.look_up(&key, now), LookUp::Ask(_)),
                "{number}"
            );
            let ips = vec![IpAddr::from([127, 0, 0, 1])];
            let until = now + Duration::from_secs(60);
            cache.settle(&key, &Ok(Known::Addresses { ips, until }), now);
        }
        assert!(cache.nodes.len() <= NAMES_MAX);
    }
}
