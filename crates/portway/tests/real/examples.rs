//! The larger examples, each loaded as it stands and spoken to as its users would.
//!
//! Every example starts in a network namespace of its own, with the folders that it names mounted
//! where it looks for them, certificates made for the occasion, and Debian's nginx behind it.

use std::fs;
use std::path::Path;
use std::process::Command;

use testkit::netns::Host;
use testkit::process::{run, run_ok};
use testkit::{DEADLINE, Process, Scratch, wait_for};

use crate::support::{portway, repository};

/// An example that runs.
struct Example {
    host: Host,
    files: Scratch,
    // Before the files: it ends while they are there.
    _server: Process,
    _backend: Option<Process>,
}

impl Example {
    /// Starts the example in `examples/NAME` for the site `domain`, in front of what `backend`, the
    /// inside of an `http` block, answers.
    fn start(name: &str, domain: &str, backend: &str) -> Self {
        let host = Host::new(name.get(..4).unwrap_or(name));
        let files = Scratch::new("example");
        lay_out(&files, name, domain);
        let backend = (!backend.is_empty()).then(|| start_backend(&host, &files, backend));
        let mut command = host.command("sh");
        command.args(["-c", IN_PLACE, "sh"]);
        command.arg(files.path()).arg(portway().path());
        let mut server = Process::spawn(&mut command, &files.path().join("output"));
        wait_for("the pid file", || {
            assert!(server.running(), "it ended:\n{}", server.output());
            Some(files.read("run/nginx.pid")).filter(|pid| !pid.is_empty())
        });
        Self {
            host,
            files,
            _server: server,
            _backend: backend,
        }
    }

    /// What curl prints for `words`, with every name of the example at this host and its
    /// certificate trusted.
    fn curl(&self, words: &[&str]) -> String {
        let mut curl = self.host.command("curl");
        curl.args(["-s", "-m", "5", "--connect-to", "::127.0.0.1:", "--cacert"]);
        curl.arg(self.files.path().join("certificate.pem"));
        let output = run(curl.args(words), DEADLINE);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Status and target of a redirect, or the status alone.
    fn status(&self, url: &str) -> String {
        let line = self.curl(&["-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", url]);
        line.trim().to_owned()
    }
}

/// The folders of the example where `IN_PLACE` mounts them from.
fn lay_out(files: &Scratch, name: &str, domain: &str) {
    let path = |sub: &str| files.path().join(sub);
    for folder in ["run", "log", "www", "letsencrypt"] {
        fs::create_dir(path(folder)).expect("directory created");
    }
    run_ok(
        Command::new("cp")
            .args(["-rL", "/etc/nginx"])
            .arg(path("etc")),
    );
    for enabled in ["etc/sites-enabled", "etc/modules-enabled"] {
        fs::remove_dir_all(path(enabled)).expect("directory removed");
    }
    let example = repository().join("examples").join(name);
    run_ok(Command::new("cp").arg("-rT").arg(example).arg(path("etc")));
    make_certificate(files, domain);
    for file in ["options-ssl-nginx.conf"] {
        if path("etc").join(file).exists() {
            fs::rename(path("etc").join(file), path("letsencrypt").join(file)).expect("moved");
        }
    }
}

/// A certificate for the domain and all names below it, where certbot puts it; parameters of a key
/// exchange that nobody here uses any more; and an authority of nobody's.
fn make_certificate(files: &Scratch, domain: &str) {
    let path = |sub: &str| files.path().join(sub);
    let live = path("letsencrypt/live").join(domain);
    fs::create_dir_all(&live).expect("directory created");
    let names = format!("subjectAltName=DNS:{domain},DNS:*.{domain},DNS:registry.example.org");
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt"]);
    openssl.args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    openssl.args(["-subj", &format!("/CN={domain}"), "-addext", &names]);
    openssl.arg("-keyout").arg(live.join("privkey.pem"));
    run_ok(openssl.arg("-out").arg(live.join("fullchain.pem")));
    for copy in ["certificate.pem", "etc/phones-ca.pem"] {
        fs::copy(live.join("fullchain.pem"), path(copy)).expect("copied");
    }
    for parameters in ["letsencrypt/ssl-dhparams.pem", "etc/dhparams.pem"] {
        files.write(parameters, DH_PARAMETERS);
    }
}

/// Debian's nginx on this host with `conf` as its `http` block.
fn start_backend(host: &Host, files: &Scratch, conf: &str) -> Process {
    let dir = files.path().display().to_string();
    let text = format!(
        "daemon off; pid %DIR%/backend.pid; error_log %DIR%/backend.log; events {{ }}\
         http {{ access_log off; {conf} }}"
    )
    .replace("%DIR%", &dir);
    let file = files.write("backend.conf", text);
    let mut command = host.command("nginx");
    let backend = Process::spawn(
        command.arg("-c").arg(file),
        &files.path().join("backend.out"),
    );
    wait_for("the backend", || {
        Some(files.read("backend.pid")).filter(|pid| !pid.is_empty())
    });
    backend
}

/// Makes the example's folders those of the machine, for this server alone.
const IN_PLACE: &str = "mount --bind \"$1/etc\" /etc/nginx && mount --bind \"$1/run\" /run \
    && mkdir -p /var/log/nginx /etc/letsencrypt /srv/www && mount --bind \"$1/log\" /var/log/nginx \
    && mount --bind \"$1/letsencrypt\" /etc/letsencrypt && mount --bind \"$1/www\" /srv/www \
    && exec \"$2\" -c /etc/nginx/nginx.conf -g 'daemon off;'";

/// The 2,048-bit group of RFC 7919, as `ssl-dhparams.pem` holds it.
const DH_PARAMETERS: &str = "\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
";

#[test]
fn certbot_s_lines_serve_the_site_and_send_everybody_to_https() {
    let example = Example::start("certbot", "example.org", "");
    example
        .files
        .write("www/example.org/index.html", "the site");
    assert_eq!(example.curl(&["https://example.org/"]), "the site");
    let moved = example.status("http://www.example.org/a?b");
    assert_eq!(moved, "301 https://www.example.org/a?b");
    assert_eq!(example.status("http://other.example/"), "404");
    assert_eq!(example.status("https://example.org/none"), "404");
}

#[test]
fn the_h5bp_files_give_their_headers_and_refuse_what_they_refuse() {
    let example = Example::start("h5bp", "example.com", "");
    let www = |name: &str, text: &str| {
        example
            .files
            .write(&format!("www/example.com/{name}"), text);
    };
    www("index.html", "<p>page</p>");
    www("style.css", "p { color: red }");
    www("404.html", "our 404");
    www(".secret", "nobody reads this");
    let page = example.curl(&["-i", "https://example.com/"]);
    for field in [
        "content-type: text/html; charset=utf-8",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "strict-transport-security: max-age=31536000",
        "cache-control: max-age=0",
        "server: nginx\r",
    ] {
        let has = page.to_ascii_lowercase().contains(field);
        assert!(has, "no {field} in {page}");
    }
    // A hashed name is the file without the hash, kept for a year.
    let style = example.curl(&["-i", "https://example.com/style.1a2b3c.css"]);
    assert!(style.contains("max-age=31536000"), "{style}");
    assert!(!style.contains("X-Frame-Options"), "{style}");
    assert_eq!(example.status("https://example.com/.secret"), "403");
    assert_eq!(example.status("https://example.com/backup.sql"), "403");
    assert_eq!(example.curl(&["https://example.com/none"]), "our 404");
    let www = example.status("https://www.example.com/x");
    assert_eq!(www, "301 https://example.com/x");
    // Nobody answers to another name: no handshake, no response.
    assert_eq!(example.status("https://other.example/"), "000");
    assert_eq!(example.status("http://other.example/"), "000");
}

#[test]
fn nextcloud_gets_its_requests_and_strangers_do_not_get_its_files() {
    let backend = "server { listen 127.0.0.1:11000; client_max_body_size 0;
        location / { return 200 \"$host $request_uri $http_x_forwarded_proto $http_connection\"; } }
        server { listen 127.0.0.1:7867; return 200 \"push $request_uri\"; }";
    let example = Example::start("nextcloud", "cloud.example.org", backend);
    let url = |path: &str| format!("https://cloud.example.org{path}");
    let shown = example.curl(&[&url("/apps/files?x=1")]);
    assert_eq!(shown, "cloud.example.org /apps/files?x=1 https close");
    assert_eq!(example.curl(&[&url("/push/test")]), "push /test");
    let moved = example.status(&url("/.well-known/carddav"));
    assert_eq!(moved, "301 https://cloud.example.org/remote.php/dav/");
    assert_eq!(example.status(&url("/config/config.php")), "404");
    let asset = example
        .curl(&["-i", &url("/core/a.js?v=2")])
        .to_ascii_lowercase();
    assert!(
        asset.contains("cache-control: public, max-age=15778463, immutable"),
        "{asset}"
    );
    // The eleventh of a burst is one too many.
    let tried: Vec<_> = (0..13).map(|_| example.status(&url("/login"))).collect();
    assert_eq!(tried.first().map(String::as_str), Some("200"));
    assert_eq!(tried.last().map(String::as_str), Some("503"), "{tried:?}");
}

#[test]
fn gitlab_is_reached_by_its_socket_and_its_logs_hold_no_tokens() {
    let backend = "server { listen unix:%DIR%/run/gitlab-workhorse.socket;
        client_max_body_size 0;
        location / { return 200 \"$http_host $http_x_forwarded_for $http_x_forwarded_ssl\"; }
        location /api/ { return 200 artifacts; }
        location /down { return 444; } }
        server { listen 127.0.0.1:5001; return 200 registry; }";
    let example = Example::start("gitlab", "gitlab.example.org", backend);
    let url = |path: &str| format!("https://gitlab.example.org{path}");
    let shown = example.curl(&["-H", "X-Forwarded-For: 203.0.113.9", &url("/group/project")]);
    assert_eq!(shown, "gitlab.example.org 203.0.113.9, 203.0.113.9 on");
    let sent = example.curl(&["-d", "x", &url("/api/v4/jobs/1/artifacts")]);
    assert_eq!(sent, "artifacts");
    assert_eq!(
        example.curl(&["https://registry.example.org/v2/"]),
        "registry"
    );
    assert_eq!(example.status(&url("/?private_token=geheim&x=1")), "200");
    wait_for("the line in the log", || {
        let log = example.files.read("log/gitlab_access.log");
        assert!(!log.contains("geheim"), "{log}");
        log.contains("private_token=[FILTERED]&x=1").then_some(())
    });
    let status = example.curl(&[&url("/nginx_status")]);
    assert!(status.starts_with("Active connections:"), "{status}");
    example.files.write("www/gitlab/502.html", "it restarts");
    assert_eq!(example.curl(&[&url("/down")]), "it restarts");
}

#[test]
fn home_assistant_is_open_at_home() {
    let backend = "server { listen 127.0.0.1:8123;
        location / { return 200 \"$http_host $http_x_forwarded_proto\"; }
        location /go { return 302 http://home.example.org/there; } }";
    let example = Example::start("home-assistant", "home.example.org", backend);
    let shown = example.curl(&["https://home.example.org/"]);
    assert_eq!(shown, "home.example.org https");
    let moved = example.status("https://home.example.org/go");
    assert_eq!(moved, "302 https://home.example.org/there");
    let upgrade = ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket"];
    let words = [&upgrade[..], &["https://home.example.org/api/websocket"]].concat();
    assert_eq!(example.curl(&words), "home.example.org https");
}

#[test]
fn the_wall_shows_each_person_the_desktops_with_a_role() {
    let example = Example::start("vnc-wall", "example.org", "");
    let users = ["ann", "bob", "root"].map(|user| format!("{user}:{{PLAIN}}secret\n"));
    example.files.write("etc/users", users.concat());
    let wall = "http://gateway.example:8080/desktops/";
    assert_eq!(example.status(wall), "401");
    let api = format!("{wall}api/desktops");
    let shown = |user: &str| {
        let list = example.curl(&["-u", &format!("{user}:secret"), &api]);
        ["lab1", "lab2", "office"].map(|name| list.contains(&format!("\"name\":\"{name}\"")))
    };
    assert_eq!(shown("ann"), [false, true, true]);
    assert_eq!(shown("bob"), [true, true, true]);
    assert_eq!(shown("root"), [true, true, true]);
    let hall = example.status("http://gateway.example:8080/hall/");
    assert_eq!(hall, "403", "this host is not in the hall");
    let viewer = example.curl(&["-u", "ann:secret", &format!("{wall}office/")]);
    assert!(viewer.contains("<title>Desktop</title>"), "{viewer}");
}

#[test]
fn every_folder_of_the_examples_has_its_test() {
    let folders = fs::read_dir(repository().join("examples")).expect("the examples are there");
    let source = include_str!("examples.rs");
    for path in folders.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            let name = path
                .file_name()
                .map(Path::new)
                .expect("a name")
                .display()
                .to_string();
            assert!(
                source.contains(&format!("Example::start(\"{name}\"")),
                "{name}"
            );
        }
    }
}
