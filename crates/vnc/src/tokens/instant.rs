//! A moment as people and programs write it: seconds since 1970, or RFC 3339.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads seconds since 1970, `2026-12-01`, `2026-12-01T08:30`, `2026-12-01T08:30:00Z` or
/// `…+01:00`. What names no zone is UTC.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return after_epoch(text.parse().ok()?);
    }
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let days = days(date)?;
    let (seconds, offset) = match time {
        Some(time) => clock(time)?,
        None => (0, 0),
    };
    let all = days.checked_mul(86_400)?.checked_add(seconds)?;
    after_epoch(u64::try_from(all.checked_sub(offset)?).ok()?)
}

fn after_epoch(seconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Days since 1970 of `YYYY-MM-DD` in the Gregorian calendar.
fn days(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, day) = (
        number(parts.next()?, 4)?,
        number(parts.next()?, 2)?,
        number(parts.next()?, 2)?,
    );
    if parts.next().is_some() || !(1..=12).contains(&month) {
        return None;
    }
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [
        31,
        28 + i64::from(is_leap),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let before = lengths
        .iter()
        .take(usize::try_from(month - 1).ok()?)
        .sum::<i64>();
    if day < 1 || day > *lengths.get(usize::try_from(month - 1).ok()?)? {
        return None;
    }
    let years = year - 1;
    let until_year = years * 365 + years / 4 - years / 100 + years / 400;
    const UNTIL_1970: i64 = 719_162;
    Some(until_year - UNTIL_1970 + before + day - 1)
}

/// Seconds of the day, and how many of them the zone is ahead of UTC.
fn clock(time: &str) -> Option<(i64, i64)> {
    let at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at(at);
    let mut parts = time.split(':');
    let hour = number(parts.next()?, 2)?;
    let minute = number(parts.next()?, 2)?;
    let second = match parts.next() {
        Some(second) => {
            let whole = second.split_once('.').map_or(second, |(whole, _)| whole);
            number(whole, 2)?
        }
        None => 0,
    };
    // RFC 3339 §5.7: 60 is a leap second.
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset = match zone {
        "" | "Z" | "z" => 0,
        zone => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let ahead = number(hours, 2)? * 3600 + number(minutes, 2)? * 60;
            if zone.starts_with('-') { -ahead } else { ahead }
        }
    };
    Some((hour * 3600 + minute * 60 + second, offset))
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        let since = parse(text)?.duration_since(UNIX_EPOCH).ok()?;
        Some(since.as_secs())
    }

    #[test]
    fn moments_are_read_in_every_spelling() {
        assert_eq!(seconds("1764576000"), Some(1_764_576_000));
        assert_eq!(seconds("2025-12-01"), Some(1_764_547_200));
        assert_eq!(seconds("2025-12-01T08:00:00Z"), Some(1_764_576_000));
        assert_eq!(seconds("2025-12-01T08:00"), Some(1_764_576_000));
        assert_eq!(seconds("2025-12-01t09:00:00.5+01:00"), Some(1_764_576_000));
        assert_eq!(seconds("2025-12-01T00:00:00-08:00"), Some(1_764_576_000));
        assert_eq!(seconds("1970-01-01"), Some(0));
        assert_eq!(seconds("2000-02-29"), Some(951_782_400));
        assert_eq!(seconds("2024-03-01"), Some(1_709_251_200));
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "tomorrow",
            "-1",
            "1.5",
            "99999999999999999999",
            "2025-13-01",
            "2025-02-29",
            "2025-00-01",
            "2025-1-1",
            "2025-12-01T24:00",
            "2025-12-01T08",
            "2025-12-01T08:00+1",
            "2025-12-01T08:00:00:00",
            "1969-12-31",
            "2025-12-01T",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
