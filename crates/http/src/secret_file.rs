//! Files that hold secrets and that the configuration names: passwords, credentials, keys of
//! cookies. nginx's own directives of keys and passphrases read theirs as nginx does, whatever
//! their mode.

use std::sync::Arc;

use conf::{Diagnostic, Item, Span};

use crate::module::Cx;

/// Bits of a file's mode that let everybody read or replace it.
const OPEN_TO_ALL: u32 = 0o006;

/// A file that only those may read who should.
#[derive(Debug)]
pub struct SecretFile {
    /// What is in it; nothing before the loader has it.
    pub text: Arc<[u8]>,
    shown: String,
    span: Span,
}

/// What such a file is.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// What messages call it.
    pub what: &'static str,
    /// More than anybody writes into one.
    pub len_max: usize,
}

impl SecretFile {
    /// Reads the file that an argument names, relative to the folder of the configuration.
    /// Refused if everybody may read or replace it.
    pub fn open(item: &Item, index: usize, cx: &Cx<'_>, kind: Kind) -> Result<Self, Diagnostic> {
        let word = item.arg(index)?;
        Self::open_named(item, (&word.text, word.span), cx, kind)
    }

    /// The same for a file that a part of an argument names.
    pub fn open_named(
        item: &Item,
        (name, span): (&[u8], Span),
        cx: &Cx<'_>,
        kind: Kind,
    ) -> Result<Self, Diagnostic> {
        let path = cx.bundle.conf_path(name);
        let shown = path.display().to_string();
        let file = cx.bundle.file(&path).map_err(|failure| {
            item.error(format!("open() \"{shown}\" failed ({failure})"))
                .at(span)
        })?;
        let secret = Self {
            text: file.text,
            shown,
            span,
        };
        let what = kind.what;
        if file.mode & OPEN_TO_ALL != 0 {
            let mode = file.mode & 0o777;
            let why = format!(
                "the {what} is open to everybody (mode {mode:03o}); take the rights of others away"
            );
            let remedy = format!("chmod o= {}", secret.shown);
            return Err(secret.wrong(item, why).help(remedy));
        }
        if secret.text.len() > kind.len_max {
            return Err(secret.wrong(item, format!("the {what} is too long")));
        }
        Ok(secret)
    }

    /// An error about what is in it.
    pub fn wrong(&self, item: &Item, why: impl std::fmt::Display) -> Diagnostic {
        item.error(format!("\"{}\": {why}", self.shown))
            .at(self.span)
    }

    /// The file's name as commands take it, for remedies.
    pub fn shown(&self) -> &str {
        &self.shown
    }
}
