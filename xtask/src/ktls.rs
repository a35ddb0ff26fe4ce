//! `cargo xtask ktls`: Portway with TLS in the kernel, in a virtual machine whose kernel has it.
//!
//! The machine is QEMU's, without hardware support; its kernel is Debian's package, its disk is
//! made here and lives in memory (`ktls/machine.sh`). What is checked stands in `ktls/guest.sh`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::report::{Count, Report};
use crate::run::{command, quiet, root, show};
use crate::tools;

/// Packages of another kernel, separated by colons; without it, Debian's is downloaded.
const KERNEL: &str = "PORTWAY_KTLS_KERNEL";

/// The package that depends on the newest kernel for virtual machines.
const NEWEST: &str = "linux-image-cloud-amd64";

pub fn main() -> ExitCode {
    let mut report = Report::new();
    report.stage("tools", tools::provide);
    report.stage("ktls", run);
    if report.close() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run() -> Count {
    let folder = root().join("target/ktls");
    let built = show(&mut command("cargo build --locked -p portway")).success;
    if !built || !unpack_kernel(&folder) {
        return Count::one(false);
    }
    let machine = root().join("xtask/src/ktls/machine.sh");
    let mut boot = command("sh");
    boot.arg(machine)
        .arg(&folder)
        .arg(root().join("target/debug/portway"));
    count(&show(&mut boot).output)
}

/// What the machine printed: a line for each check, and a last word.
fn count(output: &str) -> Count {
    let lines = || output.lines().map(str::trim);
    let of = |start: &str| lines().filter(|line| line.starts_with(start)).count();
    let ended = Count::one(lines().any(|line| line == "done"));
    let checks = Count {
        passed: u32::try_from(of("ok ")).unwrap_or(u32::MAX),
        failed: u32::try_from(of("not ok ")).unwrap_or(u32::MAX),
    };
    checks.and(ended)
}

/// Unpacks the kernel's packages into `folder/kernel`.
fn unpack_kernel(folder: &Path) -> bool {
    let kernel = folder.join("kernel");
    // It may not be there.
    let _ = std::fs::remove_dir_all(&kernel);
    if std::fs::create_dir_all(&kernel).is_err() {
        return false;
    }
    let packages = match std::env::var(KERNEL) {
        Ok(named) => named.split(':').map(PathBuf::from).collect(),
        Err(_) => download(folder),
    };
    let unpack = |package: &PathBuf| {
        let mut unpack = command("dpkg -x");
        show(unpack.arg(package).arg(&kernel)).success
    };
    !packages.is_empty() && packages.iter().all(unpack)
}

/// Downloads Debian's newest kernel unless it is there.
fn download(folder: &Path) -> Vec<PathBuf> {
    let depends = quiet(&mut command(&format!("apt-cache depends {NEWEST}"))).output;
    let names = depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "));
    let Some(name) = names.clone().find(|name| name.starts_with("linux-image-")) else {
        println!("there is no package {NEWEST}: run apt-get update, or set {KERNEL}");
        return Vec::new();
    };
    let found = |folder: &Path| {
        let files = std::fs::read_dir(folder).ok()?.flatten();
        let mut paths = files.map(|file| file.path());
        let start = format!("{name}_");
        paths.find(|path| {
            path.file_name()
                .is_some_and(|file| file.to_string_lossy().starts_with(&start))
        })
    };
    if found(folder).is_none() {
        let mut download = command("apt-get download");
        show(download.arg(name).current_dir(folder));
    }
    found(folder).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_did_not_come_to_its_end_has_failed() {
        let of = |passed, failed| Count { passed, failed };
        assert_eq!(
            count("ok one\r\nnot ok two\r\n# note\r\ndone\r\n"),
            of(2, 1)
        );
        assert_eq!(count("ok one\r\n"), of(1, 1));
        assert_eq!(count("Kernel panic"), of(0, 1));
    }
}
