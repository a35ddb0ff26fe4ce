//! Targets, hosts and escapes.

use std::borrow::Cow;

use super::*;

#[test]
fn targets_are_decoded_and_resolved() {
    for (target, path, args) in [
        ("/", "/", ""),
        ("/a/b.c?d=e&f", "/a/b.c", "d=e&f"),
        ("/foo/bar/.?args", "/foo/bar/", "args"),
        ("/foo/bar/.#frag", "/foo/bar/", ""),
        ("/foo/bar/..?args", "/foo/", "args"),
        ("/foo/bar/..#frag", "/foo/", ""),
        ("/foo/bar/.", "/foo/bar/", ""),
        ("/foo/bar/..", "/foo/", ""),
        ("/foo/./bar/../baz", "/foo/baz", ""),
        ("/a/b/../../c", "/c", ""),
        ("/a/..", "/", ""),
        ("/a//b///c", "/a/b/c", ""),
        ("//", "/", ""),
        ("//..", "", ""),
        ("/a#b?c", "/a", ""),
        ("/a?b#c", "/a", "b"),
        ("/a?b?c/../d//", "/a", "b?c/../d//"),
        ("?args", "/", "args"),
        ("?args#frag", "/", "args"),
        ("?", "/", ""),
        ("/%02", "/\u{2}", ""),
        ("/%41%7a%7A", "/Azz", ""),
        ("/a%2fb%2F%2f..", "/a/", ""),
        ("/a/%2e%2E/b", "/b", ""),
        ("/%2e", "/", ""),
        ("/a%3Fb%23c%25d?e%20", "/a?b#c%d", "e%20"),
        ("/%25%32%65", "/%2e", ""),
        ("/.a/..b/...", "/.a/..b/...", ""),
        ("/.../..", "/", ""),
        ("/a+b", "/a+b", ""),
        ("/%20", "/ ", ""),
    ] {
        let uri = normalize(target.as_bytes(), Slashes::Merge);
        if path.is_empty() {
            assert_eq!(uri, Err(InvalidUri), "{target}");
            continue;
        }
        let uri = uri.unwrap();
        assert_eq!(&*uri.path, path.as_bytes(), "{target}");
        assert_eq!(uri.args, args.as_bytes(), "{target}");
    }
}

#[test]
fn impossible_targets_are_refused() {
    for target in [
        "",
        "a",
        "*",
        "/..",
        "/../a",
        "/a/../..",
        "/a/../../b",
        "/%",
        "/%1",
        "/%1x",
        "/%x1",
        "/foo/bar%",
        "/%00",
        "/a b",
        "/a\tb",
        "/a\u{7f}",
        "/%2e%2e/",
    ] {
        assert_eq!(
            normalize(target.as_bytes(), Slashes::Merge),
            Err(InvalidUri),
            "{target}"
        );
    }
}

#[test]
fn slashes_are_kept_on_request() {
    for (target, path) in [
        ("/a//b", "/a//b"),
        ("/a//../b", "/a/b"),
        ("//..", "/"),
        ("///.", "///"),
    ] {
        let uri = normalize(target.as_bytes(), Slashes::Keep).unwrap();
        assert_eq!(&*uri.path, path.as_bytes(), "{target}");
    }
}

#[test]
fn a_plain_path_is_borrowed() {
    for (target, is_borrowed, is_quoted, has_plus) in [
        ("/a/b.html?x=%20+", true, false, false),
        ("/a+b/.c", false, false, true),
        ("/a#b", true, false, false),
        ("/%2B", false, true, true),
        ("/a/./b", false, false, false),
    ] {
        let uri = normalize(target.as_bytes(), Slashes::Merge).unwrap();
        assert_eq!(
            matches!(uri.path, Cow::Borrowed(_)),
            is_borrowed,
            "{target}"
        );
        assert_eq!(
            (uri.is_quoted, uri.has_plus),
            (is_quoted, has_plus),
            "{target}"
        );
    }
}

#[test]
fn an_extension_is_what_follows_the_last_dot() {
    for (path, expected) in [
        ("/a.html", "html"),
        ("/a.b/c", ""),
        ("/a.tar.gz", "gz"),
        ("/.html", ""),
        ("/a/.b.c", "c"),
        ("/a.", ""),
        ("/", ""),
    ] {
        assert_eq!(extension(path.as_bytes()), expected.as_bytes(), "{path}");
    }
}

#[test]
fn arguments_are_found_by_name() {
    let args = b"a=1&AB=2&ab=3&c&d=&x=a=b";
    for (name, expected) in [
        ("a", Some("1")),
        ("ab", Some("2")),
        ("b", None),
        ("c", None),
        ("d", Some("")),
        ("x", Some("a=b")),
    ] {
        let value = argument(args, name.as_bytes());
        assert_eq!(value, expected.map(str::as_bytes), "{name}");
    }
}

#[test]
fn uris_that_others_name_stay_within_the_tree() {
    for (uri, path, args) in [
        ("/a%20b?c%20", "/a b", "c%20"),
        ("@name", "@name", ""),
        ("a/...//b", "a/...//b", ""),
        ("/..a/b..", "/..a/b..", ""),
    ] {
        let (found, found_args) = internal(uri.as_bytes()).unwrap();
        assert_eq!(
            (&*found, found_args),
            (path.as_bytes(), args.as_bytes()),
            "{uri}"
        );
    }
    for uri in [
        "",
        "?a",
        "..",
        "../a",
        "/..",
        "/a/../b",
        "/a/..?b",
        "/a/%2e%2e/b",
        "/a%2f..",
        "/a\0",
        "/a%00",
        "%",
    ] {
        assert_eq!(internal(uri.as_bytes()), Err(UnsafeUri), "{uri:?}");
    }
}

#[test]
fn hosts_are_read_by_the_rules_of_nginx() {
    let future = "[v0123456789aBcDeF.!$&'()*+,;=-._~AbCdEfGhIjKlMnOpQrStUvWxYz0123456789:]";
    let lower_future = future.to_lowercase();
    for (text, name, port) in [
        ("l", "l", None),
        ("L", "l", None),
        ("abcd-ef.g02.xyz:", "abcd-ef.g02.xyz", None),
        ("123.40.56.78:", "123.40.56.78", None),
        ("abcd-ef.g02.xyz:8080", "abcd-ef.g02.xyz", Some(8080)),
        ("www.abcd-ef.g02.xyz.", "www.abcd-ef.g02.xyz", None),
        ("abcd-ef.g02.xyz.:88", "abcd-ef.g02.xyz", Some(88)),
        (
            "AbC-d93.0.34ZhGt-s.nk.Ru:88",
            "abc-d93.0.34zhgt-s.nk.ru",
            Some(88),
        ),
        ("123.49.0.78:987", "123.49.0.78", Some(987)),
        ("a:65535", "a", Some(65535)),
        ("a:0000080", "a", Some(80)),
        ("a:0", "a", None),
        ("[abcd::ef98:0:7654:321]", "[abcd::ef98:0:7654:321]", None),
        (
            "[abcd::ef98:0:7654:321]:80",
            "[abcd::ef98:0:7654:321]",
            Some(80),
        ),
        ("[::123.45.67.89]:4321", "[::123.45.67.89]", Some(4321)),
        ("[::1]:", "[::1]", None),
        (future, &lower_future, None),
        ("a_b~%41!$&'()*+,;=", "a_b~%41!$&'()*+,;=", None),
    ] {
        let host = Host::parse(text.as_bytes());
        let expected = Host {
            name: Cow::Borrowed(name.as_bytes()),
            port,
        };
        assert_eq!(host, Some(expected), "{text}");
    }
    for text in [
        "",
        ".",
        "..",
        ":80",
        ".:80",
        "a..b",
        "..a",
        "a..:",
        "example.com.:1.2",
        "a:98777",
        "a:123456",
        "a:65536",
        "a:9000:80",
        "a:+80",
        "a: 80",
        "a:8x",
        "example.com/\\:552",
        "a b",
        "a\u{2}",
        "a\u{e9}",
        "u@a",
        "a\"",
        "<a>",
        "a[b]",
        "[abcd::e\\f98]",
        "[::1].",
        "[::1].:98",
        "[::1]..:98",
        "[ab..cd::1]",
        "extra[::1]",
        "[::1",
        "[",
        "]",
        "[::1]]",
        "[[::1]]",
        "[%25]",
    ] {
        assert_eq!(Host::parse(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn the_target_names_the_host_before_the_field_does() {
    let host = |data: &str| {
        let head = parse(data.as_bytes()).unwrap();
        Host::of_request(&head, data.as_bytes()).map(|host| {
            host.map(|host| (String::from_utf8_lossy(&host.name).into_owned(), host.port))
        })
    };
    let named = |name: &str, port| Ok(Some((name.to_owned(), port)));
    assert_eq!(
        host("GET http://B:1/ HTTP/1.1\nHost: a:2\n\n"),
        named("b", Some(1))
    );
    assert_eq!(
        host("GET http://b/ HTTP/1.1\nHost: a:2\n\n"),
        named("b", None)
    );
    assert_eq!(host("GET / HTTP/1.1\nHost: a:2\n\n"), named("a", Some(2)));
    assert_eq!(host("GET / HTTP/1.0\n\n"), Ok(None));
    assert_eq!(host("GET /\n"), Ok(None));
    assert_eq!(host("GET / HTTP/1.1\n\n"), Err(HostError::Missing));
    assert_eq!(host("GET http://b/ HTTP/1.1\n\n"), Err(HostError::Missing));
    assert_eq!(
        host("GET / HTTP/1.0\nHost:\n\n"),
        Err(HostError::InvalidField)
    );
    assert_eq!(
        host("GET http://b/ HTTP/1.1\nHost: a:b\n\n"),
        Err(HostError::InvalidField)
    );
    assert_eq!(
        host("GET http:/// HTTP/1.0\n\n"),
        Err(HostError::InvalidAuthority)
    );
    assert_eq!(
        host("GET http://a..b/ HTTP/1.0\n\n"),
        Err(HostError::InvalidAuthority)
    );
}

#[test]
fn escapes_follow_their_place() {
    let text = b"/a b?c&d+e;f#g%h=i@j:k\"\xff~";
    for (what, expected) in [
        (Escape::Uri, "/a%20b%3Fc&d+e;f%23g%25h=i@j:k%22%FF~"),
        (Escape::Args, "/a%20b%3Fc%26d%2Be%3Bf%23g%25h=i@j:k%22%FF~"),
        (
            Escape::UriComponent,
            "%2Fa%20b%3Fc%26d%2Be%3Bf%23g%25h%3Di%40j%3Ak%22%FF~",
        ),
    ] {
        assert_eq!(String::from_utf8_lossy(&escape(text, what)), expected);
    }
    assert!(matches!(
        escape(b"/a-b_c.d~e", Escape::Uri),
        Cow::Borrowed(_)
    ));
}

#[test]
fn unescaping_is_as_forgiving_as_nginx() {
    for (text, all, redirect) in [
        ("a%20b", "a b", "a%20b"),
        ("%41%3d", "A=", "A="),
        ("%25%26%7e%7f", "%&~\u{7f}", "%25&~%7f"),
        ("a%3fb%41", "a?bA", "a?b%41"),
        ("a?b%41", "a?bA", "a?b%41"),
        ("%zz", "zz", "zz"),
        ("%4zz", "z", "z"),
        ("a%", "a", "a"),
        ("a%4", "a", "a"),
        ("%%41", "%41", "%41"),
    ] {
        let unescaped =
            |what| String::from_utf8_lossy(&unescape(text.as_bytes(), what)).into_owned();
        assert_eq!(unescaped(Unescape::All), all, "{text}");
        assert_eq!(unescaped(Unescape::Redirect), redirect, "{text}");
    }
    assert!(matches!(unescape(b"a?b", Unescape::All), Cow::Borrowed(_)));
}
