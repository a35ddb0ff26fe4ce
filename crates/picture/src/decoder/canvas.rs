//! What rectangles are painted on, and how their pixels are read.

use crate::pixel::PixelReaders;
use crate::{Framebuffer, Pixel, PixelFormat};

/// The screen with the server's pixel format.
#[derive(Debug)]
pub(super) struct Canvas {
    pub(super) screen: Framebuffer,
    pub(super) format: PixelFormat,
    pub(super) readers: PixelReaders,
    /// What indices mean, if pixels are such; at most 2 × 65535 of them.
    pub(super) colours: Vec<Pixel>,
}

impl Canvas {
    pub(super) fn new(screen: Framebuffer, format: PixelFormat) -> Self {
        Self {
            screen,
            format,
            readers: PixelReaders::new(&format),
            colours: Vec::new(),
        }
    }

    pub(super) fn set_format(&mut self, format: PixelFormat) {
        self.readers = PixelReaders::new(&format);
        self.format = format;
    }
}
