//! The desktop as a viewer meets it: handshake, input, pictures, clipboard, several viewers.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod client;
mod clipboard;
mod faults;
mod handshake;
mod hostile;
mod picture;

use demo::{Desktop, Options};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::client::{Client, DEADLINE};

/// A desktop that is served on a free port until the end of the test.
struct Served {
    desktop: Desktop,
    port: u16,
    server: JoinHandle<std::io::Result<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(options: Options) -> Served {
    let desktop = Desktop::new(options);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn({
        let desktop = desktop.clone();
        async move { desktop.serve(listener).await }
    });
    Served {
        desktop,
        port,
        server,
    }
}

/// Waits until the desktop is as it should be.
async fn until(desktop: &Desktop, condition: impl FnMut(&Desktop) -> bool) {
    let waiting = desktop.wait_until(condition);
    tokio::time::timeout(DEADLINE, waiting)
        .await
        .expect("the desktop never came to this");
}

const ENTER: u32 = 0xff0d;
const BACKSPACE: u32 = 0xff08;
const CONTROL: u32 = 0xffe3;
const SHIFT: u32 = 0xffe1;
const HOME: u32 = 0xff50;
const LEFT: u32 = 0xff51;

#[tokio::test]
async fn typed_text_arrives_in_the_notepad() {
    let served = serve(Options::default()).await;
    let mut client = Client::connect(served.port).await;
    let start = served.desktop.notepad_text();
    client.type_text("Grüße, мир 日本x").await;
    client.press(BACKSPACE).await;
    client.press(ENTER).await;
    client.type_text("bc").await;
    client.press(HOME).await;
    client.type_text("a").await;
    let end = format!("{start}Grüße, мир 日本\nabc");
    until(&served.desktop, |desktop| desktop.notepad_text() == end).await;
}

#[tokio::test]
async fn a_key_sent_in_the_form_of_qemu_counts_like_any_other() {
    let served = serve(Options::default()).await;
    let mut client = Client::connect(served.port).await;
    client
        .send(&[255, 0, 0, 1, 0, 0, 0, 0x71, 0, 0, 0, 0x10])
        .await;
    client
        .send(&[255, 0, 0, 0, 0, 0, 0, 0x71, 0, 0, 0, 0x10])
        .await;
    until(&served.desktop, |desktop| {
        desktop.notepad_text().ends_with('q')
    })
    .await;
}

#[tokio::test]
async fn a_selection_made_with_shift_is_replaced() {
    let served = serve(Options::default()).await;
    let mut client = Client::connect(served.port).await;
    client.type_text("wrong").await;
    client.key(SHIFT, 1).await;
    for _ in 0..5 {
        client.press(LEFT).await;
    }
    client.key(SHIFT, 0).await;
    client.type_text("right").await;
    until(&served.desktop, |desktop| {
        let text = desktop.notepad_text();
        text.ends_with("right") && !text.contains("wrong")
    })
    .await;
}

#[tokio::test]
async fn modifiers_of_a_viewer_that_left_are_not_held_on() {
    let served = serve(Options::default()).await;
    let mut first = Client::connect(served.port).await;
    first.key(CONTROL, 1).await;
    first.type_text("a").await;
    drop(first);
    until(&served.desktop, |desktop| desktop.viewers() == 0).await;
    let mut second = Client::connect(served.port).await;
    second.key(0xff53, 1).await;
    second.type_text("v").await;
    until(&served.desktop, |desktop| {
        desktop.notepad_text().ends_with('v')
    })
    .await;
}

#[tokio::test]
async fn dropping_the_server_closes_the_connections() {
    let served = serve(Options::default()).await;
    let mut client = Client::connect(served.port).await;
    until(&served.desktop, |desktop| desktop.viewers() == 1).await;
    served.server.abort();
    let mut byte = [0];
    let reading = tokio::io::AsyncReadExt::read(&mut client.stream, &mut byte);
    let ended = tokio::time::timeout(DEADLINE, reading).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)));
    until(&served.desktop, |desktop| desktop.viewers() == 0).await;
}
