//! `vnc_record`: real sessions, and what is on disk of them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use recording::{Entry, Folder, Replay, State, Verdict, verify};
use rustix::process::Signal;
use testkit::vnc::{Event, Look, VncServer};
use testkit::ws::Message;
use testkit::{Server, Setup, WebSocket, wait_for, wait_true};

use crate::support::portway;
use crate::vnc::enter;

const CONF: &str = "user root; worker_processes 1; events { } http { access_log off;
    server { listen 127.0.0.1:%PORT%; location / { vnc_pass %TARGET%; %INSIDE% }
        location /status/ { vnc_status; } } }";

/// noVNC's `SetPixelFormat`, and `SetEncodings` with Raw.
const WISHES: &[u8] = &[
    0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0,
];

const COLOUR: [u8; 3] = [0x20, 0x80, 0xe0];

const MADE: &str = "what the test itself made";

struct Stage {
    server: Server,
    vnc: VncServer,
    size: (u16, u16),
    folder: PathBuf,
}

impl Stage {
    fn new(inside: &str, size: (u16, u16)) -> Self {
        let vnc = VncServer::start(Look {
            colour: COLOUR,
            size,
            ..Look::default()
        });
        let server = Setup::new(CONF)
            .with("INSIDE", inside)
            .with("TARGET", vnc.addr())
            .start(&portway());
        let folder = server.files().path().join("rec");
        Self {
            server,
            vnc,
            size,
            folder,
        }
    }

    fn small(inside: &str) -> Self {
        Self::new(inside, (64, 48))
    }

    fn path(&self) -> &Path {
        &self.folder
    }

    fn folder(&self) -> Folder {
        Folder::new(self.path())
    }

    /// A viewer that has been shown the screen.
    fn view(&self) -> WebSocket {
        let mut socket = WebSocket::open(self.server.addr(), "/", "");
        enter(&mut socket);
        socket.send_binary(WISHES);
        assert!(self.screen_comes(&mut socket));
        socket
    }

    /// Asks for the whole screen; whether it comes, or the end of the session instead.
    fn screen_comes(&self, socket: &mut WebSocket) -> bool {
        self.screen_comes_with(socket, &mut Vec::new())
    }

    /// The same; what else the page is told is kept.
    fn screen_comes_with(&self, socket: &mut WebSocket, told: &mut Vec<Message>) -> bool {
        let (width, height) = self.size;
        let [[w0, w1], [h0, h1]] = [width.to_be_bytes(), height.to_be_bytes()];
        socket.send_binary(&[3, 0, 0, 0, 0, 0, w0, w1, h0, h1]);
        let mut missing = 16 + usize::from(width) * usize::from(height) * 4;
        while missing > 0 {
            match socket.recv() {
                Message::Binary(part) => missing -= part.len(),
                end @ Message::Close(_) => {
                    told.push(end);
                    return false;
                }
                other => told.push(other),
            }
        }
        true
    }

    fn entries(&self) -> Vec<Entry> {
        let folder = self.folder();
        let all = folder.recordings().unwrap_or_default();
        let entries = all.iter().map(|found| folder.entry(found));
        entries.filter_map(Result::ok).collect()
    }

    #[track_caller]
    fn wait_entry(&self, state: State) -> Entry {
        wait_for(&format!("a recording that is {state:?}"), || {
            let mut entries = self.entries().into_iter();
            entries.find(|entry| entry.state == state)
        })
    }

    /// Whether a line stands in the metrics.
    fn counts(&self, line: &str) -> bool {
        let metrics = testkit::http::get(self.server.addr(), "/status/metrics").text();
        metrics.lines().any(|is| is == line)
    }

    /// Whether the last picture of the only recording is the server's.
    fn shows_the_screen(&self) -> bool {
        let folder = self.folder();
        let found = folder.recordings().expect(MADE).remove(0);
        let mut replay = Replay::new(folder.read(&found).expect(MADE));
        replay.advance(u32::MAX, usize::MAX).expect(MADE);
        let [red, green, blue] = COLOUR;
        let is_shown = |pixel: &[u8; 4]| *pixel == [red, green, blue, 255];
        replay
            .screen()
            .is_some_and(|screen| screen.pixels().iter().all(is_shown))
    }
}

#[test]
fn a_session_is_on_disk_as_the_viewer_saw_it() {
    let stage = Stage::small("vnc_record rec;");
    let mut socket = stage.view();
    // A key, and the pointer with a button.
    socket.send_binary(&[4, 1, 0, 0, 0, 0, 0, 0x61]);
    socket.send_binary(&[5, 1, 0, 7, 0, 9]);
    stage.vnc.wait_event(&Event::Pointer(1, 7, 9));
    assert!(stage.counts("portway_vnc_recordings 1"));
    socket.send_close(1000, "");
    let entry = stage.wait_entry(State::Whole);
    let facts = &entry.sidecar.facts;
    assert_eq!(facts.target, stage.vnc.addr().to_string());
    assert_eq!(facts.client, "127.0.0.1");
    assert_eq!(facts.title.as_deref(), Some("fake desktop"));
    let folder = stage.folder();
    let found = folder.find(facts.id).expect(MADE);
    assert!(matches!(verify(&folder, &found), Ok(Verdict::Whole { .. })));
    let outcome = entry.sidecar.outcome.expect(MADE);
    assert_eq!(outcome.reason, "viewer-closed");
    assert_eq!(
        (outcome.width, outcome.height, outcome.positions),
        (64, 48, 1)
    );
    let path = folder.path_of(&found.name, recording::Part::Pointer);
    let pointer = std::fs::read(path).expect(MADE);
    assert_eq!(pointer[4..], [0, 7, 0, 9, 1]);
    assert!(stage.shows_the_screen());
    wait_true("the index", || {
        folder.entry(&found).is_ok_and(|entry| entry.seekable)
    });
    let index = recording::index::Index::open(&folder, &found.name);
    let index = index.expect(MADE).expect("an index");
    assert!(index.activity().iter().any(|&value| value > 0));
    let id = facts.id;
    stage
        .server
        .wait_error_log(&format!("recording of session {id} ended: whole"));
}

#[test]
fn the_person_is_told_of_a_recording_and_what_is_not_asked_for_is_not_recorded() {
    let stage = Stage::small("vnc_record rec if=$arg_rec;");
    let told = |query: &str| {
        let text = testkit::http::get(stage.server.addr(), &format!("/session{query}")).text();
        text.contains("\"recorded\":true")
    };
    assert_eq!(
        ["?rec=1", "?rec=yes", "?rec=0", ""].map(told),
        [true, true, false, false]
    );
    let mut socket = WebSocket::open(stage.server.addr(), "/?rec=0", "");
    enter(&mut socket);
    socket.send_close(1000, "");
    stage.server.wait_error_log("viewer-closed");
    assert_eq!(stage.entries(), []);
}

#[test]
fn a_killed_worker_leaves_what_it_had_written() {
    let stage = Stage::small("vnc_record rec;");
    let _socket = stage.view();
    stage.wait_entry(State::Live);
    wait_true("the picture on disk", || stage.shows_the_screen());
    let pid = stage.server.pid();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let worker = children.expect(MADE).trim().parse().expect("one worker");
    testkit::process::signal_pid(worker, Signal::KILL);
    // The master starts another worker, which mends.
    let folder = stage.folder();
    let found = wait_for("it to be mended", || {
        let all = folder.recordings().expect(MADE);
        all.into_iter().find(|found| found.finished)
    });
    let verdict = verify(&folder, &found).expect(MADE);
    let is_cut = matches!(verdict, Verdict::CutShort { seal: Some(_), .. });
    assert!(is_cut, "{verdict:?}");
    assert!(stage.shows_the_screen());
}

#[test]
fn a_graceful_end_finishes_recordings() {
    let mut stage = Stage::small("vnc_record rec;");
    let _socket = stage.view();
    stage.wait_entry(State::Live);
    stage.server.signal(Signal::TERM);
    assert!(stage.server.wait_exit(Duration::from_secs(20)).success());
    let entry = &stage.entries()[0];
    assert_eq!(entry.state, State::Whole);
    let outcome = entry.sidecar.outcome.as_ref();
    assert_eq!(outcome.map(|outcome| &*outcome.reason), Some("restart"));
    assert!(stage.shows_the_screen());
}

#[test]
fn a_session_that_cannot_be_recorded_ends_or_goes_on_as_configured() {
    for (on_full, ends) in [("cut", true), ("stop", false)] {
        let inside = format!("vnc_record rec max_size=2k on_full={on_full};");
        let stage = Stage::new(&inside, (600, 400));
        let mut socket = stage.view();
        let begin = Instant::now();
        let ended = loop {
            assert!(begin.elapsed() < testkit::DEADLINE, "no limit");
            if !stage.screen_comes(&mut socket) {
                break true;
            }
            if !ends
                && stage
                    .server
                    .error_log()
                    .contains("max_size=2048 is reached")
            {
                break !stage.screen_comes(&mut socket);
            }
        };
        assert_eq!(ended, ends, "{on_full}");
        stage.server.wait_error_log("max_size=2048 is reached");
        stage.wait_entry(State::CutShort);
        if ends {
            stage.server.wait_error_log("reason=not-recorded");
        }
    }
}

/// Writes to a disk until it is full.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).expect(MADE);
    let full = (0..).find_map(|_| file.write_all(&[7; 4096]).err());
    let full = full.map(|error| error.kind());
    assert_eq!(full, Some(std::io::ErrorKind::StorageFull));
}

/// A disk of one megabyte, a session that is recorded there, and then no room any more: what the
/// page is told is given back, up to the end of the session or a whole screen after that.
fn on_a_full_disk(on_full: &str) -> (Stage, Vec<Message>) {
    let vnc = VncServer::start(Look {
        colour: COLOUR,
        size: (600, 400),
        ..Look::default()
    });
    let server = Setup::new(CONF)
        .small_disk("disk", 1 << 20)
        .with("INSIDE", format!("vnc_record disk/rec on_full={on_full};"))
        .with("TARGET", vnc.addr())
        .start(&portway());
    let folder = server.inside("disk/rec");
    let stage = Stage {
        server,
        vnc,
        size: (600, 400),
        folder,
    };
    let page = "Sec-WebSocket-Protocol: portway.v1\r\n";
    let mut socket = WebSocket::open(stage.server.addr(), "/", page);
    enter(&mut socket);
    socket.send_binary(WISHES);
    assert!(stage.screen_comes(&mut socket));
    stage.wait_entry(State::Live);
    fill(&stage.server.inside("disk/others"));
    let mut told = Vec::new();
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < testkit::DEADLINE, "nothing: {told:?}");
        let comes = stage.screen_comes_with(&mut socket, &mut told);
        let is_told = told.iter().any(|message| match message {
            Message::Text(text) => text.contains("\"recorded\""),
            _ => false,
        });
        if !comes || is_told {
            break;
        }
    }
    if on_full == "stop" {
        assert!(stage.screen_comes_with(&mut socket, &mut told));
    }
    (stage, told)
}

#[test]
fn on_a_full_disk_a_session_goes_on_unrecorded_and_its_page_is_told_once() {
    let (stage, told) = on_a_full_disk("stop");
    let news = Message::Text("{\"type\":\"policy\",\"recorded\":false}".into());
    let count = told.iter().filter(|message| **message == news).count();
    assert_eq!(count, 1, "{told:?}");
    assert!(stage.counts("portway_vnc_recordings 0"));
    assert!(stage.counts("portway_vnc_recordings_failed_total 1"));
    assert!(stage.counts("portway_vnc_links 0"));
    assert_cut_short_by_the_disk(&stage);
}

#[test]
fn on_a_full_disk_a_session_that_must_be_recorded_ends_with_the_reason() {
    let (stage, told) = on_a_full_disk("cut");
    let Some(Message::Close(Some((code, reason)))) = told.last() else {
        panic!("it goes on: {told:?}");
    };
    assert_eq!(*code, 4410);
    assert_eq!(
        reason,
        "The session ended because it could not be recorded."
    );
    stage.server.wait_error_log("reason=not-recorded");
    assert_cut_short_by_the_disk(&stage);
}

/// What is left is readable and says what is missing, and the log has it once.
fn assert_cut_short_by_the_disk(stage: &Stage) {
    let entry = stage.wait_entry(State::CutShort);
    let folder = stage.folder();
    wait_true("its end on disk", || {
        folder.recordings().is_ok_and(|all| all[0].finished)
    });
    assert!(stage.shows_the_screen());
    let id = entry.sidecar.facts.id.to_string();
    let path = stage.path().display().to_string();
    let verified = portway().run(&["recording", "verify", &path]);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    let expected = format!("{id} cut short after 0:00:0");
    assert!(said.starts_with(&expected), "{said}");
    assert!(
        said.contains(" (disk-full): what came then is not in it; unaltered up to there, seal "),
        "{said}"
    );
    assert_eq!(verified.status.code(), Some(3));
    // Once by the recorder; a session that ends of it repeats the reason in its own line.
    let log = stage.server.error_log();
    let tells = |line: &&str| line.ends_with("\": No space left on device (os error 28)");
    assert_eq!(log.lines().filter(tells).count(), 1, "{log}");
}

#[test]
fn a_folder_that_the_worker_cannot_write_to_is_named_by_the_test() {
    let setup = |conf: &str| {
        let scratch = testkit::Scratch::new("record");
        scratch.write("logs/.keep", "");
        scratch.write("file", "");
        scratch.write("nginx.conf", conf);
        let prefix = format!("{}/", scratch.path().display());
        let tested = portway().run(&["-t", "-p", &prefix, "-c", "nginx.conf"]);
        (
            tested.status.success(),
            String::from_utf8_lossy(&tested.stderr).into_owned(),
        )
    };
    let port = testkit::ports::free_port();
    let conf = |record: &str| {
        format!(
            "error_log stderr; events {{ }} http {{ server {{ listen 127.0.0.1:{port}; \
             location / {{ vnc_pass 127.0.0.1:1; {record} }} }} }}"
        )
    };
    let (good, said) = setup(&conf("vnc_record file;"));
    assert!(
        !good && said.contains("\"vnc_record\": cannot write to"),
        "{said}"
    );
    let (good, said) = setup(&conf(
        "vnc_record new keep=30d max_size=5g on_full=cut if=$arg_a;",
    ));
    assert!(good, "{said}");
    for (wrong, words) in [
        ("vnc_record a keep=0;", "invalid parameter \"keep=0\""),
        (
            "vnc_record a on_full=wait;",
            "invalid parameter \"on_full=wait\"",
        ),
        ("vnc_record a size=5;", "invalid parameter \"size=5\""),
        ("vnc_record off keep=5d;", "invalid parameter \"keep=5d\""),
        (
            "vnc_record a keep=5d; location /x { vnc_pass 127.0.0.1:1; vnc_record a; }",
            "is recorded to with other parameters elsewhere",
        ),
    ] {
        let (good, said) = setup(&conf(wrong));
        assert!(!good && said.contains(words), "{wrong}: {said}");
    }
}
