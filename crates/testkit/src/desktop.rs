//! Real desktops: an X server, a VNC server on it, and questions to the X server.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Scratch;
use crate::netns::Host;
use crate::ports::free_display;
use crate::process::{Process, run_ok};
use crate::wait::{wait_for, wait_true};

pub use secure::{QemuVnc, Secure, answer_challenge, qemu_with, tightvnc};

mod secure;

/// Where a VNC server listens.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The host in a box that it runs on; `None` is this machine.
    pub host: Option<&'a Host>,
    /// The address that it binds, which must be one of that host's.
    pub address: &'a str,
    /// The port.
    pub port: u16,
}

impl Place<'_> {
    fn command(&self, program: &str) -> Command {
        self.host
            .map_or_else(|| Command::new(program), |host| host.command(program))
    }

    fn wait_open(&self, server: &mut Process) {
        let probe = format!("exec 3<>/dev/tcp/{}/{}", self.address, self.port);
        wait_true(
            &format!("a VNC server on {}:{}", self.address, self.port),
            || {
                assert!(
                    server.running(),
                    "the VNC server ended:\n{}",
                    server.output()
                );
                let mut shell = self.command("bash");
                shell.args(["-c", &probe]).stderr(Stdio::null());
                shell.status().is_ok_and(|status| status.success())
            },
        );
    }
}

/// How a desktop lets people in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access<'a> {
    /// Without asking.
    Open,
    /// With a VNC password of at most eight bytes.
    Password(&'a str),
    /// As TigerVNC can be told.
    Secure(Secure<'a>),
}

/// An X server that is reachable by VNC.
#[derive(Debug)]
pub struct Desktop {
    display: u16,
    vnc: Process,
    /// The X server, where it is not the VNC server itself.
    _x_server: Option<Process>,
    scratch: Scratch,
}

impl Desktop {
    /// TigerVNC's `Xtigervnc`: X server and VNC server in one, 800 by 600.
    #[must_use]
    pub fn tigervnc(place: Place<'_>, access: Access<'_>) -> Self {
        let (scratch, display) = (Scratch::new("tigervnc"), free_display());
        let mut command = match access {
            Access::Secure(secure) => secure.command(&place, &scratch),
            Access::Open | Access::Password(_) => place.command("Xtigervnc"),
        };
        command.args([
            &format!(":{display}"),
            "-geometry",
            "800x600",
            "-depth",
            "24",
        ]);
        command.args([
            "-rfbport",
            &place.port.to_string(),
            "-interface",
            place.address,
        ]);
        command.args([
            "-localhost=0",
            "-UseIPv6=0",
            "-AlwaysShared=1",
            "-nolisten",
            "tcp",
        ]);
        command.args(["-ac", "-BlacklistThreshold=1000"]);
        match access {
            Access::Open => command.args(["-SecurityTypes", "None"]),
            Access::Password(password) => {
                let file = password_file(&scratch, password);
                command
                    .args(["-SecurityTypes", "VncAuth", "-PasswordFile"])
                    .arg(file)
            }
            Access::Secure(secure) => {
                secure.arguments(&mut command, &scratch);
                &mut command
            }
        };
        let mut vnc = Process::spawn(&mut command, &scratch.path().join("vnc.log"));
        place.wait_open(&mut vnc);
        Self {
            display,
            vnc,
            _x_server: None,
            scratch,
        }
    }

    /// `x11vnc` on an `Xvfb`: a VNC server beside an X server, 640 by 480.
    #[must_use]
    pub fn x11vnc(place: Place<'_>) -> Self {
        Self::x11vnc_with(place, &["-nopw"])
    }

    /// The same with more to say to it: `-nopw`, or how it is entered.
    #[must_use]
    pub fn x11vnc_with(place: Place<'_>, arguments: &[&str]) -> Self {
        let (scratch, display) = (Scratch::new("x11vnc"), free_display());
        let name = format!(":{display}");
        let mut xvfb = Command::new("Xvfb");
        xvfb.args([
            &name,
            "-screen",
            "0",
            "640x480x24",
            "-nolisten",
            "tcp",
            "-ac",
        ]);
        let x_server = Process::spawn(&mut xvfb, &scratch.path().join("x.log"));
        wait_display(display);
        let mut command = place.command("x11vnc");
        command.args([
            "-display",
            &name,
            "-rfbport",
            &place.port.to_string(),
            "-no6",
            "-noipv6",
        ]);
        command.args([
            "-listen",
            place.address,
            "-forever",
            "-shared",
            "-noxdamage",
        ]);
        command.args(arguments);
        let mut vnc = Process::spawn(&mut command, &scratch.path().join("vnc.log"));
        place.wait_open(&mut vnc);
        Self {
            display,
            vnc,
            _x_server: Some(x_server),
            scratch,
        }
    }

    /// TightVNC 1.3's `Xtightvnc`: X server and VNC server in one, 640 by 480.
    #[must_use]
    pub fn tightvnc(place: Place<'_>) -> Self {
        let (scratch, display) = (Scratch::new("tightvnc"), free_display());
        let mut command = place.command("Xtightvnc");
        command.args([
            &format!(":{display}"),
            "-geometry",
            "640x480",
            "-depth",
            "24",
        ]);
        command.args([
            "-rfbport",
            &place.port.to_string(),
            "-interface",
            place.address,
        ]);
        command.args(["-alwaysshared", "-nolisten", "tcp", "-ac"]);
        command.args(["-fp", "/usr/share/fonts/X11/misc"]);
        let mut vnc = Process::spawn(&mut command, &scratch.path().join("vnc.log"));
        place.wait_open(&mut vnc);
        Self {
            display,
            vnc,
            _x_server: None,
            scratch,
        }
    }

    /// The VNC server's process, to kill or to freeze it.
    #[must_use]
    pub fn vnc(&self) -> &Process {
        &self.vnc
    }

    /// A program that talks to this desktop's X server.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", format!(":{}", self.display));
        command
    }

    /// Fills the background with a colour such as `#ff0000`.
    pub fn fill(&self, colour: &str) {
        run_ok(self.command("xsetroot").args(["-solid", colour]));
    }

    /// Starts a terminal at a place, size in characters, that runs `script` with `sh`.
    #[must_use]
    pub fn terminal(&self, geometry: &str, script: &str) -> Process {
        let mut command = self.command("xterm");
        command.args(["-geometry", geometry, "-e", "sh", "-c", script]);
        let terminal = Process::spawn(&mut command, &self.scratch.path().join("terminal.log"));
        wait_for("the terminal's window", || {
            let found = self
                .command("xdotool")
                .args(["search", "--onlyvisible", "--class", "xterm"])
                .output()
                .ok()?;
            found.status.success().then_some(())
        });
        terminal
    }

    /// Where the pointer is.
    #[must_use]
    pub fn pointer(&self) -> (u32, u32) {
        let text = run_ok(
            self.command("xdotool")
                .args(["getmouselocation", "--shell"]),
        );
        let number = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value
                .and_then(|digits| digits.parse().ok())
                .expect("xdotool names both coordinates")
        };
        (number("X="), number("Y="))
    }

    /// The clipboard's text; empty when there is none.
    #[must_use]
    pub fn clipboard(&self) -> String {
        let mut command = self.command("timeout");
        command.args(["2", "xclip", "-selection", "clipboard", "-out"]);
        let output = command.stderr(Stdio::null()).output().expect("xclip runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Puts text on the clipboard; it is offered until the returned process is dropped.
    #[must_use]
    pub fn copy(&self, text: &str) -> Process {
        let file = self.scratch.write("copied", text);
        let mut command = self.command("xclip");
        command
            .args(["-quiet", "-selection", "clipboard", "-in"])
            .arg(file);
        Process::spawn(&mut command, &self.scratch.path().join("xclip.log"))
    }

    /// A directory of this desktop's own, for programs on it to write to.
    #[must_use]
    pub fn files(&self) -> &Scratch {
        &self.scratch
    }
}

/// QEMU with a machine that never boots, whose screen is reachable by VNC.
#[must_use]
pub fn qemu(address: &str, port: u16) -> (Process, Scratch) {
    qemu_with(address, port, QemuVnc::default())
}

/// Writes a file as `vncpasswd` does: eight obfuscated bytes, readable by the owner only.
#[must_use]
pub fn password_file(scratch: &Scratch, password: &str) -> std::path::PathBuf {
    let mut command = Command::new("sh");
    let file = scratch.path().join("passwd");
    command.args([
        "-c",
        "umask 077; printf %s \"$1\" | tigervncpasswd -f > \"$2\"",
        "sh",
        password,
    ]);
    run_ok(command.arg(&file));
    file
}

fn wait_display(display: u16) {
    let socket = format!("/tmp/.X11-unix/X{display}");
    wait_true(&format!("X display {display}"), || {
        Path::new(&socket).exists()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Conn;
    use crate::ports::free_port;

    #[test]
    fn every_kind_of_vnc_server_greets_and_its_desktop_answers() {
        let place = |port| Place {
            host: None,
            address: "127.0.0.1",
            port,
        };
        let ports = [free_port(), free_port(), free_port()];
        let tiger = Desktop::tigervnc(place(ports[0]), Access::Password("secret12"));
        let x11vnc = Desktop::x11vnc(place(ports[1]));
        let _qemu = qemu("127.0.0.1", ports[2]);
        for port in ports {
            let mut client = Conn::open(([127, 0, 0, 1], port).into());
            assert!(client.read_exact(12).starts_with(b"RFB 003.0"));
        }
        for desktop in [tiger, x11vnc] {
            desktop.fill("#ff0000");
            run_ok(desktop.command("xdotool").args(["mousemove", "123", "45"]));
            assert_eq!(desktop.pointer(), (123, 45));
            let _owner = desktop.copy("copied here");
            wait_true("the clipboard", || desktop.clipboard() == "copied here");
        }
    }
}
