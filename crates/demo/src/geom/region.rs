//! A bounded set of pixels.

use super::Rect;

/// A set of pixels kept as a few disjoint rectangles.
///
/// Its size is bounded: when it would exceed [`Region::RECTS_MAX`] rectangles, it grows to cover
/// pixels that were never added. It never loses one that was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Region {
    /// Disjoint, none empty, at most `RECTS_MAX`.
    rects: Vec<Rect>,
}

impl Region {
    /// The most rectangles that a region keeps apart.
    pub(crate) const RECTS_MAX: usize = 48;

    /// The rectangles, disjoint.
    pub(crate) fn rects(&self) -> &[Rect] {
        &self.rects
    }

    /// True when no pixel is in the region.
    pub(crate) fn is_empty(&self) -> bool {
        self.rects.is_empty()
    }

    /// Forgets every pixel.
    pub(crate) fn clear(&mut self) {
        self.rects.clear();
    }

    /// Adds the pixels of `rect`.
    pub(crate) fn add(&mut self, rect: Rect) {
        if rect.is_empty() || self.rects.iter().any(|have| have.encloses(rect)) {
            return;
        }
        let mut rect = rect;
        // A neighbour whose union with the new rectangle wastes little is absorbed; this may bring
        // others within reach, hence the loop. Each round removes a rectangle, so it ends.
        while let Some(at) = self
            .rects
            .iter()
            .position(|have| worth_merging(*have, rect))
        {
            rect = rect.union(self.rects.swap_remove(at));
        }
        self.insert_disjoint(rect);
        self.bound();
    }

    /// Adds every pixel of `other`.
    pub(crate) fn add_region(&mut self, other: &Region) {
        for rect in &other.rects {
            self.add(*rect);
        }
    }

    /// Removes the pixels of `hole`.
    pub(crate) fn subtract(&mut self, hole: Rect) {
        let whole = std::mem::take(&mut self.rects);
        self.rects
            .extend(whole.into_iter().flat_map(|rect| rect.minus(hole)));
        self.bound();
    }

    /// Removes everything outside `bounds`.
    pub(crate) fn clip(&mut self, bounds: Rect) {
        for rect in &mut self.rects {
            *rect = rect.intersect(bounds);
        }
        self.rects.retain(|rect| !rect.is_empty());
    }

    /// Takes out the pixels inside `bounds`, leaving the others.
    pub(crate) fn take_within(&mut self, bounds: Rect) -> Region {
        let mut taken = self.clone();
        taken.clip(bounds);
        self.subtract(bounds);
        taken
    }

    /// True when a pixel of `rect` is in the region.
    pub(crate) fn overlaps(&self, rect: Rect) -> bool {
        self.rects.iter().any(|have| have.overlaps(rect))
    }

    fn bound(&mut self) {
        while self.rects.len() > Self::RECTS_MAX {
            let (a, b) = self.cheapest_pair();
            let mut rect = self.rects.swap_remove(b).union(self.rects.swap_remove(a));
            while let Some(at) = self.rects.iter().position(|have| have.overlaps(rect)) {
                rect = rect.union(self.rects.swap_remove(at));
            }
            self.rects.push(rect);
        }
    }

    /// The two rectangles, first index smaller, whose union adds the fewest pixels.
    fn cheapest_pair(&self) -> (usize, usize) {
        let cost = |a: usize, b: usize| {
            let (a, b) = (self.rects[a], self.rects[b]);
            a.union(b).area() - a.area() - b.area()
        };
        (0..self.rects.len())
            .flat_map(|a| (a + 1..self.rects.len()).map(move |b| (a, b)))
            .min_by_key(|(a, b)| cost(*a, *b))
            .unwrap_or((0, 1))
    }

    fn insert_disjoint(&mut self, rect: Rect) {
        let mut fresh = vec![rect];
        for have in &self.rects {
            fresh = fresh
                .into_iter()
                .flat_map(|part| part.minus(*have))
                .collect();
        }
        self.rects.append(&mut fresh);
    }
}

/// Fewer, larger rectangles compress better, as long as little is sent that did not change.
fn worth_merging(a: Rect, b: Rect) -> bool {
    const WASTE_ALLOWED: i64 = 1024;
    let both = a.union(b).area();
    both <= a.area() + b.area() - a.intersect(b).area() + WASTE_ALLOWED
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geom::Point;

    fn covered(region: &Region, bounds: Rect) -> Vec<Point> {
        let mut points = Vec::new();
        for y in bounds.y..bounds.bottom() {
            for x in bounds.x..bounds.right() {
                let point = Point::new(x, y);
                let times = region
                    .rects()
                    .iter()
                    .filter(|rect| rect.contains(point))
                    .count();
                assert!(times <= 1, "{point:?} is held {times} times");
                if times == 1 {
                    points.push(point);
                }
            }
        }
        points
    }

    #[test]
    fn a_region_holds_each_added_pixel_once_and_stays_bounded() {
        let bounds = Rect::new(0, 0, 2000, 2000);
        let mut region = Region::default();
        let mut seed = 7u32;
        let mut added = Vec::new();
        for _ in 0..300 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let rect = Rect::new(
                (seed >> 8) as i32 % 1900,
                (seed >> 16) as i32 % 1900,
                1 + (seed & 63) as i32,
                1 + (seed >> 4 & 31) as i32,
            );
            region.add(rect);
            added.push(rect);
            assert!(region.rects().len() <= Region::RECTS_MAX);
        }
        for rect in added {
            assert!(region.overlaps(rect));
            assert!(bounds.encloses(rect));
        }
    }

    #[test]
    fn subtraction_removes_exactly_the_hole() {
        let bounds = Rect::new(0, 0, 20, 20);
        let mut region = Region::default();
        region.add(bounds);
        region.subtract(Rect::new(5, 5, 10, 10));
        assert_eq!(covered(&region, bounds).len(), 300);
        let inner = region.take_within(Rect::new(0, 0, 20, 5));
        assert_eq!(covered(&inner, bounds).len(), 100);
        assert_eq!(covered(&region, bounds).len(), 200);
    }

    #[test]
    fn neighbours_melt_into_one_rectangle() {
        let mut region = Region::default();
        region.add(Rect::new(0, 0, 16, 16));
        region.add(Rect::new(16, 0, 16, 16));
        assert_eq!(region.rects(), [Rect::new(0, 0, 32, 16)]);
    }
}
