//! Frames followed: pings, limits, closing in order.

use proto::ws::{Opcode, Sender, close, encode_close, encode_control};

use super::*;

fn websocket(ping: Option<Duration>, message_max: Option<u64>) -> Settings {
    Settings {
        websocket: Some(WebSocket { ping, message_max }),
        ..Settings::default()
    }
}

const KEY: Sender = Sender::Client([1, 2, 3, 4]);

fn frame(header: &[u8], payload: &[u8]) -> Vec<u8> {
    [header, payload].concat()
}

/// Reads a control frame and gives its first byte and its payload, unmasked.
async fn control(stream: &Stream) -> (u8, Vec<u8>) {
    let head = read_exactly(stream, 2).await;
    let key = match head[1] & 0x80 {
        0 => vec![0; 4],
        _ => read_exactly(stream, 4).await,
    };
    let payload = read_exactly(stream, usize::from(head[1] & 0x7f)).await;
    let clear = payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b);
    (head[0], clear.collect())
}

fn pong(sender: Sender, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_control(sender, Opcode::Pong, payload, &mut out);
    out
}

#[test]
fn both_silent_sides_are_pinged_and_their_pongs_stay_here() {
    run(async {
        let pair = start(websocket(Some(millis(400)), None));
        for _ in 0..3 {
            let (kind, cookie) = control(&pair.client).await;
            assert_eq!(kind, 0x89);
            pair.client.write_all(&pong(KEY, &cookie)).await.unwrap();
            let (kind, cookie) = control(&pair.server).await;
            assert_eq!(kind, 0x89);
            pair.server
                .write_all(&pong(Sender::Server, &cookie))
                .await
                .unwrap();
        }
        let foreign = pong(KEY, b"12345678");
        pair.client.write_all(&foreign).await.unwrap();
        assert_eq!(
            read_exactly(&pair.server, foreign.len()).await,
            foreign,
            "nothing came before it"
        );
    });
}

#[test]
fn a_ping_waits_for_the_end_of_the_frame_in_progress() {
    run(async {
        let pair = start(websocket(Some(millis(200)), None));
        pair.server.write_all(&[0x82, 10, 1, 2, 3]).await.unwrap();
        assert_eq!(read_exactly(&pair.client, 5).await, [0x82, 10, 1, 2, 3]);
        crate::timer::sleep(millis(300)).await;
        pair.server
            .write_all(&[4, 5, 6, 7, 8, 9, 10, 0x82, 1, 99])
            .await
            .unwrap();
        assert_eq!(read_exactly(&pair.client, 7).await, [4, 5, 6, 7, 8, 9, 10]);
        let (kind, _) = control(&pair.client).await;
        assert_eq!(kind, 0x89, "the ping stands between the frames");
        assert_eq!(read_exactly(&pair.client, 3).await, [0x82, 1, 99]);
    });
}

#[test]
fn a_side_without_a_sign_of_life_is_given_up_and_the_other_told() {
    run(async {
        let pair = start(websocket(Some(millis(60)), None));
        let client = pair.client;
        let start = Instant::now();
        let answering = tokio::task::spawn_local(async move {
            loop {
                match control(&client).await {
                    (0x89, cookie) => client.write_all(&pong(KEY, &cookie)).await.unwrap(),
                    other => return other,
                }
            }
        });
        let (kind, code) = answering.await.unwrap();
        assert_eq!(
            (kind, &code[..]),
            (0x88, &close::GOING_AWAY.to_be_bytes()[..])
        );
        assert!(start.elapsed() >= millis(120), "two periods");
        let end = within(millis(5000), pair.running).await.unwrap();
        assert!(
            matches!(end.reason, Reason::PingTimeout(Side::Upstream)),
            "{end:?}"
        );
    });
}

#[test]
fn a_side_that_we_do_not_read_because_the_other_is_slow_is_not_given_up() {
    run(async {
        let pair = start(websocket(Some(millis(200)), None));
        let server = pair.server;
        let payload = vec![7; 16 << 20];
        let header = ws::FrameHeader::binary(payload.len() as u64);
        let writing = tokio::task::spawn_local(async move {
            server.write_all(&header.encode()).await.unwrap();
            server.write_all(&payload).await.unwrap();
            server
        });
        let client = pair.client;
        for _ in 0..10 {
            crate::timer::sleep(millis(150)).await;
            client.write_all(&pong(KEY, b"i live")).await.unwrap();
        }
        assert!(
            !pair.running.is_finished(),
            "though the server was silent for so long"
        );
        // On a busy machine a ping may come before the frame begins.
        let mut head = read_exactly(&client, 2).await;
        while head[0] == 0x89 {
            read_exactly(&client, usize::from(head[1])).await;
            head = read_exactly(&client, 2).await;
        }
        let got = read_exactly(&client, 8 + (16 << 20)).await;
        assert!(
            got[8..].iter().all(|byte| *byte == 7),
            "nothing was put inside the frame"
        );
        writing.await.unwrap();
    });
}

#[test]
fn too_long_a_message_is_refused_with_1009_and_not_passed_on() {
    run(async {
        let pair = start(websocket(None, Some(100)));
        let fine = frame(&[0x82, 0x80 | 100, 1, 1, 1, 1], &[5; 100]);
        pair.client.write_all(&fine).await.unwrap();
        let part = frame(&[0x02, 0x80 | 60, 1, 1, 1, 1], &[6; 60]);
        let rest = frame(&[0x80, 0x80 | 60, 1, 1, 1, 1], &[6; 60]);
        pair.client
            .write_all(&[part.clone(), rest].concat())
            .await
            .unwrap();
        let (kind, code) = control(&pair.client).await;
        assert_eq!((kind, &code[..]), (0x88, &close::TOO_BIG.to_be_bytes()[..]));
        assert_eq!(read_exactly(&pair.server, 106).await, fine);
        assert_eq!(read_exactly(&pair.server, 66).await, part);
        let (kind, code) = control(&pair.server).await;
        assert_eq!(
            (kind, &code[..]),
            (0x88, &close::GOING_AWAY.to_be_bytes()[..])
        );
        assert_eq!(read_to_end(&pair.server).await, b"");
        let end = pair.end().await;
        assert!(
            matches!(
                end.reason,
                Reason::Frame(Side::Downstream, ws::Error::MessageTooBig)
            ),
            "{end:?}"
        );
    });
}

#[test]
fn a_cut_tells_both_sides_and_lets_them_read_it() {
    run(async {
        let cut = Policy::Cut {
            jitter: Duration::ZERO,
        };
        let pair = start_over(tcp_pair(), tcp_pair(), websocket(None, None), cut);
        // Bytes that arrive late must not reset the connection before the close frame is read.
        pair.table.reloaded(2);
        crate::timer::sleep(millis(30)).await;
        pair.client
            .write_all(&[0x82, 0x81, 0, 0, 0, 0, 1])
            .await
            .unwrap();
        crate::timer::sleep(millis(30)).await;
        for stream in [&pair.client, &pair.server] {
            let (kind, code) = control(stream).await;
            assert_eq!(
                (kind, &code[..]),
                (0x88, &close::SERVICE_RESTART.to_be_bytes()[..])
            );
            assert_eq!(read_to_end(stream).await, b"");
        }
        let Pair {
            client,
            server,
            running,
            ..
        } = pair;
        drop((client, server));
        let end = within(millis(500), running)
            .await
            .expect("as soon as both have closed");
        assert!(matches!(end.reason, Reason::Ordered(_)), "{end:?}");
    });
}

#[test]
fn a_drain_lets_the_client_close_in_order() {
    run(async {
        let drain = Policy::Drain {
            jitter: Duration::ZERO,
        };
        let pair = start_over(tcp_pair(), tcp_pair(), websocket(None, None), drain);
        pair.table.reloaded(2);
        let (kind, code) = control(&pair.client).await;
        assert_eq!(
            (kind, &code[..]),
            (0x88, &close::SERVICE_RESTART.to_be_bytes()[..])
        );
        let mut answer = Vec::new();
        encode_close(KEY, close::SERVICE_RESTART, "", &mut answer);
        pair.client.write_all(&answer).await.unwrap();
        assert_eq!(read_exactly(&pair.server, answer.len()).await, answer);
        pair.client.shutdown_write().unwrap();
        let end = pair.end().await;
        assert!(matches!(end.reason, Reason::Ordered(_)), "{end:?}");
    });
}
