//! Object identifiers: the content octets of those that mean something here, and their names.

macro_rules! oids {
    ($($(#[$doc:meta])* $name:ident = $bytes:expr;)*) => {
        $($(#[$doc])* pub const $name: &[u8] = $bytes;)*
    };
}

oids! {
    /// rsaEncryption
    RSA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
    /// md5WithRSAEncryption
    RSA_MD5 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04";
    /// sha1WithRSAEncryption
    RSA_SHA1 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05";
    /// id-mgf1
    MGF1 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08";
    /// id-RSASSA-PSS
    RSA_PSS = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
    /// sha256WithRSAEncryption
    RSA_SHA256 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
    /// sha384WithRSAEncryption
    RSA_SHA384 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c";
    /// sha512WithRSAEncryption
    RSA_SHA512 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d";
    /// sha224WithRSAEncryption
    RSA_SHA224 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e";
    /// id-ecPublicKey
    EC = b"\x2a\x86\x48\xce\x3d\x02\x01";
    /// prime256v1
    P256 = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
    /// secp384r1
    P384 = b"\x2b\x81\x04\x00\x22";
    /// secp521r1
    P521 = b"\x2b\x81\x04\x00\x23";
    /// ecdsa-with-SHA1
    ECDSA_SHA1 = b"\x2a\x86\x48\xce\x3d\x04\x01";
    /// ecdsa-with-SHA224
    ECDSA_SHA224 = b"\x2a\x86\x48\xce\x3d\x04\x03\x01";
    /// ecdsa-with-SHA256
    ECDSA_SHA256 = b"\x2a\x86\x48\xce\x3d\x04\x03\x02";
    /// ecdsa-with-SHA384
    ECDSA_SHA384 = b"\x2a\x86\x48\xce\x3d\x04\x03\x03";
    /// ecdsa-with-SHA512
    ECDSA_SHA512 = b"\x2a\x86\x48\xce\x3d\x04\x03\x04";
    /// id-Ed25519
    ED25519 = b"\x2b\x65\x70";
    /// id-Ed448
    ED448 = b"\x2b\x65\x71";
    /// id-sha1
    SHA1 = b"\x2b\x0e\x03\x02\x1a";
    /// id-sha256
    SHA256 = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01";
    /// id-sha384
    SHA384 = b"\x60\x86\x48\x01\x65\x03\x04\x02\x02";
    /// id-sha512
    SHA512 = b"\x60\x86\x48\x01\x65\x03\x04\x02\x03";
    /// id-sha224
    SHA224 = b"\x60\x86\x48\x01\x65\x03\x04\x02\x04";

    /// subjectKeyIdentifier
    SUBJECT_KEY_ID = b"\x55\x1d\x0e";
    /// keyUsage
    KEY_USAGE = b"\x55\x1d\x0f";
    /// subjectAltName
    SUBJECT_ALT_NAME = b"\x55\x1d\x11";
    /// basicConstraints
    BASIC_CONSTRAINTS = b"\x55\x1d\x13";
    /// cRLNumber
    CRL_NUMBER = b"\x55\x1d\x14";
    /// reasonCode of a CRL entry
    CRL_REASON = b"\x55\x1d\x15";
    /// deltaCRLIndicator
    DELTA_CRL = b"\x55\x1d\x1b";
    /// issuingDistributionPoint
    ISSUING_DISTRIBUTION_POINT = b"\x55\x1d\x1c";
    /// certificateIssuer of a CRL entry
    CERTIFICATE_ISSUER = b"\x55\x1d\x1d";
    /// nameConstraints
    NAME_CONSTRAINTS = b"\x55\x1d\x1e";
    /// cRLDistributionPoints
    CRL_DISTRIBUTION_POINTS = b"\x55\x1d\x1f";
    /// certificatePolicies
    CERTIFICATE_POLICIES = b"\x55\x1d\x20";
    /// policyMappings
    POLICY_MAPPINGS = b"\x55\x1d\x21";
    /// authorityKeyIdentifier
    AUTHORITY_KEY_ID = b"\x55\x1d\x23";
    /// policyConstraints
    POLICY_CONSTRAINTS = b"\x55\x1d\x24";
    /// extKeyUsage
    EXT_KEY_USAGE = b"\x55\x1d\x25";
    /// inhibitAnyPolicy
    INHIBIT_ANY_POLICY = b"\x55\x1d\x36";
    /// authorityInfoAccess
    AUTHORITY_INFO_ACCESS = b"\x2b\x06\x01\x05\x05\x07\x01\x01";
    /// proxyCertInfo
    PROXY_CERT_INFO = b"\x2b\x06\x01\x05\x05\x07\x01\x0e";
    /// TLS feature (must staple, RFC 7633)
    TLS_FEATURE = b"\x2b\x06\x01\x05\x05\x07\x01\x18";
    /// id-ad-ocsp
    AD_OCSP = b"\x2b\x06\x01\x05\x05\x07\x30\x01";
    /// id-pkix-ocsp-basic
    OCSP_BASIC = b"\x2b\x06\x01\x05\x05\x07\x30\x01\x01";
    /// id-pkix-ocsp-nocheck
    OCSP_NOCHECK = b"\x2b\x06\x01\x05\x05\x07\x30\x01\x05";
    /// Netscape certificate type
    NETSCAPE_CERT_TYPE = b"\x60\x86\x48\x01\x86\xf8\x42\x01\x01";

    /// anyExtendedKeyUsage
    ANY_EXT_KEY_USAGE = b"\x55\x1d\x25\x00";
    /// id-kp-serverAuth
    SERVER_AUTH = b"\x2b\x06\x01\x05\x05\x07\x03\x01";
    /// id-kp-clientAuth
    CLIENT_AUTH = b"\x2b\x06\x01\x05\x05\x07\x03\x02";
    /// id-kp-OCSPSigning
    OCSP_SIGNING = b"\x2b\x06\x01\x05\x05\x07\x03\x09";
    /// Microsoft server gated crypto
    MS_SGC = b"\x2b\x06\x01\x04\x01\x82\x37\x0a\x03\x03";
    /// Netscape server gated crypto
    NS_SGC = b"\x60\x86\x48\x01\x86\xf8\x42\x04\x01";

    /// commonName
    COMMON_NAME = b"\x55\x04\x03";
    /// emailAddress
    EMAIL_ADDRESS = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01";

    /// PBES2
    PBES2 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
    /// pbeWithSHAAnd3-KeyTripleDES-CBC
    PBE_SHA1_3DES = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03";
    /// PBKDF2
    PBKDF2 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
    /// hmacWithSHA1
    HMAC_SHA1 = b"\x2a\x86\x48\x86\xf7\x0d\x02\x07";
    /// hmacWithSHA256
    HMAC_SHA256 = b"\x2a\x86\x48\x86\xf7\x0d\x02\x09";
    /// hmacWithSHA384
    HMAC_SHA384 = b"\x2a\x86\x48\x86\xf7\x0d\x02\x0a";
    /// hmacWithSHA512
    HMAC_SHA512 = b"\x2a\x86\x48\x86\xf7\x0d\x02\x0b";
    /// DES-EDE3-CBC
    DES_EDE3_CBC = b"\x2a\x86\x48\x86\xf7\x0d\x03\x07";
    /// AES-128-CBC
    AES128_CBC = b"\x60\x86\x48\x01\x65\x03\x04\x01\x02";
    /// AES-192-CBC
    AES192_CBC = b"\x60\x86\x48\x01\x65\x03\x04\x01\x16";
    /// AES-256-CBC
    AES256_CBC = b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a";
}

/// The short name that OpenSSL has for an attribute type of a name, `CN` for commonName.
pub fn attribute_name(oid: &[u8]) -> Option<&'static str> {
    let mut names = ATTRIBUTES.iter();
    names
        .find(|(other, _)| *other == oid)
        .map(|&(_, name)| name)
}

/// The identifier in numbers and dots. Arcs beyond 64 bits end it.
pub fn dotted(oid: &[u8]) -> String {
    let mut text = String::new();
    let mut arc = 0u64;
    for &byte in oid {
        if arc >> 57 != 0 {
            break;
        }
        arc = arc << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            let first = (arc / 40).min(2);
            text = format!("{first}.{}", arc - first * 40);
        } else {
            text.push_str(&format!(".{arc}"));
        }
        arc = 0;
    }
    text
}

const ATTRIBUTES: &[(&[u8], &str)] = &[
    (COMMON_NAME, "CN"),
    (b"\x55\x04\x04", "SN"),
    (b"\x55\x04\x05", "serialNumber"),
    (b"\x55\x04\x06", "C"),
    (b"\x55\x04\x07", "L"),
    (b"\x55\x04\x08", "ST"),
    (b"\x55\x04\x09", "street"),
    (b"\x55\x04\x0a", "O"),
    (b"\x55\x04\x0b", "OU"),
    (b"\x55\x04\x0c", "title"),
    (b"\x55\x04\x0d", "description"),
    (b"\x55\x04\x0f", "businessCategory"),
    (b"\x55\x04\x10", "postalAddress"),
    (b"\x55\x04\x11", "postalCode"),
    (b"\x55\x04\x12", "postOfficeBox"),
    (b"\x55\x04\x14", "telephoneNumber"),
    (b"\x55\x04\x29", "name"),
    (b"\x55\x04\x2a", "GN"),
    (b"\x55\x04\x2b", "initials"),
    (b"\x55\x04\x2c", "generationQualifier"),
    (b"\x55\x04\x2d", "x500UniqueIdentifier"),
    (b"\x55\x04\x2e", "dnQualifier"),
    (b"\x55\x04\x33", "houseIdentifier"),
    (b"\x55\x04\x41", "pseudonym"),
    (b"\x55\x04\x48", "role"),
    (b"\x55\x04\x61", "organizationIdentifier"),
    (EMAIL_ADDRESS, "emailAddress"),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02", "unstructuredName"),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07", "challengePassword"),
    (
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x08",
        "unstructuredAddress",
    ),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14", "friendlyName"),
    (b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", "UID"),
    (b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x03", "mail"),
    (b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", "DC"),
    (
        b"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01",
        "jurisdictionL",
    ),
    (
        b"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02",
        "jurisdictionST",
    ),
    (
        b"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03",
        "jurisdictionC",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_written_with_dots() {
        assert_eq!(dotted(SERVER_AUTH), "1.3.6.1.5.5.7.3.1");
        assert_eq!(dotted(COMMON_NAME), "2.5.4.3");
        assert_eq!(dotted(RSA), "1.2.840.113549.1.1.1");
        assert_eq!(dotted(b"\x88\x37\x03"), "2.999.3");
        assert_eq!(dotted(&[0xff; 40]), "");
    }
}
