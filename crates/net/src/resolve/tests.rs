//! A resolver against name servers that say what they are told to.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::net::UdpSocket;

use super::*;
use crate::testing::run;

/// Answers each datagram with what `script` makes of it.
async fn server(script: impl Fn(&[u8]) -> Vec<Vec<u8>> + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let addr = socket.local_addr().expect("an address");
    tokio::task::spawn_local(async move {
        let mut buf = [0; 512];
        while let Ok((n, from)) = socket.recv_from(&mut buf).await {
            for answer in script(&buf[..n]) {
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
    addr
}

fn resolver(servers: Vec<SocketAddr>) -> Arc<Resolver> {
    Arc::new(Resolver::new(Settings {
        servers,
        valid: None,
        ipv4: true,
        ipv6: false,
    }))
}

/// The answer with these records and that code.
fn answer(question: &[u8], code: u8, records: &[&[u8]]) -> Vec<u8> {
    let mut out = question.to_vec();
    out[2..4].copy_from_slice(&[0x81, 0x80 | code]);
    out[7] = records.len() as u8;
    out.extend(records.concat());
    out
}

fn a(ttl: u8, last: u8) -> Vec<u8> {
    vec![0xc0, 12, 0, 1, 0, 1, 0, 0, 0, ttl, 0, 4, 127, 0, 0, last]
}

fn log() -> ErrorLog {
    ErrorLog::stderr(Level::Emerg)
}

const SECOND: Duration = Duration::from_secs(1);

async fn ask(resolver: &Arc<Resolver>, name: &str) -> Result<Vec<String>, String> {
    let found = resolver.addresses(name, SECOND, &log()).await;
    let found = found.map_err(|failure| failure.to_string())?;
    Ok(found.ips.iter().map(IpAddr::to_string).collect())
}

#[test]
fn identical_questions_are_one_question_and_its_answer_is_kept() {
    run(async {
        let asked = Rc::new(Cell::new(0));
        let count = asked.clone();
        let addr = server(move |question| {
            count.set(count.get() + 1);
            vec![answer(question, 0, &[&a(60, 1), &a(60, 2)])]
        })
        .await;
        let resolver = resolver(vec![addr]);
        let (one, other) = tokio::join!(ask(&resolver, "a.b"), ask(&resolver, "A.b."));
        assert_eq!(
            one,
            Ok(vec!["127.0.0.1".to_owned(), "127.0.0.2".to_owned()])
        );
        assert_eq!(one, other);
        let mut firsts = std::collections::BTreeSet::new();
        for _ in 0..64 {
            let ips = ask(&resolver, "a.b").await.expect("addresses");
            firsts.insert(ips[0].clone());
        }
        assert_eq!(firsts.len(), 2, "the addresses take turns");
        assert_eq!(asked.get(), 1);
    });
}

#[test]
fn a_failure_is_told_in_nginx_s_words_and_asked_again() {
    run(async {
        let codes = RefCell::new(VecDeque::from([3, 2, 0]));
        let addr = server(move |question| {
            let code = codes.borrow_mut().pop_front().unwrap_or(0);
            vec![answer(question, code, &[&a(60, 1)])]
        })
        .await;
        let resolver = resolver(vec![addr]);
        assert_eq!(ask(&resolver, "x").await, Err("3: Host not found".into()));
        assert_eq!(ask(&resolver, "x").await, Err("2: Server failure".into()));
        assert_eq!(ask(&resolver, "x").await, Ok(vec!["127.0.0.1".into()]));
        assert_eq!(
            ask(&resolver, "x..y").await,
            Err("3: Host not found".into())
        );
    });
}

#[test]
fn an_answer_with_a_wrong_number_or_to_another_question_does_not_count() {
    run(async {
        let addr = server(|question| {
            let mut wrong = answer(question, 0, &[&a(60, 66)]);
            wrong[1] ^= 1;
            let mut other = answer(question, 0, &[&a(60, 67)]);
            other[13] = b'z';
            vec![wrong, other, answer(question, 0, &[&a(60, 1)])]
        })
        .await;
        let resolver = resolver(vec![addr]);
        assert_eq!(ask(&resolver, "x").await, Ok(vec!["127.0.0.1".into()]));
    });
}

#[test]
fn an_alias_is_followed_and_a_circle_ends() {
    run(async {
        let addr = server(|question| {
            let alias = |to: u8| vec![0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 3, 1, to, 0];
            vec![match question[13] {
                b'a' => answer(question, 0, &[&alias(b'b')]),
                b'c' => answer(question, 0, &[&alias(b'c')]),
                _ => answer(question, 0, &[&a(60, 1)]),
            }]
        })
        .await;
        let resolver = resolver(vec![addr]);
        assert_eq!(ask(&resolver, "a").await, Ok(vec!["127.0.0.1".into()]));
        assert_eq!(ask(&resolver, "c").await, Err("3: Host not found".into()));
    });
}

#[test]
fn a_silent_server_times_out_and_one_that_refuses_is_passed_over() {
    run(async {
        let silent = server(|_| Vec::new()).await;
        let short = Duration::from_millis(50);
        let failure = resolver(vec![silent]).addresses("x", short, &log()).await;
        assert_eq!(failure.map(drop), Err(Failure::TimedOut));
        let nobody = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let refuses = nobody.local_addr().expect("an address");
        drop(nobody);
        let good = server(|question| vec![answer(question, 0, &[&a(60, 1)])]).await;
        let resolver = resolver(vec![refuses, good]);
        assert_eq!(ask(&resolver, "x").await, Ok(vec!["127.0.0.1".into()]));
    });
}

#[test]
fn the_name_of_an_address_is_asked_for_backwards() {
    let name = |ip: &str| Key::name_of(ip.parse().expect("an address")).name;
    assert_eq!(&*name("192.0.2.1"), "1.2.0.192.in-addr.arpa");
    let six = name("2001:db8::1");
    assert!(
        six.starts_with("1.0.0.0.0.") && six.ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"),
        "{six}"
    );
}
