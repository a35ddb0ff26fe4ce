//! Recordings as people read them.

use std::fmt::Write as _;

use recording::sidecar::hex;
use recording::{Entry, Folder, Found, Utc, Verdict};

/// A table with a line for each.
pub fn table(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "no recordings\n".to_owned();
    }
    let head = [
        "ID",
        "STARTED (UTC)",
        "DURATION",
        "SIZE",
        "STATE",
        "USER",
        "DESKTOP",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(entries.iter().map(row));
    let width = |column: usize| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a string cannot fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn row(entry: &Entry) -> [String; 7] {
    let facts = &entry.sidecar.facts;
    let id = facts.id.to_string();
    [
        // What is long enough to be unique, and short enough to be read.
        id[..12].to_owned(),
        Utc::of(facts.started_ms / 1000).to_string(),
        duration(entry.duration_ms),
        size(entry.bytes),
        entry.state.word().to_owned(),
        facts.user.as_deref().map_or("-".into(), plain),
        plain(match facts.desktop.is_empty() {
            true => &facts.target,
            false => &facts.desktop,
        }),
    ]
}

/// Everything that is known of one.
pub fn info(folder: &Folder, found: &Found, entry: &Entry) -> String {
    let facts = &entry.sidecar.facts;
    let or_none = |text: &Option<String>| text.as_deref().map_or("-".into(), plain);
    let mut rows = vec![
        ("session", facts.id.to_string()),
        (
            "started",
            Utc::of(facts.started_ms / 1000).to_string() + " UTC",
        ),
        ("duration", duration(entry.duration_ms)),
        ("state", entry.state.word().to_owned()),
        ("user", or_none(&facts.user)),
        ("client", plain(&facts.client)),
        ("desktop", plain(&facts.desktop)),
        ("title", or_none(&facts.title)),
        ("target", plain(&facts.target)),
        ("token", or_none(&facts.token)),
        ("software", plain(&facts.software)),
        (
            "size",
            format!("{} ({} bytes)", size(entry.bytes), entry.bytes),
        ),
    ];
    if let Some(outcome) = &entry.sidecar.outcome {
        rows.extend([
            ("ended by", plain(&outcome.reason)),
            ("screen", format!("{} x {}", outcome.width, outcome.height)),
            ("FBS bytes", outcome.raw_bytes.to_string()),
            ("frames", outcome.frames.to_string()),
            ("pointer", format!("{} positions", outcome.positions)),
            ("seal", hex(&outcome.seal())),
        ]);
    }
    let path = folder.path().join(found.name.to_string());
    rows.push(("files", format!("{}.*", path.display())));
    rows.iter().fold(String::new(), |mut out, (name, value)| {
        let _ = writeln!(out, "{name:10}{value}");
        out
    })
}

/// What a check found, on a line.
pub fn verdict(id: &str, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Whole { seal } => format!("{id} whole, seal {}\n", hex(seal)),
        Verdict::CutShort {
            seal,
            duration_ms,
            reason,
            torn,
        } => {
            let seal = match seal {
                Some(seal) => format!("seal {}", hex(seal)),
                None => "not finished".to_owned(),
            };
            let after = duration(*duration_ms);
            let why = match reason {
                Some(reason) => format!(" ({})", plain(reason)),
                None => String::new(),
            };
            let torn = match torn {
                0 => String::new(),
                torn => format!(", {torn} bytes of an unfinished frame are lost"),
            };
            format!(
                "{id} cut short after {after}{why}: what came then is not in it{torn}; \
                 unaltered up to there, {seal}\n"
            )
        }
        Verdict::Altered { what, good_ms } => {
            let good = duration(*good_ms);
            format!("{id} ALTERED: {}; good up to {good}\n", plain(what))
        }
    }
}

/// `1:02:03`.
pub fn duration(ms: u32) -> String {
    let seconds = ms / 1000;
    format!(
        "{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// `1.5 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} bytes"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

/// A stranger's text, without what would drive a terminal.
pub fn plain(text: &str) -> String {
    let shown = |char: char| match char.is_control() {
        true => '?',
        false => char,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(1536 * 1024), "1.5 MiB");
        assert_eq!(duration(3_723_999), "1:02:03");
    }

    #[test]
    fn a_terminal_is_not_driven() {
        assert_eq!(plain("a\x1b[2Jb\n"), "a?[2Jb?");
    }
}
