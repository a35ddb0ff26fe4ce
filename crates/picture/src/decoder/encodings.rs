//! Encodings by their registered numbers: those that the decoder understands.

/// Pixels as they are.
pub const RAW: i32 = 0;
/// What is elsewhere on the screen.
pub const COPY_RECT: i32 = 1;
/// A background and rectangles.
pub const RRE: i32 = 2;
/// The same with small rectangles.
pub const CORRE: i32 = 4;
/// Tiles of 16 by 16.
pub const HEXTILE: i32 = 5;
/// Compressed pixels.
pub const ZLIB: i32 = 6;
/// Filters, palettes, JPEG.
pub const TIGHT: i32 = 7;
/// Tiles of 16 by 16 with palettes and runs.
pub const TRLE: i32 = 15;
/// The same of 64 by 64, compressed.
pub const ZRLE: i32 = 16;
/// Tight with PNG.
pub const TIGHT_PNG: i32 = -260;

/// The screen's size.
pub const DESKTOP_SIZE: i32 = -223;
/// The end of an update that had not said its length.
pub const LAST_RECT: i32 = -224;
/// Where the pointer is.
pub const POINTER_POSITION: i32 = -232;
/// The pointer's picture.
pub const CURSOR: i32 = -239;
/// The same in two colours.
pub const X_CURSOR: i32 = -240;
/// Whether the pointer's moves are relative.
pub const POINTER_CHANGE: i32 = -257;
/// QEMU takes scan codes.
pub const QEMU_KEY: i32 = -258;
/// QEMU sends sound.
pub const QEMU_AUDIO: i32 = -259;
/// Which lamps of the keyboard are lit.
pub const LED_STATE: i32 = -261;
/// General input devices.
pub const GII: i32 = -305;
/// The desktop's name.
pub const DESKTOP_NAME: i32 = -307;
/// The screen's size and its parts.
pub const EXTENDED_DESKTOP_SIZE: i32 = -308;
/// The pointer's picture with opacity.
pub const CURSOR_WITH_ALPHA: i32 = -314;
/// More than eight buttons of a mouse.
pub const EXTENDED_MOUSE: i32 = -316;
/// The pointer's picture, as VMware has it.
pub const VMWARE_CURSOR: i32 = 0x574d_5664;
/// Whether it is shown.
pub const VMWARE_CURSOR_STATE: i32 = 0x574d_5665;
/// Where it is.
pub const VMWARE_CURSOR_POSITION: i32 = 0x574d_5666;
/// How keys repeat.
pub const VMWARE_KEY_REPEAT: i32 = 0x574d_5667;
/// Which lamps of the keyboard are lit.
pub const VMWARE_LED_STATE: i32 = 0x574d_5668;
