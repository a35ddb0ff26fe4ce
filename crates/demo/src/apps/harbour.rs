//! The moving picture: a harbour at dusk, to judge how smoothly motion arrives.

use std::f32::consts::TAU;
use std::time::Duration;

use super::{App, Button, Context, Cursor, Look, Pace, Pointer};
use crate::geom::{Point, Rect};
use crate::keysym::{Key, KeyAction};
use crate::paint::{Colour, Painter, Surface};
use crate::theme;

/// The film and where it is.
pub(crate) struct Harbour {
    /// What does not move, drawn once per size.
    backdrop: Surface,
    state: State,
}

enum State {
    /// The film is this much behind the desktop's clock.
    Runs(Duration),
    /// It stands at this place.
    Stands(Duration),
}

impl Harbour {
    /// A film that runs.
    pub(crate) fn new() -> Self {
        Self {
            backdrop: Surface::default(),
            state: State::Runs(Duration::ZERO),
        }
    }

    /// The film's own time, which stands still while it is paused.
    fn time(&self, uptime: Duration) -> Duration {
        match self.state {
            State::Runs(behind) => uptime.saturating_sub(behind),
            State::Stands(at) => at,
        }
    }

    fn toggle(&mut self, context: &mut Context<'_>) {
        let uptime = context.now.uptime;
        self.state = match self.state {
            State::Runs(behind) => State::Stands(uptime.saturating_sub(behind)),
            State::Stands(at) => State::Runs(uptime.saturating_sub(at)),
        };
        context.repaint_all();
    }
}

impl App for Harbour {
    fn title(&self) -> &'static str {
        "Harbour, a moving picture"
    }

    fn accent(&self) -> Colour {
        theme::CYAN
    }

    fn paint(&mut self, painter: &mut Painter<'_>, area: Rect, look: Look) {
        if (self.backdrop.bounds().w, self.backdrop.bounds().h) != (area.w, area.h) {
            self.backdrop = Surface::new(area.w, area.h, SKY[0]);
            let all = self.backdrop.bounds();
            painter.elsewhere(&mut self.backdrop, |painter| {
                paint_backdrop(painter, &Scene::of(all, 0.0));
            });
        }
        painter.picture(&self.backdrop, area.origin());
        let scene = Scene::of(area, self.time(look.now.uptime).as_secs_f32());
        painter.within(area, |painter| {
            paint_lighthouse(painter, &scene);
            paint_sea(painter, &scene);
            paint_button(painter, button(area.w).offset(area.x, area.y), &self.state);
        });
    }

    fn handle_pointer(&mut self, event: Pointer, context: &mut Context<'_>) {
        if matches!(event, Pointer::Down(Button::Left, at) if button(context.size.0).contains(at)) {
            self.toggle(context);
        }
    }

    fn handle_key(&mut self, key: Key, context: &mut Context<'_>) {
        if key.action == KeyAction::Character(' ') {
            self.toggle(context);
        }
    }

    fn tick(&mut self, context: &mut Context<'_>) {
        if matches!(self.state, State::Runs(_)) {
            context.repaint_all();
        }
    }

    fn pace(&self) -> Pace {
        match self.state {
            State::Runs(_) => Pace::Film,
            State::Stands(_) => Pace::Still,
        }
    }

    fn cursor(&self, at: Point, size: (i32, i32)) -> Cursor {
        if button(size.0).contains(at) {
            Cursor::Hand
        } else {
            Cursor::Arrow
        }
    }
}

/// One picture of the film.
struct Scene {
    area: Rect,
    /// In seconds.
    time: f32,
    /// Where sea and sky meet.
    horizon: f32,
}

impl Scene {
    fn of(area: Rect, time: f32) -> Self {
        Self {
            area,
            time,
            horizon: area.y as f32 + area.h as f32 * 0.60,
        }
    }

    /// The point so far (0 to 1) across the picture, and so many pixels above the horizon.
    fn above(&self, across: f32, up: f32) -> (f32, f32) {
        (
            self.area.x as f32 + self.area.w as f32 * across,
            self.horizon - up,
        )
    }

    /// The height of wave `layer` at column `x`.
    fn swell(&self, layer: usize, x: f32) -> f32 {
        let layer = layer as f32;
        let depth = (self.area.bottom() as f32 - self.horizon) / LAYERS as f32;
        let x = x - self.area.x as f32;
        let speed = 0.25 + 0.14 * layer;
        let long = (x / (70.0 + 34.0 * layer) + self.time * speed + layer).sin();
        let short = (x / (23.0 + 11.0 * layer) - self.time * speed * 1.7).sin();
        let height = 1.5 + 1.6 * layer;
        self.horizon + depth * layer + 4.0 + height * (long + 0.35 * short)
    }
}

fn paint_backdrop(painter: &mut Painter<'_>, scene: &Scene) {
    let area = scene.area;
    let horizon = scene.horizon as i32;
    let third = (horizon - area.y) / 2;
    painter.gradient(Rect::new(area.x, area.y, area.w, third), SKY[0], SKY[1]);
    let lower = Rect::new(area.x, area.y + third, area.w, horizon - area.y - third + 8);
    painter.gradient(lower, SKY[1], SKY[2]);
    for star in 0..36u32 {
        // A fixed scatter: multiples of irrational steps never line up.
        let across = (star as f32 * 0.618_034).fract();
        let up = (star as f32 * 0.414_214).fract();
        let (x, y) = (
            area.x as f32 + across * area.w as f32,
            area.y as f32 + up * third as f32,
        );
        let bright = if star % 3 == 0 { 230 } else { 120 };
        painter.disc(x, y, 0.7, theme::WHITE.alpha(bright));
    }
    let (x, y) = scene.above(0.30, area.h as f32 * 0.10);
    for (radius, alpha) in [(54.0, 22), (40.0, 34)] {
        painter.disc(x, y, radius, SUN.alpha(alpha));
    }
    painter.disc(x, y, 27.0, SUN);
    hills(painter, scene, 46.0, 0.011, SKY[1].mix(HILL, 0.35));
    hills(painter, scene, 26.0, 0.017, SKY[1].mix(HILL, 0.70));
}

fn hills(painter: &mut Painter<'_>, scene: &Scene, height: f32, step: f32, colour: Colour) {
    for x in scene.area.x..scene.area.right() {
        let across = (x - scene.area.x) as f32 * step;
        let ridge = 0.5 + 0.3 * across.sin() + 0.2 * (across * 2.3 + 1.0).sin();
        painter.column(
            x,
            scene.horizon - height * ridge,
            scene.horizon as i32 + 8,
            colour,
        );
    }
}

fn paint_lighthouse(painter: &mut Painter<'_>, scene: &Scene) {
    let (x, base) = scene.above(0.84, -6.0);
    let scale = scene.area.h as f32 / 240.0;
    let top = base - 92.0 * scale;
    let lamp = (x, top - 7.0 * scale);
    let turn = scene.time / 6.0 * TAU;
    paint_beam(painter, scene, lamp, turn);
    paint_beam(painter, scene, lamp, turn + TAU / 2.0);
    let width = |down: f32| (7.0 + 6.0 * down) * scale;
    for band in 0..5 {
        let (from, to) = (band as f32 / 5.0, (band + 1) as f32 / 5.0);
        let (y0, y1) = (top + (base - top) * from, top + (base - top) * to);
        let corners = [
            (x - width(from), y0),
            (x + width(from), y0),
            (x + width(to), y1),
            (x - width(to), y1),
        ];
        painter.polygon(
            &corners,
            if band % 2 == 0 {
                theme::WHITE
            } else {
                theme::ROSE
            },
        );
    }
    let gallery = Rect::new(
        (x - 10.0 * scale) as i32,
        top as i32 - 2,
        (20.0 * scale) as i32,
        4,
    );
    painter.fill(gallery, HILL);
    painter.disc(lamp.0, lamp.1, 5.5 * scale, GLOW);
    let (left, right, eaves) = (x - 8.0 * scale, x + 8.0 * scale, top - 12.0 * scale);
    painter.polygon(
        &[(x, eaves - 9.0 * scale), (right, eaves), (left, eaves)],
        theme::ROSE,
    );
    let rock = [
        (x - 44.0 * scale, base + 8.0),
        (x - 22.0 * scale, base - 7.0),
    ];
    let rock = [
        rock[0],
        rock[1],
        (x + 24.0 * scale, base - 8.0),
        (x + 50.0 * scale, base + 8.0),
    ];
    painter.polygon(&rock, HILL);
}

/// A beam sweeps round: it fades as it turns towards the viewer or away.
fn paint_beam(painter: &mut Painter<'_>, scene: &Scene, lamp: (f32, f32), turn: f32) {
    let far = scene.area.w as f32 * 1.2 * turn.sin().signum();
    let tilt = far.abs() * (0.05 + 0.10 * turn.cos());
    let strength = turn.sin().powi(2) * (1.0 + 0.4 * turn.cos());
    for (spread, alpha) in [(0.16, 26.0), (0.09, 34.0)] {
        let spread = spread * far.abs();
        let (x, y) = (lamp.0 + far, lamp.1 - tilt);
        let mut corners = [lamp, (x, y - spread), (x, y + spread)];
        if far < 0.0 {
            corners.reverse();
        }
        painter.polygon(&corners, GLOW.alpha((alpha * strength) as u8));
    }
}

fn paint_sea(painter: &mut Painter<'_>, scene: &Scene) {
    for layer in 0..LAYERS {
        let colour = SEA[0].mix(SEA[1], layer as f32 / (LAYERS - 1) as f32);
        let clip = painter.clip();
        for x in clip.x..clip.right() {
            painter.column(
                x,
                scene.swell(layer, x as f32 + 0.5),
                scene.area.bottom(),
                colour,
            );
        }
        match layer {
            0 => paint_glitter(painter, scene),
            1 => paint_boat(painter, scene, layer),
            _ => {}
        }
    }
}

/// The sun's reflection: short strokes that come and go.
fn paint_glitter(painter: &mut Painter<'_>, scene: &Scene) {
    for stroke in 0..7 {
        let down = 7.0 + stroke as f32 * 4.0;
        let (x, y) = scene.above(0.30, -down);
        let phase = scene.time * 1.3 + stroke as f32 * 1.9;
        let half = 6.0 + stroke as f32 * 2.2 + 5.0 * phase.sin();
        painter.line((x - half, y), (x + half, y), 1.6, SUN.alpha(150));
    }
}

fn paint_boat(painter: &mut Painter<'_>, scene: &Scene, layer: usize) {
    let width = scene.area.w as f32;
    let travel = (scene.time * 22.0 + width * 0.45).rem_euclid(width + 120.0) - 60.0;
    let x = scene.area.x as f32 + travel;
    let y = scene.swell(layer, x) + 2.0;
    let lean = (scene.swell(layer, x + 20.0) - scene.swell(layer, x - 20.0)) / 40.0;
    let (sin, cos) = (lean * 1.4).sin_cos();
    let scale = scene.area.h as f32 / 240.0;
    let at = |dx: f32, dy: f32| {
        let (dx, dy) = (dx * scale, dy * scale);
        (x + dx * cos - dy * sin, y + dx * sin + dy * cos)
    };
    painter.line(at(0.0, 0.0), at(0.0, -58.0), 2.5, HILL);
    painter.polygon(
        &[at(3.0, -56.0), at(30.0, -10.0), at(3.0, -10.0)],
        theme::WHITE,
    );
    painter.polygon(&[at(-3.0, -50.0), at(-3.0, -10.0), at(-22.0, -10.0)], SAIL);
    let hull = [
        at(-30.0, -6.0),
        at(36.0, -6.0),
        at(24.0, 8.0),
        at(-22.0, 8.0),
    ];
    painter.polygon(&hull, theme::ROSE);
    painter.line(at(-30.0, -6.0), at(36.0, -6.0), 2.5, theme::WHITE);
}

fn paint_button(painter: &mut Painter<'_>, place: Rect, state: &State) {
    let (x, y) = (place.centre().x as f32, place.centre().y as f32);
    painter.disc(x, y, 15.0, theme::BLACK.alpha(110));
    if matches!(state, State::Stands(_)) {
        painter.polygon(
            &[(x - 4.0, y - 7.0), (x + 8.0, y), (x - 4.0, y + 7.0)],
            theme::WHITE,
        );
    } else {
        painter.fill(
            Rect::new(place.centre().x - 5, place.centre().y - 6, 3, 12),
            theme::WHITE,
        );
        painter.fill(
            Rect::new(place.centre().x + 2, place.centre().y - 6, 3, 12),
            theme::WHITE,
        );
    }
}

fn button(width: i32) -> Rect {
    Rect::new(width - 42, 8, 34, 34)
}

const LAYERS: usize = 4;
const SKY: [Colour; 3] = [
    Colour::rgb(0x1e_1b4b),
    Colour::rgb(0x7c_3a8c),
    Colour::rgb(0xfb_a36b),
];
const SUN: Colour = Colour::rgb(0xff_e3a8);
const GLOW: Colour = Colour::rgb(0xff_f3c4);
const HILL: Colour = Colour::rgb(0x2a_1f4f);
const SAIL: Colour = Colour::rgb(0xfd_e68a);
const SEA: [Colour; 2] = [Colour::rgb(0x3b_6ea5), Colour::rgb(0x0f_2f57)];
