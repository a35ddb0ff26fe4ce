//! A way into TLS for clients that speak none: OpenSSL's client, behind a plain socket.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::Certs;

impl Certs {
    /// An address that takes one connection, which then goes on to `addr` over TLS; `arguments`
    /// are more of `openssl s_client`.
    ///
    /// # Panics
    /// When `openssl` cannot be run.
    #[must_use]
    pub fn door(&self, addr: SocketAddr, arguments: &[&str]) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("address is free");
        let door = listener
            .local_addr()
            .expect("a bound socket has an address");
        let mut command = Command::new("openssl");
        command
            .args(["s_client", "-quiet", "-connect", &addr.to_string()])
            .args(arguments)
            .current_dir(self.dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        thread::spawn(move || {
            if let Ok((stream, _)) = listener.accept() {
                carry(&stream, command.spawn().expect("openssl is installed"));
            }
        });
        door
    }
}

/// Carries bytes both ways until either side ends.
fn carry(stream: &TcpStream, mut client: Child) {
    let ends = (client.stdin.take(), client.stdout.take());
    if let (Some(stdin), Some(stdout)) = ends {
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = copy(stdout, stream);
                let _ = stream.shutdown(Shutdown::Both);
            });
            let _ = copy(stream, stdin);
            let _ = client.kill();
        });
    }
    let _ = client.wait();
}

/// Each piece at once.
fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut buf = vec![0; 64 * 1024];
    loop {
        let n = from.read(&mut buf)?;
        if n == 0 {
            return Ok(());
        }
        to.write_all(buf.get(..n).unwrap_or_default())?;
        to.flush()?;
    }
}
