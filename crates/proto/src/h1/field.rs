//! Header fields: their known names, and the list that a head carries.

use super::span::Span;

/// One field of a head or of a trailer section, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name, in the case the sender used.
    pub name: Span,
    /// The value without the spaces around it.
    pub value: Span,
    /// Which well-known name it is, compared without case.
    pub known: Option<FieldName>,
}

/// The fields of a head, in the order they came.
///
/// Clearing keeps the memory, so one list serves all requests of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    list: Vec<Field>,
    /// Bit `n` is set exactly when a field whose name is the `n`-th [`FieldName`] is in the list.
    present: u128,
}

impl Fields {
    /// The first field with this name.
    pub fn get(&self, name: FieldName) -> Option<Field> {
        if !self.contains(name) {
            return None;
        }
        self.list
            .iter()
            .find(|field| field.known == Some(name))
            .copied()
    }

    /// All fields with this name, in order.
    pub fn all(&self, name: FieldName) -> impl Iterator<Item = Field> + '_ {
        let list = if self.contains(name) {
            self.list.as_slice()
        } else {
            &[]
        };
        list.iter()
            .filter(move |field| field.known == Some(name))
            .copied()
    }

    /// Whether a field with this name came.
    pub fn contains(&self, name: FieldName) -> bool {
        self.present & name.bit() != 0
    }

    /// All fields, in the order they came.
    pub fn iter(&self) -> std::slice::Iter<'_, Field> {
        self.list.iter()
    }

    /// The fields as a slice.
    pub fn as_slice(&self) -> &[Field] {
        &self.list
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Forgets the fields and keeps the memory.
    pub fn clear(&mut self) {
        self.list.clear();
        self.present = 0;
    }

    pub(super) fn push(&mut self, field: Field) {
        if self.list.capacity() == 0 {
            self.list.reserve_exact(USUAL_COUNT);
        }
        self.present |= field.known.map_or(0, FieldName::bit);
        self.list.push(field);
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = &'a Field;
    type IntoIter = std::slice::Iter<'a, Field>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

macro_rules! field_names {
    ($($variant:ident = $text:literal,)+) => {
        /// A field name that the server or one of its modules asks for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum FieldName {
            $(#[doc = concat!("`", $text, "`")] $variant,)+
        }

        const NAMES: &[(FieldName, &str)] = &[$((FieldName::$variant, $text),)+];

        impl FieldName {
            /// The name in its usual spelling.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

field_names! {
    Accept = "Accept",
    AcceptCharset = "Accept-Charset",
    AcceptEncoding = "Accept-Encoding",
    AcceptLanguage = "Accept-Language",
    AcceptRanges = "Accept-Ranges",
    AccessControlRequestMethod = "Access-Control-Request-Method",
    Age = "Age",
    Allow = "Allow",
    AltSvc = "Alt-Svc",
    Authorization = "Authorization",
    CacheControl = "Cache-Control",
    Connection = "Connection",
    ContentDisposition = "Content-Disposition",
    ContentEncoding = "Content-Encoding",
    ContentLength = "Content-Length",
    ContentRange = "Content-Range",
    ContentSecurityPolicy = "Content-Security-Policy",
    ContentType = "Content-Type",
    Cookie = "Cookie",
    Date = "Date",
    Depth = "Depth",
    Destination = "Destination",
    ETag = "ETag",
    EarlyData = "Early-Data",
    Expect = "Expect",
    Expires = "Expires",
    Forwarded = "Forwarded",
    Host = "Host",
    Http2Settings = "HTTP2-Settings",
    IfMatch = "If-Match",
    IfModifiedSince = "If-Modified-Since",
    IfNoneMatch = "If-None-Match",
    IfRange = "If-Range",
    IfUnmodifiedSince = "If-Unmodified-Since",
    KeepAlive = "Keep-Alive",
    LastModified = "Last-Modified",
    Link = "Link",
    Location = "Location",
    Origin = "Origin",
    Overwrite = "Overwrite",
    P3p = "P3P",
    Pragma = "Pragma",
    ProxyAuthenticate = "Proxy-Authenticate",
    ProxyAuthorization = "Proxy-Authorization",
    ProxyConnection = "Proxy-Connection",
    Range = "Range",
    Referer = "Referer",
    Refresh = "Refresh",
    RetryAfter = "Retry-After",
    SecFetchSite = "Sec-Fetch-Site",
    SecWebSocketAccept = "Sec-WebSocket-Accept",
    SecWebSocketExtensions = "Sec-WebSocket-Extensions",
    SecWebSocketKey = "Sec-WebSocket-Key",
    SecWebSocketProtocol = "Sec-WebSocket-Protocol",
    SecWebSocketVersion = "Sec-WebSocket-Version",
    Server = "Server",
    SetCookie = "Set-Cookie",
    Status = "Status",
    StrictTransportSecurity = "Strict-Transport-Security",
    Te = "TE",
    Trailer = "Trailer",
    TransferEncoding = "Transfer-Encoding",
    Upgrade = "Upgrade",
    UserAgent = "User-Agent",
    Vary = "Vary",
    Via = "Via",
    WwwAuthenticate = "WWW-Authenticate",
    XAccelBuffering = "X-Accel-Buffering",
    XAccelCharset = "X-Accel-Charset",
    XAccelExpires = "X-Accel-Expires",
    XAccelLimitRate = "X-Accel-Limit-Rate",
    XAccelRedirect = "X-Accel-Redirect",
    XForwardedFor = "X-Forwarded-For",
    XForwardedHost = "X-Forwarded-Host",
    XForwardedPort = "X-Forwarded-Port",
    XForwardedProto = "X-Forwarded-Proto",
    XPad = "X-Pad",
    XRealIp = "X-Real-IP",
    XRequestId = "X-Request-ID",
}

impl FieldName {
    /// The well-known name that `name` spells, in any case.
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        let mut slot = hash(name)?;
        // The table is never full, so that an empty slot ends the probe.
        while let Some(&Some(candidate)) = TABLE.get(slot) {
            if spells(candidate.as_str().as_bytes(), name) {
                return Some(candidate);
            }
            slot = (slot + 1) % SLOTS;
        }
        None
    }

    const fn bit(self) -> u128 {
        1 << self as u8
    }
}

/// Room for so many fields is made at once: most heads have no more.
const USUAL_COUNT: usize = 16;

const SLOTS: usize = 256;

/// Open addressing with linear probing, made by the compiler.
static TABLE: [Option<FieldName>; SLOTS] = table();

const _: () = assert!(NAMES.len() <= 128, "the set of present names is a u128");

/// Whether `name` is `known`, which holds letters, digits and hyphens, in any case. Eight bytes at
/// a time: every field of every head is compared so.
fn spells(known: &[u8], name: &[u8]) -> bool {
    let (known_words, known_rest) = known.as_chunks();
    let (words, rest) = name.as_chunks();
    let mut pairs = known_words.iter().zip(words);
    let mut rests = known_rest.iter().zip(rest);
    known.len() == name.len()
        && pairs.all(|(&known, &word)| {
            differ_in_case(u64::from_ne_bytes(known), u64::from_ne_bytes(word))
        })
        && rests.all(|(&known, &byte)| differ_in_case(known.into(), byte.into()))
}

/// Whether the bytes are the same but for the case of letters: of bytes from 0x40 on, which are the
/// letters among those of `known`, bit 0x20 may differ.
fn differ_in_case(known: u64, other: u64) -> bool {
    let case = (known & u64::from_ne_bytes([0x40; 8])) >> 1;
    (known ^ other) & !case == 0
}

/// Where to start looking: the length and three letters are enough to keep the probes short.
const fn hash(name: &[u8]) -> Option<usize> {
    let (Some((&first, rest)), Some((&last, _))) = (name.split_first(), name.split_last()) else {
        return None;
    };
    let middle = match rest.split_at_checked(rest.len() / 2) {
        Some((_, [middle, ..])) => *middle | 0x20,
        _ => 0,
    };
    let mix = name.len() * 7
        + (first | 0x20) as usize
        + (last | 0x20) as usize * 5
        + middle as usize * 13;
    Some(mix % SLOTS)
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which would refuse it"
)]
const fn table() -> [Option<FieldName>; SLOTS] {
    let mut table = [None; SLOTS];
    let mut next = 0;
    while next < NAMES.len() {
        let (field, name) = NAMES[next];
        let Some(mut slot) = hash(name.as_bytes()) else {
            panic!("invariant: names are not empty")
        };
        while table[slot].is_some() {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = Some(field);
        next += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for &(field, name) in NAMES {
            for spelling in [
                name.to_owned(),
                name.to_ascii_lowercase(),
                name.to_ascii_uppercase(),
            ] {
                assert_eq!(
                    FieldName::from_bytes(spelling.as_bytes()),
                    Some(field),
                    "{spelling}"
                );
            }
        }
    }

    #[test]
    fn near_misses_are_unknown() {
        for name in [
            "",
            "Hos",
            "Hosts",
            "Content_Length",
            "Content\rLength",
            "HTTP\u{12}-Settings",
            "Content-Lengti",
            "Content-Lengt\u{8}",
            "X-Foo",
            "\u{c}ost",
        ] {
            assert_eq!(FieldName::from_bytes(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn probes_stay_short() {
        let longest = NAMES
            .iter()
            .filter_map(|&(field, name)| {
                let home = hash(name.as_bytes())?;
                let slot = TABLE.iter().position(|&entry| entry == Some(field))?;
                Some((slot + SLOTS - home) % SLOTS)
            })
            .max();
        assert!(longest <= Some(4), "{longest:?}");
    }

    #[test]
    fn a_cleared_list_forgets_its_names() {
        let mut fields = Fields::default();
        let known = Some(FieldName::Host);
        fields.push(Field {
            name: Span::default(),
            value: Span::default(),
            known,
        });
        assert!(fields.contains(FieldName::Host));
        fields.clear();
        assert!(!fields.contains(FieldName::Host) && fields.is_empty());
        assert_eq!(fields.get(FieldName::Host), None);
    }
}
