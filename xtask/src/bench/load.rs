//! The load: connections that ask, send and read, and count into a [`Meter`](super::meter).

pub mod desktop;
pub mod http;
pub mod pace;
pub mod tls;
pub mod tunnel;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::meter::Meter;
use pace::{Queue, pace};

/// Runs one measurement on a runtime of its own; all connections end with it.
pub fn run<T>(limit: Duration, load: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        match tokio::time::timeout(limit, load).await {
            Ok(result) => result,
            Err(_) => Err(format!("not done within {limit:?}")),
        }
    })
}

/// Runs `connection` as a task; its failure spoils the measurement.
fn spawn(meter: &Rc<Meter>, connection: impl Future<Output = io::Result<()>> + 'static) {
    let meter = meter.clone();
    tokio::task::spawn_local(async move {
        if let Err(error) = connection.await {
            meter.failed(format!("a connection failed: {error}"));
        }
    });
}

/// Makes `rate` things a second due on `connections` queues.
fn paced(meter: &Rc<Meter>, connections: usize, rate: f64) -> Vec<Rc<Queue>> {
    let queues: Vec<_> = (0..connections).map(|_| Rc::default()).collect();
    spawn(meter, pace(rate, queues.clone()));
    queues
}

async fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Waits until something accepts connections.
pub fn wait_for(addr: SocketAddr) -> Result<(), String> {
    let limit = Instant::now() + Duration::from_secs(10);
    loop {
        match std::net::TcpStream::connect(addr) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > limit => return Err(format!("{addr}: {error}")),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
