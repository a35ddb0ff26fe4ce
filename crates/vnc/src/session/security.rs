//! Which of a server's security types is used: the best that is configured, and why none.

use proto::rfb::{security, vencrypt};

use super::ending::Failure;
use crate::tls::TlsNeed;
use crate::{Policy, Refusal};

/// The types of RSA-AES, the best first.
const RSA_AES: [u8; 4] = [
    security::RA2_256,
    security::RA2,
    security::RA2NE_256,
    security::RA2NE,
];

/// Whether a type is one of RSA-AES.
pub(super) fn is_rsa_aes(kind: u8) -> bool {
    RSA_AES.contains(&kind)
}

/// What the configuration allows of security types.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means {
    tls: Option<TlsNeed>,
    /// It is known which certificate is good.
    tls_decided: bool,
    /// It may be known which key without a certificate is good.
    key_decided: bool,
    password: bool,
    user: bool,
    /// User and password that are stored may go in the clear.
    plain: bool,
}

/// How a server is logged in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// By VeNCrypt; if it has nothing of use, by one of these types on another connection.
    Vencrypt { otherwise: Vec<u8> },
    /// By one of these types.
    Types(Vec<u8>),
}

impl Means {
    pub(super) fn of(policy: &Policy) -> Self {
        let tls = policy.tls.as_ref();
        Self {
            tls: tls.map(|tls| tls.need),
            tls_decided: tls.is_some_and(|tls| tls.is_decided()),
            key_decided: tls.is_some_and(|tls| tls.knows_keys()),
            password: policy.password.is_some(),
            user: policy.user.is_some(),
            plain: policy.plain_login,
        }
    }

    /// The way for what is stored.
    pub(super) fn stored_way(self, types: &[u8]) -> Result<Way, Failure> {
        let by_key = |kind| (kind, self.password && self.key_decided);
        let apple = (security::APPLE_DH, self.password && self.user && self.plain);
        let known = RSA_AES.map(by_key).into_iter().chain([
            apple,
            (security::VNC_AUTH, self.password),
            (security::NONE, true),
        ]);
        // A key that nobody has named is refused, but then the log has its fingerprint.
        let last = RSA_AES.map(|kind| (kind, self.password && self.tls.is_some()));
        let usable = known
            .chain(last)
            .find(|(kind, can)| *can && types.contains(kind));
        let direct: Vec<u8> = usable.map(|(kind, _)| kind).into_iter().collect();
        self.way(types, direct, Vec::new())
    }

    /// The way for what a viewer will type; `blindly` when an exchange may pass that is not
    /// followed.
    pub(super) fn viewer_way(self, types: &[u8], blindly: bool) -> Result<Way, Failure> {
        let is_followed = |kind: &u8| matches!(*kind, security::NONE | security::VNC_AUTH);
        let followed: Vec<u8> = types.iter().copied().filter(is_followed).collect();
        // TightVNC's own type has the same password inside and hides where the login ends, but
        // some viewers prefer it.
        let is_other = |kind: &u8| match *kind {
            security::VENCRYPT => false,
            security::TIGHT => followed.is_empty(),
            _ => !is_followed(kind),
        };
        let others: Vec<u8> = types.iter().copied().filter(is_other).collect();
        self.way(types, followed, if blindly { others } else { Vec::new() })
    }

    /// `direct` are followed, `blind` are not; both in the order in which they are offered.
    fn way(self, types: &[u8], direct: Vec<u8>, blind: Vec<u8>) -> Result<Way, Failure> {
        let has_vencrypt = types.contains(&security::VENCRYPT);
        let required = self.tls == Some(TlsNeed::Required);
        let otherwise = match required {
            true => Vec::new(),
            false => [direct, blind].concat(),
        };
        if has_vencrypt && (required || self.tls_decided || otherwise.is_empty()) {
            return Ok(Way::Vencrypt { otherwise });
        }
        if !otherwise.is_empty() {
            return Ok(Way::Types(otherwise));
        }
        Err(match required {
            true => Failure::told(
                Refusal::NoEncryption,
                format!("\"vnc_tls\" is required, and the server offers only types {types:?}"),
            ),
            false => Failure::told(
                Refusal::UnsupportedSecurity,
                format!(
                    "the server offers only types {types:?}{}",
                    self.remedy(types)
                ),
            ),
        })
    }

    /// What would help against types that what is stored does not open.
    fn remedy(self, types: &[u8]) -> &'static str {
        if !self.password {
            return "";
        }
        if types.contains(&security::APPLE_DH) {
            return match self.user {
                true => {
                    "; \"vnc_plain_login on\" would use Apple's login (30), which hides user and \
                     password only from those who cannot change the traffic"
                }
                false => "; Apple's login (30) needs a user: set \"vnc_user\"",
            };
        }
        match types.iter().any(|kind| is_rsa_aes(*kind)) {
            true => "; RSA-AES trusts a key by \"vnc_ssl_fingerprint\", and \"vnc_tls\" is off",
            false => "",
        }
    }

    /// The subtype of VeNCrypt for what is stored.
    pub(super) fn stored_subtype(self, offered: &[u32]) -> Option<u32> {
        let with_user = self.user && self.password;
        let known = [
            (vencrypt::X509_PLAIN, with_user && self.tls.is_some()),
            (vencrypt::X509_VNC, self.password && self.tls.is_some()),
            (vencrypt::X509_NONE, self.tls.is_some()),
            (
                vencrypt::PLAIN,
                with_user && self.plain && self.tls != Some(TlsNeed::Required),
            ),
        ];
        let usable = known
            .into_iter()
            .find(|(subtype, can)| *can && offered.contains(subtype));
        usable.map(|(subtype, _)| subtype)
    }

    /// The subtype of VeNCrypt for a viewer that will type: the server's favourite with a
    /// certificate, otherwise user and password as they are, which is what any bridge does.
    pub(super) fn viewer_subtype(self, offered: &[u32]) -> Option<u32> {
        let certified = |subtype: &u32| vencrypt::is_certified(*subtype) && self.tls.is_some();
        let plain =
            |subtype: &u32| *subtype == vencrypt::PLAIN && self.tls != Some(TlsNeed::Required);
        let best = offered.iter().copied().find(certified);
        best.or_else(|| offered.iter().copied().find(plain))
    }

    /// Why none of VeNCrypt's subtypes is of use, in words that the administrator can act on.
    pub(super) fn no_subtype(self, offered: &[u32]) -> Failure {
        let has = |of: fn(u32) -> bool| offered.iter().any(|subtype| of(*subtype));
        let why = if has(vencrypt::is_certified) && self.tls.is_none() {
            "\"vnc_tls\" is off"
        } else if has(vencrypt::is_certified) || offered.contains(&vencrypt::PLAIN) {
            match (self.password, self.user) {
                (true, true) => "\"vnc_plain_login on\" would send user and password in the clear",
                (true, false) => "they need a user: set \"vnc_user\"",
                (false, _) => "they need a password, or \"vnc_tls\" is required",
            }
        } else if has(vencrypt::is_anonymous) {
            "anonymous TLS protects from nobody who can change the traffic and is not supported; \
             set X509Vnc or X509Plain in the VNC server, with a certificate"
        } else {
            "none of them is supported"
        };
        let names: Vec<String> = offered
            .iter()
            .map(|subtype| format!("{} ({subtype})", vencrypt::name(*subtype)))
            .collect();
        Failure::told(
            Refusal::UnsupportedSecurity,
            format!(
                "of VeNCrypt the server offers only {}: {why}",
                names.join(", ")
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Means = Means {
        tls: Some(TlsNeed::Offered),
        tls_decided: false,
        key_decided: false,
        password: false,
        user: false,
        plain: false,
    };

    fn types(types: &[u8]) -> Way {
        Way::Types(types.to_vec())
    }

    fn vencrypt(otherwise: &[u8]) -> Way {
        Way::Vencrypt {
            otherwise: otherwise.to_vec(),
        }
    }

    #[test]
    fn tls_is_preferred_where_it_is_known_what_certificate_is_good() {
        let stored = Means {
            password: true,
            ..NOTHING
        };
        let decided = Means {
            tls_decided: true,
            ..stored
        };
        assert_eq!(stored.stored_way(&[1, 19, 2]).unwrap(), types(&[2]));
        assert_eq!(decided.stored_way(&[1, 19, 2]).unwrap(), vencrypt(&[2]));
        assert_eq!(stored.stored_way(&[19]).unwrap(), vencrypt(&[]));
        assert_eq!(NOTHING.stored_way(&[2, 1]).unwrap(), types(&[1]));
        assert!(NOTHING.stored_way(&[2]).is_err());
        let required = Means {
            tls: Some(TlsNeed::Required),
            ..stored
        };
        assert_eq!(required.stored_way(&[1, 2, 19]).unwrap(), vencrypt(&[]));
        let refused = required.stored_way(&[1, 2]).unwrap_err();
        assert_eq!(refused.refusal(), Some(&Refusal::NoEncryption));
    }

    #[test]
    fn rsa_aes_is_preferred_where_keys_are_known_and_apples_login_needs_a_yes() {
        let stored = Means {
            password: true,
            ..NOTHING
        };
        let way = |means: Means, offer: &[u8]| means.stored_way(offer);
        assert_eq!(way(stored, &[5, 6, 2, 129]).unwrap(), types(&[2]));
        assert_eq!(way(stored, &[6, 5]).unwrap(), types(&[5]), "to see its key");
        let pinned = Means {
            key_decided: true,
            ..stored
        };
        assert_eq!(way(pinned, &[2, 6, 5, 130, 129]).unwrap(), types(&[129]));
        assert_eq!(way(pinned, &[2, 6, 130]).unwrap(), types(&[130]));
        assert!(way(NOTHING, &[5, 6, 129, 130, 30]).is_err(), "no password");
        let user = Means {
            user: true,
            ..stored
        };
        assert!(way(user, &[30]).is_err());
        let yes = Means {
            plain: true,
            ..user
        };
        assert_eq!(way(yes, &[2, 30]).unwrap(), types(&[30]));
        let required = Means {
            tls: Some(TlsNeed::Required),
            ..yes
        };
        let refused = way(required, &[30, 5]).unwrap_err();
        assert_eq!(refused.refusal(), Some(&Refusal::NoEncryption));
        let why = way(user, &[30]).unwrap_err().into_parts().1;
        assert!(why.contains("vnc_plain_login on"), "{why}");
    }

    #[test]
    fn a_viewer_is_offered_what_is_followed_first() {
        let way = |offer: &[u8], blindly| NOTHING.viewer_way(offer, blindly).unwrap();
        assert_eq!(way(&[30, 2, 16, 1, 19], true), types(&[2, 1, 30]));
        assert_eq!(way(&[30, 2, 16, 1, 19], false), types(&[2, 1]));
        assert_eq!(way(&[16, 6, 19], true), types(&[16, 6]));
        assert_eq!(way(&[16, 6, 19], false), vencrypt(&[]));
        assert!(NOTHING.viewer_way(&[16, 6], false).is_err());
        let decided = Means {
            tls_decided: true,
            ..NOTHING
        };
        assert_eq!(decided.viewer_way(&[2, 19], true).unwrap(), vencrypt(&[2]));
    }

    #[test]
    fn the_best_subtype_is_the_one_that_what_is_stored_opens() {
        let all = [256, 257, 258, 259, 260, 261, 262];
        let with = |password, user, plain| Means {
            password,
            user,
            plain,
            ..NOTHING
        };
        assert_eq!(with(true, true, false).stored_subtype(&all), Some(262));
        assert_eq!(with(true, false, false).stored_subtype(&all), Some(261));
        assert_eq!(with(false, false, false).stored_subtype(&all), Some(260));
        assert_eq!(with(true, true, true).stored_subtype(&[256]), Some(256));
        assert_eq!(with(true, true, false).stored_subtype(&[256, 259]), None);
        let off = Means {
            tls: None,
            ..with(true, true, true)
        };
        assert_eq!(off.stored_subtype(&all), Some(256));
        let required = Means {
            tls: Some(TlsNeed::Required),
            ..with(true, true, true)
        };
        assert_eq!(required.stored_subtype(&[256]), None);
    }

    #[test]
    fn a_viewer_gets_the_servers_favourite_with_a_certificate() {
        assert_eq!(NOTHING.viewer_subtype(&[256, 258, 262, 261]), Some(262));
        assert_eq!(NOTHING.viewer_subtype(&[258, 256]), Some(256));
        assert_eq!(NOTHING.viewer_subtype(&[257, 258, 259]), None);
        let off = Means {
            tls: None,
            ..NOTHING
        };
        assert_eq!(off.viewer_subtype(&[261]), None);
    }

    #[test]
    fn the_log_says_what_to_do_about_it() {
        let said = |means: Means, offered: &[u32]| means.no_subtype(offered).into_parts().1;
        let anonymous = said(NOTHING, &[257, 258]);
        assert!(anonymous.contains("TLSVnc (258)"), "{anonymous}");
        assert!(anonymous.contains("set X509Vnc"), "{anonymous}");
        let off = Means {
            tls: None,
            ..NOTHING
        };
        assert!(said(off, &[261]).contains("\"vnc_tls\" is off"));
        let nameless = Means {
            password: true,
            ..NOTHING
        };
        assert!(said(nameless, &[262]).contains("\"vnc_user\""));
        let named = Means {
            user: true,
            ..nameless
        };
        assert!(said(named, &[256]).contains("\"vnc_plain_login on\""));
    }
}
