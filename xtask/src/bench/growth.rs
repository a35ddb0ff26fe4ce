//! What a request and a start cost with few and with many names, locations or values.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::backend::{Backend, Kind};
use super::contender::{Contender, Running, Task};
use super::load;
use super::measure::Measured;
use super::meter::Meter;
use super::options::Options;
use super::rows;

/// What there is much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Names of servers, a hundred each.
    Names,
    /// Locations that are expressions.
    Locations,
    /// Values of a `map`, half of them by expression.
    Map,
    /// Networks of a `geo`.
    Geo,
}

const FEW: usize = 10;
const MANY: usize = 100_000;

/// So many times a file is loaded. The least counts: others can only make it longer.
const LOADS: usize = 5;

const CONNECTIONS: usize = 16;
const RATE: f64 = 4_000.0;

/// Measures a contender with few and with many entries. What is asked for is the last of them.
pub fn measure(table: Table, contender: Contender, options: &Options) -> Result<Measured, String> {
    let backend = Backend::start(Kind::Http).map_err(|error| error.to_string())?;
    let start = |entries| contender.start(Task::Growth(table, entries), backend.addr, options);
    let few = start(FEW)?;
    let few_cpu = cpu(table, &few, options)?;
    let config = few.config.clone();
    drop(few);
    let many = start(MANY)?;
    let many_cpu = cpu(table, &many, options)?;
    let loads = (0..LOADS).map(|_| many.test_seconds(contender, options));
    let loads = loads.collect::<Result<Vec<_>, _>>()?;
    let load = loads.into_iter().fold(f64::INFINITY, f64::min);
    Ok(Measured {
        values: vec![
            (rows::CPU_PER_REQUEST, many_cpu),
            (rows::CPU_GROWTH, many_cpu / few_cpu),
            (rows::LOAD, load),
        ],
        config,
    })
}

fn cpu(table: Table, running: &Running, options: &Options) -> Result<f64, String> {
    let path = match table {
        Table::Names => "/",
        Table::Locations => "/api/last/x",
        Table::Map => "/last/x",
        Table::Geo => "/?ip=192.0.2.1",
    };
    let limit = options.seconds * 2 + Duration::from_secs(60);
    let meter = Rc::new(Meter::default());
    load::run(limit, async {
        load::http::start(&meter, running.addr, path, CONNECTIONS, RATE);
        let window = meter.measure(&running.servers, options.seconds).await?;
        Ok(window.cpu_per_done())
    })
}

/// The inside of `http`, with as many entries.
pub fn config(table: Table, entries: usize, listen: SocketAddr) -> String {
    let mut out = String::from(
        "    server_names_hash_max_size 262144;
    server_names_hash_bucket_size 128;
    map_hash_max_size 262144;
    map_hash_bucket_size 128;
",
    );
    let others = 0..entries - 1;
    let server =
        |inside: &str| format!("    server {{ listen {listen} backlog=4096; {inside} }}\n");
    // Writing to a String does not fail.
    match table {
        Table::Names => {
            out += &server("server_name _; return 404;");
            let names: Vec<_> = others.map(|n| format!("host{n}.example")).collect();
            for names in names.chunks(100) {
                let names = names.join(" ");
                let _ = writeln!(
                    out,
                    "    server {{ listen {listen}; server_name {names}; }}"
                );
            }
            let last = "server_name bench; return 200 last;";
            let _ = writeln!(out, "    server {{ listen {listen}; {last} }}");
        }
        Table::Locations => {
            let mut inside = String::from("\n");
            for n in others {
                let _ = writeln!(inside, "location ~ ^/api/item{n}/(.*)$ {{ return 404; }}");
            }
            inside += "location ~ ^/api/last/(.*)$ { return 200 $1; }";
            out += &server(&inside);
        }
        Table::Map => {
            out += "    map $uri $value {\n";
            for n in others {
                let sign = if n % 2 == 0 { "" } else { "~^" };
                let _ = writeln!(out, "{sign}/item{n}/x v{n};");
            }
            out += "~^/last/(.*)$ $1; }\n";
            out += &server("return 200 $value;");
        }
        Table::Geo => {
            out += "    geo $arg_ip $value {\n";
            for n in others {
                let (a, b, c) = (10 + (n >> 16), n >> 8 & 255, n & 255);
                let _ = writeln!(out, "{a}.{b}.{c}.0/24 v{};", n % 100);
            }
            out += "192.0.2.0/24 last; }\n";
            out += &server("return 200 $value;");
        }
    }
    out
}
