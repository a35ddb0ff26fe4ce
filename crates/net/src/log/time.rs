//! The times that log lines and header fields carry, written once per second and thread.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::clock;
use crate::sys::time::{Calendar, local, utc};

/// One second, in each of the forms that are asked for.
#[derive(Debug, Default)]
pub struct Times {
    second: Option<i64>,
    error_log: String,
    local: String,
    iso8601: String,
    http: String,
    syslog: String,
}

thread_local! {
    static TIMES: RefCell<Times> = RefCell::default();
}

/// Calls `f` with the forms of the current second.
pub fn with<T>(f: impl FnOnce(&Times) -> T) -> T {
    let now = seconds(clock::wall());
    TIMES.with_borrow_mut(|times| {
        if times.second != Some(now) {
            times.write(now, local(now), utc(now));
        }
        f(times)
    })
}

/// The current second as `format` says (`strftime`), in Greenwich or here. `None` if that is
/// nothing, or longer than 2048 bytes.
pub fn format(format: &std::ffi::CStr, gmt: bool) -> Option<Vec<u8>> {
    crate::sys::time::format(seconds(clock::wall()), gmt, format)
}

/// The seconds of a time since 1970.
pub fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl Times {
    /// `2026/11/22 18:00:00`, in local time.
    pub fn error_log(&self) -> &str {
        &self.error_log
    }

    /// `22/Nov/2026:18:00:00 +0000`, in local time: `$time_local`.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// `2026-11-22T18:00:00+00:00`, in local time: `$time_iso8601`.
    pub fn iso8601(&self) -> &str {
        &self.iso8601
    }

    /// `Sun, 22 Nov 2026 18:00:00 GMT`: the `Date` of a response.
    pub fn http(&self) -> &str {
        &self.http
    }

    /// `Nov 22 18:00:00`, in local time (RFC 3164 §4.1.2).
    pub fn syslog(&self) -> &str {
        &self.syslog
    }

    fn write(&mut self, second: i64, local: Calendar, utc: Calendar) {
        for text in [
            &mut self.error_log,
            &mut self.local,
            &mut self.iso8601,
            &mut self.http,
            &mut self.syslog,
        ] {
            text.clear();
        }
        self.second = Some(second);
        // Writing to a `String` does not fail.
        let _ = self
            .write_local(&local)
            .and(write_http(&mut self.http, &utc));
    }

    fn write_local(&mut self, at: &Calendar) -> std::fmt::Result {
        let Calendar {
            year,
            month,
            day,
            hour,
            minute,
            second,
            offset,
            ..
        } = *at;
        let (sign, east) = (if offset < 0 { '-' } else { '+' }, offset.abs());
        let (zone_hour, zone_minute) = (east / 60, east % 60);
        let name = month_name(month);
        let clock = format!("{hour:02}:{minute:02}:{second:02}");
        write!(self.error_log, "{year:04}/{month:02}/{day:02} {clock}")?;
        write!(
            self.local,
            "{day:02}/{name}/{year:04}:{clock} {sign}{zone_hour:02}{zone_minute:02}"
        )?;
        write!(
            self.iso8601,
            "{year:04}-{month:02}-{day:02}T{clock}{sign}{zone_hour:02}:{zone_minute:02}"
        )?;
        write!(self.syslog, "{name} {day:2} {clock}")
    }
}

/// Writes the form of [`Times::http`] for any time.
pub fn write_http(out: &mut String, at: &Calendar) -> std::fmt::Result {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    write!(
        out,
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        DAYS[usize::from(at.weekday) % 7],
        at.day,
        month_name(at.month),
        at.year,
        at.hour,
        at.minute,
        at.second
    )
}

fn month_name(month: u8) -> &'static str {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    MONTHS[usize::from(month.saturating_sub(1)) % 12]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(seconds: i64, offset: i32) -> Times {
        let mut local = utc(seconds + i64::from(offset) * 60);
        local.offset = offset;
        let mut times = Times::default();
        times.write(seconds, local, utc(seconds));
        times
    }

    #[test]
    fn each_form_is_written_in_its_own_zone() {
        let times = times(1_795_370_400, 5 * 60 + 30);
        assert_eq!(times.error_log(), "2026/11/22 23:30:00");
        assert_eq!(times.local(), "22/Nov/2026:23:30:00 +0530");
        assert_eq!(times.iso8601(), "2026-11-22T23:30:00+05:30");
        assert_eq!(times.http(), "Sun, 22 Nov 2026 18:00:00 GMT");
        assert_eq!(times.syslog(), "Nov 22 23:30:00");
    }

    #[test]
    fn a_zone_west_of_greenwich_and_a_single_digit_day_are_padded() {
        let times = times(1_796_256_000, -(3 * 60 + 30));
        assert_eq!(times.local(), "02/Dec/2026:20:30:00 -0330");
        assert_eq!(times.syslog(), "Dec  2 20:30:00");
    }

    #[test]
    fn a_format_of_a_page_is_followed() {
        let year = with(|times| times.http()[12..16].to_owned());
        assert_eq!(format(c"%Y!", true), Some(format!("{year}!").into_bytes()));
        assert_eq!(format(c"%Z", true), Some(b"GMT".to_vec()));
        assert_eq!(format(c"", false), None);
    }

    #[test]
    fn the_current_second_is_the_clock_s() {
        let (year, now) = (with(|times| times.http()[12..16].to_owned()), clock::wall());
        assert_eq!(year, utc(seconds(now)).year.to_string());
    }
}
