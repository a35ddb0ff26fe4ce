//! Bodies of the fuzz targets for WebSocket framing; unit tests run them on the saved inputs.

use super::{Event, Limits, Receiver};

/// Feeds `data` whole and split, as a client's and as a server's, and compares what came out.
pub fn receiver(data: &[u8]) {
    let [step, data @ ..] = data else { return };
    let limits = Limits {
        frame_bytes_max: 1 << 20,
        message_bytes_max: 1 << 22,
    };
    for receiver in [Receiver::from_client(limits), Receiver::from_server(limits)] {
        let whole = transcript(receiver.clone(), data, data.len().max(1));
        let split = transcript(receiver, data, usize::from(*step).max(1));
        assert_eq!(whole, split, "a split changed what was received");
    }
}

/// Everything that was received, with data pieces of a message joined, ended by an error if any.
fn transcript(mut receiver: Receiver, data: &[u8], step: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let mut message: Vec<u8> = Vec::new();
    for piece in data.chunks(step) {
        let mut piece = piece.to_vec();
        let mut rest = piece.as_mut_slice();
        loop {
            match receiver.handle(&mut rest) {
                Ok(None) => break,
                Ok(Some(Event::Data {
                    text,
                    payload,
                    last,
                })) => {
                    message.extend_from_slice(payload);
                    if last {
                        seen.push(format!("{text} {:?}", std::mem::take(&mut message)));
                    }
                }
                Ok(Some(Event::Close(frame))) => {
                    seen.push(format!("{frame:?}"));
                    return seen;
                }
                Ok(Some(control)) => seen.push(format!("{control:?}")),
                Err(error) => {
                    seen.push(error.to_string());
                    return seen;
                }
            }
        }
        assert!(rest.is_empty(), "bytes were left");
    }
    seen
}
