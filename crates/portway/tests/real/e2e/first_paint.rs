//! What a page fetches before it shows something: little, packed, and nothing twice.

use testkit::Setup;
use testkit::browser::Browser;

use super::page::Viewer;
use super::pages::{demo_desktop, url};
use super::stage::browser;
use crate::support::portway;

const CONF: &str = "user root; events { } http { access_log off;
    vnc_desktop office %DEMO% { vnc_title Office; }
    server { listen 127.0.0.1:%PORT%;
        location /desktops/ { vnc_wall all; }
        location /sessions/ { vnc_status; }
        location /recordings/ { vnc_recordings %DIR%/kept; }
        location /door/ {
            auth_basic Desktops; auth_basic_user_file %DIR%/users; vnc_login on; vnc_wall all;
        } } }";

/// Each file that the page has asked for: path, bytes over the network, bytes as sent, as unpacked.
const FETCHED: &str = "performance.getEntriesByType('resource').map((entry) =>
    [new URL(entry.name).pathname, entry.transferSize, entry.encodedBodySize, entry.decodedBodySize]
    .join(' ')).join('\\n')";

/// A file below this size is sent as it is.
const PACKED_BYTES_MIN: u64 = 256;

#[derive(Debug)]
struct Fetched {
    path: String,
    transferred: u64,
    sent: u64,
    unpacked: u64,
}

impl Fetched {
    fn is_of_the_page(&self) -> bool {
        self.path.contains("/assets/")
    }
}

fn fetched(browser: &mut Browser) -> Vec<Fetched> {
    let lines = browser.evaluate(FETCHED);
    let entry = |line: &str| {
        let mut words = line.split(' ');
        let path = words.next()?.to_owned();
        let mut number = || words.next()?.parse().ok();
        Some(Fetched {
            path,
            transferred: number()?,
            sent: number()?,
            unpacked: number()?,
        })
    };
    let read = |line| entry(line).unwrap_or_else(|| panic!("{line:?} in {lines}"));
    lines.lines().map(read).collect()
}

/// Folder, what the page shows when it is there, files of it and their bytes at most.
const PAGES: [(&str, &str, usize, u64); 5] = [
    ("door/", "to the desktops of", 3, 12_000),
    ("desktops/", "1 desktop", 3, 20_000),
    ("sessions/", "Nobody is connected", 3, 20_000),
    ("recordings/", "Nothing is recorded yet", 6, 24_000),
    ("desktops/office/", "Connected to", 6, 95_000),
];

#[test]
fn a_page_fetches_little_and_only_once() {
    let server = Setup::new(CONF)
        .with("DEMO", demo_desktop())
        .file("users", "ann:{PLAIN}secret\n")
        .start(&portway());
    let mut browser = browser();
    for (folder, shown, files_max, bytes_max) in PAGES {
        let address = url(&server, folder);
        let go = |browser: &mut Browser| {
            browser.open(&address);
            browser.wait(&format!("document.body.textContent.includes({shown:?})"));
            if folder.ends_with("office/") {
                Viewer::wait_connected(browser);
            }
        };
        go(&mut browser);
        let all = fetched(&mut browser);
        let files: Vec<&Fetched> = all.iter().filter(|one| one.is_of_the_page()).collect();
        let bytes: u64 = files.iter().map(|one| one.sent).sum();
        assert!(
            files.len() <= files_max && bytes <= bytes_max,
            "{folder}: {bytes} bytes in {files:#?}"
        );
        for file in &files {
            assert!(!file.path.contains("/zh-"), "{folder} fetches Chinese");
            assert!(
                file.unpacked < PACKED_BYTES_MIN || file.sent < file.unpacked,
                "{file:?} is not packed"
            );
        }
        go(&mut browser);
        for file in fetched(&mut browser) {
            assert!(
                !file.is_of_the_page() || file.transferred == 0,
                "{folder}: {file:?} came again"
            );
        }
    }
}
