//! The thread that brings recordings to their end and looks after the folders, in its own time.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::writing::{seconds_now, tell_pruned};
use super::{Grade, Plan, Totals};
use crate::folder::Folder;
use crate::index::Indexer;
use crate::sidecar::hex;
use crate::{End, Name, Part, Press, Writer};

/// What the thread is asked to do.
pub(super) enum Order {
    /// Bring a recording to its end.
    Finish {
        plan: Plan,
        writer: Box<Writer>,
        end: End,
    },
    /// Look after these folders.
    Keep(Vec<Plan>),
}

/// How often folders are looked after.
const ROUND: Duration = Duration::from_secs(60);

/// The nicest that a thread can be to others.
const NICE: i32 = 19;

pub(super) fn run(orders: &Receiver<Order>, totals: &Totals) {
    // On Linux this is the thread's own. Without it, only others wait longer.
    let _ = rustix::process::setpriority_process(None, NICE);
    let mut plans: Vec<Plan> = Vec::new();
    let mut next_round = Instant::now() + ROUND;
    let mut indexing = Indexing::default();
    loop {
        let wait = match indexing.has_work(&plans) {
            true => Duration::ZERO,
            false => next_round.saturating_duration_since(Instant::now()),
        };
        match orders.recv_timeout(wait) {
            Ok(Order::Finish { plan, writer, end }) => {
                finish(&plan, *writer, &end, totals);
                indexing.look_again();
            }
            Ok(Order::Keep(new)) => {
                plans = new;
                next_round = Instant::now();
            }
            Err(RecvTimeoutError::Timeout) => indexing.step(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if next_round <= Instant::now() {
            plans.iter().for_each(look_after);
            indexing.look_again();
            next_round = Instant::now() + ROUND;
        }
    }
}

/// The recordings that have no index yet, one at a time, the newest first.
#[derive(Default)]
struct Indexing {
    current: Option<(Name, Indexer)>,
    /// There may be one without.
    looks: bool,
    /// Those that cannot be shown, and so have none.
    failed: HashSet<Name>,
}

/// Recordings that are remembered as those that cannot be shown.
const FAILED_MAX: usize = 10_000;

impl Indexing {
    fn look_again(&mut self) {
        self.looks = true;
    }

    fn has_work(&mut self, plans: &[Plan]) -> bool {
        while self.current.is_none() && std::mem::take(&mut self.looks) {
            for plan in plans {
                self.find(&Folder::new(&plan.folder));
            }
        }
        self.current.is_some()
    }

    fn find(&mut self, folder: &Folder) {
        if self.current.is_some() {
            return;
        }
        let all = folder.recordings().unwrap_or_default();
        let lacks = all.into_iter().filter(|found| {
            found.finished
                && !self.failed.contains(&found.name)
                && !folder.path_of(&found.name, Part::Index).exists()
        });
        for found in lacks.collect::<Vec<_>>() {
            match Indexer::open(folder, &found) {
                Ok(indexer) => {
                    self.current = Some((found.name, indexer));
                    return;
                }
                Err(_) => self.fail(found.name),
            }
        }
    }

    /// A piece of work on the current one.
    fn step(&mut self) {
        let Some((name, mut indexer)) = self.current.take() else {
            return;
        };
        // Pictures of strangers are decoded here. Should one of them meet a fault of ours, other
        // recordings must still be finished and aged by this thread.
        let stepped = catch_unwind(AssertUnwindSafe(|| indexer.step()));
        match stepped {
            Ok(Ok(false)) => self.current = Some((name, indexer)),
            Ok(Ok(true)) => self.looks = true,
            // It can still be played from the front, up to where it is damaged.
            Ok(Err(_)) | Err(_) => {
                self.fail(name);
                self.looks = true;
            }
        }
    }

    fn fail(&mut self, name: Name) {
        if self.failed.len() < FAILED_MAX {
            self.failed.insert(name);
        }
    }
}

fn finish(plan: &Plan, writer: Writer, end: &End, totals: &Totals) {
    let path = writer.folder().join(writer.name().to_string());
    let id = writer.name().id;
    let finished = Press::new().and_then(|mut press| writer.finish(end, &mut press));
    match finished {
        Ok(sidecar) => {
            let Some(outcome) = &sidecar.outcome else {
                return;
            };
            // Not even its last seconds could be written.
            let is_torn = outcome.ending != end.ending;
            if is_torn {
                totals.failed.fetch_add(1, Relaxed);
            }
            let grade = if is_torn { Grade::Error } else { Grade::Notice };
            let (state, seal) = (outcome.ending.word(), hex(&outcome.seal()));
            let (bytes, reason) = (outcome.bytes, &outcome.reason);
            (plan.tell)(
                grade,
                &format!(
                    "recording of session {id} ended: {state}, {bytes} bytes, reason={reason}, seal={seal}"
                ),
            );
        }
        // What is on disk is mended in the next round.
        Err(error) => {
            let path = path.display();
            (plan.tell)(Grade::Error, &format!("recording \"{path}\": {error}"));
        }
    }
}

/// Mends what a crash left, and removes what is too old or too much.
fn look_after(plan: &Plan) {
    let folder = Folder::new(&plan.folder);
    let shown = plan.folder.display();
    let recovered = folder.recover();
    for name in recovered.names {
        (plan.tell)(
            Grade::Notice,
            &format!(
                "recording \"{shown}/{name}\" was cut short; it can be read up to its last frame"
            ),
        );
    }
    if let Some(error) = recovered.failed {
        (plan.tell)(Grade::Error, &format!("recordings in \"{shown}\": {error}"));
    }
    match folder.prune(&plan.limits, seconds_now()) {
        Ok(pruned) => tell_pruned(plan, &pruned),
        Err(error) => (plan.tell)(Grade::Error, &format!("recordings in \"{shown}\": {error}")),
    }
}
