//! Accepting connections, and giving some to threads that are less busy.

use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use net::listen::Listener;
use net::log::Level;
use net::{Addr, Stream};

use super::Thread;
use super::generation::Serving;
use super::shared::HandedOff;
use crate::connection::{self, Connection};
use crate::load::Load;

impl Thread {
    pub(super) fn receive_handed_off(self: &Rc<Self>) {
        let slot = &self.shared.threads[self.index];
        // A poisoned lock would mean that `take` panicked, which it cannot.
        let receiver = slot
            .receiver
            .lock()
            .ok()
            .and_then(|mut receiver| receiver.take());
        let Some(mut receiver) = receiver else { return };
        let me = Rc::downgrade(self);
        tokio::task::spawn_local(async move {
            while let Some(HandedOff { fd, peer, listen }) = receiver.recv().await {
                let Some(thread) = me.upgrade() else { return };
                thread.serve(fd, peer, &listen);
            }
        });
    }

    fn serve(&self, fd: OwnedFd, peer: Addr, listen: &Addr) {
        let Some(generation) = self.current.borrow().clone() else {
            return;
        };
        let Some(&listener) = generation.listeners.get(listen) else {
            return;
        };
        let slot = &self.shared.threads[self.index];
        if slot.counters.connections() >= self.shared.connections_max.load(Ordering::Relaxed) {
            let limit = self.shared.connections_max.load(Ordering::Relaxed);
            generation.error_log().log(
                Level::Alert,
                None,
                format_args!("{limit} worker_connections are not enough"),
            );
            return;
        }
        let stream = match Stream::new(fd) {
            Ok(stream) => stream,
            Err(error) => {
                generation.error_log().log(
                    Level::Alert,
                    None,
                    format_args!("accepting a connection: {error}"),
                );
                return;
            }
        };
        // Small answers and frames are never held back.
        stream.set_nodelay(true);
        let id = self.shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let load = Load::new(self.shared.clone(), self.index);
        let conn = Connection::new(id, stream, peer, generation.clone(), listener, load);
        let task = tokio::task::spawn_local(connection::serve(Rc::new(conn)));
        generation
            .tasks
            .borrow_mut()
            .insert(id, Serving::new(task.abort_handle()));
    }
}

/// Accepts from one socket for as long as it is listened on.
pub(super) async fn accept(thread: Rc<Thread>, listener: Listener) {
    /// Connections taken in one turn, so that those already open are not kept waiting.
    const ACCEPTS_MAX: usize = 16;
    let mut taken = 0;
    poll_fn(|cx| {
        loop {
            if taken == ACCEPTS_MAX {
                taken = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Some(generation) = thread.current.borrow().clone() else {
                return Poll::Ready(());
            };
            let accepted = listener.poll_accept(cx, generation.error_log());
            let Poll::Ready((fd, peer)) = accepted else {
                taken = 0;
                return Poll::Pending;
            };
            taken += 1;
            thread.shared.counters(thread.index).accepted();
            match thread.shared.least_busy(thread.index) {
                Some(slot) => {
                    let listen = listener.addr().clone();
                    // Its thread lives as long as the worker.
                    let _ = slot.hand_off.send(HandedOff { fd, peer, listen });
                }
                None => thread.serve(fd, peer, listener.addr()),
            }
        }
    })
    .await;
}
