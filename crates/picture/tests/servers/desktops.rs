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

fn open(start: impl Fn(Place<'_>) -> Desktop) -> (Desktop, u16) {
    let port = free_port();
    let place = Place {
        host: None,
        address: "127.0.0.1",
        port,
    };
    (start(place), port)
}

/// The picture in some encodings is what the X server shows.
fn assert_shows(
    (desktop, port): &(Desktop, u16),
    what: &str,
    format: PixelFormat,
    encodings: &[i32],
    tolerance: u8,
) {
    let encodings = [encodings, &PSEUDO].concat();
    let mut client = Client::connect(*port, format, &encodings);
    // Who does not move the pointer itself gets it painted by TigerVNC.
    client.point(639, 479);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        client.look();
        let expected = truth::of_desktop(desktop);
        let difference = truth::difference(client.decoder.screen(), &expected, tolerance);
        if difference.is_none() {
            break;
        }
        if Instant::now() > deadline {
            truth::keep(&format!("{what}-ours"), client.decoder.screen());
            truth::keep(&format!("{what}-truth"), &expected);
            panic!("{what}: pixels that differ, the first, ours, truth: {difference:?}");
        }
    }
    truth::keep(what, client.decoder.screen());
}

fn each_encoding(desktop: &(Desktop, u16), name: &str, encodings: &[(&str, i32)]) {
    for (encoding, number) in encodings {
        let what = format!("{name}-{encoding}");
        assert_shows(desktop, &what, PixelFormat::RGBX, &[*number], 0);
    }
}

#[test]
fn tigervnc_is_seen_as_it_is_in_every_encoding() {
    let desktop = open(|place| Desktop::tigervnc(place, Access::Open));
    let _windows = truth::paint(&desktop.0);
    let encodings = [
        ("raw", enc::RAW),
        ("rre", enc::RRE),
        ("hextile", enc::HEXTILE),
        ("tight", enc::TIGHT),
        ("zrle", enc::ZRLE),
    ];
    each_encoding(&desktop, "tigervnc", &encodings);
    for (what, quality) in [("tigervnc-jpeg9", QUALITY_9), ("tigervnc-jpeg5", QUALITY_5)] {
        let encodings = [enc::TIGHT, quality, COMPRESSION_6];
        assert_shows(
            &desktop,
            what,
            PixelFormat::RGBX,
            &encodings,
            JPEG_TOLERANCE,
        );
    }
}

#[test]
fn x11vnc_is_seen_as_it_is_in_every_encoding() {
    let desktop = open(Desktop::x11vnc);
    let _windows = truth::paint(&desktop.0);
    let encodings = [
        ("raw", enc::RAW),
        ("rre", enc::RRE),
        ("corre", enc::CORRE),
        ("hextile", enc::HEXTILE),
        ("zlib", enc::ZLIB),
        ("tight", enc::TIGHT),
        ("zrle", enc::ZRLE),
        ("tightpng", enc::TIGHT_PNG),
    ];
    each_encoding(&desktop, "x11vnc", &encodings);
    let encodings = [enc::TIGHT, QUALITY_9];
    assert_shows(
        &desktop,
        "x11vnc-jpeg",
        PixelFormat::RGBX,
        &encodings,
        JPEG_TOLERANCE,
    );
}

#[test]
fn tightvnc_is_seen_as_it_is_in_every_encoding() {
    let desktop = open(Desktop::tightvnc);
    let _windows = truth::paint(&desktop.0);
    let encodings = [
        ("raw", enc::RAW),
        ("rre", enc::RRE),
        ("corre", enc::CORRE),
        ("hextile", enc::HEXTILE),
        ("zlib", enc::ZLIB),
        ("tight", enc::TIGHT),
    ];
    each_encoding(&desktop, "tightvnc", &encodings);
}

#[test]
fn every_pixel_format_shows_the_same_screen() {
    let tigervnc = open(|place| Desktop::tigervnc(place, Access::Open));
    let x11vnc = open(Desktop::x11vnc);
    for (name, desktop) in [("tigervnc", &tigervnc), ("x11vnc", &x11vnc)] {
        let _windows = truth::paint(&desktop.0);
        let rgb = |bits, depth, big_endian, max, shift| PixelFormat {
            bits_per_pixel: bits,
            depth,
            big_endian,
            true_colour: true,
            max,
            shift,
        };
        for (what, format, tolerance) in [
            ("bgrx", rgb(32, 24, false, [255; 3], [16, 8, 0]), 0),
            ("xrgb", rgb(32, 24, true, [255; 3], [16, 8, 0]), 0),
            ("high", rgb(32, 24, false, [255; 3], [24, 16, 8]), 0),
            ("high-big", rgb(32, 24, true, [255; 3], [24, 16, 8]), 0),
            ("rgb565", rgb(16, 16, false, [31, 63, 31], [11, 5, 0]), 9),
            ("rgb565-big", rgb(16, 16, true, [31, 63, 31], [11, 5, 0]), 9),
            ("rgb332", rgb(8, 8, false, [7, 7, 3], [0, 3, 6]), 86),
        ] {
            for (encoding, number) in [
                ("zrle", enc::ZRLE),
                ("tight", enc::TIGHT),
                ("hextile", enc::HEXTILE),
            ] {
                // libvncserver sends the wrong three bytes of a pixel whose last one is idle.
                if name == "x11vnc" && what.starts_with("high") && number == enc::ZRLE {
                    continue;
                }
                let what = format!("{name}-{what}-{encoding}");
                assert_shows(desktop, &what, format, &[number], tolerance);
            }
        }
    }
}

#[test]
fn a_screen_that_changes_its_size_is_followed() {
    let (desktop, port) = open(|place| Desktop::tigervnc(place, Access::Open));
    let encodings = [&[enc::ZRLE][..], &PSEUDO].concat();
    let mut client = Client::connect(port, PixelFormat::RGBX, &encodings);
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
        truth::difference(client.decoder.screen(), &truth::of_desktop(&desktop), 0),
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
        let (desktop, port) = open(|place| Desktop::tigervnc(place, Access::Open));
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
    let servers = [
        open(|place| Desktop::tigervnc(place, Access::Open)),
        open(Desktop::x11vnc),
        open(Desktop::tightvnc),
    ];
    for (desktop, port) in servers {
        let _windows = truth::paint(&desktop);
        for encoding in [enc::ZLIB, enc::TIGHT, enc::ZRLE, enc::TIGHT_PNG] {
            let encodings = [&[encoding, QUALITY_5, COMPRESSION_6][..], &PSEUDO].concat();
            let mut client = Client::connect(port, PixelFormat::RGBX, &encodings);
            client.look();
            for colour in ["#ff0000", "#123456", "#306090"] {
                client.look_with_twin();
                desktop.fill(colour);
            }
        }
    }
}
