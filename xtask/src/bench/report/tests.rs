//! Medians, verdicts and what the report leaves out.

use super::*;
use crate::bench::rows::ROWS;

fn measured(metric: &'static str, value: f64) -> Result<Measured, String> {
    Ok(Measured {
        values: vec![(metric, value)],
        config: "listen 127.0.0.1:1234;\n".to_owned(),
    })
}

fn row(name: &str) -> &'static Row {
    ROWS.iter().find(|row| row.name == name).unwrap()
}

#[test]
fn a_ratio_of_medians_is_judged() {
    let row = row("http-16k");
    let metric = row.budgets[0].metric;
    for (ours, verdict) in [
        ([6.0, 7.0, 90.0], "0.700 — kept"),
        ([8.0, 7.5, 0.1], "MISSED"),
    ] {
        let mut results = Results::new(row);
        for value in ours {
            results.add(Contender::Portway, measured(metric, value));
            results.add(Contender::Nginx, measured(metric, 10.0));
        }
        assert!(results.text().contains(verdict), "{}", results.text());
    }
}

#[test]
fn what_is_added_is_judged_without_what_the_load_needs_itself() {
    let row = row("desktop-input");
    let metric = row.budgets[0].metric;
    let mut results = Results::new(row);
    results.add(Contender::Direct, measured(metric, 100.0));
    results.add(Contender::Portway, measured(metric, 140.0));
    results.add(Contender::NginxWebsockify, measured(metric, 200.0));
    assert!(
        results.text().contains("0.400 — kept"),
        "{}",
        results.text()
    );
}

#[test]
fn a_contender_that_failed_is_named_and_nothing_is_claimed() {
    let mut results = Results::new(row("http-small"));
    results.add(Contender::Nginx, measured("CPU µs/request", 10.0));
    results.add(Contender::Portway, Err("no such file".to_owned()));
    let text = results.text();
    assert!(text.contains("CPU µs/request: not measured"), "{text}");
    assert!(text.contains("portway: no such file"), "{text}");
}

#[test]
fn a_configuration_is_shown_without_its_ports() {
    assert_eq!(
        without_ports("a 127.0.0.1:81; b 127.0.0.1:9;"),
        "a 127.0.0.1:PORT; b 127.0.0.1:PORT;"
    );
}

#[test]
fn every_budget_compares_with_a_contender_of_its_row() {
    for row in ROWS {
        assert!(!row.budgets.is_empty(), "{}", row.name);
        for budget in row.budgets {
            let needed: &[Contender] = match &budget.limit {
                Limit::Most(_) => &[],
                Limit::Ratio(to, _) => &[*to],
                Limit::Added(to, base, _) => &[*to, *base],
            };
            let known = |one| row.contenders.contains(one);
            assert!(needed.iter().all(known), "{}", row.name);
        }
    }
}

#[test]
fn a_line_that_is_repeated_stands_once_in_a_configuration() {
    let config = "upstream u {\n    server a;\n    server a;\n    server a;\n}\n";
    assert_eq!(
        shortened(config),
        "upstream u {\n    server a; # 3 times\n}\n"
    );
}
