//! What a viewer holds down, so that a cut or a takeover leaves no key stuck on the machine.

use super::message::{Head, kind};

/// Keys that are remembered: more than hands can hold.
const KEYS_MAX: usize = 32;

/// Keys and buttons that are down.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    keys: Vec<Key>,
    /// Seven of a plain event, and above them those that an extended one has more.
    buttons: u16,
    /// Where the pointer was last, as sent.
    position: [u8; 4],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    keysym: [u8; 4],
    /// The scan code, when the key came as a QEMU extended key event.
    scan_code: Option<[u8; 4]>,
}

impl Key {
    /// The key of a key event, and whether it goes down.
    fn of(head: &Head) -> Option<(Self, bool)> {
        let (scan_code, is_down) = match head.kind() {
            kind::KEY => (None, head.field::<1>(1) != [0]),
            kind::QEMU if head.field::<1>(1) == [0] => {
                (Some(head.field(8)), head.field::<2>(2) != [0, 0])
            }
            _ => return None,
        };
        let keysym = head.field(4);
        Some((Self { keysym, scan_code }, is_down))
    }
}

impl Held {
    /// Notes an input message; says whether it was one.
    pub(super) fn note(&mut self, head: &Head) -> bool {
        if let Some((key, is_down)) = Key::of(head) {
            self.note_key(key, is_down);
            return true;
        }
        match head.kind() {
            kind::POINTER => {
                let [buttons] = head.field(1);
                let more = head.bytes().get(6).copied().unwrap_or_default();
                self.buttons = u16::from(buttons & 0x7f) | u16::from(more) << 7;
                self.position = head.field(2);
            }
            _ => return false,
        }
        true
    }

    /// Where the pointer was last, and which buttons are down: x, y, and the eight that RFC 6143
    /// knows.
    pub(super) fn pointer(&self) -> (u16, u16, u8) {
        let [x0, x1, y0, y1] = self.position;
        let (x, y) = (u16::from_be_bytes([x0, x1]), u16::from_be_bytes([y0, y1]));
        (x, y, self.buttons as u8)
    }

    /// A key is pressed that could not be remembered.
    pub(super) fn is_overfull_with(&self, head: &Head) -> bool {
        self.keys.len() >= KEYS_MAX
            && Key::of(head).is_some_and(|(key, is_down)| is_down && !self.keys.contains(&key))
    }

    fn note_key(&mut self, key: Key, is_down: bool) {
        self.keys.retain(|held| *held != key);
        if is_down && self.keys.len() < KEYS_MAX {
            self.keys.push(key);
        }
    }

    /// Appends the messages that let go of everything, last pressed first.
    pub(super) fn release(&mut self, out: &mut Vec<u8>) {
        while let Some(key) = self.keys.pop() {
            match key.scan_code {
                None => out.extend_from_slice(&[kind::KEY, 0, 0, 0]),
                Some(_) => out.extend_from_slice(&[kind::QEMU, 0, 0, 0]),
            }
            out.extend_from_slice(&key.keysym);
            out.extend_from_slice(key.scan_code.as_ref().map_or(&[], |code| &code[..]));
        }
        if std::mem::take(&mut self.buttons) != 0 {
            out.extend_from_slice(&[kind::POINTER, 0]);
            out.extend_from_slice(&self.position);
        }
    }
}
