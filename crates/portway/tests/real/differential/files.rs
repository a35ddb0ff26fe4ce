//! The files that both servers serve, with the same times.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use testkit::Setup;

/// 2020-09-13 12:26:40 UTC, the modification time of every file.
const MODIFIED: Duration = Duration::from_secs(1_600_000_000);

/// Puts the document root beside the configuration.
pub fn write(setup: Setup) -> Setup {
    let big: String = (0..20_000).map(|number| format!("{number:05}\n")).collect();
    let setup = setup
        .file("html/index.html", "the index\n")
        .file("html/a.txt", "0123456789")
        .file("html/empty.txt", "")
        .file("html/big.txt", big)
        .file("html/page.html", "<p>a page</p>\n")
        .file("html/style.css", "p { color: red }\n")
        .file("html/data.json", "{}\n")
        .file("html/unknown.zzz", "unknown\n")
        .file("html/no-extension", "plain\n")
        .file("html/sp ace.txt", "space\n")
        .file("html/50%.txt", "percent\n")
        .file("html/ünïcode.txt", "unicode\n")
        .file("html/dir/index.html", "index of dir\n")
        .file("html/dir/b.txt", "b\n")
        .file("html/dir/deep/c.txt", "c\n")
        .file("html/noindex/d.txt", "d\n")
        .file("html/secret.txt", "nobody reads this\n")
        .file("html/errors/404.html", "our 404\n")
        .file("html/errors/50x.html", "our 50x\n")
        .file("other/index.html", "the other index\n")
        .file("other/a.txt", "other a\n")
        .file("other/x/y.txt", "other y\n");
    for directory in [
        "html",
        "html/dir",
        "html/dir/deep",
        "html/noindex",
        "html/errors",
        "other",
    ] {
        set_times(&setup.path().join(directory));
    }
    let secret = setup.path().join("html/secret.txt");
    fs::set_permissions(secret, fs::Permissions::from_mode(0o600)).expect("mode set");
    setup
}

fn set_times(directory: &std::path::Path) {
    for entry in fs::read_dir(directory).expect("directory read").flatten() {
        if entry.path().is_file() {
            let file = File::options()
                .append(true)
                .open(entry.path())
                .expect("file opened");
            file.set_modified(SystemTime::UNIX_EPOCH + MODIFIED)
                .expect("time set");
        }
    }
}
