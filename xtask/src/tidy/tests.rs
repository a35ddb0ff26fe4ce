//! The rules themselves, each against a tree that breaks it; and this repository, which must not.

use super::rust::Source;
use super::tree::File;
use super::*;

fn problems_of(files: &[(&str, &str)]) -> Vec<String> {
    let file = |(path, text): &(&str, &str)| File {
        path: (*path).into(),
        text: (*text).into(),
    };
    let tree = Tree {
        files: files.iter().map(file).collect(),
    };
    let mut problems = Problems::default();
    let mut exceptions = Exceptions::read(&tree, &mut problems);
    text::check(&tree, &mut problems);
    let tests = shape::test_files(&tree);
    for file in tree.with_end(".rs") {
        shape::check(file, &tests, &mut exceptions, &mut problems);
    }
    crates::check(&tree, &mut problems);
    docs::check(&tree, &mut problems);
    exceptions.report_unused(&mut problems);
    problems.lines
}

#[track_caller]
fn breaks(files: &[(&str, &str)], expected: &str) {
    let found = problems_of(files);
    assert!(
        found.len() == 1 && found[0].contains(expected),
        "expected one problem with {expected:?}, found {found:#?}"
    );
}

#[test]
fn this_repository_is_tidy() {
    let problems = check(&Tree::tracked(&root()));
    assert!(problems.lines.is_empty(), "{:#?}", problems.lines);
}

#[test]
fn a_file_says_in_its_first_line_what_it_is() {
    breaks(
        &[("crates/http/src/a.rs", "use std::fmt;\n")],
        "a.rs:1: the first line",
    );
}

#[test]
fn mod_rs_is_for_the_module_list_only() {
    breaks(
        &[("crates/http/src/a/mod.rs", "//! A.\n")],
        "only modules/mod.rs",
    );
    assert_eq!(
        problems_of(&[("crates/http/src/modules/mod.rs", "//! A.\n")]),
        [""; 0]
    );
}

#[test]
fn a_long_file_needs_a_reason_and_its_tests_do_not_count() {
    let code = format!("//! A.\n{}", "const A: u8 = 1;\n".repeat(501));
    breaks(&[("crates/http/src/a.rs", &code)], "501 lines of code");
    let listed = (
        "xtask/tidy-exceptions.txt",
        "crates/http/src/a.rs a table\n",
    );
    assert_eq!(
        problems_of(&[("crates/http/src/a.rs", &code), listed]),
        [""; 0]
    );
    breaks(
        &[("crates/http/src/a.rs", "//! A.\n"), listed],
        "needs no exception",
    );
    let tests = "const A: u8 = 1;\n".repeat(501);
    let tests = format!("//! A.\n#[cfg(test)]\nmod tests {{\n{tests}}}\n");
    assert_eq!(problems_of(&[("crates/http/src/a.rs", &tests)]), [""; 0]);
}

#[test]
fn a_long_function_is_found_whatever_stands_in_its_strings() {
    let body = "    let a = \"}\"; // }\n    let b = '}'; let c: &'static str = r#\"}\"#;\n";
    let code = format!(
        "//! A.\nfn long() {{\n{}}}\nfn short() {{}}\n",
        body.repeat(35)
    );
    breaks(
        &[("crates/http/src/a.rs", &code)],
        "a.rs:2: `long` has 72 lines",
    );
    let listed = (
        "xtask/tidy-exceptions.txt",
        "crates/http/src/a.rs::long one match\n",
    );
    assert_eq!(
        problems_of(&[("crates/http/src/a.rs", &code), listed]),
        [""; 0]
    );
}

#[test]
fn the_reader_of_rust_finds_functions_and_their_ends() {
    let code = "fn a(x: [u8; 2]) -> u8 {\n  1\n}\ntrait T { fn b(&self);\n fn c() {}\n}\n\
                type F = fn(u8) -> u8;\n/* fn d() {} /* } */ */\n";
    let found = Source::read(code).functions();
    let found: Vec<_> = found
        .iter()
        .map(|f| (f.name.as_str(), f.first, f.last))
        .collect();
    assert_eq!(found, [("a", 1, 3), ("c", 5, 5)]);
}

#[test]
fn expect_names_an_invariant_outside_tests() {
    let code =
        |text: &str| format!("//! A.\nfn a() {{\n    b().expect(\n        \"{text}\");\n}}\n");
    breaks(
        &[("crates/http/src/a.rs", &code("no"))],
        "a.rs:3: `expect` without",
    );
    assert_eq!(
        problems_of(&[("crates/http/src/a.rs", &code("invariant: yes"))]),
        [""; 0]
    );
    assert_eq!(
        problems_of(&[("crates/http/src/a/tests.rs", &code("no"))]),
        [""; 0]
    );
}

#[test]
fn silenced_tests_and_bare_allows_are_found() {
    let ignored = concat!("//! A.\n#[ign", "ore]\nfn a() {}\n");
    breaks(
        &[("crates/http/src/a.rs", ignored)],
        "a.rs:2: a test that is not run",
    );
    let allowed = concat!("//! A.\n#[all", "ow(dead_code)]\nfn a() {}\n");
    breaks(&[("crates/http/src/a.rs", allowed)], "a.rs:2: use #[expect");
}

#[test]
fn debts_and_paths_of_one_machine_are_found_in_every_file() {
    breaks(
        &[("docs/a.md", concat!("TO", "DO later\n"))],
        "docs/a.md:1:",
    );
    breaks(
        &[("docs/a.md", concat!("see /wo", "rk/a\n"))],
        "a path of one machine",
    );
    let lock = "{ \"resolved\": \"https://example.org/a.tgz\" }\n";
    breaks(&[("web/package-lock.json", lock)], "names a registry");
}

const LINTS: &str = "[lints]\nworkspace = true\n";

#[test]
fn dependencies_point_down_only() {
    let manifest = |text: &str| format!("[dependencies]\n{text}\n{LINTS}");
    let up = manifest("http.workspace = true");
    breaks(
        &[("crates/vnc/Cargo.toml", &up)],
        "vnc must not depend on http",
    );
    let beside = manifest("proto = { path = \"../proto\" }");
    breaks(
        &[("crates/conf/Cargo.toml", &beside)],
        "conf must not depend on proto",
    );
    let leaf = manifest("pages.workspace = true");
    breaks(
        &[("crates/http/Cargo.toml", &leaf)],
        "http must not depend on pages",
    );
    let runtime = manifest("tokio.workspace = true");
    breaks(
        &[("crates/proto/Cargo.toml", &runtime)],
        "proto knows no runtime",
    );
    let kit = manifest("testkit.workspace = true");
    breaks(&[("crates/net/Cargo.toml", &kit)], "testkit is for tests");
    let down = manifest("conf.workspace = true\nnet.workspace = true\nbytes.workspace = true");
    assert_eq!(problems_of(&[("crates/http/Cargo.toml", &down)]), [""; 0]);
}

#[test]
fn a_crate_takes_the_lints_and_forbids_unsafe() {
    breaks(
        &[("crates/vnc/Cargo.toml", "[package]\n")],
        "does not take the workspace's lints",
    );
    let files = [
        ("crates/vnc/Cargo.toml", LINTS),
        ("crates/vnc/src/lib.rs", "//! V.\n"),
    ];
    breaks(&files, "does not say #![forbid(unsafe_code)]");
}

#[test]
fn a_difference_from_nginx_stands_in_the_compatibility_page() {
    let code = concat!("//! A.\n// DIFF", "ERS: we answer 400.\n");
    let source = ("crates/http/src/a.rs", code);
    breaks(
        &[source, ("docs/nginx-compat.md", "# Differences\n")],
        "a.rs:2: this difference",
    );
    let page = (
        "docs/nginx-compat.md",
        "# Differences\n- we answer\n  400.\n",
    );
    assert_eq!(problems_of(&[source, page]), [""; 0]);
}

#[test]
fn a_dependency_has_its_reason() {
    let page = (
        "docs/decisions/0002-dependencies.md",
        "`bytes`: shared buffers\n",
    );
    let root = (
        "Cargo.toml",
        "[workspace.dependencies]\nconf = { path = \"crates/conf\" }\n",
    );
    let text =
        format!("[dependencies]\nconf.workspace = true\nbytes = \"1\"\nrand = \"1\"\n{LINTS}");
    breaks(
        &[page, root, ("crates/http/Cargo.toml", &text)],
        "no reason for `rand`",
    );
}
