//! The web pages of desktops, given by whoever carries them: this crate has none.

/// A file as it goes to the browser.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// A strong entity tag of `body`, with its quotes.
    pub etag: &'static str,
    /// The name changes with the content, so that browsers may keep it for ever.
    pub immutable: bool,
    /// The file itself.
    pub body: &'static [u8],
    /// The same in `gzip`, where that is shorter.
    pub gzip: Option<&'static [u8]>,
    /// The same in `br`, where that is shorter.
    pub brotli: Option<&'static [u8]>,
}

/// All pages.
#[derive(Debug, Clone, Copy)]
pub struct Pages {
    /// The page at a path, which is relative to its location.
    pub find: fn(&str) -> Option<Page>,
    /// What they need and nothing else.
    pub content_security_policy: &'static str,
}
