//! Smaller pictures of a screen.

use crate::{Framebuffer, Pixel};

impl Framebuffer {
    /// The screen at most so wide and so high, in its proportions; itself if it is no larger. Each
    /// pixel is the mean of those that it stands for.
    pub fn scaled(&self, width_max: u16, height_max: u16) -> Framebuffer {
        let (width, height) = fit(self, width_max.max(1), height_max.max(1));
        if (width, height) == (self.width(), self.height()) {
            return self.clone();
        }
        let columns: Vec<_> = (0..width).map(|x| span(x, width, self.width())).collect();
        let mut pixels = Vec::with_capacity(usize::from(width) * usize::from(height));
        for y in 0..height {
            let (top, bottom) = span(y, height, self.height());
            for (left, right) in &columns {
                pixels.push(self.mean(*left, top, *right, bottom));
            }
        }
        Framebuffer::from_pixels(width, height, pixels).unwrap_or_else(|| Framebuffer::new(0, 0))
    }

    fn mean(&self, left: u16, top: u16, right: u16, bottom: u16) -> Pixel {
        let mut sums = [0u64; 3];
        let mut count = 0;
        for y in top..bottom {
            let row = self.row(left, y, right - left);
            count += row.len() as u64;
            for [r, g, b, _] in row {
                sums[0] += u64::from(*r);
                sums[1] += u64::from(*g);
                sums[2] += u64::from(*b);
            }
        }
        let count = count.max(1);
        let [r, g, b] = sums.map(|sum| ((sum + count / 2) / count) as u8);
        [r, g, b, 255]
    }
}

/// The largest size in the screen's proportions, at least one pixel.
fn fit(screen: &Framebuffer, width_max: u16, height_max: u16) -> (u16, u16) {
    let (width, height) = (u32::from(screen.width()), u32::from(screen.height()));
    let (width_max, height_max) = (u32::from(width_max), u32::from(height_max));
    if (width <= width_max && height <= height_max) || width == 0 || height == 0 {
        return (screen.width(), screen.height());
    }
    let by_width = (width_max, (height * width_max + width / 2) / width);
    let by_height = ((width * height_max + height / 2) / height, height_max);
    let (width, height) = if by_width.1 <= height_max {
        by_width
    } else {
        by_height
    };
    (width.max(1) as u16, height.max(1) as u16)
}

/// The pixels that one of `len` stands for, when there were `of`; at least one.
fn span(at: u16, len: u16, of: u16) -> (u16, u16) {
    let place = |at: u16| (u32::from(at) * u32::from(of) / u32::from(len)) as u16;
    let start = place(at);
    (start, place(at + 1).max(start + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(values: &[u8]) -> Vec<Pixel> {
        values
            .iter()
            .map(|value| [*value, *value, *value, 255])
            .collect()
    }

    #[test]
    fn a_smaller_picture_has_the_mean_of_what_it_stands_for() {
        let pixels = grey(&[0, 100, 50, 50, 100, 200, 50, 51]);
        let screen = Framebuffer::from_pixels(4, 2, pixels).unwrap();
        let scaled = screen.scaled(2, 2);
        assert_eq!((scaled.width(), scaled.height()), (2, 1));
        assert_eq!(scaled.pixels(), grey(&[100, 50]));
        let high = screen.scaled(100, 1);
        assert_eq!(
            (high.width(), high.height()),
            (2, 1),
            "as high as it may be"
        );
        assert_eq!(screen.scaled(4, 9), screen, "never larger");
    }

    #[test]
    fn sizes_that_do_not_divide_leave_nothing_out() {
        let screen = Framebuffer::from_pixels(7, 5, grey(&[90; 35])).unwrap();
        for (width, height) in [(6, 5), (5, 4), (3, 3), (1, 1), (0, 0)] {
            let scaled = screen.scaled(width, height);
            assert!(scaled.pixels().iter().all(|pixel| pixel[0] == 90));
            assert!(scaled.width() <= width.max(1) && scaled.height() <= height.max(1));
        }
        assert!(Framebuffer::new(0, 0).scaled(5, 5).pixels().is_empty());
    }
}
