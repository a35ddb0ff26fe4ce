//! The table of sessions, without sessions.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use net::TcpHealth;

use super::control::Wish;
use super::*;
use crate::{Role, Subprotocol};

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A session in the table, with the line that its task would write.
fn enter(sessions: &Sessions, user: &str) -> (Seat, Arc<Entry>) {
    let seat = sessions.enter(
        about(user),
        machine(),
        &Policy::default(),
        Subprotocol::Portway,
    );
    let entry = Arc::clone(&seat.entry);
    (seat, entry)
}

fn machine() -> Option<Target> {
    Some("lab:1".parse().unwrap())
}

fn about(user: &str) -> About {
    About {
        user: Some(user.into()),
        desktop: "lab".into(),
        target: "lab:1".into(),
        ..About::default()
    }
}

#[test]
fn a_session_is_listed_while_its_seat_lives() {
    let sessions = Sessions::new();
    let (seat, entry) = enter(&sessions, "ann");
    entry.add_out(100);
    entry.add_out(5);
    entry.set_rtt(Duration::from_micros(1500));
    let health = TcpHealth {
        rtt: Duration::from_millis(2),
        retransmits: 3,
    };
    entry.set_tcp(Some(health), None);
    let [session] = sessions.list().try_into().unwrap();
    assert_eq!(
        (session.id, session.bytes_out, session.frames_out),
        (seat.entry.id(), 105, 2)
    );
    let asking = Asking {
        role: Role::View,
        user: Some("eve".into()),
        sign_out: false,
    };
    let json: serde_json::Value = serde_json::from_str(&sessions.to_json(&asking)).unwrap();
    assert_eq!(
        (&json["role"], &json["user"]),
        (&"view".into(), &"eve".into())
    );
    let listed = &json["sessions"][0];
    assert_eq!(listed["id"], seat.entry.id().to_string());
    assert_eq!(
        (&listed["user"], &listed["rtt_ms"]),
        (&"ann".into(), &1.5.into())
    );
    assert_eq!(listed["tcp"]["viewer"]["retransmits"], 3);
    assert!(listed["tcp"]["server"].is_null() && listed["last_input_s"].is_null());
    assert_eq!(listed["policy"]["resize"], true);
    let one = sessions.one_to_json(seat.entry.id()).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&one).unwrap(),
        *listed
    );
    drop(seat);
    assert!(sessions.is_empty());
    assert!(sessions.to_json(&asking).ends_with("\"sessions\":[]}"));
    assert_eq!(sessions.one_to_json(entry.id()), None);
}

#[test]
fn a_cut_wakes_the_session_and_its_first_reason_counts() {
    let sessions = Sessions::new();
    let [(ann, ann_entry), (bob, bob_entry)] = ["ann", "bob"].map(|user| enter(&sessions, user));
    assert_eq!(sessions.count(|about| about.desktop == "lab"), 2);
    assert_eq!(
        sessions.count(|about| about.user.as_deref() == Some("ann")),
        1
    );
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert_eq!(ann_entry.wants_cut(&waker), None);
    let is_ann = |session: &Session| session.about.user.as_deref() == Some("ann");
    assert_eq!(sessions.cut_matching(&Refusal::Removed, is_ann), 1);
    assert!(sessions.cut(ann_entry.id(), Refusal::Restart));
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(ann_entry.wants_cut(&waker), Some(Refusal::Removed));
    assert_eq!(bob_entry.wants_cut(&waker), None);
    drop(bob);
    assert!(!sessions.cut(bob_entry.id(), Refusal::Removed));
    drop(ann);
}

#[test]
fn who_cut_is_known_and_the_first_one_counts() {
    let sessions = Sessions::new();
    let (_seat, entry) = enter(&sessions, "ann");
    assert_eq!(entry.cut_by(), None);
    let why = || Refusal::Cut("Maintenance.".into());
    assert!(sessions.cut_by(entry.id(), why(), "root"));
    assert!(sessions.cut_by(entry.id(), why(), "bob"));
    assert_eq!(entry.cut_by().as_deref(), Some("root"));
}

/// What waits for a session's page, as JSON.
fn words(entry: &Entry) -> Vec<serde_json::Value> {
    let words = entry.words();
    let read = |text: &String| serde_json::from_str(text).unwrap();
    words.iter().map(read).collect()
}

#[test]
fn words_wake_a_session_whose_page_can_show_them() {
    let sessions = Sessions::new();
    let (_seat, entry) = enter(&sessions, "ann");
    let stock = sessions.enter(
        about("bob"),
        machine(),
        &Policy::default(),
        Subprotocol::Binary,
    );
    let woken = Arc::new(Woken::default());
    assert_eq!(entry.wants_cut(&Waker::from(Arc::clone(&woken))), None);
    let text = "Lunch \"now\" <b>";
    assert_eq!(sessions.say(entry.id(), "root", text), Some(true));
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    let expected = serde_json::json!({"type": "message", "from": "root", "text": text});
    assert_eq!(words(&entry), [expected]);
    assert_eq!(sessions.say(stock.entry.id(), "root", text), Some(false));
    assert!(stock.entry.words().is_empty());
    assert_eq!(sessions.say(SessionId(1), "root", text), None);
    assert_eq!(sessions.warn_of_restart(Duration::from_secs(9)), 1);
    let warning = serde_json::json!({"type": "warning", "reason": "restart", "seconds": 9});
    assert_eq!(words(&entry), [warning]);
}

#[test]
fn those_at_one_machine_are_told_of_each_other_once_per_look() {
    let sessions = Sessions::new();
    let (ann, ann_entry) = enter(&sessions, "ann");
    let (bob, bob_entry) = enter(&sessions, "bob");
    let guest = About {
        link: Some(LinkUse {
            id: "1".into(),
            by: Some("ann".into()),
        }),
        client: "10.0.0.9".into(),
        ..about("")
    };
    let watching = Policy {
        view_only: true,
        ..Policy::default()
    };
    let guest = sessions.enter(guest, machine(), &watching, Subprotocol::Portway);
    let other = Some("other:1".parse().unwrap());
    let elsewhere = sessions.enter(
        about("eve"),
        other,
        &Policy::default(),
        Subprotocol::Portway,
    );
    for seat in [&ann, &bob, &guest, &elsewhere] {
        seat.join();
    }
    assert_eq!(
        words(&elsewhere.entry)[0]["viewers"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let [told] = words(&ann_entry).try_into().unwrap();
    assert_eq!(told["you"], ann_entry.id().to_string());
    let users: Vec<_> = told["viewers"].as_array().unwrap().iter().collect();
    assert_eq!(users.len(), 3);
    assert_eq!(
        (&users[2]["user"], &users[2]["view_only"]),
        (&"guest of ann".into(), &true.into())
    );
    assert_eq!(users[2]["client"], "10.0.0.9");
    assert!(words(&guest.entry)[0]["viewers"][0].get("client").is_none());
    assert!(told["controller"].is_null() && users[1]["controls"] == true);

    ann_entry.wish(Wish::Take);
    let [told] = words(&bob_entry).try_into().unwrap();
    assert_eq!(told["controller"], ann_entry.id().to_string());
    assert!(bob_entry.snapshot().view_only && !ann_entry.snapshot().view_only);
    bob_entry.wish(Wish::Release);
    let [told] = words(&bob_entry).try_into().unwrap();
    assert_eq!(
        (&told["state"], told["reason"].is_string()),
        (&"refused".into(), true)
    );
    words(&ann_entry);
    bob_entry.wish(Wish::Request);
    let [told] = words(&ann_entry).try_into().unwrap();
    assert_eq!(
        (&told["state"], &told["by"]),
        (&"requested".into(), &bob_entry.id().to_string().into())
    );
}

#[test]
fn control_is_free_again_when_who_has_it_goes_or_may_only_watch() {
    let sessions = Sessions::new();
    let (ann, ann_entry) = enter(&sessions, "ann");
    let (bob, bob_entry) = enter(&sessions, "bob");
    let watching = Policy {
        view_only: true,
        ..Policy::default()
    };
    let eve = sessions.enter(about("eve"), machine(), &watching, Subprotocol::Portway);
    for seat in [&ann, &bob, &eve] {
        seat.join();
    }
    ann_entry.wish(Wish::Take);
    drop(ann);
    assert!(!bob_entry.snapshot().view_only, "control is free again");
    assert_eq!(
        sessions.order(eve.entry.id(), Order::Take, "root"),
        Some(Err("That person cannot control this desktop."))
    );
    assert_eq!(
        sessions.order(bob_entry.id(), Order::Take, "root"),
        Some(Ok(()))
    );
    assert!(sessions.set_policy(bob_entry.id(), &watching));
    words(&eve.entry);
    let presence = bob_entry.room().unwrap().presence(eve.entry.id());
    let told: serde_json::Value = serde_json::from_str(&presence).unwrap();
    assert!(
        told["controller"].is_null(),
        "who may only watch does not control"
    );
}

#[test]
fn who_watches_sees_no_more_than_the_session_does_by_now() {
    let sessions = Sessions::new();
    let (ann, ann_entry) = enter(&sessions, "ann");
    let watch_ann = || sessions.watch(ann_entry.id()).unwrap();
    let early = watch_ann();
    let watching = |watch: &Watch| {
        let about = About {
            watches: Some(watch.id),
            ..about("root")
        };
        sessions.enter(about, machine(), &watch.policy, Subprotocol::Portway)
    };
    let there = watching(&early);
    let mine = Policy {
        clipboard_out: false,
        clipboard_bytes_max: Some(10),
        quality_max: 3,
        idle: Some(Duration::from_secs(9)),
        ..Policy::default()
    };
    assert!(sessions.set_policy(ann_entry.id(), &mine));
    let expected = mine.clone().for_watching().permissions();
    assert_eq!(watch_ann().policy.permissions(), expected);
    // Those that were there, and one that asked before the change and comes after it.
    for seat in [&there, &watching(&early), &watching(&watch_ann())] {
        let terms = seat.entry.live().terms();
        assert_eq!((terms.permissions, terms.idle), (expected, None));
    }
    assert!(there.entry.live().take_change().is_some(), "it is told");
    drop(ann);
}

#[test]
fn ids_differ_and_are_read_back() {
    let [one, two] = [(); 2].map(|()| SessionId::random().unwrap());
    assert_ne!(one, two);
    assert_eq!(one.to_string().parse(), Ok(one));
    assert_eq!(one.to_string().len(), 32);
}
