//! What the tests of this crate share.

use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::{Stream, clock};

/// Runs a test on a runtime like a worker thread's; no test takes longer than 20 seconds.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_unpark(clock::refresh)
        .build_local(tokio::runtime::LocalOptions::default())
        .expect("a runtime");
    runtime.block_on(within(Duration::from_secs(20), future))
}

/// Awaits `future`, which must be done within `limit`.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> T {
    let limited = tokio::time::timeout(limit, future);
    limited.await.expect("done within its time")
}

/// Two connected unix sockets.
pub(crate) fn unix_pair() -> (Stream, Stream) {
    let (one, other) = UnixStream::pair().expect("a pair");
    let stream = |socket: UnixStream| Stream::new(socket.into()).expect("registered");
    (stream(one), stream(other))
}

/// Two connected TCP sockets.
pub(crate) fn tcp_pair() -> (Stream, Stream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a listener");
    let addr = listener.local_addr().expect("its address");
    let one = std::net::TcpStream::connect(addr).expect("connected");
    let (other, _) = listener.accept().expect("accepted");
    (
        Stream::new(one.into()).expect("registered"),
        Stream::new(other.into()).expect("registered"),
    )
}
