//! From measurements to medians, ratios and verdicts, on the screen and in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::process::Command;

use super::contender::Contender;
use super::measure::Measured;
use super::options::Options;
use super::rows::{Budget, Limit, Row};

/// All that was measured for a row.
pub struct Results {
    row: &'static Row,
    /// By contender's name and metric, in the order measured.
    values: BTreeMap<(&'static str, &'static str), Vec<f64>>,
    metrics: Vec<&'static str>,
    configs: BTreeMap<&'static str, String>,
    problems: Vec<String>,
}

impl Results {
    pub fn new(row: &'static Row) -> Self {
        Self {
            row,
            values: BTreeMap::new(),
            metrics: Vec::new(),
            configs: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    pub fn add(&mut self, contender: Contender, measured: Result<Measured, String>) {
        match measured {
            Ok(measured) => {
                for (metric, value) in measured.values {
                    if !self.metrics.contains(&metric) {
                        self.metrics.push(metric);
                    }
                    let values = self.values.entry((contender.name(), metric)).or_default();
                    values.push(value);
                }
                self.configs.insert(contender.name(), measured.config);
            }
            Err(error) => {
                let problem = format!("{}: {error}", contender.name());
                if !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
            }
        }
    }

    fn median(&self, contender: Contender, metric: &'static str) -> Option<f64> {
        let mut values = self.values.get(&(contender.name(), metric))?.clone();
        values.sort_unstable_by(f64::total_cmp);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some((lower + upper) / 2.0)
    }

    /// Our value in terms of the budget, and the most that it may be.
    fn judge(&self, budget: &Budget) -> Option<(String, f64, f64)> {
        let ours = *self.row.contenders.first()?;
        let value = self.median(ours, budget.metric)?;
        Some(match budget.limit {
            Limit::Most(most) => (format!("{} ≤ {most}", budget.metric), value, most),
            Limit::Ratio(to, most) => {
                let other = self.median(to, budget.metric)?;
                let what = format!("{} ≤ {most} × {}", budget.metric, to.name());
                (what, value / other, most)
            }
            Limit::Added(to, base, most) => {
                let base = self.median(base, budget.metric)?;
                let other = self.median(to, budget.metric)?;
                let what = format!("added {} ≤ {most} × {}", budget.metric, to.name());
                (what, (value - base).max(0.0) / (other - base), most)
            }
        })
    }

    /// The row as Markdown.
    pub fn text(&self) -> String {
        let mut text = format!("### {}: {}\n\n", self.row.name, self.row.what);
        let contenders = self.row.contenders.iter();
        let measured: Vec<Contender> = contenders
            .copied()
            .filter(|contender| self.configs.contains_key(contender.name()))
            .collect();
        if !measured.is_empty() {
            self.write_values(&measured, &mut text);
        }
        for budget in self.row.budgets {
            let line = match self.judge(budget) {
                Some((what, value, most)) => {
                    let verdict = if value <= most { "kept" } else { "MISSED" };
                    format!("- {what}: {} — {verdict}", number(value))
                }
                None => format!("- {}: not measured", budget.metric),
            };
            text.push_str(&line);
            text.push('\n');
        }
        for problem in &self.problems {
            let _ = writeln!(text, "- not measured: {problem}");
        }
        text
    }

    fn write_values(&self, contenders: &[Contender], text: &mut String) {
        let names: Vec<_> = contenders.iter().map(|one| one.name()).collect();
        let _ = writeln!(text, "| | {} |", names.join(" | "));
        let _ = writeln!(text, "|---|{}", "--:|".repeat(names.len()));
        for metric in &self.metrics {
            let cells: Vec<_> = contenders
                .iter()
                .map(|contender| {
                    self.median(*contender, metric)
                        .map_or("–".to_owned(), number)
                })
                .collect();
            let _ = writeln!(text, "| {metric} | {} |", cells.join(" | "));
        }
        text.push('\n');
    }
}

/// Three digits that matter.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 1.0 => format!("{value:.3}"),
        size if size < 100.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}

/// The whole report.
pub fn document(results: &[Results], options: &Options, date: &str) -> String {
    let mut text = format!(
        "# Benchmarks of {date}\n\nMade by `cargo xtask bench`: {} measurements of {:?} for each \
         program, alternating; medians. The servers have one CPU, load and backends the others.\n\n",
        options.rounds, options.seconds
    );
    for line in environment(options) {
        let _ = writeln!(text, "- {line}");
    }
    text.push('\n');
    for result in results {
        text.push_str(&result.text());
        text.push('\n');
    }
    text.push_str("## Configurations\n\n");
    let mut shown: Vec<&str> = Vec::new();
    for result in results {
        for (name, config) in &result.configs {
            let general = shortened(&without_ports(config));
            if !shown.contains(&general.as_str()) && !general.is_empty() {
                let _ = writeln!(text, "{name} ({}):\n```\n{general}```\n", result.row.name);
                shown.push(String::leak(general));
            }
        }
    }
    text
}

/// The ports differ in every run.
/// A configuration in which a line that is repeated stands once, with how often it comes.
fn shortened(config: &str) -> String {
    let mut text = String::new();
    let lines: Vec<&str> = config.lines().collect();
    for run in lines.chunk_by(|one, next| one == next) {
        let [line, ..] = run else { continue };
        match run.len() {
            1 => text.extend([line, "\n"]),
            times => {
                let _ = writeln!(text, "{line} # {times} times");
            }
        }
    }
    text
}

fn without_ports(config: &str) -> String {
    let mut parts = config.split("127.0.0.1:");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("127.0.0.1:PORT");
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    text
}

fn environment(options: &Options) -> Vec<String> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown", |(_, name)| name.trim());
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let version = |program: &std::path::Path, word: &str| {
        let output = Command::new(program).arg(word).output().ok()?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        Some(text.lines().next()?.to_owned())
    };
    let portway = options
        .portway
        .clone()
        .unwrap_or_else(super::portway_binary);
    let mut lines = vec![format!("{cpus} × {model}, Linux {}", kernel.trim())];
    lines.extend(version(&portway, "-v"));
    lines.extend(version(&options.nginx, "-v"));
    lines.extend(version(&options.haproxy, "-v"));
    lines.extend(
        version("dpkg-query".as_ref(), "-f=websockify ${Version}\\n")
            .filter(|line| line.starts_with("websockify")),
    );
    lines
}

/// Today, as the file is called.
pub fn today() -> String {
    let output = Command::new("date").arg("+%F").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests;
