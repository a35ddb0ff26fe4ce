//! What the stages of a test run came to.

use std::time::{Duration, Instant};

use crate::run::Ended;

/// How many checks passed and failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub passed: u32,
    pub failed: u32,
}

impl Count {
    /// A single check.
    pub fn one(success: bool) -> Self {
        Self {
            passed: u32::from(success),
            failed: u32::from(!success),
        }
    }

    /// The counts that a test runner printed; a runner that failed without naming a failed test
    /// (it did not compile, say) counts as one failure.
    pub fn of_tests(ended: &Ended) -> Self {
        let mut count = ended
            .output
            .lines()
            .map(count_in)
            .fold(Self::default(), Self::and);
        if !ended.success && count.failed == 0 {
            count.failed = 1;
        }
        if ended.success && count.passed == 0 {
            // A runner that ran nothing proves nothing.
            count.failed = 1;
        }
        count
    }

    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
        }
    }
}

/// Reads the summary line of nextest, of libtest or of Node's test runner.
fn count_in(line: &str) -> Count {
    let line = line.trim();
    let is_node = line.starts_with("# ") || line.starts_with('ℹ');
    let words: Vec<&str> = line
        .split([' ', ',', ';'])
        .filter(|word| !word.is_empty())
        .collect();
    if let (true, [_, kind, number]) = (is_node, words.as_slice()) {
        let number = number.parse().unwrap_or(0);
        return match *kind {
            "pass" => Count {
                passed: number,
                failed: 0,
            },
            "fail" => Count {
                passed: 0,
                failed: number,
            },
            _ => Count::default(),
        };
    }
    if !line.starts_with("Summary [") && !line.starts_with("test result:") {
        return Count::default();
    }
    let before = |name: &str| -> u32 {
        let numbers = words.windows(2).filter(|pair| pair[1] == name);
        numbers.filter_map(|pair| pair[0].parse::<u32>().ok()).sum()
    };
    Count {
        passed: before("passed"),
        failed: before("failed") + before("timed"),
    }
}

/// The list of stages with their times.
pub struct Report {
    started: Instant,
    lines: Vec<(String, Duration, Count)>,
}

impl Report {
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            lines: Vec::new(),
        }
    }

    /// Runs one stage under its name.
    pub fn stage(&mut self, name: &str, run: impl FnOnce() -> Count) {
        println!("\n== {name}");
        let started = Instant::now();
        let count = run();
        let spent = started.elapsed();
        println!(
            "== {name}: {} in {:.1} s",
            verdict(count),
            spent.as_secs_f64()
        );
        self.lines.push((name.to_owned(), spent, count));
    }

    /// Prints the table and the closing line; whether all went well.
    pub fn close(&self) -> bool {
        println!(
            "\n{:<10} {:>8} {:>7} {:>7}",
            "stage", "seconds", "passed", "failed"
        );
        for (name, spent, count) in &self.lines {
            let seconds = spent.as_secs_f64();
            println!(
                "{name:<10} {seconds:>8.1} {:>7} {:>7}",
                count.passed, count.failed
            );
        }
        let total = self
            .lines
            .iter()
            .map(|line| line.2)
            .fold(Count::default(), Count::and);
        println!(
            "{:<10} {:>8.1}",
            "all",
            self.started.elapsed().as_secs_f64()
        );
        println!("{} passed, {} failed", total.passed, total.failed);
        total.failed == 0 && total.passed > 0
    }
}

fn verdict(count: Count) -> &'static str {
    if count.failed == 0 { "ok" } else { "FAILED" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(success: bool, output: &str) -> Ended {
        Ended {
            success,
            output: output.to_owned(),
        }
    }

    #[test]
    fn the_summaries_of_the_three_runners_are_understood() {
        let nextest = "  Summary [  2.787s] 16 tests run: 14 passed (1 slow), 1 failed, 1 timed out, 2 skipped";
        assert_eq!(
            Count::of_tests(&ended(false, nextest)),
            Count {
                passed: 14,
                failed: 2
            }
        );
        let libtest = "test result: ok. 3 passed; 0 failed; 0 ignored\n\
                       test result: FAILED. 1 passed; 2 failed; 0 ignored";
        assert_eq!(
            Count::of_tests(&ended(false, libtest)),
            Count {
                passed: 4,
                failed: 2
            }
        );
        assert_eq!(
            Count::of_tests(&ended(true, "# tests 7\n# pass 7\n# fail 0\n")),
            Count {
                passed: 7,
                failed: 0
            }
        );
    }

    #[test]
    fn a_runner_that_did_not_compile_or_ran_nothing_has_failed() {
        assert_eq!(
            Count::of_tests(&ended(false, "error: no")),
            Count {
                passed: 0,
                failed: 1
            }
        );
        assert_eq!(
            Count::of_tests(&ended(true, "")),
            Count {
                passed: 0,
                failed: 1
            }
        );
    }
}
