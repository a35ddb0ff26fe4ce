//! JSON, as much of it as is written here.

use std::fmt::{Display, Write};

/// Writes one object, field by field.
pub(crate) struct Object<'a> {
    out: &'a mut String,
    is_empty: bool,
}

impl<'a> Object<'a> {
    /// Begins it.
    pub(crate) fn begin(out: &'a mut String) -> Self {
        out.push('{');
        Self {
            out,
            is_empty: true,
        }
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        write_text(value, self.out);
        self
    }

    /// A number, `true`, `false` or `null`: what needs no quotes.
    pub(crate) fn plain(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.name(name);
        // Writing to a string cannot fail.
        let _ = write!(self.out, "{value}");
        self
    }

    /// A text, or nothing at all.
    pub(crate) fn text_if(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value);
        }
        self
    }

    /// Ends it.
    pub(crate) fn end(&mut self) {
        self.out.push('}');
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(',');
        }
        write_text(name, self.out);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_json_whatever_its_texts_hold() {
        let mut out = String::new();
        let mut object = Object::begin(&mut out);
        object
            .text("a", "\"\\\n</script>\u{2028}\u{e9}")
            .plain("b", 5)
            .text_if("c", None)
            .end();
        let expected = "{\"a\":\"\\\"\\\\\\u000a\\u003c/script\\u003e\\u2028\u{e9}\",\"b\":5}";
        assert_eq!(out, expected);
    }
}
