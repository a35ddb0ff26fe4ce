//! What a viewer may do, and why a stream cannot be followed.

/// What a viewer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// No keys, pointer, clipboard, resizing or power.
    pub view_only: bool,
    /// Somebody else is in control: as `view_only`, but what is agreed for later is not less.
    pub hands_off: bool,
    /// The viewer's clipboard may reach the machine.
    pub clipboard_in: bool,
    /// The machine's clipboard may reach the viewer. Enforced where both sides are read.
    pub clipboard_out: bool,
    /// Longer clipboards are left out.
    pub clipboard_bytes_max: u32,
    /// The viewer may change the screen's size.
    pub resize: bool,
    /// The viewer may shut down and reset the machine.
    pub power: bool,
    /// The best JPEG quality that the viewer may ask for, 0 to 9.
    pub quality_max: u8,
    /// The server may tell its desktop's name, and new ones later.
    pub desktop_name: bool,
    /// The server's stream is read too ([`ServerFilter`](super::ServerFilter)): then extensions
    /// can be agreed that change lengths, and pictures without a length cannot.
    pub both_sides: bool,
}

impl Rules {
    /// Everything that can be followed is allowed.
    pub const CONTROL: Self = Self {
        view_only: false,
        hands_off: false,
        clipboard_in: true,
        clipboard_out: true,
        clipboard_bytes_max: 1 << 20,
        resize: true,
        power: true,
        quality_max: 9,
        desktop_name: true,
        both_sides: false,
    };

    /// Watching only.
    pub const VIEW_ONLY: Self = Self {
        view_only: true,
        clipboard_in: false,
        resize: false,
        power: false,
        ..Self::CONTROL
    };

    /// The viewer's keys and pointer reach the machine.
    pub(super) fn controls(&self) -> bool {
        !self.view_only && !self.hands_off
    }

    /// The viewer may change the screen's size now.
    pub(super) fn may_resize(&self) -> bool {
        self.controls() && self.resize
    }

    /// The viewer's clipboard reaches the machine.
    pub(super) fn takes_clipboard(&self) -> bool {
        self.controls() && self.clipboard_in
    }
}

/// Why a stream cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A message type whose length is not known.
    #[error("unknown message type {0}")]
    UnknownType(u8),
    /// A QEMU submessage whose length is not known.
    #[error("unknown QEMU message type {0}")]
    UnknownQemuType(u8),
    /// An extended clipboard message that was not negotiated.
    #[error("negative cut text length")]
    NegativeCutText,
    /// A fence over its 64 bytes.
    #[error("fence of {0} bytes")]
    LongFence(u8),
    /// More encodings than any viewer has.
    #[error("{0} encodings")]
    TooManyEncodings(u64),
    /// More screens than any viewer has.
    #[error("{0} screens")]
    TooManyScreens(u64),
    /// A pixel size that does not exist.
    #[error("{0} bits per pixel")]
    BadPixelFormat(u8),
    /// An extended clipboard message without room for its flags.
    #[error("extended clipboard of {0} bytes")]
    ShortClipboard(u32),
    /// A pixel format that not every server reads in the same way.
    #[error("a pixel format that servers read in different ways")]
    AmbiguousPixelFormat,
    /// Another pixel format after encodings or updates were asked for.
    #[error("the pixel format changed after encodings or updates were asked for")]
    LatePixelFormat,
    /// A message type of the server whose length is not known.
    #[error("the server sent an unknown message type {0}")]
    UnknownServerType(u8),
    /// Pixels before updates were asked for, while the viewer changes their format.
    #[error("the server sent pixels before their format was certain")]
    EarlyPixels,
    /// A rectangle whose length is not known.
    #[error("the server sent an unknown encoding {0}")]
    UnknownEncoding(i32),
    /// A Tight rectangle whose length is not known.
    #[error("the server sent an unknown Tight compression {0:#04x}")]
    UnknownTight(u8),
    /// A Tight filter whose length is not known.
    #[error("the server sent an unknown Tight filter {0}")]
    UnknownFilter(u8),
    /// A cursor whose length is not known.
    #[error("the server sent an unknown cursor type {0}")]
    UnknownCursor(u8),
    /// A message of an extension that was not asked for.
    #[error("message type {0} was not negotiated")]
    NotNegotiated(u8),
}
