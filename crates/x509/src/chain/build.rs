//! Building the path: OpenSSL's `build_chain` with `X509_V_FLAG_TRUSTED_FIRST`, its default.

use std::sync::Arc;

use super::{PATH_MAX, Verifier, purpose};
use crate::certificate::Certificate;
use crate::time::Time;
use crate::verify_error::VerifyError;

impl Verifier<'_> {
    /// Extends the path, at each step by a trusted issuer if there is one, else by one that the
    /// peer sent. There is no way back, so the work is linear in what was sent.
    pub(super) fn build_path(&mut self, mut pool: Vec<&Arc<Certificate>>) {
        let mut is_trusted = false;
        let length_max = self.length_max();
        let mut self_signed = self.top_is_self_signed();
        loop {
            let may_grow = self.path.len() <= length_max;
            if let Some(added) = self.add_trusted(self_signed, may_grow) {
                // Below a trusted certificate, only trusted ones follow.
                pool.clear();
                self_signed = self.top_is_self_signed();
                is_trusted = self.check_trust(added);
                if is_trusted || self_signed {
                    break;
                }
                continue;
            }
            if self_signed || !may_grow || !self.add_untrusted(&mut pool) {
                break;
            }
            self_signed = self.top_is_self_signed();
        }
        let too_long = self.path.len() > length_max;
        if !is_trusted && !too_long && self.untrusted == self.path.len() {
            is_trusted = self.trust_leaf();
        }
        if is_trusted {
            return;
        }
        let position = self.path.len() - 1;
        // OpenSSL reports an error again that was there before, and then nothing else.
        if let Some(&(error, _)) = self.errors.last() {
            return self.fail(error, position);
        }
        if too_long {
            self.fail(VerifyError::ChainTooLong, position);
        }
        let error = if self_signed && position == 0 {
            VerifyError::SelfSigned
        } else if self_signed {
            VerifyError::SelfSignedInChain
        } else if self.untrusted < self.path.len() {
            VerifyError::NoIssuer
        } else {
            VerifyError::NoLocalIssuer
        };
        self.fail(error, position);
    }

    /// How long the path may be and still grow; OpenSSL counts so that the anchor is not limited.
    fn length_max(&self) -> usize {
        (self.rules.depth as usize).min(PATH_MAX) + 1
    }

    fn top_is_self_signed(&self) -> bool {
        self.path.last().is_some_and(|top| top.is_self_signed())
    }

    /// Puts the trusted issuer of the last certificate on the path; gives its position.
    fn add_trusted(&mut self, self_signed: bool, may_grow: bool) -> Option<usize> {
        let top = self.path.last().filter(|_| may_grow)?;
        let issuer = self.rules.trusted.issuer_of(top, self.rules.when)?;
        let position = self.path.len();
        if !self_signed {
            self.path.push(Arc::clone(issuer));
            return Some(position);
        }
        // A self-signed certificate that the peer sent must be the trusted one to the byte, or its
        // key could be anybody's.
        if self.untrusted != position || top != issuer {
            return None;
        }
        self.untrusted = position - 1;
        *self.path.last_mut()? = Arc::clone(issuer);
        Some(position - 1)
    }

    fn add_untrusted(&mut self, pool: &mut Vec<&Arc<Certificate>>) -> bool {
        let Some(top) = self.path.last() else {
            return false;
        };
        // The peer may have sent its own certificate twice.
        let fresh = pool
            .iter()
            .copied()
            .filter(|other| !self.path.contains(other));
        let Some(issuer) = best_issuer(fresh, top, self.rules.when) else {
            return false;
        };
        let issuer = Arc::clone(issuer);
        pool.retain(|other| **other != issuer);
        self.path.push(issuer);
        self.untrusted += 1;
        true
    }

    /// OpenSSL's `check_trust`: whether one of the trusted certificates from `first` on is an
    /// anchor.
    fn check_trust(&mut self, first: usize) -> bool {
        for position in first..self.path.len() {
            let Some(certificate) = self.path.get(position) else {
                break;
            };
            match purpose::explicit_trust(certificate, self.rules.purpose) {
                Some(true) => return true,
                Some(false) => {
                    self.fail(VerifyError::Rejected, position);
                    return false;
                }
                None if certificate.is_self_signed() => return true,
                None => {}
            }
        }
        self.rules.partial_chain
    }

    /// With partial chains, the peer's own certificate may be the trusted one.
    fn trust_leaf(&mut self) -> bool {
        let Some(leaf) = self.path.first_mut().filter(|_| self.rules.partial_chain) else {
            return false;
        };
        let Some(trusted) = self.rules.trusted.contains(leaf) else {
            return false;
        };
        if purpose::explicit_trust(trusted, self.rules.purpose) == Some(false) {
            self.fail(VerifyError::Rejected, 0);
            return false;
        }
        *leaf = Arc::clone(trusted);
        self.untrusted = 0;
        true
    }
}

/// The first that is valid now, or else the one that expires last.
pub(super) fn best_issuer<'a>(
    candidates: impl Iterator<Item = &'a Arc<Certificate>>,
    subject: &Certificate,
    when: Time,
) -> Option<&'a Arc<Certificate>> {
    let mut best: Option<&Arc<Certificate>> = None;
    for candidate in candidates.filter(|candidate| candidate.may_have_issued(subject)) {
        let validity = candidate.validity();
        let has_begun = validity.not_before.is_some_and(|time| time <= when);
        if has_begun && validity.not_after.is_some_and(|time| time > when) {
            return Some(candidate);
        }
        if best.is_none_or(|best| validity.not_after > best.validity().not_after) {
            best = Some(candidate);
        }
    }
    best
}
