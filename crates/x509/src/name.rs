//! Distinguished names (RFC 5280 §4.1.2.4): compared and printed as OpenSSL does.

use crate::der::{self, DerError, Element, OID, Reader, SEQUENCE, SET};
use crate::oid;

/// A distinguished name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name {
    raw: Box<[u8]>,
    /// What is compared: strings in UTF-8, ASCII in lower case, white space trimmed and joined.
    canonical: Box<[u8]>,
}

/// One attribute of a name.
struct Attribute<'a> {
    oid: &'a [u8],
    value: Element<'a>,
    /// Which of the relative names it belongs to.
    set: usize,
}

impl Name {
    /// Reads a `Name`, header included.
    pub fn parse(raw: &[u8]) -> Result<Self, DerError> {
        let mut canonical = Vec::new();
        let attributes = attributes(raw)?;
        for (index, attribute) in attributes.iter().enumerate() {
            let begins_set =
                index == 0 || attributes.get(index - 1).map(|a| a.set) != Some(attribute.set);
            canonical.push(u8::from(begins_set));
            der::write(&mut canonical, OID, attribute.oid);
            write_canonical(&mut canonical, &attribute.value);
        }
        Ok(Self {
            raw: raw.into(),
            canonical: canonical.into(),
        })
    }

    /// The name as DER.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Whether there is no attribute.
    pub fn is_empty(&self) -> bool {
        self.canonical.is_empty()
    }

    /// Whether the two name the same thing, as `X509_NAME_cmp` sees it.
    pub fn matches(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }

    /// Whether `self` is `other` or lies below it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let rest = self.canonical.strip_prefix(&*other.canonical);
        rest.is_some_and(|rest| rest.first() != Some(&0))
    }

    /// The key under which names that match are found.
    pub(crate) fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// As OpenSSL's `XN_FLAG_RFC2253`: `CN=leaf,O=Example`, the last attribute first.
    pub fn rfc2253(&self) -> String {
        let mut out = String::new();
        let attributes = attributes(&self.raw).unwrap_or_default();
        let mut last_set = None;
        for attribute in attributes.iter().rev() {
            match last_set {
                None => {}
                Some(set) if set == attribute.set => out.push('+'),
                Some(_) => out.push(','),
            }
            last_set = Some(attribute.set);
            write_rfc2253(&mut out, attribute);
        }
        out
    }

    /// As OpenSSL's `X509_NAME_oneline`: `/O=Example/CN=leaf`.
    pub fn oneline(&self) -> String {
        let mut out = String::new();
        for attribute in attributes(&self.raw).unwrap_or_default() {
            out.push('/');
            out.push_str(&attribute.name());
            out.push('=');
            for &byte in attribute.value.value {
                if (b' '..=b'~').contains(&byte) {
                    out.push(char::from(byte));
                } else {
                    out.push_str(&format!("\\x{byte:02X}"));
                }
            }
        }
        out
    }

    /// The values of an attribute type that are text, in UTF-8.
    pub(crate) fn texts_of(&self, oid: &[u8]) -> Vec<Vec<u8>> {
        let attributes = attributes(&self.raw).unwrap_or_default();
        let wanted = attributes.iter().filter(|attribute| attribute.oid == oid);
        wanted
            .filter_map(|attribute| text(&attribute.value))
            .collect()
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Name({})", self.oneline())
    }
}

impl Attribute<'_> {
    fn name(&self) -> String {
        match oid::attribute_name(self.oid) {
            Some(name) => name.to_owned(),
            None => oid::dotted(self.oid),
        }
    }
}

fn attributes(raw: &[u8]) -> Result<Vec<Attribute<'_>>, DerError> {
    let mut attributes = Vec::new();
    let mut sets = der::whole(raw, SEQUENCE)?.reader();
    let mut set = 0;
    while !sets.is_empty() {
        let mut members = sets.inside(SET)?;
        while !members.is_empty() {
            let mut member = members.inside(SEQUENCE)?;
            let oid = member.expect(OID)?.value;
            let value = member.element()?;
            member.finish()?;
            attributes.push(Attribute { oid, value, set });
        }
        set += 1;
    }
    Ok(attributes)
}

fn write_rfc2253(out: &mut String, attribute: &Attribute<'_>) {
    out.push_str(&attribute.name());
    out.push('=');
    // A type that has no name is dumped, and so is a value that is not text.
    let known = oid::attribute_name(attribute.oid).is_some();
    let Some(text) = text(&attribute.value).filter(|_| known) else {
        out.push('#');
        for byte in attribute.value.raw {
            out.push_str(&format!("{byte:02X}"));
        }
        return;
    };
    let last = text.len().saturating_sub(1);
    for (index, &byte) in text.iter().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => out.push('\\'),
            b'#' if index == 0 => out.push('\\'),
            b' ' if index == 0 || index == last => out.push('\\'),
            0..b' ' | 0x7f.. => {
                out.push_str(&format!("\\{byte:02X}"));
                continue;
            }
            _ => {}
        }
        out.push(char::from(byte));
    }
}

/// A string's characters in UTF-8; `None` if the element is no string.
fn text(element: &Element<'_>) -> Option<Vec<u8>> {
    let wide = |size: usize| {
        let characters = element.value.chunks(size).map(|bytes| {
            let number = bytes
                .iter()
                .fold(0, |code, &byte| code << 8 | u32::from(byte));
            char::from_u32(number).filter(|_| bytes.len() == size)
        });
        characters
            .collect::<Option<String>>()
            .map(String::into_bytes)
    };
    match element.tag {
        UTF8_STRING => Some(element.value.to_vec()),
        NUMERIC_STRING
        | PRINTABLE_STRING
        | T61_STRING
        | IA5_STRING
        | VISIBLE_STRING
        | der::UTC_TIME
        | der::GENERALIZED_TIME => wide(1),
        BMP_STRING => wide(2),
        UNIVERSAL_STRING => wide(4),
        _ => None,
    }
}

/// As OpenSSL's `asn1_string_canon`.
fn write_canonical(out: &mut Vec<u8>, value: &Element<'_>) {
    let comparable = matches!(
        value.tag,
        UTF8_STRING
            | PRINTABLE_STRING
            | T61_STRING
            | IA5_STRING
            | VISIBLE_STRING
            | BMP_STRING
            | UNIVERSAL_STRING
    );
    let Some(text) = text(value).filter(|_| comparable) else {
        out.extend_from_slice(value.raw);
        return;
    };
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let words = text.split(is_space).filter(|word| !word.is_empty());
    let words: Vec<_> = words.map(<[u8]>::to_ascii_lowercase).collect();
    der::write(out, UTF8_STRING, &words.join(&b' '));
}

const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const T61_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const VISIBLE_STRING: u8 = 0x1a;
const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;

/// Reads a `Name` off a reader.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Name, DerError> {
    Name::parse(reader.expect(SEQUENCE)?.raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name of one attribute per relative name.
    fn name(attributes: &[(&[u8], u8, &[u8])]) -> Name {
        let sets: Vec<_> = attributes
            .iter()
            .map(|(oid, tag, value)| {
                let parts = [der::wrap(OID, &[oid]), der::wrap(*tag, &[value])];
                der::wrap(SET, &[&der::wrap(SEQUENCE, &[&parts.concat()])])
            })
            .collect();
        Name::parse(&der::wrap(SEQUENCE, &[&sets.concat()])).unwrap()
    }

    const CN: &[u8] = oid::COMMON_NAME;
    const O: &[u8] = b"\x55\x04\x0a";

    #[test]
    fn names_print_in_both_forms() {
        let name = name(&[(O, UTF8_STRING, b"A, B"), (CN, PRINTABLE_STRING, b"leaf")]);
        assert_eq!(name.rfc2253(), "CN=leaf,O=A\\, B");
        assert_eq!(name.oneline(), "/O=A, B/CN=leaf");
    }

    #[test]
    fn odd_characters_are_escaped() {
        let odd = name(&[(CN, UTF8_STRING, "# \u{e9}\n ".as_bytes())]);
        assert_eq!(odd.rfc2253(), "CN=\\# \\C3\\A9\\0A\\ ");
        assert_eq!(odd.oneline(), "/CN=# \\xC3\\xA9\\x0A ");
        let latin = name(&[(CN, T61_STRING, b"\xe9"), (CN, BMP_STRING, b"\x00\xe9")]);
        assert_eq!(latin.rfc2253(), "CN=\\C3\\A9,CN=\\C3\\A9");
    }

    #[test]
    fn unknown_attributes_are_dumped() {
        let name = name(&[(b"\x2a\x03", UTF8_STRING, b"x"), (CN, 0x04, b"y")]);
        assert_eq!(name.rfc2253(), "CN=#040179,1.2.3=#0C0178");
    }

    #[test]
    fn names_match_without_regard_to_case_space_and_string_type() {
        let one = name(&[(O, PRINTABLE_STRING, b"  Acme   Corp ")]);
        let other = name(&[(O, UTF8_STRING, b"ACME CORP")]);
        assert!(one.matches(&other) && one != other);
        assert!(!one.matches(&name(&[(CN, UTF8_STRING, b"acme corp")])));
        let below = name(&[(O, UTF8_STRING, b"acme corp"), (CN, UTF8_STRING, b"x")]);
        assert!(below.is_within(&one) && !one.is_within(&below));
    }
}
