//! Real VNC servers whose side is read: every stream is followed to its end, and policies hold.

use std::time::Instant;

use picture::{Decoder, Limits, PixelFormat, encodings as enc};
use testkit::desktop::{Access, Desktop, Place, qemu};
use testkit::ports::free_port;
use testkit::process::Process;
use testkit::ws::Message;
use testkit::{Server, WebSocket, wait_true};

use super::{enter, gateway};

const PSEUDO: [i32; 7] = [
    enc::CURSOR,
    enc::LAST_RECT,
    enc::DESKTOP_SIZE,
    enc::EXTENDED_DESKTOP_SIZE,
    enc::DESKTOP_NAME,
    enc::QEMU_KEY,
    enc::LED_STATE,
];

/// The lowest compression, which makes some servers leave it out.
const COMPRESSION_0: i32 = -256;
const QUALITY_6: i32 = -26;

/// A viewer that understands what it is sent.
struct Viewer {
    socket: WebSocket,
    decoder: Decoder,
    /// What was no update: texts of the clipboard, as sent.
    texts: Vec<u8>,
    /// Pings would go on for ever.
    deadline: Instant,
}

impl Viewer {
    fn open(server: &Server, format: PixelFormat, encodings: &[i32], size: (u16, u16)) -> Self {
        let mut socket = WebSocket::open(server.addr(), "/", "");
        enter(&mut socket);
        let mut out = vec![0, 0, 0, 0];
        out.extend_from_slice(&format.to_bytes());
        out.extend_from_slice(&[2, 0]);
        out.extend_from_slice(&(encodings.len() as u16).to_be_bytes());
        for encoding in encodings {
            out.extend_from_slice(&encoding.to_be_bytes());
        }
        socket.send_binary(&out);
        let decoder = Decoder::new(size.0, size.1, format, Limits::default());
        Self {
            socket,
            decoder: decoder.expect("a screen of a common size"),
            texts: Vec::new(),
            deadline: Instant::now() + testkit::DEADLINE,
        }
    }

    fn request(&mut self, incremental: u8) {
        let screen = self.decoder.screen();
        let size = [screen.width().to_be_bytes(), screen.height().to_be_bytes()];
        let request = [&[3, incremental, 0, 0, 0, 0][..], &size.concat()].concat();
        self.socket.send_binary(&request);
    }

    fn read(&mut self) {
        assert!(Instant::now() < self.deadline, "what was awaited comes");
        match self.socket.recv() {
            Message::Binary(bytes) => {
                self.decoder.handle(&bytes).expect("what can be decoded");
                // Ours come whole and by themselves.
                if bytes.starts_with(&[3]) {
                    self.texts.extend_from_slice(&bytes);
                }
            }
            Message::Ping(payload) => self.socket.send_pong(&payload),
            other => panic!("{other:?}"),
        }
    }

    /// Asks for the screen until so many updates have come and all of it was painted.
    fn look(&mut self, updates: u64) {
        let (first, painted) = (self.decoder.updates(), self.decoder.screen().painted());
        let updates = first + updates;
        let mut is_whole = false;
        while !is_whole || self.decoder.updates() < updates {
            let before = self.decoder.updates();
            // TigerVNC answers a first request with nothing but the screen's size.
            self.request(u8::from(!is_whole && before > first));
            while self.decoder.updates() == before {
                self.read();
            }
            let screen = self.decoder.screen();
            is_whole = screen.painted() - painted >= screen.pixels().len() as u64;
        }
    }

    /// The session lasted until here.
    fn leave(mut self) {
        self.socket.send_close(1000, "");
        assert_eq!(self.socket.recv_close(), Some((1000, String::new())));
    }
}

const BOTH_SIDES: &str =
    "error_log error.log info; location / { vnc_pass %TARGET%; vnc_clipboard off; }";

fn place(port: u16) -> Place<'static> {
    Place {
        host: None,
        address: "127.0.0.1",
        port,
    }
}

fn each_encoding(name: &str, port: u16, size: (u16, u16), updates: u64) {
    let server = gateway(BOTH_SIDES, format!("127.0.0.1:{port}"));
    for encodings in [
        &[enc::RAW][..],
        &[enc::RRE],
        &[enc::CORRE],
        &[enc::HEXTILE],
        &[enc::ZLIB],
        &[enc::TIGHT],
        &[enc::TIGHT, QUALITY_6],
        &[enc::TIGHT_PNG],
        &[enc::ZRLE],
    ] {
        for format in [PixelFormat::RGBX, rgb565()] {
            let is_tight = encodings.contains(&enc::TIGHT) || encodings.contains(&enc::TIGHT_PNG);
            if format != PixelFormat::RGBX && is_tight && name == "qemu" {
                // It has no other than 32 bits there.
                continue;
            }
            println!("{name}: {encodings:?} at {} bits", format.bits_per_pixel);
            let all = [encodings, &PSEUDO].concat();
            let mut viewer = Viewer::open(&server, format, &all, size);
            viewer.look(updates);
            viewer.leave();
        }
    }
}

fn rgb565() -> PixelFormat {
    PixelFormat {
        bits_per_pixel: 16,
        depth: 16,
        big_endian: false,
        true_colour: true,
        max: [31, 63, 31],
        shift: [11, 5, 0],
    }
}

/// Something that changes all the time.
fn busy(desktop: &Desktop) -> Process {
    let script = "while :; do ls -l /usr/bin | head -200; done";
    let mut terminal = desktop.command("xterm");
    terminal.args(["-geometry", "80x24+10+10", "-e", "sh", "-c", script]);
    Process::spawn(&mut terminal, &desktop.files().path().join("terminal.log"))
}

#[test]
fn tigervnc_is_followed_in_every_encoding() {
    let port = free_port();
    let desktop = Desktop::tigervnc(place(port), Access::Open);
    let _terminal = busy(&desktop);
    each_encoding("tigervnc", port, (800, 600), 8);
}

#[test]
fn x11vnc_is_followed_in_every_encoding() {
    let port = free_port();
    let desktop = Desktop::x11vnc(place(port));
    let _terminal = busy(&desktop);
    each_encoding("x11vnc", port, (640, 480), 8);
}

#[test]
fn a_server_that_leaves_compression_out_unasked_is_followed() {
    let port = free_port();
    let desktop = Desktop::x11vnc(place(port));
    let _terminal = busy(&desktop);
    let server = gateway(BOTH_SIDES, format!("127.0.0.1:{port}"));
    let encodings = [enc::TIGHT, QUALITY_6, COMPRESSION_0];
    let mut viewer = Viewer::open(&server, PixelFormat::RGBX, &encodings, (640, 480));
    for _ in 0..10 {
        viewer.request(0);
        viewer.socket.recv_bytes(16);
    }
    viewer.leave();
}

#[test]
fn tightvnc_is_followed_in_every_encoding() {
    let port = free_port();
    let desktop = Desktop::tightvnc(place(port));
    let _terminal = busy(&desktop);
    each_encoding("tightvnc", port, (640, 480), 8);
}

#[test]
fn qemu_is_followed_in_every_encoding() {
    let port = free_port();
    let _machine = qemu("127.0.0.1", port);
    each_encoding("qemu", port, (640, 480), 1);
}

#[test]
fn the_clipboard_goes_where_the_policy_lets_it() {
    let port = free_port();
    let desktop = Desktop::tigervnc(place(port), Access::Open);
    let cut = |text: &str| {
        let len = (text.len() as u32).to_be_bytes();
        [&[6, 0, 0, 0][..], &len, text.as_bytes()].concat()
    };
    for (way, comes_out, goes_in) in [
        ("both", true, true),
        ("both max=1k", true, true),
        ("out", true, false),
        ("in", false, true),
        ("off", false, false),
        ("both max=3", false, false),
    ] {
        let inside = format!("location / {{ vnc_pass %TARGET%; vnc_clipboard {way}; }}");
        let server = gateway(&inside, format!("127.0.0.1:{port}"));
        let mut viewer = Viewer::open(&server, PixelFormat::RGBX, &[enc::RAW], (800, 600));
        viewer.look(1);
        let inwards = format!("into the machine {way}");
        viewer.socket.send_binary(&cut(&inwards));
        if goes_in {
            wait_true(&format!("{way}: the text arrives"), || {
                desktop.clipboard() == inwards
            });
        }
        let outwards = format!("out of the machine {way}");
        let _owner = desktop.copy(&outwards);
        wait_true("the machine has another text", || {
            desktop.clipboard() == outwards
        });
        // Whatever was to come has come before a picture that is asked for now.
        if comes_out {
            while !viewer.texts.ends_with(outwards.as_bytes()) {
                viewer.read();
            }
        }
        viewer.look(2);
        assert_eq!(viewer.texts.is_empty(), !comes_out, "{way}");
        if !goes_in {
            assert_eq!(desktop.clipboard(), outwards, "{way}");
        }
    }
}

#[test]
fn whoever_may_not_resize_is_told_so_and_the_screen_stays() {
    let port = free_port();
    let desktop = Desktop::tigervnc(place(port), Access::Open);
    let wish = |width: u16, height: u16| {
        let mut out = vec![251, 0];
        let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
        out.extend_from_slice(&size);
        out.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(&size);
        out.extend_from_slice(&[0; 4]);
        out
    };
    let size = |desktop: &Desktop| {
        let output = desktop
            .command("xdotool")
            .arg("getdisplaygeometry")
            .output();
        String::from_utf8(output.expect("xdotool runs").stdout).expect("numbers")
    };
    for (resize, expected) in [("off", "800 600\n"), ("on", "640 480\n")] {
        let inside =
            format!("location / {{ vnc_pass %TARGET%; vnc_clipboard off; vnc_resize {resize}; }}");
        let server = gateway(&inside, format!("127.0.0.1:{port}"));
        let encodings = [enc::RAW, enc::EXTENDED_DESKTOP_SIZE];
        let mut viewer = Viewer::open(&server, PixelFormat::RGBX, &encodings, (800, 600));
        viewer.look(1);
        viewer.socket.send_binary(&wish(640, 480));
        viewer.request(1);
        if resize == "off" {
            let refusal = [0, 0, 0, 1, 0, 1, 0, 1, 3, 32, 2, 88];
            while viewer.socket.recv_bytes(12) != refusal {
                assert!(Instant::now() < viewer.deadline, "the refusal comes");
                viewer.socket.recv_bytes(24);
            }
        }
        wait_true(&format!("the screen with {resize}"), || {
            size(&desktop) == expected
        });
    }
}
