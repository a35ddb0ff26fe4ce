//! Messages besides updates: their lengths, and the colour table.

use super::{Decoder, State};
use crate::Error;
use crate::reader::{Reader, Stop};

mod kind {
    pub(super) const UPDATE: u8 = 0;
    pub(super) const COLOUR_MAP: u8 = 1;
    pub(super) const BELL: u8 = 2;
    pub(super) const CUT_TEXT: u8 = 3;
    pub(super) const END_OF_CONTINUOUS_UPDATES: u8 = 150;
    pub(super) const FENCE: u8 = 248;
    pub(super) const XVP: u8 = 250;
    pub(super) const GII: u8 = 253;
    pub(super) const QEMU: u8 = 255;
}

/// Bytes of a colour in a table.
const COLOUR_LEN: usize = 6;

impl Decoder {
    pub(super) fn handle_message(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        let body_len = match reader.u8()? {
            kind::UPDATE => return self.begin_update(reader),
            kind::COLOUR_MAP => return self.handle_colours(reader),
            kind::BELL | kind::END_OF_CONTINUOUS_UPDATES => 0,
            kind::CUT_TEXT => {
                reader.take(3)?;
                // Negative in the extended clipboard.
                (reader.u32()? as i32).unsigned_abs()
            }
            kind::FENCE => {
                reader.take(7)?;
                reader.u8()?.into()
            }
            kind::XVP => {
                reader.take(3)?;
                0
            }
            kind::GII => {
                let is_big_endian = reader.u8()? & 0x80 != 0;
                let len = reader.array()?;
                match is_big_endian {
                    true => u16::from_be_bytes(len).into(),
                    false => u16::from_le_bytes(len).into(),
                }
            }
            kind::QEMU => qemu_body_len(reader)?,
            unknown => return Err(Error::UnknownMessage(unknown).into()),
        };
        self.state = State::Skip {
            bytes: body_len.into(),
        };
        if body_len == 0 {
            self.state = State::Message;
        }
        Ok(())
    }

    fn begin_update(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        reader.take(1)?;
        let count = reader.u16()?;
        // As many as there are before a LastRect.
        let left = (count != u16::MAX).then_some(count);
        self.next_rectangle(left);
        Ok(())
    }

    fn handle_colours(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        reader.take(1)?;
        let first = usize::from(reader.u16()?);
        let count = usize::from(reader.u16()?);
        let colours = reader.take(count * COLOUR_LEN)?;
        let colours = colours.as_chunks::<COLOUR_LEN>().0;
        let table = &mut self.canvas.colours;
        let end = first + count;
        if table.len() < end {
            table.resize(end, [0, 0, 0, 255]);
        }
        let places = table.get_mut(first..end).unwrap_or_default();
        for (place, [r, _, g, _, b, _]) in places.iter_mut().zip(colours) {
            *place = [*r, *g, *b, 255];
        }
        Ok(())
    }
}

/// What follows a QEMU message that is so far read up to its type.
fn qemu_body_len(reader: &mut Reader<'_>) -> Result<u32, Stop> {
    const AUDIO: u8 = 1;
    const AUDIO_DATA: u16 = 2;
    match reader.u8()? {
        AUDIO if reader.u16()? == AUDIO_DATA => reader.u32(),
        AUDIO => Ok(0),
        unknown => Err(Error::UnknownQemuMessage(unknown).into()),
    }
}
