//! Steps side by side: order, errors, and how far one runs ahead of another.

use std::sync::atomic::{AtomicUsize, Ordering};

use docre::ground::workers::overlap;

/// Squares of 0, 1, … as far as they are written, and what the run comes to.
fn squares(items: impl Iterator<Item = Result<u64, String>> + Send, most: u64) -> (Vec<u64>, Result<(), String>) {
    let mut written = Vec::new();
    let square = |item: u64| if item < most { Ok(item * item) } else { Err(format!("{item} is too large")) };
    let result = overlap(
        || Ok(items),
        square,
        |square| {
            written.push(square);
            Ok(())
        },
    );
    (written, result)
}

#[test]
fn results_come_in_order() {
    let (written, result) = squares((0..100).map(Ok), 100);
    assert_eq!((written, result), ((0..100).map(|item| item * item).collect(), Ok(())));
    assert_eq!(squares(std::iter::empty(), 1), (Vec::new(), Ok(())));
}

#[test]
fn the_first_error_of_any_step_ends_the_run() {
    assert_eq!(squares((0..).map(Ok), 2), (vec![0, 1], Err("2 is too large".into())));
    let read = (0..).map(|item| if item < 3 { Ok(item) } else { Err("cannot read".to_owned()) });
    assert_eq!(squares(read, 100), (vec![0, 1, 4], Err("cannot read".into())));
    let unread = overlap(|| Err::<std::iter::Empty<_>, _>("no table"), |(): ()| Ok(()), |()| Ok(()));
    assert_eq!(unread, Err("no table"));
    let unwritten = overlap(|| Ok((0..).map(Ok)), Ok::<u64, &str>, |_| Err("disk full"));
    assert_eq!(unwritten, Err("disk full"));
}

#[test]
fn no_step_runs_far_ahead() {
    let (read, mut written) = (AtomicUsize::new(0), 0);
    let items = (0..1000).map(|_| Ok::<_, ()>(read.fetch_add(1, Ordering::SeqCst)));
    let result = overlap(
        || Ok(items),
        Ok,
        |_| {
            written += 1;
            // One in the hands of each step, and one that waits before each.
            assert!(read.load(Ordering::SeqCst) <= written + 5);
            Ok(())
        },
    );
    assert_eq!((result, written), (Ok(()), 1000));
}
