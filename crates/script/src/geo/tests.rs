//! What `geo` finds, and what it says of its entries.

use std::sync::Arc;

use conf::{Bundle, bundle::File};

use super::*;

/// Compiles the inside of a `geo` block.
fn geo(inside: &str) -> (Geo, Vec<String>) {
    let text = format!("geo $geo {{ {inside} }}");
    let mut bundle = Bundle::default();
    let file = File {
        text: Arc::from(text.as_bytes()),
        mode: 0o644,
    };
    bundle.files.insert(bundle.conf_file.clone(), Ok(file));
    let tree = conf::parse(&bundle);
    let mut diagnostics = Vec::new();
    let geo = Geo::compile(&tree.items[0], None, &mut diagnostics);
    let said = diagnostics.into_iter().map(|found| found.message);
    (geo, said.collect())
}

fn find(geo: &Geo, address: &str) -> String {
    let address = parse_ip(address.as_bytes());
    String::from_utf8_lossy(geo.find(address)).into_owned()
}

fn check(inside: &str, wanted: &[(&str, &str)]) {
    let (geo, said) = geo(inside);
    assert!(said.is_empty(), "{inside}: {said:?}");
    for (address, value) in wanted {
        assert_eq!(find(&geo, address), *value, "{address} in {inside}");
    }
}

#[test]
fn the_longest_network_decides_and_nothing_else() {
    let inside = "10.0.0.0/8 ten; 10.1.0.0/16 inner; 10.1.2.3 one; 2001:db8::/32 doc;";
    check(
        inside,
        &[
            ("10.200.0.1", "ten"),
            ("10.1.0.0", "inner"),
            ("10.1.2.3", "one"),
            ("10.1.2.4", "inner"),
            ("10.2.0.0", "ten"),
            ("11.0.0.0", ""),
            ("9.255.255.255", ""),
            ("::ffff:10.1.2.3", "one"),
            ("2001:db8:1::", "doc"),
            ("2001:db9::", ""),
            ("unix:", ""),
        ],
    );
}

#[test]
fn a_default_holds_for_both_families_and_a_unix_socket_is_the_last_address() {
    let inside = "default other; 255.255.255.255 none; delete 10.0.0.0/8;";
    let (found, said) = geo(inside);
    assert_eq!(said, ["no network \"10.0.0.0/8\" to delete"]);
    let pairs = [("1.2.3.4", "other"), ("::1", "other"), ("unix:", "none")];
    for (address, value) in pairs {
        assert_eq!(find(&found, address), value, "{address}");
    }
    check("10.0.0.0/8 a; delete 10.0.0.0/8;", &[("10.0.0.1", "")]);
}

#[test]
fn ranges_replace_parts_of_earlier_ranges() {
    let inside = "ranges; default other; 10.0.0.0-10.3.0.255 outer; 10.0.0.5-10.0.0.9 inner; \
                  10.0.0.0-10.0.0.0 first; 10.3.0.255-10.3.0.255 last; delete 10.0.0.6-10.0.0.6;";
    let (found, said) = geo(inside);
    assert_eq!(said, ["no address range \"10.0.0.6-10.0.0.6\" to delete"]);
    let pairs = [
        ("10.0.0.0", "first"),
        ("10.0.0.1", "outer"),
        ("10.0.0.5", "inner"),
        ("10.0.0.10", "outer"),
        ("10.1.2.3", "outer"),
        ("10.3.0.255", "last"),
        ("10.3.1.0", "other"),
        ("::1", "other"),
        ("unix:", "other"),
    ];
    for (address, value) in pairs {
        assert_eq!(find(&found, address), value, "{address}");
    }
    check(
        "ranges; 10.0.0.0-10.1.0.0 a; delete 10.0.0.0-10.1.0.0;",
        &[("10.0.0.0", ""), ("10.1.0.0", "")],
    );
}

#[test]
fn entries_that_make_no_sense_are_told_in_nginx_s_words() {
    let told = [
        ("10.0.0.0/33 a;", "invalid network \"10.0.0.0/33\""),
        ("10.0.0.0/8 a b;", "invalid number of the geo parameters"),
        ("unknown;", "invalid number of the geo parameters"),
        (
            "10.0.0.1/8 a;",
            "low address bits of 10.0.0.1/8 are meaningless",
        ),
        (
            "10.0.0.0/8 a; 10.0.0.0/8 b;",
            "duplicate network \"10.0.0.0/8\", value: \"b\", old value: \"a\"",
        ),
        ("proxy host;", "invalid network \"host\""),
        (
            "default a; ranges;",
            "the \"ranges\" directive must be the first directive inside \"geo\" block",
        ),
        ("ranges; 10.0.0.0/8 a;", "invalid range \"10.0.0.0/8\""),
        (
            "ranges; 1.0.0.9-1.0.0.1 a;",
            "invalid range \"1.0.0.9-1.0.0.1\"",
        ),
        (
            "ranges; 1.0.0.1-1.0.0.3 a; 1.0.0.1-1.0.0.3 b;",
            "duplicate range \"1.0.0.1-1.0.0.3\", value: \"b\", old value: \"a\"",
        ),
        (
            "ranges; 1.0.0.1-1.0.0.3 a; 1.0.0.2-1.0.0.4 b;",
            "range \"1.0.0.2-1.0.0.4\" overlaps \"1.0.0.1-1.0.0.3\"",
        ),
        (
            "ranges; default a; default b;",
            "duplicate default geo range value: \"b\", old value: \"a\"",
        ),
    ];
    for (inside, wanted) in told {
        assert_eq!(geo(inside).1, [wanted], "{inside}");
    }
}
