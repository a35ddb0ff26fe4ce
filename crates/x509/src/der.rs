//! DER (X.690): elements cut out of a buffer, and the few forms that are written.

use thiserror::Error;

/// Why bytes are not the DER that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DerError {
    /// The buffer ends within an element.
    #[error("truncated")]
    Truncated,
    /// A length that is indefinite, longer than needed, or beyond 32 bits.
    #[error("invalid length")]
    Length,
    /// Another element than the one that belongs here.
    #[error("unexpected element")]
    Tag,
    /// Bytes follow where nothing may.
    #[error("trailing data")]
    Trailing,
    /// The content of an element breaks the rules of its type.
    #[error("invalid value")]
    Value,
}

/// BOOLEAN
pub const BOOLEAN: u8 = 0x01;
/// INTEGER
pub const INTEGER: u8 = 0x02;
/// BIT STRING
pub const BIT_STRING: u8 = 0x03;
/// OCTET STRING
pub const OCTET_STRING: u8 = 0x04;
/// NULL
pub const NULL: u8 = 0x05;
/// OBJECT IDENTIFIER
pub const OID: u8 = 0x06;
/// ENUMERATED
pub const ENUMERATED: u8 = 0x0a;
/// UTCTime
pub const UTC_TIME: u8 = 0x17;
/// GeneralizedTime
pub const GENERALIZED_TIME: u8 = 0x18;
/// SEQUENCE
pub const SEQUENCE: u8 = 0x30;
/// SET
pub const SET: u8 = 0x31;

/// The tag of `[number]` over a constructed value (`number <= 30`).
pub const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// The tag of `[number] IMPLICIT` over a primitive value (`number <= 30`).
pub const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

/// One element: its tag, its content, and all of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier octet.
    pub tag: u8,
    /// The content.
    pub value: &'a [u8],
    /// Header and content.
    pub raw: &'a [u8],
}

impl<'a> Element<'a> {
    /// A reader over the content.
    pub fn reader(&self) -> Reader<'a> {
        Reader::new(self.value)
    }
}

/// Takes elements off the front of a buffer.
///
/// It never goes down by itself: how deep a structure is read is written in the code that reads it,
/// so there is no nesting for an input to exhaust.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `input`.
    pub fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next element, whatever it is.
    pub fn element(&mut self) -> Result<Element<'a>, DerError> {
        let (&tag, after_tag) = self.rest.split_first().ok_or(DerError::Truncated)?;
        if tag & 0x1f == 0x1f {
            // Tags over 30 are in none of the structures that are read here.
            return Err(DerError::Tag);
        }
        let (length, after_length) = length(after_tag)?;
        let (value, rest) = after_length
            .split_at_checked(length)
            .ok_or(DerError::Truncated)?;
        let whole = self.rest.len() - rest.len();
        let raw = self.rest.get(..whole).ok_or(DerError::Truncated)?;
        self.rest = rest;
        Ok(Element { tag, value, raw })
    }

    /// The next element, which must have this tag.
    pub fn expect(&mut self, tag: u8) -> Result<Element<'a>, DerError> {
        match self.rest.first() {
            None => Err(DerError::Truncated),
            Some(&next) if next == tag => self.element(),
            Some(_) => Err(DerError::Tag),
        }
    }

    /// The next element if it has this tag.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, DerError> {
        if self.rest.first() == Some(&tag) {
            self.element().map(Some)
        } else {
            Ok(None)
        }
    }

    /// A reader over the content of the next element, which must have this tag.
    pub fn inside(&mut self, tag: u8) -> Result<Reader<'a>, DerError> {
        Ok(self.expect(tag)?.reader())
    }

    /// The content of the next element, an INTEGER: two's complement, as short as can be.
    pub fn integer(&mut self) -> Result<&'a [u8], DerError> {
        let value = self.expect(INTEGER)?.value;
        if value.is_empty() {
            return Err(DerError::Value);
        }
        Ok(value)
    }

    /// A small INTEGER that is not negative.
    pub fn small_integer(&mut self) -> Result<u32, DerError> {
        unsigned(self.integer()?)
    }

    /// A BOOLEAN that may be missing, which is `false`.
    pub fn flag(&mut self) -> Result<bool, DerError> {
        match self.optional(BOOLEAN)? {
            None => Ok(false),
            // OpenSSL takes any byte but zero for true.
            Some(Element { value: [byte], .. }) => Ok(*byte != 0),
            Some(_) => Err(DerError::Value),
        }
    }

    /// The bytes of a BIT STRING without unused bits: a key, a signature.
    pub fn bit_string_bytes(&mut self) -> Result<&'a [u8], DerError> {
        match self.expect(BIT_STRING)?.value.split_first() {
            Some((0, bytes)) => Ok(bytes),
            _ => Err(DerError::Value),
        }
    }

    /// Nothing may be left.
    pub fn finish(&self) -> Result<(), DerError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DerError::Trailing)
        }
    }
}

/// The one element that `input` consists of.
pub fn whole(input: &[u8], tag: u8) -> Result<Element<'_>, DerError> {
    let mut reader = Reader::new(input);
    let element = reader.expect(tag)?;
    reader.finish()?;
    Ok(element)
}

/// The value of an INTEGER's content, if it is not negative and below 2³².
pub fn unsigned(value: &[u8]) -> Result<u32, DerError> {
    let digits = match value {
        [0, rest @ ..] => rest,
        [first, ..] if first & 0x80 == 0 => value,
        _ => return Err(DerError::Value),
    };
    if digits.len() > 4 {
        return Err(DerError::Value);
    }
    Ok(digits
        .iter()
        .fold(0, |number, &byte| number << 8 | u32::from(byte)))
}

/// Appends an element.
pub fn write(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    out.push(tag);
    let length = value.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        out.push(0x80 | (bytes.len() - zeros) as u8);
        out.extend(bytes.iter().skip(zeros));
    }
    out.extend_from_slice(value);
}

/// An element of several parts.
pub fn wrap(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, tag, &parts.concat());
    out
}

/// Definite, and as short as can be.
fn length(input: &[u8]) -> Result<(usize, &[u8]), DerError> {
    let (&first, rest) = input.split_first().ok_or(DerError::Truncated)?;
    if first < 0x80 {
        return Ok((usize::from(first), rest));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return Err(DerError::Length);
    }
    let (digits, rest) = rest.split_at_checked(count).ok_or(DerError::Truncated)?;
    let length = digits
        .iter()
        .fold(0u64, |length, &byte| length << 8 | u64::from(byte));
    if length < 0x80 || digits.first() == Some(&0) {
        return Err(DerError::Length);
    }
    let length = usize::try_from(length).map_err(|_| DerError::Length)?;
    Ok((length, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_end_where_their_length_says() {
        let mut reader = Reader::new(b"\x04\x02ab\x05\x00");
        let first = reader.element().unwrap();
        assert_eq!(
            (first.tag, first.value, first.raw),
            (4, &b"ab"[..], &b"\x04\x02ab"[..])
        );
        assert_eq!(reader.expect(NULL).unwrap().value, b"");
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn lengths_are_definite_and_minimal() {
        for (input, error) in [
            (&b"\x30"[..], DerError::Truncated),
            (b"\x30\x01", DerError::Truncated),
            (b"\x30\x80\x00\x00", DerError::Length),
            (b"\x30\x81\x01\x00", DerError::Length),
            (b"\x30\x82\x00\x80", DerError::Length),
            (b"\x30\x85\x01\x00\x00\x00\x00", DerError::Length),
            (b"\x30\x84\xff\xff\xff\xff", DerError::Truncated),
            (b"\x1f\x81\x01\x00", DerError::Tag),
        ] {
            assert_eq!(Reader::new(input).element(), Err(error), "{input:x?}");
        }
    }

    #[test]
    fn integers_fit_or_are_refused() {
        assert_eq!(Reader::new(b"\x02\x02\x00\xff").small_integer(), Ok(255));
        assert_eq!(
            Reader::new(b"\x02\x01\xff").small_integer(),
            Err(DerError::Value)
        );
        assert_eq!(Reader::new(b"\x02\x00").integer(), Err(DerError::Value));
        assert_eq!(
            Reader::new(b"\x02\x05\x01\x00\x00\x00\x00").small_integer(),
            Err(DerError::Value)
        );
    }

    #[test]
    fn what_is_written_can_be_read() {
        for size in [0, 1, 127, 128, 255, 256, 70000] {
            let value = vec![7; size];
            let written = wrap(OCTET_STRING, &[&value]);
            assert_eq!(whole(&written, OCTET_STRING).unwrap().value, value);
        }
    }
}
