//! Words, `;`, `{` and `}` (`ngx_conf_read_token`).

use crate::Diagnostic;
use crate::parser::{Span, Word};

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
        }
    }

    pub(crate) fn next(&mut self) -> Result<(Token, Span), Diagnostic> {
        self.skip_blank();
        let start = self.at;
        let line = self.line;
        let token = match self.peek() {
            None => Token::End,
            Some(b';') => self.single(Token::Semicolon),
            Some(b'{') => self.single(Token::Open),
            Some(b'}') => self.single(Token::Close),
            Some(quote @ (b'"' | b'\'')) => {
                let text = self.quoted(quote, start, line)?;
                Token::Word(Word {
                    text,
                    quoted: true,
                    span: self.span(start, line),
                })
            }
            Some(_) => {
                let text = self.plain(start, line)?;
                Token::Word(Word {
                    text,
                    quoted: false,
                    span: self.span(start, line),
                })
            }
        };
        Ok((token, self.span(start, line)))
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

    fn span(&self, start: usize, line: u32) -> Span {
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
                b' ' | b'\t' | b'\r' | b'\n' => self.bump(),
                b'#' => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.bump();
                    }
                }
                _ => return,
            }
        }
    }

    /// An unquoted word ends before white space, `;` or `{`, but `${` does not end it.
    fn plain(&mut self, start: usize, line: u32) -> Result<Vec<u8>, Diagnostic> {
        let mut text = self.ordinary();
        let mut after_dollar = text.last() == Some(&b'$');
        self.check_length(&text, start, line)?;
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
            self.check_length(&text, start, line)?;
        }
        Ok(text)
    }

    /// What of an unquoted word needs no second look.
    fn ordinary(&mut self) -> Vec<u8> {
        let special = |byte: &u8| {
            let ends = matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{');
            ends || *byte == b'\\'
        };
        let rest = &self.text[self.at..];
        let length = rest.iter().position(special).unwrap_or(rest.len());
        self.at += length;
        rest[..length].to_vec()
    }

    fn quoted(&mut self, quote: u8, start: usize, line: u32) -> Result<Vec<u8>, Diagnostic> {
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
                    return Err(Diagnostic::emerg(message).at(self.span(start, line)));
                }
                Some(b'\\') => self.escape(&mut text),
                Some(byte) if byte == quote => break,
                Some(byte) => {
                    text.push(byte);
                    self.bump();
                }
            }
            self.check_length(&text, start, line)?;
        }
        self.bump();
        match self.peek() {
            None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' | b')') => Ok(text),
            Some(byte) => {
                let at = self.at;
                self.at += 1;
                let message = format!("unexpected \"{}\"", byte.escape_ascii());
                Err(Diagnostic::emerg(message).at(self.span(at, self.line)))
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

    fn check_length(&self, text: &[u8], start: usize, line: u32) -> Result<(), Diagnostic> {
        if text.len() < WORD_BYTES_MAX {
            return Ok(());
        }
        let head = String::from_utf8_lossy(&text[..10]).into_owned();
        let message = format!(
            "too long parameter \"{head}...\" started: a word may have {} bytes; is a closing \
             quote or \";\" missing?",
            WORD_BYTES_MAX - 1
        );
        Err(Diagnostic::emerg(message).at(self.span(start, line)))
    }
}
