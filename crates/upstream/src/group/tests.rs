//! Groups as requests see them, one after the other.

use std::collections::VecDeque;

use super::*;
use crate::method::{Better, LeastTime, Until};
use crate::server::Use;

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

fn weighing(port: u16, weight: u32) -> Server {
    Server {
        weight,
        ..server(port)
    }
}

fn group(method: Method, servers: &[Server]) -> Arc<Group> {
    Arc::new(Group::with_method("u", servers, method))
}

fn name(lease: Option<Lease>) -> String {
    lease.map_or("-".to_owned(), |lease| lease.peer().name.clone())
}

/// The peers of requests that follow one another.
fn sequence(group: &Arc<Group>, count: usize, now: Instant) -> String {
    let one = |_| name(group.select(&mut Search::default(), now));
    (0..count).map(one).collect::<Vec<_>>().join(" ")
}

fn by_key(group: &Arc<Group>, key: &str) -> String {
    name(group.select(&mut Search::by_key(key.to_owned().into()), Instant::now()))
}

#[test]
fn weights_are_spread_smoothly() {
    let group = group(Method::RoundRobin, &[weighing(1, 5), server(2), server(3)]);
    assert_eq!(sequence(&group, 7, Instant::now()), "1 1 2 1 3 1 1");
}

#[test]
fn a_failed_peer_is_out_until_its_time_has_passed() {
    let now = Instant::now();
    let group = group(Method::RoundRobin, &[server(1), server(2)]);
    let mut search = Search::default();
    let lease = group.select(&mut search, now).expect("a peer");
    assert_eq!(lease.peer().name, "1");
    assert!(lease.finish(Outcome::Failed, None, now));
    assert_eq!(name(group.select(&mut search, now)), "2");
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
        used: Use::Down,
        ..server(1)
    };
    let group = group(Method::RoundRobin, &[down, server(2), backup]);
    assert_eq!(sequence(&group, 2, now), "2 2");
    let mut search = Search::default();
    let lease = group.select(&mut search, now).expect("a peer");
    lease.finish(Outcome::Failed, None, now);
    assert_eq!(name(group.select(&mut search, now)), "9");
    assert!(group.select(&mut search, now).is_none());
}

#[test]
fn max_conns_counts_requests_that_were_not_given_back() {
    let now = Instant::now();
    for method in [Method::RoundRobin, Method::LeastConn, Method::Random] {
        let full = |port| Server {
            max_conns: 1,
            ..server(port)
        };
        let group = group(method, &[full(1), full(2)]);
        let first = group.select(&mut Search::default(), now).expect("a peer");
        let second = group.select(&mut Search::default(), now);
        assert!(second.is_some());
        assert!(group.select(&mut Search::default(), now).is_none());
        let freed = name(Some(first));
        assert_eq!(name(group.select(&mut Search::default(), now)), freed);
    }
}

#[test]
fn the_least_loaded_peer_is_chosen_for_its_weight() {
    let now = Instant::now();
    let group = group(Method::LeastConn, &[weighing(1, 2), server(2)]);
    let mut open = VecDeque::new();
    let mut names = Vec::new();
    for _ in 0..6 {
        let lease = group.select(&mut Search::default(), now).expect("a peer");
        names.push(lease.peer().name.clone());
        open.push_back(lease);
    }
    assert_eq!(names.join(" "), "1 2 1 2 1 1");
    open.retain(|lease| lease.peer().name == "1");
    assert_eq!(name(group.select(&mut Search::default(), now)), "2");
}

#[test]
fn hashes_of_keys_are_those_of_other_clients_of_the_same_servers() {
    let servers = [server(1), server(2), server(3)];
    let plain = group(Method::Hash, &servers);
    let at = |key: &str| (crc32fast::hash(key.as_bytes()) >> 16 & 0x7fff) % 3 + 1;
    for key in ["a", "b", "c", "/index.html", "x"] {
        assert_eq!(by_key(&plain, key), at(key).to_string());
        assert_eq!(by_key(&plain, key), at(key).to_string());
    }
}

#[test]
fn most_keys_stay_where_they_are_when_a_server_goes() {
    let servers: Vec<Server> = (1..=10).map(server).collect();
    let all = group(Method::ConsistentHash, &servers);
    let less = group(Method::ConsistentHash, &servers[..9]);
    let keys: Vec<String> = (0..500).map(|key| key.to_string()).collect();
    for key in &keys {
        let was = by_key(&all, key);
        if was != "10" {
            assert_eq!(by_key(&less, key), was);
        }
    }
}

#[test]
fn an_empty_key_goes_round() {
    for method in [Method::Hash, Method::ConsistentHash] {
        let group = group(method, &[server(1), server(2)]);
        assert_eq!(sequence(&group, 4, Instant::now()), "1 2 1 2");
    }
}

#[test]
fn a_hash_avoids_peers_that_are_down() {
    let down = Server {
        used: Use::Down,
        ..server(1)
    };
    for method in [Method::Hash, Method::ConsistentHash, Method::IpHash] {
        let group = group(method, &[down.clone(), server(2)]);
        for key in ["\x7f\0\0", "aaa", "bbb", "ccc"] {
            assert_eq!(by_key(&group, key), "2");
        }
    }
}

#[test]
fn a_known_client_gets_its_peer_also_while_that_drains() {
    let now = Instant::now();
    let route = |port: u16, used| Server {
        route: Some(port.to_string().into()),
        used,
        ..server(port)
    };
    let servers = [
        route(1, Use::Known),
        route(2, Use::Normal),
        route(3, Use::Normal),
    ];
    let methods = [
        Method::RoundRobin,
        Method::LeastConn,
        Method::Random,
        Method::RandomTwo(Better::LeastConn),
        Method::LeastTime(LeastTime {
            until: Until::Header,
            inflight: true,
        }),
    ];
    for method in methods {
        let group = group(method, &servers);
        for _ in 0..5 {
            let mut search = Search {
                hint: Some("1".into()),
                ..Search::default()
            };
            assert_eq!(name(group.select(&mut search, now)), "1");
            assert_ne!(name(group.select(&mut Search::default(), now)), "1");
        }
    }
}

#[test]
fn the_faster_peer_gets_more_requests() {
    let now = Instant::now();
    let method = Method::LeastTime(LeastTime {
        until: Until::LastByte,
        inflight: false,
    });
    let group = group(method, &[server(1), server(2)]);
    let mut counts = [0; 2];
    for _ in 0..50 {
        let lease = group.select(&mut Search::default(), now).expect("a peer");
        let slow = lease.peer().name == "1";
        counts[usize::from(!slow)] += 1;
        let time = Duration::from_millis(if slow { 200 } else { 10 });
        let took = Took {
            header: time,
            response: time,
        };
        lease.finish(Outcome::Answered, Some(took), now);
    }
    assert_eq!(counts, [1, 49]);
}

#[test]
fn a_replaced_group_keeps_what_it_knows_and_takes_back_what_is_gone() {
    let now = Instant::now();
    let group = group(Method::RoundRobin, &[server(1), server(2)]);
    let first = group.select(&mut Search::default(), now).expect("a peer");
    let second = group.select(&mut Search::default(), now).expect("a peer");
    first.finish(Outcome::Failed, None, now);
    group.replace(&[server(3), server(1)]);
    assert_eq!(sequence(&group, 2, now), "3 3");
    second.finish(Outcome::Failed, None, now);
    group.replace(&[server(2)]);
    assert_eq!(sequence(&group, 2, now), "2 2");
    assert_eq!(group.tries(), 1);
}

#[test]
fn a_group_may_be_empty_for_a_while() {
    let now = Instant::now();
    let methods = [
        Method::RoundRobin,
        Method::LeastConn,
        Method::IpHash,
        Method::Hash,
        Method::ConsistentHash,
        Method::Random,
        Method::RandomTwo(Better::LeastConn),
    ];
    for method in methods {
        let group = group(method, &[server(1)]);
        group.replace(&[]);
        let mut search = Search::by_key("k".into());
        assert!(group.select(&mut search, now).is_none());
        group.replace(&[server(2), server(3)]);
        assert!(group.select(&mut search, now).is_some());
    }
}

#[test]
fn checks_take_peers_out_and_bring_them_back() {
    let now = Instant::now();
    let patience = Patience {
        fails: 1,
        passes: 1,
    };
    let group = group(Method::RoundRobin, &[server(1), server(2)]);
    let bad = &group.watched()[0];
    assert_eq!(group.note_check(bad, false, patience), Some(Verdict::Bad));
    assert_eq!(sequence(&group, 2, now), "2 2");
    group.replace(&[server(1), server(2), server(3)]);
    assert!(!sequence(&group, 4, now).contains('1'));
    let bad = &group.watched()[0];
    assert_eq!(group.note_check(bad, true, patience), Some(Verdict::Good));
    assert!(sequence(&group, 3, now).contains('1'));
    let servers = [server(1), server(2)];
    group.reconfigure(&servers, Method::RoundRobin, Checked::Never);
    group.reconfigure(&servers, Method::RoundRobin, Checked::First);
    assert_eq!(sequence(&group, 1, now), "-");
}

#[test]
fn a_recovered_peer_starts_slowly() {
    let now = Instant::now();
    let slow = Server {
        slow_start: Duration::from_secs(10),
        ..server(1)
    };
    let group = group(Method::RoundRobin, &[slow, server(2)]);
    let first = group.select(&mut Search::default(), now).expect("a peer");
    first.finish(Outcome::Failed, None, now);
    let share = |second: u64| {
        let at = now + Duration::from_secs(second);
        let names = sequence(&group, 40, at);
        names.split(' ').filter(|name| *name == "1").count()
    };
    assert_eq!(share(5), 0);
    share(11);
    let (early, late, full) = (share(13), share(19), share(30));
    assert!((1..10).contains(&early), "{early}");
    assert!(early < late && late < 20, "{late}");
    assert_eq!(full, 20);
}

#[test]
fn max_conns_holds_over_threads() {
    use std::sync::atomic::AtomicU32;
    let limited = |port| Server {
        max_conns: 3,
        ..server(port)
    };
    for method in [Method::RoundRobin, Method::LeastConn, Method::Random] {
        let group = group(method, &[limited(0), limited(1)]);
        let counts = [AtomicU32::new(0), AtomicU32::new(0)];
        let ask = || {
            for _ in 0..2000 {
                let lease = group.select(&mut Search::default(), Instant::now());
                let Some(lease) = lease else { continue };
                let count = &counts[usize::from(lease.peer().name == "1")];
                assert!(count.fetch_add(1, Ordering::SeqCst) < 3);
                std::thread::yield_now();
                count.fetch_sub(1, Ordering::SeqCst);
            }
        };
        std::thread::scope(|scope| {
            (0..8).for_each(|_| {
                scope.spawn(ask);
            });
        });
    }
}

#[test]
fn servers_that_stay_as_they_were_are_not_replaced() {
    let servers = [server(1), server(2)];
    let group = group(Method::RoundRobin, &servers);
    let before = group.watched();
    group.replace(&servers);
    assert!(Arc::ptr_eq(&before[0].member, &group.watched()[0].member));
    group.replace(&servers[..1]);
    assert_eq!(group.watched().len(), 1);
}

mod model;
