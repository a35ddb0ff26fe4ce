//! `cargo xtask`: the project's own commands.

#![forbid(unsafe_code)]

use std::process::ExitCode;

mod bench;
mod ktls;
mod report;
mod run;
mod test;
mod tidy;
mod tools;

const HELP: &str = "\
cargo xtask test [--only STAGE[,STAGE…]]   everything that must hold before a change goes in
cargo xtask test --list                    the stages by name
cargo xtask bench [--help]                 Portway beside nginx, HAProxy and websockify
cargo xtask ktls                           TLS in the kernel, in a virtual machine
cargo xtask tidy                           the rules of the house that a machine can check
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["test", options @ ..] => test::main(options),
        ["bench", options @ ..] => bench::main(options),
        ["ktls"] => ktls::main(),
        ["tidy"] => tidy::main(),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        other => {
            eprint!("unknown command: {}\n\n{HELP}", other.join(" "));
            ExitCode::FAILURE
        }
    }
}
