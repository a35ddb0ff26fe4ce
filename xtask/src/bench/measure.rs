//! One measurement: a contender is started, loaded, watched and ended.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::net::TcpStream;

use super::backend::vnc::{Inputs, Updates};
use super::backend::{Backend, Kind};
use super::contender::{Contender, Running, Task};
use super::growth;
use super::load;
use super::meter::{Meter, Window, usage};
use super::options::Options;
use super::rows::{self, Work};

/// The pixels of a small update.
const SMALL_UPDATE: usize = 1024;

/// Time for a server to come to rest before its memory is read.
const REST: Duration = Duration::from_secs(1);

/// What one measurement gave.
pub struct Measured {
    pub values: Vec<(&'static str, f64)>,
    pub config: String,
}

/// Measures `contender` at `work`.
pub fn measure(work: Work, contender: Contender, options: &Options) -> Result<Measured, String> {
    if let Work::Growth(table) = work {
        return growth::measure(table, contender, options);
    }
    let inputs = Inputs::default();
    let (task, kind) = setup(work, &inputs);
    let backend = Backend::start(kind).map_err(|error| error.to_string())?;
    let running = contender.start(task, backend.addr, options)?;
    let limit = options.seconds * 2 + Duration::from_secs(120);
    let values = load::run(limit, run(work, contender, &running, &inputs, options))?;
    Ok(Measured {
        values,
        config: running.config.clone(),
    })
}

fn setup(work: Work, inputs: &Inputs) -> (Task, Kind) {
    let vnc = |updates| (Task::Desktop, Kind::Vnc(updates, inputs.clone()));
    match work {
        Work::Balancing { servers, .. } => (Task::Balance(servers), Kind::Http),
        Work::Files { .. } => (Task::Files, Kind::Http),
        Work::Handshakes { .. } | Work::TlsBulk { .. } => (Task::TlsFiles, Kind::Http),
        Work::DesktopBulk { .. } | Work::DesktopInput { .. } => vnc(Updates::Bulk),
        Work::DesktopUpdates { rate, .. } | Work::DesktopActive { rate, .. } => {
            vnc(Updates::Small(rate))
        }
        Work::DesktopIdle { .. } => vnc(Updates::None),
        _ => (Task::Proxy, Kind::Http),
    }
}

type Values = Result<Vec<(&'static str, f64)>, String>;

async fn run(
    work: Work,
    contender: Contender,
    running: &Running,
    inputs: &Inputs,
    options: &Options,
) -> Values {
    let addr = running.addr;
    let meter = Rc::new(Meter::default());
    match work {
        Work::Http {
            path,
            connections,
            rate,
        }
        | Work::Files {
            path,
            connections,
            rate,
        } => {
            load::http::start(&meter, addr, path, connections, rate);
        }
        Work::Balancing { rate, .. } => load::http::start(&meter, addr, "/100", 64, rate),
        Work::Handshakes { resumed, rate } => {
            load::tls::start_handshakes(&meter, addr, resumed, rate)?;
        }
        Work::TlsBulk { connections } => load::tls::start_bulk(&meter, addr, connections)?,
        Work::Messages { tunnels, rate } => {
            load::tunnel::start_echo(&meter, addr, tunnels, rate);
        }
        Work::Bulk { tunnels } => load::tunnel::start_bulk(&meter, addr, tunnels),
        Work::DesktopBulk { sessions } => load::desktop::start_updates(&meter, addr, sessions),
        Work::DesktopUpdates { sessions, .. } => {
            load::desktop::start_small_updates(&meter, addr, sessions, SMALL_UPDATE);
        }
        Work::DesktopInput { sessions, rate } => match contender {
            Contender::Direct => {
                load::desktop::start_direct_input(&meter, addr, sessions, rate, inputs);
            }
            _ => load::desktop::start_input(&meter, addr, sessions, rate, inputs),
        },
        Work::Idle { tunnels } => return idle_tunnels(running, few(tunnels, options)).await,
        Work::DesktopIdle { sessions } => {
            return idle_desktops(running, few(sessions, options)).await;
        }
        Work::DesktopActive { sessions, .. } => {
            return active_desktops(running, few(sessions, options), &meter, options).await;
        }
        Work::Reload { tunnels, reloads } => {
            return reload(running, few(tunnels, options), few(reloads, options)).await;
        }
        Work::Growth(_) => return Err("measured by itself".to_owned()),
    }
    let start = Instant::now();
    let window = meter.measure(&running.servers, options.seconds).await?;
    Ok(values(work, &window, &inputs.waits_since(start)))
}

/// A quick run takes a tenth of everything.
fn few(count: usize, options: &Options) -> usize {
    if options.quick {
        count.div_ceil(10)
    } else {
        count
    }
}

fn values(work: Work, window: &Window, inputs: &[Duration]) -> Vec<(&'static str, f64)> {
    match work {
        Work::Http { .. } | Work::Balancing { .. } | Work::Files { .. } => vec![
            (rows::CPU_PER_REQUEST, window.cpu_per_done()),
            (rows::P99, window.p99()),
        ],
        Work::Messages { .. } => vec![
            (rows::CPU_PER_MESSAGE, window.cpu_per_done()),
            (rows::P99, window.p99()),
        ],
        Work::Handshakes { .. } => vec![
            (rows::CPU_PER_HANDSHAKE, window.cpu_per_done()),
            (rows::P99, window.p99()),
        ],
        Work::DesktopUpdates { .. } => vec![(rows::CPU_PER_UPDATE, window.cpu_per_done())],
        Work::DesktopInput { .. } => vec![(rows::INPUT_P99, p99(inputs.to_vec()))],
        _ => vec![(rows::CPU_PER_GIGABYTE, window.cpu_per_gigabyte())],
    }
}

fn p99(mut waits: Vec<Duration>) -> f64 {
    waits.sort_unstable();
    let at = (waits.len() * 99 / 100).min(waits.len().saturating_sub(1));
    waits
        .get(at)
        .map_or(f64::NAN, |wait| wait.as_secs_f64() * 1e6)
}

async fn idle_tunnels(running: &Running, count: usize) -> Values {
    let first = open_tunnels(running.addr, 1).await?;
    let before = memory_at_rest(running).await;
    let tunnels = open_tunnels(running.addr, count).await?;
    let after = memory_at_rest(running).await;
    drop((first, tunnels));
    Ok(vec![(rows::MEMORY, (after - before) / count as f64)])
}

async fn idle_desktops(running: &Running, count: usize) -> Values {
    let open = || load::desktop::open(running.addr);
    let first = open().await.map_err(|error| error.to_string())?;
    let before = memory_at_rest(running).await;
    let mut sessions = vec![first];
    for _ in 0..count {
        sessions.push(open().await.map_err(|error| error.to_string())?);
    }
    let after = memory_at_rest(running).await;
    drop(sessions);
    Ok(vec![(rows::MEMORY, (after - before) / count as f64)])
}

/// Desktops that are used: what each costs and takes, after one alone was served.
async fn active_desktops(
    running: &Running,
    count: usize,
    meter: &Rc<Meter>,
    options: &Options,
) -> Values {
    load::desktop::start_small_updates(meter, running.addr, 1, SMALL_UPDATE);
    let before = memory_at_rest(running).await;
    load::desktop::start_small_updates(meter, running.addr, count, SMALL_UPDATE);
    let window = meter.measure(&running.servers, options.seconds).await?;
    let after = usage(&running.servers).memory as f64;
    Ok(vec![
        (rows::CPU_PER_UPDATE, window.cpu_per_done()),
        (rows::MEMORY, (after - before) / count as f64),
    ])
}

async fn open_tunnels(addr: SocketAddr, count: usize) -> Result<Vec<TcpStream>, String> {
    let opened = load::tunnel::open_idle(addr, count).await;
    opened.map_err(|error| error.to_string())
}

async fn memory_at_rest(running: &Running) -> f64 {
    tokio::time::sleep(REST).await;
    usage(&running.servers).memory as f64
}

/// Reloads again and again, each time until the new configuration answers; then every tunnel must
/// still carry a message.
async fn reload(running: &Running, count: usize, reloads: usize) -> Values {
    let mut tunnels = open_tunnels(running.addr, count).await?;
    let before = memory_at_rest(running).await;
    for generation in 1..=reloads {
        running.set_generation(generation)?;
        for server in &running.servers {
            server
                .signal(Signal::HUP)
                .map_err(|error| error.to_string())?;
        }
        load::http::wait_for_generation(running.addr, generation).await?;
    }
    let after = memory_at_rest(running).await;
    let mut dropped = 0;
    for tunnel in &mut tunnels {
        let exchange = load::tunnel::exchange(tunnel);
        let answered = tokio::time::timeout(Duration::from_secs(5), exchange).await;
        dropped += usize::from(!matches!(answered, Ok(Ok(()))));
    }
    Ok(vec![
        (rows::DROPPED, dropped as f64),
        (rows::MEMORY_GROWTH, after / before),
    ])
}
