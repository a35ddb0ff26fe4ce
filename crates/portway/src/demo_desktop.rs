//! The built-in desktop of `portway demo`: a VNC server on a thread of its own, on loopback.

use std::io;
use std::net::{SocketAddr, TcpListener};

use net::log::{Errno, ErrorLog, Level};
use net::{clock, log, sys};

/// A desktop whose address is known and that is not served yet.
#[derive(Debug)]
pub struct DemoDesktop {
    listener: TcpListener,
}

impl DemoDesktop {
    /// Takes a free port.
    pub fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener })
    }

    /// Where its VNC server listens.
    pub fn addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves it until the process ends.
    pub fn start(self, error_log: ErrorLog) {
        let told = error_log.clone();
        let body = move || {
            if let Err(error) = self.serve() {
                let error = Errno(&error);
                error_log.log(
                    Level::Alert,
                    None,
                    format_args!("the demo desktop ended {error}"),
                );
            }
        };
        if let Err(error) = std::thread::Builder::new().name("demo".into()).spawn(body) {
            let error = Errno(&error);
            told.log(
                Level::Alert,
                None,
                format_args!("the demo desktop does not start {error}"),
            );
        }
    }

    fn serve(self) -> io::Result<()> {
        let now = log::time::seconds(clock::wall());
        let options = demo::Options {
            utc_offset: sys::time::local(now).offset * 60,
            ..demo::Options::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener)?;
            demo::serve(listener, options).await
        })
    }
}
