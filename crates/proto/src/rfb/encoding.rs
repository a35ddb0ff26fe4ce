//! Which encodings a viewer may ask for when its stream is enforced, and what they agree to.

use super::Rules;

/// Extensions that change what a viewer may send, as a set: those that it asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extensions(u16);

impl Extensions {
    pub(super) const EXTENDED_MOUSE: Self = Self(1);
    pub(super) const EXTENDED_CLIPBOARD: Self = Self(1 << 1);
    pub(super) const QEMU_KEY: Self = Self(1 << 2);
    pub(super) const QEMU_AUDIO: Self = Self(1 << 3);
    pub(super) const FENCE: Self = Self(1 << 4);
    pub(super) const CONTINUOUS_UPDATES: Self = Self(1 << 5);
    pub(super) const DESKTOP_SIZE: Self = Self(1 << 6);
    pub(super) const POWER: Self = Self(1 << 7);
    pub(super) const GII: Self = Self(1 << 8);

    /// Those that change the length of messages.
    pub(super) const LENGTHS: Self = Self(Self::EXTENDED_MOUSE.0 | Self::EXTENDED_CLIPBOARD.0);

    pub(super) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Those that are in both.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What asking for this encoding asks for.
    pub(super) fn of(encoding: i32) -> Self {
        match encoding {
            EXTENDED_MOUSE => Self::EXTENDED_MOUSE,
            EXTENDED_CLIPBOARD => Self::EXTENDED_CLIPBOARD,
            QEMU_KEY => Self::QEMU_KEY,
            QEMU_AUDIO => Self::QEMU_AUDIO,
            FENCE => Self::FENCE,
            CONTINUOUS_UPDATES => Self::CONTINUOUS_UPDATES,
            EXTENDED_DESKTOP_SIZE => Self::DESKTOP_SIZE,
            XVP => Self::POWER,
            GII => Self::GII,
            _ => Self::default(),
        }
    }
}

pub(super) const RAW: i32 = 0;
pub(super) const COPY_RECT: i32 = 1;
pub(super) const RRE: i32 = 2;
pub(super) const CO_RRE: i32 = 4;
pub(super) const HEXTILE: i32 = 5;
pub(super) const ZLIB: i32 = 6;
pub(super) const TIGHT: i32 = 7;
pub(super) const ZRLE: i32 = 16;
pub(super) const ZYWRLE: i32 = 17;
pub(super) const TIGHT_PNG: i32 = -260;
/// Those whose pixels may have fewer bytes than the format says.
pub(super) const TIGHTS: [i32; 2] = [TIGHT, TIGHT_PNG];
pub(super) const DESKTOP_SIZE: i32 = -223;
pub(super) const LAST_RECT: i32 = -224;
pub(super) const CURSOR: i32 = -239;
pub(super) const X_CURSOR: i32 = -240;
pub(super) const LED_STATE: i32 = -261;
pub(super) const VMWARE_CURSOR: i32 = 0x574d_5664;
pub(super) const QEMU_KEY: i32 = -258;
pub(super) const QEMU_AUDIO: i32 = -259;
pub(super) const GII: i32 = -305;
pub(super) const EXTENDED_DESKTOP_SIZE: i32 = -308;
pub(super) const XVP: i32 = -309;
pub(super) const FENCE: i32 = -312;
pub(super) const CONTINUOUS_UPDATES: i32 = -313;
pub(super) const EXTENDED_MOUSE: i32 = -316;
pub(super) const EXTENDED_CLIPBOARD: i32 = 0xC0A1_E5CE_u32 as i32;

/// The encoding that takes the place of one that a viewer asked for; `None` takes it out.
///
/// What is not listed is taken out, because an unknown extension may change the length of what
/// the viewer sends. So are extended mouse buttons and the extended clipboard, unless it would be
/// heard if they are agreed (`is_heard`). Where the server's side is read all the time, so are
/// pictures that do not tell their length.
pub(super) fn negotiate(encoding: i32, rules: &Rules, is_heard: bool) -> Option<i32> {
    let controls = !rules.view_only;
    let allowed = match encoding {
        RAW | COPY_RECT | RRE | CO_RRE | HEXTILE | ZLIB | TIGHT | ZRLE | ZYWRLE | TIGHT_PNG => true,
        // ZlibHex, TRLE, JPEG, H.264 in two dialects: they only change what the server sends.
        8 | 15 | 21 | 50 | 0x4832_3634 => !rules.both_sides,
        DESKTOP_SIZE | LAST_RECT | CURSOR | X_CURSOR | LED_STATE | VMWARE_CURSOR => true,
        DESKTOP_NAME => rules.desktop_name,
        FENCE | CONTINUOUS_UPDATES | QEMU_AUDIO => true,
        QEMU_KEY => controls,
        EXTENDED_MOUSE => controls && is_heard,
        EXTENDED_CLIPBOARD => is_heard && ((controls && rules.clipboard_in) || rules.clipboard_out),
        // Whoever must not resize is answered that it is not allowed, where that can be done.
        EXTENDED_DESKTOP_SIZE => rules.both_sides || (controls && rules.resize),
        XVP => controls && rules.power,
        // Compression level.
        -256..=-247 => true,
        // Quality level 0 to 9.
        LOWEST_QUALITY..=-23 => {
            return Some(encoding.min(LOWEST_QUALITY + i32::from(rules.quality_max.min(9))));
        }
        // Fine quality and chroma subsampling would get around a clamped level.
        -512..=-412 | -768..=-763 => rules.quality_max >= 9,
        _ => false,
    };
    allowed.then_some(encoding)
}

const LOWEST_QUALITY: i32 = -32;

/// Takes the encodings out of a `SetEncodings` body that comes in pieces.
#[derive(Debug, Clone, Default)]
pub(super) struct EncodingReader {
    /// The start of a number, `split_len < 4` bytes of it.
    split: [u8; 4],
    split_len: u8,
}

impl EncodingReader {
    /// Takes the next bytes; `found` gets each encoding with the place of its last byte in them.
    pub(super) fn handle(&mut self, bytes: &[u8], mut found: impl FnMut(i32, usize)) {
        for (at, byte) in bytes.iter().enumerate() {
            self.split[usize::from(self.split_len)] = *byte;
            self.split_len = (self.split_len + 1) % 4;
            if self.split_len == 0 {
                found(i32::from_be_bytes(self.split), at);
            }
        }
    }
}

pub(super) const DESKTOP_NAME: i32 = -307;

/// The last byte of an encoding that nobody has registered and that otherwise looks like
/// [`DESKTOP_NAME`]: it takes that one's place where a message must keep its length.
pub(super) const NO_DESKTOP_NAME_BYTE: u8 = 0xa0;
