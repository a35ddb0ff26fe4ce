//! The table that a module's directives stand in: one entry says everything about a directive.

use std::fmt;
use std::ops::BitOr;
use std::time::Duration;

use crate::diagnostic::closest;
use crate::{Diagnostic, Item, Word, value};

/// A set of contexts (`http`, `server`, `location` …), one bit each; each protocol names its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contexts(pub u32);

impl Contexts {
    /// Whether the two have a context in common.
    pub const fn meets(self, other: Contexts) -> bool {
        self.0 & other.0 != 0
    }

    /// The union, in a constant.
    pub const fn or(self, other: Contexts) -> Contexts {
        Contexts(self.0 | other.0)
    }
}

impl BitOr for Contexts {
    type Output = Contexts;

    fn bitor(self, other: Contexts) -> Contexts {
        self.or(other)
    }
}

/// How many arguments a directive takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// Just so many.
    Exactly(usize),
    /// So many or more.
    AtLeast(usize),
    /// From the first to the second.
    Between(usize, usize),
    /// One, `on` or `off`.
    Flag,
}

impl Arity {
    fn takes(self, count: usize) -> bool {
        match self {
            Arity::Exactly(n) => count == n,
            Arity::AtLeast(n) => count >= n,
            Arity::Between(low, high) => (low..=high).contains(&count),
            Arity::Flag => count == 1,
        }
    }
}

/// Whether a directive has a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// Never: it ends with a semicolon.
    None,
    /// Always.
    Always,
    /// Where there is more to say.
    Optional,
}

/// Whether a directive does something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// As nginx, or better.
    Full,
    /// It works, and not quite as in nginx; how.
    Different(&'static str),
    /// Tuning that has no meaning here; the reason.
    Inert(&'static str),
    /// Known by name only, and an error; the reason.
    Unsupported(&'static str),
}

/// What the reference says of a directive.
#[derive(Debug, Clone, Copy)]
pub struct Doc {
    /// Its form: `root path;`.
    pub syntax: &'static str,
    /// What holds when it is not given; empty if there is no default.
    pub default: &'static str,
    /// What it does, in one or two sentences.
    pub text: &'static str,
}

/// A directive: everything about it in one place. `S` is how the protocol's setters look.
#[derive(Clone, Copy)]
pub struct Directive<S: 'static> {
    /// Its name.
    pub name: &'static str,
    /// Where it may stand.
    pub contexts: Contexts,
    /// Its number of arguments.
    pub arity: Arity,
    /// Whether it has a block.
    pub block: Block,
    /// What it does to the draft of its level.
    pub set: S,
    /// Whether it does something here.
    pub support: Support,
    /// Its entry in the reference.
    pub doc: Doc,
}

impl<S> Directive<S> {
    /// A directive without a block that works as nginx's.
    pub const fn new(
        name: &'static str,
        contexts: Contexts,
        arity: Arity,
        set: S,
        doc: Doc,
    ) -> Self {
        Self {
            name,
            contexts,
            arity,
            block: Block::None,
            set,
            support: Support::Full,
            doc,
        }
    }

    /// The same with a block.
    pub const fn block(
        name: &'static str,
        contexts: Contexts,
        arity: Arity,
        set: S,
        doc: Doc,
    ) -> Self {
        Self {
            name,
            contexts,
            arity,
            block: Block::Always,
            set,
            support: Support::Full,
            doc,
        }
    }

    /// One that is checked for form and otherwise has no meaning here, and why.
    pub const fn inert(
        name: &'static str,
        contexts: Contexts,
        arity: Arity,
        set: S,
        doc: Doc,
        reason: &'static str,
    ) -> Self {
        Self {
            name,
            contexts,
            arity,
            block: Block::None,
            set,
            support: Support::Inert(reason),
            doc,
        }
    }
}

impl<S> Directive<S> {
    /// The same, which may have a block.
    pub const fn or_block(mut self) -> Self {
        self.block = Block::Optional;
        self
    }

    /// The same, which works and not quite as in nginx.
    pub const fn differs(mut self, how: &'static str) -> Self {
        self.support = Support::Different(how);
        self
    }

    /// The same, which is known by name only.
    pub const fn unsupported(mut self, reason: &'static str) -> Self {
        self.support = Support::Unsupported(reason);
        self
    }

    /// What somebody who comes from nginx should know of it; `item` is where it stands.
    pub fn notice(&self, item: &Item) -> Option<Diagnostic> {
        let name = self.name;
        let message = match self.support {
            Support::Full | Support::Unsupported(_) => return None,
            Support::Different(how) => format!("\"{name}\" differs from nginx: {how}"),
            Support::Inert(reason) => format!("\"{name}\" has no effect: {reason}"),
        };
        Some(Diagnostic::notice(message).at(item.span()))
    }
}

impl<S> fmt::Debug for Directive<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directive")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Finds the directive that `item` names in a table, and checks its context and form.
pub fn find<'t, S>(
    table: impl Iterator<Item = &'t Directive<S>> + Clone,
    item: &Item,
    context: Contexts,
) -> Result<&'t Directive<S>, Diagnostic> {
    let name = item.name();
    let mut known = table.clone().filter(|entry| entry.name == name).peekable();
    if known.peek().is_none() {
        let wrong = Diagnostic::emerg(format!("unknown directive \"{}\"", item.name.display()));
        let here = table.clone().filter(|entry| entry.contexts.meets(context));
        let meant = closest(name, here.map(|entry| entry.name));
        let elsewhere = || closest(name, table.map(|entry| entry.name));
        return Err(match (meant, meant.is_none().then(elsewhere).flatten()) {
            (Some(meant), _) => wrong.help(format!("did you mean \"{meant}\"?")),
            (None, Some(meant)) => wrong.help(format!(
                "did you mean \"{meant}\"? It belongs in another block"
            )),
            (None, None) => wrong,
        }
        .at(item.span()));
    }
    let Some(entry) = known.find(|entry| entry.contexts.meets(context)) else {
        let message = format!("\"{name}\" directive is not allowed here");
        return Err(Diagnostic::emerg(message).at(item.span()));
    };
    if let Support::Unsupported(reason) = entry.support {
        return Err(item.error(format!("\"{name}\" is not supported: {reason}")));
    }
    check_form(entry, item)?;
    Ok(entry)
}

fn check_form<S>(entry: &Directive<S>, item: &Item) -> Result<(), Diagnostic> {
    let name = entry.name;
    let wrong = |message: String| {
        Err(Diagnostic::emerg(message)
            .at(item.span())
            .help(format!("syntax: {}", entry.doc.syntax)))
    };
    if entry.block == Block::Always && item.block.is_none() {
        return wrong(format!("directive \"{name}\" has no opening \"{{\""));
    }
    if entry.block == Block::None && item.block.is_some() {
        return wrong(format!("directive \"{name}\" is not terminated by \";\""));
    }
    if !entry.arity.takes(item.args.len()) {
        let message = format!("invalid number of arguments in \"{name}\" directive");
        return match item.lacks_semicolon() {
            Some(help) => Err(item.error(message).help(help)),
            None => wrong(message),
        };
    }
    if entry.arity == Arity::Flag && value::flag(&item.args[0].text).is_none() {
        return Err(Diagnostic::emerg(format!(
            "invalid value \"{}\" in \"{name}\" directive, it must be \"on\" or \"off\"",
            item.args[0].display()
        ))
        .at(item.args[0].span));
    }
    match entry.support {
        Support::Inert(_) => check_values(entry, item),
        _ => Ok(()),
    }
}

/// Checks the numbers, sizes and times of a directive that nothing else reads, by its syntax.
fn check_values<S>(entry: &Directive<S>, item: &Item) -> Result<(), Diagnostic> {
    let words: Vec<&str> = entry.doc.syntax.trim_end_matches(';').split(' ').collect();
    let has_off = words.ends_with(&["|", "off"]);
    for (index, word) in item.args.iter().enumerate() {
        if has_off && word.text == b"off" {
            continue;
        }
        match words.get(index + 1) {
            // The sizes of hash tables have no unit.
            Some(&"size") if entry.name.contains("_hash_") => item.number(index).map(drop)?,
            Some(&"number") => item.number(index).map(drop)?,
            Some(&"size") => item.size(index).map(drop)?,
            Some(&("time" | "interval")) => item.time(index).map(drop)?,
            Some(_) => {}
            None => break,
        }
    }
    Ok(())
}

/// Typed access to the arguments, with nginx's words for what is wrong with them.
impl Item {
    /// An error about this directive.
    pub fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::emerg(message).at(self.span())
    }

    /// The argument `index`; the table's arity makes sure that it is there.
    pub fn arg(&self, index: usize) -> Result<&Word, Diagnostic> {
        self.args.get(index).ok_or_else(|| {
            self.error(format!(
                "invalid number of arguments in \"{}\" directive",
                self.name()
            ))
        })
    }

    /// An argument as text.
    pub fn text(&self, index: usize) -> Result<&str, Diagnostic> {
        let word = self.arg(index)?;
        std::str::from_utf8(&word.text).map_err(|_| self.invalid(word))
    }

    /// `invalid value "…"`, about one argument.
    pub fn invalid(&self, word: &Word) -> Diagnostic {
        self.error(format!(
            "invalid value \"{}\" in \"{}\" directive",
            word.display(),
            self.name()
        ))
        .at(word.span)
    }

    /// `invalid parameter "…"`, about one argument.
    pub fn invalid_parameter(&self, word: &Word) -> Diagnostic {
        let wrong = self.error(format!("invalid parameter \"{}\"", word.display()));
        match self.lacks_semicolon() {
            Some(help) => wrong.help(help),
            None => wrong,
        }
        .at(word.span)
    }

    /// What to say of a wrong directive that goes on in the next line: most of those were meant to
    /// end in the first.
    fn lacks_semicolon(&self) -> Option<String> {
        let words = || std::iter::once(&self.name).chain(&self.args);
        let mut pairs = words().zip(words().skip(1));
        let (last, _) = pairs.find(|(one, next)| one.span.line < next.span.line)?;
        let line = last.span.line;
        Some(format!("is a \";\" missing at the end of line {line}?"))
    }

    /// `on` or `off`.
    pub fn flag(&self) -> Result<bool, Diagnostic> {
        let word = self.arg(0)?;
        value::flag(&word.text).ok_or_else(|| self.invalid(word))
    }

    /// A whole number.
    pub fn number(&self, index: usize) -> Result<u64, Diagnostic> {
        let word = self.arg(index)?;
        value::number(&word.text).ok_or_else(|| {
            self.error(format!(
                "invalid number \"{}\" in \"{}\" directive",
                word.display(),
                self.name()
            ))
            .at(word.span)
        })
    }

    /// A size in bytes.
    pub fn size(&self, index: usize) -> Result<u64, Diagnostic> {
        self.value(index, value::size)
    }

    /// A size in bytes that may have `g`.
    pub fn offset(&self, index: usize) -> Result<u64, Diagnostic> {
        self.value(index, value::offset)
    }

    /// A time.
    pub fn time(&self, index: usize) -> Result<Duration, Diagnostic> {
        self.value(index, value::time)
    }

    fn value<T>(&self, index: usize, parse: fn(&[u8]) -> Option<T>) -> Result<T, Diagnostic> {
        let word = self.arg(index)?;
        parse(&word.text).ok_or_else(|| self.invalid(word))
    }

    /// Stores a value that may be given once.
    pub fn once<T>(&self, slot: &mut Option<T>, value: T) -> Result<(), Diagnostic> {
        if slot.is_some() {
            return Err(self.duplicate());
        }
        *slot = Some(value);
        Ok(())
    }

    /// `"x" directive is duplicate`.
    pub fn duplicate(&self) -> Diagnostic {
        self.error(format!("\"{}\" directive is duplicate", self.name()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Bundle, bundle::File, parse};

    const TABLE: &[Directive<()>] = &[Directive::new(
        "listen",
        Contexts(1),
        Arity::Exactly(1),
        (),
        Doc {
            syntax: "listen port;",
            default: "",
            text: "",
        },
    )];

    fn help(text: &str) -> Option<String> {
        let mut bundle = Bundle::default();
        let file = File {
            text: Arc::from(text.as_bytes()),
            mode: 0o644,
        };
        bundle.files.insert(bundle.conf_file.clone(), Ok(file));
        let tree = parse(&bundle);
        find(TABLE.iter(), &tree.items[0], Contexts(1))
            .unwrap_err()
            .help
    }

    #[test]
    fn the_values_of_what_has_no_effect_are_checked() {
        let refuses = |syntax: &'static str, text: &str| {
            let name = syntax.split(' ').next().unwrap_or_default();
            let doc = Doc {
                syntax,
                default: "",
                text: "",
            };
            let arity = Arity::AtLeast(1);
            let entry = Directive::inert(name, Contexts(1), arity, (), doc, "");
            let mut bundle = Bundle::default();
            let text = Arc::from(text.as_bytes());
            let file = File { text, mode: 0o644 };
            bundle.files.insert(bundle.conf_file.clone(), Ok(file));
            let tree = parse(&bundle);
            find([entry].iter(), &tree.items[0], Contexts(1)).is_err()
        };
        assert!(!refuses("a_hash_size size;", "a_hash_size 512;"));
        assert!(refuses("a_hash_size size;", "a_hash_size 1k;"));
        assert!(!refuses("a_size number size;", "a_size 4 1k;"));
        assert!(refuses("a_size number time;", "a_size 4 soon;"));
        assert!(!refuses("a_size time | off;", "a_size off;"));
        assert!(refuses("a_size time | off;", "a_size on;"));
    }

    #[test]
    fn a_directive_that_runs_into_the_next_line_is_asked_for_its_semicolon() {
        let asked = "is a \";\" missing at the end of line 1?";
        assert_eq!(help("listen 80\nserver_name a;").as_deref(), Some(asked));
        assert_eq!(
            help("listen 80 a;").as_deref(),
            Some("syntax: listen port;")
        );
    }
}
