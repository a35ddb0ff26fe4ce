//! What responses pass on their way out: compression and its opposite, texts replaced, charsets,
//! parts, and pages for what a filter refuses.

use testkit::{Response, Server, Setup, Upstream};

use crate::support::portway;

const TEXT_LEN: usize = 20_000;

/// Text that compresses well.
fn text() -> String {
    "All work and no play makes Jack a dull boy.\n".repeat(1000)[..TEXT_LEN].to_owned()
}

const COMPRESSION: &str = r#"
worker_processes 1; events { }
http {
    log_format ratio "$uri $gzip_ratio $brotli_ratio $zstd_ratio";
    access_log %DIR%/ratio.log ratio;
    types { text/html html; text/plain txt; }
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%/html;
        location / {
            gzip on; gzip_vary on; gzip_types text/plain; gzip_window 4k;
            brotli on; brotli_comp_level 4; brotli_types text/plain; brotli_window 64k; brotli_min_length 100;
            zstd on; zstd_comp_level 3; zstd_types text/plain; zstd_min_length 100; zstd_buffers 32 4k;
        }
        location /brotli/ { alias %DIR%/html/; brotli on; brotli_types *; brotli_buffers 32 4k; }
        location /static/ {
            alias %DIR%/packed/;
            gzip_static on; brotli_static on; zstd_static on; gzip_vary on;
            gunzip_buffers 32 4k;
        }
        location /always/ { alias %DIR%/packed/; gzip_static always; gunzip on; }
        location /stream { proxy_pass http://%STREAM%; proxy_buffering off; brotli on; zstd on; gzip on; }
    }
}"#;

fn compressing() -> Server {
    compressing_stream("127.0.0.1:1")
}

fn compressing_stream(stream: impl ToString) -> Server {
    Setup::new(COMPRESSION)
        .file("html/a.txt", text())
        .file("html/short.txt", "x".repeat(50))
        .file("packed/page.html", "plain page")
        .file("packed/page.html.gz", "gzipped page")
        .file("packed/page.html.br", "brotlied page")
        .file("packed/page.html.zst", "zstded page")
        .with("STREAM", stream)
        .start(&portway())
}

fn encoded(server: &Server, path: &str, accept: &str) -> (Option<String>, Response) {
    let fields = format!("Accept-Encoding: {accept}\r\n");
    let response = server.connect().get(path, &fields);
    let encoding = response.field("Content-Encoding").map(str::to_owned);
    (encoding, response)
}

#[test]
fn the_coding_that_the_client_likes_best_is_taken() {
    let server = compressing();
    for (accept, expected) in [
        ("gzip, br, zstd", Some("br")),
        ("gzip, zstd", Some("zstd")),
        ("gzip, br;q=0.5, zstd;q=0.2", Some("gzip")),
        ("br;q=0, zstd;q=0.1", Some("zstd")),
        ("deflate", None),
        ("br;q=0", None),
    ] {
        let (encoding, response) = encoded(&server, "/a.txt", accept);
        assert_eq!(encoding.as_deref(), expected, "{accept}");
        assert_eq!(response.field("Vary"), Some("Accept-Encoding"), "{accept}");
        match expected {
            Some(_) => assert!(response.body.len() < TEXT_LEN / 10, "{accept}"),
            None => assert_eq!(response.text(), text()),
        }
        if expected == Some("zstd") {
            assert_eq!(response.body[..4], [0x28, 0xb5, 0x2f, 0xfd]);
        }
    }
    let log = testkit::wait_for("the last line", || {
        let log = server.files().read("ratio.log");
        (log.lines().count() == 6).then_some(log)
    });
    // One line for each coding, and two without any.
    let given = |column: usize| {
        let ratios = log.lines().map(|line| line.split(' ').nth(column));
        ratios
            .filter(|ratio| ratio.is_some_and(|ratio| ratio != "-"))
            .count()
    };
    assert_eq!([given(1), given(2), given(3)], [1, 1, 2], "{log}");
}

#[test]
fn each_coding_has_its_types_and_shortest_length() {
    let server = compressing();
    assert_eq!(
        encoded(&server, "/brotli/a.txt", "br, gzip").0.as_deref(),
        Some("br")
    );
    assert_eq!(encoded(&server, "/brotli/a.txt", "gzip").0, None);
    assert_eq!(encoded(&server, "/short.txt", "br, zstd").0, None);
    assert_eq!(
        encoded(&server, "/short.txt", "br, gzip").0.as_deref(),
        Some("gzip")
    );
}

#[test]
fn a_stream_is_readable_as_far_as_it_came() {
    let stream = Upstream::serving(|peer| {
        peer.read_head();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nfirst words");
        // The end never comes.
        peer.hold();
    });
    let server = compressing_stream(stream.addr());
    for accept in ["br", "zstd", "gzip"] {
        let mut conn = server.connect();
        conn.send(format!(
            "GET /stream HTTP/1.1\r\nHost: h\r\nAccept-Encoding: {accept}\r\n\r\n"
        ));
        conn.read_until(b"\r\n\r\n");
        // A chunk of the compressed body comes although the response does not go on.
        let line = conn.read_until(b"\r\n");
        assert_ne!(line, b"0\r\n", "{accept}");
    }
}

#[test]
fn compressed_files_answer_for_those_who_can_read_them() {
    let server = compressing();
    let (encoding, response) = encoded(&server, "/static/page.html", "gzip, br;q=0.9");
    assert_eq!(
        (encoding.as_deref(), &*response.text()),
        (Some("gzip"), "gzipped page")
    );
    assert_eq!(response.field("Content-Type"), Some("text/html"));
    let (encoding, response) = encoded(&server, "/static/page.html", "gzip, br, zstd");
    assert_eq!(
        (encoding.as_deref(), &*response.text()),
        (Some("br"), "brotlied page")
    );
    let (encoding, response) = encoded(&server, "/static/page.html", "zstd");
    assert_eq!(
        (encoding.as_deref(), &*response.text()),
        (Some("zstd"), "zstded page")
    );
    let (encoding, response) = encoded(&server, "/static/page.html", "identity");
    assert_eq!((encoding, &*response.text()), (None, "plain page"));
    assert_eq!(response.field("Vary"), Some("Accept-Encoding"));
}

#[test]
fn a_compressed_file_is_unpacked_for_those_who_cannot_read_it() {
    let server = compressing();
    let (_, packed) = encoded(&server, "/a.txt", "gzip");
    server.files().write("packed/b.txt.gz", &packed.body);
    let (encoding, response) = encoded(&server, "/always/b.txt", "gzip");
    assert_eq!(encoding.as_deref(), Some("gzip"));
    assert_eq!(response.body, packed.body);
    let (encoding, response) = encoded(&server, "/always/b.txt", "br");
    assert_eq!(encoding, None);
    assert_eq!(response.text(), text());
    assert!(
        response
            .field("ETag")
            .is_some_and(|etag| etag.starts_with("W/"))
    );
    // A client that takes only a part of something huge costs no memory, and one that reads on
    // gets all of it.
    server
        .files()
        .write("packed/cut.txt.gz", &packed.body[..packed.body.len() - 3]);
    let mut conn = server.connect();
    conn.send("GET /always/cut.txt HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(conn.try_response("GET").is_err());
    server.wait_error_log("a compressed response ends too early");
}

const TEXTS: &str = r#"
worker_processes 1; events { }
http {
    types { text/html html; text/plain txt; text/css css; }
    charset_map koi8-r utf-8 { C1 D0B0; C2 D0B1; }
    charset_map koi8-r windows-1251 { C1 E0; C2 E1; }
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%/html;
        location /sub/ {
            alias %DIR%/html/;
            sub_filter <Head> "<head><!-- $arg_a -->";
            sub_filter $arg_b "*";
            sub_filter_once off;
            sub_filter_types text/plain;
            sub_filter_last_modified on;
        }
        location / {
            sub_filter foo outer;
            location /inherited/ { alias %DIR%/html/; }
        }
        location /charset/ { alias %DIR%/html/; charset utf-8; charset_types text/css; }
        location /recode/ { alias %DIR%/html/; source_charset koi8-r; charset utf-8; }
        location /bytes/ { alias %DIR%/html/; source_charset koi8-r; charset windows-1251; }
        location /variable/ { alias %DIR%/html/; charset $arg_to; }
        location /moved { charset utf-8; return 302 /; }
        location /said { charset utf-8; default_type text/plain; return 200 said; }
        location /upstream { proxy_pass http://%UPSTREAM%; charset utf-8; override_charset on; }
        location /accel { proxy_pass http://%UPSTREAM%; }
        location /ignored { proxy_pass http://%UPSTREAM%; proxy_ignore_headers X-Accel-Charset; }
    }
}"#;

fn texts() -> (Server, Upstream) {
    let upstream = Upstream::serving(|peer| {
        let head = peer.read_head().unwrap_or_default();
        let accel = match head.starts_with("GET /upstream") {
            true => "",
            false => "X-Accel-Charset: UTF-8\r\n",
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=koi8-r\r\n{accel}\
             Content-Length: 2\r\n\r\n"
        );
        peer.send(head.as_bytes());
        peer.send(b"\xc1\xc2");
    });
    let setup = Setup::new(TEXTS)
        .file("html/a.html", "<HEAD>foo Foo bar <head>")
        .file("html/a.css", "foo")
        .file("html/k.html", b"a\xc1\xc2\xff")
        .with("UPSTREAM", upstream.addr());
    (setup.start(&portway()), upstream)
}

#[test]
fn texts_are_replaced_whatever_their_case() {
    let (server, _upstream) = texts();
    let response = server.connect().get("/sub/a.html?a=x&b=FOO", "");
    assert_eq!(response.text(), "<head><!-- x -->* * bar <head><!-- x -->");
    assert!(response.field("Last-Modified").is_some());
    assert_eq!(response.field("Content-Length"), None);
    let response = server.connect().get("/sub/a.html?a=y", "");
    assert_eq!(
        response.text(),
        "<head><!-- y -->foo Foo bar <head><!-- y -->"
    );
    assert_eq!(server.connect().get("/sub/a.css", "").text(), "foo");
}

#[test]
fn what_is_replaced_is_inherited_and_once_is_the_rule() {
    let (server, _upstream) = texts();
    let response = server.connect().get("/inherited/a.html", "");
    assert_eq!(response.text(), "<HEAD>outer Foo bar <head>");
    assert_eq!(response.field("Last-Modified"), None);
    assert_eq!(response.field("ETag"), None);
    let part = server
        .connect()
        .get("/inherited/a.html", "Range: bytes=0-3\r\n");
    assert_eq!(part.status, 200);
}

#[test]
fn texts_say_which_charset_they_have() {
    let (server, _upstream) = texts();
    let content_type = |path: &str| {
        let response = server.connect().get(path, "");
        response.field("Content-Type").map(str::to_owned)
    };
    assert_eq!(
        content_type("/charset/a.html").as_deref(),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(
        content_type("/charset/a.css").as_deref(),
        Some("text/css; charset=utf-8")
    );
    assert_eq!(
        content_type("/said").as_deref(),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(content_type("/moved").as_deref(), Some("text/html"));
    assert_eq!(
        content_type("/variable/a.html").as_deref(),
        Some("text/html")
    );
    assert_eq!(
        content_type("/variable/a.html?to=koi8-r").as_deref(),
        Some("text/html; charset=koi8-r")
    );
}

#[test]
fn charsets_are_turned_into_each_other() {
    let (server, _upstream) = texts();
    let response = server.connect().get("/recode/k.html", "");
    assert_eq!(response.text(), "aаб?");
    assert_eq!(response.field("Content-Length"), None);
    let response = server.connect().get("/bytes/k.html", "");
    assert_eq!(response.body, b"a\xe0\xe1?");
    let part = server
        .connect()
        .get("/bytes/k.html", "Range: bytes=1-2\r\n");
    assert_eq!((part.status, &part.body[..]), (206, &b"\xe0\xe1"[..]));
}

#[test]
fn what_an_upstream_says_about_its_charset_counts() {
    let (server, _upstream) = texts();
    let response = server.connect().get("/upstream", "");
    assert_eq!(response.text(), "аб");
    assert_eq!(
        response.field("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(server.connect().get("/accel", "").text(), "аб");
    assert_eq!(server.connect().get("/ignored", "").body, b"\xc1\xc2");
}

#[test]
fn a_charset_without_a_table_is_an_error_of_the_configuration() {
    let conf = TEXTS.replace("charset_map koi8-r utf-8 { C1 D0B0; C2 D0B1; }", "");
    let setup = Setup::new(&conf).with("UPSTREAM", "127.0.0.1:1");
    let path = setup.path().join("nginx.conf");
    std::fs::write(
        &path,
        conf.replace("%PORT%", "0").replace("%UPSTREAM%", "[::1]:1"),
    )
    .expect("written");
    let output = portway().run(&["-t", "-c", &path.display().to_string()]);
    let said = String::from_utf8_lossy(&output.stderr);
    let expected = "no \"charset_map\" between the charsets \"koi8-r\" and \"utf-8\"";
    assert!(said.contains(expected), "{said}");
}

const PAGES: &str = r#"
worker_processes 1; events { }
http { server {
    listen 127.0.0.1:%PORT%;
    root %DIR%/html;
    add_header X-Added yes;
    location / { error_page 412 /412.txt; error_page 416 /416.txt; }
    location /own/ { alias %DIR%/html/; }
    location = /412.txt { }
    location = /416.txt { }
} }"#;

#[test]
fn what_filters_refuse_has_error_pages() {
    let server = Setup::new(PAGES)
        .file("html/a.txt", "0123456789")
        .file("html/412.txt", "precondition")
        .file("html/416.txt", "no such part")
        .start(&portway());
    let response = server.connect().get("/a.txt", "If-Match: \"x\"\r\n");
    assert_eq!((response.status, &*response.text()), (412, "precondition"));
    let response = server.connect().get("/a.txt", "Range: bytes=20-\r\n");
    assert_eq!((response.status, &*response.text()), (416, "no such part"));
    let response = server.connect().get("/own/a.txt", "Range: bytes=20-\r\n");
    assert_eq!(response.status, 416);
    assert_eq!(response.field("Content-Range"), Some("bytes */10"));
    assert_eq!(response.all("X-Added"), ["yes"]);
    assert!(
        response
            .text()
            .contains("416 Requested Range Not Satisfiable")
    );
    assert!(response.keeps_alive());
    let response = server.connect().get("/own/a.txt", "If-Match: \"x\"\r\n");
    assert!(response.text().contains("412 Precondition Failed"));
    assert_eq!(response.field("ETag"), None);
}

/// What a test of a configuration says, on both outputs.
fn tested(globals: &str, level: &str) -> String {
    let files = testkit::Scratch::new("filters");
    let text = format!(
        "{globals} pid {0}/pid; error_log {0}/error.log; events {{ }}
        http {{ access_log off; server {{ listen 127.0.0.1:1; {level} }} }}",
        files.path().display()
    );
    let path = files.write("nginx.conf", text);
    let output = portway().run(&["-t", "-c", &path.display().to_string()]);
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn lines_that_load_these_modules_may_stay() {
    let modules = [
        "brotli_filter",
        "brotli_static",
        "zstd_filter",
        "zstd_static",
    ];
    let lines = modules.map(|name| format!("load_module modules/ngx_http_{name}_module.so;"));
    let level = "gzip_hash 16k; gzip_buffers 4 8k; postpone_gzipping 0; gzip_no_buffer off; \
                 directio 4m; aio threads; aio_write on;";
    let said = tested(&lines.concat(), level);
    assert!(said.contains("test is successful"), "{said}");
}

#[test]
fn values_that_make_no_sense_are_named() {
    for (level, expected) in [
        ("sub_filter \"\" x;", "empty search pattern"),
        (
            "gzip_window 5k;",
            "\"gzip_window\" directive must be 512, 1k, 2k,",
        ),
        ("brotli_comp_level 12;", "value must be between 0 and 11"),
        ("zstd_comp_level 0;", "and not 0"),
        ("gzip_static maybe;", "invalid value \"maybe\""),
        (
            "open_file_cache inactive=5s;",
            "\"open_file_cache\" must have the \"max\" parameter",
        ),
        (
            "open_log_file_cache a=1;",
            "invalid \"open_log_file_cache\" parameter \"a=1\"",
        ),
        (
            "userid_mark ab;",
            "must be \"off\" or a single letter, digit or \"=\"",
        ),
        ("userid_flags nothing;", "invalid value \"nothing\""),
    ] {
        let said = tested("", level);
        assert!(said.contains(expected), "{level}: {said}");
    }
}
