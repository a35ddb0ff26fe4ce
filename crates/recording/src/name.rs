//! What a recording is called: the session's id, and on disk the time before it, so that a folder
//! in the order of names is one in the order of time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The session's id: 32 lower-case hexadecimal digits and nothing else, so that no text that came
/// from outside can name a file that is not a recording.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u128);

/// What is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 32 digits of 0-9 and a-f")]
pub struct BadId;

const ID_LEN: usize = 32;

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Id {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != ID_LEN || !text.bytes().all(is_digit) {
            return Err(BadId);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| BadId)
    }
}

/// The common part of a recording's file names: `20261128T074243Z-ID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// Seconds since 1970 at the session's start.
    pub started: u64,
    /// The session.
    pub id: Id,
}

/// A file of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What the server sent, finished.
    Data,
    /// The same, while it is written.
    LiveData,
    /// Where the pointer was.
    Pointer,
    /// What is known of the session.
    Sidecar,
    /// The next sidecar, before it takes the old one's place.
    NewSidecar,
    /// Where a replay can begin, and how lively it was.
    Index,
    /// The same, while it is made.
    NewIndex,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Data,
        Self::LiveData,
        Self::Pointer,
        Self::Sidecar,
        Self::NewSidecar,
        Self::Index,
        Self::NewIndex,
    ];

    /// The end of the file's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Data => ".fbs.zst",
            Self::LiveData => ".fbs.zst.live",
            Self::Pointer => ".pointer",
            Self::Sidecar => ".json",
            Self::NewSidecar => ".json.new",
            Self::Index => ".index",
            Self::NewIndex => ".index.new",
        }
    }
}

impl Name {
    /// Where a part of it is in a folder.
    pub fn path(&self, folder: &Path, part: Part) -> PathBuf {
        folder.join(format!("{self}{}", part.suffix()))
    }

    /// The recording and the part that a file's name stands for.
    pub fn of_file(file: &str) -> Option<(Self, Part)> {
        let end = file.find('.')?;
        let (stem, suffix) = file.split_at(end);
        let part = Part::ALL.into_iter().find(|part| part.suffix() == suffix)?;
        Some((stem.parse().ok()?, part))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Utc::of(self.started);
        write!(
            f,
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z-{}",
            time.year, time.month, time.day, time.hour, time.minute, time.second, self.id
        )
    }
}

impl FromStr for Name {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let (time, id) = text.split_once('-').ok_or(BadId)?;
        let started = Utc::parse(time).ok_or(BadId)?.seconds();
        let name = Self {
            started,
            id: id.parse()?,
        };
        // One recording has one name: no 31st of February, no year with a sign.
        if name.to_string() == text {
            Ok(name)
        } else {
            Err(BadId)
        }
    }
}

/// A moment of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Utc {
    /// The year.
    pub year: u64,
    /// 1 to 12.
    pub month: u64,
    /// 1 to 31.
    pub day: u64,
    /// 0 to 23.
    pub hour: u64,
    /// 0 to 59.
    pub minute: u64,
    /// 0 to 59.
    pub second: u64,
}

const DAY_SECONDS: u64 = 86_400;

/// Days of 400 years, after which the calendar repeats itself.
const ERA_DAYS: u64 = 146_097;

/// Days from the first of March of year 0 to 1970. Counting years from March puts the leap day at
/// their end.
const EPOCH_DAYS: u64 = 719_468;

impl Utc {
    /// That many seconds after 1970.
    pub fn of(seconds: u64) -> Self {
        let days = seconds / DAY_SECONDS + EPOCH_DAYS;
        let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = (month_from_march + 2) % 12 + 1;
        let second_of_day = seconds % DAY_SECONDS;
        Self {
            year: year_of_era + era * 400 + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            hour: second_of_day / 3600,
            minute: second_of_day / 60 % 60,
            second: second_of_day % 60,
        }
    }

    /// Seconds since 1970; 0 for what was before.
    pub fn seconds(self) -> u64 {
        let year = self.year.saturating_sub(u64::from(self.month <= 2));
        let (era, year_of_era) = (year / 400, year % 400);
        let day_of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day.saturating_sub(1);
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = (era * ERA_DAYS + day_of_era).saturating_sub(EPOCH_DAYS);
        days * DAY_SECONDS + self.hour * 3600 + self.minute * 60 + self.second
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let number = |range: std::ops::Range<usize>| {
            let digits = text.get(range)?;
            let all = digits.bytes().all(|byte| byte.is_ascii_digit());
            all.then(|| digits.parse().ok())?
        };
        Some(Self {
            year: number(0..4)?,
            month: number(4..6)?,
            day: number(6..8)?,
            hour: number(9..11)?,
            minute: number(11..13)?,
            second: number(13..15)?,
        })
    }
}

/// As people write it: `2026-11-28 07:42:43`.
impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            self.year, self.month, self.day, self.hour, self.minute, self.second
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_one_way_only() {
        let text = "0123456789abcdef0123456789abcdef";
        assert_eq!(text.parse::<Id>().unwrap().to_string(), text);
        for bad in [
            "",
            "0123456789abcdef0123456789abcde",
            "0123456789ABCDEF0123456789abcdef",
            "+123456789abcdef0123456789abcdef",
            "../3456789abcdef0123456789abcdef",
            "0123456789abcdef0123456789abcdef0",
        ] {
            assert_eq!(bad.parse::<Id>(), Err(BadId), "{bad}");
        }
    }

    #[test]
    fn a_name_tells_its_time_and_is_read_back() {
        for (started, time) in [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (1_795_851_763, "20261128T074243Z"),
            (4_102_444_799, "20991231T235959Z"),
        ] {
            let name = Name {
                started,
                id: Id(0xab),
            };
            let text = name.to_string();
            assert!(text.starts_with(time), "{text}");
            assert_eq!(text.parse(), Ok(name));
        }
        for bad in ["20260230T000000Z", "20261301T000000Z", "2026112XT000000Z"] {
            let text = format!("{bad}-{}", Id(1));
            assert_eq!(text.parse::<Name>(), Err(BadId), "{text}");
        }
    }

    #[test]
    fn files_of_recordings_are_told_from_others() {
        let name = Name {
            started: 1_795_851_763,
            id: Id(1),
        };
        for part in Part::ALL {
            let path = name.path(Path::new("/r"), part);
            let file = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(Name::of_file(file), Some((name, part)));
        }
        assert_eq!(Name::of_file("notes.txt"), None);
        assert_eq!(Name::of_file(&format!("{name}.fbs")), None);
    }
}
