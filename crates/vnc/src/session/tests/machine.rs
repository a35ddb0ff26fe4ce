//! Reaching a machine without a viewer.

use std::future::poll_fn;

use testkit::vnc::{Event, Look, Security, VncServer};

use super::gateway::block_on;
use super::*;
use crate::{Machine, Password, Sessions, Unreachable};

const CHALLENGE: [u8; 16] = *b"0123456789abcdef";

fn reach(server: &VncServer, policy: &Policy, sessions: &Sessions) -> Result<(), Unreachable> {
    let target = target(server.addr()).unwrap();
    block_on(async {
        let machine = Machine::reach(&target, policy, sessions).await?;
        assert_eq!((machine.init.width, machine.init.height), (64, 48));
        assert_eq!(machine.init.name, b"fake desktop");
        assert!(machine.early.is_empty());
        let asked = [3, 0, 0, 0, 0, 0, 0, 1, 0, 1];
        machine.link.write_all(&asked).await.unwrap();
        let mut update = [0; 16];
        let read = poll_fn(|cx| machine.link.poll_read(cx, &mut update)).await;
        assert_eq!(read.unwrap(), 16);
        assert_eq!(update[..4], [0, 0, 0, 1]);
        machine.leave().await;
        Ok(())
    })
}

fn asking(verdict: Option<&'static str>) -> VncServer {
    let security = Security::Challenge {
        challenge: CHALLENGE,
        verdict,
    };
    VncServer::start(Look {
        security,
        ..Look::default()
    })
}

fn with(password: &[u8]) -> Policy {
    Policy {
        password: Some(Password::new(password)),
        ..policy()
    }
}

#[test]
fn a_machine_is_entered_with_what_is_stored() {
    let sessions = Sessions::new();
    let open = VncServer::start(Look::default());
    reach(&open, &policy(), &sessions).unwrap();
    assert_eq!(open.events()[0], Event::Init(1), "always shared");
    let closed = asking(None);
    reach(&closed, &with(b"secret12"), &sessions).unwrap();
    let response = proto::rfb::answer_challenge(b"secret12", &CHALLENGE).to_vec();
    closed.wait_event(&Event::ChallengeResponse(response));
}

#[test]
fn a_machine_that_wants_a_password_says_so() {
    let server = asking(None);
    let refused = reach(&server, &policy(), &Sessions::new()).unwrap_err();
    assert_eq!(refused.refusal, Refusal::NoStoredPassword);
}

/// However many ask, a server that refused what is stored is left alone for a while.
#[test]
fn a_stored_password_that_was_wrong_is_not_tried_again_at_once() {
    let sessions = Sessions::new();
    let server = asking(Some("Authentication failed"));
    let first = reach(&server, &with(b"wrong"), &sessions).unwrap_err();
    assert_eq!(first.refusal, Refusal::StoredPassword);
    for _ in 0..10 {
        let again = reach(&server, &with(b"wrong"), &sessions).unwrap_err();
        assert!(
            matches!(again.refusal, Refusal::StoredPasswordRests(wait) if wait.as_secs() >= 20),
            "{again:?}"
        );
    }
    assert_eq!(server.connections(), 1);
    let other = reach(&server, &with(b"another"), &sessions).unwrap_err();
    assert_eq!(other.refusal, Refusal::StoredPassword);
    assert_eq!(server.connections(), 2);
}
