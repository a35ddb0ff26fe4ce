//! Request targets: decoding and normalising (`ngx_http_parse_complex_uri`).

use std::borrow::Cow;

use super::escape::{Unescape, hex_value, unescape};

/// A request target, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// The decoded path without dot segments (`$uri`); begins with a slash.
    pub path: Cow<'a, [u8]>,
    /// What stands between `?` and `#`, as written (`$args`).
    pub args: &'a [u8],
    /// The path had a percent-encoded byte.
    pub is_quoted: bool,
    /// The path had a plus sign, raw or encoded.
    pub has_plus: bool,
}

/// A target that has no meaning as a path: the client is at fault, the status is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("client sent invalid request")]
pub struct InvalidUri;

/// What happens to repeated slashes of a path (`merge_slashes`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slashes {
    /// They become one.
    #[default]
    Merge,
    /// They stay.
    Keep,
}

/// Decodes the target of a request and resolves its dot segments.
///
/// `target` begins with a slash, or with a question mark for an empty path. The path is borrowed
/// unless it changed.
pub fn normalize(target: &[u8], slashes: Slashes) -> Result<Uri<'_>, InvalidUri> {
    let is_forbidden = |&byte: &u8| byte <= b' ' || byte == 0x7f;
    if !matches!(target.first(), Some(b'/' | b'?')) || target.iter().any(is_forbidden) {
        return Err(InvalidUri);
    }
    let (path, args) = split_args(target);
    let (path, is_quoted) = match path {
        [] => (Cow::Borrowed(b"/".as_slice()), false),
        path if is_plain(path, slashes) => (Cow::Borrowed(path), false),
        path => (
            Cow::Owned(Normalizer::new(path, slashes).run(path)?),
            path.contains(&b'%'),
        ),
    };
    let has_plus = path.contains(&b'+');
    Ok(Uri {
        path,
        args,
        is_quoted,
        has_plus,
    })
}

/// A URI that another program named: it reaches out of the tree, or has no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unsafe URI was detected")]
pub struct UnsafeUri;

/// Decodes the path of a URI that an upstream server or a page names for this server to look up
/// (`X-Accel-Redirect`, includes); gives path and arguments.
///
/// As `ngx_http_parse_unsafe_uri`, and a `..` before the arguments is found, too.
pub fn internal(uri: &[u8]) -> Result<(Cow<'_, [u8]>, &[u8]), UnsafeUri> {
    let mark = memchr::memchr(b'?', uri).unwrap_or(uri.len());
    let (path, args) = uri.split_at_checked(mark).unwrap_or((uri, &[]));
    let path = unescape(path, Unescape::All);
    let climbs = path
        .split(|&byte| byte == b'/')
        .any(|segment| segment == b"..");
    if path.is_empty() || climbs || path.contains(&0) {
        return Err(UnsafeUri);
    }
    Ok((path, args.get(1..).unwrap_or_default()))
}

/// The file name extension of a path: what follows the last dot of its last segment, unless the
/// segment begins with that dot.
pub fn extension(path: &[u8]) -> &[u8] {
    let segment = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    match segment.iter().rposition(|&byte| byte == b'.') {
        Some(dot) if dot > 0 => segment.get(dot + 1..).unwrap_or_default(),
        _ => &[],
    }
}

/// The value of the argument `name`, compared without case, still encoded (`$arg_name`).
pub fn argument<'a>(args: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    args.split(|&byte| byte == b'&').find_map(|argument| {
        let (given, value) = argument.split_at_checked(name.len())?;
        let value = value.strip_prefix(b"=")?;
        given.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// The path and the arguments, without the fragment.
fn split_args(target: &[u8]) -> (&[u8], &[u8]) {
    let fragment = memchr::memchr(b'#', target).unwrap_or(target.len());
    let target = target.get(..fragment).unwrap_or(target);
    match memchr::memchr(b'?', target).and_then(|mark| target.split_at_checked(mark)) {
        Some((path, args)) => (path, args.get(1..).unwrap_or_default()),
        None => (target, &[]),
    }
}

/// Whether decoding would leave the path as it is.
fn is_plain(path: &[u8], slashes: Slashes) -> bool {
    let mut after_slash = false;
    path.iter().all(|&byte| {
        let is_plain = match byte {
            b'%' => false,
            b'.' => !after_slash,
            b'/' => !after_slash || slashes == Slashes::Keep,
            _ => true,
        };
        after_slash = byte == b'/';
        is_plain
    })
}

struct Normalizer {
    out: Vec<u8>,
    state: State,
    slashes: Slashes,
}

/// What stands at the end of the output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Usual,
    /// `/`
    Slash,
    /// `/.`
    Dot,
    /// `/..`
    DotDot,
}

impl Normalizer {
    fn new(path: &[u8], slashes: Slashes) -> Self {
        Self {
            out: Vec::with_capacity(path.len()),
            state: State::Usual,
            slashes,
        }
    }

    fn run(mut self, path: &[u8]) -> Result<Vec<u8>, InvalidUri> {
        let mut rest = path.iter();
        while let Some(&byte) = rest.next() {
            if byte != b'%' {
                self.put(byte)?;
                continue;
            }
            let mut digit = || hex_value(*rest.next()?);
            let (Some(high), Some(low)) = (digit(), digit()) else {
                return Err(InvalidUri);
            };
            match high << 4 | low {
                0 => return Err(InvalidUri),
                byte @ (b'%' | b'#' | b'?') => self.put_usual(byte),
                // An encoded slash or dot means the same as a plain one.
                byte => self.put(byte)?,
            }
        }
        match self.state {
            State::Dot => self.drop_dot(),
            State::DotDot => self.drop_segment()?,
            State::Usual | State::Slash => {}
        }
        Ok(self.out)
    }

    fn put(&mut self, byte: u8) -> Result<(), InvalidUri> {
        match (self.state, byte) {
            (State::Slash, b'/') if self.slashes == Slashes::Merge => {}
            (State::Usual | State::Slash, b'/') => self.push(byte, State::Slash),
            (State::Slash, b'.') => self.push(byte, State::Dot),
            (State::Dot, b'.') => self.push(byte, State::DotDot),
            (State::Dot, b'/') => self.drop_dot(),
            (State::DotDot, b'/') => self.drop_segment()?,
            _ => self.put_usual(byte),
        }
        Ok(())
    }

    fn put_usual(&mut self, byte: u8) {
        self.push(byte, State::Usual);
    }

    fn push(&mut self, byte: u8, state: State) {
        self.out.push(byte);
        self.state = state;
    }

    /// `/a/.` becomes `/a/`.
    fn drop_dot(&mut self) {
        self.out.pop();
        self.state = State::Slash;
    }

    /// `/a/b/..` becomes `/a/`; the root has nothing above it.
    fn drop_segment(&mut self) -> Result<(), InvalidUri> {
        let above = self.out.len().checked_sub("/..".len()).ok_or(InvalidUri)?;
        self.out.truncate(above);
        let slash = self
            .out
            .iter()
            .rposition(|&byte| byte == b'/')
            .ok_or(InvalidUri)?;
        self.out.truncate(slash + 1);
        self.state = State::Slash;
        Ok(())
    }
}
