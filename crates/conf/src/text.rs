//! What a word says: most words are so short that they stand where longer ones have a pointer.

use std::fmt;
use std::ops::Deref;

/// The bytes of a word. A configuration may have a million of them.
#[derive(Clone)]
pub struct Text(Place);

#[derive(Clone)]
enum Place {
    /// `length <= SHORT_MAX`
    Here {
        length: u8,
        bytes: [u8; SHORT_MAX],
    },
    Elsewhere(Box<[u8]>),
}

/// What fits into three pointers, beside the length and the kind.
const SHORT_MAX: usize = 22;

impl From<&[u8]> for Text {
    fn from(text: &[u8]) -> Self {
        let mut bytes = [0; SHORT_MAX];
        Self(match bytes.get_mut(..text.len()) {
            Some(here) => {
                here.copy_from_slice(text);
                let length = text.len() as u8;
                Place::Here { length, bytes }
            }
            None => Place::Elsewhere(text.into()),
        })
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Here { length, bytes } => &bytes[..usize::from(*length)],
            Place::Elsewhere(text) => text,
        }
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Text {
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}

impl Eq for Text {}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_length_says_what_it_was_made_of() {
        assert_eq!(size_of::<Text>(), 3 * size_of::<usize>());
        for length in 0..3 * SHORT_MAX {
            let bytes: Vec<u8> = (0..length as u8).collect();
            let text = Text::from(&bytes[..]);
            assert_eq!(text, bytes);
            assert_eq!(text, text.clone());
            assert_ne!(text, [&bytes[..], b"x"].concat());
        }
    }
}
