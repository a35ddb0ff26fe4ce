//! How fast a server's screen is decoded: `speed PORT`, where a VNC server listens on loopback that
//! asks for no password and offers what is to be measured. Prints a line for each encoding.

use std::time::{Duration, Instant};

use picture::{Decoder, Encoder, Limits, PixelFormat, encodings};

#[path = "../tests/servers/client.rs"]
#[expect(dead_code, reason = "tests do more with it")]
mod client;

use client::Client;

/// Screens that are asked for in each encoding, and then decoded again and again.
const SCREENS: usize = 5;

const MEASURED: Duration = Duration::from_secs(2);

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let port = std::env::args().nth(1).ok_or("speed PORT")?.parse()?;
    println!("encoding      bytes/screen   received MB/s   painted Mpixel/s   screens/s");
    for (name, asked) in [
        ("raw", &[encodings::RAW][..]),
        ("hextile", &[encodings::HEXTILE]),
        ("zlib", &[encodings::ZLIB]),
        ("zrle", &[encodings::ZRLE]),
        ("tight", &[encodings::TIGHT]),
        ("tight, jpeg", &[encodings::TIGHT, -26]),
    ] {
        let mut client = Client::connect(port, PixelFormat::RGBX, asked);
        (0..SCREENS).for_each(|_| client.look());
        measure(name, &client)?;
    }
    Ok(())
}

/// Decodes what was received until the time is over.
fn measure(name: &str, client: &Client) -> Outcome {
    let screen = client.decoder.screen();
    let (mut bytes, mut painted) = (0, 0);
    let start = Instant::now();
    while start.elapsed() < MEASURED {
        let format = PixelFormat::RGBX;
        let limits = Limits::default();
        let mut decoder = Decoder::new(screen.width(), screen.height(), format, limits)?;
        for piece in client.received.chunks(16 << 10) {
            decoder.handle(piece)?;
        }
        bytes += client.received.len();
        painted += decoder.screen().painted();
    }
    let seconds = start.elapsed().as_secs_f64();
    let mega = |number: f64| number / 1e6 / seconds;
    println!(
        "{name:<12} {:>13} {:>15.0} {:>18.0} {:>11.0}",
        client.received.len() / SCREENS,
        mega(bytes as f64),
        mega(painted as f64),
        painted as f64 / screen.pixels().len() as f64 / seconds,
    );
    match name {
        "zrle" => others(client),
        _ => Ok(()),
    }
}

/// What else is done with a screen.
fn others(client: &Client) -> Outcome {
    let time = |what: &str, work: &mut dyn FnMut() -> usize| {
        let start = Instant::now();
        let mut times = 0;
        let mut len = 0;
        while start.elapsed() < MEASURED / 4 {
            len = work();
            times += 1;
        }
        let each = start.elapsed() / times;
        println!("  {what:<22} {each:>10.1?}   {len} bytes");
    };
    let screen = client.decoder.screen();
    time("PNG", &mut || picture::encode_png(screen).len());
    time("480 wide, PNG", &mut || {
        picture::encode_png(&screen.scaled(480, 480)).len()
    });
    let state = client.decoder.state()?;
    time("state", &mut || {
        client.decoder.state().map_or(0, |state| state.len())
    });
    time("resume", &mut || {
        Decoder::resume(&state, Limits::default()).map_or(0, |_| state.len())
    });
    time("told whole", &mut || {
        let mut out = Vec::new();
        if let Ok(mut again) = Decoder::resume(&state, Limits::default()) {
            Encoder::new().update(&mut again, &mut out);
        }
        out.len()
    });
    Ok(())
}
