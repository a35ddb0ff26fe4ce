//! Pages whole and in pieces, good commands and broken ones.

use super::{Command, Event, Parser, fuzz};

fn command(name: &str, parameters: &[(&str, &str)]) -> Event {
    let owned = |&(key, value): &(&str, &str)| (key.into(), value.into());
    Event::Command(Command {
        name: name.into(),
        parameters: parameters.iter().map(owned).collect(),
    })
}

/// All events of a page given in pieces, and the text between them.
fn run(pieces: &[&str]) -> (String, Vec<Event>) {
    let mut parser = Parser::new(8);
    let (mut text, mut events) = (String::new(), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            let step = parser.next(rest.as_bytes());
            match step.event {
                Some(Event::Text(range)) => text.push_str(&rest[range]),
                Some(Event::Held(held)) => text.push_str(&"<!--"[..held]),
                Some(event) => events.push(event),
                None => {}
            }
            rest = &rest[step.consumed..];
        }
    }
    text.push_str(&"<!--"[..parser.finish()]);
    (text, events)
}

#[test]
fn a_command_is_found_wherever_the_page_is_cut() {
    let page = "a<b<!--#echo var=\"x\" default='y' -->c<!-- no -->d";
    let wanted = (
        "a<bc<!-- no -->d".to_owned(),
        vec![command("echo", &[("var", "x"), ("default", "y")])],
    );
    assert_eq!(run(&[page]), wanted);
    for cut in 1..page.len() {
        assert_eq!(run(&[&page[..cut], &page[cut..]]), wanted, "cut at {cut}");
    }
}

#[test]
fn what_only_looks_like_a_command_stays_text() {
    for page in [
        "<",
        "<!",
        "<!-",
        "<!--",
        "<<!--x",
        "<!<!-<!--",
        "<!--<!---#",
    ] {
        assert_eq!(run(&[page]), (page.to_owned(), Vec::new()));
    }
}

#[test]
fn a_backslash_keeps_a_quote_in_a_value_and_itself_too() {
    let (_, events) = run(&[r#"<!--#set var="a\"b\\" -->"#]);
    assert_eq!(events, [command("set", &[("var", r#"a\"b\\"#)])]);
}

#[test]
fn a_broken_command_ends_at_its_end_and_says_what_is_wrong() {
    let cases = [
        ("<!--#echo var -->", "unexpected \"-\" symbol after \"var\""),
        (
            "<!--#echo var=x -->",
            "unexpected \"x\" symbol before value of \"var\"",
        ),
        (
            "<!--#echo var=\"x\"y -->",
            "unexpected \"y\" symbol after \"x\" value",
        ),
        ("<!--#echo -x -->", "unexpected \"x\" symbol in \"echo\""),
        (
            "<!--#echo var=\"123456789\" -->",
            "too long \"123456789...\" value of \"var\"",
        ),
        (
            "<!--#a2345678901234567890123456789012x -->",
            "SSI command is too long",
        ),
        (
            "<!--#a b2345678901234567890123456789012x=\"\" -->",
            "too long \"b2345",
        ),
    ];
    for (page, message) in cases {
        let (text, events) = run(&[page, "behind"]);
        assert_eq!(text, "behind");
        let [Event::Broken(said)] = &events[..] else {
            panic!("{page}: {events:?}");
        };
        assert!(said.contains(message), "{page}: {said}");
    }
}

#[test]
fn saved_inputs_hold() {
    crate::run_saved_inputs("ssi_page", fuzz::page);
}
