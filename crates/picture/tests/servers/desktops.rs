//! X servers: TigerVNC, x11vnc, TightVNC.

use std::time::{Duration, Instant};

use picture::{PixelFormat, encodings as enc};
use testkit::desktop::{Access, Desktop, Place};
use testkit::ports::free_port;

use super::client::Client;
use super::truth;

/// Pseudo-encodings that every viewer here understands.
const PSEUDO: [i32; 5] = [
    enc::CURSOR,
    enc::LAST_RECT,
    enc::DESKTOP_SIZE,
    enc::EXTENDED_DESKTOP_SIZE,
    enc::DESKTOP_NAME,
];

/// JPEG is never exact; noise is what it does worst.
const JPEG_TOLERANCE: u8 = 90;

const QUALITY_9: i32 = -23;
const QUALITY_5: i32 = -27;
const COMPRESSION_6: i32 = -250;

/// An X server whose screen is looked at.
struct Server {
    /// How pictures of it are called that are kept to be looked at.
    name: &'static str,
    desktop: Desktop,
    port: u16,
}

/// What is asked of a server, and how near to the truth the answer must be.
struct Look<'a> {
    /// How its picture is called.
    what: &'a str,
    format: PixelFormat,
    encodings: &'a [i32],
    /// The most that a channel of a pixel may differ.
    tolerance: u8,
}

impl<'a> Look<'a> {
    /// With the colours of the screen and no loss.
    fn exact(what: &'a str, encodings: &'a [i32]) -> Self {
        Self {
            what,
            format: PixelFormat::RGBX,
            encodings,
            tolerance: 0,
        }
    }

    fn jpeg(what: &'a str, encodings: &'a [i32]) -> Self {
        Self {
            tolerance: JPEG_TOLERANCE,
            ..Self::exact(what, encodings)
        }
    }
}

impl Server {
    fn tigervnc() -> Self {
        Self::start("tigervnc", |place| Desktop::tigervnc(place, Access::Open))
    }

    fn x11vnc() -> Self {
        Self::start("x11vnc", Desktop::x11vnc)
    }

    fn tightvnc() -> Self {
        Self::start("tightvnc", Desktop::tightvnc)
    }

    fn start(name: &'static str, start: impl Fn(Place<'_>) -> Desktop) -> Self {
        let port = free_port();
        let place = Place {
            host: None,
            address: "127.0.0.1",
            port,
        };
        let desktop = start(place);
        Self {
            name,
            desktop,
            port,
        }
    }

    fn connect(&self, encodings: &[i32]) -> Client {
        let encodings = [encodings, &PSEUDO].concat();
        Client::connect(self.port, PixelFormat::RGBX, &encodings)
    }

    /// The picture that a viewer gets is what the X server shows.
    fn assert_shows(&self, look: &Look<'_>) {
        let what = format!("{}-{}", self.name, look.what);
        let encodings = [look.encodings, &PSEUDO].concat();
        let mut client = Client::connect(self.port, look.format, &encodings);
        // Who does not move the pointer itself gets it painted by TigerVNC.
        client.point(639, 479);
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            client.look();
            let (ours, truth) = (client.decoder.screen(), truth::of_desktop(&self.desktop));
            let Some(difference) = truth::difference(ours, &truth, look.tolerance) else {
                break;
            };
            if Instant::now() > deadline {
                truth::keep(&format!("{what}-ours"), ours);
                truth::keep(&format!("{what}-truth"), &truth);
                panic!("{what}: pixels that differ, the first, ours, truth: {difference:?}");
            }
        }
        truth::keep(&what, client.decoder.screen());
    }
}

#[test]
fn tigervnc_is_seen_as_it_is_in_every_encoding() {
    let server = Server::tigervnc();
    let _windows = truth::paint(&server.desktop);
    for look in [
        Look::exact("raw", &[enc::RAW]),
        Look::exact("rre", &[enc::RRE]),
        Look::exact("hextile", &[enc::HEXTILE]),
        Look::exact("tight", &[enc::TIGHT]),
        Look::exact("zrle", &[enc::ZRLE]),
        Look::jpeg("jpeg9", &[enc::TIGHT, QUALITY_9, COMPRESSION_6]),
        Look::jpeg("jpeg5", &[enc::TIGHT, QUALITY_5, COMPRESSION_6]),
    ] {
        server.assert_shows(&look);
    }
}

#[test]
fn x11vnc_is_seen_as_it_is_in_every_encoding() {
    let server = Server::x11vnc();
    let _windows = truth::paint(&server.desktop);
    for look in [
        Look::exact("raw", &[enc::RAW]),
        Look::exact("rre", &[enc::RRE]),
        Look::exact("corre", &[enc::CORRE]),
        Look::exact("hextile", &[enc::HEXTILE]),
        Look::exact("zlib", &[enc::ZLIB]),
        Look::exact("tight", &[enc::TIGHT]),
        Look::exact("zrle", &[enc::ZRLE]),
        Look::exact("tightpng", &[enc::TIGHT_PNG]),
        Look::jpeg("jpeg", &[enc::TIGHT, QUALITY_9]),
    ] {
        server.assert_shows(&look);
    }
}

#[test]
fn tightvnc_is_seen_as_it_is_in_every_encoding() {
    let server = Server::tightvnc();
    let _windows = truth::paint(&server.desktop);
    for look in [
        Look::exact("raw", &[enc::RAW]),
        Look::exact("rre", &[enc::RRE]),
        Look::exact("corre", &[enc::CORRE]),
        Look::exact("hextile", &[enc::HEXTILE]),
        Look::exact("zlib", &[enc::ZLIB]),
        Look::exact("tight", &[enc::TIGHT]),
    ] {
        server.assert_shows(&look);
    }
}

/// Formats that a viewer may ask for, and how near to the screen's their colours can come.
const FORMATS: [(&str, PixelFormat, u8); 7] = [
    ("bgrx", format(32, 24, false, [255; 3], [16, 8, 0]), 0),
    ("xrgb", format(32, 24, true, [255; 3], [16, 8, 0]), 0),
    ("high", format(32, 24, false, [255; 3], [24, 16, 8]), 0),
    ("high-big", format(32, 24, true, [255; 3], [24, 16, 8]), 0),
    ("rgb565", format(16, 16, false, [31, 63, 31], [11, 5, 0]), 9),
    (
        "rgb565-big",
        format(16, 16, true, [31, 63, 31], [11, 5, 0]),
        9,
    ),
    ("rgb332", format(8, 8, false, [7, 7, 3], [0, 3, 6]), 86),
];

const fn format(
    bits_per_pixel: u8,
    depth: u8,
    big_endian: bool,
    max: [u16; 3],
    shift: [u8; 3],
) -> PixelFormat {
    PixelFormat {
        bits_per_pixel,
        depth,
        big_endian,
        true_colour: true,
        max,
        shift,
    }
}

#[test]
fn every_pixel_format_shows_the_same_screen() {
    for server in [Server::tigervnc(), Server::x11vnc()] {
        let _windows = truth::paint(&server.desktop);
        for (what, format, tolerance) in FORMATS {
            for (encoding, number) in [
                ("zrle", enc::ZRLE),
                ("tight", enc::TIGHT),
                ("hextile", enc::HEXTILE),
            ] {
                // libvncserver sends the wrong three bytes of a pixel whose last one is idle.
                if server.name == "x11vnc" && what.starts_with("high") && number == enc::ZRLE {
                    continue;
                }
                server.assert_shows(&Look {
                    what: &format!("{what}-{encoding}"),
                    format,
                    encodings: &[number],
                    tolerance,
                });
            }
        }
    }
}

#[test]
fn a_screen_that_changes_its_size_is_followed() {
    let server = Server::tigervnc();
    let desktop = &server.desktop;
    let mut client = server.connect(&[enc::ZRLE]);
    client.look();
    assert_eq!(client.decoder.screen().width(), 800);
    testkit::process::run_ok(desktop.command("xrandr").args(["-s", "1024x768"]));
    desktop.fill("#00ff00");
    testkit::wait_true("the new size", || {
        client.update(true);
        let screen = client.decoder.screen();
        (screen.width(), screen.height()) == (1024, 768)
            && screen.pixel(1000, 700) == Some([0, 255, 0, 255])
    });
    assert_eq!(
        truth::difference(client.decoder.screen(), &truth::of_desktop(desktop), 0),
        None
    );
}

#[test]
fn the_cursor_comes_apart_from_the_screen() {
    for kind in [
        enc::CURSOR,
        enc::X_CURSOR,
        enc::CURSOR_WITH_ALPHA,
        enc::VMWARE_CURSOR,
    ] {
        let Server { desktop, port, .. } = Server::tigervnc();
        desktop.fill("#000000");
        testkit::process::run_ok(
            desktop
                .command("xsetroot")
                .args(["-cursor_name", "left_ptr"]),
        );
        let mut client = Client::connect(port, PixelFormat::RGBX, &[enc::RAW, kind]);
        client.look();
        client.point(410, 310);
        testkit::wait_true(&format!("a cursor of kind {kind}"), || {
            client.look();
            client
                .decoder
                .cursor()
                .is_some_and(|cursor| cursor.width > 4)
        });
        let cursor = client.decoder.cursor().expect("a cursor");
        let shown = cursor.pixels.iter().filter(|pixel| pixel[3] > 0).count();
        assert!(
            (20..400).contains(&shown),
            "{kind}: {shown} pixels of an arrow"
        );
        let screen = client.decoder.screen();
        assert_eq!(
            screen.pixel(412, 314),
            Some([0, 0, 0, 255]),
            "not on the screen"
        );
    }
}

#[test]
fn a_picture_goes_on_from_its_state_with_every_servers_streams() {
    for server in [Server::tigervnc(), Server::x11vnc(), Server::tightvnc()] {
        let _windows = truth::paint(&server.desktop);
        for encoding in [enc::ZLIB, enc::TIGHT, enc::ZRLE, enc::TIGHT_PNG] {
            let mut client = server.connect(&[encoding, QUALITY_5, COMPRESSION_6]);
            client.look();
            for colour in ["#ff0000", "#123456", "#306090"] {
                client.look_with_twin();
                server.desktop.fill(colour);
            }
        }
    }
}
