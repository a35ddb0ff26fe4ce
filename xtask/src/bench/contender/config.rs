//! The configurations. Each peer is tuned as its own documentation advises for this work: one
//! worker for the one CPU, no access log, connections kept open on both sides, splice if it can.

use std::net::SocketAddr;
use std::path::Path;

use super::{Contender, Task};
use crate::bench::growth;

const DESCRIPTORS: usize = 20_000;

/// The part that nginx and Portway share: Portway reads nginx's language.
fn main(http: &str, dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "daemon off;
worker_processes 1;
worker_rlimit_nofile {DESCRIPTORS};
pid {dir}/pid;
error_log {dir}/error.log warn;
events {{
    worker_connections 16000;
    multi_accept on;
}}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
{http}}}
"
    )
}

pub fn nginx(
    contender: Contender,
    task: Task,
    listen: SocketAddr,
    backend: SocketAddr,
    dir: &Path,
) -> String {
    let large = match contender {
        Contender::NginxLargeBuffers => {
            "            proxy_buffer_size 64k;\n            proxy_buffers 8 64k;\n            proxy_busy_buffers_size 128k;\n"
        }
        _ => "",
    };
    let location = match task {
        Task::Files | Task::TlsFiles => {
            files(dir) + "        open_file_cache max=100 inactive=1h;\n"
        }
        Task::Proxy | Task::Balance(_) | Task::Desktop => proxy(large),
        Task::Growth(..) => String::new(),
    };
    main(&http(task, listen, backend, &location), dir)
}

pub fn portway(
    contender: Contender,
    task: Task,
    listen: SocketAddr,
    backend: SocketAddr,
    dir: &Path,
) -> String {
    let location = match (contender, task) {
        (_, Task::Files | Task::TlsFiles) => {
            files(dir) + "        open_file_cache max=100 inactive=1h;\n"
        }
        (_, Task::Desktop) => {
            let policy = policy(contender, dir);
            format!("        location / {{\n            vnc_pass {backend};\n{policy}        }}\n")
        }
        (Contender::PortwayWebSocket, Task::Proxy) => "        location / {
            proxy_pass http://backend;
            websocket on;
        }
"
        .to_owned(),
        (_, Task::Proxy | Task::Balance(_)) => proxy(""),
        (_, Task::Growth(..)) => String::new(),
    };
    main(&http(task, listen, backend, &location), dir)
}

/// What a desktop's location says beside where it is.
fn policy(contender: Contender, dir: &Path) -> String {
    match contender {
        Contender::PortwayEnforced => "            vnc_power off;\n".to_owned(),
        Contender::PortwayFramed => "            vnc_clipboard in;\n".to_owned(),
        Contender::PortwayRecorded => {
            format!("            vnc_record {}/recordings;\n", dir.display())
        }
        _ => String::new(),
    }
}

fn http(task: Task, listen: SocketAddr, backend: SocketAddr, location: &str) -> String {
    if let Task::Growth(table, entries) = task {
        return growth::config(table, entries, listen);
    }
    let count = match task {
        Task::Balance(count) => count,
        _ => 1,
    };
    let servers = format!("        server {backend};\n").repeat(count);
    let upstream = format!(
        "    map $http_upgrade $connection_upgrade {{
        default upgrade;
        '' '';
    }}
    upstream backend {{
{servers}        keepalive 512;
        keepalive_requests 1000000000;
    }}
"
    );
    let (upstream, tls) = match task {
        Task::Files | Task::Growth(..) => ("", ""),
        Task::TlsFiles => ("", " ssl"),
        Task::Proxy | Task::Balance(_) | Task::Desktop => (&upstream[..], ""),
    };
    let certificate = match task {
        Task::TlsFiles => CERTIFICATE,
        _ => "",
    };
    format!(
        r#"{upstream}    server {{
        listen {listen} backlog=4096{tls};
{certificate}        location = /generation {{
            return 200 "0";
        }}
{location}    }}
"#
    )
}

/// nginx's tickets are on by default; the cache is what its documentation advises beside them.
const CERTIFICATE: &str = "        ssl_certificate certificate.pem;
        ssl_certificate_key key.pem;
        ssl_protocols TLSv1.3;
        ssl_session_cache shared:bench:10m;
";

/// The same configuration with another answer under `/generation`.
pub fn with_generation(config: &str, generation: usize) -> String {
    let line = |line: &str| match line.trim().starts_with("return 200") {
        true => format!("            return 200 \"{generation}\";\n"),
        false => format!("{line}\n"),
    };
    config.lines().map(line).collect()
}

/// nginx's own idiom for keep-alive upstreams and WebSockets.
fn proxy(more: &str) -> String {
    format!(
        "        location / {{
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 3600s;
{more}        }}
"
    )
}

fn files(dir: &Path) -> String {
    format!(
        "        root {}/files;
        sendfile on;
        tcp_nopush on;
",
        dir.display()
    )
}

pub fn haproxy(listen: SocketAddr, backend: SocketAddr) -> String {
    format!(
        "global
    nbthread 1
    maxconn 7000
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
    option splice-auto
    option http-keep-alive
    http-reuse always
frontend in
    bind {listen} backlog 4096
    default_backend out
backend out
    server one {backend} maxconn 7000
"
    )
}
