//! Points, rectangles and bounded regions in desktop pixels.

mod region;

pub(crate) use self::region::Region;

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
