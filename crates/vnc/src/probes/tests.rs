//! Servers of the tests' own, asked.

use std::cell::RefCell;
use std::rc::Rc;

use testkit::vnc::{Event, Look, Security, VncServer};

use super::*;
use crate::Password;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build_local(Default::default());
    runtime.unwrap().block_on(work)
}

fn asking(verdict: Option<&'static str>) -> VncServer {
    let security = Security::Challenge {
        challenge: *b"0123456789abcdef",
        verdict,
    };
    VncServer::start(Look {
        security,
        ..Look::default()
    })
}

fn with_password() -> Policy {
    Policy {
        password: Some(Password::new(b"secret12")),
        ..Policy::default()
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_machine_is_asked_once_for_all_and_for_no_screen() {
    let server = asking(None);
    let target: Target = server.addr().to_string().parse().unwrap();
    let (probes, sessions, policy) = (Probes::default(), Sessions::new(), with_password());
    let noted = Rc::new(RefCell::new(0));
    let note = || {
        let noted = noted.clone();
        move |outcome: &Result<(), Unreachable>| {
            assert!(outcome.is_ok());
            *noted.borrow_mut() += 1;
        }
    };
    block_on(async {
        let probe = Probe::new(&target, &policy, &sessions, MINUTE).unwrap();
        let (one, other) =
            tokio::join!(probes.answer(&probe, note()), probes.answer(&probe, note()));
        assert!(matches!((one, other), (Some(Ok(())), Some(Ok(())))));
        probes.begin(&probe, note());
        probes.answer(&probe, note()).await.unwrap().unwrap();
        let stale = Probe::new(&target, &policy, &sessions, Duration::ZERO).unwrap();
        probes.answer(&stale, note()).await.unwrap().unwrap();
    });
    assert_eq!((server.connections(), *noted.borrow()), (2, 2));
    let init = |event: &Event| matches!(event, Event::Init(_));
    assert!(!server.events().iter().any(init), "{:?}", server.events());
}

#[test]
fn without_a_stored_password_nobody_is_asked() {
    let target: Target = "127.0.0.1:1".parse().unwrap();
    let (sessions, policy) = (Sessions::new(), Policy::default());
    assert!(Probe::new(&target, &policy, &sessions, MINUTE).is_none());
}

#[test]
fn a_failure_is_told_and_holds_for_a_moment_for_whoever_wants_to_come_in() {
    let server = asking(Some("Authentication failed"));
    let target: Target = server.addr().to_string().parse().unwrap();
    let (probes, sessions, policy) = (Probes::default(), Sessions::new(), with_password());
    block_on(async {
        let probe = Probe::new(&target, &policy, &sessions, MINUTE).unwrap();
        for _ in 0..3 {
            let failure = probes.answer(&probe, |_| {}).await.unwrap().unwrap_err();
            assert_eq!(failure.refusal, Refusal::StoredPassword);
        }
        Deadline::after(FAILURE_AGE_MAX + Duration::from_millis(100))
            .expired()
            .await;
        // A list keeps it.
        probes.begin(&probe, |_| panic!("asked again"));
        let failure = probes.answer(&probe, |_| {}).await.unwrap().unwrap_err();
        let rests = matches!(failure.refusal, Refusal::StoredPasswordRests(_));
        assert!(rests, "{failure:?}");
    });
    assert_eq!(server.connections(), 1, "a wrong password rests");
}
