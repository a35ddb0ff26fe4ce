//! Points, rectangles and bounded regions in desktop pixels.

/// A position on the desktop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// Distance from the left edge.
    pub x: i32,
    /// Distance from the top edge.
    pub y: i32,
}

impl Point {
    /// The point at `x`, `y`.
    pub const fn new(x: i32, y: i32) -> Self {
        Self { x, y }
    }

    /// This point seen from `origin`.
    pub const fn relative_to(self, origin: Point) -> Self {
        Self {
            x: self.x - origin.x,
            y: self.y - origin.y,
        }
    }
}

/// An axis-aligned rectangle; it is empty when either side is not positive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: i32,
    /// Top edge.
    pub y: i32,
    /// Width in pixels.
    pub w: i32,
    /// Height in pixels.
    pub h: i32,
}

impl Rect {
    /// The rectangle with its corner at `x`, `y`.
    pub const fn new(x: i32, y: i32, w: i32, h: i32) -> Self {
        Self { x, y, w, h }
    }

    /// One past the last column.
    pub const fn right(self) -> i32 {
        self.x + self.w
    }

    /// One past the last row.
    pub const fn bottom(self) -> i32 {
        self.y + self.h
    }

    /// The top left corner.
    pub const fn origin(self) -> Point {
        Point::new(self.x, self.y)
    }

    /// The middle, rounded down.
    pub const fn centre(self) -> Point {
        Point::new(self.x + self.w / 2, self.y + self.h / 2)
    }

    /// True when the rectangle holds no pixel.
    pub const fn is_empty(self) -> bool {
        self.w <= 0 || self.h <= 0
    }

    /// How many pixels it holds.
    pub const fn area(self) -> i64 {
        if self.is_empty() {
            0
        } else {
            self.w as i64 * self.h as i64
        }
    }

    /// True when `point` lies inside.
    pub const fn contains(self, point: Point) -> bool {
        point.x >= self.x && point.x < self.right() && point.y >= self.y && point.y < self.bottom()
    }

    /// True when every pixel of `other` lies inside.
    pub const fn encloses(self, other: Rect) -> bool {
        other.x >= self.x
            && other.y >= self.y
            && other.right() <= self.right()
            && other.bottom() <= self.bottom()
    }

    /// The pixels that both hold.
    pub fn intersect(self, other: Rect) -> Rect {
        let x = self.x.max(other.x);
        let y = self.y.max(other.y);
        let w = self.right().min(other.right()) - x;
        let h = self.bottom().min(other.bottom()) - y;
        Rect {
            x,
            y,
            w: w.max(0),
            h: h.max(0),
        }
    }

    /// True when they share a pixel.
    pub fn overlaps(self, other: Rect) -> bool {
        !self.intersect(other).is_empty()
    }

    /// The smallest rectangle around both.
    pub fn union(self, other: Rect) -> Rect {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        let x = self.x.min(other.x);
        let y = self.y.min(other.y);
        let w = self.right().max(other.right()) - x;
        let h = self.bottom().max(other.bottom()) - y;
        Rect { x, y, w, h }
    }

    /// The same rectangle moved by `dx`, `dy`.
    pub const fn offset(self, dx: i32, dy: i32) -> Rect {
        Rect {
            x: self.x + dx,
            y: self.y + dy,
            w: self.w,
            h: self.h,
        }
    }

    /// The rectangle with `by` pixels taken from each side (added, if negative).
    pub const fn inset(self, by: i32) -> Rect {
        Rect {
            x: self.x + by,
            y: self.y + by,
            w: self.w - 2 * by,
            h: self.h - 2 * by,
        }
    }

    /// The parts of this rectangle that `hole` does not cover, at most four.
    pub fn minus(self, hole: Rect) -> impl Iterator<Item = Rect> {
        let cut = self.intersect(hole);
        let parts = if cut.is_empty() {
            [self, Rect::default(), Rect::default(), Rect::default()]
        } else {
            [
                Rect::new(self.x, self.y, self.w, cut.y - self.y),
                Rect::new(self.x, cut.bottom(), self.w, self.bottom() - cut.bottom()),
                Rect::new(self.x, cut.y, cut.x - self.x, cut.h),
                Rect::new(cut.right(), cut.y, self.right() - cut.right(), cut.h),
            ]
        };
        parts.into_iter().filter(|part| !part.is_empty())
    }
}

/// A set of pixels kept as a few disjoint rectangles.
///
/// Its size is bounded: when it would exceed [`Region::RECTS_MAX`] rectangles, it grows to cover
/// pixels that were never added. It never loses one that was.
#[derive(Clone, Debug, Default)]
pub struct Region {
    /// Disjoint, none empty, at most `RECTS_MAX`.
    rects: Vec<Rect>,
}

impl Region {
    /// The most rectangles that a region keeps apart.
    pub const RECTS_MAX: usize = 48;

    /// The rectangles, disjoint.
    pub fn rects(&self) -> &[Rect] {
        &self.rects
    }

    /// True when no pixel is in the region.
    pub fn is_empty(&self) -> bool {
        self.rects.is_empty()
    }

    /// Forgets every pixel.
    pub fn clear(&mut self) {
        self.rects.clear();
    }

    /// Adds the pixels of `rect`.
    pub fn add(&mut self, rect: Rect) {
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
    pub fn add_region(&mut self, other: &Region) {
        for rect in &other.rects {
            self.add(*rect);
        }
    }

    /// Removes the pixels of `hole`.
    pub fn subtract(&mut self, hole: Rect) {
        let whole = std::mem::take(&mut self.rects);
        self.rects
            .extend(whole.into_iter().flat_map(|rect| rect.minus(hole)));
        self.bound();
    }

    /// Removes everything outside `bounds`.
    pub fn clip(&mut self, bounds: Rect) {
        for rect in &mut self.rects {
            *rect = rect.intersect(bounds);
        }
        self.rects.retain(|rect| !rect.is_empty());
    }

    /// Takes out the pixels inside `bounds`, leaving the others.
    pub fn take_within(&mut self, bounds: Rect) -> Region {
        let mut taken = self.clone();
        taken.clip(bounds);
        self.subtract(bounds);
        taken
    }

    /// True when a pixel of `rect` is in the region.
    pub fn overlaps(&self, rect: Rect) -> bool {
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
