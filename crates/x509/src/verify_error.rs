//! What can be wrong with a chain: OpenSSL's numbers and texts, which nginx shows and logs.

macro_rules! verify_errors {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        /// A reason why a certificate is not accepted. Each variant is an `X509_V_ERR_` of OpenSSL,
        /// and prints as `X509_verify_cert_error_string` does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum VerifyError {
            $(
                #[doc = $text]
                $name = $code,
            )*
        }

        impl VerifyError {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// OpenSSL's text.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

verify_errors! {
    Unspecified = 1, "unspecified certificate verification error";
    NoIssuer = 2, "unable to get issuer certificate";
    NoCrl = 3, "unable to get certificate CRL";
    SignatureFailure = 7, "certificate signature failure";
    CrlSignatureFailure = 8, "CRL signature failure";
    NotYetValid = 9, "certificate is not yet valid";
    Expired = 10, "certificate has expired";
    CrlNotYetValid = 11, "CRL is not yet valid";
    CrlExpired = 12, "CRL has expired";
    NotBeforeFormat = 13, "format error in certificate's notBefore field";
    NotAfterFormat = 14, "format error in certificate's notAfter field";
    CrlLastUpdateFormat = 15, "format error in CRL's lastUpdate field";
    CrlNextUpdateFormat = 16, "format error in CRL's nextUpdate field";
    SelfSigned = 18, "self-signed certificate";
    SelfSignedInChain = 19, "self-signed certificate in certificate chain";
    NoLocalIssuer = 20, "unable to get local issuer certificate";
    UnverifiedLeaf = 21, "unable to verify the first certificate";
    ChainTooLong = 22, "certificate chain too long";
    Revoked = 23, "certificate revoked";
    PathLengthExceeded = 25, "path length constraint exceeded";
    InvalidPurpose = 26, "unsuitable certificate purpose";
    Untrusted = 27, "certificate not trusted";
    Rejected = 28, "certificate rejected";
    NoCertSign = 32, "key usage does not include certificate signing";
    NoCrlIssuer = 33, "unable to get CRL issuer certificate";
    UnhandledCritical = 34, "unhandled critical extension";
    NoCrlSign = 35, "key usage does not include CRL signing";
    UnhandledCriticalCrl = 36, "unhandled critical CRL extension";
    ProxyNotAllowed = 40, "proxy certificates not allowed, please set the appropriate flag";
    InvalidExtension = 41, "invalid or inconsistent certificate extension";
    DifferentCrlScope = 44, "different CRL scope";
    PermittedViolation = 47, "permitted subtree violation";
    ExcludedViolation = 48, "excluded subtree violation";
    SubtreeMinMax = 49, "name constraints minimum and maximum not supported";
    UnsupportedConstraint = 51, "unsupported name constraint type";
    UnsupportedNameSyntax = 53, "unsupported or invalid name syntax";
    LeafKeyTooWeak = 66, "EE certificate key too weak";
    CaKeyTooWeak = 67, "CA certificate key too weak";
    CaDigestTooWeak = 68, "CA signature digest algorithm too weak";
    InvalidCa = 79, "invalid CA certificate";
}

impl VerifyError {
    /// OpenSSL's number.
    pub fn code(self) -> u32 {
        self as u32
    }

    /// Whether nginx lets it pass with `ssl_verify_client optional_no_ca`: the chain does not lead
    /// to an anchor, and nothing else is wrong.
    pub fn is_missing_trust(self) -> bool {
        matches!(
            self,
            Self::SelfSigned
                | Self::SelfSignedInChain
                | Self::NoLocalIssuer
                | Self::Untrusted
                | Self::UnverifiedLeaf
        )
    }
}

impl std::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for VerifyError {}
