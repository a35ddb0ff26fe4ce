//! One viewer's view: what it understands, what it has not seen yet, and what is due to it.

use std::sync::Arc;

use tokio::sync::Notify;

mod dues;

use self::dues::{Abilities, Due};
use crate::apps::Cursor;
use crate::geom::{Rect, Region};
use crate::rfb::pixel::PixelFormat;
use crate::rfb::tight::TightEncoder;
use crate::rfb::{clipboard, cursor, encoding, server};
use crate::shell::{Move, Painted};

/// What the desktop knows of a viewer; its size does not depend on what the viewer sends.
pub(crate) struct Viewer {
    id: u64,
    wake: Arc<Notify>,
    format: PixelFormat,
    able: Abilities,
    /// The size of the picture that the viewer has.
    size: (u16, u16),
    /// Where the viewer's picture is out of date.
    dirty: Region,
    /// A block that the viewer can move by itself, before `dirty` is sent.
    block: Option<Move>,
    /// The area for which it asked.
    requested: Option<Rect>,
    /// An update is on its way: its pixels are still to be read.
    sending: bool,
    due: Due,
    cursor: Cursor,
}

/// An update that is to be sent: the rectangles' pixels are read one by one, just before.
pub(crate) struct Plan {
    /// The update's header and all rectangles without pixels.
    pub(crate) head: Vec<u8>,
    pub(crate) rects: Vec<Rect>,
    pub(crate) format: PixelFormat,
    /// The level of Tight, or `None` for Raw.
    pub(crate) tight: Option<u32>,
}

/// The desktop's side of what a viewer is sent.
pub(crate) struct Facts<'a> {
    pub(crate) size: (u16, u16),
    pub(crate) name: &'a str,
    pub(crate) clipboard: &'a str,
}

impl Viewer {
    /// A viewer that has just been told `size` and has seen nothing.
    pub(crate) fn new(id: u64, size: (u16, u16)) -> Self {
        let mut viewer = Self {
            id,
            wake: Arc::new(Notify::new()),
            format: PixelFormat::NATIVE,
            able: Abilities::default(),
            size,
            dirty: Region::default(),
            block: None,
            requested: None,
            sending: false,
            due: Due::default(),
            cursor: Cursor::Arrow,
        };
        viewer.dirty.add(whole(size));
        viewer
    }

    /// The viewer has been told the size `told`; by now the desktop has the size `size`.
    pub(crate) fn introduced(&mut self, told: (u16, u16), size: (u16, u16)) {
        self.note_resize(size, 0);
        self.due.resize = self.due.resize.filter(|_| told != size);
        self.size = told;
    }

    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    /// Wakes the task that sends to this viewer.
    pub(crate) fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Whether the viewer asked for a picture that it has not got.
    pub(crate) const fn waits(&self) -> bool {
        self.requested.is_some() && !self.sending
    }

    /// Wakes the sending task if it has something to send.
    pub(crate) fn wake_if_ready(&self) {
        if self.waits() && self.has_news() || self.due.any_message() {
            self.wake.notify_one();
        }
    }

    pub(crate) fn set_format(&mut self, format: PixelFormat) {
        self.format = format;
    }

    /// The viewer lists what it understands.
    pub(crate) fn set_encodings(&mut self, list: &[i32]) {
        let before = std::mem::take(&mut self.able);
        self.able = Abilities::of(list, before.clipboard_caps);
        let able = &self.able;
        // What the viewer newly understands is answered once, which tells it that we do too.
        if able.extended_desktop_size && !before.extended_desktop_size {
            self.due.resize = Some((0, 0));
        }
        self.due.cursor |= able.cursor && !before.cursor;
        self.due.name |= able.desktop_name && !before.desktop_name;
        self.due.qemu_key |= able.qemu_key && !before.qemu_key;
        self.due.clipboard_caps |= able.extended_clipboard && !before.extended_clipboard;
    }

    /// The viewer asks for the changes in `area`.
    pub(crate) fn request_changes(&mut self, area: Rect) {
        let asked = self.requested.unwrap_or_default();
        self.requested = Some(asked.union(area.intersect(whole(self.size))));
    }

    /// The viewer asks for all of `area`.
    pub(crate) fn request_all(&mut self, area: Rect) {
        self.dirty.add(area.intersect(whole(self.size)));
        self.request_changes(area);
    }

    /// The desktop has a new size.
    pub(crate) fn note_resize(&mut self, size: (u16, u16), reason: u16) {
        self.block = None;
        self.dirty.clear();
        self.dirty.add(whole(size));
        self.due.resize = Some((reason, 0));
    }

    /// The desktop was painted.
    pub(crate) fn note_painted(&mut self, painted: &Painted) {
        if let Some(block) = painted.moved {
            self.note_moved(block);
        }
        self.dirty.add_region(&painted.changed);
    }

    fn note_moved(&mut self, block: Move) {
        let target = block.target();
        let own = whole(self.size);
        // The viewer's own copy is right only if its source is; and while an update is being
        // sent, pixels are read that are newer than the ones that were copied.
        let possible = self.able.copy_rect
            && self.due.resize.is_none()
            && !self.sending
            && self.block.is_none()
            && own.encloses(block.from)
            && own.encloses(target)
            && !self.dirty.overlaps(block.from);
        if possible {
            self.dirty.subtract(target);
            self.block = Some(block);
        } else {
            self.dirty.add(target);
        }
    }

    /// The pointer of this viewer is over something where it has this shape.
    pub(crate) fn set_cursor(&mut self, cursor: Cursor) {
        self.due.cursor |= self.able.cursor && self.cursor != cursor;
        self.cursor = cursor;
    }

    /// The desktop has text for the viewer's clipboard.
    pub(crate) fn offer_clipboard(&mut self) {
        if !self.able.extended_clipboard {
            self.due.cut_text = true;
        } else if clipboard::wants_notify(self.able.clipboard_caps) {
            self.due.clipboard_notify = true;
        } else {
            self.due.clipboard_provide = true;
        }
        self.wake.notify_one();
    }

    /// Notes what the viewer says about clipboards and returns its text, if it came.
    pub(crate) fn handle_clipboard(&mut self, message: clipboard::Incoming) -> Option<String> {
        match message {
            clipboard::Incoming::Caps(flags) => self.able.clipboard_caps = flags,
            clipboard::Incoming::Request => self.due.clipboard_provide = true,
            clipboard::Incoming::Peek => self.due.clipboard_notify = true,
            clipboard::Incoming::Notify { text } => self.due.clipboard_request |= text,
            clipboard::Incoming::Provide(text) => return text,
        }
        None
    }

    /// Messages that are due whether or not the viewer asked for a picture.
    pub(crate) fn take_messages(&mut self, facts: &Facts<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let due = &mut self.due;
        if std::mem::take(&mut due.clipboard_caps) {
            server::put_extended_cut_text(&clipboard::caps(), &mut out);
        }
        if std::mem::take(&mut due.clipboard_request) {
            server::put_extended_cut_text(&clipboard::request(), &mut out);
        }
        if std::mem::take(&mut due.clipboard_notify) {
            let message = clipboard::notify(facts.clipboard);
            server::put_extended_cut_text(&message, &mut out);
        }
        if std::mem::take(&mut due.clipboard_provide) {
            server::put_extended_cut_text(&clipboard::provide(facts.clipboard), &mut out);
        }
        if std::mem::take(&mut due.cut_text) {
            server::put_cut_text(facts.clipboard, &mut out);
        }
        out
    }

    /// The update that is due, if the viewer waits for one and there is news.
    ///
    /// [`Viewer::sent`] must follow when it is on its way.
    pub(crate) fn take_update(&mut self, facts: &Facts<'_>) -> Option<Plan> {
        if !self.waits() || !self.has_news() {
            return None;
        }
        let requested = self.requested.take()?;
        self.sending = true;
        let mut head = Vec::new();
        let mut count = self.put_pseudo(facts, &mut head);
        let resized = self.put_resize(facts.size, &mut head);
        count += u16::from(resized);
        let mut rects = Vec::new();
        // A rectangle that changes the size is the last of its update.
        if !resized {
            if let Some(block) = self.block.take() {
                server::put_copy_rect(block, &mut head);
                count += 1;
            }
            self.dirty
                .clip(whole(self.size).intersect(whole(facts.size)));
            let now = self.dirty.take_within(requested);
            rects.extend(now.rects().iter().flat_map(|rect| pieces(*rect)));
        }
        let mut whole = Vec::with_capacity(head.len() + 4);
        server::put_update_header(count + rects.len() as u16, &mut whole);
        whole.append(&mut head);
        let tight = self
            .able
            .tight
            .then(|| self.able.compression.unwrap_or(2).clamp(1, 6));
        Some(Plan {
            head: whole,
            rects,
            format: self.format,
            tight,
        })
    }

    /// The update is on its way whole.
    pub(crate) fn sent(&mut self) {
        self.sending = false;
    }

    fn has_news(&self) -> bool {
        let requested = self.requested.unwrap_or_default();
        self.due.any_rect(&self.able) || self.block.is_some() || self.dirty.overlaps(requested)
    }

    /// Puts the pseudo-rectangles that are due and returns how many.
    fn put_pseudo(&mut self, facts: &Facts<'_>, head: &mut Vec<u8>) -> u16 {
        let mut count = 0;
        if std::mem::take(&mut self.due.cursor) {
            cursor::put(self.cursor, self.format, head);
            count += 1;
        }
        if std::mem::take(&mut self.due.name) {
            server::put_desktop_name(facts.name, head);
            count += 1;
        }
        if std::mem::take(&mut self.due.qemu_key) {
            server::put_rect_header([0; 4], encoding::QEMU_KEY, head);
            count += 1;
        }
        count
    }

    /// Puts the rectangle that tells the size, if one is due and understood.
    fn put_resize(&mut self, size: (u16, u16), head: &mut Vec<u8>) -> bool {
        let Some(cause) = self.due.resize.take() else {
            return false;
        };
        if self.able.extended_desktop_size {
            server::put_extended_desktop_size(size, cause, head);
        } else if self.able.desktop_size {
            server::put_desktop_size(size, head);
        } else {
            return false;
        }
        self.size = size;
        true
    }
}

fn whole(size: (u16, u16)) -> Rect {
    Rect::new(0, 0, size.0.into(), size.1.into())
}

/// Cuts a rectangle in pieces that Tight allows.
fn pieces(rect: Rect) -> impl Iterator<Item = Rect> {
    let width = rect.w.min(TightEncoder::WIDTH_MAX);
    let height = (TightEncoder::PIXELS_MAX / width.max(1)).max(1);
    let columns = (rect.x..rect.right()).step_by(width.max(1) as usize);
    columns.flat_map(move |x| {
        (rect.y..rect.bottom())
            .step_by(height as usize)
            .map(move |y| {
                Rect::new(
                    x,
                    y,
                    width.min(rect.right() - x),
                    height.min(rect.bottom() - y),
                )
            })
    })
}
