//! The programs under measurement, and how each is set up for a task.

mod config;

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::growth::Table;
use super::options::Options;
use super::process::Server;

/// A program, or programs together, that can do the work of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    Portway,
    /// Portway with `websocket on`.
    PortwayWebSocket,
    /// Portway that enforces a policy on what viewers send.
    PortwayEnforced,
    /// Portway that also looks at what machines send.
    PortwayFramed,
    /// Portway that records sessions.
    PortwayRecorded,
    Nginx,
    /// nginx with buffers of 64 KiB for each direction of a tunnel, and the memory that they cost.
    NginxLargeBuffers,
    Haproxy,
    NginxWebsockify,
    /// The backend itself.
    Direct,
}

/// What it is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// HTTP and tunnels to the backend.
    Proxy,
    /// HTTP to the backend, which stands in the configuration so often.
    Balance(usize),
    /// Files of its own.
    Files,
    /// The same over TLS.
    TlsFiles,
    /// The VNC server behind the backend's address, in a browser.
    Desktop,
    /// An answer of its own, found among so many entries.
    Growth(Table, usize),
}

/// A contender that runs.
pub struct Running {
    pub addr: SocketAddr,
    pub servers: Vec<Server>,
    /// Whatever it was configured with, for the report.
    pub config: String,
    dir: PathBuf,
}

const NGINX_WORDS: [&str; 5] = ["-p", ".", "-e", "error.log", "-c"];

impl Contender {
    pub fn name(self) -> &'static str {
        match self {
            Self::Portway => "portway",
            Self::PortwayWebSocket => "portway, websocket on",
            Self::PortwayEnforced => "portway, input enforced",
            Self::PortwayFramed => "portway, screen framed",
            Self::PortwayRecorded => "portway, recorded",
            Self::Nginx => "nginx",
            Self::NginxLargeBuffers => "nginx, 64k buffers",
            Self::Haproxy => "haproxy",
            Self::NginxWebsockify => "nginx + websockify",
            Self::Direct => "no gateway",
        }
    }

    /// Starts it in front of `backend`, and waits until it accepts connections.
    pub fn start(
        self,
        task: Task,
        backend: SocketAddr,
        options: &Options,
    ) -> Result<Running, String> {
        let dir = super::work_dir().join(self.name().replace([' ', ',', '+'], "-"));
        prepare(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let mut running = Running {
            addr: free_addr()?,
            servers: Vec::new(),
            config: String::new(),
            dir,
        };
        match self {
            Self::Portway
            | Self::PortwayWebSocket
            | Self::PortwayEnforced
            | Self::PortwayFramed
            | Self::PortwayRecorded => {
                let binary = self.binary(options);
                let config = config::portway(self, task, running.addr, backend, &running.dir);
                running.launch(&binary, &NGINX_WORDS, "nginx.conf", &config)?;
            }
            Self::Nginx | Self::NginxLargeBuffers => {
                let config = config::nginx(self, task, running.addr, backend, &running.dir);
                running.launch(&options.nginx, &NGINX_WORDS, "nginx.conf", &config)?;
            }
            Self::Haproxy => {
                let config = config::haproxy(running.addr, backend);
                running.launch(&options.haproxy, &["-f"], "haproxy.cfg", &config)?;
            }
            Self::NginxWebsockify => {
                let gateway = free_addr()?;
                running.start_websockify(&options.websockify, gateway, backend)?;
                let config = config::nginx(self, task, running.addr, gateway, &running.dir);
                running.launch(&options.nginx, &NGINX_WORDS, "nginx.conf", &config)?;
            }
            Self::Direct => running.addr = backend,
        }
        Ok(running)
    }

    /// The program that reads nginx's language.
    fn binary(self, options: &Options) -> PathBuf {
        match self {
            Self::Nginx | Self::NginxLargeBuffers | Self::NginxWebsockify => options.nginx.clone(),
            _ => options
                .portway
                .clone()
                .unwrap_or_else(super::portway_binary),
        }
    }
}

impl Running {
    /// How long the program takes to read its configuration and find it good, in seconds.
    pub fn test_seconds(&self, contender: Contender, options: &Options) -> Result<f64, String> {
        let mut command = Command::new(contender.binary(options));
        command.args(NGINX_WORDS).arg(self.dir.join("nginx.conf"));
        command.args(["-t", "-q"]).current_dir(&self.dir);
        let start = std::time::Instant::now();
        let status = command.status().map_err(|error| error.to_string())?;
        match status.success() {
            true => Ok(start.elapsed().as_secs_f64()),
            false => Err(format!("-t: {status}")),
        }
    }

    /// Writes the configuration, starts the program with it, and waits for its port.
    fn launch(
        &mut self,
        binary: &Path,
        words: &[&str],
        file: &str,
        config: &str,
    ) -> Result<(), String> {
        let path = self.dir.join(file);
        fs::write(&path, config).map_err(|error| error.to_string())?;
        let shown = config.replace(&self.dir.display().to_string(), "DIR");
        self.config.push_str(&shown);
        let mut command = Command::new(binary);
        command.args(words).arg(&path).current_dir(&self.dir);
        self.serve(command, file, self.addr)
    }

    /// Has the configuration answer with this number from the next reload on.
    pub fn set_generation(&self, generation: usize) -> Result<(), String> {
        let path = self.dir.join("nginx.conf");
        let config = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        fs::write(&path, config::with_generation(&config, generation))
            .map_err(|error| error.to_string())
    }

    fn start_websockify(
        &mut self,
        binary: &Path,
        gateway: SocketAddr,
        backend: SocketAddr,
    ) -> Result<(), String> {
        let mut command = Command::new(binary);
        command.args([gateway.to_string(), backend.to_string()]);
        self.config.push_str("websockify GATEWAY BACKEND\n");
        self.serve(command, "websockify", gateway)
    }

    fn serve(&mut self, mut command: Command, name: &str, addr: SocketAddr) -> Result<(), String> {
        let log = self.dir.join(format!("{name}.log"));
        let file = fs::File::create(&log).map_err(|error| error.to_string())?;
        let program = Path::new(command.get_program()).file_name();
        let program = program.unwrap_or_default().to_string_lossy().into_owned();
        let mut server =
            Server::start(&mut command, file).map_err(|error| format!("{program}: {error}"))?;
        let waited = super::load::wait_for(addr);
        let runs = server.is_running();
        self.servers.push(server);
        if waited.is_ok() && runs {
            return Ok(());
        }
        let said = fs::read_to_string(&log).unwrap_or_default();
        let said = said.replace(&self.dir.display().to_string(), "DIR");
        let fatal = said.lines().find(|line| line.contains("[emerg]"));
        let why = fatal.or(said.lines().last());
        let why = why.unwrap_or("it does not accept connections");
        Err(format!("{program}: {why}"))
    }
}

fn prepare(dir: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir_all(dir.join("logs"))?;
    let files = dir.join("files");
    fs::create_dir_all(&files)?;
    // The worker that writes there may be of another user.
    let recordings = dir.join("recordings");
    fs::create_dir_all(&recordings)?;
    fs::set_permissions(&recordings, Permissions::from_mode(0o777))?;
    fs::write(files.join("1k"), vec![b'f'; 1 << 10])?;
    fs::write(files.join("1m"), vec![b'f'; 1 << 20])?;
    make_certificate(dir)
}

/// A certificate of the usual kind: ECDSA with P-256.
fn make_certificate(dir: &Path) -> std::io::Result<()> {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt"]);
    openssl.args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=bench.example", "-keyout", "key.pem", "-out"]);
    let output = openssl.arg("certificate.pem").current_dir(dir).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(std::io::Error::other("openssl made no certificate")),
    }
}

/// An address that nobody listens on.
fn free_addr() -> Result<SocketAddr, String> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|error| error.to_string())
}
