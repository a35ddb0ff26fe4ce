//! X keysyms: what a key means to the programs of the desktop.

mod table;

/// A key that went down or, for the keys that act while held, up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// What the key does.
    pub(crate) action: KeyAction,
    /// Whether a Shift key is held.
    pub(crate) shift: bool,
    /// Whether a Control or Command key is held.
    pub(crate) control: bool,
}

/// What a key does in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyAction {
    /// Writes a character.
    Character(char),
    Enter,
    Tab,
    Backspace,
    Delete,
    Escape,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    PageUp,
    PageDown,
}

/// What `keysym` does, if the desktop has a use for it.
pub(crate) fn action(keysym: u32) -> Option<KeyAction> {
    Some(match keysym {
        0xff0d | 0xff8d => KeyAction::Enter,
        0xff09 | 0xff89 => KeyAction::Tab,
        0xff08 => KeyAction::Backspace,
        0xffff | 0xff9f => KeyAction::Delete,
        0xff1b => KeyAction::Escape,
        0xff50 | 0xff95 => KeyAction::Home,
        0xff51 | 0xff96 => KeyAction::Left,
        0xff52 | 0xff97 => KeyAction::Up,
        0xff53 | 0xff98 => KeyAction::Right,
        0xff54 | 0xff99 => KeyAction::Down,
        0xff55 | 0xff9a => KeyAction::PageUp,
        0xff56 | 0xff9b => KeyAction::PageDown,
        0xff57 | 0xff9c => KeyAction::End,
        _ => KeyAction::Character(character(keysym)?),
    })
}

/// The character that `keysym` writes.
pub(crate) fn character(keysym: u32) -> Option<char> {
    let code = match keysym {
        0x20..=0x7e | 0xa0..=0xff => keysym,
        // The keypad repeats ASCII at an offset.
        0xffaa..=0xffb9 | 0xffbd => keysym - 0xff80,
        0xff80 => 0x20,
        0x0100_0000..=0x0110_ffff => keysym - 0x0100_0000,
        _ => legacy(keysym)?,
    };
    char::from_u32(code).filter(|letter| !letter.is_control())
}

fn legacy(keysym: u32) -> Option<u32> {
    let next = table::RUNS.partition_point(|(first, ..)| u32::from(*first) <= keysym);
    let (first, code, length) = *table::RUNS.get(next.checked_sub(1)?)?;
    let offset = keysym - u32::from(first);
    (offset < u32::from(length)).then(|| u32::from(code) + offset)
}

/// The name of `keysym` on a key cap.
pub(crate) fn name(keysym: u32) -> String {
    let name = match keysym {
        0x20 => "Space",
        0xff08 => "Backspace",
        0xff09 | 0xfe20 => "Tab",
        0xff0d | 0xff8d => "Enter",
        0xff1b => "Esc",
        0xff13 => "Pause",
        0xff14 => "Scroll Lock",
        0xff50 => "Home",
        0xff51 => "←",
        0xff52 => "↑",
        0xff53 => "→",
        0xff54 => "↓",
        0xff55 => "Page ↑",
        0xff56 => "Page ↓",
        0xff57 => "End",
        0xff61 => "Print",
        0xff63 => "Insert",
        0xff67 => "Menu",
        0xff7f => "Num Lock",
        0xffe1 | 0xffe2 => "Shift",
        0xffe3 | 0xffe4 => "Ctrl",
        0xffe5 => "Caps Lock",
        0xffe7 | 0xffe8 => "Meta",
        0xffe9 | 0xffea => "Alt",
        0xffeb | 0xffec => "Super",
        0xfe03 => "AltGr",
        0xffff => "Delete",
        0xffbe..=0xffc9 => return format!("F{}", keysym - 0xffbd),
        _ => return character(keysym).map_or_else(|| format!("{keysym:#x}"), String::from),
    };
    name.to_owned()
}

/// True for Shift, Control and their like.
pub(crate) fn is_shift(keysym: u32) -> bool {
    matches!(keysym, 0xffe1 | 0xffe2)
}

/// True for the keys that make a command of a letter: Control, Meta and Super.
pub(crate) fn is_control(keysym: u32) -> bool {
    matches!(keysym, 0xffe3 | 0xffe4 | 0xffe7 | 0xffe8 | 0xffeb | 0xffec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keysyms_of_each_kind_write_their_characters() {
        let cases = [
            (0x41, 'A'),
            (0xe9, 'é'),
            (0x0100_4e2d, '中'),
            (0x0101_f600, '😀'),
            (0x20ac, '€'),
            (0x1b3, 'ł'),
            (0x6c1, 'а'),
            (0x7e1, 'α'),
            (0xffb5, '5'),
            (0x13bc, 'Œ'),
        ];
        for (keysym, letter) in cases {
            assert_eq!(character(keysym), Some(letter), "{keysym:#x}");
        }
    }

    #[test]
    fn keysyms_without_a_character_write_nothing() {
        for keysym in [
            0,
            0x7f,
            0xffe1,
            0xff0d,
            0x0100_d800,
            0x0111_0000,
            u32::MAX,
            0x0100_0007,
        ] {
            assert_eq!(character(keysym), None, "{keysym:#x}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_free_of_overlap() {
        for pair in table::RUNS.windows(2) {
            assert!(pair[0].0 + u16::from(pair[0].2) <= pair[1].0, "{pair:x?}");
        }
    }
}
