//! The subcommands: common jobs without a file, each of which stands for a small configuration.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

use super::{Command, Options, UsageError, invalid};

/// A job that needs no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What to serve.
    pub kind: Kind,
    /// Where to listen, as `listen` takes it.
    pub listen: String,
}

/// What a [`Job`] serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The built-in desktop.
    Demo {
        /// Where its VNC server listens.
        desktop: String,
    },
    /// The desktop of a VNC server.
    Vnc {
        /// Its `host:port`.
        target: String,
    },
    /// Another web server.
    Proxy {
        /// Its URL.
        url: String,
    },
}

impl Kind {
    /// The built-in desktop, where a VNC server would be if it were a real one.
    fn demo() -> Self {
        let desktop = format!("127.0.0.1:{VNC_PORT}");
        Kind::Demo { desktop }
    }
}

/// What to tell a person who started a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// Once it runs.
    pub runs: String,
    /// If it cannot.
    pub fails: String,
}

/// Where the jobs listen unless told otherwise: not on the network.
const DESKTOP_LISTEN: &str = "127.0.0.1:6080";
const PROXY_LISTEN: &str = "127.0.0.1:8080";

/// The port of a VNC server whose address names none.
const VNC_PORT: &str = "5900";

/// Reads a subcommand and its arguments.
pub fn parse(word: &OsStr, args: impl Iterator<Item = OsString>) -> Result<Command, UsageError> {
    let name = word.to_str().unwrap_or_default();
    let (mut listen, mut print, mut operands) = (None, false, Vec::new());
    let mut args = args.map(|arg| arg.to_string_lossy().into_owned());
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--listen" => {
                let value = args.next();
                let missing = || UsageError("option \"--listen\" requires an address".into());
                listen = Some(value.ok_or_else(missing)?);
            }
            "--print-config" => print = true,
            "-h" | "--help" => return Ok(help()),
            _ if arg.starts_with('-') => return Err(invalid(arg)),
            _ => operands.push(arg),
        }
    }
    let kind = kind(name, operands)?;
    let listen = match listen {
        Some(listen) => checked_word(listen)?,
        None => default_listen(&kind).to_owned(),
    };
    let job = Job { kind, listen };
    Ok(match print {
        true => Command::Print(job),
        false => Command::Serve(job.options()),
    })
}

fn help() -> Command {
    Command::Version {
        help: true,
        configure: false,
        then: None,
    }
}

fn kind(name: &str, operands: Vec<String>) -> Result<Kind, UsageError> {
    let usage = |form: &str| UsageError(format!("usage: portway {form} [--listen ADDRESS]"));
    match (name, <[String; 1]>::try_from(operands)) {
        ("demo", Err(none)) if none.is_empty() => Ok(Kind::demo()),
        ("demo", _) => Err(usage("demo")),
        ("vnc", Ok([target])) => Ok(Kind::Vnc {
            target: with_port(checked_word(target)?),
        }),
        ("vnc", Err(_)) => Err(usage("vnc HOST:PORT")),
        ("proxy", Ok([url])) => Ok(Kind::Proxy {
            url: with_scheme(checked_word(url)?),
        }),
        ("proxy", Err(_)) => Err(usage("proxy URL")),
        _ => Err(invalid(name)),
    }
}

/// A word goes into a configuration as it is, so nothing in it may end it.
fn checked_word(word: String) -> Result<String, UsageError> {
    let breaks = |byte: char| byte.is_whitespace() || "{};\"'\\$#".contains(byte);
    if word.is_empty() || word.contains(breaks) {
        return Err(UsageError(format!("\"{word}\" is not an address")));
    }
    Ok(word)
}

fn with_port(target: String) -> String {
    let host_ends = target.rfind(']').unwrap_or(0);
    match target.starts_with("unix:") || target[host_ends..].contains(':') {
        true => target,
        false => format!("{target}:{VNC_PORT}"),
    }
}

fn with_scheme(url: String) -> String {
    match url.contains("://") {
        true => url,
        false => format!("http://{url}"),
    }
}

fn default_listen(kind: &Kind) -> &'static str {
    match kind {
        Kind::Demo { .. } | Kind::Vnc { .. } => DESKTOP_LISTEN,
        Kind::Proxy { .. } => PROXY_LISTEN,
    }
}

impl Job {
    /// The built-in desktop, where it is when nobody says otherwise.
    pub fn demo() -> Self {
        Self {
            kind: Kind::demo(),
            listen: DESKTOP_LISTEN.to_owned(),
        }
    }

    /// The options that run it.
    pub fn options(self) -> Options {
        Options {
            job: Some(self),
            ..Options::default()
        }
    }

    /// The configuration that it stands for.
    pub fn configuration(&self) -> String {
        let location = match &self.kind {
            Kind::Demo { desktop: target } | Kind::Vnc { target } => {
                format!("            vnc_pass {target};\n")
            }
            Kind::Proxy { url } => format!(
                "            proxy_pass {url};\n            \
                 websocket on;\n"
            ),
        };
        format!(
            "daemon off;\n\
             master_process off;\n\
             error_log stderr warn;\n\
             events {{ }}\n\
             http {{\n    \
             access_log off;\n    \
             server {{\n        \
             listen {};\n        \
             location / {{\n\
             {location}        \
             }}\n    \
             }}\n\
             }}\n",
            self.listen
        )
    }

    /// What a person who started it wants to read. `program` is what they called it by.
    pub fn greeting(&self, program: &str) -> Greeting {
        let url = self.url();
        let (what, name) = match &self.kind {
            Kind::Demo { .. } => ("A demo desktop".to_owned(), "demo"),
            Kind::Vnc { target } => (format!("The desktop of {target}"), "vnc …"),
            Kind::Proxy { url: target } => (target.clone(), "proxy …"),
        };
        let reach = match self.is_private() {
            true => "on this machine; nothing is open to the network",
            false => "of the network",
        };
        let mut runs = format!("{what} is at {url}\n");
        let _ = writeln!(runs, "Open it in a browser {reach}. Ctrl-C ends it.");
        if matches!(self.kind, Kind::Demo { .. }) {
            let _ = write!(
                runs,
                "\n  {program} vnc HOST:PORT     the same with a VNC server of yours\
                 \n  {program} proxy URL         a web server and its WebSockets\
                 \n  {program} -c nginx.conf     a configuration; -t tells what is wrong with it\n"
            );
        }
        let fails = format!(
            "portway cannot serve at {}. Perhaps something else does; another address:\n  \
             {program} {name} --listen 127.0.0.1:8090\n",
            self.listen
        );
        Greeting { runs, fails }
    }

    /// Whether only this machine reaches it.
    fn is_private(&self) -> bool {
        ["127.", "[::1]", "localhost:", "unix:"]
            .iter()
            .any(|private| self.listen.starts_with(private))
    }

    fn url(&self) -> String {
        let listen = self.listen.as_str();
        if listen.starts_with("unix:") {
            return listen.to_owned();
        }
        if listen.bytes().all(|byte| byte.is_ascii_digit()) {
            return format!("http://127.0.0.1:{listen}/");
        }
        let reachable = listen.replacen("0.0.0.0", "127.0.0.1", 1);
        let reachable = reachable
            .replacen("[::]", "[::1]", 1)
            .replacen('*', "127.0.0.1", 1);
        format!("http://{reachable}/")
    }
}
