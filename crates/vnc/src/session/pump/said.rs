//! What a viewer's page says in text messages: put together, bounded, and not too often.

use std::time::{Duration, Instant};

use crate::sessions::control::{SAID_LEN_MAX, Said};

/// Messages that are looked at at once.
const BURST: u32 = 10;

/// How long it takes until one more is.
const REFILL: Duration = Duration::from_millis(500);

/// Listens to a page. Longer messages, and those that come too often, are not looked at.
#[derive(Debug, Default)]
pub(super) struct Listener {
    /// What has arrived of a message, at most one byte more than is looked at.
    text: Vec<u8>,
    /// Messages that were looked at lately, and since when that is counted.
    lately: u32,
    since: Option<Instant>,
}

impl Listener {
    /// Takes a piece of a text message, `last` if the message ends with it.
    pub(super) fn hear(&mut self, piece: &[u8], last: bool, now: Instant) -> Option<Said> {
        let room = SAID_LEN_MAX + 1 - self.text.len();
        self.text.extend_from_slice(&piece[..piece.len().min(room)]);
        if !last {
            return None;
        }
        let text = std::mem::take(&mut self.text);
        if text.len() > SAID_LEN_MAX || !self.has_time_for_one(now) {
            return None;
        }
        Said::read(&text)
    }

    fn has_time_for_one(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since).as_millis() / REFILL.as_millis();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        if passed > 0 {
            self.lately = self.lately.saturating_sub(passed);
            self.since = Some(now);
        }
        let has = self.lately < BURST;
        self.lately += u32::from(has);
        has
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::control::Wish;

    const TAKE: &[u8] = br#"{"type":"control","do":"take"}"#;

    #[test]
    fn a_message_is_put_together_from_its_pieces() {
        let mut listener = Listener::default();
        let now = Instant::now();
        assert_eq!(listener.hear(&TAKE[..7], false, now), None);
        assert_eq!(
            listener.hear(&TAKE[7..], true, now),
            Some(Said::Wish(Wish::Take))
        );
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        let mut listener = Listener::default();
        let now = Instant::now();
        for _ in 0..100 {
            assert_eq!(listener.hear(&[b' '; 100], false, now), None);
        }
        assert!(listener.text.capacity() < 4 * SAID_LEN_MAX);
        assert_eq!(listener.hear(TAKE, true, now), None);
        assert!(listener.hear(TAKE, true, now).is_some());
    }

    #[test]
    fn what_comes_too_often_is_not_looked_at() {
        let mut listener = Listener::default();
        let start = Instant::now();
        let heard = |listener: &mut Listener, now| {
            let all = (0..2 * BURST).filter(|_| listener.hear(TAKE, true, now).is_some());
            all.count() as u32
        };
        assert_eq!(heard(&mut listener, start), BURST);
        assert_eq!(heard(&mut listener, start + 3 * REFILL), 3);
        assert_eq!(heard(&mut listener, start + 100 * REFILL), BURST);
    }
}
