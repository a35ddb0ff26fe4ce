//! Processes, signals and reload of the real binary.
#![expect(
    clippy::unwrap_used,
    reason = "a step that fails ends its test, wherever it is written"
)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

const BINARY: &str = env!("CARGO_BIN_EXE_portway");

/// A server in a folder of its own; what is left of it is killed at the end.
struct Server {
    folder: PathBuf,
    child: Option<Child>,
}

impl Server {
    /// A folder whose configuration has this top and these servers.
    fn prepare(top: &str, servers: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("portway-process-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let server = Self {
            folder,
            child: None,
        };
        server.configure(top, servers);
        server
    }

    /// A server that runs in the foreground, with its pid file written.
    fn start(top: &str, servers: &str) -> Self {
        let mut server = Self::prepare(top, servers);
        let child = server.command(&[]).spawn().unwrap();
        server.child = Some(child);
        eventually("the pid file is written", || {
            server.folder.join("pid").exists()
        });
        server
    }

    fn configure(&self, top: &str, servers: &str) {
        let text = format!(
            "pid pid;\nerror_log error.log notice;\ndaemon off;\n{top}\nevents {{ }}\n\
             http {{\n{servers}\n}}\n"
        );
        std::fs::write(self.folder.join("nginx.conf"), text).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .arg("-p")
            .arg(&self.folder)
            .args(["-c", "nginx.conf", "-e", "error.log"]);
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    fn master(&self) -> i32 {
        self.read("pid").trim().parse().unwrap()
    }

    fn signal(&self, name: &str) {
        signal(self.master(), name);
    }

    /// Waits until the error log has a line that contains this.
    fn logged(&self, text: &str) {
        eventually(text, || self.read("error.log").contains(text));
    }

    fn wait(&mut self) -> ExitStatus {
        let child = self.child.as_mut().unwrap();
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                self.child = None;
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // TERM and not KILL, so that the worker goes, too.
            signal(child.id() as i32, "TERM");
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- error.log\n{}", self.read("error.log"));
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "never happens: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn signal(pid: i32, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(status.unwrap().success(), "kill -{name} {pid}");
}

fn runs(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

fn free_addr() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

fn serving(addr: SocketAddr, text: &str) -> String {
    format!("server {{ listen {addr}; access_log access.log; return 200 \"{text} $pid\"; }}")
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// The words of the response's body.
fn body(mut stream: TcpStream) -> Option<(String, i32)> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    let (word, pid) = body.trim().split_once(' ')?;
    Some((word.to_owned(), pid.parse().ok()?))
}

fn try_get(addr: SocketAddr) -> Option<(String, i32)> {
    let mut stream = TcpStream::connect(addr).ok()?;
    stream.write_all(REQUEST.as_bytes()).ok()?;
    body(stream)
}

fn get(addr: SocketAddr) -> (String, i32) {
    try_get(addr).expect("a response")
}

#[test]
fn the_pid_file_names_the_master_and_the_worker_is_another_process() {
    let addr = free_addr();
    let mut server = Server::start("", &serving(addr, "a"));
    let (text, worker) = get(addr);
    assert_eq!(text, "a");
    assert_eq!(server.master(), server.child.as_ref().unwrap().id() as i32);
    assert_ne!(server.master(), worker);
    server.signal("QUIT");
    assert!(server.wait().success());
    assert!(!server.folder.join("pid").exists());
    assert!(!runs(worker));
    let log = server.read("error.log");
    assert!(
        log.contains("[notice]") && log.contains(": portway/"),
        "{log}"
    );
    assert!(log.contains("(nginx/1."), "{log}");
    assert!(
        log.contains(&format!("worker process {worker} exited with code 0")),
        "{log}"
    );
    assert!(!log.contains("[alert]"), "{log}");
}

#[test]
fn a_reload_serves_anew_at_once_and_lets_a_request_in_flight_finish_as_it_began() {
    let addr = free_addr();
    let server = Server::start("", &serving(addr, "old"));
    let (_, worker) = get(addr);
    let mut slow = TcpStream::connect(addr).unwrap();
    let (first, rest) = REQUEST.split_at(10);
    slow.write_all(first.as_bytes()).unwrap();
    // A connection is accepted in turn, so after this one the slow one has been, too.
    get(addr);
    server.configure("", &serving(addr, "new"));
    server.signal("HUP");
    eventually("the new text is served", || get(addr).0 == "new");
    assert_eq!(get(addr), ("new".to_owned(), worker));
    assert!(!server.read("error.log").contains("exited with code 0"));
    slow.write_all(rest.as_bytes()).unwrap();
    assert_eq!(body(slow), Some(("old".to_owned(), worker)));
    server.logged("exited with code 0");
    let exits = server.read("error.log").matches("exited with code").count();
    assert_eq!(exits, 1);
}

#[test]
fn a_bad_configuration_is_logged_and_changes_nothing() {
    let (addr, other) = (free_addr(), free_addr());
    let server = Server::start("", &serving(addr, "good"));
    let before = get(addr);
    server.configure("nonsense;", &serving(other, "bad"));
    server.signal("HUP");
    server.logged("[emerg]");
    server.logged("unknown directive \"nonsense\" in ");
    assert_eq!(get(addr), before);
    assert_eq!(try_get(other), None);
}

#[test]
fn a_reload_opens_and_closes_sockets() {
    let (kept, gone, added) = (free_addr(), free_addr(), free_addr());
    let both = |a, b| format!("{}\n{}", serving(a, "a"), serving(b, "b"));
    let server = Server::start("", &both(kept, gone));
    assert_eq!(get(gone).0, "b");
    server.configure("", &both(kept, added));
    server.signal("HUP");
    eventually("the new socket is open", || try_get(added).is_some());
    eventually("the old socket is closed", || {
        TcpStream::connect(gone).is_err()
    });
    assert_eq!(get(kept).0, "a");
}

#[test]
fn a_killed_worker_is_replaced_at_once_on_the_same_socket() {
    let addr = free_addr();
    let server = Server::start("", &serving(addr, "a"));
    let (_, worker) = get(addr);
    signal(worker, "KILL");
    let start = Instant::now();
    eventually("another worker answers", || {
        try_get(addr).is_some_and(|(_, pid)| pid != worker)
    });
    assert!(start.elapsed() < Duration::from_secs(2));
    server.logged(&format!("[alert] {}#", server.master()));
    server.logged(&format!("worker process {worker} exited on signal 9"));
}

#[test]
fn a_worker_that_is_told_to_end_is_replaced_without_alarm() {
    let addr = free_addr();
    let server = Server::start("", &serving(addr, "a"));
    let (_, worker) = get(addr);
    signal(worker, "TERM");
    eventually("another worker answers", || {
        try_get(addr).is_some_and(|(_, pid)| pid != worker)
    });
    assert!(!server.read("error.log").contains("[alert]"));
    assert!(server.folder.join("pid").exists());
}

#[test]
fn a_worker_whose_master_was_killed_leaves_and_frees_the_address() {
    let addr = free_addr();
    let mut server = Server::start("", &serving(addr, "a"));
    let (_, worker) = get(addr);
    signal(server.master(), "KILL");
    server.wait();
    eventually("the worker ends", || !runs(worker));
    TcpListener::bind(addr).unwrap();
}

#[test]
fn after_a_rotation_logs_go_to_new_files() {
    let addr = free_addr();
    let server = Server::start("", &serving(addr, "a"));
    get(addr);
    for name in ["access.log", "error.log"] {
        eventually(name, || !server.read(name).is_empty());
        std::fs::rename(
            server.folder.join(name),
            server.folder.join(format!("{name}.1")),
        )
        .unwrap();
    }
    server.signal("USR1");
    eventually("the new files exist", || {
        server.folder.join("access.log").exists()
    });
    eventually("the worker writes to the new file", || {
        get(addr);
        !server.read("access.log").is_empty()
    });
    server.signal("HUP");
    server.logged("reconfiguring");
    assert!(!server.read("error.log.1").contains("reconfiguring"));
}

#[test]
fn a_graceful_stop_waits_for_a_request_in_flight_but_not_longer_than_it_is_told() {
    let addr = free_addr();
    let mut server = Server::start("worker_shutdown_timeout 1s;", &serving(addr, "a"));
    let (first, rest) = REQUEST.split_at(10);
    let begin = || {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(first.as_bytes()).unwrap();
        stream
    };
    let (mut finishes, never) = (begin(), begin());
    get(addr);
    let start = Instant::now();
    server.signal("QUIT");
    server.logged("gracefully shutting down");
    eventually("nothing is accepted", || TcpStream::connect(addr).is_err());
    finishes.write_all(rest.as_bytes()).unwrap();
    assert_eq!(body(finishes).unwrap().0, "a");
    assert!(server.wait().success());
    assert!(
        start.elapsed() >= Duration::from_millis(900),
        "{:?}",
        start.elapsed()
    );
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    drop(never);
}

#[test]
fn a_new_number_of_threads_makes_a_new_worker() {
    let addr = free_addr();
    let server = Server::start("", &serving(addr, "a"));
    let (_, worker) = get(addr);
    server.configure("worker_processes 3;", &serving(addr, "a"));
    server.signal("HUP");
    server.logged(&format!("worker process {worker} exited with code 0"));
    let (_, worker) = get(addr);
    let threads = || {
        let tasks = std::fs::read_dir(format!("/proc/{worker}/task")).unwrap();
        tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
            .filter(|name| name.starts_with("thread "))
            .count()
    };
    eventually("three threads run", || threads() == 3);
}

#[test]
fn without_a_master_one_process_serves_reloads_and_stops() {
    let addr = free_addr();
    let mut server = Server::start("master_process off;", &serving(addr, "old"));
    assert_eq!(get(addr), ("old".to_owned(), server.master()));
    server.configure("master_process off;", &serving(addr, "new"));
    server.signal("HUP");
    eventually("the new text is served", || get(addr).0 == "new");
    server.logged("exited with code 0");
    server.signal("QUIT");
    assert!(server.wait().success());
    assert!(!server.folder.join("pid").exists());
}

#[test]
fn a_daemon_is_ready_when_the_command_returns_and_obeys_the_signal_switch() {
    let addr = free_addr();
    let server = Server::prepare("", &serving(addr, "a"));
    let path = server.folder.join("nginx.conf");
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("daemon off;", "");
    std::fs::write(&path, text).unwrap();
    assert!(server.command(&[]).status().unwrap().success());
    let master = server.master();
    assert_eq!(get(addr).0, "a");
    assert!(
        server
            .command(&["-s", "reload"])
            .status()
            .unwrap()
            .success()
    );
    server.logged("reconfiguring");
    assert!(server.command(&["-s", "stop"]).status().unwrap().success());
    eventually("the daemon ends", || !runs(master));
    let output = server.output(&["-s", "stop"]);
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        text.contains("[error] open() \"") && text.contains("pid\" failed (2: "),
        "{text}"
    );
}

#[test]
fn an_address_in_use_is_tried_again_and_then_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::prepare("", &serving(taken.local_addr().unwrap(), "a"));
    let output = server.output(&[]);
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        text.matches("failed (98: Address already in use)").count(),
        5,
        "{text}"
    );
    assert!(
        text.contains("portway: [emerg] still could not bind()"),
        "{text}"
    );
    assert!(!server.folder.join("pid").exists());
}

#[test]
fn a_test_of_the_configuration_says_what_nginx_says() {
    let addr = free_addr();
    let server = Server::prepare("", &serving(addr, "a"));
    let conf = server.folder.join("nginx.conf");
    let conf = conf.display();
    let output = server.output(&["-t"]);
    assert!(output.status.success());
    let text = format!(
        "portway: the configuration file {conf} syntax is ok\n\
         portway: configuration file {conf} test is successful\n"
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), text);
    let output = server.output(&["-T", "-q"]);
    assert_eq!(output.stderr, b"");
    let dumped = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        dumped,
        format!(
            "# configuration file {conf}:\n{}\n",
            server.read("nginx.conf")
        )
    );

    server.configure("daemon maybe;", "");
    let output = server.output(&["-t"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.starts_with("portway: [emerg] "), "{text}");
    assert!(
        text.ends_with(&format!("portway: configuration file {conf} test failed\n")),
        "{text}"
    );
}

#[test]
fn a_service_manager_is_told_when_all_listens_of_reloads_and_of_the_end() {
    let addr = free_addr();
    let mut server = Server::prepare("", &serving(addr, "a"));
    let path = server.folder.join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let news = || {
        let mut text = [0; 256];
        let length = manager.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    server.child = Some(
        server
            .command(&[])
            .env("NOTIFY_SOCKET", &path)
            .spawn()
            .unwrap(),
    );
    assert_eq!(news(), format!("READY=1\nMAINPID={}\n", server.master()));
    assert_eq!(get(addr).0, "a");
    server.signal("HUP");
    assert!(news().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert!(news().starts_with("READY=1\n"));
    server.signal("QUIT");
    assert_eq!(news(), "STOPPING=1\n");
    assert!(server.wait().success());
}

/// The real user id of a process.
fn uid(pid: i32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("Uid:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().to_owned()
}

fn user_exists(name: &str) -> bool {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    users
        .lines()
        .any(|line| line.starts_with(&format!("{name}:")))
}

#[test]
fn root_s_worker_is_another_user_and_a_reload_still_reads_and_opens_what_only_root_may() {
    if uid(std::process::id() as i32) != "0" || !user_exists("www-data") {
        eprintln!("skipped: needs root and the user www-data");
        return;
    }
    let addr = free_addr();
    // A port below 1024 on an address of this test's own.
    let low: SocketAddr = format!("127.80.{}.{}:80", std::process::id() % 250, 7)
        .parse()
        .unwrap();
    let server = Server::start("user www-data;", &serving(addr, "a"));
    secure(&server.folder, 0o700);
    let (_, worker) = get(addr);
    assert_ne!(uid(worker), "0");

    let secret = server.folder.join("secret.conf");
    std::fs::write(&secret, serving(low, "secret")).unwrap();
    secure(&secret, 0o600);
    server.configure(
        "user www-data;",
        &format!("{}\ninclude secret.conf;", serving(addr, "a")),
    );
    server.signal("HUP");
    eventually("the low port answers", || try_get(low).is_some());
    assert_eq!(get(low), ("secret".to_owned(), worker));

    let log = server.folder.join("access.log");
    secure(&log, 0o600);
    std::fs::rename(&log, server.folder.join("access.log.1")).unwrap();
    server.signal("USR1");
    eventually("the worker writes to root's new log", || {
        get(low);
        !server.read("access.log").is_empty()
    });
}

fn secure(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
