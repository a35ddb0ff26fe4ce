//! What logs must not show of a request: the tokens and passwords in a desktop's links.

use std::borrow::Cow;

use bytes::Bytes;

/// Secrets that a request carries.
#[derive(Debug, Default)]
pub struct Secrets {
    /// Whether arguments that commonly hold secrets do so here.
    arguments: bool,
    /// A secret wherever it stands.
    value: Bytes,
    /// More of them, of requests that have some.
    more: Option<Box<More>>,
}

/// In a box of its own, since few requests have any.
#[derive(Debug, Default)]
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

    /// The text as a log may show it.
    pub fn mask<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out: Vec<u8> = Vec::new();
        let mut copied = 0;
        let mut at = 0;
        while at < text.len() {
            let (prefix, len) = self.secret_at(text, at);
            if len == 0 {
                at += 1;
                continue;
            }
            let start = at + prefix;
            out.extend_from_slice(&text[copied..start]);
            out.extend_from_slice(masked(&text[start..start + len]).as_bytes());
            at = start + len;
            copied = at;
        }
        match copied {
            0 => Cow::Borrowed(text),
            _ => {
                out.extend_from_slice(&text[copied..]);
                Cow::Owned(out)
            }
        }
    }

    /// The secret that begins at `at` behind so many bytes of a name, and its length; 0 is none.
    fn secret_at(&self, text: &[u8], at: usize) -> (usize, usize) {
        let rest = &text[at..];
        let (word_starts, in_uri) = match at.checked_sub(1).map(|before| text[before]) {
            None => (true, false),
            Some(b'=' | b'/' | b'?' | b'&') => (true, true),
            Some(b' ' | b'"') => (true, false),
            // What is behind `%3D` and its like begins anew.
            Some(before) => (before.is_ascii_hexdigit() && is_escape(text, at), true),
        };
        if !word_starts {
            return (0, 0);
        }
        for name in ARGUMENTS.iter().filter(|_| self.arguments) {
            if let Some(value) = argument(rest, name) {
                return (value, value_len(&rest[value..]));
            }
        }
        let found = self.values().map(|value| value_at(rest, value, in_uri));
        (0, found.max().unwrap_or(0))
    }
}

/// How many bytes at the beginning of a text are this value; 0 if it is another word.
fn value_at(text: &[u8], value: &[u8], in_uri: bool) -> usize {
    let len = spelled(text, value);
    let is_word = (in_uri || value.len() >= TELLTALE_LEN_MIN)
        && text
            .get(len)
            .is_none_or(|byte| !byte.is_ascii_alphanumeric());
    if is_word { len } else { 0 }
}

/// The first characters of a secret that is long enough, as everywhere else.
fn masked(secret: &[u8]) -> String {
    vnc::mask_token(&String::from_utf8_lossy(secret))
}

/// Whether an escape, such as `%3F` or `%253F`, ends before `at`.
fn is_escape(text: &[u8], at: usize) -> bool {
    at.checked_sub(3).is_some_and(|start| text[start] == b'%')
        || at
            .checked_sub(5)
            .is_some_and(|start| text[start..].starts_with(b"%25"))
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

/// How many bytes of `text` spell `value`, escaped or not; 0 if they do not.
fn spelled(text: &[u8], value: &[u8]) -> usize {
    let mut at = 0;
    for &wanted in value {
        match text.get(at..) {
            Some([first, ..]) if *first == wanted => at += 1,
            Some([b'%', high, low, ..]) if hex(*high, *low) == Some(wanted) => at += 3,
            _ => return 0,
        }
    }
    at
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
    fn words_that_only_look_alike_stay() {
        assert_eq!(
            mask("101", "GET /101/ HTTP/1.1\" 101 1010"),
            "GET /***/ HTTP/1.1\" 101 1010"
        );
        assert_eq!(mask("vm", "/vms/vm-1?broken=1"), "/vms/***-1?broken=1");
        assert_eq!(mask("", "/?mytoken=1&tokens=2"), "/?mytoken=1&tokens=2");
    }
}
