//! The desktop as several viewers share it: the handle, the driver, and the way to sockets.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::apps::{AppId, Now};
use crate::connection;
use crate::geom::{Point, Rect};
use crate::viewer::Viewer;

mod state;

pub(crate) use self::state::State;

/// How a desktop is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Width and height at the start; viewers can change them within fixed limits.
    pub size: (u16, u16),
    /// What viewers show as the title.
    pub name: String,
    /// Asks viewers for this password (VncAuth, of which the first eight bytes count).
    pub password: Option<String>,
    /// What the clock adds to UTC, in seconds.
    pub utc_offset: i32,
    /// More viewers than this are turned away with a reason.
    pub viewers_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            size: (1280, 800),
            name: "Portway demo".to_owned(),
            password: None,
            utc_offset: 0,
            viewers_max: 32,
        }
    }
}

/// A handle on a desktop; clones share it.
///
/// All methods look at the present state and return at once, but for those that say otherwise.
#[derive(Clone)]
pub struct Desktop {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    started: Instant,
    state: Mutex<State>,
    /// Something happened that may call for a paint.
    stirred: Notify,
    /// The same, for those who wait for a condition.
    changed: Notify,
}

impl Desktop {
    /// A desktop that nobody views yet.
    pub fn new(options: Options) -> Self {
        let state = State::new(options.size);
        let shared = Shared {
            options,
            started: Instant::now(),
            state: Mutex::new(state),
            stirred: Notify::new(),
            changed: Notify::new(),
        };
        let desktop = Self {
            shared: Arc::new(shared),
        };
        // Its clock goes right from the first picture on.
        desktop.lock().shell.tick(desktop.now());
        desktop
    }

    /// Serves the desktop to all who connect to `listener`.
    ///
    /// Dropping the future closes all connections that it accepted.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        let mut connections = JoinSet::new();
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        // A socket that is already gone shows itself at the first read.
                        let _ = stream.set_nodelay(true);
                        connections.spawn(connection::run(self.clone(), stream));
                    }
                    Err(error) if is_transient(&error) => tokio::time::sleep(ACCEPT_PAUSE).await,
                    Err(error) => break Err(error),
                }
                while connections.try_join_next().is_some() {}
            }
        };
        tokio::select! {
            result = accept => result,
            () = self.drive() => Ok(()),
        }
    }

    /// Serves the desktop to one viewer at the other end of `stream`, until either side ends it.
    pub async fn attach<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        tokio::select! {
            () = connection::run(self.clone(), stream) => {}
            () = self.drive() => {}
        }
    }

    /// Waits until `condition` holds; it is asked again whenever something happened.
    pub async fn wait_until(&self, mut condition: impl FnMut(&Desktop) -> bool) {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if condition(self) {
                return;
            }
            changed.await;
        }
    }

    /// What is written in the notepad.
    pub fn notepad_text(&self) -> String {
        self.lock().shell.notepad_text()
    }

    /// What is on the desktop's clipboard.
    pub fn clipboard_text(&self) -> String {
        self.lock().shell.clipboard_text().to_owned()
    }

    /// The desktop's width and height.
    pub fn size(&self) -> (u16, u16) {
        self.lock().size()
    }

    /// How many viewers are connected.
    pub fn viewers(&self) -> usize {
        self.lock().viewers.len()
    }

    /// The colour at a place: red, green and blue.
    pub fn pixel(&self, at: Point) -> Option<[u8; 3]> {
        let mut state = self.lock();
        state.paint();
        let [_, red, green, blue] = state.shell.front().pixel(at)?.to_be_bytes();
        Some([red, green, blue])
    }

    /// The colours of the whole desktop, row by row: red, green and blue.
    pub fn picture(&self) -> Vec<[u8; 3]> {
        let mut state = self.lock();
        state.paint();
        let front = state.shell.front();
        let rows = (0..front.bounds().h).flat_map(|y| front.row(y));
        let colours = |pixel: &u32| {
            let [_, red, green, blue] = pixel.to_be_bytes();
            [red, green, blue]
        };
        rows.map(colours).collect()
    }

    /// The part of the drawing board's window that can be drawn on, unless it is minimised.
    pub fn sketch_area(&self) -> Option<Rect> {
        let frame = self.lock().shell.window(AppId::Sketch)?;
        Some(Rect::new(
            frame.x + 10,
            frame.y + 90,
            frame.w - 20,
            frame.h - 110,
        ))
    }

    pub(crate) fn options(&self) -> &Options {
        &self.shared.options
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in one viewer's task must not take the desktop from the others.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells all who wait that something happened.
    pub(crate) fn stir(&self) {
        self.shared.stirred.notify_one();
        self.shared.changed.notify_waiters();
    }

    /// Paints for as long as somebody waits for pictures; otherwise it only waits itself.
    async fn drive(&self) {
        loop {
            let painted = tokio::time::Instant::now();
            match self.step() {
                Some(pause) => {
                    let stirred = self.shared.stirred.notified();
                    // Both ends mean the same: look again.
                    let _ = tokio::time::timeout(pause, stirred).await;
                }
                None => self.shared.stirred.notified().await,
            }
            tokio::time::sleep_until(painted + FRAME_MIN).await;
        }
    }

    /// Paints once, if anybody waits, and returns how long the picture will then stand still.
    fn step(&self) -> Option<Duration> {
        let mut state = self.lock();
        if !state.viewers.iter().any(Viewer::waits) {
            return None;
        }
        let now = self.now();
        state.refresh(now);
        for viewer in &state.viewers {
            viewer.wake_if_ready();
        }
        let next = state.next_tick();
        Some(next.saturating_sub(now.uptime))
    }

    pub(crate) fn now(&self) -> Now {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let offset = Duration::from_secs(self.shared.options.utc_offset.unsigned_abs().into());
        let local = if self.shared.options.utc_offset < 0 {
            unix.saturating_sub(offset)
        } else {
            unix + offset
        };
        Now {
            uptime: self.shared.started.elapsed(),
            local,
        }
    }
}

/// True for the errors of `accept` that pass: the peer went away, or descriptors ran out.
fn is_transient(error: &io::Error) -> bool {
    const TOO_MANY_FILES: [i32; 2] = [23, 24];
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::WouldBlock
    ) || error
        .raw_os_error()
        .is_some_and(|code| TOO_MANY_FILES.contains(&code))
}

/// The least time between two paints, which gathers the events of that time.
const FRAME_MIN: Duration = Duration::from_millis(8);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
