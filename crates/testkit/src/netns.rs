//! Hosts in a box: network namespaces joined by virtual cables.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::process::{run, run_ok};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A network namespace: one host, with its own addresses, routes and loopback.
#[derive(Debug)]
pub struct Host {
    namespace: String,
}

impl Host {
    /// Makes a host without any network but loopback; needs root.
    #[must_use]
    pub fn new(label: &str) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("pw{}-{number}-{label}", std::process::id());
        ip(&["netns", "add", &namespace]);
        let host = Self { namespace };
        run_ok(host.command("ip").args(["link", "set", "lo", "up"]));
        // The machine may be a router (one that runs containers is); its new hosts are none.
        let no_router = "echo 0 > /proc/sys/net/ipv4/ip_forward";
        run_ok(host.command("sh").args(["-c", no_router]));
        host
    }

    /// A command that runs on this host.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace, program]);
        command
    }

    /// Whether a TCP connection from here to `target` (`address port`) opens within two seconds.
    #[must_use]
    pub fn reaches(&self, address: &str, port: u16) -> bool {
        let open = format!("exec 3<>/dev/tcp/{address}/{port}");
        let mut command = self.command("timeout");
        command.args(["2", "bash", "-c", &open]);
        run(&mut command, Duration::from_secs(5)).status.success()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let mut delete = Command::new("ip");
        delete.args(["netns", "delete", &self.namespace]);
        let _ = run(&mut delete, Duration::from_secs(10));
    }
}

/// Lays a cable between two hosts; each end gets its address, written with the prefix length.
pub fn connect(left: (&Host, &str), right: (&Host, &str)) {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let ends = ["a", "b"].map(|end| format!("pw{:x}{end}{number}", std::process::id()));
    ip(&[
        "link",
        "add",
        &ends[0],
        "netns",
        &left.0.namespace,
        "type",
        "veth",
        "peer",
        "name",
        &ends[1],
        "netns",
        &right.0.namespace,
    ]);
    for ((host, address), end) in [left, right].into_iter().zip(&ends) {
        run_ok(
            host.command("ip")
                .args(["address", "add", address, "dev", end]),
        );
        run_ok(host.command("ip").args(["link", "set", end, "up"]));
    }
}

/// Cuts a host's cables without a word to the other side: a machine that died.
pub fn cut_cables(host: &Host) {
    set_cables(host, "down");
}

/// Mends what [`cut_cables`] cut.
pub fn mend_cables(host: &Host) {
    set_cables(host, "up");
}

fn set_cables(host: &Host, state: &str) {
    let links = run_ok(
        host.command("ip")
            .args(["-brief", "link", "show", "type", "veth"]),
    );
    for link in links
        .lines()
        .filter_map(|line| line.split(['@', ' ']).next())
    {
        run_ok(host.command("ip").args(["link", "set", link, state]));
    }
}

fn ip(arguments: &[&str]) {
    run_ok(Command::new("ip").args(arguments));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hosts_on_a_cable_reach_each_other_and_no_third() {
        let [left, right, alone] = ["left", "right", "alone"].map(Host::new);
        connect((&left, "10.99.0.1/24"), (&right, "10.99.0.2/24"));
        let mut listener = right.command("python3");
        listener.args(["-m", "http.server", "--bind", "10.99.0.2", "8000"]);
        let scratch = crate::Scratch::new("netns");
        let _listener = crate::Process::spawn(&mut listener, &scratch.path().join("log"));
        crate::wait_true("the cable to carry", || left.reaches("10.99.0.2", 8000));
        assert!(!alone.reaches("10.99.0.2", 8000));
        cut_cables(&right);
        assert!(!left.reaches("10.99.0.2", 8000));
        mend_cables(&right);
        crate::wait_true("the mended cable", || left.reaches("10.99.0.2", 8000));
    }
}
