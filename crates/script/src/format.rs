//! `log_format`: a line with variables, each value escaped (`ngx_http_log_module`).

use crate::template::{Part, Template};
use crate::variables::{Context, Names};

/// How values are made safe for a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Escape {
    /// `"`, `\`, control and non-ASCII bytes as `\xXX`; an empty or missing value is `-`.
    #[default]
    Default,
    /// As inside a JSON string; a missing value is empty.
    Json,
    /// As they are.
    None,
}

/// A compiled log format.
#[derive(Debug, Clone, Default)]
pub struct Format {
    template: Template,
    escape: Escape,
}

impl Format {
    /// Compiles the text of a format.
    pub fn compile<C: ?Sized>(
        text: &[u8],
        escape: Escape,
        names: &mut Names<C>,
    ) -> Result<Self, String> {
        Ok(Self {
            template: Template::compile(text, names)?,
            escape,
        })
    }

    /// Appends one line, without its end.
    pub fn append<C: Context + ?Sized>(&self, cx: &C, out: &mut Vec<u8>) {
        let mut value = Vec::new();
        for part in self.template.parts() {
            value.clear();
            match part {
                Part::Text(text) => {
                    out.extend_from_slice(text);
                    continue;
                }
                Part::Variable(id) => {
                    if !cx.variable(*id, &mut value) {
                        value.clear();
                        if self.escape == Escape::Default {
                            out.push(b'-');
                        }
                        continue;
                    }
                }
                Part::Capture(index) => cx.capture(*index, &mut value),
            }
            self.escape.append(&value, out);
        }
    }
}

impl Escape {
    /// Appends a value that was found.
    pub fn append(self, value: &[u8], out: &mut Vec<u8>) {
        match self {
            Escape::None => out.extend_from_slice(value),
            Escape::Default => value.iter().for_each(|&byte| match byte {
                b'"' | b'\\' | ..=0x1f | 0x7f.. => {
                    out.extend_from_slice(format!("\\x{byte:02X}").as_bytes());
                }
                _ => out.push(byte),
            }),
            Escape::Json => value.iter().for_each(|&byte| match byte {
                b'"' | b'\\' => out.extend([b'\\', byte]),
                b'\n' => out.extend(b"\\n"),
                b'\r' => out.extend(b"\\r"),
                b'\t' => out.extend(b"\\t"),
                0x08 => out.extend(b"\\b"),
                0x0c => out.extend(b"\\f"),
                ..=0x1f => out.extend_from_slice(format!("\\u{byte:04X}").as_bytes()),
                _ => out.push(byte),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_break_out_of_a_line() {
        let shown = |escape: Escape, value: &[u8]| {
            let mut out = Vec::new();
            escape.append(value, &mut out);
            String::from_utf8(out).expect("text")
        };
        assert_eq!(
            shown(Escape::Default, b"a\"b\\c\x1b\xff\n"),
            "a\\x22b\\x5Cc\\x1B\\xFF\\x0A"
        );
        assert_eq!(shown(Escape::Json, b"a\"b\\\n\x1b"), "a\\\"b\\\\\\n\\u001B");
        assert_eq!(shown(Escape::None, b"a\"b"), "a\"b");
    }
}
