//! `log_format`: a line with variables, each value escaped (`ngx_http_log_module`).

use crate::template::{Part, Template};
use crate::variables::{Context, Names, VarId};

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
        for part in self.template.parts() {
            self.append_part(part, cx, out);
        }
    }

    /// Gives each part of a line by itself, and which variable it is, if it is one.
    pub fn append_parts<C: Context + ?Sized>(
        &self,
        cx: &C,
        mut take: impl FnMut(Option<VarId>, Vec<u8>),
    ) {
        for part in self.template.parts() {
            let id = match part {
                Part::Variable(id) => Some(*id),
                _ => None,
            };
            let mut text = Vec::new();
            self.append_part(part, cx, &mut text);
            take(id, text);
        }
    }

    fn append_part<C: Context + ?Sized>(&self, part: &Part, cx: &C, out: &mut Vec<u8>) {
        let from = out.len();
        let found = match part {
            Part::Text(text) => return out.extend_from_slice(text),
            Part::Variable(id) => cx.variable(*id, out),
            Part::Capture(index) => {
                cx.capture(*index, out);
                true
            }
        };
        if !found {
            out.truncate(from);
            if self.escape == Escape::Default {
                out.push(b'-');
            }
        } else if self.escape.changes(&out[from..]) {
            let value = out.split_off(from);
            self.escape.append(&value, out);
        }
    }
}

impl Escape {
    /// Whether a value would be changed: most are not, and stay where they are.
    fn changes(self, value: &[u8]) -> bool {
        self != Escape::None
            && value
                .iter()
                .any(|&byte| matches!(byte, b'"' | b'\\' | ..=0x1f | 0x7f..))
    }

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
