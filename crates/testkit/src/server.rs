//! The server under test: the real binary, started with a configuration of the test's own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use rustix::process::Signal;

use crate::ports::free_port;
use crate::process::{Process, run, signal_pid};
use crate::wait::{DEADLINE, poll_for, wait_for};
use crate::{Conn, Scratch};

/// A program that takes nginx's command line: Portway, or nginx to compare with.
#[derive(Debug, Clone)]
pub struct Binary {
    path: PathBuf,
}

impl Binary {
    /// The program that `PORTWAY_BINARY` names, otherwise the one just built, at `built`.
    #[must_use]
    pub fn under_test(built: &str) -> Self {
        let named = std::env::var_os("PORTWAY_BINARY").map(PathBuf::from);
        Self {
            path: named.unwrap_or_else(|| built.into()),
        }
    }

    /// Debian's nginx.
    #[must_use]
    pub fn nginx() -> Self {
        Self {
            path: "/usr/sbin/nginx".into(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs it to its end with these arguments.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        run(Command::new(&self.path).args(arguments), DEADLINE)
    }
}

/// A configuration with the placeholders `%PORT%`, `%PORT1%` … `%PORT9%`, `%DIR%` and the test's
/// own, and the files beside it.
#[derive(Debug)]
pub struct Setup {
    conf: String,
    values: Vec<(String, String)>,
    scratch: Scratch,
    globals: String,
    /// A folder of the server's that is a disk of its own, and the bytes that it holds.
    disk: Option<(String, u64)>,
}

impl Setup {
    /// Takes the whole text of an `nginx.conf`, apart from `daemon`, `pid` and `error_log`, which
    /// are given on the command line.
    #[must_use]
    pub fn new(conf: &str) -> Self {
        let scratch = Scratch::new("server");
        scratch.write("logs/.keep", "");
        let globals = "daemon off; pid server.pid; error_log error.log info;".to_owned();
        Self {
            conf: conf.to_owned(),
            values: Vec::new(),
            scratch,
            globals,
            disk: None,
        }
    }

    /// Gives the server a folder that is a disk of its own, in memory, so small that it can be
    /// filled. It is there for the server alone; the test finds it with [`Server::inside`]. Needs
    /// root.
    #[must_use]
    pub fn small_disk(mut self, folder: &str, bytes: u64) -> Self {
        std::fs::create_dir(self.scratch.path().join(folder)).expect("a folder of the test's own");
        self.disk = Some((folder.to_owned(), bytes));
        self
    }

    /// Replaces `%name%` in the configuration.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.values.push((name.to_owned(), value.to_string()));
        self
    }

    /// Writes a file beside the configuration.
    #[must_use]
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.scratch.write(name, content);
        self
    }

    /// The directory that stands for `%DIR%`.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// Replaces what is given with `-g`; `daemon off;` and `pid server.pid;` must be somewhere.
    #[must_use]
    pub fn globals(mut self, globals: &str) -> Self {
        self.globals = globals.to_owned();
        self
    }

    /// Starts the server and waits until it has written its pid file, which means it listens.
    ///
    /// # Panics
    /// When it does not start; the message holds what it said.
    #[must_use]
    #[track_caller]
    pub fn start(mut self, binary: &Binary) -> Server {
        // The test's own values may hold placeholders themselves.
        self.conf = fill_in(&self.conf, &self.values);
        self.take_ports();
        self.scratch
            .write("nginx.conf", fill_in(&self.conf, &self.values));
        let mut command = self.program(binary);
        command
            .arg("-p")
            .arg(format!("{}/", self.scratch.path().display()));
        command.args(["-c", "nginx.conf", "-e", "error.log", "-g", &self.globals]);
        command.current_dir(self.scratch.path());
        let process = Process::spawn(&mut command, &self.scratch.path().join("output"));
        let mut server = Server {
            process,
            scratch: self.scratch,
            values: self.values,
            binary: binary.clone(),
        };
        server.wait_started();
        server
    }

    /// What starts the server, without its arguments.
    fn program(&self, binary: &Binary) -> Command {
        let Some((folder, bytes)) = &self.disk else {
            return Command::new(binary.path());
        };
        let mount = format!("mount -t tmpfs -o mode=755,size={bytes} tmpfs \"$0\" && exec \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &mount]);
        command.arg(self.scratch.path().join(folder));
        command.arg(binary.path());
        command
    }

    fn take_ports(&mut self) {
        let dir = self.scratch.path().display().to_string();
        self.values.push(("DIR".to_owned(), dir));
        let names = std::iter::once("PORT".to_owned()).chain((1..10).map(|n| format!("PORT{n}")));
        for name in names.filter(|name| self.conf.contains(&format!("%{name}%"))) {
            self.values.push((name, free_port().to_string()));
        }
    }
}

fn fill_in(text: &str, values: &[(String, String)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("%{name}%"), value)
    })
}

/// A running server. It is killed when dropped.
#[derive(Debug)]
pub struct Server {
    process: Process,
    scratch: Scratch,
    values: Vec<(String, String)>,
    binary: Binary,
}

impl Server {
    /// Starts `conf` with no files beside it.
    #[must_use]
    #[track_caller]
    pub fn start(binary: &Binary, conf: &str) -> Self {
        Setup::new(conf).start(binary)
    }

    #[track_caller]
    fn wait_started(&mut self) {
        let started = poll_for(DEADLINE, || {
            if self.scratch.read("server.pid").ends_with('\n') {
                return Some(true);
            }
            (!self.process.running()).then_some(false)
        });
        assert!(
            started == Some(true),
            "{} does not start:\n{}{}",
            self.binary.path().display(),
            self.process.output(),
            self.error_log()
        );
    }

    /// The loopback address with the port that stands for `%PORT%`.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr_of("PORT")
    }

    /// The loopback address with the port that stands for `%name%`.
    #[must_use]
    pub fn addr_of(&self, name: &str) -> SocketAddr {
        let value = self.values.iter().find(|(known, _)| known == name);
        let port = value.and_then(|(_, port)| port.parse().ok());
        let port = port.unwrap_or_else(|| panic!("the configuration has no %{name}%"));
        (Ipv4Addr::LOCALHOST, port).into()
    }

    /// A new connection to `%PORT%`.
    #[must_use]
    #[track_caller]
    pub fn connect(&self) -> Conn {
        Conn::open(self.addr())
    }

    /// Its files: configuration, logs and what the test put there.
    #[must_use]
    pub fn files(&self) -> &Scratch {
        &self.scratch
    }

    /// Where a file of the server's is that may be on a disk of its own, as long as it runs.
    #[must_use]
    pub fn inside(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.pid()));
        let path = self.scratch.path().join(name);
        root.join(path.strip_prefix("/").unwrap_or(&path))
    }

    /// The id in its pid file.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let text = self.scratch.read("server.pid");
        text.trim()
            .parse()
            .unwrap_or_else(|_| panic!("pid file says {text:?}"))
    }

    /// The error log so far.
    #[must_use]
    pub fn error_log(&self) -> String {
        self.scratch.read("error.log")
    }

    /// Waits until the error log has a line that contains `text`, and returns that line.
    #[track_caller]
    pub fn wait_error_log(&self, text: &str) -> String {
        wait_for(&format!("{text:?} in the error log"), || {
            self.error_log()
                .lines()
                .find(|line| line.contains(text))
                .map(str::to_owned)
        })
    }

    /// Sends a signal to the process of the pid file.
    pub fn signal(&self, signal: Signal) {
        signal_pid(self.pid(), signal);
    }

    /// Replaces the configuration (same placeholders, same ports) and sends HUP. It does not wait:
    /// what must change is for the test to await.
    pub fn reload(&self, conf: &str) {
        self.scratch
            .write("nginx.conf", fill_in(conf, &self.values));
        self.signal(Signal::HUP);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it has not ended after `limit`.
    #[track_caller]
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        self.process
            .wait(limit)
            .unwrap_or_else(|| panic!("still running after {limit:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::get;

    const CONF: &str = "events {} http { access_log off; server {
        listen 127.0.0.1:%PORT%; location / { return 200 \"%WORD%\\n\"; } } }";

    #[test]
    fn nginx_starts_reloads_and_ends() {
        let mut server = Setup::new(CONF).with("WORD", "one").start(&Binary::nginx());
        assert_eq!(get(server.addr(), "/").text(), "one\n");
        server.reload(&CONF.replace("%WORD%", "two"));
        crate::wait_true("the new configuration", || {
            get(server.addr(), "/").text() == "two\n"
        });
        server.signal(Signal::QUIT);
        assert!(server.wait_exit(DEADLINE).success());
    }
}
