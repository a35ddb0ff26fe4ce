//! Certificates and keys whose names have variables: read when a connection is made, and kept for
//! a while if `proxy_ssl_certificate_cache` says so.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use net::tls::client::{ClientIdentity, certificates};
use x509::PrivateKey;

/// How long they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// How many.
    pub max: usize,
    /// How long after the last use.
    pub inactive: Duration,
    /// How long until they are read again.
    pub valid: Duration,
}

/// Where certificates and keys are.
#[derive(Debug)]
pub struct Files {
    /// What names are relative to.
    pub folder: PathBuf,
    /// Passphrases of keys.
    pub passphrases: Arc<Vec<Vec<u8>>>,
    keep: Option<Keep>,
    kept: Mutex<HashMap<(Bytes, Bytes), Kept>>,
}

#[derive(Debug)]
struct Kept {
    identity: ClientIdentity,
    read: Instant,
    used: Instant,
}

impl Files {
    /// Files in a folder.
    pub fn new(folder: PathBuf, passphrases: Arc<Vec<Vec<u8>>>, keep: Option<Keep>) -> Self {
        Self {
            folder,
            passphrases,
            keep,
            kept: Mutex::default(),
        }
    }

    /// A certificate with its key, and whether it is kept; the error is for the log.
    pub fn identity(
        &self,
        certificate: &Bytes,
        key: &Bytes,
        now: Instant,
    ) -> Result<(ClientIdentity, bool), String> {
        let Some(keep) = self.keep else {
            return Ok((self.load(certificate, key)?, false));
        };
        let names = (certificate.clone(), key.clone());
        // Nothing is left half done by a panic.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = kept.get_mut(&names)
            && now - entry.read < keep.valid
            && now - entry.used < keep.inactive
        {
            entry.used = now;
            return Ok((entry.identity.clone(), true));
        }
        let identity = self.load(certificate, key)?;
        kept.retain(|_, entry| now - entry.used < keep.inactive);
        if kept.len() >= keep.max {
            let oldest = kept.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(names) = oldest.map(|(names, _)| names.clone()) {
                kept.remove(&names);
            }
        }
        let entry = Kept {
            identity: identity.clone(),
            read: now,
            used: now,
        };
        kept.insert(names, entry);
        // What was read again may be another one: connections made with it start anew.
        Ok((identity, false))
    }

    fn load(&self, certificate: &[u8], key: &[u8]) -> Result<ClientIdentity, String> {
        let shown = |name: &[u8]| match name.starts_with(DATA) {
            true => "data:…".to_owned(),
            false => self.path(name).display().to_string(),
        };
        let wrong = |what: &str, name: &[u8], error: &dyn std::fmt::Display| {
            format!("cannot load {what} \"{}\": {error}", shown(name))
        };
        let text = self.read(certificate);
        let text = text.map_err(|error| wrong("certificate", certificate, &error))?;
        let chain = certificates(&text);
        let chain = chain.map_err(|error| wrong("certificate", certificate, &error))?;
        let text = self.read(key);
        let text = text.map_err(|error| wrong("certificate key", key, &error))?;
        let private = PrivateKey::from_pem(&text, &self.passphrases);
        let private = private.map_err(|error| wrong("certificate key", key, &error))?;
        ClientIdentity::new(&chain, &private).map_err(|error| wrong("certificate key", key, &error))
    }

    fn read(&self, name: &[u8]) -> std::io::Result<Vec<u8>> {
        match name.strip_prefix(DATA) {
            Some(text) => Ok(text.to_vec()),
            None => std::fs::read(self.path(name)),
        }
    }

    fn path(&self, name: &[u8]) -> PathBuf {
        use std::os::unix::ffi::OsStrExt as _;
        self.folder.join(std::ffi::OsStr::from_bytes(name))
    }
}

/// What stands before the text of a certificate or key that is not in a file.
pub const DATA: &[u8] = b"data:";
