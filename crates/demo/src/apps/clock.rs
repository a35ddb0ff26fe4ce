//! The clock: hands that move smoothly and milliseconds, to see the delay of the way.

use std::f32::consts::TAU;

use super::{App, Context, Look, Now, Pace};
use crate::geom::{Point, Rect};
use crate::paint::{Colour, Painter, Surface, Weight};
use crate::theme;

/// The clock and its dial, which is drawn once per size.
#[derive(Default)]
pub(crate) struct Clock {
    dial: Surface,
    /// What the hands covered when last painted.
    hands: Rect,
}

impl App for Clock {
    fn title(&self) -> &'static str {
        "Clock"
    }

    fn accent(&self) -> Colour {
        theme::AMBER
    }

    fn paint(&mut self, painter: &mut Painter<'_>, area: Rect, look: Look) {
        if (self.dial.bounds().w, self.dial.bounds().h) != (area.w, area.h) {
            self.dial = Surface::new(area.w, area.h, theme::PAPER_DIM);
            let all = self.dial.bounds();
            painter.elsewhere(&mut self.dial, |painter| paint_dial(painter, Face::of(all)));
        }
        painter.picture(&self.dial, area.origin());
        let face = Face::of(area);
        let time = Time::of(look.now);
        paint_hands(painter, &face, time);
        paint_digits(painter, area, time);
    }

    fn tick(&mut self, context: &mut Context<'_>) {
        let area = Rect::new(0, 0, context.size.0, context.size.1);
        let face = Face::of(area);
        let hands = Time::of(context.now)
            .hands()
            .iter()
            .fold(Rect::default(), |all, hand| {
                let (a, b) = face.hand(*hand);
                let (x, y) = (a.0.min(b.0) as i32, a.1.min(b.1) as i32);
                let (right, bottom) = (a.0.max(b.0) as i32, a.1.max(b.1) as i32);
                all.union(Rect::new(x, y, right - x, bottom - y).inset(-8))
            });
        context.repaint(hands.union(self.hands));
        context.repaint(digits_area(area));
        self.hands = hands;
    }

    fn pace(&self) -> Pace {
        Pace::Film
    }
}

/// Where the dial is.
struct Face {
    x: f32,
    y: f32,
    radius: f32,
}

impl Face {
    fn of(area: Rect) -> Self {
        let room = Rect::new(area.x, area.y, area.w, area.h - DIGITS);
        let radius = (room.w.min(room.h) as f32 / 2.0 - 10.0).max(20.0);
        let centre = room.centre();
        Self {
            x: centre.x as f32,
            y: centre.y as f32 + 4.0,
            radius,
        }
    }

    /// The point at `turn` (0 to 1, clockwise from the top) and `out` radii from the centre.
    fn point(&self, turn: f32, out: f32) -> (f32, f32) {
        let (sin, cos) = (turn * TAU).sin_cos();
        (
            self.x + sin * out * self.radius,
            self.y - cos * out * self.radius,
        )
    }

    fn hand(&self, hand: Hand) -> ((f32, f32), (f32, f32)) {
        (
            self.point(hand.turn, hand.tail),
            self.point(hand.turn, hand.reach),
        )
    }
}

#[derive(Clone, Copy)]
struct Hand {
    turn: f32,
    /// How far it reaches behind the centre, negative.
    tail: f32,
    reach: f32,
    width: f32,
    colour: Colour,
}

/// A time of day.
#[derive(Clone, Copy)]
struct Time {
    /// Of the day.
    millis: u64,
    /// Since 1970.
    days: u64,
}

impl Time {
    fn of(now: Now) -> Self {
        let millis = now.local.as_millis() as u64;
        Self {
            millis: millis % DAY,
            days: millis / DAY,
        }
    }

    fn hands(self) -> [Hand; 3] {
        let turn = |period: u64| (self.millis % period) as f32 / period as f32;
        let hand = |period, tail, reach, width, colour| Hand {
            turn: turn(period),
            tail,
            reach,
            width,
            colour,
        };
        [
            hand(DAY / 2, -0.1, 0.52, 6.0, theme::INK),
            hand(3_600_000, -0.12, 0.78, 4.0, theme::INK),
            hand(60_000, -0.18, 0.88, 2.0, theme::ROSE),
        ]
    }

    fn date(self) -> String {
        let (year, month, day) = civil(self.days as i64);
        let weekday = WEEKDAYS[((self.days + 4) % 7) as usize];
        format!("{weekday}, {day} {} {year}", MONTHS[month as usize - 1])
    }
}

fn paint_dial(painter: &mut Painter<'_>, face: Face) {
    painter.disc(face.x, face.y + 2.0, face.radius + 1.0, theme::LINE);
    painter.disc(face.x, face.y, face.radius, theme::PAPER);
    painter.ring((face.x, face.y), face.radius, 1.5, theme::LINE);
    for minute in 0..60 {
        let turn = minute as f32 / 60.0;
        let (start, width, colour) = match minute % 5 {
            0 => (0.84, 3.0, theme::INK_SOFT),
            _ => (0.90, 1.2, theme::INK_FAINT),
        };
        painter.line(
            face.point(turn, start),
            face.point(turn, 0.94),
            width,
            colour,
        );
    }
}

fn paint_hands(painter: &mut Painter<'_>, face: &Face, time: Time) {
    for hand in time.hands() {
        let (a, b) = face.hand(hand);
        painter.line(a, b, hand.width, hand.colour);
    }
    painter.disc(face.x, face.y, 5.0, theme::ROSE);
    painter.disc(face.x, face.y, 2.0, theme::PAPER);
}

fn paint_digits(painter: &mut Painter<'_>, area: Rect, time: Time) {
    let seconds = time.millis / 1000;
    let clock = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    let millis = format!(".{:03}", time.millis % 1000);
    let room = |text: &str, size, painter: &Painter<'_>| {
        let zeros: String = text
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        painter.fonts().width(&zeros, size, Weight::Bold) as i32
    };
    let (wide, narrow) = (room(&clock, 26.0, painter), room(&millis, 16.0, painter));
    let left = area.centre().x - (wide + narrow) / 2;
    let baseline = area.bottom() - 36;
    painter.digits(
        Point::new(left, baseline),
        &clock,
        26.0,
        Weight::Bold,
        theme::INK,
    );
    let after = Point::new(left + wide, baseline);
    painter.digits(after, &millis, 16.0, Weight::Bold, theme::INK_FAINT);
    let below = Point::new(area.centre().x, area.bottom() - 14);
    painter.text_centred(
        below,
        &time.date(),
        theme::SMALL,
        Weight::Regular,
        theme::INK_SOFT,
    );
}

fn digits_area(area: Rect) -> Rect {
    Rect::new(area.x, area.bottom() - DIGITS, area.w, DIGITS)
}

/// The Gregorian year, month and day, so many days after 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    // Counted in eras of 400 years that begin in March, which puts the leap day at the end.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

const DIGITS: i32 = 66;
const DAY: u64 = 86_400_000;
const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = |seconds| {
            let now = Now {
                local: Duration::from_secs(seconds),
                ..Now::default()
            };
            Time::of(now).date()
        };
        assert_eq!(at(0), "Thursday, 1 January 1970");
        assert_eq!(at(951_782_400), "Tuesday, 29 February 2000");
        assert_eq!(at(1_795_305_600), "Sunday, 22 November 2026");
    }
}
