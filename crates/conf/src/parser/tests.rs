//! What the language means, and what is said of text that is not of it.

use super::*;
use crate::bundle::File;

fn bundle(files: &[(&str, &str)]) -> Bundle {
    let mut bundle = Bundle {
        conf_file: "/etc/nginx.conf".into(),
        ..Bundle::default()
    };
    for (path, text) in files {
        let file = File {
            text: text.as_bytes().into(),
            mode: 0o644,
        };
        bundle.files.insert(path.into(), Ok(file));
    }
    bundle
}

/// The tree in a compact form: `name arg arg;` and `name { … }`.
fn show(items: &[Item]) -> String {
    let mut out = String::new();
    for item in items {
        out += &item.name.display();
        for arg in &item.args {
            out += &format!(" <{}>", arg.display());
        }
        match &item.block {
            Some(block) => out += &format!(" {{{}}} ", show(block)),
            None => out += "; ",
        }
    }
    out.trim_end().to_owned()
}

fn tree(text: &str) -> String {
    let tree = parse(&bundle(&[("/etc/nginx.conf", text)]));
    assert_eq!(tree.errors, [], "{text}");
    show(&tree.items)
}

fn errors(text: &str) -> Vec<String> {
    let tree = parse(&bundle(&[("/etc/nginx.conf", text)]));
    tree.errors
        .iter()
        .map(|error| error.one_line(&tree.sources))
        .collect()
}

#[test]
fn words_quotes_escapes_and_comments_read_as_nginx_reads_them() {
    for (text, shown) in [
        ("a b;", "a <b>;"),
        ("a{b c;}", "a {b <c>;}"),
        ("a 'b c' \"d;e\";", "a <b c> <d;e>;"),
        ("a ''; # comment ; {\nb c;", "a <>; b <c>;"),
        (
            r#"a \; "x\"y" 'x\ty' \w+\.d;"#,
            "a <\\;> <x\"y> <x\ty> <\\w+\\.d>;",
        ),
        ("a ${b}c $d;", "a <${b}c> <$d>;"),
        ("a b#c;", "a <b#c>;"),
        ("a\r\n  b ;\r\n", "a <b>;"),
        (
            "if ($x = \"y\") { return 1; }",
            "if <($x> <=> <y> <)> {return <1>;}",
        ),
        ("'' close;", " <close>;"),
        ("location ~ ^/a{2}$ { }", ""),
    ] {
        if shown.is_empty() {
            // An unquoted "{" opens a block, in nginx too: the expression needs quotes.
            assert!(!errors(text).is_empty());
        } else {
            assert_eq!(tree(text), shown, "{text}");
        }
    }
}

#[test]
fn every_error_is_reported_with_its_line() {
    let text = "a b;\n;\nc d {\n  e \"f\"g;\n}\n";
    assert_eq!(
        errors(text),
        [
            "[emerg] unexpected \";\" in /etc/nginx.conf:2",
            "[emerg] unexpected \"g\" in /etc/nginx.conf:4"
        ]
    );
    assert_eq!(
        errors("a {\n b;\n"),
        ["[emerg] unexpected end of file, expecting \"}\" in /etc/nginx.conf:3"]
    );
    assert_eq!(
        errors("}\na b;"),
        ["[emerg] unexpected \"}\" in /etc/nginx.conf:1"]
    );
    assert_eq!(
        errors("a b"),
        ["[emerg] unexpected end of file, expecting \";\" or \"}\" in /etc/nginx.conf:1"]
    );
    let long = format!("a {};", "x".repeat(5000));
    assert!(errors(&long)[0].contains("too long parameter \"xxxxxxxxxx...\" started"));
}

#[test]
fn includes_are_expanded_relative_to_the_main_file() {
    let mut files = bundle(&[
        (
            "/etc/nginx.conf",
            "include one.conf;\ninclude d/*.conf;\nz;",
        ),
        ("/etc/one.conf", "one 1;"),
        ("/etc/d/a.conf", "a 1;"),
        ("/etc/d/b.conf", "b 1;"),
    ]);
    let paths = vec!["/etc/d/a.conf".into(), "/etc/d/b.conf".into()];
    files.globs.insert("/etc/d/*.conf".into(), paths);
    let tree = parse(&files);
    assert_eq!(show(&tree.items), "one <1>; a <1>; b <1>; z;");
    assert_eq!(tree.sources.len(), 4);
    assert!(files.take_wants().is_empty());
}

#[test]
fn what_is_missing_is_wanted_and_a_missing_file_is_an_error_at_the_include() {
    let mut files = bundle(&[("/etc/nginx.conf", "\ninclude gone.conf;\ninclude d/*;")]);
    parse(&files);
    assert_eq!(files.take_wants().len(), 2);
    let failure = "2: No such file or directory".to_owned();
    files.files.insert("/etc/gone.conf".into(), Err(failure));
    files.globs.insert("/etc/d/*".into(), Vec::new());
    let tree = parse(&files);
    let shown: Vec<_> = tree
        .errors
        .iter()
        .map(|error| error.line(&tree.sources))
        .collect();
    assert_eq!(
        shown,
        ["open() \"/etc/gone.conf\" failed (2: No such file or directory) in /etc/nginx.conf:2"]
    );
}

#[test]
fn a_file_that_includes_itself_is_an_error() {
    assert!(errors("include nginx.conf;")[0].contains("nests deeper"));
    let deep = "a {".repeat(100) + &"}".repeat(100);
    assert!(errors(&deep)[0].contains("nest deeper"));
}

#[test]
fn the_snippet_points_at_the_word() {
    let tree = parse(&bundle(&[(
        "/etc/nginx.conf",
        "http {\n\tprox_pass x;\n}\n",
    )]));
    let word = &tree.items[0].entries()[0].name;
    let error = Diagnostic::emerg("unknown")
        .at(word.span)
        .help("did you mean \"proxy_pass\"?");
    assert_eq!(
        error.snippet(&tree.sources),
        "  2 |  prox_pass x;\n    |  ^^^^^^^^^\n  help: did you mean \"proxy_pass\"?\n"
    );
}
