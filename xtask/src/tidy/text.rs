//! Rules for every tracked text: no debts, nothing of one machine, no registry but the usual ones.

use super::Problems;
use super::tree::{File, Tree};

/// Words that no file may hold. They are put together here, so that this file does not hold them.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "decide it or file an issue"),
    (concat!("FIX", "ME"), "decide it or file an issue"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (
        concat!("registry.npm", "js.org"),
        "a registry's host: lock without resolved addresses",
    ),
    (concat!("index.cra", "tes.io"), "a registry's host"),
];

pub fn check(tree: &Tree, problems: &mut Problems) {
    // A licence and saved fuzz inputs are not ours to word.
    let theirs = |file: &&File| !file.path.contains("corpus/") && file.path != "LICENSE";
    for file in tree.files.iter().filter(theirs) {
        for (index, line) in file.text.lines().enumerate() {
            for (word, why) in FORBIDDEN.iter().filter(|(word, _)| line.contains(word)) {
                problems.at(&file.path, index + 1, &format!("{word:?}: {why}"));
            }
        }
        spacing(file, problems);
        if file.path.ends_with("package-lock.json") && file.text.contains("\"resolved\": \"http") {
            problems.in_file(
                &file.path,
                "names a registry: npm install --omit-lockfile-registry-resolved",
            );
        }
    }
}

/// Trailing blanks and a missing last newline, in what people write by hand.
fn spacing(file: &File, problems: &mut Problems) {
    let ours = [
        ".rs", ".toml", ".md", ".mjs", ".ts", ".css", ".html", ".yml",
    ];
    if !ours.iter().any(|end| file.path.ends_with(end)) {
        return;
    }
    for (index, line) in file.text.lines().enumerate() {
        if line.ends_with([' ', '\t']) {
            problems.at(&file.path, index + 1, "blanks at the end of a line");
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        problems.in_file(&file.path, "no newline at the end");
    }
}
