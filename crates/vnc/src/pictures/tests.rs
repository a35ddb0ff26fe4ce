//! Pictures of a server that shows one colour.

use picture::PixelFormat;
use testkit::Upstream;
use testkit::vnc::{Event, Look, Security, VncServer};

use super::*;
use crate::{Fence, Password};

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build_local(Default::default());
    runtime.unwrap().block_on(work)
}

fn pictures(timeout: Duration) -> Arc<Pictures> {
    Arc::new(Pictures {
        timeout,
        ..Pictures::default()
    })
}

fn target(addr: std::net::SocketAddr) -> Target {
    addr.to_string().parse().unwrap()
}

const BLUE: [u8; 4] = [0x20, 0x80, 0xe0, 255];

#[test]
fn a_screenshot_is_the_whole_screen_and_leaves_nobody_out() {
    let server = VncServer::start(Look::default());
    let pictures = pictures(LOOK_TIMEOUT);
    let shot = block_on(async {
        let (target, sessions) = (target(server.addr()), Sessions::new());
        pictures
            .screenshot(&target, &Policy::default(), &sessions)
            .await
    });
    let shot = shot.unwrap();
    assert_eq!((shot.screen.width(), shot.screen.height()), (64, 48));
    assert!(shot.screen.pixels().iter().all(|pixel| *pixel == BLUE));
    assert_eq!(server.events()[0], Event::Init(1), "always shared");
}

#[test]
fn those_who_ask_together_share_one_connection() {
    let server = VncServer::start(Look::default());
    let pictures = pictures(LOOK_TIMEOUT);
    block_on(async {
        let (target, sessions) = (target(server.addr()), Sessions::new());
        let policy = Policy::default();
        let ask = || pictures.screenshot(&target, &policy, &sessions);
        let (one, other) = tokio::join!(ask(), ask());
        assert!(Arc::ptr_eq(&one.unwrap(), &other.unwrap()));
        ask().await.unwrap();
        assert_eq!(server.connections(), 1, "a moment later too");
        // Another password may mean another picture.
        let policy = Policy {
            password: Some(Password::new(b"other")),
            ..Policy::default()
        };
        pictures
            .screenshot(&target, &policy, &sessions)
            .await
            .unwrap();
        assert_eq!(server.connections(), 2);
        let deadline = Deadline::after(SHOT_AGE_MAX + Duration::from_millis(100));
        deadline.expired().await;
        ask().await.unwrap();
        assert_eq!(server.connections(), 3, "but not for long");
    });
}

#[test]
fn thumbnails_are_small_and_kept_as_long_as_they_may() {
    let server = VncServer::start(Look {
        size: (1600, 400),
        ..Look::default()
    });
    let pictures = pictures(LOOK_TIMEOUT);
    block_on(async {
        let (target, sessions) = (target(server.addr()), Sessions::new());
        let policy = Policy::default();
        let ask = |age_max| pictures.thumbnail(&target, &policy, &sessions, age_max);
        let shot = ask(Duration::from_secs(60)).await.unwrap();
        assert_eq!((shot.screen.width(), shot.screen.height()), (480, 120));
        assert_eq!(shot.screen.pixel(479, 119), Some(BLUE));
        ask(Duration::from_secs(60)).await.unwrap();
        assert_eq!(server.connections(), 1);
        ask(Duration::ZERO).await.unwrap();
        assert_eq!(server.connections(), 2);
    });
}

#[test]
fn failures_are_told_and_hold_for_a_moment_too() {
    let asking = VncServer::start(Look {
        security: Security::Challenge {
            challenge: [7; 16],
            verdict: Some("no"),
        },
        ..Look::default()
    });
    let silent = Upstream::serving(|peer| {
        peer.send(b"RFB 003.008\n");
        peer.read_exact(12);
        peer.send(&[1, 1]);
        peer.read_exact(1);
        peer.send(&[0; 4]);
        peer.read_exact(1);
        peer.send(&[0, 8, 0, 8]);
        peer.send(&PixelFormat::RGBX.to_bytes());
        peer.send(&[0; 4]);
        peer.read_exact(1000);
    });
    let pictures = pictures(Duration::from_millis(300));
    block_on(async {
        let sessions = Sessions::new();
        let policy = Policy::default();
        for (addr, expected) in [
            (asking.addr(), Refusal::NoStoredPassword),
            (silent.addr(), Refusal::Timeout),
        ] {
            for _ in 0..2 {
                let outcome = pictures.screenshot(&target(addr), &policy, &sessions).await;
                assert_eq!(outcome.unwrap_err().refusal, expected);
            }
        }
        assert_eq!((asking.connections(), silent.connections()), (1, 1));
    });
}

#[test]
fn what_is_no_picture_is_told_as_such() {
    let broken = Upstream::serving(|peer| {
        peer.send(b"RFB 003.003\n");
        peer.read_exact(12);
        peer.send(&[0, 0, 0, 1]);
        peer.read_exact(1);
        peer.send(&[0, 8, 0, 8]);
        peer.send(&PixelFormat::RGBX.to_bytes());
        peer.send(&[0; 4]);
        peer.send(&[77]);
        peer.read_exact(1000);
    });
    let outcome = block_on(async {
        let (target, sessions) = (target(broken.addr()), Sessions::new());
        let pictures = pictures(LOOK_TIMEOUT);
        pictures
            .screenshot(&target, &Policy::default(), &sessions)
            .await
    });
    let failed = outcome.unwrap_err();
    assert_eq!(failed.refusal, Refusal::NotVnc);
    assert!(
        failed.detail.contains("unknown message type 77"),
        "{failed:?}"
    );
}

/// A session's tap, given one update of 300 by 2 pixels in one colour.
fn tapped(pictures: &Pictures, target: &str) -> Box<dyn crate::Tap> {
    tapped_as(pictures, target, &Policy::default())
}

fn tapped_as(pictures: &Pictures, target: &str, policy: &Policy) -> Box<dyn crate::Tap> {
    let about = crate::About::default();
    let start = crate::TapStart {
        id: crate::SessionId::random().unwrap(),
        about: &about,
        at: SystemTime::now(),
        width: 300,
        height: 2,
        pixel_format: PixelFormat::RGBX.to_bytes(),
        name: b"desk",
        alarm: std::task::Waker::noop(),
    };
    let target = target.parse().unwrap();
    pictures.tap(&target, policy).open(&start).unwrap()
}

async fn live(pictures: &Pictures, target: &str) -> Option<Arc<Shot>> {
    let target = target.parse().unwrap();
    pictures.live(&target, &Policy::default()).await
}

fn tell(tap: &mut dyn crate::Tap, bytes: &[u8]) -> crate::Taken {
    let piece = crate::Piece {
        kind: 0,
        begins: true,
        ends: true,
        bytes,
    };
    match tap.message(Duration::ZERO, piece) {
        crate::Taken::Yes => tap.flush(),
        other => other,
    }
}

/// RRE: nothing but a background.
const PLAIN: [u8; 24] = [
    0, 0, 0, 1, 0, 0, 0, 0, 1, 44, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0x20, 0x80, 0xe0, 0,
];

#[test]
fn a_session_that_runs_shows_its_machine() {
    let pictures = pictures(LOOK_TIMEOUT);
    block_on(async {
        assert!(live(&pictures, "one:1").await.is_none());
        let mut tap = tapped(&pictures, "one:1");
        assert!(live(&pictures, "one:1").await.is_none(), "nothing was seen");
        assert_eq!(tell(&mut *tap, &PLAIN), crate::Taken::Yes);
        let shot = live(&pictures, "one:1").await.unwrap();
        assert_eq!((shot.screen.width(), shot.screen.height()), (300, 2));
        assert_eq!(shot.screen.pixel(299, 1), Some(BLUE));
        let again = live(&pictures, "one:1").await.unwrap();
        assert!(Arc::ptr_eq(&shot, &again), "nothing has changed");
        assert!(live(&pictures, "one:2").await.is_none(), "another machine");
        drop(tap);
        assert!(live(&pictures, "one:1").await.is_none(), "it is over");
    });
}

/// By its name somebody else may reach another machine, or none.
#[test]
fn a_picture_is_for_who_may_reach_the_same_addresses() {
    let fenced = |allow: bool| Policy {
        fence: Some(Fence {
            rules: [crate::Rule {
                what: crate::Reach::All,
                allow,
            }]
            .into(),
            named_by: crate::NamedBy::Other,
        }),
        ..Policy::default()
    };
    let target = "lab:1".parse().unwrap();
    let key = |policy: &Policy| Entrance::new(&target, policy);
    assert_eq!(key(&fenced(true)), key(&fenced(true)));
    assert_ne!(key(&fenced(true)), key(&fenced(false)));
    assert_ne!(key(&fenced(true)), key(&Policy::default()));

    let pictures = pictures(LOOK_TIMEOUT);
    block_on(async {
        let mut tap = tapped_as(&pictures, "lab:1", &fenced(true));
        tell(&mut *tap, &PLAIN);
        assert!(pictures.live(&target, &fenced(true)).await.is_some());
        assert!(pictures.live(&target, &fenced(false)).await.is_none());
    });
}

/// What is not shown of a far target still tells two of them apart.
#[test]
fn a_picture_is_of_one_machine_behind_a_far_gateway() {
    let pictures = pictures(LOOK_TIMEOUT);
    block_on(async {
        let mut tap = tapped(&pictures, "ws://far/ws?token=one");
        tell(&mut *tap, &PLAIN);
        assert!(live(&pictures, "ws://far/ws?token=one").await.is_some());
        assert!(live(&pictures, "ws://far/ws?token=two").await.is_none());
    });
}

#[test]
fn a_session_that_cannot_be_decoded_has_no_picture_and_no_end() {
    let pictures = pictures(LOOK_TIMEOUT);
    block_on(async {
        let mut tap = tapped(&pictures, "one:1");
        let mut other = tapped(&pictures, "one:2");
        tell(&mut *tap, &PLAIN);
        tell(&mut *other, &PLAIN);
        assert_eq!(tell(&mut *tap, &[77]), crate::Taken::Yes);
        assert!(live(&pictures, "one:1").await.is_none());
        assert!(
            live(&pictures, "one:2").await.is_some(),
            "others are not touched"
        );
        assert_eq!(tell(&mut *tap, &PLAIN), crate::Taken::Yes);
        let too_much = vec![0; 9 << 20];
        assert!(matches!(tell(&mut *tap, &too_much), crate::Taken::Stop(_)));
    });
}

#[test]
fn only_so_many_sessions_have_pictures() {
    let pictures = pictures(LOOK_TIMEOUT);
    let mut taps: Vec<_> = (0..128).map(|_| tapped(&pictures, "one:1")).collect();
    let about = crate::About::default();
    let start = crate::TapStart {
        id: crate::SessionId::random().unwrap(),
        about: &about,
        at: SystemTime::now(),
        width: 1,
        height: 1,
        pixel_format: PixelFormat::RGBX.to_bytes(),
        name: b"",
        alarm: std::task::Waker::noop(),
    };
    let target = "one:1".parse().unwrap();
    let tap = pictures.tap(&target, &Policy::default());
    let refused = tap.open(&start).map(drop);
    assert!(matches!(refused, Err(crate::Taken::Stop(_))));
    taps.pop();
    assert!(tap.open(&start).is_ok());
}

#[test]
fn a_png_is_made_once_for_all_and_refused_when_too_many_are() {
    static NONE: Semaphore = Semaphore::const_new(0);
    let shot = Arc::new(Shot::new(Framebuffer::new(64, 48), SystemTime::now()));
    block_on(async {
        let png = |width_max| Arc::clone(&shot).png(width_max);
        let one = png(None).await.unwrap();
        for other in [None, Some(64), Some(1000)] {
            let other = png(other).await.unwrap();
            assert_eq!(one.as_ptr(), other.as_ptr(), "they share it");
        }
        let small = png(Some(32)).await.unwrap();
        assert_ne!(small, one);
        let deadline = Deadline::after(Duration::from_millis(10));
        let refused = shot.encode(&NONE, deadline, None).await.unwrap_err();
        assert_eq!(refused.refusal, Refusal::Busy);
    });
}
