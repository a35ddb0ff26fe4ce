//! Questions and answers, byte by byte.

use super::*;

/// The answer to a question: flags, number of records, and their bytes.
fn answer(question: &[u8], flags: u16, records: &[&[u8]]) -> Vec<u8> {
    let mut out = question.to_vec();
    out[2..4].copy_from_slice(&flags.to_be_bytes());
    out[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
    out.extend(records.concat());
    out
}

const A: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01";

fn ask(kind: Kind) -> Vec<u8> {
    question(7, "a.Example", kind).expect("a question")
}

fn wrong(data: &[u8]) -> String {
    parse(data, Transport::Udp)
        .expect_err("no answer")
        .to_string()
}

#[test]
fn a_question_is_a_header_a_name_and_a_kind() {
    let expected = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x01a\x07Example\0\0\x1c\0\x01";
    assert_eq!(ask(Kind::Aaaa), expected);
    for bad in ["", ".", "a..b", ".a", "a.", &"x".repeat(64)] {
        assert_eq!(question(1, bad, Kind::A), None, "{bad}");
    }
}

#[test]
fn addresses_come_with_the_shortest_time_of_all_records() {
    let alias = b"\xc0\x0c\0\x05\0\x01\0\0\0\x05\0\x02\xc0\x0c";
    let parsed = parse(&answer(&ask(Kind::A), 0x8180, &[alias, A]), Transport::Udp);
    let parsed = parsed.expect("an answer");
    assert_eq!(
        (parsed.id, &parsed.name[..], parsed.ttl),
        (7, "a.example", Some(5))
    );
    let alias = Record::Cname("a.example".into());
    assert_eq!(parsed.records, [alias, Record::A(Ipv4Addr::LOCALHOST)]);
}

#[test]
fn a_service_has_priorities_weights_and_ports() {
    let data = b"\xc0\x0c\0\x21\0\x01\0\0\0\x3c\0\x08\0\x02\0\0\x1f\x90\xc0\x0c";
    let parsed = parse(&answer(&ask(Kind::Srv), 0x8180, &[data]), Transport::Tcp);
    let expected = Srv {
        priority: 2,
        weight: 1,
        port: 8080,
        name: "a.example".into(),
    };
    assert_eq!(parsed.expect("an answer").records, [Record::Srv(expected)]);
}

#[test]
fn what_is_no_answer_is_told_in_nginx_s_words() {
    let asked = ask(Kind::A);
    assert_eq!(wrong(&asked), "invalid UDP DNS response 7 fl:0100");
    assert_eq!(
        wrong(&answer(&asked, 0x8181, &[])),
        "DNS error (1: Format error), query id:7"
    );
    assert_eq!(wrong(&asked[..11]), "short DNS response");
    assert_eq!(
        wrong(&answer(&asked, 0x8180, &[&A[..10]])),
        "short DNS response"
    );
    let six = b"\xc0\x0c\0\x1c\0\x01\0\0\0\x3c\0\x01\0";
    assert_eq!(
        wrong(&answer(&asked, 0x8180, &[six])),
        "unexpected AAAA record in DNS response"
    );
    let truncated = answer(&asked, 0x8380, &[]);
    assert!(parse(&truncated, Transport::Udp).is_ok_and(|answer| answer.truncated));
    assert!(parse(&truncated, Transport::Tcp).is_err());
}

#[test]
fn a_name_that_points_to_itself_ends() {
    let mut data = answer(&ask(Kind::A), 0x8180, &[]);
    let at = data.len() as u16;
    data[7] = 1;
    data.extend(b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x02");
    data.extend((0xc000 | (at + 12)).to_be_bytes());
    assert_eq!(wrong(&data), "compression pointers loop in DNS response");
}

#[test]
fn saved_messages_and_their_mutations_are_read_without_a_panic() {
    crate::run_saved_inputs("dns", |data| {
        for at in 0..data.len() {
            fuzz(&data[..at]);
            for byte in [0, 1, 0x3f, 0x40, 0xc0, 0xff] {
                let mut mutated = data.to_vec();
                mutated[at] = byte;
                fuzz(&mutated);
            }
        }
        fuzz(data);
    });
}
