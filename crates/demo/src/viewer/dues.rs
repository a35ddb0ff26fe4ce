//! What a viewer understands, and what is due to it beside pixels.

use crate::rfb::encoding;

/// What the viewer understands.
#[derive(Clone, Debug, Default)]
pub(super) struct Abilities {
    pub(super) copy_rect: bool,
    pub(super) tight: bool,
    pub(super) compression: Option<u32>,
    pub(super) desktop_size: bool,
    pub(super) extended_desktop_size: bool,
    pub(super) cursor: bool,
    pub(super) desktop_name: bool,
    pub(super) qemu_key: bool,
    pub(super) extended_clipboard: bool,
    /// The flags of its clipboard, once it has told them.
    pub(super) clipboard_caps: u32,
}

/// What is to be sent beside pixels.
#[derive(Default)]
pub(super) struct Due {
    /// Reason and status of an ExtendedDesktopSize rectangle; a size of the plain kind.
    pub(super) resize: Option<(u16, u16)>,
    pub(super) cursor: bool,
    pub(super) name: bool,
    pub(super) qemu_key: bool,
    pub(super) clipboard_caps: bool,
    pub(super) clipboard_request: bool,
    /// Whether to say that there is text, or that there is none.
    pub(super) clipboard_notify: bool,
    pub(super) clipboard_provide: bool,
    pub(super) cut_text: bool,
}

impl Abilities {
    /// What the encodings in `list` stand for.
    pub(super) fn of(list: &[i32], clipboard_caps: u32) -> Self {
        let has = |number| list.contains(&number);
        Self {
            copy_rect: has(encoding::COPY_RECT),
            tight: has(encoding::TIGHT),
            compression: list
                .iter()
                .find(|number| encoding::COMPRESSION.contains(number))
                .map(|number| number.abs_diff(*encoding::COMPRESSION.start())),
            desktop_size: has(encoding::DESKTOP_SIZE),
            extended_desktop_size: has(encoding::EXTENDED_DESKTOP_SIZE),
            cursor: has(encoding::CURSOR),
            desktop_name: has(encoding::DESKTOP_NAME),
            qemu_key: has(encoding::QEMU_KEY),
            extended_clipboard: has(encoding::EXTENDED_CLIPBOARD),
            clipboard_caps,
        }
    }
}

impl Due {
    pub(super) fn any_message(&self) -> bool {
        self.clipboard_caps
            || self.clipboard_request
            || self.clipboard_notify
            || self.clipboard_provide
            || self.cut_text
    }

    pub(super) fn any_rect(&self, able: &Abilities) -> bool {
        let resize = able.extended_desktop_size || able.desktop_size;
        self.cursor || self.name || self.qemu_key || self.resize.is_some() && resize
    }
}
