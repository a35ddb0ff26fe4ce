//! The buffer that a thread's sessions share, since one at rest owns none.

use std::cell::Cell;

/// Bytes of the buffer: what is read at most at a time, with room for a frame's header before it,
/// and for what was left of the last read.
pub(crate) const SCRATCH_LEN: usize =
    256 * 1024 + proto::ws::HEADER_LEN_MAX + proto::rfb::HEAD_LEN_MAX;

thread_local! {
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
    static SMALL: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Capacity that the growing buffer keeps between its uses.
const SMALL_LEN_MAX: usize = 256 * 1024;

/// Lends the buffer for the length of a closure, so that it cannot be held while waiting.
pub(crate) fn with_scratch<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut buf = SCRATCH
        .take()
        .unwrap_or_else(|| vec![0; SCRATCH_LEN].into_boxed_slice());
    let result = work(&mut buf);
    SCRATCH.set(Some(buf));
    result
}

/// Lends an empty growing buffer in the same way.
pub(crate) fn with_vec<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut buf = SMALL.take();
    let result = work(&mut buf);
    buf.clear();
    buf.shrink_to(SMALL_LEN_MAX);
    SMALL.set(buf);
    result
}
