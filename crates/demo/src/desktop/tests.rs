//! The driver's thrift: it works only for viewers that wait.

use super::*;

#[test]
fn nothing_is_painted_while_nobody_waits() {
    let desktop = Desktop::new(Options::default());
    assert_eq!(desktop.step(), None);
    let id = desktop.lock().admit(1).unwrap().0;
    assert_eq!(
        desktop.step(),
        None,
        "the viewer has not asked for anything"
    );
    assert!(desktop.lock().shell.is_stale());

    desktop
        .lock()
        .viewer(id)
        .unwrap()
        .request_changes(Rect::new(0, 0, 1280, 800));
    assert!(desktop.step().is_some());
    assert!(!desktop.lock().shell.is_stale());
    desktop.lock().dismiss(id);
    assert_eq!(desktop.step(), None);
}

#[test]
fn the_pause_between_two_steps_is_that_of_the_film() {
    let desktop = Desktop::new(Options::default());
    let id = desktop.lock().admit(1).unwrap().0;
    desktop
        .lock()
        .viewer(id)
        .unwrap()
        .request_changes(Rect::new(0, 0, 1280, 800));
    let pause = desktop.step().unwrap();
    assert!(pause <= Duration::from_millis(40), "{pause:?}");
}

#[test]
fn an_offset_moves_the_clock_both_ways() {
    let local = |utc_offset| {
        Desktop::new(Options {
            utc_offset,
            ..Options::default()
        })
        .now()
        .local
    };
    let (west, utc, east) = (local(-3600), local(0), local(7200));
    assert!(utc - west >= Duration::from_secs(3599));
    assert!(east - utc >= Duration::from_secs(7200));
}
