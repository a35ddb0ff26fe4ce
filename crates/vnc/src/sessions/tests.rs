//! The table of sessions, without sessions.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use super::*;

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A session in the table, with the line that its task would write.
fn enter(sessions: &Sessions, user: &str) -> (Seat, Arc<Entry>) {
    let entry = Arc::new(Entry::new(about(user), Policy::default().terms()));
    (sessions.enter(Arc::clone(&entry)).unwrap(), entry)
}

fn about(user: &str) -> About {
    About {
        user: Some(user.into()),
        desktop: "lab".into(),
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
    let [session] = sessions.list().try_into().unwrap();
    assert_eq!(
        (session.id, session.bytes_out, session.frames_out),
        (seat.id, 105, 2)
    );
    let json = sessions.to_json();
    assert!(
        json.starts_with(&format!("[{{\"id\":\"{}\"", seat.id)),
        "{json}"
    );
    assert!(
        json.contains("\"user\":\"ann\"") && json.contains("\"rtt_ms\":1.5"),
        "{json}"
    );
    drop(seat);
    assert!(sessions.is_empty());
    assert_eq!(sessions.to_json(), "[]");
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
    assert!(sessions.cut(ann.id, Refusal::Restart));
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(ann_entry.wants_cut(&waker), Some(Refusal::Removed));
    assert_eq!(bob_entry.wants_cut(&waker), None);
    let gone = bob.id;
    drop(bob);
    assert!(!sessions.cut(gone, Refusal::Removed));
}

#[test]
fn ids_differ_and_are_read_back() {
    let [one, two] = [(); 2].map(|()| SessionId::random().unwrap());
    assert_ne!(one, two);
    assert_eq!(one.to_string().parse(), Ok(one));
    assert_eq!(one.to_string().len(), 32);
}
