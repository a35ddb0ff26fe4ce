//! Servers that want RSA-AES or Apple's login, and what is stored here.

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{
    KeyPair, KeySize, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey, PublicKeyComponents,
};
use net::tls::ciphers;
use net::tls::client::ClientSettings;
use net::tls::server::Versions;
use proto::rfb::rsa_aes::{self, PublicKey};
use proto::rfb::security;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use testkit::upstream::Peer;

use super::super::rsa_aes::public_of;
use super::super::seal::Seal;
use super::*;
use crate::tls::{Fingerprint, Tls, TlsNeed, Trust};
use crate::{Machine, Password, Sessions, Unreachable};

/// What a server does otherwise than it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    WrongHash,
    ForgedMessage,
    WrongPassword,
}

/// A server of one of the four types, written from the specification.
#[derive(Clone)]
struct RsaServer {
    kind: u8,
    wants: u8,
    fault: Fault,
    key: Arc<KeyPair>,
}

impl RsaServer {
    fn new(kind: u8) -> Self {
        Self {
            kind,
            wants: 2,
            fault: Fault::None,
            key: Arc::new(KeyPair::generate(KeySize::Rsa2048).unwrap()),
        }
    }

    fn public(&self) -> PublicKey {
        public_of(&self.key).unwrap()
    }

    fn fingerprint(&self) -> Fingerprint {
        let public = self.public();
        let components = PublicKeyComponents {
            n: public.modulus(),
            e: public.exponent(),
        };
        Fingerprint::of(components.as_der().unwrap().as_ref())
    }

    fn start(
        self,
        then: impl Fn(&mut Peer, Option<(Seal, Seal)>) + Send + Sync + 'static,
    ) -> Upstream {
        Upstream::serving(move |peer| {
            if let Some(seals) = self.exchange(peer) {
                then(peer, seals);
            }
        })
    }

    fn is_256(&self) -> bool {
        self.kind >= security::RA2_256
    }

    fn hash(&self, parts: [&[u8]; 2]) -> Vec<u8> {
        match self.is_256() {
            true => Sha256::digest(parts.concat()).to_vec(),
            false => Sha1::digest(parts.concat()).to_vec(),
        }
    }

    fn seal(&self, parts: [&[u8]; 2]) -> Seal {
        let key = self.hash(parts);
        match self.is_256() {
            true => Seal::aes_256(key.first_chunk().unwrap()),
            false => Seal::aes_128(key.first_chunk().unwrap()),
        }
    }

    /// The login; gives back what seals what is behind it, from here and from there, if anything
    /// does.
    fn exchange(&self, peer: &mut Peer) -> Option<Option<(Seal, Seal)>> {
        peer.send(VERSION);
        peer.read_exact(12)?;
        peer.send(&[1, self.kind]);
        assert_eq!(peer.read_exact(1)?, [self.kind]);
        let own = self.public().encode();
        peer.send(&own);
        let theirs = peer.read_exact(4 + 512)?;
        let (_, their_key) = PublicKey::parse(&theirs).unwrap().unwrap();
        let encrypted = peer.read_exact(2 + 256)?;
        let their_random = self.decrypt(&encrypted[2..]);
        let random = vec![0x5a; if self.is_256() { 32 } else { 16 }];
        assert_eq!(their_random.len(), random.len());
        let mut wire = Vec::new();
        rsa_aes::write_encrypted(&encrypt(&their_key, &random), &mut wire);
        peer.send(&wire);
        let mut out = self.seal([&their_random, &random]);
        let mut back = self.seal([&random, &their_random]);
        let mut proof = self.hash([&own, &theirs]);
        proof[0] ^= u8::from(self.fault == Fault::WrongHash);
        send(peer, &proof, &mut out);
        assert_eq!(receive_sealed(peer, &mut back)?, self.hash([&theirs, &own]));
        let mut wire = Vec::new();
        out.seal(&[self.wants], &mut wire).unwrap();
        wire[2] ^= u8::from(self.fault == Fault::ForgedMessage);
        peer.send(&wire);
        let login = receive_sealed(peer, &mut back)?;
        let awaited: &[u8] = match self.wants {
            1 => b"\x03ann\x08secret12",
            _ => b"\x00\x08secret12",
        };
        assert_eq!(login, awaited);
        let mut verdict = vec![0; 4];
        if self.fault == Fault::WrongPassword {
            verdict = [&[0, 0, 0, 1][..], &reason("no")].concat();
        }
        if matches!(self.kind, security::RA2 | security::RA2_256) {
            send(peer, &verdict, &mut out);
            return Some(Some((out, back)));
        }
        peer.send(&verdict);
        Some(None)
    }

    fn decrypt(&self, encrypted: &[u8]) -> Vec<u8> {
        let der = self.key.as_der().unwrap();
        let key = PrivateDecryptingKey::from_pkcs8(der.as_ref()).unwrap();
        let key = Pkcs1PrivateDecryptingKey::new(key).unwrap();
        let mut content = vec![0; 256];
        key.decrypt(encrypted, &mut content).unwrap().to_vec()
    }
}

fn encrypt(key: &PublicKey, content: &[u8]) -> Vec<u8> {
    let components = PublicKeyComponents {
        n: key.modulus(),
        e: key.exponent(),
    };
    let key: PublicEncryptingKey = components.try_into().unwrap();
    let key = Pkcs1PublicEncryptingKey::new(key).unwrap();
    let mut encrypted = vec![0; 256];
    key.encrypt(content, &mut encrypted).unwrap().to_vec()
}

fn send(peer: &mut Peer, content: &[u8], seal: &mut Seal) {
    let mut wire = Vec::new();
    seal.seal(content, &mut wire).unwrap();
    peer.send(&wire);
}

fn receive_sealed(peer: &mut Peer, seal: &mut Seal) -> Option<Vec<u8>> {
    let header = peer.read_exact(2)?;
    let len = usize::from(u16::from_be_bytes([header[0], header[1]]));
    let mut message = [header, peer.read_exact(len + 16)?].concat();
    let (_, content) = seal.open(&mut message).unwrap().unwrap();
    Some(content.to_vec())
}

fn with(trust: Trust) -> Policy {
    let versions = Versions {
        tls12: true,
        tls13: true,
    };
    Policy {
        password: Some(Password::new(b"secret12")),
        tls: Some(Tls {
            need: TlsNeed::Offered,
            settings: ClientSettings {
                versions,
                ciphers: ciphers::select("DEFAULT"),
            },
            identity: None,
            trust,
            name: None,
            files: Vec::new(),
        }),
        handshake_timeout: Duration::from_secs(5),
        ..policy()
    }
}

const KINDS: [u8; 4] = [
    security::RA2,
    security::RA2NE,
    security::RA2_256,
    security::RA2NE_256,
];

#[test]
fn each_type_of_rsa_aes_is_entered_and_carried() {
    for kind in KINDS {
        let server = RsaServer::new(kind);
        let policy = with(Trust::Pinned(vec![server.fingerprint()]));
        let server = server.start(|peer, seals| {
            let Some((mut out, mut back)) = seals else {
                peer.read_exact(1);
                peer.send(&init("desk"));
                assert_eq!(peer.read_exact(8), Some(KEY_DOWN.to_vec()));
                peer.send(&[2]);
                return;
            };
            assert_eq!(receive_sealed(peer, &mut back), Some(vec![1]));
            // Messages of the seal are none of RFB: one is cut, and two come at once.
            let screen = init("desk");
            send(peer, &screen[..7], &mut out);
            send(peer, &screen[7..], &mut out);
            let key = receive_sealed(peer, &mut back);
            assert_eq!(key, Some(KEY_DOWN.to_vec()));
            send(peer, &[2], &mut out);
            // More than one message holds.
            let mut rest = 9000;
            while rest > 0 {
                rest -= receive_sealed(peer, &mut back).map_or(rest, |bytes| bytes.len());
            }
            send(peer, &[2], &mut out);
        });
        let gateway = Gateway::start(target(server.addr()), policy);
        let mut viewer = enter(&gateway, "desk");
        viewer.send_binary(&KEY_DOWN);
        assert_eq!(viewer.recv_bytes(1), [2], "type {kind}");
        if matches!(kind, security::RA2 | security::RA2_256) {
            viewer.send_binary(&KEY_DOWN.repeat(9000 / 8));
            assert_eq!(viewer.recv_bytes(1), [2], "type {kind}");
        }
    }
}

fn reach(server: &Upstream, policy: &Policy) -> Result<(), Unreachable> {
    let target = target(server.addr()).unwrap();
    let sessions = Sessions::new();
    gateway::block_on(async {
        let machine = Machine::reach(&target, policy, &sessions).await?;
        machine.leave().await;
        Ok(())
    })
}

fn refusal(server: RsaServer, policy: &Policy) -> Unreachable {
    let server = server.start(|peer, _| drop(peer.read_exact(1)));
    reach(&server, policy).unwrap_err()
}

#[test]
fn a_key_that_nobody_has_named_is_shown_and_refused() {
    let server = RsaServer::new(security::RA2);
    let shown = server.fingerprint().to_string();
    let unknown = refusal(server.clone(), &with(Trust::Nobody));
    assert_eq!(unknown.refusal, Refusal::UntrustedKey);
    let said = format!("set \"vnc_ssl_fingerprint\" to {shown}");
    assert!(unknown.detail.contains(&said), "{unknown:?}");
    let other = RsaServer::new(security::RA2).fingerprint();
    let wrong = refusal(server.clone(), &with(Trust::Pinned(vec![other])));
    assert_eq!(wrong.refusal, Refusal::UntrustedKey);
    let off = Policy {
        tls: None,
        ..with(Trust::Nobody)
    };
    let off = refusal(server, &off);
    assert_eq!(off.refusal, Refusal::UnsupportedSecurity);
    assert!(off.detail.contains("\"vnc_tls\" is off"), "{off:?}");
}

#[test]
fn what_a_server_does_wrong_is_told_apart() {
    for (fault, awaited) in [
        (Fault::WrongHash, Refusal::TlsFailed),
        (Fault::ForgedMessage, Refusal::TlsFailed),
        (Fault::WrongPassword, Refusal::StoredPassword),
    ] {
        for kind in [security::RA2_256, security::RA2NE] {
            let server = RsaServer {
                fault,
                ..RsaServer::new(kind)
            };
            let failed = refusal(server, &with(Trust::Anybody));
            assert_eq!(failed.refusal, awaited, "{fault:?} {failed:?}");
        }
    }
}

#[test]
fn a_user_is_shown_where_one_is_wanted() {
    let server = RsaServer {
        wants: 1,
        ..RsaServer::new(security::RA2NE_256)
    };
    let nameless = refusal(server.clone(), &with(Trust::Anybody));
    assert_eq!(nameless.refusal, Refusal::UnsupportedSecurity);
    assert!(nameless.detail.contains("\"vnc_user\""), "{nameless:?}");
    let server = server.start(|peer, _| {
        peer.read_exact(1);
        peer.send(&init("desk"));
    });
    let policy = Policy {
        user: Some("ann".to_owned()),
        ..with(Trust::Anybody)
    };
    reach(&server, &policy).unwrap();
}

/// A prime of 1024 bits (RFC 2409 §6.2) and the public value of a server whose secret is
/// `[9; 32]`.
const PRIME: &str = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74\
    020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437\
    4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed\
    ee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff";

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().as_chunks::<2>().0.iter();
    let pairs = digits.map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

#[test]
fn apples_login_is_carried_to_its_verdict() {
    let parameters = [&[0, 2, 0, 128][..], &hex(PRIME), &[3; 128]].concat();
    for verdict in [0, 1] {
        let parameters = parameters.clone();
        let server = Upstream::serving(move |peer| {
            peer.send(VERSION);
            peer.read_exact(12);
            peer.send(&[2, 30, 2]);
            assert_eq!(peer.read_exact(1), Some(vec![30]));
            peer.send(&parameters);
            let reply = peer.read_exact(128 + 128).unwrap();
            assert!(!reply.windows(8).any(|bytes| bytes == b"secret12"));
            peer.send(&[0, 0, 0, verdict]);
            if verdict == 1 {
                peer.send(&reason("no"));
            }
            peer.read_exact(1);
            peer.send(&init("desk"));
        });
        let policy = Policy {
            user: Some("ann".to_owned()),
            plain_login: true,
            ..with(Trust::Nobody)
        };
        let reached = reach(&server, &policy);
        match verdict {
            0 => reached.unwrap(),
            _ => assert_eq!(reached.unwrap_err().refusal, Refusal::StoredPassword),
        }
    }
}

#[test]
fn parameters_that_hide_nothing_are_refused() {
    let even = [&hex(PRIME)[..127], &[0xfe]].concat();
    let prime = hex(PRIME);
    let mut minus_one = prime.clone();
    minus_one[127] -= 1;
    let one = [&[0; 127][..], &[1]].concat();
    for (prime, public) in [
        (&even, &vec![3; 128]),
        (&prime, &one),
        (&prime, &minus_one),
        (&prime, &prime),
        (&prime, &vec![0; 128]),
        (&vec![0; 128], &vec![3; 128]),
        (&one, &one),
    ] {
        let parameters = [&[0, 2, 0, 128][..], prime, public].concat();
        let server = Upstream::serving(move |peer| {
            peer.send(VERSION);
            peer.read_exact(12);
            peer.send(&[1, 30]);
            peer.read_exact(1);
            peer.send(&parameters);
            assert_eq!(peer.read_exact(1), None, "nothing is shown");
        });
        let policy = Policy {
            user: Some("ann".to_owned()),
            plain_login: true,
            ..with(Trust::Nobody)
        };
        let refused = reach(&server, &policy).unwrap_err();
        assert_eq!(refused.refusal, Refusal::UnsupportedSecurity, "{refused:?}");
    }
}

/// Whoever takes every key still takes none that is no key.
#[test]
fn keys_that_are_none_are_refused() {
    let number = |bytes: &[u8]| [&vec![0; 256 - bytes.len()][..], bytes].concat();
    let good = [0xc5; 256];
    for (modulus, exponent) in [
        (number(&[]), number(&[1, 0, 1])),
        (number(&[7]), number(&[1, 0, 1])),
        (good.to_vec(), number(&[])),
        (good.to_vec(), number(&[1])),
        (good.to_vec(), good.to_vec()),
    ] {
        let key = [&2048_u32.to_be_bytes()[..], &modulus, &exponent].concat();
        let server = Upstream::serving(move |peer| {
            peer.send(VERSION);
            peer.read_exact(12);
            peer.send(&[1, security::RA2]);
            peer.read_exact(1);
            peer.send(&key);
            assert_eq!(peer.read_exact(1), None, "nothing is shown");
        });
        let refused = reach(&server, &with(Trust::Anybody)).unwrap_err();
        assert_eq!(refused.refusal, Refusal::TlsFailed, "{refused:?}");
    }
}
