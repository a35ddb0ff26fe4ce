//! Listening sockets: binding, options, accepting.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use super::*;
use crate::{Stream, clock};

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_unpark(clock::refresh)
        .build_local(tokio::runtime::LocalOptions::default())
        .expect("a runtime");
    runtime.block_on(future)
}

fn listen(addr: &str) -> Listen {
    Listen {
        addr: Addr::Ip(addr.parse().unwrap()),
        options: ListenOptions::default(),
    }
}

fn bound(fd: &OwnedFd) -> SocketAddr {
    let name = rustix::net::getsockname(fd).unwrap();
    Addr::try_from(name).unwrap().ip().unwrap()
}

fn socket_path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("portway-{name}-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn unix(path: PathBuf) -> Listen {
    Listen {
        addr: Addr::Unix(path),
        options: ListenOptions::default(),
    }
}

#[test]
fn a_bound_socket_accepts_connections_and_names_their_peers() {
    run(async {
        let fd = bind(&listen("127.0.0.1:0")).unwrap();
        let addr = bound(&fd);
        let listener = Listener::new(fd, addr.into()).unwrap();
        let mut client = TcpStream::connect(addr).unwrap();
        let (socket, peer) = listener.accept(&ErrorLog::default()).await;
        assert_eq!(peer, Addr::Ip(client.local_addr().unwrap()));
        let stream = Stream::new(socket).unwrap();
        stream.write_all(b"hi").await.unwrap();
        drop(stream);
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hi");
    });
}

#[test]
fn an_address_in_use_is_an_error_that_names_it_and_fine_for_a_check() {
    let fd = bind(&listen("127.0.0.1:0")).unwrap();
    let again = listen(&bound(&fd).to_string());
    let error = bind(&again).unwrap_err();
    assert!(error.in_use());
    let text = format!(
        "bind() to {} failed (98: Address already in use)",
        again.addr
    );
    assert_eq!(error.to_string(), text);
    assert!(check(&again).is_ok());
    assert!(check(&listen("192.0.2.1:1")).is_err());
}

#[test]
fn with_reuseport_a_second_socket_shares_the_address() {
    let mut first = listen("127.0.0.1:0");
    first.options.reuseport = true;
    let fd = bind(&first).unwrap();
    let mut second = listen(&bound(&fd).to_string());
    assert!(bind(&second).unwrap_err().in_use());
    second.options.reuseport = true;
    bind(&second).unwrap();
}

#[test]
fn an_ipv6_wildcard_leaves_the_ipv4_port_free_unless_told_otherwise() {
    let fd = bind(&listen("[::]:0")).unwrap();
    let port = bound(&fd).port();
    bind(&listen(&format!("0.0.0.0:{port}"))).unwrap();
    let mut both = listen("[::]:0");
    both.options.ipv6only = false;
    let fd = bind(&both).unwrap();
    let port = bound(&fd).port();
    assert!(
        bind(&listen(&format!("0.0.0.0:{port}")))
            .unwrap_err()
            .in_use()
    );
}

#[test]
fn socket_options_reach_the_socket() {
    let mut with = listen("127.0.0.1:0");
    with.options.keepalive = Keepalive::On {
        idle: Some(Duration::from_secs(60)),
        interval: None,
        count: Some(3),
    };
    with.options.deferred = true;
    let fd = bind(&with).unwrap();
    configure(&fd, &with, &ErrorLog::stderr(Level::Alert));
    assert!(sockopt::socket_keepalive(&fd).unwrap());
    assert_eq!(sockopt::tcp_keepidle(&fd).unwrap(), Duration::from_secs(60));
    assert_eq!(sockopt::tcp_keepcnt(&fd).unwrap(), 3);
}

#[test]
fn a_unix_socket_is_open_to_all_and_replaces_a_stale_one_only() {
    let path = socket_path("stale");
    drop(UnixListener::bind(&path).unwrap());
    let fd = bind(&unix(path.clone())).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);
    assert!(bind(&unix(path.clone())).unwrap_err().in_use());
    UnixStream::connect(&path).unwrap();
    drop(fd);
    unlink(&Addr::Unix(path.clone())).unwrap();
    assert!(!path.exists());
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let path = socket_path("file");
    std::fs::write(&path, "precious").unwrap();
    let error = bind(&unix(path.clone())).unwrap_err();
    // Linux refuses connections to a plain file just as to a stale socket.
    assert!(error.in_use());
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    std::fs::remove_file(&path).unwrap();
}
