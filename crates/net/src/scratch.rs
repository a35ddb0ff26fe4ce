//! One scratch buffer per thread, lent for the length of a closure.
//!
//! A connection at rest owns no buffer: bytes are read into the scratch and written on from there,
//! and only what a peer would not take is copied aside. The closure is what keeps a borrow from
//! living across an await, where another task of the thread would find the buffer in use.

use std::cell::Cell;

/// The length of the scratch buffer.
pub const SCRATCH_LEN: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Lends this thread's scratch buffer, [`SCRATCH_LEN`] bytes of leftovers, to `f`. A call inside
/// `f` gets a buffer of its own, at the cost of an allocation.
pub fn with_scratch<T>(f: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut buf = SCRATCH
        .take()
        .unwrap_or_else(|| vec![0; SCRATCH_LEN].into_boxed_slice());
    let result = f(&mut buf);
    SCRATCH.set(Some(buf));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_buffer_is_lent_again() {
        let first = with_scratch(|buf| buf.as_ptr());
        assert_eq!(first, with_scratch(|buf| buf.as_ptr()));
        assert_eq!(SCRATCH_LEN, with_scratch(|buf| buf.len()));
    }

    #[test]
    fn a_nested_call_gets_another_buffer() {
        with_scratch(|outer| {
            outer[0] = 1;
            with_scratch(|inner| inner[0] = 2);
            assert_eq!(outer[0], 1);
        });
    }
}
