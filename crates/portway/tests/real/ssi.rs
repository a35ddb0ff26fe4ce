//! Commands in pages: what they put in their place, over files and proxied bodies.

use testkit::http::get;
use testkit::{Server, Setup, Upstream};

use crate::support::portway;

const CONF: &str = "events {} http {
    types { text/html html; text/css css; }
    server { listen 127.0.0.1:%PORT%; root %DIR%/pages; ssi on;
        location / { }
        location /silent/ { alias %DIR%/pages/; ssi_silent_errors on; }
        location /kept/ { alias %DIR%/pages/; ssi_last_modified on; }
        location /short/ { alias %DIR%/pages/; ssi_value_length 4; }
        location /css/ { alias %DIR%/pages/; ssi_types text/css; }
        location /off/ { alias %DIR%/pages/; ssi off; }
        location = /small { subrequest_output_buffer_size 3; return 200 long; }
        location = /none { return 404; }
        location = /nothing { proxy_pass http://%UPSTREAM%/nothing; }
        location = /set { set $mark set; return 200 s; }
        location /back/ { proxy_pass http://%UPSTREAM%; }
        location /direct/ { proxy_pass http://%UPSTREAM%; proxy_buffering off; }
    } }";

/// Answers with a body that names the path; one that is `page` is a page with a command, sent in
/// pieces.
fn upstream() -> Upstream {
    Upstream::serving(|peer| {
        let Some(head) = peer.read_head() else { return };
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let ok = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\n";
        if path.ends_with("/cut") {
            peer.send(format!("{ok}Content-Length: 9\r\n\r\ncut").as_bytes());
        } else if path.ends_with("/page") {
            peer.send(format!("{ok}\r\n[<!").as_bytes());
            peer.send(b"--#echo var=\"ur");
            peer.send(b"i\" --");
            peer.send(b">]");
        } else if path.ends_with("nothing") {
            peer.send(format!("{ok}Content-Length: 0\r\n\r\n").as_bytes());
        } else {
            peer.send(format!("{ok}\r\n({path})").as_bytes());
        }
    })
}

/// Serves one page, and what it may include.
fn start(page: &str, upstream: &Upstream) -> Server {
    Setup::new(CONF)
        .with("UPSTREAM", upstream.addr())
        .file("pages/page.html", page)
        .file("pages/page.css", page)
        .file("pages/plain.html", "plain")
        .file("pages/dir/inner.html", "<!--#echo var=\"uri\" -->")
        .file(
            "pages/dir/outer.html",
            "<!--#include file=\"inner.html\" -->",
        )
        .file(
            "pages/cycle.html",
            "c<!--#include virtual=\"cycle.html\" -->",
        )
        .start(&portway())
}

fn body(page: &str) -> String {
    body_at(page, "/page.html")
}

fn body_at(page: &str, path: &str) -> String {
    let upstream = upstream();
    let server = start(page, &upstream);
    get(server.addr(), path).text()
}

const FAILED: &str = "[an error occurred while processing the directive]";

#[test]
fn an_include_stands_where_its_command_stood() {
    assert_eq!(
        body(
            "a<!--#include virtual=\"/plain.html\" -->b<!--#include virtual=\"dir/outer.html\"-->c"
        ),
        "aplainb/dir/inner.htmlc"
    );
}

#[test]
fn a_slow_include_does_not_change_the_order() {
    let page = "1<!--#include virtual=\"/back/a\" -->2<!--#include virtual=\"/plain.html\" -->3\
        <!--#include virtual=\"/direct/b\" -->4";
    assert_eq!(body(page), "1(/back/a)2plain3(/direct/b)4");
}

#[test]
fn commands_are_followed_in_proxied_pages_wherever_they_are_cut() {
    assert_eq!(body_at("", "/back/page"), "[/back/page]");
    assert_eq!(body_at("", "/direct/page"), "[/direct/page]");
    let page = "<!--#include virtual=\"/direct/page\" -->";
    assert_eq!(body(page), "[/direct/page]");
}

#[test]
fn a_page_that_waits_sees_what_was_waited_for() {
    let page = "<!--#include virtual=\"/set\" --><!--#echo var=\"mark\" default=\"-\" -->\
        <!--#include virtual=\"/set\" wait=\"yes\" --><!--#echo var=\"mark\" -->";
    assert_eq!(body(page), "ssset");
}

#[test]
fn an_include_can_become_a_variable() {
    let page = "<!--#include virtual=\"/plain.html\" set=\"x\" -->[<!--#echo var=\"x\" -->]\
        <!--#include virtual=\"/none\" set=\"y\" -->[<!--#echo var=\"y\" -->]";
    assert_eq!(body(page), "[plain][]");
}

#[test]
fn what_is_too_long_for_a_variable_ends_the_request_before_its_head() {
    let upstream = upstream();
    let server = start("<!--#include virtual=\"/small\" set=\"x\" -->", &upstream);
    let mut conn = server.connect();
    conn.send("GET /page.html HTTP/1.0\r\n\r\n");
    assert_eq!(conn.read_to_end(), b"");
    server.wait_error_log("too big subrequest response: 4");
}

#[test]
fn a_block_stands_in_for_what_fails_or_is_empty() {
    let page = "<!--#block name=\"b\" -->(<!--#echo var=\"request_uri\" -->)<!--#endblock -->\
        1<!--#include virtual=\"/none\" stub=\"b\" -->2<!--#include virtual=\"/plain.html\" stub=\"b\" -->\
        3<!--#include virtual=\"/none\" stub=\"c\" -->";
    assert_eq!(body(page), format!("1(/page.html)2plain3{FAILED}"));
    let page = "<!--#block name=\"b\" -->empty<!--#endblock --><!--#include virtual=\"/nothing\" stub=\"b\" -->";
    assert_eq!(body(page), "empty");
}

#[test]
fn echo_encodes_as_it_is_told_and_stays_with_that() {
    let page = "<!--#set var=\"v\" value=\"<a b>&\" --><!--#echo var=\"v\" -->|\
        <!--#echo var=\"v\" encoding=\"url\" -->|<!--#echo var=\"v\" -->|\
        <!--#echo var=\"v\" encoding=\"none\" -->";
    assert_eq!(
        body(page),
        "&lt;a b&gt;&amp;|%3Ca%20b%3E&|%3Ca%20b%3E&|<a b>&"
    );
}

#[test]
fn echo_says_so_if_there_is_nothing_to_say() {
    let page = "<!--#echo var=\"nope\" -->|<!--#echo var=\"nope\" default=\"\" -->|\
        <!--#echo var=\"nope\" default=\"d\" -->";
    assert_eq!(body(page), "(none)||d");
}

#[test]
fn expressions_choose_one_branch() {
    let page = "<!--#if expr=\"$arg_a = x\" -->x<!--#elif expr=\"$arg_a = /^y(.)/\" -->\
        y<!--#echo var=\"1\" --><!--#else -->else<!--#endif -->.";
    let upstream = upstream();
    let server = start(page, &upstream);
    let at = |query: &str| get(server.addr(), &format!("/page.html{query}")).text();
    assert_eq!(at("?a=x"), "x.");
    assert_eq!(at("?a=yz"), "yz.");
    assert_eq!(at(""), "else.");
}

#[test]
fn variables_of_a_page_are_seen_in_what_it_includes() {
    let page = "<!--#set var=\"uri\" value=\"mine ${arg_a}\" --><!--#include virtual=\"/dir/outer.html\" -->";
    assert_eq!(body_at(page, "/page.html?a=5"), "mine 5");
}

#[test]
fn times_have_the_format_that_the_page_sets() {
    let page = "<!--#config timefmt=\"%%-%Z\" --><!--#echo var=\"date_gmt\" -->";
    assert_eq!(body(page), "%-GMT");
    let page = "<!--#config timefmt=\"%s\" --><!--#echo var=\"date_local\" -->";
    assert!(body(page).parse::<u64>().is_ok());
}

#[test]
fn what_is_wrong_is_shown_and_logged() {
    let page = "a<!--#bogus -->b<!--#config errmsg=\"oh\" --><!--#echo -->c<!--#endif -->d";
    let upstream = upstream();
    let server = start(page, &upstream);
    assert_eq!(
        get(server.addr(), "/page.html").text(),
        format!("a{FAILED}bohcohd")
    );
    assert_eq!(get(server.addr(), "/silent/page.html").text(), "abcd");
    server.wait_error_log("invalid SSI command: \"bogus\"");
    server.wait_error_log("mandatory \"var\" parameter is absent in \"echo\" SSI command");
    server.wait_error_log("invalid context of SSI command: \"endif\"");
}

#[test]
fn a_page_that_includes_itself_comes_to_an_end() {
    let upstream = upstream();
    let server = start("", &upstream);
    let text = get(server.addr(), "/cycle.html").text();
    assert_eq!(text, format!("{}{FAILED}", "c".repeat(52)));
    server.wait_error_log("subrequests cycle while processing \"/cycle.html\"");
}

#[test]
fn a_path_that_climbs_is_not_included() {
    assert_eq!(body("<!--#include virtual=\"/%2e%2e/x\" -->"), FAILED);
}

#[test]
fn a_page_has_no_length_and_no_time_unless_it_is_told_to() {
    let upstream = upstream();
    let server = start("x", &upstream);
    let page = get(server.addr(), "/page.html");
    assert_eq!(page.field("content-length"), None);
    assert_eq!(page.field("last-modified"), None);
    assert_eq!(page.field("etag"), None);
    let kept = get(server.addr(), "/kept/page.html");
    assert!(kept.field("last-modified").is_some());
    assert!(
        kept.field("etag")
            .is_some_and(|etag| etag.starts_with("W/"))
    );
    let off = get(server.addr(), "/off/page.html");
    assert_eq!(off.field("content-length"), Some("1"));
}

#[test]
fn only_pages_of_its_types_are_looked_through() {
    let page = "<!--#echo var=\"nope\" -->";
    assert_eq!(body_at(page, "/page.css"), page);
    assert_eq!(body_at(page, "/css/page.css"), "(none)");
    assert_eq!(body_at(page, "/off/page.html"), page);
}

#[test]
fn a_value_that_is_too_long_is_an_error() {
    let page = "<!--#echo var=\"abcde\" default=\"x\" -->";
    assert_eq!(body_at(page, "/short/page.html"), FAILED);
}

#[test]
fn a_large_page_arrives_whole() {
    let filler = "0123456789<b>".repeat(20_000);
    let page = format!("{filler}<!--#include virtual=\"/plain.html\" -->{filler}");
    assert_eq!(body(&page), format!("{filler}plain{filler}"));
}

#[test]
fn what_came_of_a_part_that_breaks_off_is_shown_and_the_page_goes_on() {
    let page = "1<!--#include virtual=\"/back/a\" -->2<!--#include virtual=\"/back/cut\" -->3";
    assert_eq!(body(page), "1(/back/a)2cut3");
}

#[test]
fn a_page_of_very_many_parts_arrives_in_order() {
    let part = |number| format!("<!--#include virtual=\"/back/{number}\" -->");
    let page: String = (0..400).map(part).collect();
    let whole: String = (0..400).map(|number| format!("(/back/{number})")).collect();
    assert_eq!(body(&page), whole);
}

#[test]
fn variables_that_are_made_of_one_another_do_not_grow_without_end() {
    let double = "<!--#set var=\"a\" value=\"$a$a\" -->".repeat(60);
    let page =
        format!("<!--#set var=\"a\" value=\"0123456789\" -->{double}<!--#echo var=\"a\" -->");
    let server = start(&page, &upstream());
    let answer = get(server.addr(), "/page.html");
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() < 2 << 20, "{}", answer.body.len());
    server.wait_error_log("too long text in SSI command");
}
