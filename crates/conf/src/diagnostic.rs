//! What is wrong with a configuration, in nginx's one-line form and, on a terminal, in full.

use std::fmt::Write as _;
use std::path::Path;

use crate::parser::{COMMAND_LINE, Sources, Span};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Emerg,
    /// It can, but something deserves attention.
    Warn,
    /// It can, and something is not as with nginx: told when a configuration is tested.
    Notice,
}

/// One message about a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// One line, in nginx's words where nginx has them.
    pub message: String,
    /// Where, if it is about a place.
    pub span: Option<Span>,
    /// What to do about it.
    pub help: Option<String>,
}

/// Several of them.
pub type Diagnostics = Vec<Diagnostic>;

impl Diagnostic {
    /// An error.
    pub fn emerg(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Emerg,
            message: message.into(),
            span: None,
            help: None,
        }
    }

    /// A warning.
    pub fn warn(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warn,
            ..Self::emerg(message)
        }
    }

    /// Something that is not as with nginx.
    pub fn notice(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Notice,
            ..Self::emerg(message)
        }
    }

    /// The same, about a place.
    pub fn at(self, span: Span) -> Self {
        self.maybe_at(Some(span))
    }

    /// The same, about a place if there is one.
    pub fn maybe_at(self, span: Option<Span>) -> Self {
        Self { span, ..self }
    }

    /// The same, with what to do about it.
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// `message in FILE:LINE`, as nginx logs it.
    pub fn line(&self, sources: &Sources) -> String {
        let mut line = self.message.clone();
        if let Some((path, span)) = self.place(sources) {
            // Writing to a String cannot fail.
            let _ = match path == Path::new(COMMAND_LINE) {
                true => write!(line, " in {COMMAND_LINE}"),
                false => write!(line, " in {}:{}", path.display(), span.line),
            };
        }
        line
    }

    /// `[emerg] message in FILE:LINE`.
    pub fn one_line(&self, sources: &Sources) -> String {
        let level = match self.severity {
            Severity::Emerg => "emerg",
            Severity::Warn => "warn",
            Severity::Notice => "notice",
        };
        format!("[{level}] {}", self.line(sources))
    }

    /// The line of the file with a caret below, and the help; several lines, each ended.
    pub fn snippet(&self, sources: &Sources) -> String {
        let mut out = String::new();
        if let Some((_, span)) = self.place(sources) {
            let text = &sources[span.file as usize].text;
            let start = (span.start as usize).min(text.len());
            let begin = text[..start]
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |at| at + 1);
            let end = text[begin..].iter().position(|&byte| byte == b'\n');
            let line = &text[begin..end.map_or(text.len(), |end| begin + end)];
            let shown = String::from_utf8_lossy(line).trim_end().replace('\t', " ");
            let column = String::from_utf8_lossy(&text[begin..start]).chars().count();
            let stop = (span.end as usize).clamp(start, begin + line.len());
            let width = String::from_utf8_lossy(&text[start..stop])
                .chars()
                .count()
                .max(1);
            let number = span.line.to_string();
            let gutter = " ".repeat(number.len());
            let _ = writeln!(out, "  {number} | {shown}");
            let _ = writeln!(
                out,
                "  {gutter} | {}{}",
                " ".repeat(column),
                "^".repeat(width)
            );
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "  help: {help}");
        }
        out
    }

    fn place<'a>(&self, sources: &'a Sources) -> Option<(&'a Path, Span)> {
        let span = self.span?;
        sources
            .get(span.file as usize)
            .map(|source| (source.path.as_path(), span))
    }
}

/// The name among `names` that a typing error may have turned into `wrong`.
pub fn closest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wrong.len() / 4).clamp(1, 3);
    names
        .into_iter()
        .filter(|name| name.len().abs_diff(wrong.len()) <= limit)
        .map(|name| (edit_distance(wrong.as_bytes(), name.as_bytes()), name))
        .filter(|&(distance, _)| distance <= limit)
        .min()
        .map(|(_, name)| name)
}

fn edit_distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_the_name_that_was_meant() {
        let names = ["proxy_pass", "proxy_method", "root"];
        assert_eq!(closest("prox_pass", names), Some("proxy_pass"));
        assert_eq!(closest("proxypass", names), Some("proxy_pass"));
        assert_eq!(closest("rot", names), Some("root"));
        assert_eq!(closest("something_else", names), None);
    }
}
