//! The end of a session that has shown its screen.

use std::future::poll_fn;
use std::task::Poll;

use super::Pump;
use crate::session::EndReason;
use crate::session::ending::Failure;
use crate::session::viewer;

impl Pump {
    /// Lets go of the machine's keys and takes leave of the viewer.
    pub(in crate::session) fn finish(
        mut self: Box<Self>,
        mut failure: Failure,
    ) -> impl Future<Output = Failure> {
        if let Some(screen) = self.screen.take()
            && let Some(why) = screen.into_taps().end(failure.reason.word())
        {
            failure.note(&format!("not tapped to the end: {why}"));
        }
        let mut release = Vec::new();
        self.follow.release_held(&mut release);
        Box::pin(async move {
            // The last word to a server that may be gone; what it does not take is lost.
            let released =
                poll_fn(|cx| Poll::Ready(self.to_server.write(cx, &self.server, &release)));
            let _ = released.await;
            poll_fn(|cx| self.server.take_leave(cx)).await;
            drop(self.server);
            self.entry.set_left();
            match &failure.reason {
                EndReason::Refused(refusal) => {
                    let deadline = net::Deadline::after(viewer::CLOSE_TIMEOUT);
                    let owed = poll_fn(|cx| self.to_viewer.poll_flush(cx, &self.viewer));
                    // A close frame inside of another frame would only confuse.
                    let is_whole = tokio::select! {
                        flushed = owed => flushed.is_ok(),
                        () = deadline.expired() => false,
                    };
                    if is_whole {
                        let (code, reason) = (refusal.close_code(), refusal.sentence());
                        viewer::close(&self.viewer, &mut self.receiver, code, &reason).await;
                    }
                }
                EndReason::ViewerClosed(_) if self.to_viewer.is_empty() => {
                    viewer::answer_close(&self.viewer, &failure).await;
                }
                _ => {}
            }
            failure
        })
    }
}
