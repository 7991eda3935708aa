//! Panics of libraries as errors: what a file holds must not end the program, whoever made it.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many calls of [`caught`] are under way.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
static HOOK: Once = Once::new();

/// What a library said as it gave up.
#[derive(Debug, thiserror::Error)]
#[error("the library that reads it gave up: {0}")]
pub struct Caught(String);

/// Does what a library may panic in, which then says nothing on stderr by itself. It may do so on threads of its own, so
/// the silence is everybody's for so long; what panics outside goes on unwinding, and is told by whoever waits for it.
///
/// What `work` has borrowed must not be used after a panic.
///
/// # Errors
/// That the library has panicked.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Caught> {
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if UNDER_WAY.load(Ordering::SeqCst) == 0 {
                usual(info);
            }
        }));
    });
    UNDER_WAY.fetch_add(1, Ordering::SeqCst);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
    done.map_err(|payload| Caught(words(&*payload)))
}

/// The first line of what was said.
fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a word");
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
#[expect(clippy::panic, reason = "it is what is caught")]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_in_its_words() {
        assert_eq!(caught(|| 1).ok(), Some(1));
        let lost = caught(|| panic!("no such type: {}", "Float16"));
        assert_eq!(lost.map_err(|error| error.0), Err::<(), _>("no such type: Float16".to_owned()));
    }
}
