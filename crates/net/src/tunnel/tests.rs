//! Tunnels between real sockets: what all their tests share.

mod plain;
mod websocket;

use super::*;
use crate::clock;
use crate::testing::{run, tcp_pair, unix_pair, within};

/// A tunnel that runs, and the far ends of its sockets.
struct Pair {
    client: Stream,
    server: Stream,
    table: TunnelTable,
    running: tokio::task::JoinHandle<TunnelEnd>,
}

fn start(settings: Settings) -> Pair {
    start_over(tcp_pair(), tcp_pair(), settings, Policy::Keep)
}

fn start_over(
    (client, downstream): (Stream, Stream),
    (upstream, server): (Stream, Stream),
    settings: Settings,
    policy: Policy,
) -> Pair {
    let table = TunnelTable::default();
    let tunnel = Tunnel::new(downstream, upstream, settings, table.enter(policy, 1));
    Pair {
        client,
        server,
        table,
        running: tokio::task::spawn_local(tunnel),
    }
}

impl Pair {
    async fn end(self) -> TunnelEnd {
        let Pair { running, .. } = self;
        within(Duration::from_secs(5), running)
            .await
            .expect("no panic")
    }

    fn traffic(&self) -> Traffic {
        self.table.views()[0].traffic
    }
}

async fn read_exactly(stream: &Stream, len: usize) -> Vec<u8> {
    let mut got = vec![0; len];
    let mut filled = 0;
    while filled < len {
        let n = stream.read(&mut got[filled..]).await.expect("readable");
        assert_ne!(n, 0, "ended after {filled} of {len} bytes");
        filled += n;
    }
    got
}

async fn read_to_end(stream: &Stream) -> Vec<u8> {
    let mut got = Vec::new();
    let mut buf = vec![0; 65536];
    loop {
        match stream.read(&mut buf).await.expect("readable") {
            0 => return got,
            n => got.extend_from_slice(&buf[..n]),
        }
    }
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Bytes whose order shows.
fn pattern(start: usize, len: usize) -> Vec<u8> {
    (start..start + len)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}
