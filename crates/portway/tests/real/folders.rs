//! What answers for folders: listings, a file by chance, and a pixel.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use testkit::http::get;
use testkit::{Server, Setup};

use crate::support::portway;

const CONF: &str = "events { } http { server { listen 127.0.0.1:%PORT%; root %DIR%/html;
    autoindex on; location /json/ { alias %DIR%/html/; autoindex_format json; }
    location /off/ { alias %DIR%/html/; autoindex off; }
    location /chance/ { alias %DIR%/html/; random_index on; } } }";

fn start() -> Server {
    let setup = Setup::new(CONF)
        .file("html/b \"<&>.txt", "file")
        .file("html/.hidden", "")
        .file("html/sub/index.html", "the index");
    let html = setup.path().join("html");
    symlink("sub", html.join("zlink")).expect("linked");
    symlink("nowhere", html.join("dangling")).expect("linked");
    drop(UnixListener::bind(html.join("socket")).expect("bound"));
    setup.start(&portway())
}

#[test]
fn folders_come_first_and_links_are_what_they_lead_to() {
    let server = start();
    let page = get(server.addr(), "/").text();
    let lines: Vec<_> = page
        .lines()
        .skip(4)
        .filter(|line| line.starts_with("<a"))
        .collect();
    let heads = [
        "<a href=\"sub/\">sub/</a>",
        "<a href=\"zlink/\">zlink/</a>",
        "<a href=\"b%20%22%3C%26%3E.txt\">b &quot;&lt;&amp;&gt;.txt</a>",
        "<a href=\"dangling\">dangling</a>",
        "<a href=\"socket\">socket</a>",
    ];
    assert_eq!(lines.len(), heads.len(), "{page}");
    for (line, head) in lines.iter().zip(heads) {
        assert!(line.starts_with(head), "{line}");
    }
    let json = get(server.addr(), "/json/").text();
    assert!(json.contains("{ \"name\":\"b \\\"<&>.txt\", \"type\":\"file\", \"mtime\":\""));
    assert!(
        json.contains("\", \"size\":4 }") && json.contains("\"type\":\"other\""),
        "{json}"
    );
}

#[test]
fn an_index_file_wins_over_the_listing_and_without_both_a_folder_is_forbidden() {
    let server = start();
    assert_eq!(get(server.addr(), "/sub/").text(), "the index");
    assert_eq!(get(server.addr(), "/off/").status, 403);
    server.wait_error_log("directory index of \"");
    assert_eq!(get(server.addr(), "/missing/").status, 404);
}

#[test]
fn a_random_index_is_one_of_the_files() {
    let server = start();
    assert_eq!(get(server.addr(), "/chance/").text(), "file");
    assert_eq!(get(server.addr(), "/chance/sub/").text(), "the index");
}
