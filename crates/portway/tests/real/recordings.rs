//! Recordings: the subcommands, and what a location shows of them.

use std::path::Path;
use std::process::Output;

use recording::{
    End, Ending, Facts, Folder, Found, Id, Part, Position, Press, Screen, Writer, fbs,
};
use testkit::{Response, Scratch, Server, Setup};

use crate::support::portway;

mod recorder;

/// A raw update of the whole screen of 4 by 2.
fn update(pixel: [u8; 4]) -> Vec<u8> {
    let head = [0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 0, 2, 0, 0, 0, 0];
    [&head[..], &pixel.repeat(8)].concat()
}

fn facts(id: u128, started: u64) -> Facts {
    Facts {
        id: Id(id),
        started_ms: started * 1000,
        user: Some(if id.is_multiple_of(2) { "ann" } else { "bob" }.into()),
        client: "192.0.2.7".into(),
        desktop: format!("desk{id}"),
        title: Some("Desk\u{1b}[2J <b>".into()),
        target: "10.1.2.3:5900".into(),
        token: Some("ab…".into()),
        software: "portway/test".into(),
    }
}

/// A recording: red after a second, blue after two, over after three.
fn begin(folder: &Path, facts: Facts, press: &mut Press) -> Writer {
    let screen = Screen {
        width: 4,
        height: 2,
        pixel_format: [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0],
        name: b"desk".to_vec(),
    };
    let mut writer =
        Writer::create(folder, facts, &screen, press).expect("what the test itself made");
    for (ms, pixel) in [(1000, [0xff, 0, 0, 0]), (2000, [0, 0, 0xff, 0])] {
        writer
            .append(ms, &update(pixel), press)
            .expect("what the test itself made");
        let (x, y, buttons) = (3, 1, 0);
        writer
            .point(Position { ms, x, y, buttons })
            .expect("what the test itself made");
        writer.flush(press).expect("what the test itself made");
    }
    writer
}

fn record(folder: &Path, id: u128, started: u64) -> Found {
    let mut press = Press::new().expect("what the test itself made");
    let writer = begin(folder, facts(id, started), &mut press);
    let name = writer.name();
    let end = End {
        ending: Ending::Whole,
        reason: "viewer-closed".into(),
        ms: 3000,
    };
    writer
        .finish(&end, &mut press)
        .expect("what the test itself made");
    Found {
        name,
        finished: true,
    }
}

fn stream(folder: &Path, found: &Found) -> Vec<u8> {
    let mut reader = Folder::new(folder)
        .read(found)
        .expect("what the test itself made");
    let mut out = Vec::new();
    while let Some(frame) = reader.next_frame().expect("what the test itself made") {
        out.extend_from_slice(frame.raw);
    }
    out
}

fn run(words: &[&str]) -> Output {
    portway().run(&[&["recording"], words].concat())
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("what the test itself made")
}

fn error(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr.clone()).expect("what the test itself made")
}

#[test]
fn recordings_are_listed_and_told_about() {
    let scratch = Scratch::new("recordings");
    let folder = scratch.path().to_str().expect("what the test itself made");
    assert_eq!(text(&run(&["list", folder])), "no recordings\n");
    record(scratch.path(), 0xab << 120, 1_795_851_763);
    record(scratch.path(), 0xcd << 120, 1_795_851_999);
    let list = text(&run(&["list", folder]));
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(
        lines[0].starts_with("ID            STARTED (UTC)"),
        "{list}"
    );
    assert!(lines[1].starts_with("cd0000000000  2026-11-28 07:46:39  0:00:03"));
    assert!(lines[2].contains("whole  ann   desk"), "{list}");
    let json = text(&run(&["list", folder, "--json", "user=nobody"]));
    assert_eq!(json, "[]\n");
    let json = text(&run(&["info", folder, "ab", "--json"]));
    assert!(json.contains("\"target\":\"10.1.2.3:5900\""), "{json}");
    let info = text(&run(&["info", folder, "ab"]));
    assert!(info.contains("ended by  viewer-closed\n"), "{info}");
    assert!(info.contains("title     Desk?[2J <b>\n"), "{info}");
    assert!(error(&run(&["info", folder, "x"])).contains("there is no recording \"x\""));
    assert!(error(&run(&["info", folder, ""])).contains("several recordings"));
    assert!(error(&run(&["list", "/nowhere"])).contains("\"/nowhere\" is not a folder"));
    assert!(error(&run(&["list"])).contains("needs a folder"));
}

#[test]
fn what_was_altered_or_cut_short_is_told_by_the_exit_code() {
    let scratch = Scratch::new("recordings");
    let folder = scratch.path().to_str().expect("what the test itself made");
    let one = record(scratch.path(), 1, 1000);
    let whole = run(&["verify", folder]);
    assert_eq!(whole.status.code(), Some(0));
    let seal = text(&whole)
        .trim()
        .rsplit(' ')
        .next()
        .expect("what the test itself made")
        .to_owned();
    let id = one.name.id.to_string();
    let kept = run(&["verify", folder, &id, &format!("seal={seal}")]);
    assert_eq!(kept.status.code(), Some(0));
    let other = run(&["verify", folder, &id, &format!("seal={}", "0".repeat(64))]);
    assert_eq!(other.status.code(), Some(2));

    drop(begin(
        scratch.path(),
        facts(2, 2000),
        &mut Press::new().expect("what the test itself made"),
    ));
    let cut = run(&["verify", folder]);
    assert_eq!(cut.status.code(), Some(3));
    assert!(text(&cut).contains(
        "cut short after 0:00:02: what came then is not in it; unaltered up to there, not finished"
    ));
    let pruned = text(&run(&["prune", folder]));
    assert!(
        pruned.contains("2 was cut short; mended\n0 recordings removed"),
        "{pruned}"
    );

    let data = Folder::new(scratch.path()).path_of(&one.name, Part::Data);
    let mut bytes = std::fs::read(&data).expect("what the test itself made");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&data, bytes).expect("what the test itself made");
    let altered = run(&["verify", folder]);
    assert_eq!(altered.status.code(), Some(2));
    assert!(text(&altered).contains("ALTERED: "), "{}", text(&altered));
}

#[test]
fn recordings_leave_the_folder_as_streams_and_pictures() {
    let scratch = Scratch::new("recordings");
    let folder = scratch.path().to_str().expect("what the test itself made");
    let found = record(scratch.path(), 7, 1000);
    let id = found.name.id.to_string();
    let exported = run(&["export", folder, &id]).stdout;
    assert!(exported.starts_with(fbs::MAGIC));
    assert_eq!(exported, stream(scratch.path(), &found));
    for (at, pixel) in [
        ("at=0s", [0; 4]),
        ("at=1500ms", [255, 0, 0, 255]),
        ("at=9s", [0, 0, 255, 255]),
    ] {
        let out = scratch.path().join("out.png");
        let made = run(&[
            "picture",
            folder,
            &id,
            at,
            "-o",
            out.to_str().expect("what the test itself made"),
        ]);
        assert_eq!(made.status.code(), Some(0), "{made:?}");
        let pixels = vec![pixel; 8];
        let screen =
            picture::Framebuffer::from_pixels(4, 2, pixels).expect("what the test itself made");
        assert_eq!(
            std::fs::read(&out).expect("what the test itself made"),
            picture::encode_png(&screen),
            "{at}"
        );
    }
}

#[test]
fn what_is_deleted_or_old_is_gone() {
    let scratch = Scratch::new("recordings");
    let folder = scratch.path().to_str().expect("what the test itself made");
    for id in 1..=3 {
        record(scratch.path(), id << 124, id as u64 * 1000);
    }
    assert_eq!(run(&["delete", folder, "1"]).status.code(), Some(0));
    assert!(error(&run(&["delete", folder, "2", "1"])).contains("there is no recording \"1\""));
    assert!(text(&run(&["prune", folder, "keep=1000d"])).starts_with("2 recordings removed"));
    assert_eq!(
        std::fs::read_dir(scratch.path())
            .expect("what the test itself made")
            .count(),
        0
    );
}

// The files are those of whoever runs the test.
const CONF: &str = "user root; events { } http { access_log off;
    server { listen 127.0.0.1:%PORT%;
        location /rec/ { vnc_recordings recordings; vnc_role $arg_role; }
        location /open/ { vnc_recordings %DIR%/recordings; } } }";

struct Stage {
    server: Server,
}

impl Stage {
    fn new() -> Self {
        let server = Setup::new(CONF).start(&portway());
        Self { server }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.server.files().path().join("recordings")
    }

    fn ask(&self, method: &str, path: &str, fields: &str) -> Response {
        let mut conn = self.server.connect();
        let addr = self.server.addr();
        conn.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{fields}\r\n"
        ));
        conn.response_to(method)
    }

    fn get(&self, path: &str) -> Response {
        self.ask("GET", path, "")
    }
}

#[test]
fn a_location_lists_its_recordings() {
    let stage = Stage::new();
    let empty = stage.get("/open/recordings.json");
    assert_eq!(
        empty.text(),
        "{\"role\":\"admin\",\"user\":null,\"sign_out\":false,\"recordings\":[],\"total\":0,\"bytes\":0}"
    );
    assert_eq!(empty.field("cache-control"), Some("no-store"));
    for id in 1..=5 {
        record(&stage.folder(), id, id as u64 * 100);
    }
    let ids = |path: &str| {
        let text = stage.get(path).text();
        let parts = text.split("\"id\":\"").skip(1);
        let ids: Vec<_> = parts
            .map(|part| part[..32].trim_start_matches('0').to_owned())
            .collect();
        (ids.join(" "), text)
    };
    let (all, text) = ids("/open/recordings.json");
    assert_eq!(all, "5 4 3 2 1");
    assert!(text.contains("\"total\":5"), "{text}");
    assert!(
        !text.contains("10.1.2.3"),
        "where machines are is not for everybody"
    );
    assert_eq!(ids("/open/recordings.json?limit=2").0, "5 4");
    assert_eq!(ids("/open/recordings.json?before=400&limit=2").0, "3 2");
    assert_eq!(ids("/open/recordings.json?user=ann").0, "4 2");
    assert_eq!(ids("/open/recordings.json?desktop=desk3").0, "3");
    assert_eq!(stage.get("/open/recordings.json?before=x").status, 400);
    assert_eq!(stage.get("/rec/recordings.json?role=none").status, 403);
    assert_eq!(stage.get("/rec/recordings.json?role=view").status, 200);
}

#[test]
fn a_location_gives_out_what_a_player_needs() {
    let stage = Stage::new();
    let found = record(&stage.folder(), 7, 1000);
    let id = found.name.id;
    let expected = stream(&stage.folder(), &found);
    let data = stage.get(&format!("/open/{id}/data"));
    assert_eq!(data.body, expected);
    assert_eq!(data.field("content-type"), Some("application/octet-stream"));
    let length = expected.len().to_string();
    assert_eq!(data.field("content-length"), Some(length.as_str()));
    let file = stage.get(&format!("/open/{id}.fbs"));
    assert_eq!(file.body, expected);
    let name = format!("attachment; filename=\"{id}.fbs\"");
    assert_eq!(file.field("content-disposition"), Some(name.as_str()));
    let pointer = |from: &str| stage.get(&format!("/open/{id}/pointer{from}")).body;
    assert_eq!(pointer("").len(), 18);
    assert_eq!(pointer("?from_ms=1001"), [0, 0, 0x07, 0xd0, 0, 3, 0, 1, 0]);
    let info = stage.get(&format!("/open/{id}/info.json")).text();
    assert!(
        info.contains("\"state\":\"whole\"") && info.contains("\"pointer\":true"),
        "{info}"
    );
    assert!(info.contains("10.1.2.3"), "{info}");
    let info = stage.get(&format!("/rec/{id}/info.json?role=view")).text();
    assert!(!info.contains("10.1.2.3"), "{info}");
    assert!(info.contains("\"activity\":[]"), "{info}");
    let moment = stage.get(&format!("/open/{id}/picture?at_ms=1500&width=2"));
    assert_eq!(moment.field("content-type"), Some("image/png"));
    let pixels = vec![[255, 0, 0, 255]; 2];
    let screen =
        picture::Framebuffer::from_pixels(2, 1, pixels).expect("what the test itself made");
    assert_eq!(moment.body, picture::encode_png(&screen));
    let head = stage.ask("HEAD", &format!("/open/{id}.fbs"), "");
    assert_eq!((head.status, head.body.len()), (200, 0));
    let none = "0".repeat(32);
    for (path, status) in [
        (format!("/open/{none}/data"), 404),
        (format!("/open/{none}.fbs"), 404),
        (format!("/open/{id}/pointer?from_ms=x"), 400),
        (format!("/open/{id}/nothing"), 404),
        (format!("/open/..%2f{id}/data"), 404),
        ("/open/recordings/".into(), 404),
    ] {
        assert_eq!(stage.get(&path).status, status, "{path}");
    }
    assert_eq!(
        stage
            .ask("POST", &format!("/open/{id}/data"), "Content-Length: 0\r\n")
            .status,
        405
    );
}

#[test]
fn a_stream_from_the_middle_begins_with_the_picture_of_the_moment() {
    let stage = Stage::new();
    let id = record(&stage.folder(), 7, 1000).name.id;
    let part = stage.get(&format!("/open/{id}/data?from_ms=1500"));
    assert_eq!((part.status, part.field("content-length")), (200, None));
    let mut rest = &part.body[..];
    fbs::take_magic(&mut rest).expect("FBS");
    let mut blocks = Vec::new();
    while let Some(block) = fbs::take(&mut rest).expect("FBS") {
        blocks.push(block);
    }
    let times: Vec<u32> = blocks.iter().map(|block| block.ms).collect();
    assert_eq!(times, [1500, 1500, 2000, 3000]);
    let handshake = blocks[0].data;
    assert_eq!(handshake[..20], *b"RFB 003.003\n\0\0\0\x01\0\x04\0\x02");
    let format = handshake[20..36].try_into().expect("a pixel format");
    let format = picture::PixelFormat::parse(format).expect("a pixel format");
    let limits = picture::Limits::default();
    let mut decoder = picture::Decoder::new(4, 2, format, limits).expect("a screen");
    for (block, pixel) in [(1, [255, 0, 0, 255]), (2, [0, 0, 255, 255])] {
        decoder.handle(blocks[block].data).expect("an update");
        assert!(
            decoder
                .screen()
                .pixels()
                .iter()
                .all(|shown| *shown == pixel)
        );
    }
    let late = stage.get(&format!("/open/{id}/data?from_ms=99999"));
    assert_eq!(late.status, 200);
    assert!(late.body.starts_with(fbs::MAGIC));
    assert_eq!(
        stage.get(&format!("/open/{id}/data?from_ms=-1")).status,
        400
    );
}

#[test]
fn only_an_admin_of_the_same_site_deletes() {
    let stage = Stage::new();
    let id = record(&stage.folder(), 7, 1000).name.id;
    let delete = |query: &str, fields: &str| {
        let fields = format!("Content-Length: 0\r\n{fields}");
        stage
            .ask("POST", &format!("/rec/{id}/delete{query}"), &fields)
            .status
    };
    assert_eq!(
        stage.get(&format!("/rec/{id}/delete?role=admin")).status,
        405
    );
    assert_eq!(delete("?role=control", ""), 403);
    assert_eq!(
        delete("?role=admin", "Origin: http://evil.example\r\n"),
        403
    );
    assert_eq!(delete("?role=admin", "Sec-Fetch-Site: cross-site\r\n"), 403);
    assert_eq!(
        delete("?role=admin", "Sec-Fetch-Site: same-origin\r\n"),
        200
    );
    assert_eq!(delete("?role=admin", ""), 404);
    stage.server.wait_error_log(&format!(
        "recording of session {id} is deleted by 127.0.0.1"
    ));
    assert_eq!(
        std::fs::read_dir(stage.folder())
            .expect("what the test itself made")
            .count(),
        0
    );

    let mut press = Press::new().expect("what the test itself made");
    let live = begin(&stage.folder(), facts(8, 2000), &mut press);
    let path = format!("/open/{}", live.name().id);
    let fields = "Content-Length: 0\r\n";
    assert_eq!(
        stage.ask("POST", &format!("{path}/delete"), fields).status,
        409
    );
    let data = stage.get(&format!("{path}/data"));
    assert_eq!((data.status, data.field("content-length")), (200, None));
    assert!(data.body.starts_with(fbs::MAGIC));
    let info = stage.get(&format!("{path}/info.json")).text();
    assert!(
        info.contains("\"state\":\"live\"") && info.contains("\"duration_s\":2"),
        "{info}"
    );
}

#[test]
fn a_damaged_recording_ends_where_it_is_damaged_and_hides_no_other() {
    let stage = Stage::new();
    let bad = record(&stage.folder(), 1, 1000);
    record(&stage.folder(), 2, 2000);
    let folder = Folder::new(stage.folder());
    std::fs::write(folder.path_of(&bad.name, Part::Sidecar), "{")
        .expect("what the test itself made");
    let list = stage.get("/open/recordings.json").text();
    assert!(list.contains("\"total\":1"), "{list}");
    stage.server.wait_error_log("not a sidecar");
    assert_eq!(
        stage
            .get(&format!("/open/{}/info.json", bad.name.id))
            .status,
        500
    );
}
