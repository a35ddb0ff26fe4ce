//! Recordings of hours in the player, and what a page says when a disk is full.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use recording::index::Indexer;
use recording::{End, Ending, Folder, Found, Part};
use testkit::Setup;
use testkit::desktop::Access;

use super::{BLUE, CONF, RECORDED, RED, SQUARE, begin, update, wait_state};
use crate::e2e::pages::url;
use crate::e2e::stage::{browser, tigervnc};
use crate::support::portway;

/// How long the long recording's session is.
const HOURS: u32 = 4;

/// Milliseconds between its updates.
const EVERY_MS: u32 = 250;

/// Hours in which something small changes four times a second, and at their very end the square.
fn record_hours(folder: &Path) -> Found {
    let desktop = demo::Desktop::new(demo::Options::default());
    let (mut writer, mut press) = begin(folder, desktop.size());
    let (width, height) = desktop.size();
    let whole = update([0, 0, width, height], desktop.picture().into_iter());
    let red = update(SQUARE, std::iter::repeat_n(RED, 300 * 200));
    let mut write = |ms: u32, bytes: &[u8]| writer.append(ms, bytes, &mut press).expect("written");
    write(0, &whole);
    write(0, &red);
    // What does not compress: about 1 KiB of it in each update.
    let mut state = 1_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let [red, green, blue, ..] = state.to_be_bytes();
        [red, green, blue]
    };
    let end_ms = HOURS * 3_600_000;
    for (at, ms) in (EVERY_MS..end_ms).step_by(EVERY_MS as usize).enumerate() {
        let (x, y) = ((at * 16 % 480) as u16, (at / 30 * 16 % 128) as u16);
        let small = [x, y, 16, 16];
        let pixels: Vec<_> = std::iter::repeat_with(&mut noise).take(256).collect();
        write(ms, &update(small, pixels.into_iter()));
    }
    write(
        end_ms,
        &update(SQUARE, std::iter::repeat_n(BLUE, 300 * 200)),
    );
    let name = writer.name();
    let end = End {
        ending: Ending::Whole,
        reason: "viewer-gone".to_owned(),
        ms: end_ms,
    };
    writer.finish(&end, &mut press).expect("finished");
    let found = Found {
        name,
        finished: true,
    };
    let folder = Folder::new(folder);
    let mut indexer = Indexer::open(&folder, &found).expect("an index");
    while !indexer.step().expect("an index") {}
    found
}

#[test]
fn a_recording_of_hours_is_seen_at_once_and_its_end_is_near() {
    let setup = Setup::new(CONF);
    let folder = setup.path().join("recordings");
    let found = record_hours(&folder);
    let bytes = std::fs::metadata(Folder::new(&folder).path_of(&found.name, Part::Data))
        .expect("its data")
        .len();
    assert!(bytes > 40 << 20, "{bytes} bytes are no long recording");
    let server = setup.start(&portway());
    let mut browser = browser();
    browser.open(&url(&server, "recordings/"));
    let begun = Instant::now();
    browser.click_on(".name-button");
    browser.wait_pixel(600, 200, RED);
    let first = begun.elapsed();
    browser.press("k");
    wait_state(&mut browser, "paused");
    let begun = Instant::now();
    browser.press("End");
    browser.wait_pixel(600, 200, BLUE);
    let end = begun.elapsed();
    browser.wait("document.querySelector('.time').textContent.startsWith('4:00:00')");
    eprintln!("{bytes} bytes: first picture {first:?}, its end {end:?}");
    // Of what is fetched for the end, most is one picture.
    let fetched = browser.evaluate(
        "String(Math.max(...performance.getEntriesByType('resource')
            .filter((entry) => entry.name.includes('from_ms=14400000'))
            .map((entry) => entry.encodedBodySize)))",
    );
    let fetched: u64 = fetched.parse().expect("the size of what was fetched");
    assert!(
        (1000..8 << 20).contains(&fetched),
        "{fetched} bytes fetched"
    );
}

#[test]
fn a_full_disk_is_told_to_the_person_whose_session_goes_on() {
    let (desktop, target) = tigervnc(Access::Open);
    desktop.fill("#204060");
    let server = Setup::new(RECORDED)
        .small_disk("recordings", 1 << 20)
        .with("TARGET", target)
        .start(&portway());
    let mut browser = browser();
    browser.open(&url(&server, ""));
    browser.wait_pixel(700, 500, [0x20, 0x40, 0x60]);
    browser.wait_text("This session is recorded");
    let mut others = std::fs::File::create(server.inside("recordings/others")).expect("a file");
    while others.write_all(&[7; 4096]).is_ok() {}
    // What comes now is written within five seconds, or not.
    let _terminal = desktop.terminal(
        "60x10+20+20",
        "while sleep 0.1; do head -c 400 /dev/urandom | base64; done",
    );
    browser.wait_text("This session is not recorded any more");
    desktop.fill("#a0c040");
    browser.wait_pixel(700, 500, [0xa0, 0xc0, 0x40]);
}
