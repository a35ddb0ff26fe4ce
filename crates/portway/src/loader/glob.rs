//! Path patterns, as `glob(3)` has them: `*`, `?`, `[a-z]`, `[!a-z]`, `\` before any of these.

use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

/// The paths that match `pattern`, sorted. A `*` or `?` does not match a leading dot, and nothing
/// but `/` matches a `/`.
pub fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        found = match component {
            Component::Normal(name) if is_pattern(name.as_bytes()) => found
                .iter()
                .flat_map(|folder| entries(folder, name.as_bytes()))
                .collect(),
            other => found.into_iter().map(|folder| folder.join(other)).collect(),
        };
    }
    found.retain(|path| path.symlink_metadata().is_ok());
    found.sort();
    found
}

fn is_pattern(name: &[u8]) -> bool {
    name.iter().any(|byte| b"*?[".contains(byte))
}

fn entries(folder: &Path, pattern: &[u8]) -> Vec<PathBuf> {
    let here = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let Ok(entries) = std::fs::read_dir(here) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().into_vec()));
    names
        .filter(|name| matches(pattern, name))
        .map(|name| folder.join(std::ffi::OsString::from_vec(name)))
        .collect()
}

/// Whether `name` matches `pattern`.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let hidden = name.first() == Some(&b'.');
    if hidden && pattern.first() != Some(&b'.') {
        return false;
    }
    // After a mismatch the last `*` takes one byte more; an earlier one never has to.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p + 1, n));
            p += 1;
            continue;
        }
        if let Some(length) = one(&pattern[p..], name[n]) {
            (p, n) = (p + length, n + 1);
            continue;
        }
        let Some((after, taken)) = star else {
            return false;
        };
        star = Some((after, taken + 1));
        (p, n) = (after, taken + 1);
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// The length of the pattern's first element if it matches `byte`.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', ..] => set(pattern, byte),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

/// As [`one`] for `[…]`; without an end it is a plain bracket.
fn set(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = 1 + usize::from(negated);
    // A bracket that comes first is a member, not the end.
    let end = pattern
        .iter()
        .skip(start + 1)
        .position(|&byte| byte == b']');
    let Some(end) = end.map(|end| start + 1 + end) else {
        return (byte == b'[').then_some(1);
    };
    let (mut at, mut inside) = (start, false);
    while at < end {
        match pattern[at..end] {
            [low, b'-', high, ..] => {
                inside |= (low..=high).contains(&byte);
                at += 3;
            }
            [member, ..] => {
                inside |= member == byte;
                at += 1;
            }
            [] => break,
        }
    }
    (inside != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name) in [
            ("*", "a"),
            ("*.conf", "a.conf"),
            ("a*b*c", "aXbYbZc"),
            ("?.c", "x.c"),
            ("[a-c]1", "b1"),
            ("[!a-c]1", "d1"),
            ("[]x]", "]"),
            ("a[", "a["),
            ("\\*", "*"),
            (".h*", ".hidden"),
        ] {
            assert!(
                matches(pattern.as_bytes(), name.as_bytes()),
                "{pattern} {name}"
            );
        }
        for (pattern, name) in [
            ("*", ".hidden"),
            ("?x", ".x"),
            ("*.conf", "a.conf~"),
            ("[a-c]1", "d1"),
            ("[!a-c]1", "a1"),
            ("a*b", "a"),
            ("\\*", "x"),
        ] {
            assert!(
                !matches(pattern.as_bytes(), name.as_bytes()),
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn found_paths_are_sorted_across_folders() {
        let top = std::env::temp_dir().join(format!("portway-glob-{}", std::process::id()));
        for file in ["b/2.conf", "a/9.conf", "a/1.conf", "a/x.txt", "c/.h.conf"] {
            let path = top.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = expand(&top.join("*/*.conf"));
        let none = expand(&top.join("*/none"));
        std::fs::remove_dir_all(&top).unwrap();
        let names = ["a/1.conf", "a/9.conf", "b/2.conf"].map(|name| top.join(name));
        assert_eq!(found, names);
        assert!(none.is_empty());
    }
}
