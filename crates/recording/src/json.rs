//! JSON, as much of it as sidecars are: one object of texts, numbers, truths and nulls.

use std::fmt::{Display, Write as _};

/// Writes one object, field by field.
#[derive(Debug)]
pub struct Object {
    out: String,
}

impl Object {
    /// Begins it.
    pub fn begin() -> Self {
        Self {
            out: String::from("{"),
        }
    }

    /// A text.
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        write_text(value, &mut self.out);
        self
    }

    /// A text, or null.
    pub fn text_or_null(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self.plain(name, "null"),
        }
    }

    /// What needs no quotes: a number, `true`, `false`, `null`, or JSON that is complete.
    pub fn plain(mut self, name: &str, value: impl Display) -> Self {
        self.name(name);
        // Writing to a string cannot fail.
        let _ = write!(self.out, "{value}");
        self
    }

    /// Ends it.
    pub fn end(mut self) -> String {
        self.out.push('}');
        self.out
    }

    fn name(&mut self, name: &str) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        write_text(name, &mut self.out);
        self.out.push(':');
    }
}

/// A string literal that is also safe inside HTML.
fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0'..='\x1f' | '\x7f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out.push('"');
}

/// A value of a flat object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number that is not negative.
    Number(u64),
    /// `true` or `false`.
    Truth(bool),
    /// `null`.
    Null,
}

/// Reads an object without anything nested; `None` for whatever else.
pub fn parse(text: &str) -> Option<Vec<(String, Value)>> {
    let mut rest = Rest(text.trim());
    let mut fields = Vec::new();
    rest.take('{')?;
    if rest.take('}').is_none() {
        loop {
            let name = rest.text()?;
            rest.take(':')?;
            fields.push((name, rest.value()?));
            if rest.take(',').is_none() {
                break;
            }
        }
        rest.take('}')?;
    }
    rest.0.is_empty().then_some(fields)
}

struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// Takes one sign, and the white space around it.
    fn take(&mut self, sign: char) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(sign)?.trim_start();
        Some(())
    }

    fn value(&mut self) -> Option<Value> {
        for (word, value) in [
            ("true", Value::Truth(true)),
            ("false", Value::Truth(false)),
            ("null", Value::Null),
        ] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Some(value);
            }
        }
        if self.0.starts_with('"') {
            return self.text().map(Value::Text);
        }
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        number.parse().ok().map(Value::Number)
    }

    fn text(&mut self) -> Option<String> {
        let mut chars = self.0.strip_prefix('"')?.chars();
        let mut text = String::new();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => text.push(unescape(&mut chars)?),
                '\0'..='\x1f' => return None,
                char => text.push(char),
            }
        }
        self.0 = chars.as_str();
        Some(text)
    }
}

fn unescape(chars: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\x08',
        'f' => '\x0c',
        'u' => {
            let digits = chars.as_str().get(..4)?;
            *chars = chars.as_str().get(4..)?.chars();
            // Halves of pairs are not written here.
            char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
        }
        char @ ('"' | '\\' | '/') => char,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_back_whatever_its_texts_hold() {
        let strange = "\"\\\n</script>\u{2028}é\u{7f}";
        let text = Object::begin()
            .text("a", strange)
            .text_or_null("b", None)
            .plain("c", 18_446_744_073_709_551_615_u64)
            .plain("d", true)
            .end();
        assert!(text.is_ascii() || text.contains('é'));
        let fields = parse(&text).unwrap();
        let expected = [
            ("a", Value::Text(strange.to_owned())),
            ("b", Value::Null),
            ("c", Value::Number(u64::MAX)),
            ("d", Value::Truth(true)),
        ];
        assert_eq!(fields, expected.map(|(name, value)| (name.into(), value)));
        assert_eq!(parse(" { } "), Some(Vec::new()));
        assert_eq!(
            parse("{ \"a\" : 1 , \"b\":\"\\u00e9\\/\" }").unwrap()[1].1,
            Value::Text("é/".into())
        );
    }

    #[test]
    fn what_is_no_flat_object_is_refused() {
        for bad in [
            "",
            "{",
            "[]",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":{}}",
            "{\"a\":-1}",
            "{\"a\":1.5}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":99999999999999999999}",
            "{\"a\":1} x",
            "{\"a\":\"\n\"}",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
