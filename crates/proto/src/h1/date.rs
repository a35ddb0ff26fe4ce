//! HTTP dates: one format to write, three to read (RFC 9110 §5.6.7, `ngx_parse_http_time`).

const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

const DAY_SECONDS: i64 = 86_400;

/// The last second of the year 9999, the last that the format can write.
const LAST_SECOND: i64 = 253_402_300_799;

/// Writes seconds since 1970 as `Sun, 06 Nov 1994 08:49:37 GMT`; times out of its reach become the
/// first or the last it can write.
pub fn format_http_date(unix_seconds: i64) -> [u8; 29] {
    let time = unix_seconds.clamp(0, LAST_SECOND);
    let (days, second) = (time / DAY_SECONDS, time % DAY_SECONDS);
    let date = Date::from_days(days);
    let [w0, w1, w2] = *name(&DAYS, days % 7);
    let [m0, m1, m2] = *name(&MONTHS, date.month - 1);
    let [d0, d1] = two_digits(date.day);
    let [y0, y1] = two_digits(date.year / 100);
    let [y2, y3] = two_digits(date.year % 100);
    let [h0, h1] = two_digits(second / 3600);
    let [n0, n1] = two_digits(second / 60 % 60);
    let [s0, s1] = two_digits(second % 60);
    [
        w0, w1, w2, b',', b' ', d0, d1, b' ', m0, m1, m2, b' ', y0, y1, y2, y3, b' ', h0, h1, b':',
        n0, n1, b':', s0, s1, b' ', b'G', b'M', b'T',
    ]
}

/// Reads a date in any of the three formats as seconds since 1970.
///
/// As nginx, neither the day of the week nor what follows the time is looked at.
pub fn parse_http_date(text: &[u8]) -> Option<i64> {
    let mut input = Input(text);
    let after_day = text.iter().position(|&byte| byte == b',' || byte == b' ')?;
    let is_asctime = text.get(after_day) == Some(&b' ');
    input.advance(after_day + 1)?;
    input.skip_spaces();
    let (date, second) = if is_asctime {
        input.asctime()?
    } else {
        input.dated()?
    };
    let is_valid = (1..=days_of_month(date.year, date.month)).contains(&date.day);
    is_valid.then(|| date.days() * DAY_SECONDS + second)
}

/// A day of the Gregorian calendar.
#[derive(Clone, Copy)]
struct Date {
    year: i64,
    /// 1 to 12
    month: i64,
    /// From 1
    day: i64,
}

// Both conversions count years from the first of March, so that the leap day ends a year, and in
// eras of 400 years, which all have the same number of days.
const ERA_DAYS: i64 = 146_097;
/// From the first of March of the year 0 to the first of January 1970.
const EPOCH_DAYS: i64 = 719_468;

impl Date {
    fn from_days(days: i64) -> Self {
        let days = days + EPOCH_DAYS;
        let (era, day_of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
        let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
        let year_of_era = (day_of_era - leap_days) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // Months of 31, 30, 31, 30, 31 days come in turns of 153.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day }
    }

    fn days(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let month_from_march = (self.month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * ERA_DAYS + day_of_era - EPOCH_DAYS
    }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    /// `10 Nov 2002 23:50:13` or `10-Dec-02 23:50:13`
    fn dated(&mut self) -> Option<(Date, i64)> {
        let day = self.digits(2)?;
        let separator = *self.0.first()?;
        self.expect(separator)?;
        let month = self.month()?;
        self.expect(separator)?;
        let year = match separator {
            b' ' => self.digits(4)?,
            b'-' => match self.digits(2)? {
                year @ 0..70 => 2000 + year,
                year => 1900 + year,
            },
            _ => return None,
        };
        self.expect(b' ')?;
        Some((Date { year, month, day }, self.time()?))
    }

    /// `Dec 10 23:50:13 2002`, where the day may be one digit
    fn asctime(&mut self) -> Option<(Date, i64)> {
        let month = self.month()?;
        self.expect(b' ')?;
        // A day of one digit has a second space before it.
        let _ = self.expect(b' ');
        let is_one_digit = self.0.get(1) == Some(&b' ');
        let day = self.digits(if is_one_digit { 1 } else { 2 })?;
        self.expect(b' ')?;
        let second = self.time()?;
        self.expect(b' ')?;
        Some((
            Date {
                year: self.digits(4)?,
                month,
                day,
            },
            second,
        ))
    }

    /// `23:50:13` as seconds
    fn time(&mut self) -> Option<i64> {
        let hour = self.digits(2).filter(|&hour| hour < 24)?;
        self.expect(b':')?;
        let minute = self.digits(2).filter(|&minute| minute < 60)?;
        self.expect(b':')?;
        let second = self.digits(2).filter(|&second| second < 60)?;
        Some(hour * 3600 + minute * 60 + second)
    }

    fn month(&mut self) -> Option<i64> {
        let name = self.0.get(..3)?;
        let month = MONTHS.iter().position(|month| month.as_slice() == name)?;
        self.advance(3)?;
        Some(month as i64 + 1)
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let digits = self.0.get(..count)?;
        let digit = |number: i64, byte: &u8| {
            byte.is_ascii_digit()
                .then(|| number * 10 + i64::from(byte - b'0'))
        };
        let number = digits.iter().try_fold(0, digit)?;
        self.advance(count)?;
        Some(number)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn skip_spaces(&mut self) {
        while self.expect(b' ').is_some() {}
    }

    fn advance(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }
}

/// `index` is within the table.
fn name<const N: usize>(names: &[&'static [u8; 3]; N], index: i64) -> &'static [u8; 3] {
    names.get(index as usize).copied().unwrap_or(b"   ")
}

/// `0 <= number <= 99`
fn two_digits(number: i64) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}
