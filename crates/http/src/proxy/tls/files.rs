//! Certificates and keys of which one has variables in its name: read when a connection is made,
//! and kept for a while if `proxy_ssl_certificate_cache` says so.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use net::tls::identity::Identity;
use net::tls::server::provider;
use script::Template;

use crate::request::Request;

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

/// A certificate or a key.
#[derive(Debug, Clone)]
pub enum Part {
    /// Its name has variables.
    Name(Template),
    /// It was read with the configuration.
    Text(Arc<[u8]>),
}

/// Certificate and key of one connection, by their names; that of a [`Part::Text`] is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Names {
    /// The certificate.
    pub certificate: Bytes,
    /// Its key.
    pub key: Bytes,
}

/// Where certificates and keys are.
#[derive(Debug)]
pub struct Files {
    /// What names are relative to.
    pub folder: PathBuf,
    /// The certificate.
    pub certificate: Part,
    /// Its key.
    pub key: Part,
    /// Passphrases of the key.
    pub passphrases: Arc<Vec<Vec<u8>>>,
    /// How long they are kept; not at all without this.
    pub keep: Option<Keep>,
    /// Those that are.
    pub kept: Mutex<HashMap<Names, Kept>>,
}

/// How an identity was come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was read, and is not kept.
    Read,
    /// It was read, and is kept from now on: it may be another one than before.
    Renewed,
    /// It is the one that was given last for these names.
    Kept,
}

/// One that is kept.
#[derive(Debug)]
pub struct Kept {
    identity: Identity,
    read: Instant,
    used: Instant,
}

impl Part {
    fn name(&self, request: &Request) -> Bytes {
        match self {
            Self::Name(template) => request.eval(template),
            Self::Text(_) => Bytes::new(),
        }
    }
}

impl Files {
    /// What a request wants; `None` if the name of the certificate is empty: then there is none.
    pub fn names(&self, request: &Request) -> Option<Names> {
        let certificate = self.certificate.name(request);
        if certificate.is_empty() && matches!(self.certificate, Part::Name(_)) {
            return None;
        }
        let key = self.key.name(request);
        Some(Names { certificate, key })
    }

    /// A certificate with its key; the error is for the log.
    pub fn identity(&self, names: &Names, now: Instant) -> Result<(Identity, Origin), String> {
        let Some(keep) = self.keep else {
            return Ok((self.load(names)?, Origin::Read));
        };
        // Nothing is left half done by a panic.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = kept.get_mut(names)
            && now - entry.read < keep.valid
            && now - entry.used < keep.inactive
        {
            entry.used = now;
            return Ok((entry.identity.clone(), Origin::Kept));
        }
        let identity = self.load(names)?;
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
        kept.insert(names.clone(), entry);
        Ok((identity, Origin::Renewed))
    }

    fn load(&self, names: &Names) -> Result<Identity, String> {
        let wrong = |is_certificate: bool, error: &dyn std::fmt::Display| {
            let (what, name) = match is_certificate {
                true => ("certificate", &names.certificate),
                false => ("certificate key", &names.key),
            };
            format!("cannot load {what} \"{}\": {error}", self.shown(name))
        };
        let certificate = self.read(&self.certificate, &names.certificate);
        let certificate = certificate.map_err(|error| wrong(true, &error))?;
        let key = self.read(&self.key, &names.key);
        let key = key.map_err(|error| wrong(false, &error))?;
        Identity::load(&certificate, &key, &self.passphrases, &provider())
            .map_err(|error| wrong(error.is_certificate(), &error))
    }

    fn shown(&self, name: &[u8]) -> String {
        match name.starts_with(DATA) {
            true => "data:…".to_owned(),
            false => self.path(name).display().to_string(),
        }
    }

    fn read(&self, part: &Part, name: &[u8]) -> std::io::Result<Arc<[u8]>> {
        if let Part::Text(text) = part {
            return Ok(text.clone());
        }
        match name.strip_prefix(DATA) {
            Some(text) => Ok(text.into()),
            None => std::fs::read(self.path(name)).map(Arc::from),
        }
    }

    fn path(&self, name: &[u8]) -> PathBuf {
        use std::os::unix::ffi::OsStrExt as _;
        self.folder.join(std::ffi::OsStr::from_bytes(name))
    }
}

/// What stands before the text of a certificate or key that is not in a file.
pub const DATA: &[u8] = b"data:";
