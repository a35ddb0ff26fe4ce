//! The programs that the tests need besides Rust and Node, and getting them.

use std::path::Path;

use crate::report::Count;
use crate::run::{command, quiet, show};

/// Debian's package, and a file or program by which its presence is known.
const PACKAGES: &[(&str, &str)] = &[
    ("build-essential", "cc"),
    ("busybox-static", "busybox"),
    ("chromium", "chromium"),
    ("cpio", "cpio"),
    ("curl", "curl"),
    ("iproute2", "ip"),
    ("nginx-light", "nginx"),
    ("novnc", "/usr/share/novnc/vnc.html"),
    ("openssl", "openssl"),
    ("procps", "ps"),
    ("python3", "python3"),
    ("qemu-system-x86", "qemu-system-x86_64"),
    ("redis-server", "redis-server"),
    ("slowhttptest", "slowhttptest"),
    ("testssl.sh", "testssl"),
    ("tightvncserver", "Xtightvnc"),
    ("tigervnc-standalone-server", "Xtigervnc"),
    ("tigervnc-tools", "tigervncpasswd"),
    ("websockify", "websockify"),
    ("x11-apps", "xwd"),
    ("x11-utils", "xev"),
    ("x11-xserver-utils", "xsetroot"),
    ("x11vnc", "x11vnc"),
    ("xclip", "xclip"),
    ("xdotool", "xdotool"),
    ("xfonts-base", "/usr/share/fonts/X11/misc"),
    ("xterm", "xterm"),
    ("xvfb", "Xvfb"),
    ("xz-utils", "xz"),
];

/// What cannot be had from Debian in the version needed.
const TOOLCHAIN: &[(&str, &str)] = &[
    ("cargo --version", "Rust: https://rustup.rs"),
    (
        "cargo fmt --version",
        "rustfmt: rustup component add rustfmt",
    ),
    (
        "cargo clippy --version",
        "clippy: rustup component add clippy",
    ),
    (
        "node --version",
        "Node.js 20.12 or newer: https://nodejs.org",
    ),
    ("npm --version", "npm: it comes with Node.js"),
    ("git --version", "git"),
];

/// Sees to it that everything is there: installs what is missing when it may, otherwise says what
/// to do and fails.
pub fn provide() -> Count {
    let toolchain = TOOLCHAIN
        .iter()
        .filter(|(words, _)| !quiet(&mut command(words)).success);
    let absent: Vec<&str> = toolchain.map(|(_, what)| *what).collect();
    if !absent.is_empty() {
        println!("missing:\n  {}", absent.join("\n  "));
        return Count::one(false);
    }
    let packages = missing();
    if packages.is_empty() {
        return Count::one(true);
    }
    println!("missing packages: {}", packages.join(" "));
    if !may_install() {
        println!(
            "run: apt-get install --no-install-recommends {}",
            packages.join(" ")
        );
        return Count::one(false);
    }
    Count::one(install(&packages))
}

fn missing() -> Vec<&'static str> {
    let absent = PACKAGES.iter().filter(|(_, sign)| !present(sign));
    absent.map(|(package, _)| *package).collect()
}

/// Whether a program is on the path (or in `/usr/sbin`), or a file exists.
pub fn present(sign: &str) -> bool {
    if sign.starts_with('/') {
        return Path::new(sign).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).chain([Path::new("/usr/sbin").to_owned()]);
    places.any(|place| place.join(sign).is_file())
}

fn may_install() -> bool {
    present("apt-get") && quiet(&mut command("id -u")).output.trim() == "0"
}

fn install(packages: &[&str]) -> bool {
    let mut install = command("apt-get install -y --no-install-recommends");
    install
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive");
    // Lists may be absent (a container image) or old: ask for new ones once, and only when needed.
    if show(&mut command("apt-get update")).success && show(&mut install).success {
        let still = missing();
        println!(
            "{}",
            if still.is_empty() {
                "installed"
            } else {
                "still missing some"
            }
        );
        return still.is_empty();
    }
    false
}
