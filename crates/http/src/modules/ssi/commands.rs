//! A page on its way: its text, and what its commands put in place of themselves.

use std::collections::VecDeque;
use std::ffi::CString;
use std::io;
use std::rc::Rc;

use bytes::Bytes;
use net::log::Level;
use proto::ssi::{Command, Event, PARAMETERS_MAX, Parser};

use super::evaluate::{self, Failed, fail};
use super::{KEPT_MAX, State};
use crate::request::Request;
use crate::response::Chunk;
use crate::subrequest::{Ask, Collect, Inserter, Piece, Pieces, Subrequest, parse_uri};

/// What is shown in place of a command that fails.
const ERROR: &[u8] = b"[an error occurred while processing the directive]";

/// A page puts in so many pieces, then those come first: so many sub-requests run at once at most.
const PIECES_MAX: usize = 256;

/// A page that is being sent.
pub struct Page {
    request: Rc<Request>,
    /// The media type, which a stub has as well.
    content_type: Option<Bytes>,
    parser: Parser,
    /// What was not looked at yet.
    rest: VecDeque<Chunk>,
    /// Whether it waits for the sub-requests that it made.
    waiting: bool,
    ended: bool,
    /// Whether text is sent.
    output: bool,
    /// Whether one branch of an `if` was taken.
    chosen: bool,
    branch: Branch,
    /// Whether text belongs to a block.
    in_block: bool,
    encoding: Encoding,
    error: Bytes,
}

/// Where a page is within an `if`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    None,
    /// Behind `if` or `elif`.
    If,
    /// Behind `else`.
    Else,
}

/// How `echo` encodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    None,
    Url,
    Entity,
}

type Done = Result<(), Failed>;

/// Names of parameters that a command may have, and whether it must.
type Signature = &'static [(&'static str, bool)];

fn signature(command: &[u8]) -> Option<Signature> {
    Some(match command {
        b"include" => &[
            ("virtual", false),
            ("file", false),
            ("wait", false),
            ("set", false),
            ("stub", false),
        ],
        b"echo" => &[("var", true), ("default", false), ("encoding", false)],
        b"config" => &[("errmsg", false), ("timefmt", false)],
        b"set" => &[("var", true), ("value", true)],
        b"if" | b"elif" => &[("expr", true)],
        b"block" => &[("name", true)],
        b"else" | b"endif" | b"endblock" => &[],
        _ => return None,
    })
}

impl Page {
    /// A page of which nothing was seen.
    pub fn new(request: &Rc<Request>, content_type: Option<Bytes>) -> Self {
        let value_max = usize::try_from(request.conf().ssi.value_length).unwrap_or(usize::MAX);
        Self {
            request: request.clone(),
            content_type,
            parser: Parser::new(value_max),
            rest: VecDeque::new(),
            waiting: false,
            ended: false,
            output: true,
            chosen: false,
            branch: Branch::None,
            in_block: false,
            encoding: Encoding::Entity,
            error: Bytes::from_static(ERROR),
        }
    }

    /// Looks at what is there until there is nothing, or something must be waited for.
    fn run(&mut self, out: &mut Pieces) {
        while !self.waiting && out.len() < PIECES_MAX {
            match self.rest.pop_front() {
                Some(Chunk::Memory(bytes)) => self.look_at(bytes, out),
                Some(other) => out.push_back(Piece::Chunk(other)),
                None => break,
            }
        }
        if self.ended && !self.is_waiting() {
            let held = self.parser.finish();
            self.text(Bytes::from_static(&b"<!--"[..held]), out);
        }
    }

    fn look_at(&mut self, mut bytes: Bytes, out: &mut Pieces) {
        while !bytes.is_empty() && !self.waiting && out.len() < PIECES_MAX {
            let step = self.parser.next(&bytes);
            let seen = bytes.split_to(step.consumed);
            match step.event {
                Some(Event::Text(range)) => self.text(seen.slice(range), out),
                Some(Event::Held(held)) => {
                    self.text(Bytes::from_static(&b"<!--"[..held]), out);
                }
                Some(Event::Command(command)) => {
                    let followed = self.command(command, out);
                    followed.unwrap_or_else(|Failed| self.show_error(out));
                }
                Some(Event::Broken(message)) => {
                    self.request.log(Level::Error, format_args!("{message}"));
                    self.show_error(out);
                }
                None => {}
            }
        }
        if !bytes.is_empty() {
            self.rest.push_front(Chunk::Memory(bytes));
        }
    }

    fn text(&mut self, text: Bytes, out: &mut Pieces) {
        if text.is_empty() {
        } else if self.output {
            put(text, out);
        } else if self.in_block {
            self.add_to_block(text);
        }
    }

    fn add_to_block(&self, text: Bytes) {
        State::of_main(&self.request, |state| {
            if let Some((_, block)) = state.blocks.last_mut() {
                block.push(text);
            }
        });
    }

    fn show_error(&self, out: &mut Pieces) {
        if !self.request.conf().ssi.silent_errors {
            put(self.error.clone(), out);
        }
    }

    /// Follows a command, or leaves it out where text is left out.
    fn command(&mut self, command: Command, out: &mut Pieces) -> Done {
        let name = &command.name[..];
        let shown = || String::from_utf8_lossy(name);
        let Some(signature) = signature(name) else {
            return match self.output {
                true => Err(self.fail(format_args!("invalid SSI command: \"{}\"", shown()))),
                false => Ok(()),
            };
        };
        let conditional = matches!(name, b"elif" | b"else" | b"endif");
        if !self.output && name != b"endblock" {
            if self.in_block {
                self.add_to_block(written(&command).into());
                return Ok(());
            }
            if !conditional {
                return Ok(());
            }
        }
        let fits = match (name, self.branch) {
            (_, Branch::None) => !conditional,
            (b"elif" | b"else", Branch::Else) => false,
            _ => true,
        };
        if !fits {
            return Err(self.fail(format_args!(
                "invalid context of SSI command: \"{}\"",
                shown()
            )));
        }
        let parameters = self.parameters(&command, signature)?;
        match name {
            b"include" => self.include(&parameters, out),
            b"echo" => self.echo(&parameters, out),
            b"config" => self.config(&parameters),
            b"set" => self.set(&parameters),
            b"if" if self.branch != Branch::None => {
                Err(self.fail(format_args!("the \"if\" command inside the \"if\" command")))
            }
            b"if" | b"elif" => self.branch(parameters[0].unwrap_or_default()),
            b"else" => {
                self.output = !self.chosen;
                self.branch = Branch::Else;
                Ok(())
            }
            b"endif" => {
                self.output = true;
                self.chosen = false;
                self.branch = Branch::None;
                Ok(())
            }
            b"block" => self.block(parameters[0].unwrap_or_default()),
            _ => {
                self.output = true;
                self.in_block = false;
                Ok(())
            }
        }
    }

    fn fail(&self, message: std::fmt::Arguments<'_>) -> Failed {
        fail(&self.request, message)
    }

    /// The values of a command's parameters, in the order of its signature.
    fn parameters<'c>(
        &self,
        command: &'c Command,
        signature: Signature,
    ) -> Result<Vec<Option<&'c [u8]>>, Failed> {
        let name = String::from_utf8_lossy(&command.name);
        if command.parameters.len() > PARAMETERS_MAX {
            return Err(self.fail(format_args!("too many SSI command parameters: \"{name}\"")));
        }
        let mut values = vec![None; signature.len()];
        for (key, value) in &command.parameters {
            let known = signature
                .iter()
                .position(|(known, _)| known.as_bytes() == key);
            let key = String::from_utf8_lossy(key);
            let Some(index) = known else {
                return Err(self.fail(format_args!(
                    "invalid parameter name: \"{key}\" in \"{name}\" SSI command"
                )));
            };
            if values[index].replace(&value[..]).is_some() {
                return Err(self.fail(format_args!(
                    "duplicate \"{key}\" parameter in \"{name}\" SSI command"
                )));
            }
        }
        for ((key, mandatory), value) in signature.iter().zip(&values) {
            if *mandatory && value.is_none() {
                return Err(self.fail(format_args!(
                    "mandatory \"{key}\" parameter is absent in \"{name}\" SSI command"
                )));
            }
        }
        Ok(values)
    }

    fn include(&mut self, parameters: &[Option<&[u8]>], out: &mut Pieces) -> Done {
        let &[path, file, wait, set, stub] = parameters else {
            return Err(Failed);
        };
        let show = String::from_utf8_lossy;
        let target = match (path, file) {
            (Some(path), Some(file)) => {
                let (path, file) = (show(path), show(file));
                return Err(self.fail(format_args!(
                    "inclusion may be either virtual=\"{path}\" or file=\"{file}\""
                )));
            }
            (None, None) => {
                return Err(self.fail(format_args!("no parameter in \"include\" SSI command")));
            }
            (Some(target), None) | (None, Some(target)) => target,
        };
        if set.is_some() && stub.is_some() {
            return Err(self.fail(format_args!(
                "\"set\" and \"stub\" cannot be used together in \"include\" SSI command"
            )));
        }
        let waits = match (wait, file) {
            (None, file) => file.is_some(),
            (Some(_), Some(file)) => {
                let file = show(file);
                return Err(self.fail(format_args!("\"wait\" cannot be used with file=\"{file}\"")));
            }
            (Some(wait), None) if wait.eq_ignore_ascii_case(b"no") => false,
            (Some(wait), None) if wait.eq_ignore_ascii_case(b"yes") => true,
            (Some(wait), None) => {
                let wait = show(wait);
                return Err(self.fail(format_args!(
                    "invalid value \"{wait}\" in the \"wait\" parameter"
                )));
            }
        };
        let target = evaluate::path(&self.request, target)?;
        let Some((uri, args)) = parse_uri(&target) else {
            let target = show(&target);
            return Err(self.fail(format_args!("unsafe URI \"{target}\" was detected")));
        };
        let stub = stub.map(|name| self.find_block(name)).transpose()?;
        let ask = Ask {
            in_memory: set.is_some(),
            ..Ask::get(uri, args)
        };
        let sub = self.request.subrequest(ask).ok_or(Failed)?;
        if let Some(stub) = stub {
            sub.set_stub(stub, self.content_type.clone());
        }
        let piece = match set {
            None => Subrequest::new(sub),
            Some(name) => Subrequest::in_memory(sub, self.collect(name)),
        };
        out.push_back(Piece::Subrequest(piece));
        self.waiting = waits || set.is_some();
        Ok(())
    }

    /// Puts what is included into a variable, which there is from now on.
    fn collect(&self, name: &[u8]) -> Collect {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        State::of_main(&self.request, |state| {
            if !state.variables.contains_key(&name) {
                state.set(name.clone(), Bytes::new());
            }
        });
        let request = self.request.clone();
        Collect::new(move |value| State::of_main(&request, |state| state.set(name, value)))
    }

    fn find_block(&self, name: &[u8]) -> Result<Vec<Bytes>, Failed> {
        let found = State::of_main(&self.request, |state| {
            let mut blocks = state.blocks.iter();
            blocks
                .find(|(known, _)| known == name)
                .map(|(_, text)| text.clone())
        });
        found.ok_or_else(|| {
            let name = String::from_utf8_lossy(name);
            self.fail(format_args!(
                "\"stub\"=\"{name}\" for \"include\" not found"
            ))
        })
    }

    fn echo(&mut self, parameters: &[Option<&[u8]>], out: &mut Pieces) -> Done {
        let &[name, default, encoding] = parameters else {
            return Err(Failed);
        };
        let value = evaluate::variable(&self.request, name.unwrap_or_default());
        let value = value.unwrap_or_else(|| match default {
            Some(default) => Bytes::copy_from_slice(default),
            None => Bytes::from_static(b"(none)"),
        });
        if value.is_empty() {
            return Ok(());
        }
        match encoding {
            None => {}
            Some(b"none") => self.encoding = Encoding::None,
            Some(b"url") => self.encoding = Encoding::Url,
            Some(b"entity") => self.encoding = Encoding::Entity,
            Some(other) => {
                let other = String::from_utf8_lossy(other);
                // As nginx, which goes on with the encoding that it had.
                self.fail(format_args!(
                    "unknown encoding \"{other}\" in the \"echo\" command"
                ));
            }
        }
        put(self.encoding.encode(value), out);
        Ok(())
    }

    fn config(&mut self, parameters: &[Option<&[u8]>]) -> Done {
        let &[error, time_format] = parameters else {
            return Err(Failed);
        };
        if let Some(format) = time_format {
            let end = memchr::memchr(0, format).unwrap_or(format.len());
            let mut state = self.request.ssi.borrow_mut();
            state.get_or_insert_default().time_format = CString::new(&format[..end]).ok();
        }
        if let Some(error) = error {
            self.error = Bytes::copy_from_slice(error);
        }
        Ok(())
    }

    fn set(&mut self, parameters: &[Option<&[u8]>]) -> Done {
        let &[Some(name), Some(value)] = parameters else {
            return Err(Failed);
        };
        let value = evaluate::text(&self.request, value)?;
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        State::of_main(&self.request, |state| state.set(name, value));
        Ok(())
    }

    fn branch(&mut self, expression: &[u8]) -> Done {
        if self.chosen {
            self.output = false;
            return Ok(());
        }
        let holds = evaluate::expression(&self.request, expression)?;
        self.output = holds;
        self.chosen = holds;
        self.branch = Branch::If;
        Ok(())
    }

    fn block(&mut self, name: &[u8]) -> Done {
        let name = Bytes::copy_from_slice(name);
        let kept = State::of_main(&self.request, |state| {
            let room = state.blocks.len() < KEPT_MAX;
            if room {
                state.blocks.push((name, Vec::new()));
            }
            room
        });
        self.output = false;
        self.in_block = kept;
        Ok(())
    }
}

/// A command as it is written in a page.
fn written(command: &Command) -> Vec<u8> {
    let mut text = b"<!--#".to_vec();
    text.extend_from_slice(&command.name);
    for (key, value) in &command.parameters {
        for part in [&b" "[..], key, b"=\"", value, b"\""] {
            text.extend_from_slice(part);
        }
    }
    text.extend_from_slice(b" -->");
    text
}

fn put(bytes: Bytes, out: &mut Pieces) {
    if !bytes.is_empty() {
        out.push_back(Piece::Chunk(Chunk::Memory(bytes)));
    }
}

impl Encoding {
    fn encode(self, value: Bytes) -> Bytes {
        match self {
            Encoding::None => value,
            Encoding::Url => encode(&value, |byte, out| match byte {
                0..=b' ' | b'"' | b'#' | b'%' | b'\'' | b'<' | b'>' | b'\\' | b'^' | b'`' => {
                    out.extend(format!("%{byte:02X}").bytes());
                }
                b'{'..=b'}' | 0x7f.. => out.extend(format!("%{byte:02X}").bytes()),
                byte => out.push(byte),
            }),
            Encoding::Entity => encode(&value, |byte, out| match byte {
                b'<' => out.extend_from_slice(b"&lt;"),
                b'>' => out.extend_from_slice(b"&gt;"),
                b'&' => out.extend_from_slice(b"&amp;"),
                b'"' => out.extend_from_slice(b"&quot;"),
                byte => out.push(byte),
            }),
        }
    }
}

fn encode(value: &[u8], each: impl Fn(u8, &mut Vec<u8>)) -> Bytes {
    let mut out = Vec::with_capacity(value.len());
    for &byte in value {
        each(byte, &mut out);
    }
    out.into()
}

impl Inserter for Page {
    fn push(&mut self, chunk: Chunk, out: &mut Pieces) -> io::Result<()> {
        self.rest.push_back(chunk);
        self.run(out);
        Ok(())
    }

    fn finish(&mut self, out: &mut Pieces) -> io::Result<()> {
        self.ended = true;
        self.run(out);
        Ok(())
    }

    fn is_waiting(&self) -> bool {
        self.waiting || !self.rest.is_empty()
    }

    fn resume(&mut self, out: &mut Pieces) -> io::Result<()> {
        self.waiting = false;
        self.run(out);
        Ok(())
    }

    fn reads(&self) -> bool {
        true
    }
}
