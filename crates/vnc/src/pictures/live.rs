//! Pictures of sessions that run anyway, for the wall: a tap in each, one thread that decodes.
//!
//! A session hands over what it got and forgets it. When the thread cannot follow, the session's
//! picture ends, never the session.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant, SystemTime};

use net::Deadline;
use picture::{Decoder, Limits, PixelFormat};
use tokio::sync::oneshot;

use super::{Shot, THUMBNAIL_SIDE_MAX};
use crate::{Fence, Piece, Policy, Taken, Tap, TapSource, TapStart, Target};

/// Sessions of which there is a picture at the same time.
const LIVE_MAX: usize = 128;

/// Bytes of one session that wait to be decoded.
const BACKLOG_MAX: usize = 8 << 20;

/// Bytes that are gathered before they are handed over in the middle of a turn.
const GATHERED_MAX: usize = 64 << 10;

/// Bytes that are decoded at once; few, because few bytes may paint much.
const STEP_LEN: usize = 4 << 10;

/// Time that one hand-over may take to decode. What takes longer is made to be slow.
const DECODE_MAX: Duration = Duration::from_secs(2);

/// How long somebody waits for a picture that is behind.
const SHOW_TIMEOUT: Duration = Duration::from_secs(5);

/// Screens up to 4K, which take 36 MiB.
const LIMITS: Limits = Limits {
    side_max: 8192,
    pixels_max: 9 << 20,
};

/// Opens taps, and shows what they see.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// The way to the thread, once there is one.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    sessions: Arc<AtomicUsize>,
    next: AtomicU64,
}

/// What the thread is asked to do.
enum Job {
    Open(Box<Opened>),
    Decode(Batch),
    Close(u64),
    Show(Shown, oneshot::Sender<Option<Arc<Shot>>>),
}

/// A machine, and the fence that it was reached through: who may reach other addresses by its name
/// may see another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    target: Target,
    fence: Option<Fence>,
}

/// Opens the taps of sessions with one machine.
#[derive(Debug)]
pub(super) struct LiveOf {
    pub(super) live: Arc<Live>,
    pub(super) shown: Shown,
}

/// A session whose screen begins.
struct Opened {
    number: u64,
    shown: Shown,
    width: u16,
    height: u16,
    pixel_format: [u8; 16],
}

/// What a session got.
struct Batch {
    number: u64,
    bytes: Vec<u8>,
    backlog: Arc<AtomicUsize>,
}

impl Shown {
    /// What a session with that policy shows.
    pub(super) fn new(target: &Target, policy: &Policy) -> Self {
        Self {
            target: target.clone(),
            fence: policy.fence.clone(),
        }
    }
}

impl Live {
    /// The small picture of a machine that somebody looks at now; `None` if nobody does, or nothing
    /// was seen yet.
    pub(super) async fn show(&self, wanted: Shown) -> Option<Arc<Shot>> {
        let (reply, shown) = oneshot::channel();
        let jobs = self
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        jobs?.send(Job::Show(wanted, reply)).ok()?;
        let deadline = Deadline::after(SHOW_TIMEOUT);
        tokio::select! {
            shown = shown => shown.ok()?,
            () = deadline.expired() => None,
        }
    }

    /// Gives the thread a session, and gives back the way to it. It is started when it is first
    /// needed, and anew if a panic has ended it, with the pictures that it had.
    fn begin(&self, opened: Opened) -> Result<mpsc::Sender<Job>, Taken> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut job = Job::Open(Box::new(opened));
        if let Some(known) = &*jobs {
            match known.send(job) {
                Ok(()) => return Ok(known.clone()),
                Err(mpsc::SendError(returned)) => job = returned,
            }
        }
        let (sender, receiver) = mpsc::channel();
        let started = std::thread::Builder::new()
            .name("pictures".to_owned())
            .spawn(move || Studio::default().run(&receiver));
        started.map_err(|error| Taken::Stop(format!("no picture: {error}")))?;
        sender.send(job).map_err(gone)?;
        *jobs = Some(sender.clone());
        Ok(sender)
    }
}

impl TapSource for LiveOf {
    fn open(&self, start: &TapStart<'_>) -> Result<Box<dyn Tap>, Taken> {
        let live = &self.live;
        let seat = Seat::take(&live.sessions)
            .ok_or_else(|| Taken::Stop("no picture: too many sessions have one".to_owned()))?;
        let number = live.next.fetch_add(1, Relaxed);
        let jobs = live.begin(Opened {
            number,
            shown: self.shown.clone(),
            width: start.width,
            height: start.height,
            pixel_format: start.pixel_format,
        })?;
        Ok(Box::new(LiveTap {
            number,
            jobs,
            gathered: Vec::new(),
            backlog: Arc::default(),
            _seat: seat,
        }))
    }
}

fn gone<T>(_: mpsc::SendError<T>) -> Taken {
    Taken::Stop("no picture: its thread is gone".to_owned())
}

/// One of the sessions that may have a picture.
#[derive(Debug)]
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(taken: &Arc<AtomicUsize>) -> Option<Self> {
        let more = |taken: usize| (taken < LIVE_MAX).then_some(taken + 1);
        taken.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Self(Arc::clone(taken)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// The tap of one session.
#[derive(Debug)]
struct LiveTap {
    number: u64,
    jobs: mpsc::Sender<Job>,
    gathered: Vec<u8>,
    /// Bytes that wait to be decoded.
    backlog: Arc<AtomicUsize>,
    _seat: Seat,
}

impl LiveTap {
    fn hand_over(&mut self) -> Taken {
        if self.gathered.is_empty() {
            return Taken::Yes;
        }
        let bytes = std::mem::take(&mut self.gathered);
        let len = bytes.len();
        if self.backlog.fetch_add(len, Relaxed) + len > BACKLOG_MAX {
            return Taken::Stop("its picture cannot keep up".to_owned());
        }
        let batch = Batch {
            number: self.number,
            bytes,
            backlog: Arc::clone(&self.backlog),
        };
        match self.jobs.send(Job::Decode(batch)) {
            Ok(()) => Taken::Yes,
            Err(error) => gone(error),
        }
    }
}

impl Tap for LiveTap {
    fn message(&mut self, _at: Duration, piece: Piece<'_>) -> Taken {
        self.gathered.extend_from_slice(piece.bytes);
        match self.gathered.len() >= GATHERED_MAX {
            true => self.hand_over(),
            false => Taken::Yes,
        }
    }

    fn flush(&mut self) -> Taken {
        self.hand_over()
    }

    fn end(self: Box<Self>, _at: Duration, _reason: &str) {}
}

impl Drop for LiveTap {
    fn drop(&mut self) {
        // Without the thread there is nothing to close.
        let _ = self.jobs.send(Job::Close(self.number));
    }
}

/// What the thread has: the screens of sessions.
#[derive(Default)]
struct Studio {
    screens: HashMap<u64, Screen>,
}

struct Screen {
    shown: Shown,
    decoder: Decoder,
    changed: SystemTime,
    /// The picture, unless something has changed since.
    shot: Option<Arc<Shot>>,
}

impl Studio {
    /// Works until nobody can ask any more.
    fn run(mut self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Open(opened) => self.open(*opened),
                Job::Decode(batch) => self.decode(&batch),
                Job::Close(number) => drop(self.screens.remove(&number)),
                // Who asked may have gone.
                Job::Show(wanted, reply) => drop(reply.send(self.show(&wanted))),
            }
        }
    }

    fn open(&mut self, opened: Opened) {
        let Ok(format) = PixelFormat::parse(&opened.pixel_format) else {
            return;
        };
        // What is too large has no picture.
        let Ok(decoder) = Decoder::new(opened.width, opened.height, format, LIMITS) else {
            return;
        };
        let screen = Screen {
            shown: opened.shown,
            decoder,
            changed: SystemTime::now(),
            shot: None,
        };
        self.screens.insert(opened.number, screen);
    }

    fn decode(&mut self, batch: &Batch) {
        batch.backlog.fetch_sub(batch.bytes.len(), Relaxed);
        let Some(screen) = self.screens.get_mut(&batch.number) else {
            return;
        };
        let until = Instant::now() + DECODE_MAX;
        for step in batch.bytes.chunks(STEP_LEN) {
            if screen.decoder.handle(step).is_err() || Instant::now() > until {
                self.screens.remove(&batch.number);
                return;
            }
        }
        if !screen.decoder.screen().is_clean() {
            screen.decoder.take_dirty();
            screen.changed = SystemTime::now();
            screen.shot = None;
        }
    }

    /// The picture of a machine that changed last, of sessions that have seen all of it.
    fn show(&mut self, wanted: &Shown) -> Option<Arc<Shot>> {
        let screens = self.screens.values_mut();
        let screen = screens
            .filter(|screen| screen.shown == *wanted && screen.is_whole())
            .max_by_key(|screen| screen.changed)?;
        let scaled = screen.decoder.screen();
        let shot = screen.shot.get_or_insert_with(|| {
            let small = scaled.scaled(THUMBNAIL_SIDE_MAX, THUMBNAIL_SIDE_MAX);
            Arc::new(Shot::new(small, screen.changed))
        });
        Some(Arc::clone(shot))
    }
}

impl Screen {
    /// Whether as much was painted as there is.
    fn is_whole(&self) -> bool {
        let screen = self.decoder.screen();
        screen.painted() >= screen.pixels().len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{About, SessionId};

    #[test]
    fn a_session_whose_picture_cannot_keep_up_loses_the_picture_only() {
        let (jobs, _nobody_works) = mpsc::channel();
        let sessions = Arc::new(AtomicUsize::new(0));
        let mut tap = LiveTap {
            number: 1,
            jobs,
            gathered: Vec::new(),
            backlog: Arc::default(),
            _seat: Seat::take(&sessions).unwrap(),
        };
        let bytes = vec![2; GATHERED_MAX];
        let mut give = || {
            tap.message(
                Duration::ZERO,
                Piece {
                    kind: 2,
                    begins: true,
                    ends: true,
                    bytes: &bytes,
                },
            )
        };
        for _ in 0..BACKLOG_MAX / GATHERED_MAX {
            assert_eq!(give(), Taken::Yes);
        }
        assert!(matches!(give(), Taken::Stop(why) if why.contains("keep up")));
    }

    #[test]
    fn a_screen_that_is_too_large_has_no_picture() {
        let open = |width, height| {
            let mut studio = Studio::default();
            studio.open(Opened {
                number: 1,
                shown: Shown::new(&"lab:1".parse().unwrap(), &Policy::default()),
                width,
                height,
                pixel_format: PixelFormat::RGBX.to_bytes(),
            });
            studio.screens.len()
        };
        assert_eq!(open(3840, 2160), 1, "4K");
        assert_eq!(open(8193, 1), 0, "too wide");
        assert_eq!(open(4096, 4096), 0, "too many pixels");
    }

    #[test]
    fn a_thread_that_is_gone_is_started_anew() {
        let (sender, receiver) = mpsc::channel();
        drop(receiver);
        let live = Live {
            jobs: Mutex::new(Some(sender)),
            ..Live::default()
        };
        let about = About::default();
        let start = TapStart {
            id: SessionId::default(),
            about: &about,
            at: SystemTime::now(),
            width: 1,
            height: 1,
            pixel_format: PixelFormat::RGBX.to_bytes(),
            name: b"",
            alarm: std::task::Waker::noop(),
        };
        let source = LiveOf {
            live: Arc::new(live),
            shown: Shown::new(&"lab:1".parse().unwrap(), &Policy::default()),
        };
        let mut tap = source.open(&start).unwrap();
        // A bell.
        let piece = Piece {
            kind: 2,
            begins: true,
            ends: true,
            bytes: &[2],
        };
        assert_eq!(tap.message(Duration::ZERO, piece), Taken::Yes);
        assert_eq!(tap.flush(), Taken::Yes);
    }
}
