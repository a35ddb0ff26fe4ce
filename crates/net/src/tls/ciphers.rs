//! OpenSSL's language for lists of ciphers, over the ciphers that there are here.
//!
//! DIFFERS: there are the AEAD ciphers with ephemeral elliptic curves, the only ones of TLS 1.2
//! that nobody advises against. Words for others select nothing.

use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::cipher_suite::*;

/// A cipher of TLS 1.2 and the words that select it besides its name.
struct Cipher {
    suite: SupportedCipherSuite,
    name: &'static str,
    /// Of the key's kind, the cipher's kind, its strength.
    words: [&'static [&'static str]; 3],
    bits: u16,
}

const RSA: &[&str] = &["aRSA"];
const ECDSA: &[&str] = &["aECDSA", "ECDSA"];
const AES256: &[&str] = &["AES", "AES256", "AESGCM", "SHA384"];
const AES128: &[&str] = &["AES", "AES128", "AESGCM", "SHA256"];
const CHACHA: &[&str] = &["CHACHA20"];

/// Words that select all of them. `FIPS`, `SUITEB…` and the like are not known.
const ALL: &[&str] = &[
    "ALL", "HIGH", "DEFAULT", "EECDH", "ECDHE", "kEECDH", "kECDHE", "ECDH", "TLSv1.2", "AEAD",
];

/// In OpenSSL's order.
#[rustfmt::skip]
const CIPHERS: [Cipher; 6] = [
    Cipher { suite: TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, name: "ECDHE-ECDSA-AES256-GCM-SHA384", words: [ECDSA, AES256, ALL], bits: 256 },
    Cipher { suite: TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, name: "ECDHE-RSA-AES256-GCM-SHA384", words: [RSA, AES256, ALL], bits: 256 },
    Cipher { suite: TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, name: "ECDHE-ECDSA-CHACHA20-POLY1305", words: [ECDSA, CHACHA, ALL], bits: 256 },
    Cipher { suite: TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, name: "ECDHE-RSA-CHACHA20-POLY1305", words: [RSA, CHACHA, ALL], bits: 256 },
    Cipher { suite: TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, name: "ECDHE-ECDSA-AES128-GCM-SHA256", words: [ECDSA, AES128, ALL], bits: 128 },
    Cipher { suite: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, name: "ECDHE-RSA-AES128-GCM-SHA256", words: [RSA, AES128, ALL], bits: 128 },
];

/// The ciphers of TLS 1.3, which no list changes, in OpenSSL's order.
pub const TLS13: [SupportedCipherSuite; 3] = [
    TLS13_AES_256_GCM_SHA384,
    TLS13_CHACHA20_POLY1305_SHA256,
    TLS13_AES_128_GCM_SHA256,
];

impl Cipher {
    /// `A+B` selects what both words select.
    fn fits(&self, words: &str) -> bool {
        words
            .split('+')
            .all(|word| self.name == word || self.words.iter().any(|words| words.contains(&word)))
    }
}

/// The ciphers of TLS 1.2 that a list selects, in its order; possibly none.
pub fn select(list: &str) -> Vec<SupportedCipherSuite> {
    let mut chosen: Vec<&Cipher> = Vec::new();
    let mut killed: Vec<&str> = Vec::new();
    for item in list
        .split([':', ',', ' ', ';'])
        .filter(|item| !item.is_empty())
    {
        match item.split_at(1) {
            ("!", words) => {
                chosen.retain(|cipher| !cipher.fits(words));
                killed.extend(CIPHERS.iter().filter(|c| c.fits(words)).map(|c| c.name));
            }
            ("-", words) => chosen.retain(|cipher| !cipher.fits(words)),
            ("+", words) => {
                let (last, first): (Vec<&Cipher>, Vec<&Cipher>) =
                    chosen.into_iter().partition(|cipher| cipher.fits(words));
                chosen = first.into_iter().chain(last).collect();
            }
            ("@", "STRENGTH") => chosen.sort_by_key(|cipher| std::cmp::Reverse(cipher.bits)),
            ("@", _) => {}
            _ => {
                for cipher in CIPHERS.iter().filter(|cipher| cipher.fits(item)) {
                    let there = chosen.iter().any(|known| known.name == cipher.name);
                    if !there && !killed.contains(&cipher.name) {
                        chosen.push(cipher);
                    }
                }
            }
        }
    }
    chosen.into_iter().map(|cipher| cipher.suite).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<String> {
        let names = |suite: SupportedCipherSuite| super::super::names::cipher(suite.suite());
        select(list).into_iter().map(names).collect()
    }

    #[test]
    fn words_select_and_strike_out() {
        assert_eq!(names("HIGH:!aNULL:!MD5").len(), 6);
        assert_eq!(names("DEFAULT:!aECDSA").len(), 3);
        assert_eq!(
            names("EECDH+AESGCM+aRSA"),
            ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]
        );
        assert_eq!(names("!AES:ALL").len(), 2);
        assert!(names("DHE-RSA-AES256-SHA").is_empty());
        assert!(names("RSA").is_empty(), "key exchange by RSA");
    }

    #[test]
    fn the_order_is_that_of_the_list() {
        let list = names("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384");
        assert_eq!(list.len(), 2);
        assert_eq!(list[0], "ECDHE-RSA-AES128-GCM-SHA256");
        assert!(names("ALL:+AES256")[5].contains("AES256"));
        assert!(names("AES128:AES256:@STRENGTH")[0].contains("AES256"));
    }
}
