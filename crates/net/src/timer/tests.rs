//! Deadlines expire when they should, move, and leave nothing behind.

use super::*;

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_unpark(clock::refresh)
        .build_local(tokio::runtime::LocalOptions::default())
        .expect("a runtime");
    runtime.block_on(future)
}

#[test]
fn a_deadline_expires_after_its_time_and_not_before() {
    run(async {
        let start = Instant::now();
        sleep(Duration::from_millis(30)).await;
        assert!(start.elapsed() >= Duration::from_millis(30));
    });
}

#[test]
fn moving_a_deadline_later_delays_it_and_earlier_hastens_it() {
    run(async {
        let start = Instant::now();
        let deadline = Deadline::after(Duration::from_millis(10));
        deadline.set_after(Duration::from_millis(60));
        deadline.expired().await;
        assert!(start.elapsed() >= Duration::from_millis(60));

        let deadline = Deadline::after(Duration::from_secs(3600));
        let waiting = tokio::task::spawn_local(async move {
            deadline.expired().await;
        });
        drop(waiting);
        let deadline = Deadline::after(Duration::from_secs(3600));
        let mut expired = Box::pin(deadline.expired());
        tokio::select! {
            () = &mut expired => panic!("expired at once"),
            () = sleep(Duration::from_millis(5)) => {}
        }
        deadline.set_after(Duration::from_millis(5));
        expired.await;
    });
}

#[test]
fn a_cleared_deadline_does_not_expire_and_its_place_is_reused() {
    run(async {
        let deadline = Deadline::after(Duration::from_millis(5));
        deadline.clear();
        tokio::select! {
            () = deadline.expired() => panic!("expired though cleared"),
            () = sleep(Duration::from_millis(40)) => {}
        }
        drop(deadline);
        for _ in 0..3 {
            for _ in 0..1000 {
                drop(Deadline::after(Duration::from_millis(1)));
            }
            sleep(Duration::from_millis(20)).await;
        }
        QUEUE.with_borrow(|queue| assert!(queue.entries.len() <= 1010, "places are reused"));
    });
}

#[test]
fn deadlines_that_were_dropped_long_before_their_time_do_not_pile_up() {
    run(async {
        let kept = Deadline::after(Duration::from_secs(3600));
        for _ in 0..100_000 {
            drop(Deadline::after(Duration::from_secs(60)));
        }
        QUEUE.with_borrow(|queue| {
            assert!(
                queue.entries.len() < 4 * DEAD_MIN,
                "{} entries",
                queue.entries.len()
            );
            assert!(
                queue.heap.len() < 4 * DEAD_MIN,
                "{} in the heap",
                queue.heap.len()
            );
        });
        assert!(kept.is_set());
    });
}
