//! Commands in a page (`ngx_http_ssi_filter_module`): finds `<!--#command name="value" -->` in
//! bytes that come piece by piece.
//!
//! ```text
//! Text ─▶ Open(1..=4) ─▶ BeforeName ─▶ Name ─▶ BeforeKey ─▶ Key ─▶ BeforeEqual ─▶ BeforeValue
//!  ▲                                    │  ▲       │                                   │
//!  │                                    ▼  └───────┼──── BeforeKey ◀─ AfterValue ◀─ Value
//!  └──────────── Close2 ◀──────────── Close1 ◀─────┴───────────────────────┘
//! ```
//!
//! Whatever is wrong within a command leads to `Broken`, which ends at the next `-->`.

use std::ops::Range;

#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;

/// What a command begins with.
const OPEN: &[u8] = b"<!--#";

/// The longest name of a command, and of a parameter.
const NAME_MAX: usize = 32;

/// Parameters that a command is given; it is an error to have more.
pub const PARAMETERS_MAX: usize = 16;

/// A command of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// Its name.
    pub name: Vec<u8>,
    /// Names and values of its parameters, backslashes as they were written. One more than
    /// [`PARAMETERS_MAX`] stands for any number.
    pub parameters: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Text of the page: this part of the bytes given.
    Text(Range<usize>),
    /// Text of the page that was given earlier: so many bytes of `<!--`.
    Held(usize),
    /// A command.
    Command(Command),
    /// The end of something that should have been a command; what was wrong.
    Broken(String),
}

/// What a call of [`Parser::next`] came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Bytes that are done with.
    pub consumed: usize,
    /// What was found, if anything was; without it all bytes are consumed.
    pub event: Option<Event>,
}

/// The state between two pieces of a page.
#[derive(Debug, Clone)]
pub struct Parser {
    state: State,
    value_max: usize,
    command: Command,
    quote: u8,
    escaped: bool,
    error: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// So many bytes of `<!--#` were seen, and those given before are held; `1..=4`.
    Open(usize),
    BeforeName,
    Name,
    BeforeKey,
    Key,
    BeforeEqual,
    BeforeValue,
    Value,
    AfterValue,
    /// A dash was seen.
    Close1,
    /// Two were.
    Close2,
    Broken,
    BrokenClose1,
    BrokenClose2,
}

impl Parser {
    /// At the beginning of a page; values of parameters have at most `value_max` bytes.
    pub fn new(value_max: usize) -> Self {
        Self {
            state: State::Text,
            value_max,
            command: Command::default(),
            quote: b'"',
            escaped: false,
            error: String::new(),
        }
    }

    /// Looks for the next event in `data`, which follows what was consumed before.
    pub fn next(&mut self, data: &[u8]) -> Step {
        let mut at = 0;
        while at < data.len() {
            let step = match self.state {
                State::Text => self.text(data, at),
                State::Open(seen) => self.open(data, at, seen),
                _ => self.command(data, at),
            };
            match step.event {
                Some(event) => {
                    return Step {
                        consumed: step.consumed,
                        event: Some(event),
                    };
                }
                None => at = step.consumed,
            }
        }
        Step {
            consumed: data.len(),
            event: None,
        }
    }

    /// At the end of the page: what is held of its text, in bytes of `<!--`.
    pub fn finish(&mut self) -> usize {
        match std::mem::replace(&mut self.state, State::Text) {
            State::Open(seen) => seen,
            _ => 0,
        }
    }

    /// Text up to what may be the beginning of a command.
    fn text(&mut self, data: &[u8], start: usize) -> Step {
        let mut at = start;
        let end = loop {
            let rest = data.get(at..).unwrap_or_default();
            let Some(found) = memchr::memchr(b'<', rest) else {
                break data.len();
            };
            let mark = rest.get(found..).unwrap_or_default();
            let same = mark.iter().zip(OPEN).take_while(|(a, b)| a == b).count();
            if same == OPEN.len() {
                self.begin();
                break at + found;
            }
            if same == mark.len() {
                self.state = State::Open(same);
                break at + found;
            }
            at += found + same;
        };
        let skip = match self.state {
            State::Text => 0,
            State::Open(seen) => seen,
            _ => OPEN.len(),
        };
        Step {
            consumed: end + skip,
            event: (end > start).then_some(Event::Text(start..end)),
        }
    }

    /// Goes on with the mark that began in an earlier piece.
    fn open(&mut self, data: &[u8], at: usize, seen: usize) -> Step {
        let mut event = None;
        let mut consumed = at;
        if data.get(at) == OPEN.get(seen) {
            consumed += 1;
            match seen + 1 == OPEN.len() {
                true => self.begin(),
                false => self.state = State::Open(seen + 1),
            }
        } else {
            self.state = State::Text;
            event = Some(Event::Held(seen));
        }
        Step { consumed, event }
    }

    fn begin(&mut self) {
        self.state = State::BeforeName;
        self.command = Command::default();
        self.error.clear();
    }

    /// Takes one byte of a command.
    fn command(&mut self, data: &[u8], at: usize) -> Step {
        let consumed = at + 1;
        let Some(&byte) = data.get(at) else {
            return Step {
                consumed,
                event: None,
            };
        };
        let before = self.state;
        self.state = self.byte(byte);
        let event = match (before, self.state) {
            (State::Close2, State::Text) => Some(Event::Command(std::mem::take(&mut self.command))),
            (_, State::Text) => Some(Event::Broken(std::mem::take(&mut self.error))),
            _ => None,
        };
        Step { consumed, event }
    }

    fn byte(&mut self, byte: u8) -> State {
        let space = matches!(byte, b' ' | b'\r' | b'\n' | b'\t');
        match (self.state, byte) {
            (State::BeforeName | State::BeforeKey | State::BeforeEqual, _) if space => self.state,
            (State::BeforeValue, _) if space => self.state,
            (State::BeforeName, _) => {
                self.command.name.push(byte);
                State::Name
            }
            (State::Name, _) if space => State::BeforeKey,
            (State::Name | State::BeforeKey | State::AfterValue, b'-') => State::Close1,
            (State::Name, _) => self.name(byte),
            (State::BeforeKey, _) => {
                if self.command.parameters.len() > PARAMETERS_MAX {
                    self.command.parameters.truncate(PARAMETERS_MAX);
                }
                self.command.parameters.push((vec![byte], Vec::new()));
                State::Key
            }
            (State::Key, _) if space => State::BeforeEqual,
            (State::Key | State::BeforeEqual, b'=') => State::BeforeValue,
            (State::Key, b'-') | (State::BeforeEqual, _) => self.unexpected(byte, "after"),
            (State::Key, _) => self.key(byte),
            (State::BeforeValue, b'"' | b'\'') => {
                self.quote = byte;
                self.escaped = false;
                State::Value
            }
            (State::BeforeValue, _) => self.unexpected(byte, "before value of"),
            (State::Value, _) => self.value(byte),
            (State::AfterValue, _) if space => State::BeforeKey,
            (State::AfterValue, _) => self.unexpected_after_value(byte),
            (State::Close1, b'-') => State::Close2,
            (State::Close2, b'>') => State::Text,
            (State::Close1 | State::Close2, _) => {
                let name = show(&self.command.name);
                let symbol = char::from(byte);
                self.fail(format!(
                    "unexpected \"{symbol}\" symbol in \"{name}\" SSI command"
                ))
            }
            (State::Broken, b'-') => State::BrokenClose1,
            (State::BrokenClose1, b'-') => State::BrokenClose2,
            (State::BrokenClose2, b'>') => State::Text,
            (State::Text | State::Open(_), _) => self.state,
            (State::Broken | State::BrokenClose1 | State::BrokenClose2, _) => State::Broken,
        }
    }

    fn name(&mut self, byte: u8) -> State {
        if self.command.name.len() == NAME_MAX {
            let (name, symbol) = (show(&self.command.name), char::from(byte));
            return self.fail(format!("the \"{name}{symbol}...\" SSI command is too long"));
        }
        self.command.name.push(byte);
        State::Name
    }

    fn key(&mut self, byte: u8) -> State {
        let (key, name) = self.names();
        match self.command.parameters.last_mut() {
            Some((last, _)) if last.len() < NAME_MAX => {
                last.push(byte);
                State::Key
            }
            _ => {
                let symbol = char::from(byte);
                self.fail(format!(
                    "too long \"{key}{symbol}...\" parameter in \"{name}\" SSI command"
                ))
            }
        }
    }

    fn value(&mut self, byte: u8) -> State {
        if byte == self.quote && !self.escaped {
            return State::AfterValue;
        }
        self.escaped = byte == b'\\' && !self.escaped;
        let max = self.value_max;
        match self.command.parameters.last_mut() {
            Some((_, value)) if value.len() < max => {
                value.push(byte);
                State::Value
            }
            last => {
                let value = last.map(|(_, value)| show(value)).unwrap_or_default();
                let (key, name) = self.names();
                let symbol = char::from(byte);
                self.fail(format!(
                    "too long \"{value}{symbol}...\" value of \"{key}\" parameter in \"{name}\" SSI command"
                ))
            }
        }
    }

    fn unexpected(&mut self, byte: u8, place: &str) -> State {
        let (key, name) = self.names();
        let symbol = char::from(byte);
        let failed = self.fail(format!(
            "unexpected \"{symbol}\" symbol {place} \"{key}\" parameter in \"{name}\" SSI command"
        ));
        match byte {
            b'-' => State::BrokenClose1,
            _ => failed,
        }
    }

    fn unexpected_after_value(&mut self, byte: u8) -> State {
        let (key, name) = self.names();
        let value = self.command.parameters.last();
        let value = value.map(|(_, value)| show(value)).unwrap_or_default();
        let symbol = char::from(byte);
        self.fail(format!(
            "unexpected \"{symbol}\" symbol after \"{value}\" value of \"{key}\" parameter in \"{name}\" SSI command"
        ))
    }

    /// The last parameter's name and the command's, for messages.
    fn names(&self) -> (String, String) {
        let key = self.command.parameters.last();
        let key = key.map(|(key, _)| show(key)).unwrap_or_default();
        (key, show(&self.command.name))
    }

    fn fail(&mut self, message: String) -> State {
        self.error = message;
        State::Broken
    }
}

fn show(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests;
