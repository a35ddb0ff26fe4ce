//! The conditions of `if`: a value, a comparison, an expression, a file.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use conf::{Diagnostic, Item};
use net::log::Level as LogLevel;
use rustix::fs::FileType;
use script::{Captures, Context as _, Regex, Template, VarId};

use crate::module::Cx;
use crate::modules::{location, static_files};
use crate::request::Request;

/// The condition of an `if`.
#[derive(Debug, Clone)]
pub enum Condition {
    /// The value is neither empty nor `0`.
    True(Template),
    /// The values are equal, or are not.
    Equal(Template, Template, bool),
    /// The expression fits, or does not.
    Match(Template, Arc<NamedRegex>, bool),
    /// There is such a file, or there is none.
    File(Template, FileTest, bool),
}

/// An expression and the variables of its named groups.
#[derive(Debug)]
pub struct NamedRegex {
    pub(super) regex: Regex,
    pub(super) names: Vec<(VarId, usize)>,
}

/// What a file is tested for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileTest {
    /// `-f`
    File,
    /// `-d`
    Folder,
    /// `-e`
    Exists,
    /// `-x`
    Executable,
}

/// Reads the arguments of `if`.
pub fn parse(item: &Item, cx: &mut Cx<'_>) -> Result<Condition, Diagnostic> {
    let mut words: Vec<Vec<u8>> = item.args.iter().map(|word| word.text.to_vec()).collect();
    let shown = item
        .args
        .iter()
        .map(|word| word.display())
        .collect::<Vec<_>>()
        .join(" ");
    let wrong = || item.error(format!("invalid condition \"{shown}\""));
    if !words[0].starts_with(b"(") || !words.last().is_some_and(|word| word.ends_with(b")")) {
        return Err(wrong());
    }
    words[0].remove(0);
    words.last_mut().map(Vec::pop);
    words.retain({
        let last = words.len() - 1;
        let mut index = 0;
        move |word| {
            let edge = index == 0 || index == last;
            index += 1;
            !(edge && word.is_empty())
        }
    });
    match &words[..] {
        [variable] if variable.starts_with(b"$") => {
            Ok(Condition::True(variable_of(item, variable, cx)?))
        }
        [test, path] => file_condition(item, test, path, cx)?.ok_or_else(wrong),
        [variable, operator, value] if variable.starts_with(b"$") => {
            let variable = variable_of(item, variable, cx)?;
            comparison(item, variable, operator, value, cx)?.ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

/// One variable and nothing beside it: `$a="b"`, without spaces, would else be true for ever.
fn variable_of(item: &Item, word: &[u8], cx: &mut Cx<'_>) -> Result<Template, Diagnostic> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    match word.get(1..).unwrap_or_default() {
        name if name.iter().all(is_part) => cx.template_of(item, word),
        name => {
            let name = String::from_utf8_lossy(name);
            Err(item.error(format!("unknown \"{name}\" variable")))
        }
    }
}

fn file_condition(
    item: &Item,
    test: &[u8],
    path: &[u8],
    cx: &mut Cx<'_>,
) -> Result<Option<Condition>, Diagnostic> {
    let (test, wanted) = match test.strip_prefix(b"!") {
        Some(test) => (test, false),
        None => (test, true),
    };
    let test = match test {
        b"-f" => FileTest::File,
        b"-d" => FileTest::Folder,
        b"-e" => FileTest::Exists,
        b"-x" => FileTest::Executable,
        _ => return Ok(None),
    };
    Ok(Some(Condition::File(
        cx.template_of(item, path)?,
        test,
        wanted,
    )))
}

fn comparison(
    item: &Item,
    variable: Template,
    operator: &[u8],
    value: &[u8],
    cx: &mut Cx<'_>,
) -> Result<Option<Condition>, Diagnostic> {
    let (operator, wanted) = match operator.strip_prefix(b"!") {
        Some(operator) => (operator, false),
        None => (operator, true),
    };
    match operator {
        b"=" => Ok(Some(Condition::Equal(
            variable,
            cx.template_of(item, value)?,
            wanted,
        ))),
        b"~" | b"~*" => {
            let (regex, names) = location::regex(item, value, operator == b"~*", cx)?;
            let regex = Arc::new(NamedRegex { regex, names });
            Ok(Some(Condition::Match(variable, regex, wanted)))
        }
        _ => Ok(None),
    }
}

impl Condition {
    /// Whether a request fulfils it.
    pub fn holds(&self, request: &Request) -> bool {
        match self {
            Condition::True(value) => !matches!(&request.eval(value)[..], b"" | b"0"),
            Condition::Equal(a, b, wanted) => (request.eval(a) == request.eval(b)) == *wanted,
            Condition::Match(value, regex, wanted) => {
                regex.matches(request, &request.eval(value)) == *wanted
            }
            Condition::File(path, test, wanted) => {
                test.holds(request, &request.eval(path)) == *wanted
            }
        }
    }
}

impl NamedRegex {
    /// Whether it fits; its groups are kept.
    pub fn matches(&self, request: &Request, subject: &Bytes) -> bool {
        match self.regex.captures(subject) {
            Ok(Some(captures)) => {
                request.set_named(&self.names, &captures);
                request.set_captures(captures);
                true
            }
            Ok(None) => {
                // As ngx_http_script_regex_start_code: what an earlier one left is gone.
                request.set_captures(Captures::default());
                false
            }
            Err(error) => {
                let regex = self.regex.as_str();
                request.log(
                    LogLevel::Alert,
                    format_args!("matching \"{regex}\" failed: {error}"),
                );
                false
            }
        }
    }
}

impl FileTest {
    fn holds(self, request: &Request, path: &[u8]) -> bool {
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        let Ok(stat) = static_files::look_at(request, path) else {
            return false;
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        match self {
            FileTest::File => kind == FileType::RegularFile,
            FileTest::Folder => kind == FileType::Directory,
            FileTest::Exists => true,
            FileTest::Executable => stat.st_mode & 0o100 != 0,
        }
    }
}
