//! The servers that misbehave do so in the way that their name says.

use std::time::Duration;

use demo::faults::{self, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::client::{Client, DEADLINE, bytes, dial, read};

async fn faulty(fault: Fault) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(faults::serve(listener, fault));
    dial(port).await
}

async fn all(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut all))
        .await
        .unwrap()
        .unwrap();
    all
}

async fn stays_silent(stream: &mut TcpStream) {
    let silence = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut [0])).await;
    assert!(silence.is_err(), "it said or did something: {silence:?}");
}

#[tokio::test]
async fn a_refusal_gives_its_reason() {
    let mut stream = faulty(Fault::Refuses("closed for today".to_owned())).await;
    read::<12>(&mut stream).await;
    stream.write_all(b"RFB 003.008\n").await.unwrap();
    assert_eq!(all(&mut stream).await, b"\0\0\0\0\x10closed for today");
}

#[tokio::test]
async fn closing_early_closes_where_it_says() {
    assert_eq!(
        all(&mut faulty(Fault::ClosesAfterBanner).await).await,
        b"RFB 003.008\n"
    );
    assert_eq!(all(&mut faulty(Fault::ClosesAtOnce).await).await, b"");
}

#[tokio::test]
async fn garbage_and_silence_keep_the_connection_open() {
    let mut stream = faulty(Fault::SpeaksGarbage(b"SSH-2.0-x\r\n".to_vec())).await;
    assert_eq!(bytes(&mut stream, 11).await, b"SSH-2.0-x\r\n");
    stays_silent(&mut stream).await;
    stays_silent(&mut faulty(Fault::NeverAnswers).await).await;
}

#[tokio::test]
async fn every_password_is_rejected() {
    let mut stream = faulty(Fault::RejectsPassword("no".to_owned())).await;
    read::<12>(&mut stream).await;
    stream.write_all(b"RFB 003.008\n").await.unwrap();
    assert_eq!(read::<2>(&mut stream).await, [1, 2]);
    stream.write_all(&[2]).await.unwrap();
    read::<16>(&mut stream).await;
    stream.write_all(&[0; 16]).await.unwrap();
    assert_eq!(all(&mut stream).await, b"\0\0\0\x01\0\0\0\x02no");
}

async fn connected(fault: Fault) -> Client {
    let mut stream = faulty(fault).await;
    read::<12>(&mut stream).await;
    stream.write_all(b"RFB 003.008\n\x01").await.unwrap();
    assert_eq!(read::<6>(&mut stream).await, [1, 1, 0, 0, 0, 0]);
    Client::init(stream).await
}

#[tokio::test]
async fn a_flood_comes_unasked_and_without_end() {
    let mut client = connected(Fault::Floods { size: (40, 30) }).await;
    for shade in 0..50 {
        client.update().await;
        assert_eq!(client.pixel(39, 29), u32::from_le_bytes([shade; 4]));
    }
}

#[tokio::test]
async fn a_stall_follows_the_handshake() {
    let mut client = connected(Fault::StallsAfterInit).await;
    client.request(0).await;
    stays_silent(&mut client.stream).await;
}

#[tokio::test]
async fn a_lost_connection_comes_after_a_picture() {
    let mut client = connected(Fault::ClosesAfter(Duration::from_millis(50))).await;
    client.update().await;
    assert_eq!(client.size, (64, 64));
    assert_eq!(all(&mut client.stream).await, b"");
}
