//! The same configurations and raw requests against Debian's nginx and Portway.
//!
//! `tests/differential/NAME.conf` is the inside of `http { }`, `NAME.req` the requests (see
//! `tests/differential/README.md`). Status lines, fields, bodies and the fate of the connection
//! must be the same, apart from what [`answer`] sets aside and what a case excuses by name.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use testkit::{Binary, Server, Setup};

use crate::support::{portway, repository};

mod answer;
mod case;
mod files;
mod upstream;

use answer::Answer;
use case::Case;

/// A test for each configuration of the corpus, so that they run side by side.
macro_rules! corpus {
    ($($test:ident: $name:literal),+ $(,)?) => {
        const CORPUS: &[&str] = &[$($name),+];
        $(#[test] fn $test() { assert_same($name); })+
    };
}

corpus! {
    addresses_and_shares_lead_to_nginx_s_values: "addresses",
    folders_are_listed_as_nginx_does: "folders",
    connections_go_on_and_end_as_nginx_s: "connections",
    error_pages_are_nginx_s: "error-page",
    fields_are_nginx_s: "headers",
    access_by_request_is_nginx_s: "access-requests",
    peers_are_chosen_as_nginx_does: "balancing",
    client_addresses_are_nginx_s: "client-address",
    compressed_files_are_nginx_s: "compressed-files",
    conditional_requests_are_nginx_s: "conditional",
    conditions_are_nginx_s: "conditions",
    filtered_answers_are_nginx_s: "filtered",
    compression_is_nginx_s: "gzip",
    includes_are_nginx_s: "includes",
    limits_are_nginx_s: "limits",
    listings_are_nginx_s: "listings",
    locations_are_chosen_as_nginx_does: "locations",
    malformed_requests_are_answered_as_nginx_does: "malformed",
    maps_are_nginx_s: "maps",
    paths_lead_to_the_files_that_nginx_finds: "paths",
    proxied_requests_are_nginx_s: "proxy-request",
    proxied_answers_are_nginx_s: "proxy-response",
    proxied_addresses_are_nginx_s: "proxy-uri",
    referers_and_links_are_nginx_s: "referers",
    returns_are_nginx_s: "return",
    rewrites_are_nginx_s: "rewrite",
    servers_are_chosen_as_nginx_does: "server-names",
    subrequests_are_nginx_s: "ssi",
    files_are_served_as_nginx_does: "static",
    transforms_are_nginx_s: "transforms",
    try_files_is_nginx_s: "try-files",
    variables_are_nginx_s: "variables",
}

#[test]
fn every_configuration_of_the_corpus_has_its_test() {
    let entries = fs::read_dir(directory())
        .expect("the corpus is there")
        .flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    found.retain(|path| path.extension().is_some_and(|end| end == "conf"));
    assert_eq!(found.len(), CORPUS.len());
    for name in CORPUS {
        assert!(
            found.contains(&directory().join(format!("{name}.conf"))),
            "{name}"
        );
    }
}

fn directory() -> PathBuf {
    repository().join("tests/differential")
}

fn assert_same(name: &str) {
    let conf = directory().join(name).with_extension("conf");
    let cases = Case::read_all(&conf.with_extension("req"));
    let report = compare(&conf, &cases);
    assert!(report.is_empty(), "of {} cases:\n{report}", cases.len());
}

/// Plays all cases to both servers; the differences, nginx's side first.
fn compare(conf: &Path, cases: &[Case]) -> String {
    let text = fs::read_to_string(conf).expect("configuration read");
    let upstream = upstream::start();
    let start = |binary: &Binary| -> Server {
        let text = format!("{GLOBALS} http {{ {HTTP}\n{text}\n}}\n");
        let setup = Setup::new(&text).with("UPSTREAM", upstream.addr());
        files::write(setup).start(binary)
    };
    let (nginx, ours) = (start(&Binary::nginx()), start(&portway()));
    let mut report = String::new();
    for case in cases {
        let (theirs, ours) = (Answer::to(case, &nginx), Answer::to(case, &ours));
        let found = match &case.differs {
            None => theirs.differences(&ours, case),
            Some(known) => known.check(&theirs, &ours, case),
        };
        if !found.is_empty() {
            let _ = write!(report, "--- {}\n{found}", case.name);
        }
    }
    report
}

const GLOBALS: &str = "user www-data; worker_processes 1; events { worker_connections 256; }";
const HTTP: &str = "access_log off; default_type text/plain; root %DIR%/html;";
