//! `cargo xtask bench`: Portway beside the programs whose work it does, on one machine in one run.
//!
//! Absolute numbers belong to the machine; what is compared are ratios. The programs take turns
//! (A B A B), each alone on one CPU while load and backends use the others, and medians are shown.
//! No test asserts a time: this reports.

mod backend;
mod contender;
mod growth;
mod load;
mod measure;
mod meter;
mod options;
mod process;
mod report;
mod rows;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::run::{command, root, show};
use options::Options;
use report::Results;
use rows::{ROWS, Row};

pub fn main(words: &[&str]) -> ExitCode {
    if words == ["--help"] {
        print!("{}", options::HELP);
        return ExitCode::SUCCESS;
    }
    match Options::parse(words).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}\n\n{}", options::HELP);
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let rows: Vec<&'static Row> = ROWS.iter().filter(|row| options.wants(row.name)).collect();
    if options.list {
        rows.iter()
            .for_each(|row| println!("{:16} {}", row.name, row.what));
        return Ok(());
    }
    if rows.is_empty() {
        return Err("no such row".to_owned());
    }
    build(options)?;
    raise_descriptor_limit();
    process::move_to_load_cpus().map_err(|error| error.to_string())?;
    let results: Vec<_> = rows
        .into_iter()
        .map(|row| measure_row(row, options))
        .collect();
    let removed = fs::remove_dir_all(work_dir());
    write_report(&results, options)?;
    removed.map_err(|error| error.to_string())
}

fn measure_row(row: &'static Row, options: &Options) -> Results {
    let mut results = Results::new(row);
    for _ in 0..options.rounds {
        for &contender in row.contenders {
            results.add(contender, measure::measure(row.work, contender, options));
        }
    }
    println!("{}", results.text());
    results
}

fn build(options: &Options) -> Result<(), String> {
    if options.portway.is_some() {
        return Ok(());
    }
    match show(&mut command("cargo build --release --package portway")).success {
        true => Ok(()),
        false => Err("Portway does not build".to_owned()),
    }
}

/// Thousands of tunnels need four descriptors each, of which two are ours.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        eprintln!("the limit of open files stays: {error}");
    }
}

fn write_report(results: &[Results], options: &Options) -> Result<(), String> {
    let date = report::today();
    let out = match (&options.out, options.quick) {
        (Some(out), _) => out.clone(),
        (None, true) => return Ok(()),
        (None, false) => root().join(format!("docs/benchmarks/{date}.md")),
    };
    if let Some(parent) = out.parent() {
        fs::create_dir_all(parent).map_err(|error| error.to_string())?;
    }
    fs::write(&out, report::document(results, options, &date))
        .map_err(|error| format!("{}: {error}", out.display()))?;
    println!("written to {}", out.display());
    Ok(())
}

/// Where the programs have their files while they run. A worker that gave up root must reach it.
fn work_dir() -> PathBuf {
    std::env::temp_dir().join(format!("portway-bench-{}", std::process::id()))
}

fn portway_binary() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), PathBuf::from);
    target.join("release/portway")
}
