//! UTF-8 checked piece by piece, since a text message may be split inside a character.

/// Checks text that comes in pieces. Holds at most the three bytes of a split character.
#[derive(Debug, Clone, Default)]
pub(super) struct Utf8Checker {
    /// The start of a character, `kept_len < 4` bytes of it.
    kept: [u8; 4],
    kept_len: u8,
}

impl Utf8Checker {
    /// Checks the next piece; `false` as soon as no text can begin like this.
    pub(super) fn handle(&mut self, mut input: &[u8]) -> bool {
        while self.kept_len > 0 {
            let [byte, rest @ ..] = input else {
                return true;
            };
            input = rest;
            let kept_len = usize::from(self.kept_len) + 1;
            self.kept[kept_len - 1] = *byte;
            match std::str::from_utf8(&self.kept[..kept_len]) {
                Ok(_) => self.kept_len = 0,
                Err(error) if error.error_len().is_some() => return false,
                // Four bytes are a character or wrong, so `kept_len` stays below 4 here.
                Err(_) => self.kept_len = kept_len as u8,
            }
        }
        let Err(error) = std::str::from_utf8(input) else {
            return true;
        };
        if error.error_len().is_some() {
            return false;
        }
        let split = &input[error.valid_up_to()..];
        self.kept[..split.len()].copy_from_slice(split);
        self.kept_len = split.len() as u8;
        true
    }

    /// Whether the text may end here, then starts anew.
    pub(super) fn end(&mut self) -> bool {
        std::mem::take(&mut self.kept_len) == 0
    }
}
