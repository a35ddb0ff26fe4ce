//! The web pages that the binary carries: viewer, status, their scripts and styles.

#![forbid(unsafe_code)]

/// What the pages need and nothing else, for the `Content-Security-Policy` header.
///
/// `data:` and `blob:` pictures are the rectangles and cursors that noVNC decodes. `'self'` in
/// `connect-src` covers the WebSocket of the same host too (CSP level 3). The pages build no markup
/// from text, so that Trusted Types can be demanded without any policy.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'; \
    trusted-types 'none'";

/// A file as it goes to the browser.
#[derive(Debug)]
pub struct Page {
    /// Relative to the location, without a leading slash.
    pub path: &'static str,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// A strong entity tag of `body`, with its quotes. Each encoding needs a tag of its own.
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

/// Every page, sorted by path.
pub static PAGES: &[Page] = &include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// Names under which links of noVNC's users know the viewer.
const VIEWER_ALIASES: [&str; 4] = ["", "index.html", "vnc_lite.html", "vnc_auto.html"];

/// The page at `path`, which is relative to its location; the viewer has several names.
#[must_use]
pub fn find(path: &str) -> Option<&'static Page> {
    let path = if VIEWER_ALIASES.contains(&path) {
        "vnc.html"
    } else {
        path
    };
    let index = PAGES.binary_search_by(|page| page.path.cmp(path)).ok()?;
    PAGES.get(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `href` and `src` of a page.
    fn references(html: &str) -> Vec<&str> {
        let mut found = Vec::new();
        for attribute in ["href=\"", "src=\""] {
            for (at, _) in html.match_indices(attribute) {
                let value = &html[at + attribute.len()..];
                found.push(value.split('"').next().unwrap());
            }
        }
        found
    }

    fn text(page: &Page) -> &'static str {
        std::str::from_utf8(page.body).unwrap()
    }

    #[test]
    fn the_viewer_is_found_under_all_its_names() {
        for name in [
            "",
            "index.html",
            "vnc.html",
            "vnc_lite.html",
            "vnc_auto.html",
        ] {
            assert_eq!(find(name).unwrap().path, "vnc.html", "{name}");
        }
        assert_eq!(
            find("status.html").unwrap().content_type,
            "text/html; charset=utf-8"
        );
    }

    #[test]
    fn unknown_and_twisted_paths_are_not_found() {
        for path in [
            "assets",
            "assets/",
            "/vnc.html",
            "../vnc.html",
            "manifest.tsv",
            "vnc.html.gz",
        ] {
            assert!(find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn every_page_is_found_by_its_path() {
        assert!(PAGES.len() >= 6);
        for page in PAGES {
            assert!(std::ptr::eq(find(page.path).unwrap(), page));
            assert!(page.etag.starts_with('"') && page.etag.ends_with('"') && page.etag.len() > 10);
            assert!(!page.body.is_empty());
        }
    }

    #[test]
    fn html_refers_only_to_assets_that_exist_and_relatively() {
        for page in PAGES.iter().filter(|page| page.path.ends_with(".html")) {
            let references = references(text(page));
            assert!(
                references.len() >= 3,
                "{}: script, style and icon",
                page.path
            );
            for reference in references {
                let asset = find(reference).unwrap_or_else(|| panic!("{reference} is missing"));
                assert!(asset.immutable, "{reference}");
            }
        }
    }

    #[test]
    fn only_hashed_names_are_immutable() {
        for page in PAGES {
            assert_eq!(
                page.immutable,
                page.path.starts_with("assets/"),
                "{}",
                page.path
            );
        }
    }

    #[test]
    fn pages_hold_nothing_inline_that_the_policy_forbids() {
        for page in PAGES.iter().filter(|page| page.path.ends_with(".html")) {
            let html = text(page);
            assert!(
                !html.contains("<style") && !html.contains("style="),
                "{}",
                page.path
            );
            let handler = |word: &str| word.starts_with("on") && word.contains('=');
            assert!(!html.contains("<script>"), "{}", page.path);
            assert!(!html.split_whitespace().any(handler), "{}", page.path);
        }
    }

    #[test]
    fn compressed_forms_carry_their_format_and_are_shorter() {
        let script = PAGES
            .iter()
            .find(|page| page.path.ends_with(".js"))
            .unwrap();
        let gzip = script.gzip.unwrap();
        assert_eq!(&gzip[..2], [0x1f, 0x8b]);
        assert!(gzip.len() < script.body.len() && script.brotli.unwrap().len() < gzip.len());
    }

    #[test]
    fn notices_name_what_the_pages_contain() {
        let notices = include_str!("../../../web/THIRD-PARTY.md");
        assert!(notices.contains("noVNC") && notices.contains("MPL-2.0"));
        assert!(notices.contains("pako") && notices.contains("MIT"));
    }
}
