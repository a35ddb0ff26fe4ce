//! Machines that are no good VNC servers: each is told apart, to the person and in the log.

use demo::faults::{self, Fault};
use testkit::WebSocket;

use super::gateway;

/// Serves faults on a thread of their own until the test ends.
fn machine(fault: Fault) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket of its own");
    let addr = listener.local_addr().expect("a bound socket");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
            faults::serve(listener, fault).await
        })
    });
    addr
}

#[test]
fn every_fault_of_a_machine_has_its_sentence() {
    let cases = [
        (
            Fault::Refuses("No seats left".into()),
            1000,
            "No seats left",
            "server-refused",
        ),
        (Fault::ClosesAtOnce, 4502, "not a VNC server", "not-vnc"),
        (
            Fault::SpeaksGarbage(b"SSH-2.0-OpenSSH_9\r\n".to_vec()),
            4502,
            "not a VNC",
            "not-vnc",
        ),
        (Fault::ClosesAfterBanner, 4502, "lost", "lost"),
    ];
    for (fault, code, words, reason) in cases {
        let server = gateway("location / { vnc_pass %TARGET%; }", machine(fault.clone()));
        let mut socket = WebSocket::open(server.addr(), "/", "");
        assert_eq!(socket.recv_bytes(12), b"RFB 003.008\n");
        socket.send_binary(b"RFB 003.008\n");
        let (told, sentence) = socket.recv_close().expect("a close frame with its reason");
        assert_eq!(told, code, "{fault:?}: {sentence}");
        assert!(sentence.contains(words), "{fault:?}: {sentence}");
        socket.send_close(code, "");
        let line = server.wait_error_log(&format!("reason={reason}"));
        assert!(
            line.contains("[error]") && line.contains(" refused: "),
            "{line}"
        );
    }
}
