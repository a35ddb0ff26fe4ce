//! Numbers as text, without the machinery of formatting: every head has some.

/// Appends a number.
pub fn decimal(out: &mut Vec<u8>, value: u64) {
    digits(out, value, 10);
}

/// Appends a number in hexadecimal, in lower case.
pub fn hex(out: &mut Vec<u8>, value: u64) {
    digits(out, value, 16);
}

/// `base` is 16 at most.
fn digits(out: &mut Vec<u8>, value: u64, base: u64) {
    // As many as the largest number has in decimal.
    let mut text = [0; 20];
    let mut at = text.len();
    let mut left = value;
    loop {
        at -= 1;
        text[at] = b"0123456789abcdef"[(left % base) as usize];
        left /= base;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_formatting_writes_them() {
        for value in [0, 7, 10, 255, 4096, 1_700_000_000, u64::MAX] {
            let mut text = Vec::new();
            decimal(&mut text, value);
            text.push(b' ');
            hex(&mut text, value);
            assert_eq!(text, format!("{value} {value:x}").into_bytes());
        }
    }
}
