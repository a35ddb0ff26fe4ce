//! Body of a fuzz target; the tests run it over saved and mutated inputs.

use std::time::SystemTime;

use super::file::parse_line;
use super::ticket::{Bearer, Ticket};
use super::{http, redis, words};

/// A file of tokens, and the same bytes as the answer of a service and as those of a Redis server.
pub fn tickets(data: &[u8]) {
    let nobody = Bearer {
        user: None,
        address: None,
    };
    let check = |ticket: Ticket| {
        if !ticket.users.is_empty() || !ticket.addresses.is_empty() {
            assert!(ticket.check(&nobody, SystemTime::UNIX_EPOCH).is_err());
        }
    };
    redis::read_replies(data);
    if let Ok(Some(ticket)) = http::read(data) {
        check(ticket);
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for line in text.lines() {
        if let Some((token, rest)) = parse_line(line) {
            assert!(!token.is_empty() && line.contains(token));
            let _ = Ticket::parse(rest).map(check);
        }
        if let Some(words) = words::words(line) {
            assert!(words.iter().map(String::len).sum::<usize>() <= line.len());
        }
    }
}

#[test]
fn saved_and_mutated_inputs_break_no_rule() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/tickets");
    let inputs = std::fs::read_dir(folder).unwrap().flatten();
    let mut ran = 0;
    for input in inputs {
        let input = std::fs::read(input.path()).unwrap();
        tickets(&input);
        for at in 0..input.len() {
            tickets(&input[..at]);
            let mut changed = input.clone();
            changed[at] ^= 1 << (at % 8);
            tickets(&changed);
        }
        ran += 1;
    }
    assert!(ran > 2, "{ran}");
}
