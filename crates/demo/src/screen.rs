//! The picture that viewers are given, and how it differs from the one that is being painted.

use crate::geom::{Point, Rect, Region};
use crate::paint::{Colour, Fonts, Painter, Surface};

/// Two pictures of the desktop: the one being painted and the one that viewers see.
///
/// Painting may be generous, since only what really changed is published.
pub(crate) struct Screen {
    back: Surface,
    front: Surface,
}

impl Screen {
    /// A black screen.
    pub(crate) fn new(width: i32, height: i32) -> Self {
        let black = Surface::new(width, height, Colour::rgb(0));
        Self {
            back: black.clone(),
            front: black,
        }
    }

    /// Where its pixels lie.
    pub(crate) const fn bounds(&self) -> Rect {
        self.front.bounds()
    }

    /// What viewers see.
    pub(crate) const fn front(&self) -> &Surface {
        &self.front
    }

    /// Paints `area`, unseen until it is published.
    pub(crate) fn paint(
        &mut self,
        fonts: &mut Fonts,
        area: Rect,
        paint: impl FnOnce(&mut Painter<'_>),
    ) {
        paint(&mut Painter::new(&mut self.back, fonts, area));
    }

    /// Moves what viewers see in `from` to `to`, as CopyRect will do on their side.
    pub(crate) fn shift(&mut self, from: Rect, to: Point) {
        self.front.copy_within(from, to);
    }

    /// Makes what was painted in `area` visible and returns where it differs from before.
    pub(crate) fn publish(&mut self, area: &Region) -> Region {
        let mut changed = Region::default();
        for rect in area.rects() {
            let rect = rect.intersect(self.bounds());
            let bands = (rect.y..rect.bottom()).step_by(TILE_HEIGHT as usize);
            for y in bands {
                let height = TILE_HEIGHT.min(rect.bottom() - y);
                self.publish_band(Rect::new(rect.x, y, rect.w, height), &mut changed);
            }
        }
        changed
    }

    /// Publishes one row of tiles; neighbours that changed go into one rectangle.
    fn publish_band(&mut self, band: Rect, changed: &mut Region) {
        let mut run = Rect::default();
        for x in (band.x..band.right()).step_by(TILE_WIDTH as usize) {
            let tile = Rect::new(x, band.y, TILE_WIDTH.min(band.right() - x), band.h);
            if self.differs(tile) {
                self.front.copy_from(&self.back, tile);
                run = run.union(tile);
            } else {
                changed.add(std::mem::take(&mut run));
            }
        }
        changed.add(run);
    }

    fn differs(&self, tile: Rect) -> bool {
        (tile.y..tile.bottom())
            .any(|y| self.back.span(tile.x, y, tile.w) != self.front.span(tile.x, y, tile.w))
    }
}

const TILE_WIDTH: i32 = 32;
const TILE_HEIGHT: i32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tiles_that_differ_are_published() {
        let mut screen = Screen::new(320, 200);
        let mut fonts = Fonts::new();
        let all = screen.bounds();
        screen.paint(&mut fonts, all, |painter| {
            painter.fill(all, Colour::rgb(0));
            painter.fill(Rect::new(100, 100, 1, 1), Colour::rgb(0xff));
        });
        let mut area = Region::default();
        area.add(all);
        assert_eq!(screen.publish(&area).rects(), [Rect::new(96, 96, 32, 16)]);
        assert_eq!(screen.front().pixel(Point::new(100, 100)), Some(0xff));
        assert!(screen.publish(&area).is_empty());
    }
}
