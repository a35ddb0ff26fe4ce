//! The body of the fuzz target for pages with commands; a unit test runs it on the saved inputs.

use super::{Event, OPEN, PARAMETERS_MAX, Parser};

/// Feeds a page whole and in pieces, and compares what came out: text joined, commands in order.
pub fn page(data: &[u8]) {
    let [step, data @ ..] = data else { return };
    let whole = transcript(data, data.len().max(1));
    let split = transcript(data, usize::from(*step).max(1));
    assert_eq!(whole, split, "a split changed what was found");
}

/// What was found, text that follows text joined.
fn transcript(data: &[u8], step: usize) -> Vec<Event> {
    const VALUE_MAX: usize = 16;
    let mut parser = Parser::new(VALUE_MAX);
    let mut seen: Vec<Event> = Vec::new();
    let mut text = 0;
    for piece in data.chunks(step) {
        let mut rest = piece;
        while !rest.is_empty() {
            let found = parser.next(rest);
            assert!(found.consumed <= rest.len());
            assert!(found.event.is_some() || found.consumed == rest.len());
            match found.event {
                Some(Event::Text(range)) => text += range.len(),
                Some(Event::Held(held)) => {
                    assert!((1..OPEN.len()).contains(&held));
                    text += held;
                }
                Some(event) => {
                    if let Event::Command(command) = &event {
                        assert!(command.parameters.len() <= PARAMETERS_MAX + 1);
                        assert!(command.parameters.iter().all(|(_, v)| v.len() <= VALUE_MAX));
                    }
                    seen.push(Event::Held(std::mem::take(&mut text)));
                    seen.push(event);
                }
                None => {}
            }
            rest = rest.get(found.consumed..).unwrap_or_default();
        }
    }
    seen.push(Event::Held(text + parser.finish()));
    seen
}
