//! A rectangle: its head, and what kind of body follows.

use super::canvas::Canvas;
use super::content::{Content, Pixels};
use super::hextile::Hextile;
use super::inflate::{Deflated, Inflaters, StreamId};
use super::rre::Rre;
use super::tight::Tight;
use super::tiles::Tiles;
use super::{Decoder, State, encodings as enc};
use crate::reader::{Reader, Stop};
use crate::{Error, Rect};

/// Bytes of a text that a server may send as a name.
const NAME_LEN_MAX: u32 = 64 << 10;

/// A rectangle that is being painted.
#[derive(Debug)]
pub(super) enum Body {
    /// Its content as it is.
    Plain(Content),
    /// Its content in a compressed stream.
    Deflated(Deflated),
    /// Tight, of which it is not known yet in which way.
    Tight(Tight),
}

impl Body {
    /// Either takes bytes, or asks for more and has changed nothing.
    pub(super) fn step(
        &mut self,
        reader: &mut Reader<'_>,
        canvas: &mut Canvas,
        inflaters: &mut Inflaters,
    ) -> Result<(), Stop> {
        match self {
            Self::Plain(content) => content.step(reader, canvas),
            Self::Deflated(deflated) => deflated.step(reader, canvas, inflaters),
            Self::Tight(tight) => {
                *self = tight.choose(reader, canvas, inflaters)?;
                Ok(())
            }
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Plain(content) => content.is_complete(),
            Self::Deflated(deflated) => deflated.is_complete(),
            Self::Tight(_) => false,
        }
    }
}

impl Decoder {
    pub(super) fn handle_rectangle(
        &mut self,
        left: Option<u16>,
        reader: &mut Reader<'_>,
    ) -> Result<(), Stop> {
        let rect = Rect {
            x: reader.u16()?,
            y: reader.u16()?,
            width: reader.u16()?,
            height: reader.u16()?,
        };
        let encoding = reader.u32()? as i32;
        let left = left.map(|left| left.saturating_sub(1));
        if encoding == enc::LAST_RECT {
            self.next_rectangle(Some(0));
            return Ok(());
        }
        if let Some(body) = self.painting(rect, encoding, reader)? {
            self.canvas.screen.touch(rect);
            let body = Box::new(body);
            self.state = State::Body { left, body };
            return Ok(());
        }
        match self.pseudo(rect, encoding, reader)? {
            0 => self.next_rectangle(left),
            bytes => self.state = State::SkipInUpdate { left, bytes },
        }
        Ok(())
    }

    /// The body of a rectangle that paints; `None` if it does not.
    fn painting(
        &mut self,
        rect: Rect,
        encoding: i32,
        reader: &mut Reader<'_>,
    ) -> Result<Option<Body>, Stop> {
        let is_real = matches!(encoding, 0..=255 | enc::TIGHT_PNG);
        if is_real {
            self.canvas.screen.check(rect)?;
        }
        let readers = &self.canvas.readers;
        let body = match encoding {
            enc::RAW => Body::Plain(Content::Pixels(Pixels::new(rect, readers.plain.clone()))),
            enc::COPY_RECT => {
                self.copy(rect, reader)?;
                Body::Plain(Content::Painted)
            }
            enc::RRE | enc::CORRE => {
                let is_compact = encoding == enc::CORRE;
                Body::Plain(Content::Rre(Rre::begin(
                    rect,
                    is_compact,
                    reader,
                    &mut self.canvas,
                )?))
            }
            enc::HEXTILE => Body::Plain(Content::Hextile(Hextile::new(rect))),
            enc::TRLE => Body::Plain(Content::Tiles(Box::new(Tiles::trle(rect)))),
            enc::ZLIB => {
                let content = Content::Pixels(Pixels::new(rect, readers.plain.clone()));
                Body::Deflated(Deflated::new(StreamId::Zlib, reader.u32()?, content))
            }
            enc::ZRLE => {
                let content = Content::Tiles(Box::new(Tiles::zrle(rect)));
                Body::Deflated(Deflated::new(StreamId::Zrle, reader.u32()?, content))
            }
            enc::TIGHT => Body::Tight(Tight::new(rect)),
            enc::TIGHT_PNG => Body::Tight(Tight::with_png(rect)),
            _ if is_real => return Err(Error::UnknownEncoding(encoding).into()),
            _ => return Ok(None),
        };
        Ok(Some(body))
    }

    fn copy(&mut self, to: Rect, reader: &mut Reader<'_>) -> Result<(), Stop> {
        let (x, y) = (reader.u16()?, reader.u16()?);
        let screen = &mut self.canvas.screen;
        screen.check(Rect { x, y, ..to })?;
        screen.copy(x, y, to);
        Ok(())
    }

    /// A rectangle that paints nothing; says how many bytes of it are left to be skipped.
    fn pseudo(&mut self, rect: Rect, encoding: i32, reader: &mut Reader<'_>) -> Result<u64, Stop> {
        match encoding {
            enc::DESKTOP_SIZE => self.resize(rect)?,
            enc::EXTENDED_DESKTOP_SIZE => {
                let [screens, ..] = reader.array::<4>()?;
                // A refusal of what this viewer wanted; another's wish is never refused to us.
                let is_refused = rect.x == 1 && rect.y != 0;
                if !is_refused {
                    self.resize(rect)?;
                }
                return Ok(u64::from(screens) * 16);
            }
            enc::CURSOR => self.handle_cursor(rect, reader)?,
            enc::X_CURSOR => self.handle_x_cursor(rect, reader)?,
            enc::CURSOR_WITH_ALPHA => self.handle_cursor_with_alpha(rect, reader)?,
            enc::VMWARE_CURSOR => self.handle_vmware_cursor(rect, reader)?,
            enc::POINTER_POSITION | enc::VMWARE_CURSOR_POSITION => {
                self.pointer = Some((rect.x, rect.y));
            }
            enc::DESKTOP_NAME => {
                let len = reader.u32()?;
                if len > NAME_LEN_MAX {
                    return Err(Error::TextTooLong(len).into());
                }
                self.name = reader.take(len as usize)?.to_vec();
            }
            enc::LED_STATE => return Ok(1),
            enc::VMWARE_CURSOR_STATE => return Ok(2),
            enc::VMWARE_KEY_REPEAT => return Ok(8),
            enc::VMWARE_LED_STATE => return Ok(4),
            enc::POINTER_CHANGE
            | enc::QEMU_KEY
            | enc::QEMU_AUDIO
            | enc::GII
            | enc::EXTENDED_MOUSE => {}
            unknown => return Err(Error::UnknownEncoding(unknown).into()),
        }
        Ok(0)
    }

    fn resize(&mut self, rect: Rect) -> Result<(), Error> {
        self.limits.check(rect.width, rect.height)?;
        self.canvas.screen.resize(rect.width, rect.height);
        Ok(())
    }
}
