//! `cargo xtask test`: everything that must hold, stage by stage.

use std::process::ExitCode;

use crate::report::{Count, Report};
use crate::run::{command, root, show};
use crate::{tidy, tools};

/// A stage: its name for `--only`, what it is for, and what it runs.
struct Stage {
    name: &'static str,
    about: &'static str,
    run: fn() -> Count,
}

const STAGES: &[Stage] = &[
    Stage {
        name: "fmt",
        about: "the sources are formatted",
        run: fmt,
    },
    Stage {
        name: "tidy",
        about: "the rules of the house",
        run: tidy::stage,
    },
    Stage {
        name: "deny",
        about: "licences, sources and banned crates",
        run: deny,
    },
    Stage {
        name: "web",
        about: "types and unit tests of the web pages",
        run: web,
    },
    Stage {
        name: "clippy",
        about: "no warning anywhere",
        run: clippy,
    },
    Stage {
        name: "doc",
        about: "the documentation builds without a warning",
        run: doc,
    },
    Stage {
        name: "unit",
        about: "all tests but the browser's, fuzz bodies included",
        run: unit,
    },
    Stage {
        name: "e2e",
        about: "hosts, desktops and Chromium",
        run: e2e,
    },
];

pub fn main(options: &[&str]) -> ExitCode {
    let chosen: Vec<&str> = match options {
        [] => STAGES.iter().map(|stage| stage.name).collect(),
        ["--list"] => {
            list();
            return ExitCode::SUCCESS;
        }
        ["--only", names] => names.split(',').collect(),
        _ => return refuse(&options.join(" ")),
    };
    if let Some(name) = chosen
        .iter()
        .find(|name| STAGES.iter().all(|stage| stage.name != **name))
    {
        return refuse(name);
    }
    let mut report = Report::new();
    report.stage("tools", tools::provide);
    for stage in STAGES.iter().filter(|stage| chosen.contains(&stage.name)) {
        report.stage(stage.name, stage.run);
    }
    if report.close() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn refuse(what: &str) -> ExitCode {
    eprintln!("not understood: {what}");
    list();
    ExitCode::FAILURE
}

fn list() {
    for stage in STAGES {
        println!("{:<8} {}", stage.name, stage.about);
    }
}

fn fmt() -> Count {
    Count::one(show(&mut command("cargo fmt --all --check")).success)
}

fn clippy() -> Count {
    let words = "cargo clippy --workspace --all-targets --locked -- -D warnings";
    Count::one(show(&mut command(words)).success)
}

fn doc() -> Count {
    let mut doc = command("cargo doc --workspace --no-deps --document-private-items --locked");
    Count::one(show(doc.env("RUSTDOCFLAGS", "-D warnings")).success)
}

fn deny() -> Count {
    let ready = cargo_tool("cargo-deny");
    let words = "cargo deny --locked check --hide-inclusion-graph bans licenses sources";
    Count::one(ready && show(&mut command(words)).success)
}

fn web() -> Count {
    if !npm_packages("web") {
        return Count::one(false);
    }
    let npm = |words: &str| show(command(words).current_dir(root().join("web")));
    let types = Count::one(npm("npm run check").success);
    types.and(Count::of_tests(&npm("npm test")))
}

fn unit() -> Count {
    tests("not test(/^e2e::/)")
}

fn e2e() -> Count {
    if !npm_packages("tests/e2e") {
        return Count::one(false);
    }
    tests("test(/^e2e::/)")
}

/// Runs the tests that a nextest filter chooses, in the one profile that all tests share.
fn tests(filter: &str) -> Count {
    if !cargo_tool("cargo-nextest") {
        return Count::one(false);
    }
    let mut nextest = command("cargo nextest run --workspace --locked --no-fail-fast -E");
    Count::of_tests(&show(nextest.arg(filter)))
}

/// Installs a command of cargo's unless it is there.
fn cargo_tool(name: &str) -> bool {
    tools::present(name) || show(&mut command(&format!("cargo install --locked {name}"))).success
}

/// Installs what a directory's lock file names, unless that has been done since it last changed.
fn npm_packages(directory: &str) -> bool {
    let directory = root().join(directory);
    let changed = |file: &str| {
        let metadata = std::fs::metadata(directory.join(file));
        metadata.and_then(|metadata| metadata.modified()).ok()
    };
    let Some(locked) = changed("package-lock.json") else {
        println!("{}/package-lock.json is missing", directory.display());
        return false;
    };
    if changed("node_modules/.package-lock.json").is_some_and(|installed| installed >= locked) {
        return true;
    }
    show(command("npm ci --no-audit --no-fund").current_dir(directory)).success
}
