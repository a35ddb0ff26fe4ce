//! The thread that writes all recordings of the process.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use super::track::Shared;
use super::{Grade, Plan, Totals, Trouble, keeping};
use crate::folder::Folder;
use crate::gathered::Gathered;
use crate::writer::{NOT_RECORDED, word_of};
use crate::{End, Ending, Facts, Limits, Press, Pruned, Screen, Writer};

/// What the thread is asked to do.
pub(super) enum Order {
    Begin {
        number: u64,
        plan: Plan,
        facts: Box<Facts>,
        screen: Box<Screen>,
        shared: Arc<Shared>,
    },
    /// Something waits; it becomes a frame when it is old enough.
    Waiting {
        number: u64,
    },
    /// A frame is full.
    Full {
        number: u64,
    },
    End {
        number: u64,
        end: End,
    },
    Stop,
}

/// How old a frame gets before it is written though it is not full.
const FRAME_AGE: Duration = Duration::from_millis(crate::FRAME_MS as u64);

/// How long what is known of a folder's bytes holds.
const MEASURED_FOR: Duration = Duration::from_secs(60);

/// Where the thread looks when nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

pub(super) struct Writing {
    live: HashMap<u64, Live>,
    folders: HashMap<PathBuf, Use>,
    press: Press,
    /// When a frame has to be written, at the earliest.
    due: Option<Instant>,
    keeping: Keeping,
    totals: Arc<Totals>,
}

/// The way to the thread that brings recordings to their end.
struct Keeping {
    orders: Sender<keeping::Order>,
    /// It was told that the thread is gone.
    is_told: bool,
}

struct Live {
    /// `None` once it is in trouble: what still comes is thrown away.
    writer: Option<Writer>,
    plan: Plan,
    shared: Arc<Shared>,
    due: Option<Instant>,
}

/// Whether what was taken over is written at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flush {
    Yes,
    /// It will be with the next, or at the end.
    Later,
}

/// How much is in a folder.
struct Use {
    bytes: u64,
    measured: Instant,
}

impl Writing {
    pub(super) fn new(keeping: Sender<keeping::Order>, totals: Arc<Totals>) -> io::Result<Self> {
        Ok(Self {
            live: HashMap::new(),
            folders: HashMap::new(),
            press: Press::new()?,
            due: None,
            keeping: Keeping {
                orders: keeping,
                is_told: false,
            },
            totals,
        })
    }

    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let wait = self
                .due
                .map_or(IDLE, |due| due.saturating_duration_since(Instant::now()));
            match orders.recv_timeout(wait) {
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.due.is_some_and(|due| due <= Instant::now()) {
                self.flush_due();
            }
        }
        // Sessions that are still there are cut off by the end of the process.
        let left: Vec<u64> = self.live.keys().copied().collect();
        for number in left {
            let end = End {
                ending: Ending::CutShort,
                reason: "restart".into(),
                ms: 0,
            };
            self.end(number, end);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Begin {
                number,
                plan,
                facts,
                screen,
                shared,
            } => self.begin(number, plan, *facts, &screen, shared),
            Order::Waiting { number } => self.set_due(number),
            Order::Full { number } => self.write_full(number),
            Order::End { number, end } => self.end(number, end),
            Order::Stop => {}
        }
    }

    fn begin(
        &mut self,
        number: u64,
        plan: Plan,
        facts: Facts,
        screen: &Screen,
        shared: Arc<Shared>,
    ) {
        let name = facts.name();
        let created = Writer::create(&plan.folder, facts, screen, &mut self.press);
        let writer = match created {
            Ok(writer) => {
                let shown = plan.folder.join(name.to_string());
                (plan.tell)(
                    Grade::Info,
                    &format!(
                        "recording of session {} begins: {}",
                        name.id,
                        shown.display()
                    ),
                );
                Some(writer)
            }
            Err(error) => {
                let shown = plan.folder.join(name.to_string());
                fail(&plan, &shared, &format!("\"{}\": {error}", shown.display()));
                None
            }
        };
        self.live.insert(
            number,
            Live {
                writer,
                plan,
                shared,
                due: None,
            },
        );
        self.keep_within_limits(number);
    }

    /// Something waits from now on.
    fn set_due(&mut self, number: u64) {
        let Some(live) = self.live.get_mut(&number) else {
            return;
        };
        let due = Instant::now() + FRAME_AGE;
        live.due = Some(due);
        self.due = Some(self.due.map_or(due, |first| first.min(due)));
    }

    /// Writes the frames that are full.
    fn write_full(&mut self, number: u64) {
        let Some(live) = self.live.get_mut(&number) else {
            return;
        };
        let full = live.shared.take_full();
        self.write(number, full, Flush::Yes);
        // What is left waits since now at the earliest.
        self.set_due(number);
    }

    /// Writes what waits for longer than it may.
    fn flush_due(&mut self) {
        let now = Instant::now();
        let is_due = |live: &Live| live.due.is_some_and(|due| due <= now);
        let numbers = self.live.iter().filter(|(_, live)| is_due(live));
        let numbers: Vec<u64> = numbers.map(|(number, _)| *number).collect();
        for number in numbers {
            self.flush(number);
        }
        self.due = self.live.values().filter_map(|live| live.due).min();
    }

    fn flush(&mut self, number: u64) {
        let Some(live) = self.live.get_mut(&number) else {
            return;
        };
        live.due = None;
        let all = live.shared.take_all();
        self.write(number, all, Flush::Yes);
    }

    /// Writes what was gathered, or leaves the last of it to the writer.
    fn write(&mut self, number: u64, gathered: VecDeque<Gathered>, flush: Flush) {
        let Some(live) = self.live.get_mut(&number) else {
            return;
        };
        let Some(writer) = &mut live.writer else {
            return;
        };
        let before = writer.bytes();
        let press = &mut self.press;
        let mut written = gathered
            .into_iter()
            .try_for_each(|frame| writer.take_over(frame, press));
        if flush == Flush::Yes {
            written = written.and_then(|()| writer.flush(press));
        }
        let grown = writer.bytes() - before;
        self.after_writing(number, grown, written);
    }

    /// Looks at what came of writing.
    fn after_writing(&mut self, number: u64, grown: u64, written: io::Result<()>) {
        self.totals.written.fetch_add(grown, Relaxed);
        if let Err(error) = written {
            return self.fail_live(number, word_of(&error), &error.to_string());
        }
        if grown == 0 {
            return;
        }
        let Some(live) = self.live.get(&number) else {
            return;
        };
        if let Some(used) = self.folders.get_mut(&live.plan.folder) {
            used.bytes += grown;
        }
        self.keep_within_limits(number);
    }

    /// Makes room for a recording; where there is none, it ends.
    fn keep_within_limits(&mut self, number: u64) {
        let Some(live) = self.live.get(&number) else {
            return;
        };
        let Some(max) = live.plan.limits.bytes_max else {
            return;
        };
        let plan = live.plan.clone();
        let used = self.folders.get(&plan.folder);
        let known =
            used.is_some_and(|used| used.measured.elapsed() < MEASURED_FOR && used.bytes <= max);
        if known || live.writer.is_none() {
            return;
        }
        match make_room(&plan, max) {
            Ok(bytes) => {
                let measured = Instant::now();
                self.folders
                    .insert(plan.folder.clone(), Use { bytes, measured });
                if bytes > max {
                    self.fail_live(number, "max-size", &format!("max_size={max} is reached"));
                }
            }
            Err(error) => self.fail_live(number, NOT_RECORDED, &error),
        }
    }

    /// Nothing more of a recording can be written; `reason` is the word for its sidecar.
    fn fail_live(&mut self, number: u64, reason: &str, why: &str) {
        let Some(live) = self.live.get_mut(&number) else {
            return;
        };
        live.due = None;
        let Some(writer) = live.writer.take() else {
            return;
        };
        let shown = writer.folder().join(writer.name().to_string());
        fail(
            &live.plan,
            &live.shared,
            &format!("\"{}\": {why}", shown.display()),
        );
        let end = End {
            ending: Ending::CutShort,
            reason: reason.into(),
            ms: 0,
        };
        self.keeping.finish(&live.plan, writer, end);
    }

    fn end(&mut self, number: u64, end: End) {
        if let Some(live) = self.live.get(&number) {
            let all = live.shared.take_all();
            // The end of the stream goes into the last frame.
            let flush = match end.ending {
                Ending::Whole => Flush::Later,
                Ending::CutShort => Flush::Yes,
            };
            self.write(number, all, flush);
        }
        let Some(live) = self.live.remove(&number) else {
            return;
        };
        if let Some(writer) = live.writer {
            self.keeping.finish(&live.plan, writer, end);
        }
    }
}

impl Keeping {
    fn finish(&mut self, plan: &Plan, writer: Writer, end: End) {
        let sent = self.orders.send(keeping::Order::Finish {
            plan: plan.clone(),
            writer: Box::new(writer),
            end,
        });
        // The other thread outlives this one, unless it has panicked. Then this is so for every
        // recording; once is enough.
        if sent.is_err() && !std::mem::replace(&mut self.is_told, true) {
            (plan.tell)(
                Grade::Error,
                "recordings are not finished any more: the thread that does it is gone; they are \
                 mended after a restart",
            );
        }
    }
}

fn fail(plan: &Plan, shared: &Shared, why: &str) {
    let why = format!("recording {why}");
    (plan.tell)(Grade::Error, &why);
    shared.fail(Trouble(why));
}

/// Removes old recordings of a folder that holds too much; says what it holds then.
fn make_room(plan: &Plan, max: u64) -> Result<u64, String> {
    let measure = |bytes_max: Option<u64>| {
        let limits = Limits {
            keep: plan.limits.keep,
            bytes_max,
        };
        let pruned = Folder::new(&plan.folder).prune(&limits, seconds_now());
        pruned.map_err(|error| error.to_string())
    };
    let used = measure(None)?;
    if used.bytes_left <= max {
        return Ok(used.bytes_left);
    }
    // A little more than needed, so that it is not needed again with the next frame.
    let pruned = measure(Some(max - max / 20))?;
    tell_pruned(plan, &pruned);
    Ok(pruned.bytes_left)
}

pub(super) fn tell_pruned(plan: &Plan, pruned: &Pruned) {
    let folder = plan.folder.display();
    let Pruned {
        recordings, bytes, ..
    } = pruned;
    if *recordings > 0 {
        (plan.tell)(
            Grade::Notice,
            &format!("{recordings} old recordings of {bytes} bytes removed from \"{folder}\""),
        );
    }
    if let Some(error) = &pruned.failed {
        let failures = pruned.failures;
        (plan.tell)(
            Grade::Error,
            &format!(
                "{failures} old recordings in \"{folder}\" cannot be removed, the first: {error}"
            ),
        );
    }
}

pub(super) fn seconds_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use testkit::Scratch;

    use super::*;
    use crate::sidecar::tests::facts;

    #[test]
    fn that_nothing_is_finished_any_more_is_told_once() {
        let scratch = Scratch::new("gone");
        let told = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&told);
        let plan = Plan {
            folder: scratch.path().to_owned(),
            limits: Limits::default(),
            tell: Arc::new(move |grade, text: &str| {
                record.lock().unwrap().push((grade, text.to_owned()));
            }),
        };
        let mut keeping = Keeping {
            orders: mpsc::channel().0,
            is_told: false,
        };
        let screen = Screen {
            width: 8,
            height: 8,
            pixel_format: [0; 16],
            name: Vec::new(),
        };
        for id in 1..=2 {
            let facts = Facts {
                id: crate::Id(id),
                ..facts()
            };
            let mut press = Press::new().unwrap();
            let writer = Writer::create(scratch.path(), facts, &screen, &mut press).unwrap();
            let end = End {
                ending: Ending::Whole,
                reason: "idle".into(),
                ms: 0,
            };
            keeping.finish(&plan, writer, end);
        }
        let told = told.lock().unwrap();
        assert_eq!((told.len(), told[0].0), (1, Grade::Error), "{told:?}");
    }
}
