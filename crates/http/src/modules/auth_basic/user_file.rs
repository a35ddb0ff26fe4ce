//! The file with the users: lines of `name:password`, whatever follows a second colon is a comment.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

/// What is read of a file at most, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The stored password of a user; `None` if there is no such user.
pub fn find(path: &Path, user: &[u8]) -> io::Result<Option<Vec<u8>>> {
    find_in(BufReader::new(File::open(path)?.take(FILE_BYTES_MAX)), user)
}

/// The same, and the stored password of another user if there is none of this one: to compare with,
/// so that the time that it takes does not tell who exists.
pub fn find_or_other(path: &Path, user: &[u8]) -> io::Result<Found> {
    let mut lines = BufReader::new(File::open(path)?.take(FILE_BYTES_MAX));
    let mut line = Vec::new();
    let mut other = None;
    while read_line(&mut lines, &mut line)? {
        if let Some(stored) = stored_of(&line, user) {
            return Ok(Found::User(stored.to_vec()));
        }
        if other.is_none()
            && let Some(colon) = memchr::memchr(b':', &line)
            && let Some(stored) = stored_of(&line, &line[..colon])
        {
            other = Some(stored.to_vec());
        }
    }
    Ok(other.map_or(Found::Nobody, Found::Other))
}

/// Whose password was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// The user's.
    User(Vec<u8>),
    /// Somebody else's.
    Other(Vec<u8>),
    /// There are no users.
    Nobody,
}

/// Looks through lines without keeping any but the one of the user, of which as much is kept as a
/// stored password can have.
fn find_in(mut lines: impl BufRead, user: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    while read_line(&mut lines, &mut line)? {
        if let Some(stored) = stored_of(&line, user) {
            return Ok(Some(stored.to_vec()));
        }
    }
    Ok(None)
}

/// More of a line is read over.
const LINE_BYTES_MAX: usize = 8192;

/// Reads a line without its end; false at the end of the file.
fn read_line(lines: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut begun = false;
    loop {
        let available = match lines.fill_buf() {
            Ok([]) => return Ok(begun),
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        begun = true;
        let end = memchr::memchr(b'\n', available);
        let part = &available[..end.unwrap_or(available.len())];
        line.extend_from_slice(&part[..part.len().min(LINE_BYTES_MAX - line.len())]);
        let consumed = end.map_or(available.len(), |end| end + 1);
        lines.consume(consumed);
        if end.is_some() {
            return Ok(true);
        }
    }
}

fn stored_of<'a>(line: &'a [u8], user: &[u8]) -> Option<&'a [u8]> {
    if line.starts_with(b"#") {
        return None;
    }
    let rest = line.strip_prefix(user)?.strip_prefix(b":")?;
    let end = rest.iter().position(|&byte| byte == b':' || byte == b'\r');
    Some(&rest[..end.unwrap_or(rest.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, user: &str) -> Option<String> {
        // A small buffer, so that lines are put together from parts.
        let lines = BufReader::with_capacity(7, text.as_bytes());
        let stored = find_in(lines, user.as_bytes()).expect("memory can be read");
        stored.map(|stored| String::from_utf8_lossy(&stored).into_owned())
    }

    #[test]
    fn users_are_found_by_their_whole_name() {
        let text =
            "# users\n\nalice:one\r\nbob:two:a comment\n:nobody\n#eve:x\nalice:second\nlast:end";
        assert_eq!(find(text, "alice").as_deref(), Some("one"));
        assert_eq!(find(text, "bob").as_deref(), Some("two"));
        assert_eq!(find(text, "last").as_deref(), Some("end"));
        for user in ["ali", "alice:one", "alicex", "#eve", "eve", "x", "# users"] {
            assert_eq!(find(text, user), None, "{user}");
        }
    }

    #[test]
    fn an_overlong_line_is_cut_and_those_behind_it_are_read() {
        let text = format!("a:{}\nb:two\n", "x".repeat(100_000));
        assert_eq!(
            find(&text, "a").map(|stored| stored.len()),
            Some(LINE_BYTES_MAX - 2)
        );
        assert_eq!(find(&text, "b").as_deref(), Some("two"));
    }
}
