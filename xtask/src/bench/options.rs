//! The command line of `cargo xtask bench`.

use std::path::PathBuf;
use std::time::Duration;

pub const HELP: &str = "\
cargo xtask bench [OPTIONS]

  --list           the rows by name
  --only ROW,…     these rows (a name, or the beginning of several)
  --seconds N      length of one measurement (5)
  --rounds N       measurements of each program, alternating (5)
  --quick          one short round: shows that everything runs, measures nothing
  --portway FILE   this binary, instead of building target/release/portway
  --nginx FILE, --haproxy FILE, --websockify FILE
                   other binaries of the peers
  --out FILE       where the report goes (docs/benchmarks/DATE.md; nowhere with --quick)
";

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Options {
    pub only: Vec<String>,
    pub list: bool,
    pub quick: bool,
    pub seconds: Duration,
    pub rounds: usize,
    pub portway: Option<PathBuf>,
    pub nginx: PathBuf,
    pub haproxy: PathBuf,
    pub websockify: PathBuf,
    pub out: Option<PathBuf>,
}

impl Options {
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self {
            only: Vec::new(),
            list: false,
            quick: false,
            seconds: Duration::from_secs(5),
            rounds: 5,
            portway: None,
            nginx: "nginx".into(),
            haproxy: "haproxy".into(),
            websockify: "websockify".into(),
            out: None,
        };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            match word {
                "--list" => options.list = true,
                "--quick" => options.set_quick(),
                _ => {
                    let value = words
                        .next()
                        .ok_or(format!("{word}: unknown, or no value"))?;
                    options.set(word, value)?;
                }
            }
        }
        Ok(options)
    }

    /// Whether a row was asked for.
    pub fn wants(&self, row: &str) -> bool {
        self.only.is_empty()
            || self
                .only
                .iter()
                .any(|start| row.starts_with(start.as_str()))
    }

    fn set_quick(&mut self) {
        self.quick = true;
        self.rounds = 1;
        self.seconds = Duration::from_millis(500);
    }

    fn set(&mut self, word: &str, value: &str) -> Result<(), String> {
        match word {
            "--only" => self.only.extend(value.split(',').map(str::to_owned)),
            "--seconds" => self.seconds = Duration::from_secs_f64(positive(value)?),
            "--rounds" => self.rounds = positive(value)? as usize,
            "--portway" => self.portway = Some(value.into()),
            "--nginx" => self.nginx = value.into(),
            "--haproxy" => self.haproxy = value.into(),
            "--websockify" => self.websockify = value.into(),
            "--out" => self.out = Some(value.into()),
            _ => return Err(format!("{word}: unknown option")),
        }
        Ok(())
    }
}

fn positive(value: &str) -> Result<f64, String> {
    let number: f64 = value
        .parse()
        .map_err(|_| format!("{value}: not a number"))?;
    match (0.1..=3600.0).contains(&number) {
        true => Ok(number),
        false => Err(format!("{value}: not between 0.1 and 3600")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_wrong_ones_refused() {
        let options = Options::parse(&["--quick", "--only", "http,tunnel-idle"]).unwrap();
        assert!(options.quick && options.wants("http-small") && options.wants("tunnel-idle"));
        assert!(!options.wants("tunnel-small"));
        for wrong in [
            &["--fast"][..],
            &["--seconds"],
            &["--seconds", "no"],
            &["--rounds", "0"],
        ] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
