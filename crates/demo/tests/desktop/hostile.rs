//! Viewers that send nonsense: nothing panics, and the others do not notice.

use demo::{Desktop, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{Client, DEADLINE};
use super::{serve, until};

/// A repeatable source of bytes.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// A message of a real type, with any content.
    fn message(&mut self) -> Vec<u8> {
        let small = |noise: &mut Self| (noise.below(1400) as u16).to_be_bytes();
        match self.below(9) {
            0 => [vec![0, 0, 0, 0, 32, 24, 0, 1], self.bytes(12)].concat(),
            1 => {
                let known = [0, 1, 7, -223, -239, -258, -307, -308, -250, -1_063_131_698];
                let list: Vec<i32> = known.into_iter().filter(|_| self.below(2) == 0).collect();
                let mut message = vec![2, 0, 0, list.len() as u8];
                message.extend(list.iter().flat_map(|number| number.to_be_bytes()));
                message
            }
            2 | 3 => {
                let mut message = vec![3, self.below(2) as u8];
                (0..4).for_each(|_| message.extend(small(self)));
                message
            }
            4 => {
                let keysyms = [
                    0xff08, 0xff0d, 0xff51, 0xff52, 0xff54, 0xffe1, 0xffe3, 0x61, 0x20,
                ];
                let keysym: u32 = match self.below(4) {
                    0 => self.next() as u32,
                    _ => keysyms[self.below(9) as usize],
                };
                [
                    vec![4, self.below(2) as u8, 0, 0],
                    keysym.to_be_bytes().to_vec(),
                ]
                .concat()
            }
            5 | 6 => {
                let mut message = vec![5, self.below(4) as u8 | self.below(256) as u8 & 0xf8];
                (0..2).for_each(|_| message.extend(small(self)));
                message
            }
            7 => {
                let mut message = vec![251, 0];
                (0..2).for_each(|_| message.extend(small(self)));
                message.extend([0, 0]);
                message
            }
            _ => {
                let text = self.bytes(20);
                [vec![6, 0, 0, 0, 0, 0, 0, 20], text].concat()
            }
        }
    }
}

/// Serves one viewer, who sends `input`, to its end; a panic of the server fails the test.
async fn attend(desktop: &Desktop, input: Vec<u8>) {
    let (ours, theirs) = tokio::io::duplex(4096);
    let server = tokio::spawn({
        let desktop = desktop.clone();
        async move { desktop.attach(theirs).await }
    });
    let (mut reader, mut writer) = tokio::io::split(ours);
    let drain = tokio::spawn(async move {
        let mut sink = [0; 4096];
        while reader.read(&mut sink).await.is_ok_and(|count| count > 0) {}
    });
    // The server may close in the middle of nonsense.
    let _ = writer.write_all(&input).await;
    let _ = writer.shutdown().await;
    drop(writer);
    tokio::time::timeout(DEADLINE, server)
        .await
        .expect("it must end")
        .expect("it must not panic");
    drain.await.unwrap();
}

#[tokio::test]
async fn random_bytes_never_panic() {
    let desktop = Desktop::new(Options::default());
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    for round in 0..200 {
        let length = noise.below(300) as usize;
        let mut input = noise.bytes(length);
        if round % 4 != 0 {
            input.splice(0..0, *b"RFB 003.008\n\x01\x01");
        }
        attend(&desktop, input).await;
    }
    assert_eq!(desktop.viewers(), 0);
}

#[tokio::test]
async fn random_messages_never_panic() {
    let desktop = Desktop::new(Options::default());
    let mut noise = Noise(42);
    for _ in 0..12 {
        let mut input = b"RFB 003.008\n\x01\x01".to_vec();
        for _ in 0..150 {
            input.extend(noise.message());
        }
        attend(&desktop, input).await;
    }
}

#[tokio::test]
async fn a_viewer_that_talks_nonsense_leaves_the_others_alone() {
    let served = serve(Options::default()).await;
    let mut good = Client::connect(served.port).await;
    let mut bad = Client::connect(served.port).await;
    bad.send(&[99; 100]).await;
    assert!(matches!(bad.stream.read(&mut [0; 8]).await, Ok(0) | Err(_)));
    good.type_text("still here").await;
    until(&served.desktop, |desktop| {
        desktop.notepad_text().ends_with("still here")
    })
    .await;
}
