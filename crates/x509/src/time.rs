//! UTCTime and GeneralizedTime as RFC 5280 §4.1.2.5 allows them, and as OpenSSL prints them.

use crate::der::{Element, GENERALIZED_TIME, UTC_TIME};

/// A moment: seconds since 1970 in UTC, without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// The moment that an element names; `None` if it is not in one of the two forms.
    pub(crate) fn read(element: &Element<'_>) -> Option<Self> {
        let digits = element.value.strip_suffix(b"Z")?;
        let (year, rest) = match (element.tag, digits.len()) {
            (UTC_TIME, 12) => {
                let (year, rest) = take(digits, 2)?;
                // RFC 5280 §4.1.2.5.1: 50 and over is the twentieth century.
                (if year < 50 { 2000 + year } else { 1900 + year }, rest)
            }
            (GENERALIZED_TIME, 14) => take(digits, 4)?,
            _ => return None,
        };
        let (month, rest) = take(rest, 2)?;
        let (day, rest) = take(rest, 2)?;
        let (hour, rest) = take(rest, 2)?;
        let (minute, rest) = take(rest, 2)?;
        let (second, _) = take(rest, 2)?;
        if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days_from_civil(year, month, day);
        Some(Self(days * 86400 + hour * 3600 + minute * 60 + second))
    }
}

/// As OpenSSL's `ASN1_TIME_print`: `Nov 24 16:53:27 2026 GMT`, the day padded with a space.
impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (days, seconds) = (self.0.div_euclid(86400), self.0.rem_euclid(86400));
        let (year, month, day) = civil_from_days(days);
        let month = MONTHS.get(month as usize - 1).unwrap_or(&"");
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "{month} {day:2} {hour:02}:{minute:02}:{second:02} {year} GMT"
        )
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The number that the first `count` digits make, and what follows.
fn take(digits: &[u8], count: usize) -> Option<(i64, &[u8])> {
    let (taken, rest) = digits.split_at_checked(count)?;
    let mut number = 0;
    for &digit in taken {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(digit - b'0');
    }
    Some((number, rest))
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01, counted in years that begin with March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - 719_468
}

/// Year, month (1 to 12) and day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: u8, value: &str) -> Option<Time> {
        Time::read(&Element {
            tag,
            value: value.as_bytes(),
            raw: b"",
        })
    }

    #[test]
    fn both_forms_name_the_same_moment() {
        let time = Time(1_795_539_207);
        assert_eq!(read(UTC_TIME, "261124165327Z"), Some(time));
        assert_eq!(read(GENERALIZED_TIME, "20261124165327Z"), Some(time));
        assert_eq!(time.to_string(), "Nov 24 16:53:27 2026 GMT");
    }

    #[test]
    fn dates_print_as_they_were_read() {
        for (value, text) in [
            ("19700101000000Z", "Jan  1 00:00:00 1970 GMT"),
            ("20240229235959Z", "Feb 29 23:59:59 2024 GMT"),
            ("19500301000000Z", "Mar  1 00:00:00 1950 GMT"),
            ("99991231235959Z", "Dec 31 23:59:59 9999 GMT"),
            ("00000101000000Z", "Jan  1 00:00:00 0 GMT"),
        ] {
            assert_eq!(read(GENERALIZED_TIME, value).unwrap().to_string(), text);
        }
        assert_eq!(
            read(UTC_TIME, "500101000000Z").unwrap().to_string(),
            "Jan  1 00:00:00 1950 GMT"
        );
    }

    #[test]
    fn other_forms_are_refused() {
        for value in [
            "2611241653Z",
            "261124165327+0100",
            "261324165327Z",
            "250229000000Z",
            "26112x165327Z",
            "",
        ] {
            assert_eq!(read(UTC_TIME, value), None, "{value}");
        }
        assert_eq!(read(GENERALIZED_TIME, "20261124165327.5Z"), None);
    }
}
