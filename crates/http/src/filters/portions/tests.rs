//! That a long body comes in portions.

use std::io::Write as _;
use std::rc::Rc;

use super::*;

/// Gives everything, and says how many bytes that was and how often others had their turn.
fn drain(body: Body) -> (u64, u32) {
    let Body::Source(mut portions) = Portions::of(body) else {
        panic!("a source")
    };
    let (mut total, mut turns) = (0, 0);
    let drained = std::future::poll_fn(|cx| {
        turns += 1;
        loop {
            match ready!(portions.poll_next(cx)) {
                Ok(Some(chunk)) => {
                    assert!(chunk.len() <= 32 * 1024);
                    total += chunk.len();
                }
                Ok(None) => return Poll::Ready(()),
                Err(error) => panic!("{error}"),
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(drained);
    (total, turns)
}

/// More than a million bytes in memory and in a file.
fn million() -> VecDeque<Chunk> {
    let mut file = tempfile();
    file.write_all(&[b'x'; 1_200_000]).expect("writes");
    let file = FileSlice {
        file: Rc::new(file.into()),
        start: 1,
        end: 1_200_000,
    };
    [Chunk::Memory("y".into()), Chunk::File(file)].into()
}

struct Upstream(VecDeque<Chunk>);

impl Source for Upstream {
    fn poll_next(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<Option<Chunk>>> {
        Poll::Ready(Ok(self.0.pop_front()))
    }
}

#[test]
fn a_long_file_comes_in_portions_with_pauses() {
    assert_eq!(drain(Body::Chunks(million())), (1_200_000, 3));
    let upstream = Body::Source(Box::new(Upstream(million())));
    assert_eq!(drain(upstream), (1_200_000, 3));
}

/// An open file without a name.
fn tempfile() -> std::fs::File {
    let flags = rustix::fs::OFlags::TMPFILE | rustix::fs::OFlags::RDWR;
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::open(std::env::temp_dir(), flags, mode)
        .expect("a temporary file")
        .into()
}
