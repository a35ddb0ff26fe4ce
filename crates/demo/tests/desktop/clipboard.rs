//! Text from and to the viewer's clipboard, plain and extended.

use std::io::{Read, Write};

use demo::Options;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::client::{Client, EXTENDED_CLIPBOARD};
use super::{CONTROL, serve, until};

const TEXT: u32 = 1;
const CAPS: u32 = 1 << 24;
const REQUEST: u32 = 1 << 25;
const NOTIFY: u32 = 1 << 27;
const PROVIDE: u32 = 1 << 28;

async fn send_extended(client: &mut Client, flags: u32, data: &[u8]) {
    let length = 4 + data.len() as u32;
    let mut message = vec![6, 0, 0, 0];
    message.extend(length.wrapping_neg().to_be_bytes());
    message.extend(flags.to_be_bytes());
    message.extend(data);
    client.send(&message).await;
}

fn flags(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[..4].try_into().unwrap())
}

async fn next_extended(client: &mut Client) -> Vec<u8> {
    assert_eq!(client.message().await, 3);
    client.extended.pop().unwrap()
}

#[tokio::test]
async fn plain_text_goes_both_ways() {
    let served = serve(Options::default()).await;
    let mut client = Client::connect(served.port).await;
    client.send(b"\x06\0\0\0\0\0\0\x09caf\xe9\r\nand").await;
    until(&served.desktop, |desktop| {
        desktop.clipboard_text() == "café\nand"
    })
    .await;
    client.key(CONTROL, 1).await;
    client.type_text("av").await;
    client.key(CONTROL, 0).await;
    until(&served.desktop, |desktop| {
        desktop.notepad_text() == "café\nand"
    })
    .await;
    client.type_text("мy").await;
    client.key(CONTROL, 1).await;
    client.type_text("c").await;
    assert_eq!(client.message().await, 3);
    assert_eq!(client.cut_texts, ["café\nand?y"]);
}

#[tokio::test]
async fn the_button_sends_the_notepad_to_all_viewers() {
    let served = serve(Options::default()).await;
    let mut first = Client::connect(served.port).await;
    let mut second = Client::connect(served.port).await;
    first.click((128, 700)).await;
    for client in [&mut first, &mut second] {
        assert_eq!(client.message().await, 3);
        assert_eq!(client.cut_texts, [served.desktop.notepad_text()]);
    }
}

#[tokio::test]
async fn extended_text_goes_both_ways_and_only_when_asked_for() {
    let served = serve(Options::default()).await;
    let mut client = Client::connect(served.port).await;
    client.encodings(&[EXTENDED_CLIPBOARD]).await;
    let caps = next_extended(&mut client).await;
    assert_eq!(flags(&caps) & (CAPS | TEXT), CAPS | TEXT);
    let able = CAPS | REQUEST | NOTIFY | PROVIDE | TEXT;
    send_extended(&mut client, able, &[0; 4]).await;

    send_extended(&mut client, NOTIFY | TEXT, &[]).await;
    assert_eq!(flags(&next_extended(&mut client).await), REQUEST | TEXT);
    let text = "zażółć\r\n日本\0";
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&(text.len() as u32).to_be_bytes()).unwrap();
    zlib.write_all(text.as_bytes()).unwrap();
    send_extended(&mut client, PROVIDE | TEXT, &zlib.finish().unwrap()).await;
    until(&served.desktop, |desktop| {
        desktop.clipboard_text() == "zażółć\n日本"
    })
    .await;

    client.key(CONTROL, 1).await;
    client.type_text("avc").await;
    assert_eq!(flags(&next_extended(&mut client).await), NOTIFY | TEXT);
    send_extended(&mut client, REQUEST | TEXT, &[]).await;
    let provided = next_extended(&mut client).await;
    assert_eq!(flags(&provided), PROVIDE | TEXT);
    let mut data = Vec::new();
    ZlibDecoder::new(&provided[4..])
        .read_to_end(&mut data)
        .unwrap();
    assert_eq!(&data[4..], text.as_bytes());
    assert_eq!(data[..4], (text.len() as u32).to_be_bytes());
}
