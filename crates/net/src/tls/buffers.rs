//! The buffers that records pass through, once per thread.

use std::cell::Cell;

/// The length of the buffer that records are received into. A handshake message of the greatest
/// length that rustls accepts fits, and a record behind it.
pub(super) const INCOMING_LEN: usize = 96 * 1024;

/// The most that is encrypted at a time.
pub(super) const WRITE_MAX: usize = 64 * 1024;

/// The most that one record carries (RFC 8446 §5.1).
pub(super) const RECORD_MAX: usize = 16 * 1024;

thread_local! {
    static INCOMING: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
    static OUTGOING: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static GATHERED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends the buffer for records that arrive.
pub(super) fn with_incoming<T>(f: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut buf = INCOMING
        .take()
        .unwrap_or_else(|| vec![0; INCOMING_LEN].into_boxed_slice());
    let result = f(&mut buf);
    INCOMING.set(Some(buf));
    result
}

/// Lends the buffer for records that are to be sent. Its bytes are leftovers.
pub(super) fn with_outgoing<T>(f: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    lend(&OUTGOING, f)
}

/// Lends an empty buffer for the pieces of one record.
pub(super) fn with_gathered<T>(f: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    lend(&GATHERED, |buf| {
        buf.clear();
        f(buf)
    })
}

fn lend<T>(
    cell: &'static std::thread::LocalKey<Cell<Vec<u8>>>,
    f: impl FnOnce(&mut Vec<u8>) -> T,
) -> T {
    // Streams may be dropped when the thread ends, after its buffers.
    let mut buf = cell.try_with(Cell::take).unwrap_or_default();
    let result = f(&mut buf);
    let _ = cell.try_with(|cell| cell.set(buf));
    result
}
