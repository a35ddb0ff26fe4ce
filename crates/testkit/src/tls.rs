//! Certificates, and a TLS client that is not ours: both are Debian's `openssl`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::Scratch;
use crate::process::run;
use crate::wait::DEADLINE;

/// Certificates and keys in a folder of their own, as `NAME.crt` and `NAME.key`.
#[derive(Debug)]
pub struct Certs {
    scratch: Scratch,
}

impl Default for Certs {
    fn default() -> Self {
        Self {
            scratch: Scratch::new("certs"),
        }
    }
}

impl Certs {
    /// Where they are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.scratch.path()
    }

    /// A file among them.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// Makes a self-signed certificate, with an EC key.
    #[must_use]
    pub fn self_signed(self, name: &str) -> Self {
        self.make(
            name,
            &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
        )
    }

    /// Makes a self-signed certificate, with an RSA key.
    #[must_use]
    pub fn self_signed_rsa(self, name: &str) -> Self {
        self.make(name, &["-newkey", "rsa:2048"])
    }

    fn make(self, name: &str, key: &[&str]) -> Self {
        let subject = format!("/CN={name}");
        let (key_file, file) = (format!("{name}.key"), format!("{name}.crt"));
        let mut arguments = vec!["req", "-x509", "-new", "-noenc", "-days", "30", "-subj"];
        arguments.extend([&subject[..], "-keyout", &key_file, "-out", &file]);
        arguments.extend(key);
        self.openssl(&arguments);
        self
    }

    /// Makes a certificate that another one signs.
    #[must_use]
    pub fn signed(self, name: &str, by: &str) -> Self {
        let subject = format!("/CN={name}");
        let (key, request, file) = (
            format!("{name}.key"),
            format!("{name}.csr"),
            format!("{name}.crt"),
        );
        let (by_file, by_key) = (format!("{by}.crt"), format!("{by}.key"));
        self.openssl(&[
            "req",
            "-new",
            "-noenc",
            "-subj",
            &subject,
            "-keyout",
            &key,
            "-out",
            &request,
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ]);
        self.openssl(&[
            "x509", "-req", "-in", &request, "-CA", &by_file, "-CAkey", &by_key, "-days", "30",
            "-out", &file,
        ]);
        self
    }

    /// Runs `openssl` in the folder.
    ///
    /// # Panics
    /// When it fails.
    pub fn openssl(&self, arguments: &[&str]) {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(self.dir());
        let output = run(&mut command, DEADLINE);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments:?}: {said}");
    }

    /// Connects with `openssl s_client`, sends `input` and reads to the end: everything that it
    /// prints.
    ///
    /// # Panics
    /// When `openssl` cannot be run.
    #[must_use]
    pub fn s_client(&self, addr: SocketAddr, arguments: &[&str], input: &str) -> String {
        let output = self.run_s_client(addr, arguments, input);
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The same: only what the server sends.
    ///
    /// # Panics
    /// When `openssl` cannot be run.
    #[must_use]
    pub fn talk(&self, addr: SocketAddr, arguments: &[&str], input: &str) -> String {
        let output = self.run_s_client(addr, &[&["-quiet"], arguments].concat(), input);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn run_s_client(&self, addr: SocketAddr, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new("timeout");
        let mut child = command
            .args(["20", "openssl", "s_client", "-ign_eof", "-connect"])
            .arg(addr.to_string())
            .args(arguments)
            .current_dir(self.dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("openssl is installed");
        if let Some(mut stdin) = child.stdin.take() {
            // A refused handshake ends it before it reads.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output().expect("openssl ends")
    }
}
