//! The thread that writes all recordings of the process.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use super::{Batch, Grade, Plan, State, Trouble, keeping};
use crate::folder::Folder;
use crate::{End, Ending, Facts, Limits, Press, Screen, Writer};

/// What the thread is asked to do.
pub(super) enum Order {
    Begin {
        number: u64,
        plan: Plan,
        facts: Box<Facts>,
        screen: Box<Screen>,
        state: Arc<State>,
    },
    Batch {
        number: u64,
        batch: Batch,
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

/// How long orders gather before they are looked at again.
const GATHER: Duration = Duration::from_millis(20);

/// Orders that are obeyed before files are flushed; as many do not gather any longer.
const TURN_MAX: usize = 256;

pub(super) struct Writing {
    live: HashMap<u64, Live>,
    folders: HashMap<PathBuf, Use>,
    press: Press,
    /// When a frame has to be written, at the earliest.
    due: Option<Instant>,
    keeping: Keeping,
    all_waiting: Arc<AtomicUsize>,
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
    state: Arc<State>,
    due: Option<Instant>,
}

/// How much is in a folder.
struct Use {
    bytes: u64,
    measured: Instant,
}

impl Writing {
    pub(super) fn new(
        keeping: Sender<keeping::Order>,
        all_waiting: Arc<AtomicUsize>,
    ) -> io::Result<Self> {
        Ok(Self {
            live: HashMap::new(),
            folders: HashMap::new(),
            press: Press::new()?,
            due: None,
            keeping: Keeping {
                orders: keeping,
                is_told: false,
            },
            all_waiting,
        })
    }

    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        'turns: loop {
            let now = Instant::now();
            let wait = self
                .due
                .map_or(IDLE, |due| due.saturating_duration_since(now));
            let first = match orders.recv_timeout(wait) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut obeyed = 0;
            for order in first.into_iter().chain(orders.try_iter().take(TURN_MAX)) {
                if let Order::Stop = order {
                    break 'turns;
                }
                self.obey(order);
                obeyed += 1;
            }
            if self.due.is_some_and(|due| due <= Instant::now()) {
                self.flush_due();
            }
            // To be woken for each small update would cost more than to write it down.
            if (1..TURN_MAX).contains(&obeyed) {
                std::thread::sleep(GATHER);
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
            self.flush(number);
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
                state,
            } => self.begin(number, plan, *facts, &screen, state),
            Order::Batch { number, batch } => self.write(number, batch),
            Order::End { number, end } => {
                if end.ending == Ending::CutShort {
                    self.flush(number);
                }
                self.end(number, end);
            }
            Order::Stop => {}
        }
    }

    fn begin(&mut self, number: u64, plan: Plan, facts: Facts, screen: &Screen, state: Arc<State>) {
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
                fail(&plan, &state, &format!("\"{}\": {error}", shown.display()));
                None
            }
        };
        self.live.insert(
            number,
            Live {
                writer,
                plan,
                state,
                due: None,
            },
        );
        self.keep_within_limits(number);
    }

    fn write(&mut self, number: u64, batch: Batch) {
        let Some(live) = self.live.get_mut(&number) else {
            return;
        };
        let cost = batch.cost();
        live.state.waiting.fetch_sub(cost, Relaxed);
        live.state.batches.fetch_sub(1, Relaxed);
        self.all_waiting.fetch_sub(cost, Relaxed);
        let Some(writer) = &mut live.writer else {
            return;
        };
        let before = writer.bytes();
        let mut written = writer.append(batch.ms, &batch.bytes, &mut self.press);
        for position in batch.positions {
            written = written.and_then(|()| writer.point(position));
        }
        let grown = writer.bytes() - before;
        if live.due.is_none() {
            let due = Instant::now() + FRAME_AGE;
            live.due = Some(due);
            self.due = Some(self.due.map_or(due, |first| first.min(due)));
        }
        self.after_writing(number, grown, written);
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
        let Some(writer) = &mut live.writer else {
            return;
        };
        let before = writer.bytes();
        let written = writer.flush(&mut self.press);
        let grown = writer.bytes() - before;
        self.after_writing(number, grown, written);
    }

    /// Looks at what came of writing.
    fn after_writing(&mut self, number: u64, grown: u64, written: io::Result<()>) {
        if let Err(error) = written {
            return self.fail_live(number, &error.to_string());
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
                    self.fail_live(number, &format!("max_size={max} is reached"));
                }
            }
            Err(error) => self.fail_live(number, &error),
        }
    }

    /// Nothing more of a recording can be written.
    fn fail_live(&mut self, number: u64, why: &str) {
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
            &live.state,
            &format!("\"{}\": {why}", shown.display()),
        );
        let end = End {
            ending: Ending::CutShort,
            reason: "not-recorded".into(),
            ms: 0,
        };
        self.keeping.finish(&live.plan, writer, end);
    }

    fn end(&mut self, number: u64, end: End) {
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

fn fail(plan: &Plan, state: &State, why: &str) {
    let why = format!("recording {why}");
    (plan.tell)(Grade::Error, &why);
    // Only the first one counts, and it has been told.
    let _ = state.trouble.set(Trouble(why));
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
    tell_pruned(plan, pruned.recordings, pruned.bytes, &plan.folder);
    Ok(pruned.bytes_left)
}

pub(super) fn tell_pruned(plan: &Plan, recordings: usize, bytes: u64, folder: &Path) {
    if recordings > 0 {
        let folder = folder.display();
        (plan.tell)(
            Grade::Notice,
            &format!("{recordings} old recordings of {bytes} bytes removed from \"{folder}\""),
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
