//! Links by which guests watch one desktop for a while. They live in this process: a reload keeps
//! them, a restart ends them together with the sessions.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::Serialize;

use crate::Target;
use crate::sessions::view::{json, unix};

/// Links of the process.
const LINKS_MAX: usize = 4096;

/// Links that one person may have for one machine.
const LINKS_OF_ONE_MAX: usize = 32;

/// Random bytes of a link: nobody guesses it.
const SECRET_LEN: usize = 24;

/// Random bytes of its name.
const ID_LEN: usize = 8;

/// All links that may be open. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Links(Arc<Mutex<Vec<Arc<GuestLink>>>>);

/// What a link is to be.
#[derive(Debug, Clone)]
pub struct LinkTerms {
    /// The server that the folder is in, whose other settings hold for nobody else's folder.
    pub server: Box<[u8]>,
    /// The path of the desktop's folder: a link opens nothing else.
    pub folder: Box<[u8]>,
    /// The query by which its maker came, which may say which desktop it is.
    pub args: Box<[u8]>,
    /// The machine.
    pub machine: Target,
    /// Who makes it, if that is known.
    pub by: Option<String>,
    /// When it ends.
    pub expires: SystemTime,
}

/// A link.
pub struct GuestLink {
    /// Its name, which opens nothing.
    pub id: String,
    /// What it opens, and how long.
    pub terms: LinkTerms,
    secret: String,
    uses: AtomicU64,
}

/// Why there is no new link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The person has too many for the machine.
    #[error("You have too many links for this desktop; end one first.")]
    TooManyOfYours,
    /// There are too many in all.
    #[error("There are too many links at the moment.")]
    TooMany,
    /// The system has no random bytes.
    #[error("The gateway failed; its log says more.")]
    NoRandom,
}

impl Links {
    /// Makes a link; gives back its secret, which is nowhere else afterwards, and the link.
    pub fn make(
        &self,
        terms: LinkTerms,
        now: SystemTime,
    ) -> Result<(String, Arc<GuestLink>), LinkError> {
        let (secret, id) = random::<SECRET_LEN>()
            .and_then(|secret| Ok((secret, random::<ID_LEN>()?)))
            .map_err(|_| LinkError::NoRandom)?;
        let mut open = self.open(now);
        if open.len() >= LINKS_MAX {
            return Err(LinkError::TooMany);
        }
        let of_one = |link: &&Arc<GuestLink>| link.is_of(&terms.machine, terms.by.as_deref());
        if open.iter().filter(of_one).count() >= LINKS_OF_ONE_MAX {
            return Err(LinkError::TooManyOfYours);
        }
        let link = Arc::new(GuestLink {
            id,
            terms,
            secret: secret.clone(),
            uses: AtomicU64::new(0),
        });
        open.push(Arc::clone(&link));
        Ok((secret, link))
    }

    /// The link with that secret, if it is open.
    pub fn find(&self, secret: &[u8], now: SystemTime) -> Option<Arc<GuestLink>> {
        let open = self.open(now);
        let link = open.iter().find(|link| link.has_secret(secret));
        link.cloned()
    }

    /// Whether a link is still open, by its name.
    pub fn is_open(&self, id: &str, now: SystemTime) -> bool {
        self.open(now).iter().any(|link| link.id == id)
    }

    /// The open links for a machine as JSON: those of one person, or everybody's.
    pub fn to_json(&self, machine: &Target, of: Whose<'_>, now: SystemTime) -> String {
        let open = self.open(now);
        let listed = open.iter().filter(|link| of.are(link, machine));
        let listed: Vec<_> = listed.map(|link| link.view()).collect();
        json(&listed)
    }

    /// Ends a link for a machine; `false` if there is none of that name.
    pub fn revoke(&self, id: &str, machine: &Target, of: Whose<'_>, now: SystemTime) -> bool {
        let mut open = self.open(now);
        let before = open.len();
        open.retain(|link| link.id != id || !of.are(link, machine));
        open.len() < before
    }

    /// How many are open.
    pub fn count(&self, now: SystemTime) -> usize {
        self.open(now).len()
    }

    /// The list, without those whose time is over.
    fn open(&self, now: SystemTime) -> MutexGuard<'_, Vec<Arc<GuestLink>>> {
        // Nothing that holds the lock can leave the list half changed.
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|link| link.terms.expires > now);
        open
    }
}

/// Whose links are meant.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// Those of this person, or of those that nobody is known to have made.
    Of(Option<&'a str>),
    /// Everybody's.
    All,
}

impl Whose<'_> {
    fn are(self, link: &GuestLink, machine: &Target) -> bool {
        match self {
            Self::Of(by) => link.is_of(machine, by),
            Self::All => link.terms.machine == *machine,
        }
    }
}

impl GuestLink {
    /// Counts a session that it opens.
    pub fn note_use(&self) {
        self.uses.fetch_add(1, Relaxed);
    }

    fn is_of(&self, machine: &Target, by: Option<&str>) -> bool {
        self.terms.machine == *machine && self.terms.by.as_deref() == by
    }

    /// Looks at every byte, wherever the first difference is.
    fn has_secret(&self, secret: &[u8]) -> bool {
        let own = self.secret.as_bytes();
        let differ = |all: u8, (a, b): (&u8, &u8)| all | (a ^ b);
        own.len() == secret.len() && own.iter().zip(secret).fold(0, differ) == 0
    }

    fn view(&self) -> View<'_> {
        View {
            id: &self.id,
            by: self.terms.by.as_deref(),
            expires: unix(self.terms.expires),
            uses: self.uses.load(Relaxed),
        }
    }
}

impl fmt::Debug for GuestLink {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("GuestLink");
        shown.field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct View<'a> {
    id: &'a str,
    by: Option<&'a str>,
    expires: u64,
    uses: u64,
}

/// So many random bytes, as hexadecimal digits.
fn random<const LEN: usize>() -> std::io::Result<String> {
    let mut bytes = [0; LEN];
    let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    // Up to 256 bytes come at once or not at all.
    debug_assert_eq!(got, LEN);
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;
    const HOUR: Duration = Duration::from_secs(3600);

    fn machine(text: &str) -> Target {
        text.parse().unwrap()
    }

    fn terms(by: Option<&str>, at: &str) -> LinkTerms {
        LinkTerms {
            server: Box::default(),
            folder: b"/"[..].into(),
            args: Box::default(),
            machine: machine(at),
            by: by.map(str::to_owned),
            expires: NOW + HOUR,
        }
    }

    #[test]
    fn a_link_is_found_by_its_secret_until_its_time_is_over() {
        let links = Links::default();
        let (secret, link) = links.make(terms(Some("ann"), "a:1"), NOW).unwrap();
        let (other, _) = links.make(terms(Some("ann"), "a:1"), NOW).unwrap();
        assert_eq!((secret.len(), link.id.len()), (48, 16));
        assert_ne!(secret, other);
        let found = |secret: &str, now| {
            links
                .find(secret.as_bytes(), now)
                .map(|link| link.id.clone())
        };
        assert_eq!(found(&secret, NOW), Some(link.id.clone()));
        assert_eq!(found(&link.id, NOW), None, "its name opens nothing");
        assert_eq!(found(&secret[..47], NOW), None);
        assert_eq!(found("", NOW), None);
        assert_eq!(found(&secret, NOW + HOUR), None);
        assert_eq!(links.count(NOW), 0, "it is forgotten");
    }

    #[test]
    fn everybody_has_links_of_their_own() {
        let links = Links::default();
        let (secret, ann) = links.make(terms(Some("ann"), "a:1"), NOW).unwrap();
        links.make(terms(Some("bob"), "a:1"), NOW).unwrap();
        links.make(terms(Some("ann"), "b:1"), NOW).unwrap();
        let count = |of| {
            links
                .to_json(&machine("a:1"), of, NOW)
                .matches("\"id\"")
                .count()
        };
        assert_eq!(count(Whose::Of(Some("ann"))), 1);
        assert_eq!(count(Whose::Of(None)), 0);
        assert_eq!(count(Whose::All), 2);
        ann.note_use();
        let listed = links.to_json(&machine("a:1"), Whose::Of(Some("ann")), NOW);
        assert!(listed.contains("\"expires\":3600,\"uses\":1") && !listed.contains(&secret));
        let revoke = |at, of| links.revoke(&ann.id, &machine(at), of, NOW);
        assert!(!revoke("a:1", Whose::Of(Some("bob"))) && !revoke("b:1", Whose::All));
        assert!(links.is_open(&ann.id, NOW) && !links.is_open(&secret, NOW));
        assert!(revoke("a:1", Whose::Of(Some("ann"))));
        assert!(!links.is_open(&ann.id, NOW));
        assert!(!revoke("a:1", Whose::Of(Some("ann"))));
        assert!(links.find(secret.as_bytes(), NOW).is_none());
    }

    #[test]
    fn links_are_bounded() {
        let links = Links::default();
        for _ in 0..LINKS_OF_ONE_MAX {
            links.make(terms(Some("ann"), "a:1"), NOW).unwrap();
        }
        let more = links.make(terms(Some("ann"), "a:1"), NOW);
        assert_eq!(more.map(drop), Err(LinkError::TooManyOfYours));
        assert!(links.make(terms(Some("ann"), "b:1"), NOW).is_ok());
        for one in 0..LINKS_MAX - LINKS_OF_ONE_MAX - 1 {
            links
                .make(terms(Some(&one.to_string()), "a:1"), NOW)
                .unwrap();
        }
        let more = links.make(terms(None, "a:1"), NOW);
        assert_eq!(more.map(drop), Err(LinkError::TooMany));
    }
}
