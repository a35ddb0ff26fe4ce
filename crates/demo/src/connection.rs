//! One viewer's connection: the handshake, then reading and sending side by side.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::desktop::{Desktop, State};
use crate::geom::Rect;
use crate::rfb::handshake::{self, Greeting};
use crate::rfb::message::Message;
use crate::rfb::tight::TightEncoder;
use crate::rfb::{Error, clipboard, encoding, server};
use crate::viewer::{Facts, Plan};

/// Serves the viewer at the other end of `stream` until either side ends it.
pub(crate) async fn run<S>(desktop: Desktop, mut stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // What went wrong concerns only this viewer, who sees the connection end.
    let _: Result<(), Error> = async {
        let Some(seat) = Seat::take(&desktop) else {
            return greet(
                &desktop,
                &mut stream,
                Some("This desktop has too many viewers"),
            )
            .await;
        };
        greet(&desktop, &mut stream, None).await?;
        let size = desktop.lock().size();
        let introduced = handshake::introduce(&mut stream, size, &desktop.options().name);
        timeout(SEND_DEADLINE, introduced)
            .await
            .map_err(|_| Error::Timeout)??;
        desktop.lock().introduce(seat.id, size);
        let (reader, writer) = tokio::io::split(stream);
        tokio::select! {
            ended = receive(&desktop, seat.id, reader) => ended,
            ended = send(&desktop, seat.id, &seat.wake, writer) => ended,
        }
    }
    .await;
}

/// A viewer's place on the desktop, given up when dropped.
struct Seat {
    desktop: Desktop,
    id: u64,
    wake: Arc<Notify>,
}

impl Seat {
    fn take(desktop: &Desktop) -> Option<Self> {
        let (id, wake) = desktop.lock().admit(desktop.options().viewers_max)?;
        desktop.stir();
        Some(Self {
            desktop: desktop.clone(),
            id,
            wake,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.desktop.lock().dismiss(self.id);
        self.desktop.stir();
    }
}

async fn greet<S>(desktop: &Desktop, stream: &mut S, refusal: Option<&str>) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let greeting = Greeting {
        password: desktop.options().password.as_deref(),
        refusal,
    };
    let admitted = handshake::admit(stream, &greeting);
    timeout(HANDSHAKE_DEADLINE, admitted)
        .await
        .map_err(|_| Error::Timeout)?
}

/// Reads and handles what the viewer sends.
async fn receive<R>(desktop: &Desktop, id: u64, mut reader: R) -> Result<(), Error>
where
    R: AsyncRead + Unpin,
{
    let mut input = Vec::with_capacity(READ_BYTES);
    loop {
        debug_assert!(
            input.len() <= Message::BYTES_MAX,
            "a whole message was left unread"
        );
        input.reserve(READ_BYTES);
        if reader.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        let mut done = 0;
        while let Some((message, length)) = Message::parse(&input[done..])? {
            handle(&mut desktop.lock(), id, message)?;
            done += length;
        }
        input.drain(..done);
        desktop.stir();
        // A viewer that sends without pause must not keep the others from their turn.
        tokio::task::yield_now().await;
    }
}

fn handle(state: &mut State, id: u64, message: Message) -> Result<(), Error> {
    match message {
        Message::KeyDown(keysym) => state.shell.handle_key_down(id, keysym),
        Message::KeyUp(keysym) => state.shell.handle_key_up(id, keysym),
        Message::Pointer { at, buttons } => {
            state.shell.handle_pointer(id, at, buttons);
            let cursor = state.shell.cursor(at);
            if let Some(viewer) = state.viewer(id) {
                viewer.set_cursor(cursor);
            }
        }
        Message::CutText(text) => {
            let text: String = text.into_iter().map(char::from).collect();
            state.shell.handle_cut_text(clipboard::tidy(&text));
        }
        Message::SetDesktopSize { width, height } => state.resize((width, height), id),
        other => handle_own(state, id, other)?,
    }
    if state.shell.take_copied().is_some() {
        for viewer in &mut state.viewers {
            viewer.offer_clipboard();
        }
    }
    Ok(())
}

/// Handles what concerns only the viewer itself.
fn handle_own(state: &mut State, id: u64, message: Message) -> Result<(), Error> {
    let Some(viewer) = state.viewer(id) else {
        return Ok(());
    };
    match message {
        Message::SetPixelFormat(format) => viewer.set_format(format),
        Message::SetEncodings(list) => viewer.set_encodings(&list),
        Message::RequestChanges(area) => viewer.request_changes(area),
        Message::RequestAll(area) => viewer.request_all(area),
        Message::ExtendedCutText(payload) => {
            let text = viewer.handle_clipboard(clipboard::parse(&payload)?);
            viewer.wake_if_ready();
            if let Some(text) = text {
                state.shell.handle_cut_text(text);
            }
        }
        _ => {}
    }
    if let Some(viewer) = state.viewer(id) {
        viewer.wake_if_ready();
    }
    Ok(())
}

/// Sends what is due whenever there is something.
async fn send<W>(desktop: &Desktop, id: u64, wake: &Notify, mut writer: W) -> Result<(), Error>
where
    W: AsyncWrite + Unpin,
{
    let mut encoder = Encoder::default();
    loop {
        let (messages, plan) = take_due(desktop, id);
        if messages.is_empty() && plan.is_none() {
            wake.notified().await;
            continue;
        }
        write(&mut writer, &messages).await?;
        if let Some(plan) = plan {
            encoder.send(desktop, &plan, &mut writer).await?;
            if let Some(viewer) = desktop.lock().viewer(id) {
                viewer.sent();
            }
            desktop.stir();
        }
    }
}

fn take_due(desktop: &Desktop, id: u64) -> (Vec<u8>, Option<Plan>) {
    let mut state = desktop.lock();
    // A viewer is never sent what is already known to be out of date.
    state.refresh(desktop.now());
    let size = state.size();
    let State { shell, viewers, .. } = &mut *state;
    let Some(viewer) = viewers.iter_mut().find(|viewer| viewer.id() == id) else {
        return (Vec::new(), None);
    };
    let facts = Facts {
        size,
        name: &desktop.options().name,
        clipboard: shell.clipboard_text(),
    };
    (viewer.take_messages(&facts), viewer.take_update(&facts))
}

/// The buffers and streams that one viewer's pixels go through.
#[derive(Default)]
struct Encoder {
    tight: TightEncoder,
    /// The pixels of one rectangle.
    pixels: Vec<u32>,
    /// What is ready to be sent; not much more than one rectangle.
    out: Vec<u8>,
}

impl Encoder {
    async fn send<W>(&mut self, desktop: &Desktop, plan: &Plan, to: &mut W) -> Result<(), Error>
    where
        W: AsyncWrite + Unpin,
    {
        self.out.clear();
        self.out.extend_from_slice(&plan.head);
        for area in &plan.rects {
            self.read(&desktop.lock(), *area);
            self.encode(*area, plan);
            if self.out.len() >= SEND_BYTES {
                write(to, &self.out).await?;
                self.out.clear();
                // Packing pixels takes its time; others get their turn in between.
                tokio::task::yield_now().await;
            }
        }
        write(to, &self.out).await
    }

    /// Reads the pixels of `area`, black where the desktop has meanwhile become smaller.
    fn read(&mut self, state: &State, area: Rect) {
        self.pixels.clear();
        let front = state.shell.front();
        let inside = area.intersect(front.bounds());
        for y in area.y..area.bottom() {
            if y < inside.bottom() {
                self.pixels
                    .extend_from_slice(front.span(inside.x, y, inside.w));
                self.pixels
                    .extend(std::iter::repeat_n(0, (area.w - inside.w) as usize));
            } else {
                self.pixels.extend(std::iter::repeat_n(0, area.w as usize));
            }
        }
    }

    fn encode(&mut self, area: Rect, plan: &Plan) {
        if let Some(level) = plan.tight {
            server::put_pixels_header(area, encoding::TIGHT, &mut self.out);
            let width = area.w as usize;
            self.tight
                .encode(&self.pixels, width, plan.format, level, &mut self.out);
        } else {
            server::put_pixels_header(area, encoding::RAW, &mut self.out);
            for pixel in &self.pixels {
                plan.format.put(*pixel, &mut self.out);
            }
        }
    }
}

/// Writes all bytes, as long as the viewer goes on taking some.
async fn write<W>(to: &mut W, mut bytes: &[u8]) -> Result<(), Error>
where
    W: AsyncWrite + Unpin,
{
    while !bytes.is_empty() {
        let written = timeout(SEND_DEADLINE, to.write(bytes))
            .await
            .map_err(|_| Error::Timeout)??;
        if written == 0 {
            return Err(Error::Io(std::io::ErrorKind::WriteZero.into()));
        }
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Long enough to type a password.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(120);
/// How long a viewer may take nothing while something waits for it.
const SEND_DEADLINE: Duration = Duration::from_secs(120);
const READ_BYTES: usize = 16 * 1024;
const SEND_BYTES: usize = 32 * 1024;
