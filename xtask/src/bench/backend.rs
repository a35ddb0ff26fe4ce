//! What stands behind the programs under measurement: small servers of our own, the same for all.

pub mod http;
pub mod vnc;

use std::future::pending;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use vnc::{Inputs, Updates};

/// What a backend does.
#[derive(Debug, Clone)]
pub enum Kind {
    /// HTTP responses, and WebSockets that echo or stream.
    Http,
    /// A VNC server.
    Vnc(Updates, Inputs),
}

/// A backend on a thread of its own, which ends when this is dropped.
pub struct Backend {
    pub addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Backend {
    pub fn start(kind: Kind) -> io::Result<Self> {
        let listener = StdListener::bind(("127.0.0.1", 0))?;
        // The queue of a listener bound by the standard library is short.
        rustix::net::listen(&listener, 4096)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    result = accept(listener, kind) => {
                        if let Err(error) = result {
                            eprintln!("backend: {error}");
                        }
                    }
                    _ = stopped => {}
                }
            });
        });
        Ok(Self {
            addr,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: StdListener, kind: Kind) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            // Out of descriptors, say: the load sees it as a refused connection.
            Err(_) => continue,
        };
        let kind = kind.clone();
        tokio::spawn(async move {
            // A connection that ends is the load's business, which knows whether it should have.
            let _ = serve(stream, kind).await;
        });
    }
}

async fn serve(stream: TcpStream, kind: Kind) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match kind {
        Kind::Http => http::serve(stream).await,
        Kind::Vnc(updates, inputs) => vnc::serve(stream, updates, inputs).await,
    }
}

/// Keeps a connection open for as long as the backend lives.
async fn keep<T>(kept: T) -> io::Result<()> {
    let never = pending::<io::Result<()>>().await;
    drop(kept);
    never
}
