//! The page of recordings and its player: what was recorded is seen again, at the right moment.

mod long;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use recording::{End, Ending, Facts, Id, Position, Press, Screen, Writer};
use testkit::Setup;
use testkit::browser::Browser;
use testkit::desktop::Access;

use super::page::Viewer;
use super::pages::{assert_good_looking, url};
use super::stage::{browser, tigervnc};
use crate::support::portway;

const CONF: &str = "user root; events { } http { access_log off; server { listen 127.0.0.1:%PORT%;
    location /recordings/ { vnc_recordings %DIR%/recordings; } } }";

/// The format that browsers ask for: 32 bits, red first.
const PIXEL_FORMAT: [u8; 16] = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0];

/// The place that changes: left, top, width, height.
const SQUARE: [u16; 4] = [500, 150, 300, 200];
const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];

/// A rectangle of one update, as its colours are.
fn update([x, y, width, height]: [u16; 4], pixels: impl Iterator<Item = [u8; 3]>) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 1];
    for number in [x, y, width, height, 0, 0] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend(pixels.flat_map(|[red, green, blue]| [red, green, blue, 0]));
    bytes
}

/// Begins a recording of a screen.
fn begin(folder: &Path, (width, height): (u16, u16)) -> (Writer, Press) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let facts = Facts {
        id: Id(7),
        started_ms: now.map(|now| now.as_millis() as u64).unwrap_or_default(),
        user: Some("ann".to_owned()),
        client: "192.0.2.7".to_owned(),
        desktop: "office".to_owned(),
        title: Some("Office".to_owned()),
        target: "192.0.2.10:5900".to_owned(),
        software: "test".to_owned(),
        ..Facts::default()
    };
    let screen = Screen {
        width,
        height,
        pixel_format: PIXEL_FORMAT,
        name: b"Office".to_vec(),
    };
    let mut press = Press::new().expect("zstd");
    let writer = Writer::create(folder, facts, &screen, &mut press).expect("a recording");
    (writer, press)
}

/// Half a minute of a desktop on which a square turns red after two seconds and blue after 25:
/// whoever looks late still finds it red.
fn record(folder: &Path) {
    let desktop = demo::Desktop::new(demo::Options::default());
    let (width, height) = desktop.size();
    let (mut writer, mut press) = begin(folder, (width, height));
    let whole = update([0, 0, width, height], desktop.picture().into_iter());
    let square = |colour| update(SQUARE, std::iter::repeat_n(colour, 300 * 200));
    let blocks = [(0, whole), (2000, square(RED)), (25_000, square(BLUE))];
    for (ms, bytes) in &blocks {
        writer.append(*ms, bytes, &mut press).expect("written");
    }
    for at in 0..50_u16 {
        let position = Position {
            ms: u32::from(at) * 100,
            x: 620 + at * 4,
            y: 330,
            buttons: u8::from(at % 10 == 0),
        };
        writer.point(position).expect("written");
    }
    let end = End {
        ending: Ending::Whole,
        reason: "viewer-gone".to_owned(),
        ms: 30_000,
    };
    writer.finish(&end, &mut press).expect("finished");
}

/// Waits until the player is in a state, or in one of some.
fn wait_state(browser: &mut Browser, states: &str) {
    browser.wait(&format!(
        "{states:?}.split(' ').includes(document.querySelector('.player')?.dataset.state)"
    ));
}

#[test]
fn a_recording_is_found_played_searched_downloaded_and_deleted() {
    let setup = Setup::new(CONF);
    record(&setup.path().join("recordings"));
    let server = setup.start(&portway());
    let mut browser = browser();
    browser.open(&url(&server, "recordings/"));
    browser.wait_text("1 recording");
    browser.wait("document.querySelector('td')?.textContent.includes('Office')");
    assert_good_looking(&mut browser, "recordings");
    browser.click_on(".name-button");
    wait_state(&mut browser, "playing");
    browser.press("k");
    wait_state(&mut browser, "paused");
    browser.press("Home");
    browser.wait("document.querySelector('.time').textContent.startsWith('0:00')");
    wait_state(&mut browser, "paused");
    assert_good_looking(&mut browser, "player");
    assert_ne!(browser.evaluate("pixelAt(600, 200)"), "255,0,0");
    // Forward by five seconds: past the first change; by thirty: past the other.
    browser.press("ArrowRight");
    browser.wait_pixel(600, 200, RED);
    browser.press("Shift+ArrowRight");
    browser.wait_pixel(600, 200, BLUE);
    // Played from the start, the red comes first and the blue later.
    browser.press("Home");
    browser.wait("document.querySelector('.time').textContent.startsWith('0:00')");
    browser.press("k");
    browser.wait_pixel(600, 200, RED);
    for _ in 0..5 {
        browser.press(">");
    }
    browser.wait_pixel(600, 200, BLUE);
    wait_state(&mut browser, "ended");
    assert_eq!(
        browser.evaluate("document.querySelector('.time').textContent"),
        "0:30 / 0:30"
    );
    let begins = browser.evaluate(
        "fetch(document.querySelector('a[download]').href).then((answer) => answer.text())
            .then((text) => text.slice(0, 11))",
    );
    assert_eq!(begins, "FBS 001.001");
    browser.click_on("role=button[name='Back to the list']");
    browser.click_on("tbody .tool.delete");
    browser.assert_accessible();
    browser.click_on("dialog .danger");
    browser.wait_text("Nothing is recorded yet");
    browser.assert_accessible();
    assert_eq!(
        std::fs::read_dir(server.files().path().join("recordings"))
            .expect("the folder")
            .filter(|entry| entry
                .as_ref()
                .is_ok_and(|entry| !entry.file_name().as_encoded_bytes().starts_with(b".")))
            .count(),
        0
    );
}

const RECORDED: &str = "user root; events { } http { access_log off;
    server { listen 127.0.0.1:%PORT%;
        location / { vnc_pass %TARGET%; vnc_title Office; vnc_record %DIR%/recordings; }
        location /recordings/ { vnc_recordings %DIR%/recordings; } } }";

/// A number that depends on every pixel of the picture.
const SUM: &str = "(() => { const c = document.querySelector('canvas'); \
    const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let s = 0; \
    for (let i = 0; i < d.length; i += 4) s = (s * 31 + d[i] + d[i + 1] * 3 + d[i + 2] * 7) | 0; \
    return `${c.width} ${s}`; })()";

#[test]
fn the_end_of_a_replay_is_what_the_person_saw_last() {
    let (desktop, target) = tigervnc(Access::Open);
    desktop.fill("#204060");
    let server = Setup::new(RECORDED)
        .with("TARGET", target)
        .start(&portway());
    let mut browser = browser();
    browser.open(&url(&server, ""));
    browser.wait_pixel(700, 500, [0x20, 0x40, 0x60]);
    browser.wait_told("This session is recorded");
    let written = desktop.files().path().join("written");
    let script = format!("seq 40; touch '{}'; sleep 1000", written.display());
    let _terminal = desktop.terminal("60x10+20+20", &script);
    testkit::wait_true("the terminal's lines", || written.exists());
    desktop.fill("#a0c040");
    browser.wait_pixel(700, 500, [0xa0, 0xc0, 0x40]);
    browser.wait("pixelAt(100, 100) !== '160,192,64'");
    let seen = settled(&mut browser);
    Viewer::disconnect(&mut browser);
    browser.open(&url(&server, "recordings/"));
    browser.click_on(".name-button");
    wait_state(&mut browser, "ended");
    browser.wait(&format!("{SUM} === {seen:?}"));
}

/// The picture stands still when nothing has come for so long; TigerVNC sends what it had sent
/// roughly once more when it has nothing else to do.
const STILL: Duration = Duration::from_secs(2);

/// The picture's sum once it stays the same.
fn settled(browser: &mut Browser) -> String {
    let (mut last, mut since) = (String::new(), Instant::now());
    testkit::wait_for("a picture that stands still", || {
        let sum = browser.evaluate(SUM);
        if sum != last {
            (last, since) = (sum, Instant::now());
        }
        (since.elapsed() >= STILL).then(|| last.clone())
    })
}
