//! Jobs side by side, one thread each.
//!
//! Small matrix products lose more than they gain where threads share each of them; whole batches that share nothing
//! do not. A job that is alone has all threads to itself.

use std::sync::Mutex;
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// Threads that take jobs.
pub struct Workers {
    pools: Vec<ThreadPool>,
}

impl Workers {
    /// As many as there are threads in rayon's global pool.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn new() -> Result<Self, ThreadPoolBuildError> {
        let pools = (0..rayon::current_num_threads()).map(|_| ThreadPoolBuilder::new().num_threads(1).build());
        Ok(Self { pools: pools.collect::<Result<_, _>>()? })
    }

    /// How many threads there are.
    pub fn count(&self) -> usize {
        self.pools.len()
    }

    /// Does every job, and returns what they give in their order; the first error in that order, if there is one.
    pub fn run<J: Send, T: Send, E: Send>(
        &self,
        jobs: Vec<J>,
        job: impl Fn(J) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        if jobs.len() < 2 || self.pools.len() < 2 {
            return jobs.into_iter().map(job).collect();
        }
        let (queue, done) = (Mutex::new(jobs.into_iter().enumerate()), Mutex::new(Vec::new()));
        let next = || queue.lock().ok().and_then(|mut queue| queue.next());
        let work = || {
            while let Some((place, one)) = next() {
                let result = job(one);
                if let Ok(mut done) = done.lock() {
                    done.push((place, result));
                }
            }
        };
        thread::scope(|scope| {
            for pool in &self.pools {
                scope.spawn(|| pool.install(work));
            }
        });
        let mut done = done.into_inner().unwrap_or_default();
        done.sort_by_key(|(place, _)| *place);
        done.into_iter().map(|(_, result)| result).collect()
    }
}
