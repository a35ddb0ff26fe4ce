//! The body of the fuzz target for PROXY headers; a unit test runs it on the saved inputs.

use super::{HEADER_BYTES_MAX, Progress, read};

/// Reads `data` as it grows: once something was said of it, more bytes change nothing.
pub fn header(data: &[u8]) {
    let data = &data[..data.len().min(2 * HEADER_BYTES_MAX)];
    let mut said = None;
    for end in 0..=data.len() {
        let result = read(&data[..end]);
        match &result {
            Ok(Progress::Partial) => assert!(said.is_none(), "it wants more than it needed"),
            Ok(Progress::Done { header, bytes }) => {
                assert!(*bytes <= end.min(HEADER_BYTES_MAX));
                let before = said.get_or_insert_with(|| result.clone());
                assert_eq!(before, &result, "more bytes changed the header");
                if let Some(header) = header {
                    for name in [
                        "alpn",
                        "ssl",
                        "ssl_cn",
                        "ssl_verify",
                        "ssl_0x21",
                        "0xff",
                        "x",
                    ] {
                        let _ = header.tlvs.get(name);
                    }
                }
            }
            Err(_) => assert!(!matches!(said, Some(Ok(_))), "more bytes broke the header"),
        }
        if end >= HEADER_BYTES_MAX {
            assert_ne!(result, Ok(Progress::Partial), "it would read without end");
        }
    }
}
