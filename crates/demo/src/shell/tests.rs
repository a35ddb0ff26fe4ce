//! The desktop without sockets: any events, and a mirror that must stay equal to it.

use std::time::Duration;

use super::*;

/// A repeatable source of numbers.
struct Noise(u32);

impl Noise {
    fn below(&mut self, limit: i32) -> i32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as i32 % limit
    }
}

/// What a viewer has that does exactly what it is told.
struct Mirror(Surface);

impl Mirror {
    fn follow(&mut self, shell: &mut Shell) {
        let painted = shell.paint();
        if let Some(block) = painted.moved {
            self.0.copy_within(block.from, block.to);
        }
        for area in painted.changed.rects() {
            self.0.copy_from(shell.front(), *area);
        }
    }

    fn assert_equal(&self, shell: &Shell, after: &str) {
        let bounds = shell.bounds();
        let y = (0..bounds.h).find(|y| self.0.row(*y) != shell.front().row(*y));
        assert_eq!(y, None, "the mirror differs in this row after {after}");
    }
}

fn event(shell: &mut Shell, noise: &mut Noise, clock: &mut Duration) -> String {
    let bounds = shell.bounds();
    let viewer = 1 + noise.below(2) as u64;
    match noise.below(8) {
        0 => {
            let keysym =
                [0x61, 0xff08, 0xff0d, 0xff51, 0xff54, 0xffe1, 0x20][noise.below(7) as usize];
            if noise.below(3) == 0 {
                shell.handle_key_up(viewer, keysym);
            } else {
                shell.handle_key_down(viewer, keysym);
            }
            format!("key {keysym:#x}")
        }
        1 => {
            *clock += Duration::from_millis(noise.below(900) as u64);
            shell.tick(Now {
                uptime: *clock,
                local: *clock,
            });
            format!("tick {clock:?}")
        }
        2 => {
            shell.handle_cut_text("some text\nof a viewer".to_owned());
            "clipboard".to_owned()
        }
        _ => {
            let at = Point::new(
                noise.below(bounds.w + 40) - 20,
                noise.below(bounds.h + 40) - 20,
            );
            let mask = [0, 1, 1, 1, 1, 2, 4, 8, 16][noise.below(9) as usize];
            shell.handle_pointer(viewer, at, mask);
            format!("pointer {at:?} {mask}")
        }
    }
}

#[test]
fn what_is_reported_as_changed_is_all_that_changed() {
    let mut noise = Noise(3);
    for (size, rounds) in [((320, 200), 200), ((1000, 640), 60)] {
        let mut shell = Shell::new(size.0, size.1);
        let mut mirror = Mirror(shell.front().clone());
        let mut clock = Duration::ZERO;
        for _ in 0..rounds {
            let mut what = String::new();
            for _ in 0..1 + noise.below(3) {
                what = event(&mut shell, &mut noise, &mut clock);
            }
            mirror.follow(&mut shell);
            mirror.assert_equal(&shell, &what);
        }
        // Painting everything anew must not find anything that was overlooked.
        let bounds = shell.bounds();
        shell.damage.add(bounds);
        assert!(
            shell.paint().changed.is_empty(),
            "an event left something stale"
        );
    }
}

#[test]
fn a_desktop_keeps_its_windows_within_reach_through_sizes() {
    let mut shell = Shell::new(1280, 800);
    shell.handle_pointer(1, Point::new(150, 106), 1);
    shell.handle_pointer(1, Point::new(1200, 700), 1);
    shell.handle_pointer(1, Point::new(1200, 700), 0);
    for size in [(320, 200), (3840, 2160), (640, 480)] {
        shell.resize(size.0, size.1);
        let window = shell.window(AppId::Notepad).unwrap();
        let area = layout::work_area(shell.bounds());
        assert!(window.intersect(area).w >= 60, "{window:?} on {size:?}");
        assert!(
            area.contains(Point::new(area.x, window.y)),
            "{window:?} on {size:?}"
        );
    }
}

#[test]
fn a_button_that_is_held_by_one_viewer_is_not_released_by_another() {
    let mut shell = Shell::new(1280, 800);
    let before = shell.window(AppId::Notepad).unwrap();
    shell.handle_pointer(1, Point::new(150, 106), 1);
    shell.handle_pointer(2, Point::new(900, 300), 1);
    shell.handle_pointer(2, Point::new(900, 300), 0);
    shell.handle_pointer(1, Point::new(160, 116), 1);
    let after = shell.window(AppId::Notepad).unwrap();
    assert_eq!(after, before.offset(10, 10));
    shell.forget_viewer(1);
    assert!(shell.grab.is_none());
}

#[test]
fn the_task_bar_puts_windows_away_and_brings_them_back() {
    let mut shell = Shell::new(1280, 800);
    let click = |shell: &mut Shell| {
        shell.handle_pointer(1, Point::new(100, 778), 1);
        shell.handle_pointer(1, Point::new(100, 778), 0);
    };
    assert_eq!(shell.focus, Some(AppId::Notepad));
    click(&mut shell);
    assert_eq!(shell.window(AppId::Notepad), None);
    assert_ne!(shell.focus, Some(AppId::Notepad));
    click(&mut shell);
    assert!(shell.window(AppId::Notepad).is_some());
    assert_eq!(shell.focus, Some(AppId::Notepad));
}

#[test]
fn a_still_desktop_has_nothing_to_paint() {
    let mut shell = Shell::new(1280, 800);
    for id in [AppId::Clock, AppId::Harbour, AppId::Notepad] {
        shell
            .windows
            .iter_mut()
            .find(|window| window.id == id)
            .unwrap()
            .shown = false;
    }
    shell.focus = None;
    shell.paint();
    shell.tick(Now {
        uptime: Duration::from_secs(5),
        local: Duration::from_secs(5),
    });
    assert!(!shell.is_stale());
    assert_eq!(shell.pace(), BLINK);
}
