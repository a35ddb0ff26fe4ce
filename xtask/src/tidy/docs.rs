//! What documents must name: deliberate differences from nginx, and every dependency.

use super::Problems;
use super::crates::dependencies;
use super::tree::Tree;

const COMPAT: &str = "docs/nginx-compat.md";
const DEPENDENCIES: &str = "docs/decisions/0002-dependencies.md";
const MARK: &str = concat!("// DIFF", "ERS: ");

pub fn check(tree: &Tree, problems: &mut Problems) {
    if let Some(document) = tree.text(COMPAT) {
        differences(tree, document, problems);
    }
    if let Some(document) = tree.text(DEPENDENCIES) {
        reasons(tree, document, problems);
    }
}

/// The first line of each difference stands in the compatibility page, word for word.
fn differences(tree: &Tree, document: &str, problems: &mut Problems) {
    let document = words(document);
    for file in tree.with_end(".rs") {
        for (index, line) in file.text.lines().enumerate() {
            let note = line.trim_start().strip_prefix(MARK);
            if note.is_some_and(|note| !document.contains(&words(note))) {
                problems.at(
                    &file.path,
                    index + 1,
                    &format!("this difference is not in {COMPAT}"),
                );
            }
        }
    }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every dependency on a foreign crate has its reason.
fn reasons(tree: &Tree, document: &str, problems: &mut Problems) {
    let mut names: Vec<&str> = Vec::new();
    for manifest in tree.with_end("Cargo.toml") {
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            names.extend(dependencies(&manifest.text, table));
        }
    }
    names.sort_unstable();
    names.dedup();
    let root = tree.text("Cargo.toml").unwrap_or_default();
    let ours = |name: &str| root.contains(&format!("\n{name} = {{ path = "));
    for name in names.into_iter().filter(|name| !ours(name)) {
        if !document.contains(&format!("`{name}`")) {
            problems.in_file(DEPENDENCIES, &format!("has no reason for `{name}`"));
        }
    }
}
