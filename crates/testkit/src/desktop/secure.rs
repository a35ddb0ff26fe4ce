//! VNC servers that ask who comes: every security type that Debian's servers have.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Place, password_file, wait_display};
use crate::Scratch;
use crate::ports::free_display;
use crate::process::Process;
use crate::tls::Certs;

/// Whom TigerVNC lets in, by any of its security types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secure<'a> {
    /// What `-SecurityTypes` says.
    pub types: &'a str,
    /// The only user.
    pub user: &'a str,
    /// The user's password; the first eight bytes are that of VNC authentication.
    pub password: &'a str,
    /// The certificate, in PEM.
    pub certificate: &'a Path,
    /// Its key.
    pub key: &'a Path,
    /// So many failures make it block an address.
    pub failures: u32,
}

impl Secure<'_> {
    /// The program, which believes that the user's password stands in `pam.d`: what is seen there
    /// is its own.
    pub(super) fn command(&self, place: &Place<'_>, scratch: &Scratch) -> Command {
        let check = scratch.write(
            "check",
            format!(
                "#!/bin/sh\nread -r password\n[ \"$PAM_USER\" = '{}' ] && [ \"$password\" = '{}' ]\n",
                self.user, self.password
            ),
        );
        fs::set_permissions(&check, fs::Permissions::from_mode(0o755)).expect("its own file");
        let rules = scratch.path().join("pam.d");
        fs::create_dir(&rules).expect("a folder");
        let service = format!(
            "auth required pam_exec.so expose_authtok quiet {}\naccount required pam_permit.so\n",
            check.display()
        );
        fs::write(rules.join("vnc"), service).expect("its own folder");
        let mut command = place.command("unshare");
        let inside = "mount --bind \"$0\" /etc/pam.d && exec \"$@\"";
        command.args(["--mount", "sh", "-c", inside]);
        command.arg(rules).arg("Xtigervnc");
        command
    }

    /// The arguments that say who may come in.
    pub(super) fn arguments(&self, command: &mut Command, scratch: &Scratch) {
        let eight = self.password.get(..8).unwrap_or(self.password);
        command.args(["-SecurityTypes", self.types, "-PlainUsers", self.user]);
        command
            .arg("-PasswordFile")
            .arg(password_file(scratch, eight));
        command.arg("-X509Cert").arg(self.certificate);
        command.arg("-X509Key").arg(self.key);
        command.arg(format!("-BlacklistThreshold={}", self.failures));
    }
}

/// TightVNC's old server: types 2 and 16. The X server and VNC server in one.
#[must_use]
pub fn tightvnc(place: Place<'_>, password: &str) -> (Process, Scratch) {
    let (scratch, display) = (Scratch::new("tightvnc"), free_display());
    let mut command = place.command("Xtightvnc");
    command.arg(format!(":{display}"));
    command.args(["-geometry", "640x480", "-depth", "24", "-localhost", "-ac"]);
    command.args(["-rfbport", &place.port.to_string(), "-rfbauth"]);
    command.arg(password_file(&scratch, password));
    let mut process = Process::spawn(&mut command, &scratch.path().join("vnc.log"));
    wait_display(display);
    place.wait_open(&mut process);
    (process, scratch)
}

/// How QEMU shows the screen of a machine that never boots.
#[derive(Debug, Clone, Copy, Default)]
pub struct QemuVnc<'a> {
    /// A port where the same is a WebSocket.
    pub websocket: Option<u16>,
    /// The VNC password.
    pub password: Option<&'a str>,
    /// TLS: with the certificate `server`, and clients' that `ca` signed.
    pub certs: Option<&'a Certs>,
    /// Whether clients must have one.
    pub asks_for_certificate: bool,
}

/// QEMU, with what is not usual about its VNC server. Its monitor is the socket `monitor` in its
/// directory.
#[must_use]
pub fn qemu_with(address: &str, port: u16, how: QemuVnc<'_>) -> (Process, Scratch) {
    let scratch = Scratch::new("qemu");
    let display = port
        .checked_sub(5900)
        .expect("QEMU counts its displays from port 5900");
    let mut command = Command::new("qemu-system-x86_64");
    command.args(["-machine", "pc,accel=tcg", "-m", "64", "-S"]);
    command.args(["-nodefaults", "-vga", "std"]);
    let monitor = scratch.path().join("monitor");
    let monitor = format!("unix:{},server,nowait", monitor.display());
    command.args(["-monitor", &monitor]);
    let mut vnc = format!("vnc={address}:{display}");
    if let Some(port) = how.websocket {
        vnc.push_str(&format!(",websocket={address}:{port}"));
    }
    if let Some(password) = how.password {
        command.args(["-object", &format!("secret,id=v0,data={password}")]);
        vnc.push_str(",password-secret=v0");
    }
    if let Some(certs) = how.certs {
        for (from, to) in [
            ("ca.crt", "ca-cert.pem"),
            ("server.crt", "server-cert.pem"),
            ("server.key", "server-key.pem"),
        ] {
            fs::copy(certs.file(from), scratch.path().join(to)).expect("a file of the test");
        }
        let verify = if how.asks_for_certificate {
            "yes"
        } else {
            "no"
        };
        let folder = scratch.path().display();
        let tls = format!("tls-creds-x509,id=t0,dir={folder},endpoint=server,verify-peer={verify}");
        command.args(["-object", &tls]);
        vnc.push_str(",tls-creds=t0");
    }
    command.args(["-display", &vnc]);
    let mut process = Process::spawn(&mut command, &scratch.path().join("qemu.log"));
    Place {
        host: None,
        address,
        port,
    }
    .wait_open(&mut process);
    (process, scratch)
}

/// What a viewer answers to the challenge of VNC authentication, by Debian's `openssl`: DES with
/// the bits of each byte of the password reversed (RFC 6143 §7.2.2).
///
/// # Panics
/// When `openssl` cannot be run.
#[must_use]
pub fn answer_challenge(password: &str, challenge: &[u8]) -> Vec<u8> {
    let mut key = [0; 8];
    for (place, byte) in key.iter_mut().zip(password.bytes()) {
        *place = byte.reverse_bits();
    }
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut command = Command::new("openssl");
    command.args(["enc", "-provider", "legacy", "-provider", "default"]);
    command.args(["-des-ecb", "-nopad", "-K", &key]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("openssl is installed");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(challenge).expect("openssl reads");
    drop(stdin);
    let output = child.wait_with_output().expect("openssl ends");
    assert_eq!(output.stdout.len(), challenge.len(), "openssl knows DES");
    output.stdout
}
