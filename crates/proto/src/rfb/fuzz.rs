//! Bodies of the fuzz targets for RFB; unit tests run them on the saved inputs.

use super::vencrypt::{self, Login};
use super::{
    ClientHandshake, ClientStream, Confirmations, Framed, Passed, Rules, ServerEvent, ServerFilter,
    ServerHandshake, ServerInit, ServerMessage, ViewerEvent, Violation, apple_dh, rsa_aes,
    security,
};

/// A viewer's stream, whole and split, observed and enforced; what was let through must itself
/// pass the same rules unchanged.
pub fn client_stream(data: &[u8]) {
    let [step, data @ ..] = data else { return };
    let step = usize::from(*step).max(1);
    let counts = [data.len().max(1), step].map(|step| {
        let mut stream = ClientStream::default();
        data.chunks(step).for_each(|piece| stream.observe(piece));
        (stream.counts(), stream.is_lost(), stream.is_at_boundary())
    });
    assert_eq!(counts[0], counts[1], "a split changed what was observed");
    for rules in [Rules::CONTROL, Rules::VIEW_ONLY] {
        let whole = enforced(data, data.len().max(1), &rules);
        assert_eq!(
            whole,
            enforced(data, step, &rules),
            "a split changed what passed"
        );
        let again = enforced(&whole.0, step, &rules);
        assert_eq!(
            (&whole.0, true),
            (&again.0, again.1),
            "what passed would not pass again"
        );
    }
}

/// A server's stream, whole and split. With everything allowed all of it passes; what a stricter
/// policy lets through is itself a stream of which everything passes.
pub fn server_stream(data: &[u8]) {
    let [step, format, data @ ..] = data else {
        return;
    };
    let step = usize::from(*step).max(1);
    let open = Rules {
        both_sides: true,
        clipboard_bytes_max: u32::MAX,
        ..Rules::CONTROL
    };
    let closed = Rules {
        clipboard_out: false,
        ..open
    };
    for rules in [open, closed] {
        let whole = filtered(data, data.len().max(1), *format, &rules);
        let split = filtered(data, step, *format, &rules);
        assert_eq!(whole, split, "a split changed what passed");
        let again = filtered(&whole.passed, step, *format, &rules);
        assert_eq!(
            whole.passed, again.passed,
            "what passed would not pass again"
        );
    }
}

/// What came of a server's stream.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    passed: Vec<u8>,
    /// The same, as listeners are told.
    pieces: Vec<u8>,
    messages: usize,
    leaked: bool,
    ended: Option<Violation>,
}

fn filtered(data: &[u8], step: usize, format: u8, rules: &Rules) -> Outcome {
    let (mut outcome, mut filter) = begin(format, rules);
    let mut carried = Vec::new();
    for piece in data.chunks(step) {
        carried.extend_from_slice(piece);
        let done = filter.filter(&mut carried, rules, |framed, bytes| {
            assert_eq!(framed.len, bytes.len());
            outcome.note(framed, bytes);
        });
        match done {
            Ok(filtered) => {
                match filtered.passed {
                    Passed::InPlace(len) => outcome.passed.extend_from_slice(&carried[..len]),
                    Passed::Apart(apart) => outcome.passed.extend_from_slice(&apart),
                }
                carried.drain(..filtered.used);
                assert!(carried.len() < super::HEAD_LEN_MAX);
            }
            Err(violation) => {
                outcome.ended = Some(violation);
                // How far a read came before its violation depends on the split.
                outcome.passed.clear();
                outcome.pieces.clear();
                outcome.messages = 0;
                break;
            }
        }
    }
    assert_eq!(outcome.passed, outcome.pieces);
    let leaked = std::mem::take(&mut outcome.leaked);
    assert!(!leaked || rules.clipboard_out, "a clipboard passed");
    outcome
}

/// A session in which the extended clipboard, extended mouse buttons and updates were asked for.
fn begin(format: u8, rules: &Rules) -> (Outcome, ServerFilter) {
    let [bits, depth, true_colour] = match format % 4 {
        0 => [32, 24, 1],
        1 => [8, 8, 0],
        2 => [16, 16, 1],
        _ => [32, 30, 1],
    };
    let mut init = ServerInit {
        width: 64,
        height: 48,
        pixel_format: [0; 16],
        name: Vec::new(),
    };
    init.pixel_format[..10].copy_from_slice(&[bits, depth, 0, true_colour, 0, 255, 0, 255, 0, 255]);
    let mut filter = ServerFilter::new(&init);
    let mut client = ClientStream::beside_server(&init);
    let asked = [
        2, 0, 0, 2, 0xc0, 0xa1, 0xe5, 0xce, 0xff, 0xff, 0xfe, 0xc4, 3, 0, 0, 0, 0, 0, 0, 64, 0, 48,
    ];
    let ended = client.enforce(&asked, rules, &mut Vec::new()).err();
    let outcome = Outcome {
        passed: Vec::new(),
        pieces: Vec::new(),
        messages: 0,
        leaked: false,
        ended: ended.or(client.agree(&mut filter).err()),
    };
    (outcome, filter)
}

impl Outcome {
    fn note(&mut self, framed: Framed, bytes: &[u8]) {
        self.messages += usize::from(framed.begins);
        self.leaked |= match framed.message {
            ServerMessage::CutText(_) => true,
            ServerMessage::Clipboard { flags, .. } => super::clipboard::tells(flags),
            ServerMessage::Other(_) => false,
        };
        self.pieces.extend_from_slice(bytes);
    }
}

fn enforced(data: &[u8], step: usize, rules: &Rules) -> (Vec<u8>, bool) {
    let mut stream = ClientStream::default();
    let mut out = Vec::new();
    let clean = data
        .chunks(step)
        .all(|piece| stream.enforce(piece, rules, &mut out).is_ok());
    (out, clean)
}

/// Both sides of a session in turn, under rules that change: what reaches the server is whole
/// messages, and none that it could read in another way than its viewer meant.
pub fn both_sides(data: &[u8]) {
    let init = ServerInit {
        width: 64,
        height: 48,
        pixel_format: [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0],
        name: Vec::new(),
    };
    let mut rules = Rules {
        both_sides: true,
        ..Rules::CONTROL
    };
    let (mut client, mut server) = (ClientStream::beside_server(&init), ServerFilter::new(&init));
    let mut reader = client.clone();
    let mut carried = Vec::new();
    let mut rest = data;
    while let [turn, more @ ..] = rest {
        let (bytes, more) = more.split_at(more.len().min(usize::from(turn & 0x3f)));
        rest = more;
        let done = match turn >> 6 {
            0 | 1 => {
                let mut out = Vec::new();
                let done = client.enforce(bytes, &rules, &mut out);
                reader.observe(&out);
                assert!(!reader.is_lost(), "the server would not understand");
                if client.is_at_boundary() {
                    assert!(reader.is_at_boundary(), "half a message was sent");
                }
                done
            }
            2 => {
                carried.extend_from_slice(bytes);
                let done = server.filter(&mut carried, &rules, |_, _| {});
                done.map(|filtered| drop(carried.drain(..filtered.used)))
            }
            _ => {
                change(&mut rules, *turn);
                let mut release = Vec::new();
                client.release_held(&mut release);
                reader.observe(&release);
                assert!(!reader.is_lost() && carried.len() < super::HEAD_LEN_MAX);
                Ok(())
            }
        };
        // The reader is a server that agrees to what this one has agreed to.
        let agreed = done.and_then(|()| client.agree(&mut server));
        if agreed.is_err() {
            return;
        }
        reader.agree_as(&client);
    }
}

/// A viewer whose server is heard while it passes, observed until rules are enforced: what the
/// server confirms does not depend on how its bytes are split, and what is enforced means the same
/// to a server that knows only that much.
pub fn confirmations(data: &[u8]) {
    let init = ServerInit {
        width: 64,
        height: 48,
        pixel_format: [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0],
        name: Vec::new(),
    };
    let mut client = ClientStream::beside_confirmations(&init);
    let (mut whole, mut split) = (Confirmations::new(&init), Confirmations::new(&init));
    let mut reader: Option<ClientStream> = None;
    let mut rules = Rules::CONTROL;
    let mut rest = data;
    while let [turn, more @ ..] = rest {
        let (bytes, more) = more.split_at(more.len().min(usize::from(turn & 0x3f)));
        rest = more;
        match turn >> 6 {
            0 | 1 => {
                let Some(reader) = &mut reader else {
                    client.observe(bytes);
                    continue;
                };
                let mut out = Vec::new();
                let done = client.enforce(bytes, &rules, &mut out);
                reader.agree_as(&client);
                reader.observe(&out);
                assert!(!reader.is_lost(), "the server would not understand");
                if done.is_err() {
                    return;
                }
            }
            2 => {
                let mut other = client.clone();
                let learns = client.learn(&mut whole, bytes);
                let pieces = bytes.chunks(usize::from(turn & 7).max(1));
                let also = pieces.fold(other.learns(), |learns, piece| {
                    learns && other.learn(&mut split, piece)
                });
                if !bytes.is_empty() {
                    assert_eq!(learns, also, "a split changed what is learned");
                    assert!(
                        client.has_learned_as(&other),
                        "a split changed what was learned"
                    );
                }
            }
            _ if reader.is_none() && client.may_enforce() && client.is_at_boundary() => {
                reader = Some(client.clone());
            }
            _ => {
                let Some(reader) = &mut reader else { continue };
                change(&mut rules, *turn);
                let mut out = Vec::new();
                client.grant_size(&rules, &mut out);
                reader.observe(&out);
                assert!(!reader.is_lost(), "the server would not understand");
                assert!(out.is_empty() || reader.is_at_boundary(), "half a wish");
            }
        }
    }
}

fn change(rules: &mut Rules, flags: u8) {
    rules.view_only = flags & 1 != 0;
    rules.hands_off = flags & 2 != 0;
    rules.clipboard_in = flags & 4 == 0;
    rules.clipboard_out = flags & 8 == 0;
    rules.resize = flags & 16 == 0;
    rules.clipboard_bytes_max = if flags & 32 != 0 { 8 } else { 1 << 20 };
}

/// A VNC server's handshake, answered as the gateway would.
pub fn client_handshake(data: &[u8]) {
    let mut handshake = ClientHandshake::default();
    let mut out = Vec::new();
    let mut input = data;
    while let Ok((taken, event)) = handshake.handle(input, &mut out) {
        input = &input[taken..];
        match event {
            Some(ServerEvent::Types(types)) => match types[0] {
                kind @ (security::RA2 | security::RA2NE_256 | security::APPLE_DH) => {
                    handshake.choose_exchange(kind, &mut out);
                    let Some(taken) = exchange(kind, input) else {
                        return;
                    };
                    input = &input[taken..];
                    handshake.exchanged();
                }
                kind => handshake.choose(kind, &mut out),
            },
            Some(ServerEvent::Challenge(challenge)) => handshake.respond(&challenge, &mut out),
            Some(ServerEvent::Subtypes(subtypes)) => {
                let subtype = subtypes.first().copied().unwrap_or(vencrypt::PLAIN);
                handshake.choose_subtype(subtype, &mut out);
            }
            Some(ServerEvent::StartTls) => handshake.secured(),
            Some(ServerEvent::LoginWanted) => handshake.log_in(&login(), &mut out),
            Some(ServerEvent::Authenticated) => handshake.initialise(&mut out),
            None if taken > 0 => {}
            None | Some(_) => return,
        }
    }
}

/// The exchanges that the handshake does not make, as far as they are bytes: how many.
fn exchange(kind: u8, input: &[u8]) -> Option<usize> {
    if kind == security::APPLE_DH {
        let (taken, parameters) = apple_dh::Parameters::parse(input).ok()??;
        assert_eq!(parameters.prime.len(), parameters.public.len());
        return Some(taken);
    }
    let (mut taken, theirs) = rsa_aes::PublicKey::parse(input).ok()??;
    assert_eq!(theirs.encode(), input[..taken]);
    assert!(theirs.modulus().len() <= theirs.encrypted_len());
    let ours = rsa_aes::PublicKey::new(&[0xff; 256], &[1, 0, 1]);
    let (len, encrypted) = ours.parse_encrypted(&input[taken..]).ok()??;
    assert_eq!(encrypted.len(), 256);
    taken += len;
    for _ in 0..2 {
        let content = rsa_aes::sealed(&input[taken..])?;
        taken += content.end + rsa_aes::MAC_LEN;
    }
    Some(taken)
}

fn login() -> Login {
    Login {
        user: b"user".to_vec(),
        password: b"password".to_vec(),
    }
}

/// A viewer's handshake, answered as the gateway would, with a refusal tried at the end.
pub fn server_handshake(data: &[u8]) {
    let mut out = Vec::new();
    let mut handshake = ServerHandshake::start(&mut out);
    let mut input = data;
    while let Ok((taken, event)) = handshake.handle(input, &mut out) {
        input = &input[taken..];
        let decided = match event {
            Some(ViewerEvent::Version(_)) => handshake.offer(&[2, 1, 30, 19], &mut out),
            event => event,
        };
        match decided {
            Some(ViewerEvent::Chosen(1)) => handshake.accept(&mut out),
            Some(ViewerEvent::Chosen(2)) => handshake.challenge(&[7; 16], &mut out),
            Some(ViewerEvent::Response(_) | ViewerEvent::Login(_)) => handshake.accept(&mut out),
            Some(ViewerEvent::Chosen(19)) => {}
            None if taken > 0 => {}
            _ => break,
        }
    }
    handshake.refuse("no", &mut out);
}
