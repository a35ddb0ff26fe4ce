//! Revocation: OpenSSL's `check_revocation` with `X509_V_FLAG_CRL_CHECK_ALL`, as nginx sets it.

use std::sync::Arc;

use super::Verifier;
use crate::certificate::Certificate;
use crate::crl::{Crl, Scope};
use crate::extensions::{Extensions, KeyUsage};
use crate::time::Time;
use crate::verify_error::VerifyError;

impl Verifier<'_> {
    /// Each certificate, the anchor too, must have a list of its issuer.
    pub(super) fn check_revocation(&mut self) {
        let Some(crls) = self.rules.crls else {
            return;
        };
        for position in 0..self.path.len() {
            let Some(certificate) = self.path.get(position).map(Arc::clone) else {
                return;
            };
            // The next certificate in the path; for the last one itself.
            let issuer = self.path.get(position + 1).unwrap_or(&certificate);
            let issuer = Arc::clone(issuer);
            let lists = crls.lists_for(&certificate).iter();
            let usable = lists.filter(|crl| is_usable(crl, &issuer));
            let when = self.rules.when;
            // Of equal lists the later one counts, of equally late ones the first.
            let best = usable
                .rev()
                .max_by_key(|crl| (score(crl, &certificate, when), crl.last_update));
            match best {
                None => self.fail(VerifyError::NoCrl, position),
                Some(crl) => self.check_crl(crl, &certificate, &issuer, position),
            }
        }
    }

    fn check_crl(
        &mut self,
        crl: &Crl,
        certificate: &Certificate,
        issuer: &Certificate,
        position: usize,
    ) {
        let is_last = position + 1 == self.path.len();
        if is_last && !issuer.may_have_issued(issuer) {
            self.fail(VerifyError::NoCrlIssuer, position);
        }
        if !issuer.extensions().usage_allows(KeyUsage::CRL_SIGN) {
            self.fail(VerifyError::NoCrlSign, position);
        }
        if !covers(&crl.scope, certificate.extensions()) {
            self.fail(VerifyError::DifferentCrlScope, position);
        }
        if let Some(error) = time_error(crl, self.rules.when) {
            self.fail(error, position);
        }
        if crl.verify_signature(issuer.key()).is_err() {
            self.fail(VerifyError::CrlSignatureFailure, position);
        }
        if crl.unknown_critical {
            self.fail(VerifyError::UnhandledCriticalCrl, position);
        }
        if crl.revokes(certificate.serial()) {
            self.fail(VerifyError::Revoked, position);
        }
    }
}

/// Delta lists and those that need "extended CRL support" do not count, nor those of another key
/// of the same issuer.
fn is_usable(crl: &Crl, issuer: &Certificate) -> bool {
    let authority = Extensions {
        authority_key_id: crl.authority_key_id.clone(),
        ..Extensions::default()
    };
    !crl.is_delta
        && !crl.scope.is_extended
        && issuer.subject().matches(crl.issuer())
        && issuer.fits_authority(&authority)
}

/// OpenSSL's weights: nothing unknown, then the right scope, then the time.
fn score(crl: &Crl, certificate: &Certificate, when: Time) -> u8 {
    let known = u8::from(!crl.unknown_critical);
    let in_scope = u8::from(covers(&crl.scope, certificate.extensions()));
    let in_time = u8::from(time_error(crl, when).is_none());
    known << 2 | in_scope << 1 | in_time
}

/// Whether the list speaks of certificates like this one.
fn covers(scope: &Scope, extensions: &Extensions) -> bool {
    let excluded = if extensions.is_ca() {
        scope.only_users
    } else {
        scope.only_authorities
    };
    if scope.only_attributes || excluded {
        return false;
    }
    let Some(names) = &scope.names else {
        return true;
    };
    let points = &extensions.distribution_points;
    names.iter().any(|name| points.contains(name))
}

fn time_error(crl: &Crl, when: Time) -> Option<VerifyError> {
    match (crl.last_update, crl.next_update) {
        (None, _) => Some(VerifyError::CrlLastUpdateFormat),
        (Some(last), _) if last > when => Some(VerifyError::CrlNotYetValid),
        (_, Some(None)) => Some(VerifyError::CrlNextUpdateFormat),
        (_, Some(Some(next))) if next <= when => Some(VerifyError::CrlExpired),
        _ => None,
    }
}
