//! Reading the parts of a message: numbers, and names with their pointers.

use super::Invalid;

const SHORT: Invalid = Invalid::Form("short DNS response");
const OUTSIDE: Invalid = Invalid::Form("name is out of DNS response");

/// Pointers and labels that one name may have: enough for the longest, and no loop.
const STEPS_MAX: usize = 128;

/// A place in a message, and where its reading ends.
#[derive(Debug, Clone)]
pub struct Reader<'m> {
    message: &'m [u8],
    at: usize,
    /// `at <= end <= message.len()`
    end: usize,
}

impl<'m> Reader<'m> {
    /// At the beginning of a message.
    pub fn new(message: &'m [u8]) -> Self {
        Self {
            message,
            at: 0,
            end: message.len(),
        }
    }

    /// The six words that every message begins with.
    pub fn header(&mut self) -> Result<[u16; 6], Invalid> {
        let mut words = [0; 6];
        for word in &mut words {
            *word = self.u16()?;
        }
        Ok(words)
    }

    /// The next byte.
    fn u8(&mut self) -> Result<u8, Invalid> {
        let [byte] = self.array("short DNS response")?;
        Ok(byte)
    }

    /// The next two bytes.
    pub fn u16(&mut self) -> Result<u16, Invalid> {
        self.array("short DNS response").map(u16::from_be_bytes)
    }

    /// The next four bytes.
    pub fn u32(&mut self) -> Result<u32, Invalid> {
        self.array("short DNS response").map(u32::from_be_bytes)
    }

    /// The next `N` bytes; `wrong` is said if there are fewer.
    pub fn array<const N: usize>(&mut self, wrong: &'static str) -> Result<[u8; N], Invalid> {
        let bytes = self.message.get(self.at..self.end);
        let bytes = bytes.and_then(<[u8]>::first_chunk);
        self.at += N;
        bytes.copied().ok_or(Invalid::Form(wrong))
    }

    /// The data of a record: its length, and a reader of just so many bytes.
    pub fn record_data(&mut self) -> Result<Self, Invalid> {
        let len = usize::from(self.u16()?);
        let data = Self {
            end: self.at + len,
            ..*self
        };
        if data.end > self.end {
            return Err(SHORT);
        }
        self.at = data.end;
        Ok(data)
    }

    /// The name of the question, which has nothing to point to.
    pub fn question_name(&mut self) -> Result<String, Invalid> {
        let start = self.at;
        loop {
            match self.u8()? {
                0 => break,
                len if len & 0xc0 != 0 => {
                    let wrong = "unexpected compression pointer in DNS response";
                    return Err(Invalid::Form(wrong));
                }
                len => self.at += usize::from(len),
            }
        }
        if self.at == start + 1 {
            return Err(Invalid::Form("zero-length domain name in DNS response"));
        }
        name_at(self.message, start)
    }

    /// Passes over the name of a record.
    pub fn skip_name(&mut self) -> Result<(), Invalid> {
        let start = self.at;
        loop {
            match self.u8()? {
                0 if self.at - start < 2 => {
                    return Err(Invalid::Form("invalid name in DNS response"));
                }
                0 => return Ok(()),
                len if len & 0xc0 != 0 => return self.u8().map(drop),
                len => self.at += usize::from(len),
            }
        }
    }

    /// A name in lower case, which may point anywhere in the message.
    pub fn name(&mut self) -> Result<String, Invalid> {
        match self.at < self.end {
            true => name_at(self.message, self.at),
            false => Err(SHORT),
        }
    }
}

fn name_at(message: &[u8], mut at: usize) -> Result<String, Invalid> {
    let mut name = Vec::new();
    for _ in 0..STEPS_MAX {
        let len = *message.get(at).ok_or(OUTSIDE)?;
        match len {
            0 => return Ok(String::from_utf8_lossy(&name).into_owned()),
            len if len & 0xc0 == 0xc0 => {
                let low = *message.get(at + 1).ok_or(OUTSIDE)?;
                at = usize::from(len & 0x3f) << 8 | usize::from(low);
            }
            len if len & 0xc0 != 0 => {
                return Err(Invalid::Form("invalid label type in DNS response"));
            }
            len => {
                let end = at + 1 + usize::from(len);
                let label = message.get(at + 1..end).ok_or(OUTSIDE)?;
                if !name.is_empty() {
                    name.push(b'.');
                }
                name.extend(label.iter().map(u8::to_ascii_lowercase));
                at = end;
            }
        }
    }
    Err(Invalid::Form("compression pointers loop in DNS response"))
}
