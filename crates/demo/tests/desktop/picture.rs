//! What viewers see: encodings, pixel formats, moving windows, sizes, several viewers.

use std::time::Duration;

use demo::{Desktop, Options, Point};
use tokio::time::Instant;

use super::client::{
    COPY_RECT, CURSOR, Client, DEADLINE, DESKTOP_NAME, DESKTOP_SIZE, EXTENDED_DESKTOP_SIZE, RAW,
    TIGHT, bytes, read,
};
use super::{serve, until};

/// The buttons of the task bar for the programs that move; and the height of the bar's middle.
const CLOCK: i32 = 54 + 3 * 122 + 50;
const HARBOUR: i32 = 54 + 4 * 122 + 50;
const BAR: i32 = 800 - 22;

/// Puts away all that moves by itself.
async fn quiet(client: &mut Client) {
    for button in [CLOCK, HARBOUR] {
        // The first click brings the window to the front, the second puts it away.
        client.click((button, BAR)).await;
        client.click((button, BAR)).await;
    }
}

/// Takes updates until the viewer's picture is that of the desktop.
async fn settle(client: &mut Client, desktop: &Desktop) {
    // Messages are handled in order: when this text has arrived, so has all input before it.
    let mark = format!("{:?}", Instant::now());
    let length = (mark.len() as u32).to_be_bytes();
    let cut_text = [&[6, 0, 0, 0], length.as_slice(), mark.as_bytes()].concat();
    client.send(&cut_text).await;
    until(desktop, |desktop| desktop.clipboard_text() == mark).await;
    let deadline = Instant::now() + DEADLINE;
    while let Some(at) = first_difference(client, desktop) {
        assert!(
            Instant::now() < deadline,
            "the pictures still differ at {at:?}"
        );
        client.request(1).await;
        client.update().await;
    }
}

fn first_difference(client: &Client, desktop: &Desktop) -> Option<(usize, usize)> {
    let width = client.size.0;
    assert_eq!(desktop.size(), (width as u16, client.size.1 as u16));
    let picture = desktop.picture();
    let same = |(seen, [red, green, blue]): (&u32, &[u8; 3])| {
        *seen == u32::from_be_bytes([0, *red, *green, *blue])
    };
    let at = client
        .pixels
        .iter()
        .zip(&picture)
        .position(|pair| !same(pair))?;
    Some((at % width, at / width))
}

async fn follows_the_desktop(encodings: &[i32], expected: i32) {
    let served = serve(Options::default()).await;
    let mut client = Client::connect(served.port).await;
    client.encodings(encodings).await;
    client.request(0).await;
    client.update().await;
    quiet(&mut client).await;
    settle(&mut client, &served.desktop).await;
    client.type_text("The quick brown fox").await;
    settle(&mut client, &served.desktop).await;
    assert!(client.seen.contains(&expected), "{:?}", client.seen);
}

#[tokio::test]
async fn raw_pictures_are_those_of_the_desktop() {
    follows_the_desktop(&[RAW], RAW).await;
}

#[tokio::test]
async fn tight_pictures_are_those_of_the_desktop() {
    follows_the_desktop(&[TIGHT, COPY_RECT, CURSOR, DESKTOP_NAME], TIGHT).await;
}

#[tokio::test]
async fn each_level_of_compression_gives_the_same_picture() {
    for level in [0, 9] {
        follows_the_desktop(&[-256 + level, TIGHT], TIGHT).await;
    }
}

#[tokio::test]
async fn a_drawn_line_is_seen_by_all_viewers() {
    let served = serve(Options::default()).await;
    let mut artist = Client::connect(served.port).await;
    let mut public = Client::connect(served.port).await;
    public.encodings(&[TIGHT]).await;
    let board = served.desktop.sketch_area().unwrap();
    let middle = board.centre();
    let before = served
        .desktop
        .pixel(Point::new(middle.x, board.y + 9))
        .unwrap();
    artist.pointer((middle.x, board.y + 9), 1).await;
    artist.pointer((middle.x, board.y + 60), 1).await;
    artist.pointer((middle.x, board.y + 60), 0).await;
    let place = Point::new(middle.x, board.y + 40);
    until(&served.desktop, |desktop| {
        desktop.pixel(place) != Some(before)
    })
    .await;
    let [red, green, blue] = served.desktop.pixel(place).unwrap();
    public.request(0).await;
    public.update().await;
    let seen = public.pixel(place.x as usize, place.y as usize);
    assert_eq!(seen, u32::from_be_bytes([0, red, green, blue]));
}

#[tokio::test]
async fn a_dragged_window_is_copied_and_leaves_no_trace() {
    let served = serve(Options::default()).await;
    let mut client = Client::connect(served.port).await;
    client.encodings(&[COPY_RECT, TIGHT]).await;
    client.request(0).await;
    client.update().await;
    quiet(&mut client).await;
    settle(&mut client, &served.desktop).await;
    client.pointer((150, 106), 1).await;
    for step in 1..40 {
        client.request(1).await;
        client.pointer((150 + 11 * step, 106 + 7 * step), 1).await;
        client.update().await;
    }
    client.pointer((150 + 11 * 39, 106 + 7 * 39), 0).await;
    settle(&mut client, &served.desktop).await;
    assert!(client.seen.contains(&COPY_RECT));
}

#[tokio::test]
async fn smaller_pixels_hold_the_same_colours() {
    let served = serve(Options::default()).await;
    let place = (30, 400);
    let mut client = Client::connect(served.port).await;
    let formats: [(&[u8; 16], usize, u32); 2] = [
        (
            &[16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0],
            2,
            0xffff,
        ),
        (&[8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 0, 3, 6, 0, 0, 0], 1, 0xff),
    ];
    for (format, size, white) in formats {
        client
            .send(&[&[0, 0, 0, 0], format.as_slice()].concat())
            .await;
        let mut request = vec![3, 0, 0, place.0, 1, 0x90];
        request.extend([0, 1, 0, 1]);
        client.send(&request).await;
        assert_eq!(read::<4>(&mut client.stream).await, [0, 0, 0, 1]);
        assert_eq!(
            read::<12>(&mut client.stream).await[4..],
            [0, 1, 0, 1, 0, 0, 0, 0]
        );
        let pixel = bytes(&mut client.stream, size).await;
        let value = pixel
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u32::from(*byte));
        assert_eq!(value, white, "the white frame of the notepad at {place:?}");
    }
}

#[tokio::test]
async fn a_viewer_resizes_the_desktop_and_the_other_follows() {
    let served = serve(Options::default()).await;
    let mut first = Client::connect(served.port).await;
    let mut second = Client::connect(served.port).await;
    let mut third = Client::connect(served.port).await;
    first.encodings(&[TIGHT, EXTENDED_DESKTOP_SIZE]).await;
    second.encodings(&[TIGHT, EXTENDED_DESKTOP_SIZE]).await;
    third.encodings(&[TIGHT, DESKTOP_SIZE]).await;
    for client in [&mut first, &mut second] {
        client.request(0).await;
        client.update().await;
        assert_eq!(client.resized, Some((0, 0)), "the server shows that it can");
    }
    first.ask_for_size(900, 700).await;
    until(&served.desktop, |desktop| desktop.size() == (900, 700)).await;
    for (client, told) in [(&mut first, Some((1, 0))), (&mut second, Some((2, 0)))] {
        client.request(1).await;
        client.update().await;
        assert_eq!((client.size, client.resized), ((900, 700), told));
    }
    third.request(1).await;
    third.update().await;
    assert_eq!(third.size, (900, 700));
    for client in [&mut first, &mut second, &mut third] {
        client.request(1).await;
        client.update().await;
        assert_ne!(client.pixel(899, 699), 0, "the new size is filled");
    }
}

#[tokio::test]
async fn sizes_beyond_the_limits_are_brought_within() {
    let served = serve(Options::default()).await;
    let mut client = Client::connect(served.port).await;
    client.encodings(&[TIGHT, EXTENDED_DESKTOP_SIZE]).await;
    client.request(0).await;
    client.update().await;
    for (asked, given) in [((1, 1), (320, 200)), ((u16::MAX, u16::MAX), (3840, 2160))] {
        client.ask_for_size(asked.0, asked.1).await;
        client.request(1).await;
        client.update().await;
        assert_eq!(client.size, given);
        client.request(1).await;
        client.update().await;
    }
}

#[tokio::test]
async fn a_viewer_that_cannot_be_resized_keeps_its_size() {
    let served = serve(Options::default()).await;
    let mut plain = Client::connect(served.port).await;
    let mut other = Client::connect(served.port).await;
    plain.request(0).await;
    plain.update().await;
    for (width, height) in [(640, 480), (2000, 1500)] {
        other.ask_for_size(width, height).await;
        until(&served.desktop, |desktop| desktop.size() == (width, height)).await;
        // The client fails the test when pixels lie outside its size.
        plain.request(0).await;
        plain.update().await;
        assert_eq!(plain.size, (1280, 800));
    }
}

#[tokio::test]
async fn a_viewer_that_does_not_read_holds_up_nobody() {
    let served = serve(Options::default()).await;
    let mut stalled = Client::connect(served.port).await;
    stalled.ask_for_size(3840, 2160).await;
    for _ in 0..64 {
        stalled.size = (3840, 2160);
        stalled.request(0).await;
    }
    let mut client = Client::connect(served.port).await;
    client.encodings(&[TIGHT]).await;
    client.request(0).await;
    client.update().await;
    for letter in ["a", "b", "c"] {
        client.request(1).await;
        client.type_text(letter).await;
        client.update().await;
    }
    until(&served.desktop, |desktop| {
        desktop.notepad_text().ends_with("abc")
    })
    .await;
    // Its own input is still heard, too.
    stalled.type_text("d").await;
    until(&served.desktop, |desktop| {
        desktop.notepad_text().ends_with("abcd")
    })
    .await;
}

#[tokio::test]
async fn the_film_goes_on_while_it_is_watched() {
    let served = serve(Options::default()).await;
    let mut client = Client::connect(served.port).await;
    client.encodings(&[TIGHT]).await;
    client.request(0).await;
    client.update().await;
    let start = Instant::now();
    for _ in 0..10 {
        client.request(1).await;
        client.update().await;
    }
    assert!(
        start.elapsed() >= Duration::from_millis(200),
        "its pace is kept"
    );
}

#[test]
fn the_clock_goes_right_from_the_first_picture_on() {
    let picture = |utc_offset| {
        let options = Options {
            utc_offset,
            ..Options::default()
        };
        Desktop::new(options).picture()
    };
    assert_ne!(picture(0), picture(5 * 3600), "both stand still");
}
