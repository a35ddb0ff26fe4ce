//! The crates: who may depend on whom, what each must declare.

use super::Problems;
use super::tree::{File, Tree};

/// A crate may depend on crates of a lower layer only, not on its neighbours.
const LAYERS: &[&[&str]] = &[
    &["conf", "proto", "x509"],
    &["net", "picture", "jwt"],
    &["script", "recording"],
    &["upstream"],
    &["common"],
    &["vnc"],
    &["http", "stream", "mail"],
    &["portway"],
];

/// Crates of ours that these may use besides; nobody but `portway` may use them.
const LEAVES: &[(&str, &[&str])] = &[("demo", &["proto", "net"]), ("pages", &[])];

const UNSAFE_CRATE: &str = "net";

pub fn check(tree: &Tree, problems: &mut Problems) {
    let manifests = tree.with_end("/Cargo.toml");
    for manifest in manifests.filter(|file| file.path.starts_with("crates/")) {
        let name = manifest.path.split('/').nth(1).unwrap_or_default();
        arrows(name, manifest, problems);
        lints(manifest, problems);
        forbids_unsafe(tree, name, problems);
        if name == "proto" && dependencies(&manifest.text, "dependencies").contains(&"tokio") {
            problems.in_file(&manifest.path, "proto knows no runtime");
        }
    }
}

fn arrows(name: &str, manifest: &File, problems: &mut Problems) {
    let test_only = ["testkit"];
    for other in dependencies(&manifest.text, "dependencies") {
        if test_only.contains(&other) {
            problems.in_file(
                &manifest.path,
                &format!("{other} is for tests: dev-dependencies"),
            );
        } else if is_ours(other) && !may_use(name, other) {
            problems.in_file(
                &manifest.path,
                &format!("{name} must not depend on {other}"),
            );
        }
    }
}

fn may_use(name: &str, other: &str) -> bool {
    let leaf = LEAVES.iter().find(|(leaf, _)| *leaf == name);
    if let Some((_, allowed)) = leaf {
        return allowed.contains(&other);
    }
    if LEAVES.iter().any(|(leaf, _)| *leaf == other) {
        return name == "portway";
    }
    match (layer(name), layer(other)) {
        (Some(above), Some(below)) => below < above,
        _ => false,
    }
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

fn is_ours(name: &str) -> bool {
    layer(name).is_some() || LEAVES.iter().any(|(leaf, _)| *leaf == name)
}

/// The names in a manifest's table, and in the same table of a target.
pub fn dependencies<'a>(manifest: &'a str, table: &str) -> Vec<&'a str> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            inside = header == table
                || (header.starts_with("target.") && header.ends_with(&format!(".{table}")));
        } else if inside && !line.starts_with('#') {
            names.extend(
                line.split(['.', '=', ' '])
                    .next()
                    .filter(|name| !name.is_empty()),
            );
        }
    }
    names
}

fn lints(manifest: &File, problems: &mut Problems) {
    if !manifest.text.contains("[lints]\nworkspace = true") {
        problems.in_file(&manifest.path, "does not take the workspace's lints");
    }
}

fn forbids_unsafe(tree: &Tree, name: &str, problems: &mut Problems) {
    let roots = ["lib.rs", "main.rs"].map(|file| format!("crates/{name}/src/{file}"));
    for root in roots {
        let text = tree.text(&root);
        if text.is_some_and(|text| !text.contains("#![forbid(unsafe_code)]"))
            && name != UNSAFE_CRATE
        {
            problems.in_file(&root, "does not say #![forbid(unsafe_code)]");
        }
    }
}
