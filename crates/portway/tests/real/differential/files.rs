//! The files that both servers serve, with the same times.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use testkit::Setup;

mod includes;

/// `unpacked`, compressed.
const PACKED: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x2b, 0xcd, 0x2b, 0x48, 0x4c, 0xce,
    0x4e, 0x4d, 0xe1, 0x02, 0x00, 0x80, 0x1f, 0x71, 0x2b, 0x09, 0x00, 0x00, 0x00,
];

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
        .file("html/list/a.txt", "a\n")
        .file("html/list/B.txt", "BB\n")
        .file("html/list/sp ace & <odd>.txt", "odd\n")
        .file("html/list-unicode/ünï.txt", "unicode\n")
        .file("html/list/.hidden", "hidden\n")
        .file(
            "html/list/a-very-long-name-that-does-not-fit-into-the-column-of-names.txt",
            "long\n",
        )
        .file("html/list/big.bin", vec![b'x'; 3 << 20])
        .file("html/list/deep/c.txt", "c\n")
        .file("html/latin.html", b"<p>caf\xe9 \xfc \xdf</p>\n")
        .file("html/packed.txt", "unpacked\n")
        .file("html/packed.txt.gz", PACKED)
        .file("html/only-packed.txt.gz", PACKED)
        .file("other/index.html", "the other index\n")
        .file("other/a.txt", "other a\n")
        .file("other/x/y.txt", "other y\n");
    let setup = includes::PAGES.iter().fold(setup, |setup, (name, text)| {
        setup.file(&format!("html/ssi/{name}.shtml"), text)
    });
    for directory in [
        "html",
        "html/dir",
        "html/dir/deep",
        "html/noindex",
        "html/list",
        "html/list/deep",
        "html/list-unicode",
        "html/ssi",
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
        // A listing shows when directories changed, too.
        let is_dir = entry.path().is_dir();
        if is_dir {
            let directory = File::open(entry.path()).expect("directory opened");
            directory
                .set_modified(SystemTime::UNIX_EPOCH + MODIFIED)
                .expect("time set");
        } else {
            let file = File::options()
                .append(true)
                .open(entry.path())
                .expect("file opened");
            file.set_modified(SystemTime::UNIX_EPOCH + MODIFIED)
                .expect("time set");
        }
    }
}
