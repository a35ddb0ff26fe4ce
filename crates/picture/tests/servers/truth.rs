//! What a screen really shows: X windows dumped by `xwd`, QEMU's screen as it dumps it itself.

use std::path::Path;

use picture::{Framebuffer, Pixel};
use testkit::desktop::Desktop;
use testkit::process::{Process, run_ok};
use testkit::wait_true;

/// The X server's own picture of its screen.
pub fn of_desktop(desktop: &Desktop) -> Framebuffer {
    let file = desktop.files().path().join("truth.xwd");
    run_ok(
        desktop
            .command("xwd")
            .args(["-root", "-silent", "-out"])
            .arg(&file),
    );
    from_xwd(&std::fs::read(file).expect("a dump"))
}

fn from_xwd(bytes: &[u8]) -> Framebuffer {
    let number = |at: usize| {
        let bytes = bytes[at * 4..].first_chunk().expect("a header");
        u32::from_be_bytes(*bytes) as usize
    };
    let (header_len, width, height) = (number(0), number(4), number(5));
    let (is_big_endian, bits, row_len, colours) = (number(7), number(11), number(12), number(19));
    assert_eq!((is_big_endian, bits), (0, 32), "the dump's format");
    let data = &bytes[header_len + colours * 12..];
    let rows = data.chunks_exact(row_len).take(height);
    let pixels = rows.flat_map(|row| row.as_chunks::<4>().0.iter().take(width));
    let pixels = pixels.map(|[b, g, r, _]| [*r, *g, *b, 255]).collect();
    Framebuffer::from_pixels(width as u16, height as u16, pixels).expect("a whole dump")
}

/// The pixels of a binary PPM.
pub fn from_ppm(bytes: &[u8]) -> Option<Framebuffer> {
    let mut words = bytes.splitn(5, |byte| byte.is_ascii_whitespace());
    let mut text = || std::str::from_utf8(words.next()?).ok();
    assert_eq!(text()?, "P6");
    let (width, height) = (text()?.parse().ok()?, text()?.parse().ok()?);
    assert_eq!(text()?, "255");
    let data = words.next()?;
    let pixels = data
        .as_chunks::<3>()
        .0
        .iter()
        .map(|[r, g, b]| [*r, *g, *b, 255]);
    Framebuffer::from_pixels(width, height, pixels.collect())
}

/// Shows what is hard to compress without loss, and what is easy: a photograph's like, and text.
pub fn paint(desktop: &Desktop) -> [Process; 2] {
    desktop.fill("#306090");
    let file = desktop.files().path().join("photo.xwd");
    std::fs::write(&file, photo(300, 200)).expect("a picture");
    let mut show = desktop.command("xwud");
    show.args(["-geometry", "+37+21", "-noclick", "-in"])
        .arg(&file);
    let photo = Process::spawn(&mut show, &desktop.files().path().join("xwud.log"));
    let script = "printf '\\033[?25l\\033[31mred \\033[42mon green\\033[0m\\n'; \
        ls -l /usr/bin | head -40; sleep 600";
    let mut terminal = desktop.command("xterm");
    terminal.args(["-geometry", "60x14+180+160", "-bg", "#ffffff"]);
    terminal.args(["-e", "sh", "-c", script]);
    let log = desktop.files().path().join("xterm.log");
    let terminal = Process::spawn(&mut terminal, &log);
    wait_true("the terminal and the photograph", || {
        let screen = of_desktop(desktop);
        screen.pixel(530, 330) == Some([255; 4])
            && screen.pixel(40, 24) != Some([0x30, 0x60, 0x90, 255])
    });
    [photo, terminal]
}

/// Waves of colour with noise on them, as an X window dump.
fn photo(width: u32, height: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let header = [
        104,
        7,
        2,
        24,
        width,
        height,
        0,
        0,
        32,
        0,
        32,
        32,
        width * 4,
        4,
        0xff_0000,
        0xff00,
        0xff,
        8,
        256,
        0,
        width,
        height,
        0,
        0,
        0,
    ];
    header
        .iter()
        .for_each(|number: &u32| out.extend_from_slice(&number.to_be_bytes()));
    out.extend_from_slice(b"art\0");
    let mut noise = 1u32;
    for y in 0..height {
        for x in 0..width {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (noise >> 28) as u8;
            let (x, y) = (x as f32, y as f32);
            let wave = |value: f32| (value.sin() * 110.0 + 120.0) as u8;
            let [r, g, b] = [wave(x / 40.0), wave(y / 30.0), wave((x + y) / 50.0)];
            out.extend_from_slice(&[b + grain, g + grain, r + grain, 0]);
        }
    }
    out
}

/// Where two pictures differ by more than so much in a colour: how many pixels, and the first.
pub fn difference(
    ours: &Framebuffer,
    truth: &Framebuffer,
    tolerance: u8,
) -> Option<(usize, usize, Pixel, Pixel)> {
    let sizes = |picture: &Framebuffer| (picture.width(), picture.height());
    assert_eq!(sizes(ours), sizes(truth), "the screens' sizes");
    let differs = |(_, (ours, truth)): &(usize, (&Pixel, &Pixel))| {
        let mut pairs = ours.iter().zip(truth.iter());
        pairs.any(|(ours, truth)| ours.abs_diff(*truth) > tolerance)
    };
    let pixels = ours.pixels().iter().zip(truth.pixels()).enumerate();
    let mut wrong = pixels.filter(differs);
    let (at, (first, expected)) = wrong.next()?;
    Some((wrong.count() + 1, at, *first, *expected))
}

/// Leaves a picture where a person can look at it.
pub fn keep(name: &str, picture: &Framebuffer) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("{name}.png"));
    std::fs::write(file, picture::encode_png(picture)).expect("a picture can be kept");
}
