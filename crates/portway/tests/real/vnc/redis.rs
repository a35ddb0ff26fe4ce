//! Tokens in a Redis server, as websockify's `TokenRedis` has them; the server is Debian's.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use testkit::ports::free_port;
use testkit::process::{Process, run_ok};
use testkit::upstream::Upstream;
use testkit::vnc::{Look, VncServer};
use testkit::{Scratch, Server, Setup, WebSocket, wait_true};

use super::{CONF, enter, get};
use crate::support::portway;

/// A server, and its port.
struct Redis {
    port: u16,
    folder: Scratch,
    _process: Process,
}

const PASSWORD: &str = "pass word";

impl Redis {
    fn start() -> Self {
        let port = free_port();
        let folder = Scratch::new("redis");
        let dir = folder.path().display().to_string();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
        command.args(["--save", "", "--appendonly", "no", "--dir", &dir]);
        command.args(["--requirepass", PASSWORD]);
        command.args(["--unixsocket", &format!("{dir}/socket")]);
        command.args(["--unixsocketperm", "777"]);
        let process = Process::spawn(&mut command, &folder.path().join("log"));
        let redis = Self {
            port,
            folder,
            _process: process,
        };
        wait_true("Redis answers", || {
            redis
                .command()
                .arg("ping")
                .output()
                .is_ok_and(|pong| pong.stdout == b"PONG\n")
        });
        redis
    }

    fn command(&self) -> Command {
        let mut command = Command::new("redis-cli");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        command.env("REDISCLI_AUTH", PASSWORD);
        command
    }

    fn cli(&self, words: &[&str]) {
        run_ok(self.command().args(words));
    }
}

fn start(redis: &Redis, vnc: &VncServer) -> Server {
    let port = redis.port;
    let inside = format!(
        "vnc_allow 127.0.0.1; vnc_revoke_grace 1s;
         location / {{ vnc_token_source redis 127.0.0.1:%REDIS%:0 password_file=secret; }}
         location /other/ {{ vnc_token_source redis 127.0.0.1:{port}:2:none:vnc password_file=secret; }}
         location /user/ {{ vnc_token_source redis 127.0.0.1:{port} user=reader password_file=reader; }}
         location /unix/ {{ vnc_token_source redis unix:{}/socket password_file=secret; }}
         location /wrong/ {{ vnc_token_source redis 127.0.0.1:{port}:0:wrong; }}
         location /down/ {{ vnc_token_source redis 127.0.0.1:1; }}
         location /fenced/ {{ vnc_deny all; vnc_token_source redis 127.0.0.1:{port} password_file=secret; }}",
        redis.folder.path().display()
    );
    let setup = Setup::new(CONF)
        .with("INSIDE", inside.replace("%REDIS%", &port.to_string()))
        .with("TARGET", vnc.addr())
        .file("secret", format!("{PASSWORD}\n"))
        .file("reader", "r3ader\n");
    for name in ["secret", "reader"] {
        let mode = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(setup.path().join(name), mode).expect("its own file");
    }
    setup.start(&portway())
}

#[test]
fn tokens_are_looked_up_in_redis_as_websockify_does() {
    let vnc = VncServer::start(Look::default());
    let redis = Redis::start();
    let (host, port) = (vnc.addr().ip(), vnc.addr().port());
    redis.cli(&["set", "plain-token", &vnc.addr().to_string()]);
    let json = format!("{{\"host\":\"{host}:{port}\"}}");
    redis.cli(&["set", "json-token", &json]);
    let terms = format!("{{\"host\":\"{host}\",\"port\":{port},\"view_only\":true}}");
    redis.cli(&["set", "terms-token", &terms]);
    redis.cli(&["set", "bad-token", "no target"]);
    redis.cli(&["set", "long-token", &"x".repeat(20_000)]);
    redis.cli(&["lpush", "list-token", "a:1"]);
    redis.cli(&["-n", "2", "set", "vnc:plain-token", &vnc.addr().to_string()]);
    redis.cli(&["acl", "setuser", "reader", "on", ">r3ader", "~*", "+get"]);
    let server = start(&redis, &vnc);
    let told = |path: &str| get(&server, path).text();
    for path in ["/", "/other/", "/user/", "/unix/"] {
        let told = told(&format!("{path}session?token=plain-token"));
        assert!(told.contains("\"status\":\"ok\""), "{path}: {told}");
    }
    enter(&mut WebSocket::open(
        server.addr(),
        "/ws?token=json-token",
        "",
    ));
    assert!(told("/session?token=terms-token").contains("\"view_only\":true"));
    for (path, code) in [
        ("/session?token=unknown-token", 4401),
        ("/session?token=plain-token%0D%0AFLUSHALL", 4401),
        ("/other/session?token=json-token", 4401),
        ("/fenced/session?token=plain-token", 4403),
        ("/session?token=bad-token", 1011),
        ("/session?token=long-token", 1011),
        ("/session?token=list-token", 1011),
        ("/wrong/session?token=plain-token", 1011),
        ("/down/session?token=plain-token", 1011),
    ] {
        let told = told(path);
        assert!(told.contains(&format!("\"code\":{code}")), "{path}: {told}");
    }
    server.wait_error_log("about a token failed: it says WRONGTYPE");
    server.wait_error_log("about a token failed: it says WRONGPASS");
    server.wait_error_log("its value is longer than 16384 bytes");
    let log = server.error_log();
    for secret in [
        "plain-token",
        "bad-token",
        "long-token",
        "list-token",
        PASSWORD,
        "r3ader",
    ] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

#[test]
fn a_session_outlives_a_server_that_is_gone_and_not_its_token() {
    let vnc = VncServer::start(Look::default());
    let redis = Redis::start();
    redis.cli(&["set", "one", &vnc.addr().to_string()]);
    let server = start(&redis, &vnc);
    let mut socket = WebSocket::open(server.addr(), "/ws?token=one", "");
    enter(&mut socket);
    redis.cli(&["del", "one"]);
    // A reload asks again at once, and so it is not waited for the half minute.
    let conf = server.files().read("nginx.conf");
    server.reload(&conf.replacen("vnc_allow", "vnc_ping 21s; vnc_allow", 1));
    server.wait_error_log("is to end in 1s: reason=removed");
    assert_eq!(socket.recv_close().map(|(code, _)| code), Some(4410));
}

/// A server that says nothing, or something else, costs the time that it is given.
#[test]
fn what_is_no_redis_is_an_error_within_the_time() {
    let silent = Upstream::serving(|peer| {
        peer.read_head();
        std::thread::sleep(Duration::from_secs(2));
    });
    let web = Upstream::serving(|peer| {
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        // Until whoever asked has left.
        peer.read_head();
    });
    let inside = format!(
        "location /silent/ {{ vnc_token_source redis {} timeout=300ms; }}
         location /web/ {{ vnc_token_source redis {}; }}",
        silent.addr(),
        web.addr()
    );
    let server = Setup::new(CONF).with("INSIDE", inside).start(&portway());
    for path in ["/silent/", "/web/"] {
        let told = get(&server, &format!("{path}session?token=a")).text();
        assert!(told.contains("\"code\":1011"), "{path}: {told}");
    }
    server.wait_error_log("about a token failed: it does not answer as Redis does");
}
