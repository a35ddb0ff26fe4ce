//! `cargo xtask tidy`: the rules of the house that a machine can check.
//!
//! Each rule is a function over the [`Tree`] of tracked files that reports to [`Problems`]. What
//! breaks a rule for a good reason is listed in `xtask/tidy-exceptions.txt`; a line there that
//! excuses nothing any more is itself a problem.

use std::process::ExitCode;

use crate::report::Count;
use crate::run::root;

mod crates;
mod docs;
mod exceptions;
mod rust;
mod shape;
mod supply;
#[cfg(test)]
mod tests;
mod text;
mod tree;

use exceptions::Exceptions;
use tree::Tree;

/// What was found: a place and a sentence each.
#[derive(Debug, Default)]
struct Problems {
    lines: Vec<String>,
}

impl Problems {
    fn at(&mut self, path: &str, line: usize, what: &str) {
        self.lines.push(format!("{path}:{line}: {what}"));
    }

    fn in_file(&mut self, path: &str, what: &str) {
        self.lines.push(format!("{path}: {what}"));
    }
}

pub fn main() -> ExitCode {
    if stage().failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// All rules, as a stage of `cargo xtask test`.
pub fn stage() -> Count {
    verdict(check(&Tree::tracked(&root())))
}

fn verdict(problems: Problems) -> Count {
    for line in &problems.lines {
        println!("{line}");
    }
    println!("tidy: {} problems", problems.lines.len());
    Count::one(problems.lines.is_empty())
}

fn check(tree: &Tree) -> Problems {
    let mut problems = Problems::default();
    let mut exceptions = Exceptions::read(tree, &mut problems);
    text::check(tree, &mut problems);
    let tests = shape::test_files(tree);
    for file in tree.with_end(".rs") {
        shape::check(file, &tests, &mut exceptions, &mut problems);
    }
    crates::check(tree, &mut problems);
    docs::check(tree, &mut problems);
    supply::check(tree, &mut problems);
    exceptions.report_unused(&mut problems);
    problems
}
