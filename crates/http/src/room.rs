//! Rooms that requests are handled in. The future of a request is big, and so the memory of one
//! that is done serves the next: what the allocator does with blocks of that size costs as much
//! as parsing a head.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use crate::downstream::head::Incoming;
use crate::handle::{self, After};

/// How many empty rooms a thread keeps.
const SPARE_MAX: usize = 16;

thread_local! {
    static SPARE: RefCell<Vec<Room>> = const { RefCell::new(Vec::new()) };
}

/// Handles a request in a room of its own. What is dropped on the way ends it.
pub async fn handle(incoming: Incoming) -> After {
    let spare = SPARE.with_borrow_mut(Vec::pop);
    let mut room = spare.unwrap_or_else(Room::new);
    room.desk.incoming.set(Some(incoming));
    let after = poll_fn(|cx| {
        let Poll::Pending = room.work.as_mut().poll(cx);
        match room.desk.after.take() {
            Some(after) => Poll::Ready(after),
            None => Poll::Pending,
        }
    })
    .await;
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < SPARE_MAX {
            spare.push(room);
        }
    });
    after
}

/// A place where one request after the other is handled.
struct Room {
    desk: Rc<Desk>,
    work: Pin<Box<dyn Future<Output = Infallible>>>,
}

/// What goes into a room and comes out of it.
#[derive(Default)]
struct Desk {
    incoming: Cell<Option<Incoming>>,
    after: Cell<Option<After>>,
}

impl Room {
    fn new() -> Self {
        let desk = Rc::new(Desk::default());
        let work = Box::pin(work(desk.clone()));
        Self { desk, work }
    }
}

/// Handles whatever lies on the desk; between two requests it waits, and nobody wakes it but the
/// next one.
async fn work(desk: Rc<Desk>) -> Infallible {
    loop {
        let next = poll_fn(|_| match desk.incoming.take() {
            Some(incoming) => Poll::Ready(incoming),
            None => Poll::Pending,
        });
        let after = handle::handle(next.await).await;
        desk.after.set(Some(after));
    }
}
