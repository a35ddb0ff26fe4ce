//! Bodies of the fuzz targets for RFB; unit tests run them on the saved inputs.

use super::vencrypt::{self, Login};
use super::{ClientHandshake, ClientStream, Rules, ServerEvent, ServerHandshake, ViewerEvent};

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

fn enforced(data: &[u8], step: usize, rules: &Rules) -> (Vec<u8>, bool) {
    let mut stream = ClientStream::default();
    let mut out = Vec::new();
    let clean = data
        .chunks(step)
        .all(|piece| stream.enforce(piece, rules, &mut out).is_ok());
    (out, clean)
}

/// A VNC server's handshake, answered as the gateway would.
pub fn client_handshake(data: &[u8]) {
    let mut handshake = ClientHandshake::default();
    let mut out = Vec::new();
    let mut input = data;
    while let Ok((taken, event)) = handshake.handle(input, &mut out) {
        input = &input[taken..];
        match event {
            Some(ServerEvent::Types(types)) => handshake.choose(types[0], &mut out),
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
