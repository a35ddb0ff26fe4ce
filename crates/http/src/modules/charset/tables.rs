//! `charset_map`: tables from one charset to another, and back.

use std::collections::HashMap;
use std::sync::Arc;

use conf::{Diagnostic, Item, Word};

use crate::module::{Cx, Done};

/// The charsets that a configuration names, and the tables between them.
#[derive(Debug, Default)]
pub struct Charsets {
    names: Vec<Box<[u8]>>,
    tables: Vec<Way>,
}

/// A table, and what it is between.
#[derive(Debug)]
struct Way {
    from: Box<[u8]>,
    to: Box<[u8]>,
    table: Table,
}

/// How bytes of one charset are said in another.
#[derive(Debug, Clone)]
pub enum Table {
    /// Both have one byte for a character.
    Bytes(Arc<[u8; 256]>),
    /// What each byte is in UTF-8; what has no character there is a question mark.
    ToUtf8(Arc<[Vec<u8>; 256]>),
    /// The byte for each character; others are written as HTML entities.
    FromUtf8(Arc<HashMap<u32, u8>>),
}

impl Table {
    /// Whether a text may get longer or shorter.
    pub fn changes_length(&self) -> bool {
        !matches!(self, Table::Bytes(_))
    }
}

impl Charsets {
    /// Takes note of a name.
    pub fn add(&mut self, name: &[u8]) {
        if !self.knows(name) {
            self.names.push(name.into());
        }
    }

    /// Whether the configuration names a charset anywhere.
    pub fn knows(&self, name: &[u8]) -> bool {
        self.names
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    }

    /// The table from one charset to another.
    pub fn table(&self, from: &[u8], to: &[u8]) -> Option<Table> {
        let mut tables = self.tables.iter();
        let found = tables
            .find(|way| way.from.eq_ignore_ascii_case(from) && way.to.eq_ignore_ascii_case(to));
        found.map(|way| way.table.clone())
    }

    /// What is said about two charsets that no table is between.
    pub fn check(&self, from: &[u8], to: &[u8]) -> Option<Diagnostic> {
        if self.table(from, to).is_some() {
            return None;
        }
        let (from, to) = (String::from_utf8_lossy(from), String::from_utf8_lossy(to));
        let message = format!("no \"charset_map\" between the charsets \"{from}\" and \"{to}\"");
        Some(Diagnostic::emerg(message))
    }
}

fn is_utf8(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"utf-8")
}

/// `charset_map from to { … }`
pub fn charset_map(item: &Item, cx: &mut Cx<'_>) -> Done {
    let (from, to) = (item.arg(0)?, item.arg(1)?);
    let both = format!("\"{}\" and \"{}\"", from.display(), to.display());
    cx.charsets.add(&from.text);
    cx.charsets.add(&to.text);
    if from.text.eq_ignore_ascii_case(&to.text) {
        let message = format!("\"charset_map\" between the same charsets {both}");
        return Err(item.error(message));
    }
    if is_utf8(&from.text) {
        let message = "\"charset_map\" with \"utf-8\" charset should be given in the second column";
        return Err(item.error(message));
    }
    if cx.charsets.table(&from.text, &to.text).is_some() {
        return Err(item.error(format!("duplicate \"charset_map\" between {both}")));
    }
    let (there, back) = match is_utf8(&to.text) {
        true => utf8_tables(item)?,
        false => byte_tables(item)?,
    };
    let way = |from: &Word, to: &Word, table| Way {
        from: from.text[..].into(),
        to: to.text[..].into(),
        table,
    };
    let ways = [way(from, to, there), way(to, from, back)];
    cx.charsets.tables.extend(ways);
    Ok(())
}

/// A row: the byte, and the word for what it is in the other charset.
fn row(entry: &Item) -> Result<(u8, &Word), Diagnostic> {
    let [other] = &entry.args[..] else {
        return Err(entry.error("invalid parameters number"));
    };
    let byte = hexadecimal(&entry.name.text).ok_or_else(|| invalid(entry, &entry.name))?;
    Ok((byte, other))
}

fn byte_tables(item: &Item) -> Result<(Table, Table), Diagnostic> {
    let ascii = |byte: usize| if byte < 128 { byte as u8 } else { b'?' };
    let mut there: [u8; 256] = std::array::from_fn(ascii);
    let mut back = there;
    for entry in item.entries() {
        let (byte, other) = row(entry)?;
        let to = hexadecimal(&other.text).ok_or_else(|| invalid(entry, other))?;
        there[usize::from(byte)] = to;
        back[usize::from(to)] = byte;
    }
    Ok((Table::Bytes(Arc::new(there)), Table::Bytes(Arc::new(back))))
}

fn utf8_tables(item: &Item) -> Result<(Table, Table), Diagnostic> {
    let ascii = |byte: usize| vec![if byte < 128 { byte as u8 } else { b'?' }];
    let mut there: [Vec<u8>; 256] = std::array::from_fn(ascii);
    let mut back: HashMap<u32, u8> = (0..128).map(|byte| (u32::from(byte), byte)).collect();
    for entry in item.entries() {
        let (byte, other) = row(entry)?;
        let (bytes, code) = character(&other.text).ok_or_else(|| invalid(entry, other))?;
        there[usize::from(byte)] = bytes;
        back.insert(code, byte);
    }
    Ok((
        Table::ToUtf8(Arc::new(there)),
        Table::FromUtf8(Arc::new(back)),
    ))
}

/// One character of the first 65536, written as the hexadecimal digits of its UTF-8 bytes.
fn character(digits: &[u8]) -> Option<(Vec<u8>, u32)> {
    let pairs = digits.chunks(2).map(|pair| match pair {
        [_, _] => hexadecimal(pair),
        _ => None,
    });
    let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    let mut characters = std::str::from_utf8(&bytes).ok()?.chars();
    let code = u32::from(characters.next()?);
    (characters.next().is_none() && code <= 0xffff).then_some((bytes, code))
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let is_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_digits)?;
    let value = u32::from_str_radix(digits, 16).ok()?;
    value.try_into().ok()
}

fn invalid(entry: &Item, word: &Word) -> Diagnostic {
    let message = format!("invalid value \"{}\"", word.display());
    entry.error(message).at(word.span)
}
