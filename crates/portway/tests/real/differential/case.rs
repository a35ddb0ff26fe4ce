//! One case of the corpus: a name, what is excused, and the bytes to send.

use std::fs;
use std::path::Path;

/// What is sent on one connection.
#[derive(Debug, Default)]
pub struct Case {
    pub name: String,
    /// The methods of the responses to read; by default one, the request's own.
    pub methods: Vec<String>,
    /// Fields (or `body`) that need not be the same.
    pub ignored: Vec<String>,
    /// That the two are known to differ.
    pub differs: Option<Known>,
    pub bytes: Vec<u8>,
}

/// A known difference: what our first status must be, and why it is not nginx's answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    pub status: String,
    pub reason: String,
}

impl Case {
    pub fn read_all(path: &Path) -> Vec<Self> {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let blocks = text.split("\n=== ").skip(1);
        let cases: Vec<Self> = blocks.map(Self::read).collect();
        assert!(!cases.is_empty(), "{} has no case", path.display());
        cases
    }

    fn read(block: &str) -> Self {
        let mut lines = block.lines();
        let name = lines.next().unwrap_or_default().to_owned();
        let mut case = Self {
            name,
            ..Self::default()
        };
        for line in lines {
            match line.strip_prefix("@ ") {
                Some(option) => case.option(option),
                None => case.request_line(line),
            }
        }
        if case.methods.is_empty() {
            let first = case
                .bytes
                .split(|&byte| byte == b' ')
                .next()
                .unwrap_or_default();
            case.methods
                .push(String::from_utf8_lossy(first).into_owned());
        }
        case
    }

    fn option(&mut self, option: &str) {
        match option.split_once(' ') {
            Some(("responses", methods)) => {
                self.methods = methods.split(' ').map(str::to_owned).collect();
            }
            Some(("ignore", words)) => {
                self.ignored
                    .extend(words.split(' ').next().map(str::to_ascii_lowercase));
            }
            Some(("differs", words)) => {
                let (status, reason) = words.split_once(' ').expect("a status and a reason");
                self.differs = Some(Known {
                    status: status.into(),
                    reason: reason.into(),
                });
            }
            _ => panic!("{}: option {option:?}", self.name),
        }
    }

    /// A line is sent with CRLF; one that ends in a backslash without.
    fn request_line(&mut self, line: &str) {
        let (line, end) = match line.strip_suffix('\\') {
            Some(line) => (line, &b""[..]),
            None => (line, &b"\r\n"[..]),
        };
        unescape(line, &mut self.bytes);
        self.bytes.extend_from_slice(end);
    }
}

/// `\r`, `\n`, `\t`, `\\`, `\xHH` and `\{COUNT*TEXT}`, which repeats.
fn unescape(line: &str, bytes: &mut Vec<u8>) {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let length = match after.as_bytes().first() {
            Some(b'r') => push(bytes, b"\r", 1),
            Some(b'n') => push(bytes, b"\n", 1),
            Some(b't') => push(bytes, b"\t", 1),
            Some(b'\\') => push(bytes, b"\\", 1),
            Some(b'x') => {
                let byte = u8::from_str_radix(&after[1..3], 16).expect("two hexadecimal digits");
                push(bytes, &[byte], 3)
            }
            Some(b'{') => {
                let (inside, _) = after[1..].split_once('}').expect("a closing brace");
                let (count, text) = inside.split_once('*').expect("COUNT*TEXT");
                let count = count.parse().expect("a number");
                push(bytes, text.repeat(count).as_bytes(), inside.len() + 2)
            }
            other => panic!("escape {other:?} in {line:?}"),
        };
        rest = &after[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
}

fn push(bytes: &mut Vec<u8>, what: &[u8], length: usize) -> usize {
    bytes.extend_from_slice(what);
    length
}

#[test]
fn a_case_is_read_with_its_options_and_escapes() {
    let case = Case::read(
        "two at once\n@ responses HEAD GET\n@ ignore ETag weak there\nGET /\\x41\\{3*b} HTTP/1.1\n\
         Host: a\n\nbody\\",
    );
    assert_eq!(case.name, "two at once");
    assert_eq!(case.methods, ["HEAD", "GET"]);
    assert_eq!(case.ignored, ["etag"]);
    assert_eq!(case.bytes, b"GET /Abbb HTTP/1.1\r\nHost: a\r\n\r\nbody");
}
