//! Turning a text that comes in pieces into another charset.

use std::io::{self, Write as _};

use bytes::Bytes;

use super::tables::Table;
use crate::filters::portions::Transform;
use crate::response::Chunk;

/// So much is recoded before the client takes some of it, in bytes of the source: a character may
/// become an entity of eight bytes.
const ENOUGH: usize = 32 * 1024;

/// The filter.
pub struct Recode {
    table: Table,
    /// The beginning of a UTF-8 character whose end is yet to come.
    begun: Vec<u8>,
}

impl Recode {
    /// Nothing taken yet.
    pub fn new(table: Table) -> Self {
        Self {
            table,
            begun: Vec::new(),
        }
    }

    fn recode(&mut self, input: &[u8]) -> Vec<u8> {
        match &self.table {
            Table::Bytes(table) => input.iter().map(|&byte| table[usize::from(byte)]).collect(),
            // DIFFERS: nginx leaves a piece as it is in which no byte has a longer form, also bytes
            // that are not in the table; here those are question marks in every piece.
            Table::ToUtf8(table) => {
                let mut out = Vec::with_capacity(2 * input.len());
                for &byte in input {
                    out.extend_from_slice(&table[usize::from(byte)]);
                }
                out
            }
            Table::FromUtf8(_) => self.recode_utf8(input),
        }
    }

    fn recode_utf8(&mut self, input: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(input.len() + 16);
        let mut rest = input;
        while !rest.is_empty() {
            if self.begun.is_empty() {
                // What follows a character that was begun before needs no copy.
                self.take_utf8(rest, &mut out);
                break;
            }
            let mut joined = std::mem::take(&mut self.begun);
            while let Step::More = step(&joined)
                && let Some((&byte, behind)) = rest.split_first()
            {
                joined.push(byte);
                rest = behind;
            }
            // Its end may be the beginning of another one.
            self.take_utf8(&joined, &mut out);
        }
        // Entities are long, and other characters become shorter.
        out.shrink_to_fit();
        out
    }

    fn take_utf8(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        let Table::FromUtf8(table) = &self.table else {
            return;
        };
        while !input.is_empty() {
            let plain = input.iter().position(|byte| *byte >= 0x80);
            let (ascii, others) = input.split_at(plain.unwrap_or(input.len()));
            out.extend_from_slice(ascii);
            input = others;
            if input.is_empty() {
                return;
            }
            match step(input) {
                Step::More => {
                    self.begun = input.to_vec();
                    return;
                }
                Step::Invalid(len) => {
                    out.push(b'?');
                    input = &input[len..];
                }
                Step::Character(code, len) => {
                    match table.get(&code) {
                        Some(&byte) => out.push(byte),
                        // Writing to a Vec cannot fail.
                        None => drop(write!(out, "&#{code};")),
                    }
                    input = &input[len..];
                }
            }
        }
    }
}

/// What a text begins with.
enum Step {
    /// A character, and its bytes.
    Character(u32, usize),
    /// So many bytes that are none.
    Invalid(usize),
    /// What may become one.
    More,
}

/// Looks at the first character of a text that is not empty.
// DIFFERS: nginx takes what follows the first byte of a broken character for its rest, even if that
// is a "<"; here a broken character ends where no byte of one follows (Unicode 3.9, D93b).
fn step(text: &[u8]) -> Step {
    let head = &text[..text.len().min(4)];
    let valid = match std::str::from_utf8(head) {
        Ok(valid) => valid,
        Err(error) if error.valid_up_to() == 0 => {
            return error.error_len().map_or(Step::More, Step::Invalid);
        }
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    };
    match valid.chars().next() {
        Some(character) => Step::Character(u32::from(character), character.len_utf8()),
        None => Step::More,
    }
}

impl Transform for Recode {
    fn feed(&mut self, input: &Bytes, out: &mut Vec<Chunk>) -> io::Result<usize> {
        let taken = input.len().min(ENOUGH);
        let made = self.recode(&input[..taken]);
        if !made.is_empty() {
            out.push(Chunk::Memory(made.into()));
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn utf8_becomes_bytes_and_entities_wherever_it_is_cut() {
        let table: HashMap<u32, u8> = [(0x439, 0xca), (0x44f, 0xd1)].into();
        let table = Table::FromUtf8(Arc::new(table));
        let text = "aйb→я😀".as_bytes();
        let text = [text, b"\xffz\xd0\xd0\xb9\xd0\xe2\x86\xd0\xd0x\xd0"].concat();
        let expected = b"a\xcab&#8594;\xd1&#128512;?z?\xca????x";
        for size in 1..=text.len() {
            let mut recode = Recode::new(table.clone());
            let pieces = text.chunks(size).map(|piece| recode.recode(piece));
            assert_eq!(pieces.collect::<Vec<_>>().concat(), expected, "{size}");
        }
    }
}
