//! Values of arguments: flags, sizes, times, numbers (`ngx_parse.c`).

use std::time::Duration;

/// `on` or `off`, in any case of letters.
pub fn flag(text: &[u8]) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case(b"on") => Some(true),
        _ if text.eq_ignore_ascii_case(b"off") => Some(false),
        _ => None,
    }
}

/// A whole number, digits only.
pub fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// Bytes, with `k` or `m` (nginx's `ngx_parse_size`).
pub fn size(text: &[u8]) -> Option<u64> {
    scaled(text, false)
}

/// Bytes, with `k`, `m` or `g` (nginx's `ngx_parse_offset`).
pub fn offset(text: &[u8]) -> Option<u64> {
    scaled(text, true)
}

fn scaled(text: &[u8], giga: bool) -> Option<u64> {
    let (digits, shift) = match text.split_last()? {
        (b'k' | b'K', digits) => (digits, 10),
        (b'm' | b'M', digits) => (digits, 20),
        (b'g' | b'G', digits) if giga => (digits, 30),
        _ => (text, 0),
    };
    number(digits)?
        .checked_mul(1 << shift)
        .filter(|&bytes| bytes <= i64::MAX as u64)
}

/// A time: `10`, `10s`, `1h30m`, `500ms`, `1d 12h`; a bare number is seconds. The units come from
/// years to milliseconds, each at most once.
pub fn time(text: &[u8]) -> Option<Duration> {
    const UNITS: [(&[u8], u64); 8] = [
        (b"y", 365 * 24 * 3600 * 1000),
        (b"M", 30 * 24 * 3600 * 1000),
        (b"w", 7 * 24 * 3600 * 1000),
        (b"d", 24 * 3600 * 1000),
        (b"h", 3600 * 1000),
        (b"m", 60 * 1000),
        (b"s", 1000),
        (b"ms", 1),
    ];
    let mut rest = text;
    let mut total = 0u64;
    let mut next_unit = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (value, tail) = rest.split_at(digits);
        let letters = tail
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        let (unit, tail) = tail.split_at(letters);
        let (index, scale) = match unit {
            b"" if tail.is_empty() || tail[0] == b' ' => (6, 1000),
            _ => {
                let index = UNITS.iter().position(|(name, _)| *name == unit)?;
                (index, UNITS[index].1)
            }
        };
        if index < next_unit {
            return None;
        }
        next_unit = index + 1;
        total = total.checked_add(number(value)?.checked_mul(scale)?)?;
        rest = tail.trim_ascii_start();
    }
    Some(Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_do_not_overflow() {
        assert_eq!(size(b"8k"), Some(8192));
        assert_eq!(size(b"1M"), Some(1 << 20));
        assert_eq!(size(b"1g"), None);
        assert_eq!(offset(b"1g"), Some(1 << 30));
        for bad in [
            "",
            "k",
            "-1",
            "+1",
            "1kk",
            "0x10",
            "99999999999999999999",
            "9999999999999m",
        ] {
            assert_eq!(size(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn times_add_units_in_falling_order() {
        assert_eq!(time(b"60"), Some(Duration::from_secs(60)));
        assert_eq!(time(b"1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(time(b"1m 30s"), Some(Duration::from_secs(90)));
        assert_eq!(time(b"10ms"), Some(Duration::from_millis(10)));
        assert_eq!(time(b"1s500ms"), Some(Duration::from_millis(1500)));
        for bad in ["", "s", "1m1h", "1x", "1s1s", "-1s", "99999999999y"] {
            assert_eq!(time(bad.as_bytes()), None, "{bad}");
        }
    }
}
