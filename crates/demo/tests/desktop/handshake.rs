//! Versions, passwords and refusals.

use demo::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{Client, bytes, dial, read};
use super::{serve, until};

fn locked() -> Options {
    Options {
        password: Some("secret".to_owned()),
        ..Options::default()
    }
}

/// What a viewer with the password "secret" makes of a challenge.
fn answer(challenge: [u8; 16], password: &[u8; 8]) -> [u8; 16] {
    use des::cipher::{BlockEncrypt, KeyInit};
    let key = password.map(u8::reverse_bits);
    let cipher = des::Des::new(&key.into());
    let mut answer = challenge;
    for block in answer.chunks_exact_mut(8) {
        cipher.encrypt_block(block.into());
    }
    answer
}

#[tokio::test]
async fn each_version_of_the_protocol_gets_in_without_a_password() {
    let served = serve(Options::default()).await;
    for version in [b"RFB 003.003\n", b"RFB 003.005\n"] {
        let mut stream = dial(served.port).await;
        assert_eq!(&read::<12>(&mut stream).await, b"RFB 003.008\n");
        stream.write_all(version).await.unwrap();
        assert_eq!(read::<4>(&mut stream).await, [0, 0, 0, 1]);
        assert_eq!(Client::init(stream).await.size, (1280, 800));
    }
    for (version, result) in [
        (b"RFB 003.007\n", 0),
        (b"RFB 003.008\n", 4),
        (b"RFB 003.889\n", 4),
    ] {
        let mut stream = dial(served.port).await;
        read::<12>(&mut stream).await;
        stream.write_all(version).await.unwrap();
        assert_eq!(read::<2>(&mut stream).await, [1, 1]);
        stream.write_all(&[1]).await.unwrap();
        assert_eq!(bytes(&mut stream, result).await, vec![0; result]);
        assert_eq!(Client::init(stream).await.name, "Portway demo");
    }
}

#[tokio::test]
async fn a_password_opens_the_desktop_in_each_version() {
    let served = serve(locked()).await;
    for version in [b"RFB 003.003\n", b"RFB 003.007\n", b"RFB 003.008\n"] {
        let mut stream = dial(served.port).await;
        read::<12>(&mut stream).await;
        stream.write_all(version).await.unwrap();
        if version == b"RFB 003.003\n" {
            assert_eq!(read::<4>(&mut stream).await, [0, 0, 0, 2]);
        } else {
            assert_eq!(read::<2>(&mut stream).await, [1, 2]);
            stream.write_all(&[2]).await.unwrap();
        }
        let challenge = read(&mut stream).await;
        stream
            .write_all(&answer(challenge, b"secret\0\0"))
            .await
            .unwrap();
        assert_eq!(read::<4>(&mut stream).await, [0; 4]);
        Client::init(stream).await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_and_the_connection_closed() {
    let served = serve(locked()).await;
    let mut stream = dial(served.port).await;
    read::<12>(&mut stream).await;
    stream.write_all(b"RFB 003.008\n").await.unwrap();
    assert_eq!(read::<2>(&mut stream).await, [1, 2]);
    stream.write_all(&[2]).await.unwrap();
    let challenge = read(&mut stream).await;
    stream
        .write_all(&answer(challenge, b"Secret\0\0"))
        .await
        .unwrap();
    assert_eq!(read::<8>(&mut stream).await, [0, 0, 0, 1, 0, 0, 0, 14]);
    let mut reason = String::new();
    stream.read_to_string(&mut reason).await.unwrap();
    assert_eq!(reason, "Wrong password");
}

#[tokio::test]
async fn a_viewer_too_many_is_told_so() {
    let served = serve(Options {
        viewers_max: 1,
        ..Options::default()
    })
    .await;
    let first = Client::connect(served.port).await;
    let mut stream = dial(served.port).await;
    read::<12>(&mut stream).await;
    stream.write_all(b"RFB 003.008\n").await.unwrap();
    let mut refusal = Vec::new();
    stream.read_to_end(&mut refusal).await.unwrap();
    assert_eq!(refusal[0], 0);
    assert_eq!(&refusal[5..], b"This desktop has too many viewers");
    drop(first);
    until(&served.desktop, |desktop| desktop.viewers() == 0).await;
    Client::connect(served.port).await;
}

#[tokio::test]
async fn a_security_type_that_was_not_offered_ends_the_connection() {
    let served = serve(locked()).await;
    let mut stream = dial(served.port).await;
    read::<12>(&mut stream).await;
    stream.write_all(b"RFB 003.008\n").await.unwrap();
    assert_eq!(read::<2>(&mut stream).await, [1, 2]);
    stream.write_all(&[1]).await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}
