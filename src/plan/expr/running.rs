//! Which expression runs on which thread, so that somebody who waits can see one that does not end.
//!
//! Steps ([`super::fuel`]) bound what loops. What is left are products of lists (`.a[] as $x | .b[] as $y | …`), which
//! may take a lifetime without any of them. No thread can be stopped from outside; but it can be named.
//!
//! Does not belong here: what is done about it (`crate::run`). Time of threads is the machine's, not that of tests.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::Expr;

/// A thread that evaluates.
#[derive(Debug, Default)]
struct Place {
    /// Evaluations that began and ended here, together: odd while one runs.
    turn: AtomicU64,
    /// The last that began.
    expr: Mutex<Option<Expr>>,
}

/// Every thread that ever evaluated anything and has not ended.
static PLACES: Mutex<Vec<Weak<Place>>> = Mutex::new(Vec::new());

thread_local! {
    static HERE: OnceCell<Arc<Place>> = const { OnceCell::new() };
}

/// An evaluation, until it is dropped.
pub(super) struct Running(Arc<Place>);

impl Running {
    /// `expr` begins to run on this thread.
    pub(super) fn begin(expr: &Expr) -> Self {
        let here = HERE.with(|here| {
            Arc::clone(here.get_or_init(|| {
                let place = Arc::new(Place::default());
                let mut places = PLACES.lock().expect("nothing that holds it panics");
                places.retain(|place| place.strong_count() > 0);
                places.push(Arc::downgrade(&place));
                place
            }))
        });
        *here.expr.lock().expect("nothing that holds it panics") = Some(expr.clone());
        here.turn.fetch_add(1, Ordering::AcqRel);
        Self(here)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.turn.fetch_add(1, Ordering::AcqRel);
    }
}

/// Looks at all threads from time to time.
#[derive(Debug, Default)]
pub struct Watch {
    /// By the address of the place: the turn that ran when it was first seen, and when that was.
    seen: HashMap<usize, (u64, Instant)>,
}

impl Watch {
    /// The source of an expression whose evaluation this has seen to run for `most` or longer.
    pub fn overdue(&mut self, most: Duration) -> Option<String> {
        let places: Vec<Arc<Place>> =
            PLACES.lock().expect("nothing that holds it panics").iter().filter_map(Weak::upgrade).collect();
        self.look(&places, most)
    }

    fn look(&mut self, places: &[Arc<Place>], most: Duration) -> Option<String> {
        #[expect(clippy::disallowed_methods, reason = "it judges threads, which no test can pause")]
        let now = Instant::now();
        let mut seen = HashMap::new();
        let mut overdue = None;
        for place in places {
            let turn = place.turn.load(Ordering::Acquire);
            if turn.is_multiple_of(2) {
                continue;
            }
            let at = Arc::as_ptr(place).addr();
            let since = match self.seen.get(&at) {
                Some(&(known, since)) if known == turn => since,
                _ => now,
            };
            seen.insert(at, (turn, since));
            if now.duration_since(since) >= most {
                let expr = place.expr.lock().expect("nothing that holds it panics").clone();
                overdue = expr.map(|expr| expr.source().to_owned());
            }
        }
        self.seen = seen;
        overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evaluation_that_does_not_end_is_seen_from_outside_and_one_that_ends_is_not() {
        let expr = Expr::compile(". + 1").expect("an expression");
        let long = Duration::from_hours(1);
        let mut watch = Watch::default();
        let here = {
            let running = Running::begin(&expr);
            let here = [Arc::clone(&running.0)];
            assert_eq!(watch.look(&here, Duration::ZERO), Some(". + 1".to_owned()));
            assert_eq!(watch.look(&here, long), None, "it has not run for so long");
            let (turn, since) = watch.seen.values().next().copied().expect("it is seen");
            // As if that were an hour ago.
            let earlier = since.checked_sub(long);
            if let Some(earlier) = earlier {
                watch.seen.values_mut().for_each(|seen| *seen = (turn, earlier));
                assert_eq!(watch.look(&here, long), Some(". + 1".to_owned()));
            }
            here
        };
        assert_eq!(watch.look(&here, Duration::ZERO), None);
        // The next one is another, and begins anew.
        let next = Running::begin(&expr);
        assert_eq!(watch.look(&here, long), None);
        drop(next);
    }
}
