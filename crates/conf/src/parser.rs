//! From text to a tree of directives, `include` expanded (`ngx_conf_parse`).
//!
//! nginx's grammar is the same in every block, also in those whose entries are not directives
//! (`map`, `types`): an entry is words, then `;` or a block.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::lexer::{Lexer, Token};
use crate::{Bundle, Diagnostic, Text};

/// Where something stands: a file of the tree, a line and a range of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Index into [`Sources`].
    pub file: u32,
    /// Counted from 1.
    pub line: u32,
    /// First byte, `start <= end`.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

/// One word of a directive, unquoted and unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What it says.
    pub text: Text,
    /// Where it stands.
    pub span: Span,
}

impl Word {
    /// The text as UTF-8, invalid bytes replaced: for messages.
    pub fn display(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

/// A directive with its arguments and, if it has one, its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its first word.
    pub name: Word,
    /// The other words.
    pub args: Box<[Word]>,
    /// What stands between its braces.
    pub block: Option<Box<[Item]>>,
}

impl Item {
    /// The name as text.
    pub fn name(&self) -> &str {
        std::str::from_utf8(&self.name.text).unwrap_or_default()
    }

    /// Where it begins.
    pub fn span(&self) -> Span {
        self.name.span
    }

    /// The entries of the block; none if there is no block.
    pub fn entries(&self) -> &[Item] {
        self.block.as_deref().unwrap_or_default()
    }
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its path as messages and `-T` show it.
    pub path: PathBuf,
    /// Its text.
    pub text: Arc<[u8]>,
}

/// The files of a tree, in the order in which they were first read.
pub type Sources = Vec<Source>;

/// What [`parse`] gives: as much of a tree as could be read, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Tree {
    /// The top-level directives.
    pub items: Vec<Item>,
    /// Every file read.
    pub sources: Sources,
    /// All errors, in the order of the text.
    pub errors: Vec<Diagnostic>,
}

/// How deep blocks and includes may nest; a bound, so that a configuration that includes itself
/// is an error and not an overflow.
const DEPTH_MAX: usize = 64;

/// The name that stands for the text of `-g`.
pub const COMMAND_LINE: &str = "command line";

/// Parses the bundle's main file, and the `-g` text before it.
pub fn parse(bundle: &Bundle) -> Tree {
    let mut parser = Parser {
        bundle,
        tree: Tree::default(),
        files: HashMap::new(),
    };
    if let Some(globals) = &bundle.globals {
        let text: Arc<[u8]> = globals.as_bytes().into();
        let items = parser.text(Path::new(COMMAND_LINE), &text, 0);
        parser.tree.items.extend(items);
    }
    let items = parser.file(&bundle.conf_file.clone(), None, 0);
    parser.tree.items.extend(items);
    parser.tree
}

struct Parser<'a> {
    bundle: &'a Bundle,
    tree: Tree,
    /// Where each file is in the tree's sources.
    files: HashMap<PathBuf, u32>,
}

/// How a block ended.
enum End {
    Brace,
    File,
}

impl Parser<'_> {
    fn file(&mut self, path: &Path, included: Option<Span>, depth: usize) -> Vec<Item> {
        match self.bundle.read(path) {
            Ok(text) => self.text(path, &text, depth),
            Err(error) => {
                let message = format!("open() \"{}\" failed ({error})", path.display());
                self.tree
                    .errors
                    .push(Diagnostic::emerg(message).maybe_at(included));
                Vec::new()
            }
        }
    }

    fn text(&mut self, path: &Path, text: &Arc<[u8]>, depth: usize) -> Vec<Item> {
        let file = self.files.get(path).copied().unwrap_or_else(|| {
            let file = self.tree.sources.len() as u32;
            self.files.insert(path.to_owned(), file);
            self.tree.sources.push(Source {
                path: path.to_owned(),
                text: text.clone(),
            });
            file
        });
        let mut lexer = Lexer::new(text, file);
        let mut items = Vec::new();
        // A stray "}" is reported and skipped, so that errors behind it are found too.
        while let End::Brace = self.block(&mut lexer, &mut items, depth, true) {}
        items
    }

    fn block(
        &mut self,
        lexer: &mut Lexer<'_>,
        items: &mut Vec<Item>,
        depth: usize,
        top: bool,
    ) -> End {
        let mut words: Vec<Word> = Vec::new();
        loop {
            let token = match lexer.next() {
                Ok(next) => next,
                Err(error) => {
                    self.tree.errors.push(error);
                    return End::File;
                }
            };
            match token {
                Token::Word(word) => words.push(word),
                Token::Semicolon => match take_item(&mut words) {
                    Some(item) => self.simple(item, items, depth),
                    None => self.unexpected(";", lexer.span()),
                },
                Token::Open => match take_item(&mut words) {
                    Some(item) if depth < DEPTH_MAX => {
                        let mut entries = Vec::with_capacity(lexer.entries_ahead());
                        let end = self.block(lexer, &mut entries, depth + 1, false);
                        let block = Some(entries.into());
                        items.push(Item { block, ..item });
                        if let End::File = end {
                            return End::File;
                        }
                    }
                    Some(item) => {
                        let message = format!("blocks nest deeper than {DEPTH_MAX}");
                        self.tree
                            .errors
                            .push(Diagnostic::emerg(message).at(item.span()));
                        return End::File;
                    }
                    None => self.unexpected("{", lexer.span()),
                },
                Token::Close => {
                    if !words.is_empty() || top {
                        self.unexpected("}", lexer.span());
                    }
                    return End::Brace;
                }
                Token::End => {
                    self.end_of_file(&words, top, lexer.span());
                    return End::File;
                }
            }
        }
    }

    fn end_of_file(&mut self, words: &[Word], top: bool, span: Span) {
        let message = match (words.is_empty(), top) {
            (true, true) => return,
            (true, false) => "unexpected end of file, expecting \"}\"",
            (false, _) => "unexpected end of file, expecting \";\" or \"}\"",
        };
        self.tree.errors.push(Diagnostic::emerg(message).at(span));
    }

    fn unexpected(&mut self, what: &str, span: Span) {
        self.tree
            .errors
            .push(Diagnostic::emerg(format!("unexpected \"{what}\"")).at(span));
    }

    fn simple(&mut self, item: Item, items: &mut Vec<Item>, depth: usize) {
        match (&item.name.text[..], &item.args[..]) {
            (b"include", [pattern]) => self.include(pattern, items, depth),
            _ => items.push(item),
        }
    }

    fn include(&mut self, pattern: &Word, items: &mut Vec<Item>, depth: usize) {
        if depth >= DEPTH_MAX {
            let message = format!("\"include\" nests deeper than {DEPTH_MAX} files");
            self.tree
                .errors
                .push(Diagnostic::emerg(message).at(pattern.span));
            return;
        }
        let path = self.bundle.conf_path(&pattern.text);
        if !pattern.text.iter().any(|byte| b"*?[".contains(byte)) {
            items.extend(self.file(&path, Some(pattern.span), depth + 1));
            return;
        }
        for path in self.bundle.glob(&path) {
            items.extend(self.file(&path, Some(pattern.span), depth + 1));
        }
    }
}

fn take_item(words: &mut Vec<Word>) -> Option<Item> {
    let args = words.split_off(words.len().min(1));
    Some(Item {
        name: words.pop()?,
        args: args.into(),
        block: None,
    })
}

#[cfg(test)]
mod tests;
