//! Records of a client, taken apart with the keys that rustls gave away.

use rustls::server::UnbufferedServerConnection;
use rustls::{AlertDescription, ClientConnection, ContentType, ServerConfig};
use std::io::Write as _;
use std::sync::Arc;

use super::reader::{Reader, Said};
use super::{Facts, KEY_UPDATE, Owed, records};
use crate::tls::outgoing::Outgoing;
use crate::tls::session::{Session, Sink};
use crate::tls::tests::{client, name, server};

/// A client that has shaken hands with a server whose keys were taken from rustls.
struct Pair {
    client: ClientConnection,
    reader: Reader,
    keys: super::KernelConnection<super::ServerConnectionData>,
}

impl Pair {
    fn new() -> Self {
        let mut config = ServerConfig::clone(&server());
        config.enable_secret_extraction = true;
        let server = UnbufferedServerConnection::new(Arc::new(config)).unwrap();
        let mut session = Session::Server(Box::new(server));
        let mut client = ClientConnection::new(client(), name()).unwrap();
        while client.is_handshaking() || session.is_handshaking() {
            let mut bytes = sent(&mut client);
            let mut outgoing = Outgoing::default();
            let mut sink = Sink {
                buf: &mut [],
                filled: 0,
                aside: &mut Vec::new(),
            };
            let mut used = 0;
            for _ in 0..20 {
                let (discard, step) = session.turn(&mut bytes[used..], &mut sink, &mut outgoing);
                used += discard;
                step.unwrap();
            }
            let mut rest = outgoing.rest();
            while !rest.is_empty() {
                client.read_tls(&mut rest).unwrap();
                client.process_new_packets().unwrap();
            }
        }
        let Session::Server(server) = session else {
            panic!("another session")
        };
        let (secrets, keys) = server.dangerous_into_kernel_connection().unwrap();
        let (seq, receiving) = secrets.rx;
        let suite = keys.negotiated_cipher_suite();
        Self {
            client,
            reader: Reader::new(suite, receiving, seq).unwrap(),
            keys,
        }
    }

    fn says(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.client.writer().write_all(bytes).unwrap();
        sent(&mut self.client)
    }

    fn renews(&mut self) -> Vec<u8> {
        self.client.refresh_traffic_keys().unwrap();
        sent(&mut self.client)
    }

    fn follow(&mut self) {
        let (seq, secrets) = self.keys.update_rx_secret().unwrap();
        assert_eq!(seq, 0);
        self.reader.renew(secrets).unwrap();
    }

    fn alert(&mut self, mut bytes: Vec<u8>) -> Option<AlertDescription> {
        match self.reader.next(&mut bytes) {
            Err(fault) => fault.alert,
            Ok(_) => panic!("a record was accepted"),
        }
    }
}

fn sent(client: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

#[test]
fn data_is_read_once_its_record_is_whole() {
    let mut pair = Pair::new();
    for word in [&b"one"[..], b"two"] {
        let mut bytes = pair.says(word);
        for len in 0..bytes.len() {
            assert!(pair.reader.next(&mut bytes[..len]).unwrap().is_none());
        }
        let record = pair.reader.next(&mut bytes).unwrap().unwrap();
        assert_eq!(record.said, Said::Data(word));
        let len = record.len;
        assert_eq!(len, bytes.len());
    }
}

#[test]
fn a_renewed_key_opens_the_next_record_and_the_old_one_does_not() {
    let mut pair = Pair::new();
    let mut bytes = pair.renews();
    let record = pair.reader.next(&mut bytes).unwrap().unwrap();
    assert_eq!(record.said, Said::KeyUpdate { wanted: true });
    let mut first = pair.says(b"behind it");
    assert_eq!(
        pair.alert(first.clone()),
        Some(AlertDescription::BadRecordMac)
    );
    pair.follow();
    let record = pair.reader.next(&mut first).unwrap().unwrap();
    assert_eq!(record.said, Said::Data(b"behind it"));
}

#[test]
fn keys_are_not_renewed_for_ever() {
    let mut pair = Pair::new();
    let turn = |pair: &mut Pair| {
        let mut bytes = pair.renews();
        let came = pair.reader.next(&mut bytes).is_ok();
        pair.follow();
        came
    };
    assert!((0..32).all(|_| turn(&mut pair)));
    let mut data = pair.says(b"data");
    assert!(pair.reader.next(&mut data).is_ok());
    assert!((0..32).all(|_| turn(&mut pair)), "data begins it anew");
    assert!(!turn(&mut pair));
}

#[test]
fn close_notify_is_the_end() {
    let mut pair = Pair::new();
    pair.client.send_close_notify();
    let mut bytes = sent(&mut pair.client);
    let record = pair.reader.next(&mut bytes).unwrap().unwrap();
    assert_eq!(record.said, Said::Closed);
}

#[test]
fn records_that_break_a_rule_are_answered_with_the_alert_that_fits() {
    let mut pair = Pair::new();
    let mut forged = pair.says(b"data");
    *forged.last_mut().unwrap() ^= 1;
    for (bytes, alert) in [
        (forged, AlertDescription::BadRecordMac),
        // Longer than any record may be, told by its header alone.
        (vec![23, 3, 3, 0x41, 0x01], AlertDescription::RecordOverflow),
        // ChangeCipherSpec, and an alert and a message in the clear.
        (vec![20, 3, 3, 0, 1, 1], AlertDescription::UnexpectedMessage),
        (
            vec![21, 3, 3, 0, 2, 1, 0],
            AlertDescription::UnexpectedMessage,
        ),
        (
            vec![22, 3, 3, 0, 5, 24, 0, 0, 1, 0],
            AlertDescription::UnexpectedMessage,
        ),
        // No TLS at all.
        (
            b"GET / HTTP/1.1".to_vec(),
            AlertDescription::UnexpectedMessage,
        ),
        (vec![23, 3, 3, 0, 0], AlertDescription::BadRecordMac),
    ] {
        assert_eq!(pair.alert(bytes.clone()), Some(alert), "{bytes:?}");
    }
}

#[test]
fn messages_and_alerts_inside_are_judged() {
    let mut pair = Pair::new();
    let mut judge = |content_type, payload: &[u8]| {
        let said = pair.reader.handle(content_type, payload);
        said.map(|said| format!("{said:?}"))
            .map_err(|fault| fault.alert)
    };
    let message = ContentType::Handshake;
    let update = |wanted| Ok(format!("KeyUpdate {{ wanted: {wanted} }}"));
    assert_eq!(judge(message, &[24, 0, 0, 1, 0]), update(false));
    assert_eq!(judge(message, &[24, 0, 0, 1, 1]), update(true));
    for (payload, alert) in [
        (&[24, 0, 0, 1, 2][..], AlertDescription::IllegalParameter),
        // What follows it would need the next key.
        (
            &[24, 0, 0, 1, 0, 24, 0, 0, 1, 0],
            AlertDescription::UnexpectedMessage,
        ),
        (&[24, 0, 0], AlertDescription::UnexpectedMessage),
        (&[1, 0, 0, 0], AlertDescription::UnexpectedMessage),
        (&[], AlertDescription::UnexpectedMessage),
    ] {
        assert_eq!(judge(message, payload), Err(Some(alert)), "{payload:?}");
    }
    let alert = ContentType::Alert;
    // A fatal one is answered with nothing, `user_canceled` means nothing.
    assert_eq!(judge(alert, &[2, 40]), Err(None));
    assert_eq!(judge(alert, &[1, 90]), Ok("Nothing".to_owned()));
    for payload in [&[1, 40][..], &[1], &[3, 0]] {
        let decode = Err(Some(AlertDescription::DecodeError));
        assert_eq!(judge(alert, payload), decode, "{payload:?}");
    }
}

#[test]
fn what_was_agreed_on_is_known_without_rustls() {
    let pair = Pair::new();
    let facts = Facts::of(&pair.client);
    assert_eq!(facts.version, Some(pair.keys.protocol_version()));
    assert_eq!(
        facts.suite.map(|suite| suite.suite()),
        Some(pair.keys.negotiated_cipher_suite().suite())
    );
    assert!(facts.group.is_some());
}

#[test]
fn our_own_records_are_as_the_rfc_writes_them() {
    assert_eq!(Owed::KeyUpdate.content_type(), 22);
    assert_eq!(Owed::KeyUpdate.body(), KEY_UPDATE);
    let alert = |alert| Owed::Alert(alert).body();
    assert_eq!(alert(AlertDescription::CloseNotify), [1, 0]);
    assert_eq!(alert(AlertDescription::BadRecordMac), [2, 20]);
    assert_eq!(
        Owed::Alert(AlertDescription::CloseNotify).content_type(),
        21
    );
}

#[test]
fn calls_are_counted_as_no_fewer_records_than_they_make() {
    for (bytes, made) in [(1, 1), (16 * 1024, 1), (16 * 1024 + 1, 2), (1 << 20, 64)] {
        // One may have been begun before.
        assert!(records(bytes) > made, "{bytes}");
    }
}
