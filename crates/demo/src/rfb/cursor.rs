//! The shapes of the pointer, sent once so that the viewer draws it without delay.

use super::pixel::PixelFormat;
use crate::apps::Cursor;

/// A pointer's picture: `#` is black, `.` is white, anything else is transparent.
struct Shape {
    rows: &'static [&'static str],
    /// The pixel that points.
    hotspot: (u16, u16),
}

/// Appends the rectangle that sets the viewer's pointer.
pub(crate) fn put(cursor: Cursor, format: PixelFormat, out: &mut Vec<u8>) {
    let shape = shape(cursor);
    let width = shape.rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let (x, y) = shape.hotspot;
    super::server::put_rect_header(
        [x, y, width as u16, shape.rows.len() as u16],
        super::encoding::CURSOR,
        out,
    );
    let cell = |row: &'static str, x: usize| row.as_bytes().get(x).copied().unwrap_or(b' ');
    for row in shape.rows {
        for x in 0..width {
            format.put(if cell(row, x) == b'.' { 0xff_ffff } else { 0 }, out);
        }
    }
    for row in shape.rows {
        for group in (0..width).step_by(8) {
            let bit = |x: usize| u8::from(matches!(cell(row, x), b'#' | b'.'));
            out.push((0..8).fold(0, |byte, nth| byte << 1 | bit(group + nth)));
        }
    }
}

const fn shape(cursor: Cursor) -> Shape {
    match cursor {
        Cursor::Arrow => Shape {
            rows: ARROW,
            hotspot: (1, 1),
        },
        Cursor::Text => Shape {
            rows: TEXT,
            hotspot: (4, 9),
        },
        Cursor::Cross => Shape {
            rows: CROSS,
            hotspot: (8, 8),
        },
        Cursor::Hand => Shape {
            rows: HAND,
            hotspot: (6, 1),
        },
    }
}

const ARROW: &[&str] = &[
    "##",
    "#.#",
    "#..#",
    "#...#",
    "#....#",
    "#.....#",
    "#......#",
    "#.......#",
    "#........#",
    "#.........#",
    "#..........#",
    "#......#####",
    "#...#..#",
    "#..# #..#",
    "#.#  #..#",
    "##    #..#",
    "      #..#",
    "       ##",
];

const TEXT: &[&str] = &[
    "#### ####",
    "#...#...#",
    "####.####",
    "   #.#",
    "   #.#",
    "   #.#",
    "   #.#",
    "   #.#",
    "   #.#",
    "   #.#",
    "   #.#",
    "   #.#",
    "   #.#",
    "   #.#",
    "   #.#",
    "   #.#",
    "####.####",
    "#...#...#",
    "#### ####",
];

const CROSS: &[&str] = &[
    "       ###",
    "       #.#",
    "       #.#",
    "       #.#",
    "       #.#",
    "       #.#",
    "       ###",
    "#######   #######",
    "#.....# # #.....#",
    "#######   #######",
    "       ###",
    "       #.#",
    "       #.#",
    "       #.#",
    "       #.#",
    "       #.#",
    "       ###",
];

const HAND: &[&str] = &[
    "     ##",
    "    #..#",
    "    #..#",
    "    #..#",
    "    #..#",
    "    #..###",
    "    #..#..###",
    "    #..#..#..##",
    " ## #..#..#..#.#",
    "#..##........#..#",
    "#...#...........#",
    " #..............#",
    "  #.............#",
    "  #.............#",
    "   #...........#",
    "   #...........#",
    "    #.........#",
    "     #........#",
    "     #........#",
    "     ##########",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hotspot_lies_within_each_shape() {
        for cursor in [Cursor::Arrow, Cursor::Text, Cursor::Cross, Cursor::Hand] {
            let shape = shape(cursor);
            assert!(usize::from(shape.hotspot.1) < shape.rows.len());
            let width = shape.rows.iter().map(|row| row.len()).max().unwrap();
            assert!(usize::from(shape.hotspot.0) < width);
            let mut out = Vec::new();
            put(cursor, PixelFormat::NATIVE, &mut out);
            let mask = width.div_ceil(8);
            assert_eq!(out.len(), 12 + shape.rows.len() * (4 * width + mask));
        }
    }
}
