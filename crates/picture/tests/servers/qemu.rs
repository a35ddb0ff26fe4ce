//! QEMU, whose VNC server is its own.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use picture::{PixelFormat, encodings as enc};
use testkit::ports::free_port;
use testkit::wait_for;

use super::client::Client;
use super::truth;

#[test]
fn qemu_is_seen_as_it_is_in_every_encoding() {
    let port = free_port();
    let (_process, scratch) = testkit::desktop::qemu("127.0.0.1", port);
    for (what, encodings) in [
        ("raw", &[enc::RAW][..]),
        ("hextile", &[enc::HEXTILE]),
        ("zlib", &[enc::ZLIB]),
        ("tight", &[enc::TIGHT]),
        ("tightpng", &[enc::TIGHT_PNG]),
        ("zrle", &[enc::ZRLE]),
    ] {
        let pseudo = [
            enc::DESKTOP_SIZE,
            enc::CURSOR,
            enc::LED_STATE,
            enc::QEMU_KEY,
        ];
        let encodings = [encodings, &pseudo].concat();
        let mut client = Client::connect(port, PixelFormat::RGBX, &encodings);
        wait_for(&format!("QEMU's screen in {what}"), || {
            client.look();
            let expected = dump(scratch.path())?;
            let ours = client.decoder.screen();
            let sizes = |picture: &picture::Framebuffer| (picture.width(), picture.height());
            (sizes(ours) == sizes(&expected) && truth::difference(ours, &expected, 0).is_none())
                .then_some(())
        });
        client.look_with_twin();
        client.look_with_twin();
        truth::keep(&format!("qemu-{what}"), client.decoder.screen());
    }
}

/// What QEMU itself writes of its screen.
fn dump(folder: &std::path::Path) -> Option<picture::Framebuffer> {
    let file = folder.join("screen.ppm");
    let _ = std::fs::remove_file(&file);
    let mut monitor = UnixStream::connect(folder.join("monitor")).ok()?;
    monitor
        .set_read_timeout(Some(Duration::from_secs(5)))
        .ok()?;
    // It greets before it listens.
    monitor.read_exact(&mut [0; 4]).ok()?;
    writeln!(monitor, "screendump {}", file.display()).ok()?;
    wait_for("the dump", || truth::from_ppm(&std::fs::read(&file).ok()?)).into()
}
