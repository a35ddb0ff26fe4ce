//! Whether the configurations that we show to others load: `examples/`, README and guide.

use std::path::{Path, PathBuf};

use conf::bundle::{Failure, File};
use net::log::Target;

use crate::invocation::Invocation;
use crate::{loader, setup};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|found| found == end))
        .collect()
}

/// What is wrong with a configuration; nothing is opened but what it includes.
fn problems(invocation: &Invocation) -> Vec<String> {
    let log = Target::Stderr;
    let mut bundle = loader::start(invocation);
    let shown = invocation.built_in.as_deref().unwrap_or_default();
    bundle.files.extend(certificates(shown));
    let (_, compiled) = loader::complete(bundle, |bundle| setup::compile(bundle, &log));
    let lines = compiled.diagnostics.iter();
    lines
        .map(|found| found.one_line(&compiled.tree.sources))
        .collect()
}

/// Certificates and keys where a text has them below `/etc`.
fn certificates(text: &str) -> Vec<(PathBuf, Result<File, Failure>)> {
    let data = root().join("crates/x509/testdata");
    let words = text.split_ascii_whitespace();
    let paths = words.filter_map(|word| word.strip_suffix(".pem;"));
    let paths = paths.filter(|path| path.starts_with("/etc/"));
    paths
        .map(|path| {
            let name = match path.rsplit('/').next() {
                Some("fullchain") => "server.crt",
                Some("privkey") => "server.key",
                _ => "root.crt",
            };
            let file = loader::read(&data.join(name));
            (format!("{path}.pem").into(), file)
        })
        .collect()
}

#[test]
fn every_example_loads() {
    let examples = files("examples", "conf");
    assert!(examples.len() >= 9, "{examples:?}");
    for conf_file in examples {
        let invocation = Invocation {
            conf_file,
            ..Invocation::default()
        };
        let mut problems = problems(&invocation);
        // Stock files still name versions of TLS that are gone; that is told, and no more.
        problems.retain(|line| !line.contains("is not supported and is left out"));
        assert!(problems.is_empty(), "{problems:#?}");
    }
}

#[test]
fn every_configuration_in_the_documents_loads() {
    let mut pages = files("docs/guide", "md");
    pages.push(root().join("README.md"));
    let mut count = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for block in blocks(&text) {
            // As if it stood beside the examples, with what they include.
            let invocation = Invocation {
                conf_file: root().join("examples/shown.conf"),
                built_in: Some(whole(block)),
                ..Invocation::default()
            };
            let problems = problems(&invocation);
            let page = page.display();
            assert!(problems.is_empty(), "{page}: {problems:#?}\n{block}");
            count += 1;
        }
    }
    assert!(count > 10, "{count} configurations found");
}

/// The texts between "```nginx" and "```".
fn blocks(page: &str) -> impl Iterator<Item = &str> {
    let starts = page.split("\n```nginx\n").skip(1);
    starts.filter_map(|rest| rest.split("\n```").next())
}

/// A whole file around what is shown of one; files that it names and nobody has are left out.
fn whole(block: &str) -> String {
    let shown: Vec<_> = block
        .lines()
        .filter(|line| {
            let files = [
                "vnc_password_file",
                "vnc_credentials_file",
                "vnc_token_source jwt",
                "vnc_ssl_",
            ];
            let begins = |file: &&str| line.trim_start().starts_with(file);
            !files.iter().any(begins) && !line.contains(" password_file=")
        })
        .collect();
    let shown = shown.join("\n");
    match shown.trim_start() {
        text if text.starts_with("events") => shown,
        text if text.starts_with("location") => {
            format!("events {{ }} http {{ server {{\n{shown}\n}} }}")
        }
        _ => format!("events {{ }} http {{\n{shown}\n}}"),
    }
}
