//! The tap of a session that is recorded: from the session's thread to the recorder's.

use std::time::{Duration, SystemTime};

use recording::{Ending, Facts, Plan, Position, Recorder, Screen, Track, Trouble};

use crate::{Piece, Pointer, Taken, Tap, TapSource, TapStart};

/// What becomes of a session that cannot be recorded any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFull {
    /// It goes on without.
    Stop,
    /// It ends.
    Cut,
}

/// How sessions are recorded.
#[derive(Debug)]
pub struct Record {
    /// Who writes.
    pub recorder: Recorder,
    /// Where to.
    pub plan: Plan,
    /// What becomes of a session when that fails.
    pub on_full: OnFull,
}

/// How often the whole screen is asked for: a replay that has lost its way finds it again.
const REFRESH_EVERY: Duration = Duration::from_secs(300);

/// `ServerCutText` (RFC 6143 §7.6.4): what people copy is left out, for it may be a password.
const CUT_TEXT: u8 = 3;

const SOFTWARE: &str = concat!("portway/", env!("CARGO_PKG_VERSION"));

impl TapSource for Record {
    fn open(&self, start: &TapStart<'_>) -> Result<Box<dyn Tap>, Taken> {
        let screen = Screen {
            width: start.width,
            height: start.height,
            pixel_format: start.pixel_format,
            name: start.name.to_vec(),
        };
        let begun = self
            .recorder
            .begin(self.plan.clone(), facts(start), screen, start.alarm.clone())
            .map_err(|trouble| self.on_full.answer(&trouble))?;
        Ok(Box::new(Recording {
            track: Some(begun),
            on_full: self.on_full,
            ms: 0,
        }))
    }

    fn is_recording(&self) -> bool {
        true
    }
}

impl OnFull {
    fn answer(self, trouble: &Trouble) -> Taken {
        match self {
            Self::Stop => Taken::Stop(trouble.to_string()),
            Self::Cut => Taken::EndSession(trouble.to_string()),
        }
    }
}

fn facts(start: &TapStart<'_>) -> Facts {
    let since = start.at.duration_since(SystemTime::UNIX_EPOCH);
    let name = String::from_utf8_lossy(start.name).into_owned();
    Facts {
        id: start.id.into(),
        started_ms: since.unwrap_or_default().as_millis() as u64,
        user: start.about.user.clone(),
        client: start.about.client.clone(),
        desktop: start.about.known_as().to_owned(),
        title: Some(name).filter(|name| !name.is_empty()),
        target: start.about.target.clone(),
        token: start.about.token.clone(),
        software: SOFTWARE.to_owned(),
    }
}

/// One session's recording.
#[derive(Debug)]
struct Recording {
    /// `None` once there was trouble.
    track: Option<Track>,
    on_full: OnFull,
    /// The time of what came last.
    ms: u32,
}

impl Recording {
    fn give(&mut self, give: impl FnOnce(&Track, u32) -> Result<(), Trouble>) -> Taken {
        let Some(track) = &self.track else {
            return Taken::Yes;
        };
        let Err(trouble) = give(track, self.ms) else {
            return Taken::Yes;
        };
        if let Some(track) = self.track.take() {
            track.end(self.ms, Ending::CutShort, "not-recorded");
        }
        self.on_full.answer(&trouble)
    }
}

impl Tap for Recording {
    fn message(&mut self, at: Duration, piece: Piece<'_>) -> Taken {
        if piece.kind == CUT_TEXT {
            return Taken::Yes;
        }
        self.ms = millis(at);
        self.give(|track, ms| track.append(ms, piece.bytes))
    }

    fn pointer(&mut self, at: Duration, pointer: Pointer) -> Taken {
        let Pointer { x, y, buttons } = pointer;
        self.ms = millis(at);
        self.give(|track, ms| track.point(Position { ms, x, y, buttons }))
    }

    fn flush(&mut self) -> Taken {
        self.give(|track, _| track.settle())
    }

    fn check(&mut self) -> Taken {
        self.give(|track, _| track.trouble())
    }

    fn is_recording(&self) -> bool {
        self.track.is_some()
    }

    fn refresh_every(&self) -> Option<Duration> {
        Some(REFRESH_EVERY)
    }

    fn end(mut self: Box<Self>, at: Duration, reason: &str) {
        // Trouble at the very end is told by the recorder; there is no session left to end.
        let _ = self.flush();
        if let Some(track) = self.track.take() {
            track.end(millis(at), Ending::Whole, reason);
        }
    }
}

/// Milliseconds of a session; those behind the 49th day all count as its last one.
fn millis(at: Duration) -> u32 {
    u32::try_from(at.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{About, SessionId};
    use recording::{Folder, Limits, Verdict, verify};
    use std::sync::Arc;
    use std::task::Waker;
    use testkit::{Scratch, wait_for};

    fn record(folder: &std::path::Path, on_full: OnFull) -> Record {
        Record {
            recorder: Recorder::default(),
            plan: Plan {
                folder: folder.to_owned(),
                limits: Limits::default(),
                tell: Arc::new(|_, _| {}),
            },
            on_full,
        }
    }

    fn open(record: &Record, id: SessionId) -> Box<dyn Tap> {
        let about = About {
            user: Some("ann".into()),
            token: Some("ab…".into()),
            ..About::default()
        };
        record
            .open(&TapStart {
                id,
                about: &about,
                at: SystemTime::UNIX_EPOCH + Duration::from_millis(5_000_123),
                width: 8,
                height: 6,
                pixel_format: [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0],
                name: b"desk",
                alarm: Waker::noop(),
            })
            .unwrap()
    }

    fn piece(kind: u8, bytes: &[u8]) -> Piece<'_> {
        Piece {
            kind,
            begins: true,
            ends: true,
            bytes,
        }
    }

    #[test]
    fn a_session_is_recorded_without_what_was_copied() {
        let scratch = Scratch::new("record");
        let record = record(scratch.path(), OnFull::Stop);
        let id = SessionId::random().unwrap();
        let mut tap = open(&record, id);
        assert!(record.is_recording());
        let at = Duration::from_millis;
        assert_eq!(tap.message(at(10), piece(2, b"\x02")), Taken::Yes);
        let cut_text = piece(3, b"\x03\0\0\0\0\0\0\x06secret");
        assert_eq!(tap.message(at(11), cut_text), Taken::Yes);
        assert_eq!(tap.flush(), Taken::Yes);
        let pointer = Pointer {
            x: 3,
            y: 4,
            buttons: 1,
        };
        assert_eq!(tap.pointer(at(20), pointer), Taken::Yes);
        tap.end(at(30), "viewer-closed");
        assert!(record.recorder.shut_down(Duration::from_secs(10)));

        let folder = Folder::new(scratch.path());
        let found = folder.find(id.into()).unwrap();
        assert!(matches!(verify(&folder, &found), Ok(Verdict::Whole { .. })));
        let sidecar = folder.sidecar(&found.name).unwrap();
        assert_eq!(sidecar.facts.started_ms, 5_000_123);
        assert_eq!(sidecar.facts.title.as_deref(), Some("desk"));
        assert_eq!(sidecar.facts.token.as_deref(), Some("ab…"));
        let outcome = sidecar.outcome.unwrap();
        assert_eq!(outcome.reason, "viewer-closed");
        assert_eq!((outcome.duration_ms, outcome.positions), (30, 1));
        let mut reader = folder.read(&found).unwrap();
        let mut blocks = Vec::new();
        while let Some(frame) = reader.next_frame().unwrap() {
            blocks.extend(frame.blocks().map(|block| {
                let block = block.unwrap();
                (block.ms, block.data.to_vec())
            }));
        }
        assert_eq!(blocks[1..], [(10, b"\x02".to_vec()), (30, Vec::new())]);
    }

    #[test]
    fn what_becomes_of_the_session_in_trouble_is_as_configured() {
        let scratch = Scratch::new("record");
        let file = scratch.write("file", "");
        for on_full in [OnFull::Stop, OnFull::Cut] {
            let record = record(&file, on_full);
            let mut tap = open(&record, SessionId::random().unwrap());
            let answer = wait_for("trouble", || {
                let given = tap.message(Duration::ZERO, piece(0, b"x"));
                let answers = [given, tap.flush(), tap.check()];
                answers.into_iter().find(|answer| *answer != Taken::Yes)
            });
            match (on_full, answer) {
                (OnFull::Stop, Taken::Stop(why)) | (OnFull::Cut, Taken::EndSession(why)) => {
                    assert!(why.contains("file"), "{why}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
