//! A text with a caret, a selection and lines wrapped to a width.

use std::ops::Range;

use crate::paint::{Fonts, Weight};
use crate::theme;

/// The text and where the caret is in it.
pub(super) struct Text {
    /// At most [`LETTERS_MAX`].
    letters: Vec<char>,
    /// `caret <= letters.len()`.
    caret: usize,
    /// The other end of the selection; `anchor <= letters.len()`.
    anchor: usize,
    /// Where the lines are, without their line breaks; never empty, in order.
    lines: Vec<Range<usize>>,
}

/// A way for the caret to go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Motion {
    Back,
    Forth,
    LineStart,
    LineEnd,
    To(usize),
}

impl Default for Text {
    fn default() -> Self {
        let start: Range<usize> = 0..0;
        Self {
            letters: Vec::new(),
            caret: 0,
            anchor: 0,
            lines: Vec::from([start]),
        }
    }
}

impl Text {
    pub(super) fn letters(&self) -> &[char] {
        &self.letters
    }

    pub(super) fn contents(&self) -> String {
        self.letters.iter().collect()
    }

    pub(super) fn lines(&self) -> &[Range<usize>] {
        &self.lines
    }

    pub(super) const fn caret(&self) -> usize {
        self.caret
    }

    /// What is marked, empty if nothing is.
    pub(super) fn selection(&self) -> Range<usize> {
        self.caret.min(self.anchor)..self.caret.max(self.anchor)
    }

    /// The marked text, or the whole if nothing is marked.
    pub(super) fn selected_or_all(&self) -> String {
        match self.selection() {
            marked if marked.is_empty() => self.contents(),
            marked => self.letters[marked].iter().collect(),
        }
    }

    pub(super) fn select_all(&mut self) {
        self.anchor = 0;
        self.caret = self.letters.len();
    }

    /// Replaces the selection by as much of `text` as there is room for.
    pub(super) fn insert(&mut self, text: &str) {
        let marked = self.selection();
        let room = LETTERS_MAX - (self.letters.len() - marked.len());
        let text = text.replace('\t', "    ");
        let fresh: Vec<char> = text
            .chars()
            .filter(|c| *c == '\n' || !c.is_control())
            .take(room)
            .collect();
        self.caret = marked.start + fresh.len();
        self.anchor = self.caret;
        self.letters.splice(marked, fresh);
    }

    /// Removes the selection or, if nothing is marked, what lies in the way of `motion`.
    pub(super) fn erase(&mut self, motion: Motion) {
        if self.selection().is_empty() {
            self.extend(motion);
        }
        self.insert("");
    }

    /// Where a motion by lines leads: it keeps to the column, and ends at the text's ends.
    pub(super) fn line_target(&self, by: isize, fonts: &Fonts) -> Motion {
        let line = self.caret_line();
        let Some(target) = line.checked_add_signed(by) else {
            return Motion::To(0);
        };
        if target >= self.lines.len() && line + 1 == self.lines.len() {
            return Motion::To(usize::MAX);
        }
        let x = self.x_in_line(line, self.caret, fonts);
        Motion::To(self.place_in_line(target.min(self.lines.len() - 1), x, fonts))
    }

    /// Moves the caret and drops the selection.
    pub(super) fn go(&mut self, motion: Motion) {
        self.extend(motion);
        self.anchor = self.caret;
    }

    /// Moves the caret; the selection grows with it.
    pub(super) fn extend(&mut self, motion: Motion) {
        let line = self.lines[self.caret_line()].clone();
        let place = match motion {
            Motion::Back => self.caret.saturating_sub(1),
            Motion::Forth => self.caret + 1,
            Motion::LineStart => line.start,
            Motion::LineEnd => line.end,
            Motion::To(place) => place,
        };
        self.caret = place.min(self.letters.len());
    }

    /// The line that the caret is on.
    pub(super) fn caret_line(&self) -> usize {
        let after = self.lines.partition_point(|line| line.start <= self.caret);
        after.saturating_sub(1)
    }

    /// How far right `place` is in its line.
    pub(super) fn x_in_line(&self, line: usize, place: usize, fonts: &Fonts) -> f32 {
        let range = self.lines[line].clone();
        let end = place.clamp(range.start, range.end);
        self.letters[range.start..end]
            .iter()
            .map(|letter| advance(fonts, *letter))
            .sum()
    }

    /// The place in `line` that is nearest to `x`.
    pub(super) fn place_in_line(&self, line: usize, x: f32, fonts: &Fonts) -> usize {
        let range = self.lines[line].clone();
        let mut edge = 0.0;
        for place in range.clone() {
            let width = advance(fonts, self.letters[place]);
            if x < edge + width / 2.0 {
                return place;
            }
            edge += width;
        }
        range.end
    }

    /// Finds the lines anew for a page that is `width` wide.
    pub(super) fn wrap(&mut self, fonts: &Fonts, width: f32) {
        self.lines.clear();
        let (mut start, mut used, mut space) = (0, 0.0, None);
        for (place, letter) in self.letters.iter().enumerate() {
            if *letter == '\n' {
                self.lines.push(start..place);
                (start, used, space) = (place + 1, 0.0, None);
                continue;
            }
            let step = advance(fonts, *letter);
            if used + step > width && place > start {
                let end = space.map_or(place, |space| space + 1);
                self.lines.push(start..end);
                start = end;
                used = self.letters[end..place]
                    .iter()
                    .map(|c| advance(fonts, *c))
                    .sum();
                space = None;
            }
            used += step;
            if *letter == ' ' {
                space = Some(place);
            }
        }
        self.lines.push(start..self.letters.len());
    }
}

fn advance(fonts: &Fonts, letter: char) -> f32 {
    fonts.advance(letter, theme::TEXT + 1.0, Weight::Regular)
}

/// The notepad's size, also what one viewer can make the others receive.
const LETTERS_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &str, width: f32) -> Text {
        let mut text = Text::default();
        text.insert(words);
        text.wrap(&Fonts::new(), width);
        text
    }

    fn lines(text: &Text) -> Vec<String> {
        text.lines()
            .iter()
            .map(|line| text.letters()[line.clone()].iter().collect())
            .collect()
    }

    #[test]
    fn long_lines_break_after_a_space_and_lose_nothing() {
        let text = text("one two three four\n\nfive", 80.0);
        let lines = lines(&text);
        assert_eq!(lines.concat(), "one two three fourfive");
        assert_eq!(lines[0], "one two ");
        assert_eq!(lines[lines.len() - 2], "");
    }

    #[test]
    fn a_word_longer_than_the_line_is_cut() {
        let text = text(&"x".repeat(100), 50.0);
        assert!(text.lines().len() > 5);
        assert_eq!(lines(&text).concat().len(), 100);
    }

    #[test]
    fn the_text_stays_within_its_limit() {
        let mut text = text("ab", 100.0);
        text.insert(&"y".repeat(2 * LETTERS_MAX));
        assert_eq!(text.letters().len(), LETTERS_MAX);
        text.insert("z");
        assert_eq!(text.letters().len(), LETTERS_MAX);
        text.select_all();
        text.insert("z");
        assert_eq!(text.contents(), "z");
    }

    #[test]
    fn a_selection_is_replaced_by_what_is_typed() {
        let mut text = text("hello world", 1000.0);
        text.go(Motion::To(6));
        text.extend(Motion::LineEnd);
        assert_eq!(text.selected_or_all(), "world");
        text.insert("you");
        assert_eq!(text.contents(), "hello you");
        text.erase(Motion::Back);
        text.go(Motion::To(0));
        text.erase(Motion::Forth);
        assert_eq!(text.contents(), "ello yo");
    }

    #[test]
    fn up_and_down_keep_to_the_column() {
        let fonts = Fonts::new();
        let mut text = text("abcd\nabcd\nabcd", 1000.0);
        text.go(Motion::To(7));
        text.go(text.line_target(1, &fonts));
        assert_eq!(text.caret(), 12);
        text.go(text.line_target(-2, &fonts));
        assert_eq!(text.caret(), 2);
        text.go(text.line_target(-1, &fonts));
        assert_eq!(text.caret(), 0);
        text.go(text.line_target(99, &fonts));
        assert_eq!(text.caret_line(), 2);
    }
}
