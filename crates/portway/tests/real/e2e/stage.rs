//! What the browser tests share: three hosts, the stock configuration, proofs of a live desktop.

use std::fs;
use std::path::Path;
use std::process::Command;

use testkit::browser::{Browser, artifacts};
use testkit::desktop::{Access, Desktop, Place};
use testkit::netns::{Host, connect};
use testkit::ports::free_port;
use testkit::process::run_ok;
use testkit::{Process, Scratch, Server, Setup, wait_for, wait_true};

use crate::support::{portway, repository};

pub const VNC_SERVER: &str = "192.168.204.10";
pub const PROXY_INSIDE: &str = "192.168.204.133";
pub const PROXY_OUTSIDE: &str = "192.168.50.128";
pub const CLIENT: &str = "192.168.50.129";

/// A desktop that only the proxy reaches, and a client that only the proxy reaches.
pub struct ThreeHosts {
    pub vnc_server: Host,
    pub proxy_server: Host,
    pub client: Host,
}

impl ThreeHosts {
    pub fn new() -> Self {
        let [vnc_server, proxy_server, client] = ["vnc", "proxy", "client"].map(Host::new);
        let with_prefix = |address: &str| format!("{address}/24");
        connect(
            (&vnc_server, &with_prefix(VNC_SERVER)),
            (&proxy_server, &with_prefix(PROXY_INSIDE)),
        );
        connect(
            (&proxy_server, &with_prefix(PROXY_OUTSIDE)),
            (&client, &with_prefix(CLIENT)),
        );
        // A client that knows the way is still not let through: the proxy is no router.
        let route = ["route", "add", "192.168.204.0/24", "via", PROXY_OUTSIDE];
        run_ok(client.command("ip").args(route));
        Self {
            vnc_server,
            proxy_server,
            client,
        }
    }

    /// That the proxy reaches this port of the VNC server, and the client does not.
    pub fn assert_isolated(&self, port: u16) {
        wait_true("the proxy to reach the VNC server", || {
            self.proxy_server.reaches(VNC_SERVER, port)
        });
        assert!(
            !self.client.reaches(VNC_SERVER, port),
            "the client reaches the VNC server"
        );
    }
}

/// The server under test as a distribution starts it: Debian's own `nginx.conf`, and one file in
/// `conf.d`, under their usual names, in a mount namespace of the host's own.
pub struct StockServer {
    process: Process,
    files: Scratch,
}

impl StockServer {
    /// Debian's file, and `conf` in `conf.d`.
    pub fn start(host: &Host, conf: &str) -> Self {
        let files = Self::stock_files();
        files.write("etc/conf.d/desktop.conf", conf);
        Self::start_in_place(host, files)
    }

    /// A file of the form that RHEL and its kin ship, with its user, and `conf` in `conf.d`.
    pub fn start_rhel(host: &Host, conf: &str) -> Self {
        let files = Self::stock_files();
        files.write("etc/nginx.conf", RHEL);
        files.write("etc/conf.d/desktop.conf", conf);
        for (name, line) in [
            ("passwd", "nginx:x:990:990::/:/bin/false\n"),
            ("group", "nginx:x:990:\n"),
        ] {
            let known = fs::read_to_string(format!("/etc/{name}")).expect("file read");
            files.write(name, known + line);
        }
        Self::start_in_place(host, files)
    }

    /// A copy of `/etc/nginx` and the directories that go with it.
    fn stock_files() -> Scratch {
        let files = Scratch::new("stock");
        let etc = files.path().join("etc");
        run_ok(Command::new("cp").args(["-rL", "/etc/nginx"]).arg(&etc));
        // What a package of another program enabled is not part of the stock file.
        for entry in fs::read_dir(etc.join("modules-enabled"))
            .expect("directory read")
            .flatten()
        {
            fs::remove_file(entry.path()).expect("file removed");
        }
        for directory in ["run", "log"] {
            fs::create_dir(files.path().join(directory)).expect("directory created");
        }
        for name in ["passwd", "group"] {
            fs::copy(format!("/etc/{name}"), files.path().join(name)).expect("file copied");
        }
        files
    }

    fn start_in_place(host: &Host, files: Scratch) -> Self {
        let mut command = host.command("sh");
        command
            .args(["-c", IN_PLACE, "sh"])
            .arg(files.path())
            .arg(portway().path());
        let mut process = Process::spawn(&mut command, &files.path().join("output"));
        wait_for("the pid file", || {
            assert!(process.running(), "the server ended:\n{}", process.output());
            Some(files.read("run/nginx.pid")).filter(|pid| !pid.is_empty())
        });
        Self { process, files }
    }

    pub fn error_log(&self) -> String {
        self.files.read("log/error.log") + &self.process.output()
    }
}

/// `ip netns exec` has made the mounts private, so these are seen by the server alone.
const IN_PLACE: &str = "mount --bind \"$1/etc\" /etc/nginx && mount --bind \"$1/run\" /run \
    && mkdir -p /var/log/nginx && mount --bind \"$1/log\" /var/log/nginx \
    && mount --bind \"$1/passwd\" /etc/passwd && mount --bind \"$1/group\" /etc/group \
    && exec \"$2\" -c /etc/nginx/nginx.conf -g 'daemon off;'";

const RHEL: &str = r#"
user nginx;
worker_processes auto;
error_log /var/log/nginx/error.log notice;
pid /run/nginx.pid;
include /usr/share/nginx/modules/*.conf;
events {
    worker_connections 1024;
}
http {
    log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for"';
    access_log  /var/log/nginx/access.log  main;
    sendfile            on;
    tcp_nopush          on;
    keepalive_timeout   65;
    types_hash_max_size 4096;
    include             /etc/nginx/mime.types;
    default_type        application/octet-stream;
    include /etc/nginx/conf.d/*.conf;
    server {
        listen       80;
        listen       [::]:80;
        server_name  _;
        root         /usr/share/nginx/html;
        include /etc/nginx/default.d/*.conf;
        error_page 404 /404.html;
        location = /404.html {
        }
        error_page 500 502 503 504 /50x.html;
        location = /50x.html {
        }
    }
# Settings for a TLS enabled server.
#
#    server {
#        listen       443 ssl;
#    }
}
"#;

/// Where this test leaves a picture.
pub fn picture(name: &str) -> std::path::PathBuf {
    artifacts(&repository()).join(name)
}

/// Proves that keys and clicks arrive: types a line into a terminal of the desktop that saves it,
/// and clicks into a window that reports clicks.
pub fn assert_input_arrives(browser: &mut Browser, desktop: &Desktop, text: &str) {
    let saved = desktop.files().path().join("typed");
    let script = format!(
        "read -r line; printf %s \"$line\" > '{}'; sleep 1000",
        saved.display()
    );
    let _terminal = desktop.terminal("60x10+20+20", &script);
    browser.click(100, 80);
    browser.type_text(text);
    browser.press("Enter");
    wait_true("the typed line in the desktop's file", || {
        fs::read_to_string(&saved).is_ok_and(|line| line == text)
    });
    assert_click_arrives(browser, desktop);
}

fn assert_click_arrives(browser: &mut Browser, desktop: &Desktop) {
    let mut command = desktop.command("xev");
    command.args(["-geometry", "120x100+420+320", "-event", "button"]);
    let window = Process::spawn(&mut command, &desktop.files().path().join("xev.log"));
    wait_for("the window that reports clicks", || {
        let found = desktop
            .command("xdotool")
            .args(["search", "--name", "Event Tester"])
            .output();
        found.ok().filter(|output| output.status.success())
    });
    let pressed = wait_for("the click", || {
        browser.click(480, 370);
        let output = window.output();
        output.contains("ButtonPress event").then_some(output)
    });
    assert!(pressed.contains("button 1"), "{pressed}");
    let root = pressed
        .split("root:(")
        .nth(1)
        .and_then(|rest| rest.split(')').next());
    let at: Vec<i32> = root
        .into_iter()
        .flat_map(|at| at.split(','))
        .flat_map(str::parse)
        .collect();
    // A picture that is scaled to the window cannot hit every pixel.
    let near = |at: i32, meant: i32| (at - meant).abs() <= 1;
    assert!(
        matches!(at[..], [x, y] if near(x, 480) && near(y, 370)),
        "{pressed}"
    );
}

/// Starts a browser on a host.
pub fn browser_on(host: &Host) -> Browser {
    Browser::start(&repository(), Some(host))
}

/// Starts a browser on this machine.
pub fn browser() -> Browser {
    Browser::start(&repository(), None)
}

/// A desktop of TigerVNC on this machine, and its address.
pub fn tigervnc(access: Access<'_>) -> (Desktop, String) {
    let port = free_port();
    let place = Place {
        host: None,
        address: "127.0.0.1",
        port,
    };
    (
        Desktop::tigervnc(place, access),
        format!("127.0.0.1:{port}"),
    )
}

/// A server with one location that leads to the desktop at `target`; `inside` is what else stands
/// in the location.
pub fn gateway(target: &str, inside: &str) -> Server {
    Setup::new(GATEWAY)
        .with("TARGET", target)
        .with("INSIDE", inside)
        .start(&portway())
}

pub const GATEWAY: &str = "events { } http { access_log logs/access.log;
    server { listen 127.0.0.1:%PORT%; location / { vnc_pass %TARGET%; %INSIDE% } } }";

/// The address of a page on a server.
pub fn page(server: &Server, path: &str) -> String {
    format!("http://{}/{path}", server.addr())
}

/// A picture that shows what a desktop should look like was written and is not empty.
pub fn assert_written(path: &Path) {
    let size = fs::metadata(path)
        .map(|metadata| metadata.len())
        .unwrap_or_default();
    assert!(size > 1_000, "{} has {size} bytes", path.display());
}
