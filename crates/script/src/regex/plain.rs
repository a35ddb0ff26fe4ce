//! Expressions so plain that PCRE2 need not be asked whether they are right: as good as all of
//! those that stand in a configuration by the thousand.
//!
//! This knows little of PCRE's syntax and gives up on anything else: what it gives up on is
//! compiled, and what it accepts PCRE2 accepts too, with the same groups.

/// What an expression has in parentheses.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Groups {
    /// How many groups there are.
    pub count: usize,
    /// The named ones and their numbers.
    pub names: Vec<(Box<str>, usize)>,
}

/// The longest pattern that is looked at, far from what is too large for PCRE2.
const LENGTH_MAX: usize = 256;

/// How deep groups may nest.
const DEPTH_MAX: usize = 32;

/// The longest name of a group in PCRE2.
const NAME_MAX: usize = 32;

/// The groups of a plain pattern; `None` of one that PCRE2 has to look at.
pub(super) fn groups(pattern: &str) -> Option<Groups> {
    let mut scan = Scan {
        rest: pattern.as_bytes(),
        groups: Groups {
            count: 0,
            names: Vec::new(),
        },
    };
    let short = pattern.len() <= LENGTH_MAX;
    short.then(|| scan.pattern())??;
    Some(scan.groups)
}

/// Whether a quantifier may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    Repeatable,
    Other,
}

struct Scan<'p> {
    rest: &'p [u8],
    groups: Groups,
}

impl<'p> Scan<'p> {
    fn pattern(&mut self) -> Option<()> {
        let (mut open, mut last) = (0_usize, Item::Other);
        while !self.rest.is_empty() {
            last = match self.next()? {
                b'(' if open < DEPTH_MAX => {
                    open += 1;
                    self.group()?;
                    Item::Other
                }
                b')' => {
                    open = open.checked_sub(1)?;
                    Item::Repeatable
                }
                b'*' | b'+' | b'?' if last == Item::Repeatable => {
                    if matches!(self.rest.first(), Some(b'?' | b'+')) {
                        self.next();
                    }
                    Item::Other
                }
                b'[' => self.class()?,
                b'\\' => self.escape()?,
                b'|' | b'^' | b'$' => Item::Other,
                b'.' => Item::Repeatable,
                byte if is_literal(byte) => Item::Repeatable,
                _ => return None,
            };
        }
        (open == 0).then_some(())
    }

    /// What follows `(`: nothing special, `?:` or `?<name>`.
    fn group(&mut self) -> Option<()> {
        match self.rest {
            [b'*', ..] => return None,
            [b'?', b':', rest @ ..] => {
                self.rest = rest;
                return Some(());
            }
            [b'?', b'<', rest @ ..] => self.rest = rest,
            [b'?', ..] => return None,
            _ => {
                self.groups.count += 1;
                return Some(());
            }
        }
        let end = self.rest.iter().position(|&byte| byte == b'>')?;
        let name = std::str::from_utf8(&self.rest[..end]).ok()?;
        self.rest = &self.rest[end + 1..];
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let good = name.bytes().all(is_name) && !name.starts_with(|c: char| c.is_ascii_digit());
        let known = self.groups.names.iter().any(|(known, _)| **known == *name);
        if !good || known || name.is_empty() || name.len() > NAME_MAX {
            return None;
        }
        self.groups.count += 1;
        self.groups.names.push((name.into(), self.groups.count));
        Some(())
    }

    fn escape(&mut self) -> Option<Item> {
        match self.next()? {
            b'd' | b'D' | b'w' | b'W' | b's' | b'S' => Some(Item::Repeatable),
            b'b' | b'B' => Some(Item::Other),
            byte if byte.is_ascii_punctuation() => Some(Item::Repeatable),
            _ => None,
        }
    }

    /// What follows `[`: single characters, `\w` and the like, ranges of letters or digits, and
    /// perhaps a dash at the end.
    fn class(&mut self) -> Option<Item> {
        if let [b'^', rest @ ..] = self.rest {
            self.rest = rest;
        }
        // An empty class is none, and `[.x.]` is something else.
        if let [b']' | b'.', ..] = self.rest {
            return None;
        }
        loop {
            match (self.next()?, self.rest) {
                (b']', _) => return Some(Item::Repeatable),
                (b'-', [b']', ..]) => {}
                (first, [b'-', last, rest @ ..]) if *last != b']' => {
                    let letters = first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric();
                    if !letters || first > *last {
                        return None;
                    }
                    self.rest = rest;
                }
                (b'\\', _) => {
                    let item = self.escape()?;
                    if item != Item::Repeatable || matches!(self.rest, [b'-', ..]) {
                        return None;
                    }
                }
                (b'.', _) => {}
                (byte, _) if is_literal(byte) && !matches!(byte, b'-' | b':' | b'=') => {}
                _ => return None,
            }
        }
    }

    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }
}

/// Whether a byte stands for itself, inside of classes too.
fn is_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-_:;,=!@#%&~<>\"'` ".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regex::ask_for_groups;

    #[test]
    fn usual_patterns_are_plain_and_unusual_ones_are_not() {
        let plain = [
            ("", 0),
            ("^/api/item7/(.*)$", 1),
            ("\\.(?:jpe?g|png|gif)$", 0),
            ("^/(?<user>[a-z0-9_-]+)/(\\d+)(/.*)?$", 3),
            ("^(www\\.)?example\\.com$", 1),
            ("[^/]+?\\.php(/|$)", 1),
        ];
        for (pattern, count) in plain {
            let found = groups(pattern).map(|groups| groups.count);
            assert_eq!(found, Some(count), "{pattern}");
        }
        let odd = [
            "(",
            ")",
            "*",
            "a**",
            "[",
            "[]a]",
            "[b-a]",
            "\\1",
            "\\x41",
            "a{2}",
            "(?i)a",
            "(?=a)",
            "é",
            "(?<a>x)(?<a>y)",
            "(?<1>x)",
            "(*UTF)a",
            "[:a:]",
            "[.a.]",
            "[\\d-z]",
        ];
        for pattern in odd {
            assert_eq!(groups(pattern), None, "{pattern}");
        }
        assert_eq!(groups(&"a".repeat(LENGTH_MAX + 1)), None);
    }

    /// Pieces of patterns, good and bad in any order.
    const PIECES: &[&str] = &[
        "a",
        "Z",
        "0",
        "/",
        "-",
        "_",
        ":",
        "=",
        "<",
        ">",
        "#",
        " ",
        ".",
        "^",
        "$",
        "|",
        "*",
        "+",
        "?",
        "(",
        "(",
        ")",
        ")",
        "(?:",
        "(?<n>",
        "(?<m1>",
        "(?<",
        "[",
        "[",
        "[^",
        "]",
        "]",
        "a-z",
        "0-9",
        "-z",
        "\\",
        "\\.",
        "\\]",
        "\\-",
        "\\w",
        "\\d",
        "\\S",
        "\\b",
        "\\_",
        "{",
        "}",
        "é",
        "\n",
        "{2}",
        "(?i)",
        "(*",
        "[:alpha:]",
        "[.",
        ".]",
        "!",
        "&",
        "~",
        ",",
        "'",
        "\"",
        "%",
    ];

    #[test]
    fn pcre2_accepts_whatever_is_plain_and_sees_the_same_groups() {
        let mut seed = 3_u64;
        let mut below = |end: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize % end
        };
        let mut plain = 0;
        for _ in 0..200_000 {
            let pieces = (0..below(12)).map(|_| PIECES[below(PIECES.len())]);
            let pattern: String = pieces.collect();
            let Some(groups) = groups(&pattern) else {
                continue;
            };
            let asked = ask_for_groups(&pattern, below(2) == 0);
            assert_eq!(asked.expect(&pattern), groups, "{pattern}");
            plain += 1;
        }
        assert!(plain > 20_000, "only {plain} are plain");
    }
}
