//! Pipes between real sockets, and their pool.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;
use crate::testing::run;

fn pair() -> (UnixStream, Stream) {
    let (far, near) = UnixStream::pair().expect("a pair");
    (far, Stream::new(near.into()).expect("registered"))
}

#[test]
fn what_was_filled_is_drained_in_order_and_the_end_is_seen() {
    run(async {
        let (mut source, from) = pair();
        let (mut sink, to) = pair();
        source.write_all(b"hello, ").unwrap();
        source.write_all(b"world").unwrap();
        drop(source);
        let mut pipe = Pipe::take().unwrap();
        let mut moved = 0;
        loop {
            let n = poll_fn(|cx| pipe.poll_fill(cx, &from, 1 << 20))
                .await
                .unwrap();
            if n == 0 {
                break;
            }
            while !pipe.is_empty() {
                moved += poll_fn(|cx| pipe.poll_drain(cx, &to)).await.unwrap();
            }
        }
        assert_eq!(moved, 12);
        let mut got = [0; 12];
        sink.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"hello, world");
    });
}

#[test]
fn an_empty_socket_is_waited_for() {
    run(async {
        let (mut source, from) = pair();
        let mut pipe = Pipe::take().unwrap();
        let late = tokio::task::spawn_local(async move {
            crate::timer::sleep(Duration::from_millis(20)).await;
            source.write_all(b"x").unwrap();
            source
        });
        let n = poll_fn(|cx| pipe.poll_fill(cx, &from, 10)).await.unwrap();
        assert_eq!((n, pipe.len()), (1, 1));
        drop(late);
    });
}

#[test]
fn pipes_are_reused_when_empty_closed_when_not_and_never_too_many() {
    run(async {
        let (mut source, from) = pair();
        source.write_all(b"left over").unwrap();
        let mut dirty = Pipe::take().unwrap();
        poll_fn(|cx| dirty.poll_fill(cx, &from, 100)).await.unwrap();
        drop(dirty);
        assert_eq!(
            POOL.with_borrow(|pool| (pool.idle.len(), pool.live)),
            (0, 0)
        );

        let all: Vec<_> = std::iter::from_fn(Pipe::take).collect();
        assert_eq!(all.len(), LIVE_MAX);
        drop(all);
        assert_eq!(
            POOL.with_borrow(|pool| (pool.idle.len(), pool.live)),
            (IDLE_MAX, 0)
        );
    });
}

#[test]
fn a_system_that_refuses_is_asked_again_later() {
    run(async {
        let before = getrlimit(Resource::Nofile);
        let none_left = Rlimit {
            current: Some(0),
            ..before
        };
        setrlimit(Resource::Nofile, none_left).unwrap();
        let refused = Pipe::take();
        setrlimit(Resource::Nofile, before).unwrap();
        assert!(refused.is_none());
        assert!(Pipe::take().is_none(), "asked again at once");
        crate::timer::sleep(REFUSED_TIME + Duration::from_millis(10)).await;
        assert!(Pipe::take().is_some());
    });
}
