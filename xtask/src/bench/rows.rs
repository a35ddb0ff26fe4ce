//! What is measured, with whom it is compared, and what was promised.

use super::contender::Contender::{
    self, Direct, Haproxy, Nginx, NginxLargeBuffers, NginxWebsockify, Portway, PortwayEnforced,
    PortwayFramed, PortwayRecorded, PortwayWebSocket,
};

use super::growth::Table;

pub const CPU_PER_REQUEST: &str = "CPU µs/request";
pub const CPU_PER_MESSAGE: &str = "CPU µs/round trip";
pub const CPU_PER_UPDATE: &str = "CPU µs/update";
pub const CPU_PER_GIGABYTE: &str = "CPU s/GB";
pub const CPU_PER_HANDSHAKE: &str = "CPU µs/handshake";
pub const P99: &str = "p99 µs";
pub const INPUT_P99: &str = "input p99 µs";
pub const MEMORY: &str = "resident B each";
pub const DROPPED: &str = "dropped";
pub const MEMORY_GROWTH: &str = "memory after/before";
pub const CPU_GROWTH: &str = "CPU at 100,000/at 10";
pub const LOAD: &str = "-t at 100,000, s";

/// A row of the report.
pub struct Row {
    pub name: &'static str,
    pub what: &'static str,
    pub work: Work,
    /// Ours first.
    pub contenders: &'static [Contender],
    pub budgets: &'static [Budget],
}

/// What the load does.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// Requests in an open loop to the backend behind the contender.
    Http {
        path: &'static str,
        connections: usize,
        rate: f64,
    },
    /// The same to a group of so many servers, all of which are the backend.
    Balancing { servers: usize, rate: f64 },
    /// The same for the contender's own files.
    Files {
        path: &'static str,
        connections: usize,
        rate: f64,
    },
    /// TLS connections in an open loop, each with one request for a small file.
    Handshakes { resumed: bool, rate: f64 },
    /// A file of 1 MiB over TLS, again and again, as fast as it goes.
    TlsBulk { connections: usize },
    /// WebSocket messages of 64 bytes, there and back, in an open loop.
    Messages { tunnels: usize, rate: f64 },
    /// A stream of frames of 64 KiB to the client, as fast as it goes.
    Bulk { tunnels: usize },
    /// Tunnels that carried one message and then nothing.
    Idle { tunnels: usize },
    /// Desktops whose updates of 64 KiB go as fast as they can.
    DesktopBulk { sessions: usize },
    /// Desktops that get updates of 1 KiB, so many a second each.
    DesktopUpdates { sessions: usize, rate: f64 },
    /// The same, and the memory that each takes meanwhile.
    DesktopActive { sessions: usize, rate: f64 },
    /// Desktops on which nothing happens.
    DesktopIdle { sessions: usize },
    /// Keys pressed, so many a second in all, while updates saturate.
    DesktopInput { sessions: usize, rate: f64 },
    /// Reloads of the configuration under live tunnels.
    Reload { tunnels: usize, reloads: usize },
    /// Requests for the last of 10 and of 100,000 entries, and the time to read the latter.
    Growth(Table),
}

/// A promise about one metric of ours.
pub struct Budget {
    pub metric: &'static str,
    pub limit: Limit,
}

pub enum Limit {
    /// At most so many times the other's.
    Ratio(Contender, f64),
    /// As a ratio, after taking the third's value from both: what each adds to it.
    Added(Contender, Contender, f64),
    /// At most so much.
    Most(f64),
}

const fn ratio(metric: &'static str, to: Contender, most: f64) -> Budget {
    Budget {
        metric,
        limit: Limit::Ratio(to, most),
    }
}

const fn most(metric: &'static str, most: f64) -> Budget {
    Budget {
        metric,
        limit: Limit::Most(most),
    }
}

const PROXIES: &[Contender] = &[Portway, Nginx, Haproxy];
const BALANCERS: &[Contender] = &[Portway, Nginx];
const DESKTOPS: &[Contender] = &[Portway, NginxWebsockify];

const GROWTH: &[Budget] = &[most(CPU_GROWTH, 1.2), ratio(LOAD, Nginx, 1.0)];

pub const ROWS: &[Row] = &[
    Row {
        name: "http-small",
        what: "HTTP/1.1 proxy, reply of 100 B, 12,000/s on 64 connections",
        work: Work::Http {
            path: "/100",
            connections: 64,
            rate: 12_000.0,
        },
        contenders: PROXIES,
        budgets: &[ratio(CPU_PER_REQUEST, Nginx, 0.90)],
    },
    Row {
        name: "http-16k",
        what: "HTTP/1.1 proxy, reply of 16 KiB, 6,000/s on 64 connections",
        work: Work::Http {
            path: "/16k",
            connections: 64,
            rate: 6_000.0,
        },
        contenders: PROXIES,
        budgets: &[ratio(CPU_PER_REQUEST, Nginx, 0.70)],
    },
    Row {
        name: "http-1m",
        what: "HTTP/1.1 proxy, reply of 1 MiB, 250/s on 16 connections",
        work: Work::Http {
            path: "/1m",
            connections: 16,
            rate: 250.0,
        },
        contenders: PROXIES,
        budgets: &[ratio(CPU_PER_REQUEST, Nginx, 0.70)],
    },
    Row {
        name: "balancing-10",
        what: "round robin over 10 servers, reply of 100 B, 8,000/s on 64 connections",
        work: Work::Balancing {
            servers: 10,
            rate: 8_000.0,
        },
        contenders: BALANCERS,
        budgets: &[ratio(CPU_PER_REQUEST, Nginx, 0.95)],
    },
    Row {
        name: "balancing-10k",
        what: "the same over 10,000 servers",
        work: Work::Balancing {
            servers: 10_000,
            rate: 8_000.0,
        },
        contenders: BALANCERS,
        budgets: &[ratio(CPU_PER_REQUEST, Nginx, 0.8)],
    },
    Row {
        name: "static-1k",
        what: "a file of 1 KiB, 15,000/s on 64 connections",
        work: Work::Files {
            path: "/1k",
            connections: 64,
            rate: 15_000.0,
        },
        contenders: &[Portway, Nginx],
        budgets: &[ratio(CPU_PER_REQUEST, Nginx, 1.0)],
    },
    Row {
        name: "static-1m",
        what: "a file of 1 MiB, 400/s on 16 connections",
        work: Work::Files {
            path: "/1m",
            connections: 16,
            rate: 400.0,
        },
        contenders: &[Portway, Nginx],
        budgets: &[ratio(CPU_PER_REQUEST, Nginx, 1.0)],
    },
    Row {
        name: "tls-full",
        what: "TLS 1.3, P-256 certificate, X25519: 500 new connections/s, one small file each",
        work: Work::Handshakes {
            resumed: false,
            rate: 500.0,
        },
        contenders: &[Portway, Nginx],
        // 1.2 times as many in a CPU second.
        budgets: &[ratio(CPU_PER_HANDSHAKE, Nginx, 0.83)],
    },
    Row {
        name: "tls-resumed",
        what: "the same, resumed by ticket",
        work: Work::Handshakes {
            resumed: true,
            rate: 500.0,
        },
        contenders: &[Portway, Nginx],
        budgets: &[ratio(CPU_PER_HANDSHAKE, Nginx, 1.0)],
    },
    Row {
        name: "tls-bulk",
        what: "a file of 1 MiB over TLS on 4 connections, AES-256-GCM",
        work: Work::TlsBulk { connections: 4 },
        contenders: &[Portway, Nginx],
        budgets: &[ratio(CPU_PER_GIGABYTE, Nginx, 0.9)],
    },
    Row {
        name: "tunnel-small",
        what: "WebSocket messages of 64 B and back, 16,000/s on 64 tunnels",
        work: Work::Messages {
            tunnels: 64,
            rate: 16_000.0,
        },
        contenders: PROXIES,
        budgets: &[
            ratio(CPU_PER_MESSAGE, Nginx, 1.0),
            ratio(P99, Nginx, 1.0),
            ratio(CPU_PER_MESSAGE, Haproxy, 0.75),
            ratio(P99, Haproxy, 0.75),
        ],
    },
    Row {
        name: "tunnel-bulk",
        what: "4 tunnels, frames of 64 KiB to the client",
        work: Work::Bulk { tunnels: 4 },
        contenders: &[Portway, Nginx, Haproxy, NginxLargeBuffers],
        budgets: &[
            ratio(CPU_PER_GIGABYTE, Nginx, 0.30),
            ratio(CPU_PER_GIGABYTE, Haproxy, 1.05),
        ],
    },
    Row {
        name: "tunnel-idle",
        what: "5,000 idle tunnels",
        work: Work::Idle { tunnels: 5000 },
        contenders: PROXIES,
        budgets: &[most(MEMORY, 2048.0), ratio(MEMORY, Nginx, 0.15)],
    },
    Row {
        name: "websocket-small",
        what: "tunnel-small with frames followed, against our plain tunnel",
        work: Work::Messages {
            tunnels: 64,
            rate: 16_000.0,
        },
        contenders: &[PortwayWebSocket, Portway],
        budgets: &[ratio(CPU_PER_MESSAGE, Portway, 1.1)],
    },
    Row {
        name: "desktop-bulk",
        what: "4 desktops, updates of 64 KiB as fast as they go",
        work: Work::DesktopBulk { sessions: 4 },
        contenders: DESKTOPS,
        budgets: &[ratio(CPU_PER_GIGABYTE, NginxWebsockify, 0.20)],
    },
    Row {
        name: "desktop-update",
        what: "20 desktops, 60 updates of 1 KiB a second each",
        work: Work::DesktopUpdates {
            sessions: 20,
            rate: 60.0,
        },
        contenders: DESKTOPS,
        budgets: &[ratio(CPU_PER_UPDATE, NginxWebsockify, 0.15)],
    },
    Row {
        name: "desktop-enforced",
        what: "desktop-bulk with a policy enforced on what viewers send (level 1)",
        work: Work::DesktopBulk { sessions: 4 },
        contenders: &[PortwayEnforced, Portway],
        budgets: &[ratio(CPU_PER_GIGABYTE, Portway, 1.15)],
    },
    Row {
        name: "desktop-framed",
        what: "desktop-bulk with what machines send framed as well (level 2)",
        work: Work::DesktopBulk { sessions: 4 },
        contenders: &[PortwayFramed, Portway],
        budgets: &[ratio(CPU_PER_GIGABYTE, Portway, 1.5)],
    },
    Row {
        name: "desktop-recorded",
        what: "20 recorded desktops, 60 updates of 1 KiB a second each",
        work: Work::DesktopUpdates {
            sessions: 20,
            rate: 60.0,
        },
        contenders: &[PortwayRecorded, Portway],
        budgets: &[ratio(CPU_PER_UPDATE, Portway, 1.5)],
    },
    Row {
        name: "desktop-memory",
        what: "50 desktops on which nothing happens",
        work: Work::DesktopIdle { sessions: 50 },
        contenders: DESKTOPS,
        budgets: &[ratio(MEMORY, NginxWebsockify, 0.01)],
    },
    Row {
        name: "desktop-idle",
        what: "1,000 desktops on which nothing happens",
        work: Work::DesktopIdle { sessions: 1000 },
        contenders: &[Portway],
        budgets: &[most(MEMORY, 8192.0)],
    },
    Row {
        name: "desktop-active",
        what: "100 desktops, 10 updates of 1 KiB a second each",
        work: Work::DesktopActive {
            sessions: 100,
            rate: 10.0,
        },
        contenders: DESKTOPS,
        budgets: &[ratio(MEMORY, NginxWebsockify, 0.01)],
    },
    Row {
        name: "desktop-input",
        what: "4 desktops saturated with updates, 400 keys a second",
        work: Work::DesktopInput {
            sessions: 4,
            rate: 400.0,
        },
        contenders: &[Portway, NginxWebsockify, Direct],
        budgets: &[Budget {
            metric: INPUT_P99,
            limit: Limit::Added(NginxWebsockify, Direct, 0.5),
        }],
    },
    Row {
        name: "reload",
        what: "1,000 reloads under 500 tunnels",
        work: Work::Reload {
            tunnels: 500,
            reloads: 1000,
        },
        contenders: &[Portway],
        budgets: &[most(DROPPED, 0.0), most(MEMORY_GROWTH, 1.1)],
    },
    Row {
        name: "growth-names",
        what: "100,000 server names, 4,000 requests/s for the last",
        work: Work::Growth(Table::Names),
        contenders: &[Portway, Nginx],
        budgets: GROWTH,
    },
    Row {
        name: "growth-locations",
        what: "100,000 regex locations, 4,000 requests/s for the last",
        work: Work::Growth(Table::Locations),
        contenders: &[Portway, Nginx],
        budgets: GROWTH,
    },
    Row {
        name: "growth-map",
        what: "100,000 values of a map, half by regex, 4,000 requests/s for the last",
        work: Work::Growth(Table::Map),
        contenders: &[Portway, Nginx],
        budgets: GROWTH,
    },
    Row {
        name: "growth-geo",
        what: "100,000 networks of a geo, 4,000 requests/s for the last",
        work: Work::Growth(Table::Geo),
        contenders: &[Portway, Nginx],
        budgets: GROWTH,
    },
];
