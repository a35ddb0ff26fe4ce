//! Running other programs, from the root of the repository.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// A program to run; `words` are its name and arguments, separated by single spaces.
pub fn command(words: &str) -> Command {
    let mut words = words.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).current_dir(root()).stdin(Stdio::null());
    command
}

/// How a program ended, and all that it printed.
pub struct Ended {
    pub success: bool,
    pub output: String,
}

/// Runs a program, showing what it prints while it prints it.
pub fn show(command: &mut Command) -> Ended {
    println!("$ {}", describe(command));
    run(command, Echo::Yes)
}

/// Runs a program in silence.
pub fn quiet(command: &mut Command) -> Ended {
    run(command, Echo::No)
}

#[derive(Clone, Copy, PartialEq)]
enum Echo {
    Yes,
    No,
}

fn run(command: &mut Command, echo: Echo) -> Ended {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let output = format!("cannot run {}: {error}\n", describe(command));
            if echo == Echo::Yes {
                print!("{output}");
            }
            return Ended {
                success: false,
                output,
            };
        }
    };
    let errors = child.stderr.take();
    let reader = thread::spawn(move || copy(errors, echo));
    let mut output = copy(child.stdout.take(), echo);
    output.push_str(&reader.join().unwrap_or_default());
    let success = child.wait().is_ok_and(|status| status.success());
    Ended { success, output }
}

/// Collects a stream line by line, repeating it on our own output.
fn copy(stream: Option<impl Read>, echo: Echo) -> String {
    let Some(stream) = stream else {
        return String::new();
    };
    let mut reader = BufReader::new(stream);
    let mut all = String::new();
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .is_ok_and(|count| count > 0)
    {
        if echo == Echo::Yes {
            let _ = std::io::stdout().write_all(&line);
        }
        all.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    all
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
