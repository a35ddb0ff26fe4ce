//! What is known of a recording beside its pictures: who, where, when, how long, and the seal.
//!
//! A JSON object in a file of its own. The chain of the frames begins with what was known at the
//! start, and the seal closes over the end of the chain, the pointer's track and what was known at
//! the end, so that the text cannot be changed without notice any more than the pictures. There is
//! no key in it: whoever can write the folder can make everything anew. The seal therefore also
//! goes to the log, where somebody else keeps it.

use sha2::{Digest as _, Sha256};

use crate::frame::Chain;
use crate::json::{self, Object, Value};
use crate::name::{Id, Name};

/// The longest sidecar that is read.
pub const SIDECAR_LEN_MAX: u64 = 64 * 1024;

/// The longest text that is kept of each fact.
const TEXT_LEN_MAX: usize = 4096;

/// What is known when a recording begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The session.
    pub id: Id,
    /// Milliseconds since 1970.
    pub started_ms: u64,
    /// Who signed in.
    pub user: Option<String>,
    /// The browser's address.
    pub client: String,
    /// The desktop's name in the configuration.
    pub desktop: String,
    /// What the person was shown as its name.
    pub title: Option<String>,
    /// Where the machine is.
    pub target: String,
    /// The token that led there, masked.
    pub token: Option<String>,
    /// What wrote it.
    pub software: String,
}

/// What is known when it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether its writer came to an end of its own.
    pub ending: Ending,
    /// Why the session ended, in one word.
    pub reason: String,
    /// From the session's start to the last byte.
    pub duration_ms: u32,
    /// Pixels in a row, at the start.
    pub width: u16,
    /// Rows, at the start.
    pub height: u16,
    /// Bytes of FBS.
    pub raw_bytes: u64,
    /// Bytes of the finished data file.
    pub bytes: u64,
    /// Frames in it.
    pub frames: u32,
    /// Positions of the pointer.
    pub positions: u64,
    /// The last link of the chain.
    pub chain: Chain,
    /// SHA-256 of the pointer's track.
    pub pointer_sha256: [u8; 32],
}

/// How a recording came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As the session did.
    Whole,
    /// The writer died, or could not write any more.
    CutShort,
}

impl Ending {
    /// As the sidecar says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::CutShort => "cut-short",
        }
    }
}

/// A sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidecar {
    /// What was known at the start.
    pub facts: Facts,
    /// What was known at the end, once there is one.
    pub outcome: Option<Outcome>,
}

/// Why a sidecar cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSidecar {
    /// Not a flat JSON object, or longer than any is.
    #[error("not a sidecar")]
    Syntax,
    /// Written by a newer program.
    #[error("form {0} of sidecars is not known")]
    Format(u64),
    /// A field is missing, or is not what it should be.
    #[error("\"{0}\" is missing or wrong")]
    Field(&'static str),
    /// What it says is not what its seal was made of.
    #[error("the seal does not fit")]
    Seal,
}

const FORMAT: u64 = 1;

impl Facts {
    /// What the recording is called.
    pub fn name(&self) -> Name {
        Name {
            started: self.started_ms / 1000,
            id: self.id,
        }
    }

    /// Long texts are cut, so that what is written can be read back.
    pub fn clamp(&mut self) {
        let texts = [
            Some(&mut self.client),
            Some(&mut self.desktop),
            Some(&mut self.target),
            Some(&mut self.software),
            self.user.as_mut(),
            self.title.as_mut(),
            self.token.as_mut(),
        ];
        for text in texts.into_iter().flatten() {
            text.truncate(text.floor_char_boundary(TEXT_LEN_MAX));
        }
    }

    /// What the chain begins with.
    pub fn genesis(&self) -> Chain {
        let facts = self.write(Object::begin()).end();
        Sha256::digest(facts.as_bytes()).into()
    }

    fn write(&self, object: Object) -> Object {
        object
            .plain("format", FORMAT)
            .text("id", &self.id.to_string())
            .plain("started_ms", self.started_ms)
            .text_or_null("user", self.user.as_deref())
            .text("client", &self.client)
            .text("desktop", &self.desktop)
            .text_or_null("title", self.title.as_deref())
            .text("target", &self.target)
            .text_or_null("token", self.token.as_deref())
            .text("software", &self.software)
    }

    fn read(fields: &Fields) -> Result<Self, BadSidecar> {
        match fields.number("format")? {
            FORMAT => {}
            other => return Err(BadSidecar::Format(other)),
        }
        let id = fields.text("id")?;
        Ok(Self {
            id: id.parse().map_err(|_| BadSidecar::Field("id"))?,
            started_ms: fields.number("started_ms")?,
            user: fields.optional("user"),
            client: fields.text("client")?,
            desktop: fields.text("desktop")?,
            title: fields.optional("title"),
            target: fields.text("target")?,
            token: fields.optional("token"),
            software: fields.text("software")?,
        })
    }
}

impl Outcome {
    /// What closes over everything.
    pub fn seal(&self) -> Chain {
        let text = self.write(Object::begin()).end();
        Sha256::digest(text.as_bytes()).into()
    }

    fn write(&self, object: Object) -> Object {
        object
            .text("state", self.ending.word())
            .text("reason", &self.reason)
            .plain("duration_ms", self.duration_ms)
            .plain("width", self.width)
            .plain("height", self.height)
            .plain("raw_bytes", self.raw_bytes)
            .plain("bytes", self.bytes)
            .plain("frames", self.frames)
            .plain("positions", self.positions)
            .text("chain", &hex(&self.chain))
            .text("pointer_sha256", &hex(&self.pointer_sha256))
    }

    fn read(fields: &Fields, ending: Ending) -> Result<Self, BadSidecar> {
        let outcome = Self {
            ending,
            reason: fields.text("reason")?,
            duration_ms: fields.small("duration_ms")?,
            width: fields.small("width")?,
            height: fields.small("height")?,
            raw_bytes: fields.number("raw_bytes")?,
            bytes: fields.number("bytes")?,
            frames: fields.small("frames")?,
            positions: fields.number("positions")?,
            chain: fields.digest("chain")?,
            pointer_sha256: fields.digest("pointer_sha256")?,
        };
        match fields.digest("seal")? == outcome.seal() {
            true => Ok(outcome),
            false => Err(BadSidecar::Seal),
        }
    }
}

impl Sidecar {
    /// The text of the file.
    pub fn to_json(&self) -> String {
        let object = self.facts.write(Object::begin());
        let object = match &self.outcome {
            None => object.text("state", "live"),
            Some(outcome) => outcome.write(object).text("seal", &hex(&outcome.seal())),
        };
        object.end() + "\n"
    }

    /// Reads it.
    pub fn parse(text: &str) -> Result<Self, BadSidecar> {
        if text.len() as u64 > SIDECAR_LEN_MAX {
            return Err(BadSidecar::Syntax);
        }
        let fields = Fields(json::parse(text).ok_or(BadSidecar::Syntax)?);
        let facts = Facts::read(&fields)?;
        let outcome = match fields.text("state")?.as_str() {
            "live" => None,
            "whole" => Some(Outcome::read(&fields, Ending::Whole)?),
            "cut-short" => Some(Outcome::read(&fields, Ending::CutShort)?),
            _ => return Err(BadSidecar::Field("state")),
        };
        Ok(Self { facts, outcome })
    }
}

struct Fields(Vec<(String, Value)>);

impl Fields {
    fn find(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }

    fn text(&self, name: &'static str) -> Result<String, BadSidecar> {
        self.optional(name).ok_or(BadSidecar::Field(name))
    }

    fn optional(&self, name: &str) -> Option<String> {
        match self.find(name) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    fn number(&self, name: &'static str) -> Result<u64, BadSidecar> {
        match self.find(name) {
            Some(Value::Number(number)) => Ok(*number),
            _ => Err(BadSidecar::Field(name)),
        }
    }

    fn small<T: TryFrom<u64>>(&self, name: &'static str) -> Result<T, BadSidecar> {
        T::try_from(self.number(name)?).map_err(|_| BadSidecar::Field(name))
    }

    fn digest(&self, name: &'static str) -> Result<Chain, BadSidecar> {
        unhex(&self.text(name)?).ok_or(BadSidecar::Field(name))
    }
}

/// A digest as text.
pub fn hex(digest: &Chain) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The digest that a text is.
pub fn unhex(text: &str) -> Option<Chain> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0; 32];
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn facts() -> Facts {
        Facts {
            id: Id(0x1234),
            started_ms: 1_795_851_763_250,
            user: Some("ann".into()),
            client: "192.0.2.7".into(),
            desktop: "office".into(),
            title: Some("Office <1>".into()),
            target: "192.168.204.10:5900".into(),
            token: None,
            software: "portway/0.1.0".into(),
        }
    }

    fn outcome() -> Outcome {
        Outcome {
            ending: Ending::Whole,
            reason: "viewer-closed".into(),
            duration_ms: 61_000,
            width: 800,
            height: 600,
            raw_bytes: 70_000,
            bytes: 12_345,
            frames: 13,
            positions: 44,
            chain: [3; 32],
            pointer_sha256: [4; 32],
        }
    }

    #[test]
    fn a_sidecar_is_read_as_it_was_written() {
        let live = Sidecar {
            facts: facts(),
            outcome: None,
        };
        assert_eq!(Sidecar::parse(&live.to_json()), Ok(live.clone()));
        for ending in [Ending::Whole, Ending::CutShort] {
            let over = Sidecar {
                outcome: Some(Outcome {
                    ending,
                    ..outcome()
                }),
                ..live.clone()
            };
            assert_eq!(Sidecar::parse(&over.to_json()), Ok(over));
        }
    }

    #[test]
    fn what_was_known_at_the_end_is_sealed() {
        let over = Sidecar {
            facts: facts(),
            outcome: Some(outcome()),
        };
        let text = over.to_json();
        for (from, to) in [
            ("viewer-closed", "idle"),
            ("61000", "61001"),
            ("\"whole\"", "\"cut-short\""),
            ("030303", "030302"),
        ] {
            let forged = text.replacen(from, to, 1);
            assert_ne!(forged, text);
            assert_eq!(Sidecar::parse(&forged), Err(BadSidecar::Seal), "{from}");
        }
    }

    #[test]
    fn what_is_missing_or_strange_is_named() {
        let text = Sidecar {
            facts: facts(),
            outcome: None,
        }
        .to_json();
        let with = |from: &str, to: &str| Sidecar::parse(&text.replacen(from, to, 1));
        assert_eq!(
            with("\"format\":1", "\"format\":2"),
            Err(BadSidecar::Format(2))
        );
        assert_eq!(
            with("\"target\"", "\"t\""),
            Err(BadSidecar::Field("target"))
        );
        assert_eq!(with("\"live\"", "\"new\""), Err(BadSidecar::Field("state")));
        assert_eq!(with("1234\"", "123X\""), Err(BadSidecar::Field("id")));
        assert_eq!(Sidecar::parse("[]"), Err(BadSidecar::Syntax));
        assert_eq!(
            Sidecar::parse(&" ".repeat(SIDECAR_LEN_MAX as usize + 1)),
            Err(BadSidecar::Syntax)
        );
    }

    #[test]
    fn every_fact_is_in_the_first_link() {
        let genesis = facts().genesis();
        let mut other = facts();
        other.user = Some("bob".into());
        assert_ne!(other.genesis(), genesis);
        let mut long = facts();
        long.client = "é".repeat(TEXT_LEN_MAX);
        long.clamp();
        assert_eq!(long.client.len(), TEXT_LEN_MAX);
    }
}
