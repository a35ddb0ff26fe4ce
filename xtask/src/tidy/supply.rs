//! Licences and sources of foreign crates, by the lists of `deny.toml`: what cargo-deny checks too,
//! here in a second and without it.

use super::Problems;
use super::tree::Tree;
use crate::run::{command, quiet};

const RULES: &str = "deny.toml";
const LOCK: &str = "Cargo.lock";

pub fn check(tree: &Tree, problems: &mut Problems) {
    let Some(rules) = tree.text(RULES) else {
        return problems.in_file(RULES, "is missing");
    };
    sources(tree, &list(rules, "allow-registry"), problems);
    licences(&list(rules, "allow"), problems);
}

/// The quoted words of `key = [ … ]`.
fn list<'a>(rules: &'a str, key: &str) -> Vec<&'a str> {
    let start = format!("\n{key} = [");
    let body = rules
        .split_once(start.as_str())
        .and_then(|(_, rest)| rest.split_once(']'));
    let words = body.map_or("", |(body, _)| body).split('"');
    words.skip(1).step_by(2).collect()
}

fn sources(tree: &Tree, allowed: &[&str], problems: &mut Problems) {
    for (index, line) in tree.text(LOCK).unwrap_or_default().lines().enumerate() {
        let Some(source) = line.strip_prefix("source = \"") else {
            continue;
        };
        let registry = source.trim_end_matches('"').strip_prefix("registry+");
        if !registry.is_some_and(|registry| allowed.contains(&registry)) {
            problems.at(
                LOCK,
                index + 1,
                &format!("a source that {RULES} does not allow"),
            );
        }
    }
}

fn licences(allowed: &[&str], problems: &mut Problems) {
    let mut tree =
        command("cargo tree --workspace --target all --edges all --prefix none --locked");
    let list = quiet(tree.args(["--format", "{p}\t{l}"]));
    if !list.success {
        return problems.in_file(LOCK, &format!("cargo tree: {}", list.output));
    }
    let mut seen: Vec<&str> = list
        .output
        .lines()
        .filter(|line| line.contains('\t'))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    for (name, licence) in seen.iter().filter_map(|line| line.split_once('\t')) {
        let licence = licence.trim_end_matches(" (*)").trim();
        if !satisfied(licence, allowed) {
            problems.in_file(
                LOCK,
                &format!("{name}: licence {licence:?} is not in {RULES}"),
            );
        }
    }
}

/// Whether an SPDX expression can be met with the licences of the list.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let met = any_of(&mut rest, allowed);
    met && rest.is_empty()
}

fn any_of(rest: &mut &[&str], allowed: &[&str]) -> bool {
    let mut met = all_of(rest, allowed);
    while let ["OR", tail @ ..] = *rest {
        *rest = tail;
        met |= all_of(rest, allowed);
    }
    met
}

fn all_of(rest: &mut &[&str], allowed: &[&str]) -> bool {
    let mut met = one(rest, allowed);
    while let ["AND", tail @ ..] = *rest {
        *rest = tail;
        met &= one(rest, allowed);
    }
    met
}

fn one(rest: &mut &[&str], allowed: &[&str]) -> bool {
    match *rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let met = any_of(rest, allowed);
            let closed = rest.first() == Some(&")");
            *rest = rest.get(1..).unwrap_or_default();
            met && closed
        }
        [licence, "WITH", exception, tail @ ..] => {
            *rest = tail;
            allowed.contains(&format!("{licence} WITH {exception}").as_str())
        }
        [licence, tail @ ..] => {
            *rest = tail;
            allowed.contains(licence)
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_met_by_one_side_of_or_and_both_of_and() {
        let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"];
        for met in [
            "MIT",
            "GPL-3.0/MIT",
            "MIT OR GPL-3.0",
            "(GPL-3.0 OR MIT) AND ISC",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
        ] {
            assert!(satisfied(met, &allowed), "{met}");
        }
        for unmet in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "Apache-2.0",
            "(MIT",
            "MIT ISC",
        ] {
            assert!(!satisfied(unmet, &allowed), "{unmet}");
        }
    }

    #[test]
    fn a_list_is_read_across_lines() {
        let rules = "[licenses]\nallow = [\n  \"MIT\",\n  \"ISC\",\n]\nallow-registry = [\"x\"]\n";
        assert_eq!(list(rules, "allow"), ["MIT", "ISC"]);
        assert_eq!(list(rules, "allow-registry"), ["x"]);
    }
}
