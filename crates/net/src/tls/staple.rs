//! OCSP stapling: what the issuer says of our own certificate is kept at hand and shown with it.
//!
//! As in nginx, the responder is asked when a handshake finds that there is nothing to show or that
//! it gets old; that handshake does not wait.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use x509::ocsp::Status;
use x509::{Certificate, Purpose};

use super::identity::Identity;
use super::ocsp::{Answer, Asker};
use super::peers::Judge;
use crate::clock;
use crate::log::{ErrorLog, Level};

/// How often the responder is asked: at least, and at most.
const REFRESH: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(3600));

/// One certificate of ours and its OCSP response.
#[derive(Debug)]
pub struct Staple {
    identity: Identity,
    certificate: Certificate,
    issuer: Arc<Certificate>,
    asker: Asker,
    /// Who says whether the issuer is trusted (`ssl_stapling_verify`).
    verify: Option<Judge>,
    /// When to ask next; never while somebody does.
    due: Mutex<Option<Instant>>,
}

impl Staple {
    /// One for which nobody has asked yet.
    pub fn new(
        identity: Identity,
        certificate: Certificate,
        issuer: Arc<Certificate>,
        asker: Asker,
        verify: Option<Judge>,
    ) -> Arc<Self> {
        Arc::new(Self {
            identity,
            certificate,
            issuer,
            asker,
            verify,
            due: Mutex::new(Some(clock::now())),
        })
    }

    /// Whether it is time to ask; then the caller calls [`refresh`](Self::refresh).
    pub fn is_due(&self) -> bool {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let now = due.is_some_and(|due| due <= clock::now());
        if now {
            *due = None;
        }
        now
    }

    /// Asks the responder.
    pub async fn refresh(&self, log: &ErrorLog) {
        let answer = self
            .asker
            .ask(&self.certificate, &self.issuer, &[], log)
            .await;
        let wait = answer.map_or(REFRESH.0, |answer| self.take(answer, log));
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        *due = Some(clock::now() + wait);
    }

    /// Shows the answer if it is good; gives how long until the next one.
    fn take(&self, answer: Answer, log: &ErrorLog) -> Duration {
        if let Some(problem) = self.problem(&answer) {
            log.log(Level::Error, None, format_args!("{problem}"));
            return REFRESH.0;
        }
        let until = answer.status.next_update.and_then(|until| {
            let seconds = u64::try_from(until.0).ok()?;
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
        });
        let left = until.and_then(|until| until.duration_since(clock::wall()).ok());
        self.identity.staple(Some((answer.der, until)));
        left.unwrap_or(REFRESH.1)
            .saturating_sub(REFRESH.0)
            .clamp(REFRESH.0, REFRESH.1)
    }

    fn problem(&self, answer: &Answer) -> Option<String> {
        let status = answer.status.status;
        if status != Status::Good {
            let text = status.text();
            return Some(format!(
                "certificate status \"{text}\" in the OCSP response"
            ));
        }
        let judge = self.verify.as_ref()?;
        let chain = [self.issuer.clone()];
        let error = judge
            .judge(&chain, Purpose::Server, clock::wall())
            .result()
            .err()?;
        Some(format!("OCSP_basic_verify() failed: {error}"))
    }
}
