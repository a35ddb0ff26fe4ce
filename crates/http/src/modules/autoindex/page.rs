//! What a listing looks like: nginx's HTML, JSON and XML to the byte, since programs read them.

use std::io::Write as _;

use bytes::Bytes;
use net::sys::time::utc;
use proto::h1::{Escape, escape_into, format_http_date};

/// A line of a listing.
#[derive(Debug)]
pub(super) struct Entry {
    pub name: Bytes,
    pub is_dir: bool,
    /// Neither is a socket, for one.
    pub is_file: bool,
    /// In seconds since 1970.
    pub modified: i64,
    /// In bytes.
    pub size: u64,
}

/// How sizes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sizes {
    Exact,
    /// To the next kilobyte, megabyte or gigabyte.
    Rounded,
}

/// How many characters of a name are shown.
const NAME_WIDTH: usize = 50;

/// A page; `offset` are the seconds to add to times.
pub(super) fn html(uri: &[u8], entries: &[Entry], offset: i64, sizes: Sizes) -> Vec<u8> {
    let mut out = b"<html>\r\n<head><title>Index of ".to_vec();
    escape_html(&mut out, uri);
    out.extend_from_slice(b"</title></head>\r\n<body>\r\n<h1>Index of ");
    escape_html(&mut out, uri);
    out.extend_from_slice(b"</h1><hr><pre><a href=\"../\">../</a>\r\n");
    for entry in entries {
        append_link(&mut out, entry);
        append_time(&mut out, entry.modified + offset);
        append_size(&mut out, entry, sizes);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"</pre><hr></body>\r\n</html>\r\n");
    out
}

fn append_link(out: &mut Vec<u8>, entry: &Entry) {
    let slash: &[u8] = if entry.is_dir { b"/" } else { b"" };
    out.extend_from_slice(b"<a href=\"");
    escape_into(out, &entry.name, Escape::UriComponent);
    out.extend_from_slice(slash);
    out.extend_from_slice(b"\">");
    // DIFFERS: nginx counts characters only where "charset utf-8" is set and bytes elsewhere, and
    // so cuts within characters; names are counted in characters if they are UTF-8.
    let (width, cut) = match std::str::from_utf8(&entry.name) {
        Ok(name) => {
            let cut = name.char_indices().nth(NAME_WIDTH - 3);
            (name.chars().count(), cut.map(|(at, _)| at))
        }
        Err(_) => (entry.name.len(), Some(NAME_WIDTH - 3)),
    };
    if let (Some(cut), true) = (cut, width > NAME_WIDTH) {
        escape_html(out, &entry.name[..cut]);
        out.extend_from_slice(b"..&gt;</a> ");
        return;
    }
    escape_html(out, &entry.name);
    let slash = if width < NAME_WIDTH { slash } else { b"" };
    out.extend_from_slice(slash);
    out.extend_from_slice(b"</a>");
    out.resize(out.len() + NAME_WIDTH - width - slash.len() + 1, b' ');
}

fn append_time(out: &mut Vec<u8>, seconds: i64) {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let at = utc(seconds);
    let month = MONTHS.get(usize::from(at.month).wrapping_sub(1));
    // Writing to memory does not fail.
    let _ = write!(
        out,
        "{:02}-{}-{} {:02}:{:02} ",
        at.day,
        month.unwrap_or(&""),
        at.year,
        at.hour,
        at.minute
    );
}

fn append_size(out: &mut Vec<u8>, entry: &Entry, sizes: Sizes) {
    let _ = match (sizes, entry.is_dir) {
        (Sizes::Exact, true) => write!(out, "{:>19}", "-"),
        (Sizes::Exact, false) => write!(out, "{:>19}", entry.size),
        (Sizes::Rounded, true) => write!(out, "{:>7}", "-"),
        (Sizes::Rounded, false) => write!(out, "{:>7}", rounded(entry.size)),
    };
}

/// A size in the largest unit that it has one of; up to 9999 in bytes.
fn rounded(size: u64) -> String {
    let (unit, letter) = match size {
        0..=9_999 => return size.to_string(),
        10_000..=0xf_ffff => (1 << 10, 'K'),
        0x10_0000..=0x3fff_ffff => (1 << 20, 'M'),
        _ => (1 << 30, 'G'),
    };
    let up = u64::from(size % unit >= unit / 2);
    format!("{}{letter}", size / unit + up)
}

/// An array of objects.
pub(super) fn json(entries: &[Entry]) -> Vec<u8> {
    let mut out = b"[".to_vec();
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"\r\n{ \"name\":\"");
        escape_json(&mut out, &entry.name);
        let date = format_http_date(entry.modified);
        let _ = write!(out, "\", \"type\":\"{}\", \"mtime\":\"", kind(entry));
        out.extend_from_slice(&date);
        out.push(b'"');
        if entry.is_file {
            let _ = write!(out, ", \"size\":{}", entry.size);
        }
        out.extend_from_slice(b" }");
    }
    out.extend_from_slice(b"\r\n]");
    out
}

/// A call of `callback` with that array.
pub(super) fn jsonp(entries: &[Entry], callback: &[u8]) -> Vec<u8> {
    let mut out = b"/* callback */\r\n".to_vec();
    out.extend_from_slice(callback);
    out.push(b'(');
    out.extend(json(entries));
    out.extend_from_slice(b");");
    out
}

/// A document.
pub(super) fn xml(entries: &[Entry]) -> Vec<u8> {
    let mut out = b"<?xml version=\"1.0\"?>\r\n<list>\r\n".to_vec();
    for entry in entries {
        let (kind, at) = (kind(entry), utc(entry.modified));
        let _ = write!(
            out,
            "<{kind} mtime=\"{:4}-{:02}-{:02}T{:02}:{:02}:{:02}Z\"",
            at.year, at.month, at.day, at.hour, at.minute, at.second
        );
        if entry.is_file {
            let _ = write!(out, " size=\"{}\"", entry.size);
        }
        out.push(b'>');
        escape_html(&mut out, &entry.name);
        let _ = write!(out, "</{kind}>\r\n");
    }
    out.extend_from_slice(b"</list>\r\n");
    out
}

fn kind(entry: &Entry) -> &'static str {
    match (entry.is_dir, entry.is_file) {
        (true, _) => "directory",
        (false, true) => "file",
        (false, false) => "other",
    }
}

fn escape_html(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match byte {
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            _ => out.push(byte),
        }
    }
}

fn escape_json(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            0..=0x1f => {
                let _ = write!(out, "\\u{byte:04X}");
            }
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Entry {
        Entry {
            name: Bytes::copy_from_slice(name.as_bytes()),
            is_dir: name.ends_with('D'),
            is_file: true,
            modified: 784_111_777,
            size: 10_240,
        }
    }

    fn line(name: &str) -> String {
        let page = html(b"/", &[entry(name)], 0, Sizes::Exact);
        let page = String::from_utf8(page).unwrap();
        page.lines().nth(4).unwrap().to_owned()
    }

    #[test]
    fn a_name_is_padded_to_its_column_or_cut() {
        let stamp = "06-Nov-1994 08:49               10240";
        let name = "a<b";
        let padding = " ".repeat(47);
        assert_eq!(
            line(name),
            format!("<a href=\"a%3Cb\">a&lt;b</a>{padding} {stamp}")
        );
        let long = "x".repeat(51);
        let wanted = format!("<a href=\"{long}\">{}..&gt;</a> {stamp}", "x".repeat(47));
        assert_eq!(line(&long), wanted);
        let cyrillic = "ф".repeat(51);
        assert!(line(&cyrillic).contains(&format!(">{}..&gt;<", "ф".repeat(47))));
        let folder = "D".repeat(50);
        assert!(line(&folder).contains("D</a> 06-Nov-1994 08:49                   -"));
        assert!(line("D").contains(">D/</a>                                                 06-"));
    }

    #[test]
    fn sizes_are_rounded_to_the_largest_unit() {
        let pairs = [
            (9_999, "9999"),
            (10_000, "10K"),
            (10_752, "11K"),
            (10_751, "10K"),
            ((1 << 20) - 1, "1024K"),
            (3 << 19, "2M"),
            ((1 << 30) - 1, "1024M"),
            (5 << 29, "3G"),
        ];
        for (size, wanted) in pairs {
            assert_eq!(rounded(size), wanted);
        }
    }
}
