//! `valid_referers` and `secure_link`.

use testkit::{Server, Setup};

use crate::support::portway;

const CONF: &str = "events { } http { access_log off;
    server { listen 127.0.0.1:%PORT%; server_name own.example;
        location = /referer { valid_referers none blocked server_names *.good.example
                other.example/path ~^again\\.;
            referer_hash_max_size 2048; referer_hash_bucket_size 64;
            return 200 [$invalid_referer]; }
        location /link { secure_link $arg_md5,$arg_expires; secure_link_md5 'secret $uri $arg_expires';
            return 200 '[$secure_link] [$secure_link_expires]'; }
        location /p/ { secure_link_secret word; return 200 [$secure_link]; }
    } }";

fn start() -> Server {
    Setup::new(CONF).start(&portway())
}

#[test]
fn referers_are_good_or_not() {
    let server = start();
    let ask = |referer: &str| {
        let field = format!("Referer: {referer}\r\n");
        server.connect().get("/referer", &field).text()
    };
    assert_eq!(server.connect().get("/referer", "").text(), "[]");
    for good in [
        "cut-by-a-proxy",
        "http://own.example/",
        "https://www.good.example:8080/page",
        "http://OTHER.example/path/more",
        "http://again.and.again/",
    ] {
        assert_eq!(ask(good), "[]", "{good}");
    }
    for bad in [
        "http://bad.example/",
        "http://good.example/",
        "http://other.example/",
        "http://not.own.example/",
    ] {
        assert_eq!(ask(bad), "[1]", "{bad}");
    }
}

#[test]
fn links_prove_who_made_them() {
    let server = start();
    let ask = |path: &str| server.connect().get(path, "").text();
    // printf 'secret /link 2147483647' | openssl md5 -binary | basenc --base64url | tr -d =
    let good = "/link?md5=ezS--pwVfOoofTH8hv1LyA&expires=2147483647";
    assert_eq!(ask(good), "[1] [2147483647]");
    // printf 'secret /link 1' | …
    assert_eq!(ask("/link?md5=iR0bWBjuOT_4vt67M7JklA&expires=1"), "[0] [1]");
    assert_eq!(ask("/link?md5=iR0bWBjuOT_4vt67M7JklA&expires=2"), "[] [2]");
    assert_eq!(ask("/link?md5=iR0bWBjuOT_4vt67M7JklA"), "[] []");
    // printf 'the/linkword' | md5sum
    assert_eq!(
        ask("/p/8e9424bca40c98a64133036d262e6c9f/the/link"),
        "[the/link]"
    );
    assert_eq!(ask("/p/8e9424bca40c98a64133036d262e6c9f/the/other"), "[]");
}
