//! What logs must not show of a request: the tokens and passwords in a desktop's links.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

/// Secrets that a request carries.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Whether arguments that commonly hold secrets do so here.
    arguments: bool,
    /// A secret wherever it stands.
    value: Bytes,
    /// More of them, of requests that have some.
    more: Option<Box<More>>,
}

/// In a box of its own, since few requests have any.
#[derive(Debug, Clone, Default)]
struct More {
    values: Vec<Bytes>,
}

/// Arguments of desktop links that hold secrets; also inside other arguments, since links of noVNC
/// have their token in `path=websockify%3Ftoken%3D…`.
const ARGUMENTS: [&[u8]; 3] = [b"token", b"password", b"link"];

/// Shorter values are too common to be found anywhere but in a path or an argument.
const TELLTALE_LEN_MIN: usize = 6;

impl Secrets {
    /// Hides arguments by their names, and `value` wherever it stands as a word.
    pub fn hide(&mut self, value: Bytes) {
        self.arguments = true;
        self.value = value;
    }

    /// Hides what another request hides.
    pub fn hide_those_of(&mut self, other: &Self) {
        self.arguments |= other.arguments;
        for value in other.values() {
            self.hide_too(value.clone());
        }
    }

    /// Hides arguments by their names: what is behind them is not known yet.
    pub fn hide_arguments(&mut self) {
        self.arguments = true;
    }

    /// Hides another value wherever it stands as a word.
    pub fn hide_too(&mut self, value: Bytes) {
        if !value.is_empty() {
            self.more.get_or_insert_default().values.push(value);
        }
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        !self.arguments && self.more.is_none()
    }

    fn values(&self) -> impl Iterator<Item = &Bytes> {
        let more = self.more.iter().flat_map(|more| &more.values);
        let first = Some(&self.value).filter(|value| !value.is_empty());
        first.into_iter().chain(more)
    }

    /// The text as a log may show it: values are hidden where they stand as words.
    pub fn mask<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        self.mask_at(text, |start| start.is_some())
    }

    /// The same for words of our own about machines: a value is hidden in paths and arguments, and
    /// a machine may be called what a token is called.
    pub fn mask_uris<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        self.mask_at(text, |start| start == Some(Start::InUri))
    }

    /// Takes time in proportion to the text and the values.
    fn mask_at<'t>(
        &self,
        text: &'t [u8],
        may_start: impl Fn(Option<Start>) -> bool,
    ) -> Cow<'t, [u8]> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut found = Vec::new();
        if self.arguments {
            arguments_in(text, &mut found);
        }
        let mut decoded = None;
        for value in self.values().filter(|value| value.len() <= text.len()) {
            let mut add = |range: Range<usize>| {
                let start = start_at(text, range.start);
                if may_start(start) && is_value(text, &range, value, start) {
                    found.push(range);
                }
            };
            let failures = failures(value);
            find_all(text, value, &failures, |at| add(at..at + value.len()));
            if memchr::memchr(b'%', text).is_some() {
                let decoded = decoded.get_or_insert_with(|| Decoded::of(text));
                find_all(&decoded.bytes, value, &failures, |at| {
                    add(decoded.range(at, value.len()));
                });
            }
        }
        match found.is_empty() {
            true => Cow::Borrowed(text),
            false => Cow::Owned(without(text, found)),
        }
    }
}

/// The text with what was found masked; what overlaps is masked as one.
fn without(text: &[u8], mut found: Vec<Range<usize>>) -> Vec<u8> {
    found.sort_unstable_by_key(|range| (range.start, range.end));
    let mut out = Vec::with_capacity(text.len());
    let mut copied = 0;
    let mut ranges = found.into_iter().peekable();
    while let Some(mut range) = ranges.next() {
        while let Some(next) = ranges.next_if(|next| next.start <= range.end) {
            range.end = range.end.max(next.end);
        }
        out.extend_from_slice(&text[copied..range.start]);
        out.extend_from_slice(masked(&text[range.clone()]).as_bytes());
        copied = range.end;
    }
    out.extend_from_slice(&text[copied..]);
    out
}

/// The first characters of a secret that is long enough, as everywhere else.
fn masked(secret: &[u8]) -> String {
    vnc::mask_token(&String::from_utf8_lossy(secret))
}

/// Where a word begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// In a sentence.
    Word,
    /// As a part of a path, or an argument.
    InUri,
}

/// Whether a word begins at `at`.
fn start_at(text: &[u8], at: usize) -> Option<Start> {
    match at.checked_sub(1).map(|before| text[before]) {
        None | Some(b' ' | b'"') => Some(Start::Word),
        Some(b'=' | b'/' | b'?' | b'&') => Some(Start::InUri),
        // What is behind `%3D` and its like begins anew.
        Some(before) if before.is_ascii_hexdigit() && is_escape(text, at) => Some(Start::InUri),
        Some(_) => None,
    }
}

/// Whether what was found is the value as a word of its own, and not one that looks alike.
fn is_value(text: &[u8], range: &Range<usize>, value: &[u8], start: Option<Start>) -> bool {
    let ends = |byte: &u8| !byte.is_ascii_alphanumeric();
    (start == Some(Start::InUri) || value.len() >= TELLTALE_LEN_MIN)
        && text.get(range.end).is_none_or(ends)
}

/// Whether an escape, such as `%3F` or `%253F`, ends before `at`.
fn is_escape(text: &[u8], at: usize) -> bool {
    at.checked_sub(3).is_some_and(|start| text[start] == b'%')
        || at
            .checked_sub(5)
            .is_some_and(|start| text[start..].starts_with(b"%25"))
}

/// The values of arguments that commonly hold secrets.
fn arguments_in(text: &[u8], found: &mut Vec<Range<usize>>) {
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let named =
            start_at(text, at).and_then(|_| ARGUMENTS.iter().find_map(|name| argument(rest, name)));
        let len = named.map_or(0, |value| value_len(&rest[value..]));
        match named {
            Some(value) if len > 0 => {
                found.push(at + value..at + value + len);
                at += value + len;
            }
            _ => at += 1,
        }
    }
}

/// A text with its escapes decoded, and where each byte stood.
struct Decoded {
    bytes: Vec<u8>,
    /// One more than there are bytes: the last is the end.
    starts: Vec<usize>,
}

impl Decoded {
    fn of(text: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(text.len());
        let mut starts = Vec::with_capacity(text.len() + 1);
        let mut at = 0;
        while let [first, rest @ ..] = &text[at..] {
            starts.push(at);
            let escaped = match (first, rest) {
                (b'%', [high, low, ..]) => hex(*high, *low),
                _ => None,
            };
            bytes.push(escaped.unwrap_or(*first));
            at += if escaped.is_some() { 3 } else { 1 };
        }
        starts.push(at);
        Self { bytes, starts }
    }

    /// Where so many bytes stood.
    fn range(&self, at: usize, len: usize) -> Range<usize> {
        self.starts[at]..self.starts[at + len]
    }
}

/// For each length of a value's beginning, how much of it is a beginning of the value, too (Knuth,
/// Morris and Pratt): so no byte of a text is looked at again, whatever the value repeats.
fn failures(value: &[u8]) -> Vec<usize> {
    let mut failures = vec![0; value.len()];
    let mut matched = 0;
    for at in 1..value.len() {
        while matched > 0 && value[at] != value[matched] {
            matched = failures[matched - 1];
        }
        if value[at] == value[matched] {
            matched += 1;
        }
        failures[at] = matched;
    }
    failures
}

/// Every place where a value that is not empty stands, also where they overlap.
fn find_all(text: &[u8], value: &[u8], failures: &[usize], mut found: impl FnMut(usize)) {
    let mut matched = 0;
    for (at, &byte) in text.iter().enumerate() {
        while matched > 0 && byte != value[matched] {
            matched = failures[matched - 1];
        }
        if byte == value[matched] {
            matched += 1;
        }
        if matched == value.len() {
            found(at + 1 - matched);
            matched = failures[matched - 1];
        }
    }
}

/// Where the value of the argument begins, if `text` is one of that name.
fn argument(text: &[u8], name: &[u8]) -> Option<usize> {
    let head = text.get(..name.len())?;
    let rest = text.get(name.len()..)?;
    let equals: [&[u8]; 3] = [b"=", b"%3d", b"%253d"];
    let equals = equals.into_iter().find(|equals| {
        rest.get(..equals.len())
            .is_some_and(|given| given.eq_ignore_ascii_case(equals))
    })?;
    head.eq_ignore_ascii_case(name)
        .then_some(name.len() + equals.len())
}

/// How long the value of an argument is.
fn value_len(text: &[u8]) -> usize {
    let ends = |at: usize| {
        let escaped = |code: &[u8]| {
            text[at..]
                .get(..code.len())
                .is_some_and(|given| given.eq_ignore_ascii_case(code))
        };
        matches!(text[at], b'&' | b' ' | b'"' | b'#') || escaped(b"%26") || escaped(b"%2526")
    };
    (0..text.len()).find(|&at| ends(at)).unwrap_or(text.len())
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(value: &'static str, text: &str) -> String {
        let mut secrets = Secrets::default();
        secrets.hide(Bytes::from_static(value.as_bytes()));
        String::from_utf8(secrets.mask(text.as_bytes()).into_owned()).expect("text")
    }

    #[test]
    fn a_request_without_secrets_is_shown_as_it_is() {
        let text = b"GET /?token=abc HTTP/1.1";
        assert!(matches!(Secrets::default().mask(text), Cow::Borrowed(_)));
    }

    #[test]
    fn arguments_are_masked_also_inside_other_arguments() {
        let cases = [
            (
                "GET /ws?token=s3cret HTTP/1.1",
                "GET /ws?token=*** HTTP/1.1",
            ),
            ("/ws?a=1&Token=s3cret&b=2", "/ws?a=1&Token=***&b=2"),
            (
                "/?path=websockify%3Ftoken%3Ds3cret",
                "/?path=websockify%3Ftoken%3D***",
            ),
            (
                "/?path=a%3ftoken%3ds3%26b%3D1&c",
                "/?path=a%3ftoken%3d***%26b%3D1&c",
            ),
            ("/?path=%253Ftoken%253Ds3cret", "/?path=%253Ftoken%253D***"),
            ("/?password=pw&x", "/?password=***&x"),
            ("token=first-twelve-chars", "token=firs***"),
        ];
        for (text, shown) in cases {
            assert_eq!(mask("", text), shown);
        }
    }

    #[test]
    fn a_value_is_masked_however_it_is_spelled() {
        assert_eq!(
            mask("s3cret!", "GET /vm/s3cret!/ HTTP/1.1"),
            "GET /vm/***/ HTTP/1.1"
        );
        assert_eq!(
            mask("s3cret!", "GET /vm/s3%63ret%21?a HTTP/1.1"),
            "GET /vm/***?a HTTP/1.1"
        );
        assert_eq!(mask("s3cret!", "\"s3cret!\" s3cret!"), "\"***\" ***");
    }

    #[test]
    fn what_only_a_part_of_an_argument_shows_is_masked_whole() {
        assert_eq!(
            mask("s3&cret!", "/?token=s3%26cret!&a=1"),
            "/?token=***&a=1"
        );
        assert_eq!(mask("a/a/a/b", "/x/a/a/a/a/b/c"), "/x/a/***/c");
        assert_eq!(mask("%41%42%43", "/%41%42%43/ABC"), "/***/ABC");
    }

    #[test]
    fn machines_may_be_called_what_tokens_are_called() {
        let mut secrets = Secrets::default();
        secrets.hide(Bytes::from_static(b"laboratory"));
        let text = b"session to laboratory:5900 by unix:/run/laboratory failed";
        let shown = secrets.mask_uris(text).into_owned();
        let expected = "session to laboratory:5900 by unix:/run/*** failed";
        assert_eq!(String::from_utf8_lossy(&shown), expected);
    }

    /// Each place looks like the value's beginning.
    #[test]
    fn long_values_cost_as_much_as_they_are_long() {
        let value = "a/".repeat(64 << 10) + "b";
        let text = "/a".repeat(128 << 10) + "/%62/a";
        let mut secrets = Secrets::default();
        secrets.hide(Bytes::from(value));
        let begin = std::time::Instant::now();
        for _ in 0..4 {
            assert!(secrets.mask(text.as_bytes()).ends_with(b"***/a"));
        }
        let took = begin.elapsed();
        assert!(took < std::time::Duration::from_secs(10), "{took:?}");
    }

    #[test]
    fn words_that_only_look_alike_stay() {
        assert_eq!(
            mask("101", "GET /101/ HTTP/1.1\" 101 1010"),
            "GET /***/ HTTP/1.1\" 101 1010"
        );
        assert_eq!(mask("vm", "/vms/vm-1?broken=1"), "/vms/***-1?broken=1");
        assert_eq!(mask("", "/?mytoken=1&tokens=2"), "/?mytoken=1&tokens=2");
    }
}
