//! `match` blocks: what the answer to a health check has to be.

use bytes::Bytes;
use conf::{Diagnostic, Item, Word, value};
use proto::h1::ResponseHead;
use script::Regex;

/// What an answer has to be; without any rule, a status of 2xx or 3xx is enough.
#[derive(Debug, Default)]
pub struct Match {
    status: Option<Statuses>,
    headers: Vec<HeaderRule>,
    body: Option<TextRule>,
}

#[derive(Debug)]
struct Statuses {
    wanted: bool,
    ranges: Vec<(u16, u16)>,
}

#[derive(Debug)]
struct HeaderRule {
    name: Bytes,
    rule: Option<TextRule>,
    /// Without a rule for the value: whether there has to be such a field.
    wanted: bool,
}

#[derive(Debug)]
struct TextRule {
    wanted: bool,
    text: Text,
}

#[derive(Debug)]
enum Text {
    Is(Bytes),
    Matches(Regex),
}

/// Why an answer does not fit: nginx's words for what was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// Its status.
    Status,
    /// A header field.
    Header,
    /// Its body.
    Body,
}

impl Match {
    /// Whether the body is looked at.
    pub fn wants_body(&self) -> bool {
        self.body.is_some()
    }

    /// Looks at the head of an answer.
    pub fn check_head(&self, head: &ResponseHead, buf: &[u8]) -> Result<(), Mismatch> {
        let status = match &self.status {
            Some(statuses) => statuses.fit(head.status),
            None => !self.headers.is_empty() || self.body.is_some() || is_good(head.status),
        };
        if !status {
            return Err(Mismatch::Status);
        }
        match self.headers.iter().all(|rule| rule.fits(head, buf)) {
            true => Ok(()),
            false => Err(Mismatch::Header),
        }
    }

    /// Looks at what there is of its body.
    pub fn check_body(&self, body: &[u8]) -> Result<(), Mismatch> {
        match self.body.as_ref().is_none_or(|rule| rule.fits(body)) {
            true => Ok(()),
            false => Err(Mismatch::Body),
        }
    }

    /// `status [!] code | first-last …`
    pub(super) fn add_status(&mut self, item: &Item) -> Result<(), Diagnostic> {
        let (wanted, words) = match item.args.split_first() {
            Some((first, rest)) if first.text == b"!" => (false, rest),
            _ => (true, &item.args[..]),
        };
        if words.is_empty() {
            return Err(item.error("no status is given"));
        }
        let ranges = words
            .iter()
            .map(|word| {
                range(word)
                    .ok_or_else(|| item.error(format!("invalid status \"{}\"", word.display())))
            })
            .collect::<Result<_, _>>()?;
        item.once(&mut self.status, Statuses { wanted, ranges })
    }

    /// `header [!] name`, `header name OP value`
    pub(super) fn add_header(&mut self, item: &Item) -> Result<(), Diagnostic> {
        let name = |word: &Word| Bytes::copy_from_slice(&word.text);
        self.headers.push(match &item.args[..] {
            [one] => HeaderRule {
                name: name(one),
                rule: None,
                wanted: true,
            },
            [not, one] if not.text == b"!" => HeaderRule {
                name: name(one),
                rule: None,
                wanted: false,
            },
            [one, how, text] => HeaderRule {
                name: name(one),
                rule: Some(TextRule::parse(item, how, text)?),
                wanted: true,
            },
            _ => return Err(item.error("invalid number of parameters")),
        });
        Ok(())
    }

    /// `body ~ regex`, `body !~ regex`
    pub(super) fn set_body(&mut self, item: &Item) -> Result<(), Diagnostic> {
        let (how, text) = (item.arg(0)?, item.arg(1)?);
        let rule = TextRule::parse(item, how, text)?;
        if let Text::Is(_) = rule.text {
            return Err(item.invalid_parameter(how));
        }
        item.once(&mut self.body, rule)
    }
}

fn is_good(status: u16) -> bool {
    (200..=399).contains(&status)
}

fn range(word: &Word) -> Option<(u16, u16)> {
    let number = |text: &[u8]| u16::try_from(value::number(text)?).ok();
    let mut ends = word.text.splitn(2, |&byte| byte == b'-');
    let first = number(ends.next()?)?;
    let last = match ends.next() {
        Some(last) => number(last)?,
        None => first,
    };
    (100 <= first && first <= last && last <= 999).then_some((first, last))
}

impl Statuses {
    fn fit(&self, status: u16) -> bool {
        let has = |&(first, last): &(u16, u16)| (first..=last).contains(&status);
        self.ranges.iter().any(has) == self.wanted
    }
}

impl HeaderRule {
    fn fits(&self, head: &ResponseHead, buf: &[u8]) -> bool {
        let is = |name: &[u8]| name.eq_ignore_ascii_case(&self.name);
        let mut fields = head.fields.iter().filter(|field| is(field.name.of(buf)));
        match &self.rule {
            None => fields.next().is_some() == self.wanted,
            Some(rule) => match fields.next() {
                Some(field) => rule.fits(field.value.of(buf)),
                None => !rule.wanted,
            },
        }
    }
}

impl TextRule {
    fn parse(item: &Item, how: &Word, text: &Word) -> Result<Self, Diagnostic> {
        let regex = |caseless| {
            let regex = Regex::new(&text.text, caseless);
            regex.map_err(|error| item.error(error.to_string()).at(text.span))
        };
        let (wanted, text) = match &how.text[..] {
            b"=" => (true, Text::Is(Bytes::copy_from_slice(&text.text))),
            b"!=" => (false, Text::Is(Bytes::copy_from_slice(&text.text))),
            b"~" => (true, Text::Matches(regex(false)?)),
            b"!~" => (false, Text::Matches(regex(false)?)),
            b"~*" => (true, Text::Matches(regex(true)?)),
            b"!~*" => (false, Text::Matches(regex(true)?)),
            _ => return Err(item.invalid_parameter(how)),
        };
        Ok(Self { wanted, text })
    }

    fn fits(&self, text: &[u8]) -> bool {
        let fits = match &self.text {
            Text::Is(wanted) => text == &wanted[..],
            // A subject that is too much for the expression fits nothing.
            Text::Matches(regex) => regex.is_match(text).unwrap_or(false),
        };
        fits == self.wanted
    }
}
