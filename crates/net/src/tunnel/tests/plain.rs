//! Bytes as they are: order, back-pressure, ends, timeouts, orders.

use std::rc::Rc;

use super::*;
use crate::scratch::SCRATCH_LEN;
use crate::splice::FILL_MAX;

const BULK: usize = 32 << 20;
const STEP: usize = 1 << 20;

#[test]
fn messages_pass_both_ways_and_are_counted() {
    run(async {
        let pair = start(Settings::default());
        pair.client.write_all(b"hello").await.unwrap();
        assert_eq!(read_exactly(&pair.server, 5).await, b"hello");
        pair.server.write_all(b"good day").await.unwrap();
        assert_eq!(read_exactly(&pair.client, 8).await, b"good day");
        let expected = Traffic {
            from_downstream: 5,
            to_upstream: 5,
            from_upstream: 8,
            to_downstream: 8,
        };
        assert_eq!(pair.traffic(), expected);
    });
}

#[test]
fn bytes_read_before_the_tunnel_began_come_first() {
    run(async {
        let pair = start(Settings {
            to_upstream: b"early ".to_vec(),
            to_downstream: b"handshaked ".to_vec(),
            ..Settings::default()
        });
        pair.client.write_all(b"late").await.unwrap();
        assert_eq!(read_exactly(&pair.server, 10).await, b"early late");
        assert_eq!(read_exactly(&pair.client, 11).await, b"handshaked ");
    });
}

#[test]
fn bulk_both_ways_at_once_arrives_in_order_over_tcp() {
    run(async { bulk_both_ways(start(Settings::default())).await });
}

#[test]
fn bulk_both_ways_at_once_arrives_in_order_over_unix_sockets() {
    run(async {
        let pair = start_over(unix_pair(), unix_pair(), Settings::default(), Policy::Keep);
        bulk_both_ways(pair).await;
    });
}

async fn bulk_both_ways(pair: Pair) {
    let (client, server) = (Rc::new(pair.client), Rc::new(pair.server));
    let tasks = [
        tokio::task::spawn_local(write_pattern(client.clone())),
        tokio::task::spawn_local(write_pattern(server.clone())),
        tokio::task::spawn_local(expect_pattern(client)),
        tokio::task::spawn_local(expect_pattern(server)),
    ];
    for task in tasks {
        task.await.expect("in order");
    }
}

async fn write_pattern(stream: Rc<Stream>) {
    for start in (0..BULK).step_by(STEP) {
        stream
            .write_all(&pattern(start % (7 * STEP), STEP))
            .await
            .unwrap();
    }
}

async fn expect_pattern(stream: Rc<Stream>) {
    for start in (0..BULK).step_by(STEP) {
        let got = read_exactly(&stream, STEP).await;
        assert!(got == pattern(start % (7 * STEP), STEP), "at {start}");
    }
}

#[test]
fn a_reader_that_stops_costs_a_bounded_amount_and_loses_nothing() {
    run(async {
        let pair = start(Settings::default());
        let client = Rc::new(pair.client);
        let writing = tokio::task::spawn_local({
            let client = client.clone();
            async move {
                let mut start = 0;
                let chunk = |start: usize| pattern(start % (7 * STEP), STEP);
                while start < 16 * STEP {
                    client.write_all(&chunk(start)).await.unwrap();
                    start += STEP;
                }
            }
        });
        let mut before = pair.table.views()[0].traffic;
        loop {
            crate::timer::sleep(millis(50)).await;
            let now = pair.table.views()[0].traffic;
            if now == before && now.from_downstream > 0 {
                break;
            }
            before = now;
        }
        let inside = before.from_downstream - before.to_upstream;
        assert!(inside > 0, "the tunnel must be full: {before:?}");
        assert!(inside as usize <= FILL_MAX.max(SCRATCH_LEN), "{before:?}");
        for start in (0..16 * STEP).step_by(STEP) {
            let got = read_exactly(&pair.server, STEP).await;
            assert!(got == pattern(start % (7 * STEP), STEP), "at {start}");
        }
        writing.await.unwrap();
    });
}

#[test]
fn one_direction_that_is_blocked_does_not_stop_the_other() {
    run(async {
        let pair = start(Settings::default());
        let client = Rc::new(pair.client);
        let writer = client.clone();
        let writing =
            tokio::task::spawn_local(
                async move { while writer.write_all(&[7; STEP]).await.is_ok() {} },
            );
        crate::timer::sleep(millis(100)).await;
        for _ in 0..100 {
            pair.server.write_all(b"tick").await.unwrap();
            assert_eq!(read_exactly(&client, 4).await, b"tick");
        }
        writing.abort();
    });
}

#[test]
fn what_was_sent_before_the_end_arrives_and_then_both_sides_close() {
    run(async {
        let pair = start(Settings::default());
        let last = pattern(0, 3 * STEP);
        let (sent, client) = (last.clone(), pair.client);
        let closing = tokio::task::spawn_local(async move {
            client.write_all(&sent).await.unwrap();
            client.shutdown_write().unwrap();
            read_to_end(&client).await
        });
        assert!(read_to_end(&pair.server).await == last);
        assert_eq!(
            closing.await.unwrap(),
            b"",
            "the client's side is closed too"
        );
        let end = pair.running.await.unwrap();
        assert!(matches!(end.reason, Reason::DownstreamClosed), "{end:?}");
        assert_eq!(end.traffic.to_upstream, 3 * STEP as u64);
        assert!(pair.table.is_empty());
    });
}

#[test]
fn the_end_of_the_upstream_is_told_apart() {
    run(async {
        let pair = start(Settings::default());
        pair.server.write_all(b"bye").await.unwrap();
        pair.server.shutdown_write().unwrap();
        assert_eq!(read_to_end(&pair.client).await, b"bye");
        let end = pair.end().await;
        assert!(matches!(end.reason, Reason::UpstreamClosed), "{end:?}");
    });
}

#[test]
fn with_half_close_the_other_direction_goes_on() {
    run(async {
        let pair = start(Settings {
            half_close: true,
            ..Settings::default()
        });
        pair.client.write_all(b"question").await.unwrap();
        pair.client.shutdown_write().unwrap();
        assert_eq!(read_to_end(&pair.server).await, b"question");
        let answer = pattern(0, 3 * STEP);
        let (server, sent) = (pair.server, answer.clone());
        let answering = tokio::task::spawn_local(async move {
            server.write_all(&sent).await.unwrap();
            server.shutdown_write().unwrap();
            server
        });
        assert!(read_to_end(&pair.client).await == answer);
        let end = within(millis(5000), pair.running).await.unwrap();
        assert!(matches!(end.reason, Reason::UpstreamClosed), "{end:?}");
        drop(answering.await);
    });
}

#[test]
fn a_reset_of_one_side_ends_the_tunnel_and_names_it() {
    run(async {
        let pair = start(Settings::default());
        rustix::net::sockopt::set_socket_linger(&pair.server, Some(Duration::ZERO)).unwrap();
        drop(pair.server);
        let end = within(millis(5000), pair.running).await.unwrap();
        let Reason::Error(Side::Upstream, error) = end.reason else {
            panic!("{end:?}");
        };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn silence_ends_a_tunnel_after_the_idle_time_counted_from_the_last_byte_either_way() {
    run(async {
        let pair = start(Settings {
            times: Timeouts {
                idle: Some(millis(120)),
                ..Timeouts::default()
            },
            ..Settings::default()
        });
        let start = Instant::now();
        for (from, to) in [(&pair.client, &pair.server), (&pair.server, &pair.client)] {
            crate::timer::sleep(millis(80)).await;
            from.write_all(b"x").await.unwrap();
            read_exactly(to, 1).await;
        }
        let end = within(millis(5000), pair.running).await.unwrap();
        assert!(matches!(end.reason, Reason::IdleTimeout), "{end:?}");
        assert!(start.elapsed() >= millis(280), "{:?}", start.elapsed());
        assert_eq!(read_to_end(&pair.client).await, b"");
    });
}

#[test]
fn a_side_that_takes_nothing_is_given_up_after_its_send_time() {
    run(async {
        let pair = start(Settings {
            times: Timeouts {
                idle: Some(Duration::from_secs(3600)),
                send_downstream: Some(millis(100)),
                send_upstream: Some(Duration::from_secs(3600)),
            },
            ..Settings::default()
        });
        let server = pair.server;
        let writing =
            tokio::task::spawn_local(
                async move { while server.write_all(&[7; STEP]).await.is_ok() {} },
            );
        let end = within(millis(5000), pair.running).await.unwrap();
        assert!(
            matches!(end.reason, Reason::SendTimeout(Side::Downstream)),
            "{end:?}"
        );
        writing.await.unwrap();
    });
}

#[test]
fn a_reload_cuts_only_older_tunnels_whose_policy_says_so() {
    run(async {
        let cut = Policy::Cut {
            jitter: Duration::ZERO,
        };
        let pair = start_over(tcp_pair(), tcp_pair(), Settings::default(), cut);
        pair.client.write_all(b"x").await.unwrap();
        read_exactly(&pair.server, 1).await;
        pair.table.reloaded(1);
        crate::timer::sleep(millis(30)).await;
        assert!(!pair.running.is_finished(), "it is of generation 1");
        pair.table.reloaded(2);
        assert_eq!(read_to_end(&pair.client).await, b"");
        let end = pair.end().await;
        assert!(matches!(end.reason, Reason::Ordered(_)), "{end:?}");

        let pair = start(Settings::default());
        pair.table.reloaded(2);
        pair.table.shut_down(Action::Drain);
        crate::timer::sleep(millis(30)).await;
        assert!(!pair.running.is_finished(), "it is kept");
        pair.table.shut_down(Action::Cut);
        let end = pair.end().await;
        assert!(matches!(end.reason, Reason::Ordered(_)), "{end:?}");
    });
}

#[test]
fn one_tunnel_can_be_ended_by_its_id_at_a_later_moment() {
    run(async {
        let pair = start(Settings::default());
        let start = Instant::now();
        let order = Order {
            action: Action::Cut,
            code: 1001,
            at: clock::now() + millis(60),
        };
        assert!(pair.table.order(pair.table.views()[0].id, order));
        assert!(!pair.table.order(99, order), "no such tunnel");
        pair.end().await;
        assert!(start.elapsed() >= millis(60));
    });
}

#[test]
fn a_spawned_tunnel_reports_its_end_once() {
    run(async {
        let (client, downstream) = tcp_pair();
        let (upstream, server) = tcp_pair();
        let table = TunnelTable::default();
        let entry = table.enter(Policy::Keep, 1);
        let (report, reported) = tokio::sync::oneshot::channel();
        Tunnel::new(downstream, upstream, Settings::default(), entry)
            .spawn(move |end| drop(report.send(end)));
        client.write_all(b"last words").await.unwrap();
        drop(client);
        assert_eq!(read_to_end(&server).await, b"last words");
        let end = within(millis(5000), reported).await.unwrap();
        assert!(matches!(end.reason, Reason::DownstreamClosed), "{end:?}");
        assert_eq!(end.traffic.to_upstream, 10);
    });
}

#[test]
fn an_idle_tunnel_is_small() {
    let size = size_of::<Tunnel>();
    assert!(size <= 344, "{size} bytes");
}
