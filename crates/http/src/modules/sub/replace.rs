//! Looking for several texts at once in a body that comes in pieces.
//!
//! Where more than one text begins at the same place, the one that was written first wins. What may
//! be the beginning of a text is held back until that is known; everything else goes on at once.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::filters::portions::Transform;
use crate::response::Chunk;

/// So much is made of one piece before the client takes some of it, in bytes.
const ENOUGH: usize = 64 * 1024;

/// Texts to look for, in lower case, none empty.
#[derive(Debug)]
pub struct Patterns {
    /// With the number of their pair, in the order in which they were written.
    texts: Vec<(usize, Bytes)>,
    /// By first byte, of either case: which texts begin with it.
    by_first: Box<[Vec<u8>; 256]>,
    /// The first bytes, if there are few enough to be looked for by the machine's own means.
    few: Option<Vec<u8>>,
}

impl Patterns {
    /// Takes texts, at most 255; `None` if there are none.
    pub fn new(texts: impl Iterator<Item = (usize, Bytes)>) -> Option<Self> {
        let texts: Vec<_> = texts.take(255).collect();
        let mut by_first = Box::new([const { Vec::new() }; 256]);
        for (index, (_, text)) in texts.iter().enumerate() {
            let first = text[0];
            by_first[usize::from(first)].push(index as u8);
            if first.is_ascii_lowercase() {
                by_first[usize::from(first.to_ascii_uppercase())].push(index as u8);
            }
        }
        let firsts = (0..=255_u8).filter(|&byte| !by_first[usize::from(byte)].is_empty());
        let firsts: Vec<u8> = firsts.collect();
        let few = (firsts.len() <= 3).then_some(firsts);
        (!texts.is_empty()).then_some(Self {
            texts,
            by_first,
            few,
        })
    }

    /// Where from `at` on a text may begin.
    fn candidate(&self, data: &[u8], at: usize) -> Option<usize> {
        let rest = &data[at..];
        let found = match self.few.as_deref() {
            Some([one]) => memchr::memchr(*one, rest),
            Some([one, two]) => memchr::memchr2(*one, *two, rest),
            Some([one, two, three]) => memchr::memchr3(*one, *two, *three, rest),
            _ => rest
                .iter()
                .position(|&byte| !self.by_first[usize::from(byte)].is_empty()),
        };
        found.map(|found| at + found)
    }
}

/// What stands at a place.
enum Here {
    /// No text.
    Nothing,
    /// The text with this index.
    Text(usize),
    /// What there is may be the beginning of one.
    Beginning,
}

/// The filter.
pub struct Replace {
    patterns: Arc<Patterns>,
    once: bool,
    /// The value of a pair, asked for where its text is found first.
    value: Box<dyn Fn(usize) -> Bytes>,
    values: Vec<Option<Bytes>>,
    /// Every text was replaced, and once is enough.
    done: bool,
    /// What may be the beginning of a text.
    held: Vec<u8>,
}

impl Replace {
    /// Nothing found yet.
    pub fn new(patterns: Arc<Patterns>, once: bool, value: Box<dyn Fn(usize) -> Bytes>) -> Self {
        Self {
            values: vec![None; patterns.texts.len()],
            patterns,
            once,
            value,
            done: false,
            held: Vec::new(),
        }
    }

    fn look(&self, data: &[u8], at: usize, ended: bool) -> Here {
        let rest = &data[at..];
        for &index in &self.patterns.by_first[usize::from(rest[0])] {
            let index = usize::from(index);
            if self.once && self.values[index].is_some() {
                continue;
            }
            let text = &self.patterns.texts[index].1;
            let common = text.len().min(rest.len());
            if !rest[..common].eq_ignore_ascii_case(&text[..common]) {
                continue;
            }
            if common == text.len() {
                return Here::Text(index);
            }
            if !ended {
                return Here::Beginning;
            }
        }
        Here::Nothing
    }

    fn replace(&mut self, index: usize) -> Bytes {
        let value = match &self.values[index] {
            Some(value) => value.clone(),
            None => {
                let value = (self.value)(self.patterns.texts[index].0);
                self.values[index] = Some(value.clone());
                value
            }
        };
        self.done = self.once && self.values.iter().all(Option::is_some);
        value
    }

    /// Works through `data` and says how much of it is dealt with: all, or what was enough.
    fn work(&mut self, data: &Bytes, ended: bool, out: &mut Vec<Chunk>) -> usize {
        let mut made = Made::default();
        let (mut begin, mut at) = (0, 0);
        while !self.done
            && let Some(start) = self.patterns.candidate(data, at)
        {
            match self.look(data, start, ended) {
                Here::Nothing => at = start + 1,
                Here::Text(index) => {
                    let value = self.replace(index);
                    made.add(&data[begin..start]);
                    made.add(&value);
                    at = start + self.patterns.texts[index].1.len();
                    begin = at;
                    if made.0.len() >= ENOUGH {
                        made.give(out);
                        return at;
                    }
                }
                Here::Beginning => {
                    made.add_last(data.slice(begin..start), out);
                    self.held = data[start..].to_vec();
                    return data.len();
                }
            }
        }
        made.add_last(data.slice(begin..), out);
        data.len()
    }
}

impl Transform for Replace {
    fn feed(&mut self, input: &Bytes, out: &mut Vec<Chunk>) -> io::Result<usize> {
        if self.held.is_empty() {
            return Ok(self.work(input, false, out));
        }
        let mut data = std::mem::take(&mut self.held);
        let before = data.len();
        data.extend_from_slice(input);
        let data = Bytes::from(data);
        let mut done = self.work(&data, false, out);
        // What was held back is shorter than a text, and so soon behind.
        while done < before {
            done += self.work(&data.slice(done..), false, out);
        }
        Ok(done - before)
    }

    // DIFFERS: nginx passes on what it held back at the end as it is. Here a shorter text in it is
    // replaced like everywhere else.
    fn end(&mut self, out: &mut Vec<Chunk>) -> io::Result<()> {
        let held = Bytes::from(std::mem::take(&mut self.held));
        let mut done = 0;
        while done < held.len() {
            done += self.work(&held.slice(done..), true, out);
        }
        Ok(())
    }
}

/// Bytes that were put together; what was not touched is passed on as it is.
#[derive(Default)]
struct Made(Vec<u8>);

impl Made {
    fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn give(self, out: &mut Vec<Chunk>) {
        if !self.0.is_empty() {
            out.push(Chunk::Memory(self.0.into()));
        }
    }

    fn add_last(mut self, rest: Bytes, out: &mut Vec<Chunk>) {
        if self.0.is_empty() {
            if !rest.is_empty() {
                out.push(Chunk::Memory(rest));
            }
            return;
        }
        self.add(&rest);
        self.give(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body in pieces of every size, with the pairs replaced; all must be the same.
    fn replaced(pairs: &[(&str, &'static str)], once: bool, body: &str) -> String {
        let run = |size: usize| {
            let texts = pairs.iter().enumerate();
            let texts = texts.map(|(index, pair)| (index, Bytes::from(pair.0.to_lowercase())));
            let patterns = Arc::new(Patterns::new(texts).expect("some"));
            let values: Vec<_> = pairs.iter().map(|pair| pair.1).collect();
            let value = move |index: usize| Bytes::from_static(values[index].as_bytes());
            let mut replace = Replace::new(patterns, once, Box::new(value));
            let mut out = Vec::new();
            for piece in body.as_bytes().chunks(size) {
                let piece = Bytes::copy_from_slice(piece);
                let mut taken = 0;
                while taken < piece.len() {
                    taken += replace
                        .feed(&piece.slice(taken..), &mut out)
                        .expect("works");
                }
            }
            replace.end(&mut out).expect("ends");
            let bytes = out.iter().flat_map(|chunk| match chunk {
                Chunk::Memory(bytes) => bytes.to_vec(),
                _ => Vec::new(),
            });
            String::from_utf8(bytes.collect()).expect("text")
        };
        let whole = run(body.len().max(1));
        for size in 1..body.len() {
            assert_eq!(run(size), whole, "{size}");
        }
        whole
    }

    #[test]
    fn a_text_is_found_across_pieces_and_in_any_case() {
        assert_eq!(replaced(&[("FOO", "bar")], true, "fofoo foo"), "fobar foo");
        assert_eq!(replaced(&[("foo", "x")], false, "fOoFoofo"), "xxfo");
        assert_eq!(replaced(&[("aab", "x")], false, "aaab"), "ax");
    }

    #[test]
    fn the_first_text_wins_at_the_same_place_and_the_leftmost_before_all() {
        let pairs = [("ab", "1"), ("abc", "2"), ("bc", "3")];
        assert_eq!(replaced(&pairs, false, "abc bc"), "1c 3");
        let pairs = [("abcd", "1"), ("ab", "2")];
        assert_eq!(replaced(&pairs, false, "abce abcd"), "2ce 1");
    }

    #[test]
    fn once_counts_for_each_text() {
        let pairs = [("a", "1"), ("b", "2")];
        assert_eq!(replaced(&pairs, true, "aabbab"), "1a2bab");
        let pairs = [("a", "1"), ("ab", "2")];
        assert_eq!(replaced(&pairs, true, "abab"), "1b2");
    }

    #[test]
    fn an_end_within_a_text_is_passed_on_and_shorter_texts_in_it_are_found() {
        let pairs = [("abc", "1"), ("b", "2")];
        assert_eq!(replaced(&pairs, false, "xab"), "xa2");
        assert_eq!(replaced(&[("abc", "")], false, "abcab"), "ab");
    }
}
