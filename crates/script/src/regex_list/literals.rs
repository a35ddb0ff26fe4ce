//! What text an expression demands of every subject that it matches.
//!
//! This knows a part of PCRE's syntax, and gives up on an expression with anything else in it: an
//! expression that is tried in vain costs time, one that is left out wrongly costs the answer.
//! Case is left aside altogether: all texts are in lower case.

/// Texts of which one is in every subject that matches, its case aside.
pub(super) type Demand = Vec<Vec<u8>>;

/// The shortest text that tells subjects apart.
const LENGTH_MIN: usize = 2;

/// How many alternatives a demand may have.
const TEXTS_MAX: usize = 16;

/// How deep groups may nest.
const DEPTH_MAX: usize = 32;

/// The demand of a pattern; `None` if it has none, or is not understood.
pub(super) fn demanded(pattern: &str) -> Option<Demand> {
    let pattern = pattern.strip_prefix("(?i)").unwrap_or(pattern);
    let mut scan = Scan {
        rest: pattern.as_bytes(),
    };
    let demand = scan.alternatives(0).ok()?;
    // A closing bracket too many.
    scan.rest.is_empty().then_some(demand)?
}

/// Something that is not understood.
struct Unknown;

type Understood<T> = Result<T, Unknown>;

enum Atom {
    /// One byte, in lower case.
    Byte(u8),
    /// Something that demands nothing by itself.
    Other,
    /// A group that demands something, or nothing.
    Group(Option<Demand>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Times {
    Once,
    /// Once or more.
    Some,
    /// Possibly never.
    Any,
}

struct Scan<'p> {
    rest: &'p [u8],
}

impl Scan<'_> {
    /// `a|b|c`: a demand only if each has one.
    fn alternatives(&mut self, depth: usize) -> Understood<Option<Demand>> {
        let mut all = self.branch(depth)?;
        while self.take(b"|") {
            let branch = self.branch(depth)?;
            all = all.zip(branch).map(|(mut all, branch)| {
                all.extend(branch);
                all
            });
        }
        Ok(all.filter(|texts| texts.len() <= TEXTS_MAX))
    }

    /// A sequence: the best of what its parts demand.
    fn branch(&mut self, depth: usize) -> Understood<Option<Demand>> {
        let mut best = Best::default();
        let mut run = Vec::new();
        while !matches!(self.rest.first(), None | Some(b'|' | b')')) {
            let atom = self.atom(depth)?;
            match (atom, self.times()?) {
                (Atom::Byte(byte), Times::Once) => run.push(byte),
                (Atom::Byte(byte), Times::Some) => {
                    run.push(byte);
                    best.consider(Some(vec![std::mem::replace(&mut run, vec![byte])]));
                }
                (Atom::Group(demand), Times::Once | Times::Some) => {
                    best.consider(Some(vec![std::mem::take(&mut run)]));
                    best.consider(demand);
                }
                (_, Times::Any) | (Atom::Other, _) => {
                    best.consider(Some(vec![std::mem::take(&mut run)]));
                }
            }
        }
        best.consider(Some(vec![run]));
        Ok(best.0)
    }

    fn atom(&mut self, depth: usize) -> Understood<Atom> {
        let byte = self.next()?;
        match byte {
            b'.' | b'^' | b'$' => Ok(Atom::Other),
            b'[' => self.class(),
            b'(' => self.group(depth),
            b'\\' => self.escape(),
            b'{' | b'*' | b'+' | b'?' => Err(Unknown),
            // Whether such a byte has an upper case depends on tables.
            0x80.. => Ok(Atom::Other),
            _ => Ok(Atom::Byte(byte.to_ascii_lowercase())),
        }
    }

    fn escape(&mut self) -> Understood<Atom> {
        match self.next()? {
            // Classes, boundaries and characters that are one letter long.
            b'd' | b'D' | b'w' | b'W' | b's' | b'S' | b'h' | b'H' | b'v' | b'V' | b'b' | b'B'
            | b'A' | b'z' | b'Z' | b'G' | b'R' | b'K' | b'n' | b't' | b'r' | b'f' | b'e' | b'a' => {
                Ok(Atom::Other)
            }
            byte if byte.is_ascii_alphanumeric() => Err(Unknown),
            0x80.. => Ok(Atom::Other),
            byte => Ok(Atom::Byte(byte)),
        }
    }

    /// `[…]`
    fn class(&mut self) -> Understood<Atom> {
        self.take(b"^");
        self.take(b"]");
        loop {
            match self.next()? {
                b']' => return Ok(Atom::Other),
                b'\\' if matches!(self.next()?, b'Q' | b'E' | b'c') => return Err(Unknown),
                b'[' if matches!(self.rest.first(), Some(b':' | b'.' | b'=')) => {
                    return Err(Unknown);
                }
                _ => {}
            }
        }
    }

    /// `(…)`; what changes how the rest is read is not understood.
    fn group(&mut self, depth: usize) -> Understood<Atom> {
        if depth >= DEPTH_MAX || self.take(b"*") {
            return Err(Unknown);
        }
        let looks = [&b"?="[..], b"?!", b"?<=", b"?<!"];
        let plain = [&b"?:"[..], b"?>"];
        let looks_around = looks.into_iter().any(|begin| self.take(begin));
        let known = looks_around
            || plain.into_iter().any(|begin| self.take(begin))
            || self.named(b"?<", b'>')
            || self.named(b"?P<", b'>')
            || self.named(b"?'", b'\'');
        if !known && self.rest.first() == Some(&b'?') {
            return Err(Unknown);
        }
        let demand = self.alternatives(depth + 1)?;
        if !self.take(b")") {
            return Err(Unknown);
        }
        Ok(match looks_around {
            true => Atom::Other,
            false => Atom::Group(demand),
        })
    }

    fn named(&mut self, begin: &[u8], end: u8) -> bool {
        let Some(name) = self.rest.strip_prefix(begin) else {
            return false;
        };
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let length = name.iter().take_while(|byte| is_name(byte)).count();
        if length == 0 || name.get(length) != Some(&end) {
            return false;
        }
        self.rest = &name[length + 1..];
        true
    }

    /// The quantifier behind an atom.
    fn times(&mut self) -> Understood<Times> {
        let times = match self.rest.first() {
            Some(b'*' | b'?') => Times::Any,
            Some(b'+') => Times::Some,
            Some(b'{') => {
                let times = self.counted()?;
                self.lazy_or_possessive();
                return Ok(times);
            }
            _ => return Ok(Times::Once),
        };
        self.rest = &self.rest[1..];
        self.lazy_or_possessive();
        Ok(times)
    }

    fn lazy_or_possessive(&mut self) {
        if !self.take(b"?") {
            self.take(b"+");
        }
    }

    /// `{2}`, `{2,}`, `{2,5}`; braces with anything else in them may be plain text.
    fn counted(&mut self) -> Understood<Times> {
        let end = self.rest.iter().position(|&byte| byte == b'}');
        let inside = &self.rest[1..end.ok_or(Unknown)?];
        let digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
        let (least, most) = match inside.iter().position(|&byte| byte == b',') {
            Some(at) => (&inside[..at], &inside[at + 1..]),
            None => (inside, &b""[..]),
        };
        if least.is_empty() || !digits(least) || !digits(most) {
            return Err(Unknown);
        }
        let never = least.iter().all(|&digit| digit == b'0');
        self.rest = &self.rest[inside.len() + 2..];
        Ok(if never { Times::Any } else { Times::Some })
    }

    fn next(&mut self) -> Understood<u8> {
        let (&byte, rest) = self.rest.split_first().ok_or(Unknown)?;
        self.rest = rest;
        Ok(byte)
    }

    fn take(&mut self, text: &[u8]) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

/// The demand with the longest texts so far.
#[derive(Default)]
struct Best(Option<Demand>);

impl Best {
    fn consider(&mut self, demand: Option<Demand>) {
        let shortest = |demand: &Demand| demand.iter().map(Vec::len).min().unwrap_or(0);
        let Some(demand) = demand.filter(|demand| shortest(demand) >= LENGTH_MIN) else {
            return;
        };
        if self
            .0
            .as_ref()
            .is_none_or(|best| shortest(best) < shortest(&demand))
        {
            self.0 = Some(demand);
        }
    }
}
