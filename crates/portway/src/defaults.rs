//! Where things are when nobody says otherwise.

use std::time::Duration;

/// Where relative paths of logs and pages begin.
pub const PREFIX: &str = "/usr/share/portway/";

/// The configuration.
pub const CONF_FILE: &str = "/etc/portway/nginx.conf";

/// The error log of a configuration that names none.
pub const ERROR_LOG: &str = "/var/log/portway/error.log";

/// The pid file of a configuration that names none.
pub const PID_FILE: &str = "/run/portway.pid";

/// Whom the worker runs as if the master is root.
pub const USER: &str = "nobody";

/// Threads of the worker.
pub const WORKER_PROCESSES: usize = 1;

/// Connections of the worker, of each of its threads.
pub const WORKER_CONNECTIONS: usize = 512;

/// How often certificates and keys are looked at.
pub const CERTIFICATE_WATCH: Duration = Duration::from_secs(60);
