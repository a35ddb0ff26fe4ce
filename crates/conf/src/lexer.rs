//! Words, `;`, `{` and `}` (`ngx_conf_read_token`).

use memchr::{memchr, memchr_iter, memchr2};

use crate::parser::{Span, Word};
use crate::{Diagnostic, Text};

/// What the text is made of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Word(Word),
    Semicolon,
    Open,
    Close,
    End,
}

/// The longest word; nginx's buffer for one is as long.
const WORD_BYTES_MAX: usize = 4096;

pub(crate) struct Lexer<'a> {
    text: &'a [u8],
    file: u32,
    at: usize,
    line: u32,
    /// Where the last token began, and in which line.
    began: (usize, u32),
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a [u8], file: u32) -> Self {
        // A byte-order mark, which editors on Windows leave, says nothing.
        let at = if text.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        Self {
            text,
            file,
            at,
            line: 1,
            began: (at, 1),
        }
    }

    pub(crate) fn next(&mut self) -> Result<Token, Diagnostic> {
        self.skip_blank();
        self.began = (self.at, self.line);
        Ok(match self.peek() {
            None => Token::End,
            Some(b';') => self.single(Token::Semicolon),
            Some(b'{') => self.single(Token::Open),
            Some(b'}') => self.single(Token::Close),
            Some(quote @ (b'"' | b'\'')) => {
                let text = self.quoted(quote)?;
                let span = self.span();
                Token::Word(Word { text, span })
            }
            Some(_) => {
                let text = self.plain()?;
                let span = self.span();
                Token::Word(Word { text, span })
            }
        })
    }

    /// Where the last token is.
    pub(crate) fn span(&self) -> Span {
        let (start, line) = self.began;
        self.span_from(start, line)
    }

    /// How many entries follow that have no block, as far as can be told without reading them.
    pub(crate) fn entries_ahead(&self) -> usize {
        let rest = &self.text[self.at..];
        let end = memchr2(b'{', b'}', rest).unwrap_or(rest.len());
        memchr_iter(b';', &rest[..end]).count()
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn bump(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    fn single(&mut self, token: Token) -> Token {
        self.at += 1;
        token
    }

    fn span_from(&self, start: usize, line: u32) -> Span {
        Span {
            file: self.file,
            line,
            start: start as u32,
            end: self.at.min(self.text.len()) as u32,
        }
    }

    fn skip_blank(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' => self.bump(),
                b'#' => {
                    let rest = &self.text[self.at..];
                    self.at += memchr(b'\n', rest).unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    /// An unquoted word ends before white space, `;` or `{`, but `${` does not end it.
    fn plain(&mut self) -> Result<Text, Diagnostic> {
        let ordinary = self.ordinary();
        self.check_length(ordinary)?;
        match self.peek() {
            Some(b'\\') => self.unusual(ordinary),
            Some(b'{') if ordinary.ends_with(b"$") => self.unusual(ordinary),
            _ => Ok(ordinary.into()),
        }
    }

    /// What of an unquoted word needs no second look.
    fn ordinary(&mut self) -> &'a [u8] {
        let special = |byte: &u8| {
            let ends = matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{');
            ends || *byte == b'\\'
        };
        let rest = &self.text[self.at..];
        let length = rest.iter().position(special).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// The rest of an unquoted word that has escapes or `${` in it.
    fn unusual(&mut self, begin: &[u8]) -> Result<Text, Diagnostic> {
        let mut text = begin.to_vec();
        let mut after_dollar = text.last() == Some(&b'$');
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' => break,
                b'{' if !after_dollar => break,
                b'\\' => self.escape(&mut text),
                _ => {
                    text.push(byte);
                    self.bump();
                }
            }
            after_dollar = byte == b'$';
            self.check_length(&text)?;
        }
        Ok(text[..].into())
    }

    fn quoted(&mut self, quote: u8) -> Result<Text, Diagnostic> {
        let mut text = Vec::new();
        self.bump();
        loop {
            match self.peek() {
                None => {
                    let message = format!(
                        "unexpected end of file, expecting the closing {} of the word that \
                         starts here",
                        quote as char
                    );
                    return Err(Diagnostic::emerg(message).at(self.span()));
                }
                Some(b'\\') => self.escape(&mut text),
                Some(byte) if byte == quote => break,
                Some(byte) => {
                    text.push(byte);
                    self.bump();
                }
            }
            self.check_length(&text)?;
        }
        self.bump();
        match self.peek() {
            None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' | b')') => Ok(text[..].into()),
            Some(byte) => {
                let at = self.at;
                self.at += 1;
                let message = format!("unexpected \"{}\"", byte.escape_ascii());
                Err(Diagnostic::emerg(message).at(self.span_from(at, self.line)))
            }
        }
    }

    /// A backslash makes the next character literal; it goes away before quotes, backslashes and in
    /// `\t`, `\r`, `\n`, and stays before all others, as regular expressions need it.
    fn escape(&mut self, text: &mut Vec<u8>) {
        self.bump();
        let Some(byte) = self.peek() else {
            text.push(b'\\');
            return;
        };
        self.bump();
        match byte {
            b'"' | b'\'' | b'\\' => text.push(byte),
            b't' => text.push(b'\t'),
            b'r' => text.push(b'\r'),
            b'n' => text.push(b'\n'),
            _ => text.extend([b'\\', byte]),
        }
    }

    fn check_length(&self, text: &[u8]) -> Result<(), Diagnostic> {
        match text.len() < WORD_BYTES_MAX {
            true => Ok(()),
            false => Err(self.too_long(text)),
        }
    }

    fn too_long(&self, text: &[u8]) -> Diagnostic {
        let head = String::from_utf8_lossy(&text[..10]).into_owned();
        let message = format!(
            "too long parameter \"{head}...\" started: a word may have {} bytes; is a closing \
             quote or \";\" missing?",
            WORD_BYTES_MAX - 1
        );
        Diagnostic::emerg(message).at(self.span())
    }
}
