//! Reading Rust just well enough: what is code, what is a comment, where functions end.

use std::ops::Range;

/// A source whose comments, or whose comments and literals, are blanked. Lines and columns stay.
#[derive(Debug)]
pub struct Source {
    /// Comments and the insides of literals replaced by spaces.
    pub code: String,
}

/// A function: its name and the lines from `fn` to its closing brace, counted from one.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub first: usize,
    pub last: usize,
}

impl Source {
    pub fn read(text: &str) -> Self {
        Self { code: blank(text) }
    }

    /// The lines, counted from one, of `#[cfg(test)] mod … { … }` blocks.
    pub fn test_lines(&self) -> Vec<Range<usize>> {
        let starts = self.code.match_indices("#[cfg(test)]");
        let blocks = starts.filter_map(|(at, _)| {
            let open = at + self.code[at..].find(['{', ';'])?;
            let close = self.closing(open).unwrap_or(open);
            Some(self.line_of(at)..self.line_of(close) + 1)
        });
        blocks.collect()
    }

    /// All functions that have a body.
    pub fn functions(&self) -> Vec<Function> {
        let starts = self.code.match_indices("fn ");
        starts.filter_map(|(at, _)| self.function(at)).collect()
    }

    fn function(&self, at: usize) -> Option<Function> {
        if self.code[..at].ends_with(is_word) {
            return None;
        }
        let rest = &self.code[at + 3..];
        let name: String = rest.chars().take_while(|&c| is_word(c)).collect();
        let open = at + 3 + body_start(rest)?;
        let close = self.closing(open)?;
        let named = !name.is_empty();
        named.then(|| Function {
            name,
            first: self.line_of(at),
            last: self.line_of(close),
        })
    }

    /// Where the brace that opens at `open` closes.
    fn closing(&self, open: usize) -> Option<usize> {
        let mut depth = 0;
        for (at, byte) in self.code.bytes().enumerate().skip(open) {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(at);
            }
        }
        None
    }

    pub fn line_of(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}

/// The first brace after a signature; `None` when a semicolon ends it first.
fn body_start(signature: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in signature.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Replaces comments and the insides of literals by spaces, byte for byte.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let (keep, end) = token(text, at);
        for byte in &mut out[(at + keep).min(end)..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    // Whole tokens were blanked, so no character was cut in two.
    String::from_utf8(out).unwrap_or_default()
}

/// The token at `at`: how many of its bytes to keep, and where it ends.
fn token(text: &str, at: usize) -> (usize, usize) {
    let rest = &text[at..];
    let all = |length: usize| (length, at + length);
    if rest.starts_with("//") {
        return (0, at + rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (0, at + block_comment(rest));
    }
    if let Some(length) = raw_string(text, at) {
        return (1, at + length);
    }
    match rest.as_bytes()[0] {
        b'"' => (1, at + quoted(rest, b'"')),
        b'\'' => match character(rest) {
            Some(length) => (1, at + length),
            None => all(1),
        },
        _ => all(rest.chars().next().map_or(1, char::len_utf8)),
    }
}

fn block_comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a raw string that starts here.
fn raw_string(text: &str, at: usize) -> Option<usize> {
    if text[..at].ends_with(|c| is_word(c) && c != 'b' && c != 'c') {
        return None;
    }
    let rest = &text[at..];
    let hashes = rest
        .strip_prefix('r')?
        .bytes()
        .take_while(|&byte| byte == b'#')
        .count();
    let body = rest[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let inside = body.find(&end)?;
    Some(1 + hashes + 1 + inside + end.len())
}

/// The length of a literal between two `quote`s.
fn quoted(rest: &str, quote: u8) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// The length of a character literal; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    match chars.next()? {
        (_, '\\') => Some(quoted(rest, b'\'')),
        _ => chars
            .next()
            .filter(|(_, c)| *c == '\'')
            .map(|(at, _)| at + 1),
    }
}
