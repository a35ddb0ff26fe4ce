//! The shape of a Rust file: first line, lengths, names of files, forbidden words.

use super::Problems;
use super::exceptions::Exceptions;
use super::rust::Source;
use super::tree::{File, Tree};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// Code that only tests use: a failed set-up may end it there.
const TEST_CRATES: &[&str] = &["crates/testkit/", "xtask/"];

pub fn check(file: &File, tests: &[String], exceptions: &mut Exceptions, problems: &mut Problems) {
    let source = Source::read(&file.text);
    first_line(file, problems);
    file_name(file, problems);
    file_length(file, &source, exceptions, problems);
    function_lengths(file, &source, exceptions, problems);
    comment_width(file, problems);
    words(file, &source, problems);
    if !is_test(&file.path) && !tests.contains(&file.path) {
        expectations(file, &source, problems);
    }
}

/// The files that a `#[cfg(test)] mod name;` brings in.
pub fn test_files(tree: &Tree) -> Vec<String> {
    let mut files = Vec::new();
    for file in tree.with_end(".rs") {
        let code = Source::read(&file.text).code;
        let home = file
            .path
            .trim_end_matches("/lib.rs")
            .trim_end_matches(".rs")
            .to_owned();
        for rest in code.split("#[cfg(test)]").skip(1) {
            let declaration = rest.split_once(';').map_or("", |(words, _)| words);
            if let Some((visibility, name)) = declaration.trim().rsplit_once("mod ")
                && !visibility.contains('{')
            {
                files.push(format!("{home}/{name}.rs"));
            }
        }
    }
    files
}

fn is_test(path: &str) -> bool {
    TEST_CRATES.iter().any(|part| path.starts_with(part))
        || path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || path.contains("/benches/")
}

fn first_line(file: &File, problems: &mut Problems) {
    if !file.text.starts_with("//! ") {
        problems.at(
            &file.path,
            1,
            "the first line does not say what the file is (`//! …`)",
        );
    }
}

fn file_name(file: &File, problems: &mut Problems) {
    if file.path.ends_with("/mod.rs") && !file.path.ends_with("/modules/mod.rs") {
        problems.in_file(
            &file.path,
            "only modules/mod.rs is named so; use foo.rs beside foo/",
        );
    }
}

fn file_length(file: &File, source: &Source, ok: &mut Exceptions, problems: &mut Problems) {
    let tests = source.test_lines();
    let lines = source.code.lines().enumerate();
    let count = lines
        .filter(|(index, line)| {
            !line.trim().is_empty() && !tests.iter().any(|range| range.contains(&(index + 1)))
        })
        .count();
    if count > FILE_LINES_MAX && !ok.excuse(&file.path) {
        let what = format!("{count} lines of code, more than {FILE_LINES_MAX}");
        problems.in_file(&file.path, &what);
    }
}

fn function_lengths(file: &File, source: &Source, ok: &mut Exceptions, problems: &mut Problems) {
    for function in source.functions() {
        let lines = function.last - function.first + 1;
        let name = format!("{}::{}", file.path, function.name);
        if lines > FUNCTION_LINES_MAX && !ok.excuse(&name) {
            let what = format!(
                "`{}` has {lines} lines, more than {FUNCTION_LINES_MAX}",
                function.name
            );
            problems.at(&file.path, function.first, &what);
        }
    }
}

fn comment_width(file: &File, problems: &mut Problems) {
    for (index, line) in file.text.lines().enumerate() {
        let is_comment = line.trim_start().starts_with("//") && !line.contains("://");
        if is_comment && line.chars().count() > COLUMNS_MAX {
            problems.at(&file.path, index + 1, "a comment wider than 100 columns");
        }
    }
}

fn words(file: &File, source: &Source, problems: &mut Problems) {
    let forbidden = [
        ("#[ignore", "a test that is not run proves nothing"),
        ("should_panic", "assert the error instead of a panic"),
        ("#[allow(", "use #[expect(…, reason = \"…\")]"),
        ("#![allow(", "use #![expect(…, reason = \"…\")]"),
    ];
    for (word, why) in forbidden {
        for (at, _) in source.code.match_indices(word) {
            problems.at(&file.path, source.line_of(at), why);
        }
    }
}

/// `expect` outside tests names the invariant that makes it impossible to fail.
fn expectations(file: &File, source: &Source, problems: &mut Problems) {
    let tests = source.test_lines();
    for (at, word) in source.code.match_indices(".expect(") {
        let line = source.line_of(at);
        let argument = file.text[at + word.len()..].trim_start();
        let is_text = argument.starts_with('"');
        if is_text
            && !argument.starts_with("\"invariant: ")
            && !tests.iter().any(|range| range.contains(&line))
        {
            problems.at(&file.path, line, "`expect` without \"invariant: …\"");
        }
    }
}
