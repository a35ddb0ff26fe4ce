//! Regular expressions: PCRE2, JIT, on bytes, with limits in every pattern.

use std::sync::OnceLock;

use bytes::Bytes;

mod plain;

/// What a match left behind: `$1` … `$9` and the positions of named groups.
#[derive(Debug, Clone, Default)]
pub struct Captures {
    subject: Bytes,
    groups: Vec<Option<(u32, u32)>>,
}

impl Captures {
    /// Group `index`; 0 is the whole match.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let (start, end) = (*self.groups.get(index)?)?;
        self.subject.get(start as usize..end as usize)
    }
}

/// An expression. It is checked when it is read and compiled when it is first used: of 100,000
/// locations few are asked for before the next reload, and compiling is what costs.
pub struct Regex {
    compiled: OnceLock<Box<Result<pcre2::bytes::Regex, pcre2::Error>>>,
    source: Box<str>,
    caseless: bool,
    names: Box<[(Box<str>, usize)]>,
    groups: usize,
}

/// Why an expression cannot be used, or a match could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The pattern is not UTF-8.
    #[error("the expression is not UTF-8")]
    NotUtf8,
    /// PCRE2's own words.
    #[error("{0}")]
    Pcre(#[from] pcre2::Error),
}

impl Regex {
    /// Compiles a pattern; `caseless` is `~*`.
    pub fn new(pattern: &[u8], caseless: bool) -> Result<Self, Error> {
        let source = std::str::from_utf8(pattern).map_err(|_| Error::NotUtf8)?;
        let groups = match plain::groups(source) {
            Some(groups) => groups,
            None => ask_for_groups(source, caseless)?,
        };
        Ok(Self {
            compiled: OnceLock::new(),
            names: groups.names.into(),
            groups: groups.count,
            source: source.into(),
            caseless,
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Named groups and their numbers.
    pub fn names(&self) -> &[(Box<str>, usize)] {
        &self.names
    }

    /// The number of groups, the whole match not counted.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Whether it matches.
    pub fn is_match(&self, subject: &[u8]) -> Result<bool, Error> {
        Ok(self.compiled()?.is_match(subject)?)
    }

    /// Matches and keeps the groups.
    pub fn captures(&self, subject: &Bytes) -> Result<Option<Captures>, Error> {
        let regex = self.compiled()?;
        let mut locations = regex.capture_locations();
        if regex.captures_read(&mut locations, subject)?.is_none() {
            return Ok(None);
        }
        let groups = (0..locations.len()).map(|index| {
            let (start, end) = locations.get(index)?;
            Some((start as u32, end as u32))
        });
        Ok(Some(Captures {
            subject: subject.clone(),
            groups: groups.collect(),
        }))
    }

    fn compiled(&self) -> Result<&pcre2::bytes::Regex, Error> {
        let compile = || Box::new(compile(&self.source, self.caseless));
        let compiled = &**self.compiled.get_or_init(compile);
        compiled
            .as_ref()
            .map_err(|error| Error::Pcre(error.clone()))
    }
}

fn compile(source: &str, caseless: bool) -> Result<pcre2::bytes::Regex, pcre2::Error> {
    // A subject comes from the network and must not make a match run for ever.
    let limited = format!("(*LIMIT_MATCH=1000000)(*LIMIT_DEPTH=10000){source}");
    let mut builder = pcre2::bytes::RegexBuilder::new();
    builder.caseless(caseless).jit_if_available(true);
    builder.build(&limited)
}

/// Has PCRE2 check a pattern and tell its groups.
fn ask_for_groups(source: &str, caseless: bool) -> Result<plain::Groups, pcre2::Error> {
    let mut builder = pcre2::bytes::RegexBuilder::new();
    let regex = builder.caseless(caseless).build(source)?;
    let names = regex.capture_names().iter().enumerate();
    let names = names.filter_map(|(number, name)| Some((name.as_deref()?.into(), number)));
    Ok(plain::Groups {
        count: regex.captures_len().saturating_sub(1),
        names: names.collect(),
    })
}

impl std::fmt::Debug for Regex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Regex").field(&self.source).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_explodes_ends_with_an_error_and_not_with_the_thread() {
        let regex = Regex::new(b"^(a+)+$", false).expect("a good pattern");
        let mut subject = vec![b'a'; 64];
        subject.push(b'b');
        assert!(regex.is_match(&subject).is_err());
    }

    #[test]
    fn groups_are_found_by_number_and_by_name() {
        let regex = Regex::new(b"^/(?<a>\\w+)/(x)?(\\w+)", false).expect("a good pattern");
        assert_eq!(regex.names(), [("a".into(), 1)]);
        let found = regex
            .captures(&Bytes::from_static(b"/one/two"))
            .expect("matches");
        let found = found.expect("a match");
        assert_eq!(found.get(1), Some(&b"one"[..]));
        assert_eq!(found.get(2), None);
        assert_eq!(found.get(3), Some(&b"two"[..]));
        assert_eq!(found.get(9), None);
    }
}
