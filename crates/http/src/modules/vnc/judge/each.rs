//! Work on many things on one thread, some at a time and each apart from the others.

use tokio::task::JoinSet;

/// Things that are worked on at once.
const AT_ONCE: usize = 32;

/// Does `work` on each. One that waits for an answer holds up few others, and one that panics
/// ends nobody's work but its own. Dropped, it ends what is under way.
pub async fn each<T, F>(all: Vec<T>, work: impl Fn(T) -> F)
where
    F: Future<Output = ()> + 'static,
{
    let mut under_way = JoinSet::new();
    for one in all {
        if under_way.len() >= AT_ONCE {
            // How it ended is its own affair: a panic was logged where it happened.
            let _ = under_way.join_next().await;
        }
        under_way.spawn_local(work(one));
    }
    while under_way.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::sync::Semaphore;

    use super::*;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.build_local(Default::default());
        runtime.expect("a runtime").block_on(work)
    }

    #[test]
    fn a_panic_ends_nobody_elses_work() {
        let done = Rc::new(Cell::new(0));
        let numbers: Vec<usize> = (0..3 * AT_ONCE).collect();
        block_on(each(numbers, |number| {
            let done = done.clone();
            async move {
                assert_ne!(number % 3, 0, "expected");
                done.set(done.get() + 1);
            }
        }));
        assert_eq!(done.get(), 2 * AT_ONCE);
    }

    #[test]
    fn some_work_is_done_while_other_work_waits_and_dropping_ends_all() {
        let gate = Rc::new(Semaphore::new(0));
        let begun = Rc::new(Cell::new(0));
        let numbers: Vec<usize> = (0..2 * AT_ONCE).collect();
        block_on(async {
            let work = each(numbers, |number| {
                let (gate, begun) = (gate.clone(), begun.clone());
                async move {
                    begun.set(begun.get() + 1);
                    if number % 2 == 0 {
                        let _ = gate.acquire().await;
                    }
                }
            });
            let turns = async {
                for _ in 0..10 * AT_ONCE {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                () = work => panic!("half of it waits"),
                () = turns => {}
            }
            // All but the last that waits found room beside those that wait.
            assert_eq!(begun.get(), 2 * AT_ONCE - 1);
            assert!(Rc::strong_count(&gate) > 1);
            tokio::task::yield_now().await;
            assert_eq!(Rc::strong_count(&gate), 1, "nothing is left of it");
        });
    }
}
