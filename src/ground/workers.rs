//! Jobs side by side, one thread each; and steps side by side, each on the item that the step before has done.
//!
//! Small matrix products lose more than they gain where threads share each of them; whole batches that share nothing
//! do not. A job that is alone has all threads to itself.

use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// Threads that take jobs.
pub struct Workers {
    pools: Vec<ThreadPool>,
    /// The device that they share, where they do.
    device: Option<Mutex<()>>,
}

impl Workers {
    /// As many as there are threads in rayon's global pool.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn new() -> Result<Self, ThreadPoolBuildError> {
        let pools = (0..rayon::current_num_threads()).map(|_| ThreadPoolBuilder::new().num_threads(1).build());
        Ok(Self { pools: pools.collect::<Result<_, _>>()?, device: None })
    }

    /// None: each job is done where it is asked for, one after another.
    pub fn alone() -> Self {
        Self { pools: Vec::new(), device: None }
    }

    /// So many that share a device, which one of them has at a time.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn sharing(count: usize) -> Result<Self, ThreadPoolBuildError> {
        let pools = (0..count).map(|_| ThreadPoolBuilder::new().num_threads(1).build());
        Ok(Self { pools: pools.collect::<Result<_, _>>()?, device: Some(Mutex::new(())) })
    }

    /// Whether they share a device.
    pub fn share_a_device(&self) -> bool {
        self.device.is_some()
    }

    /// Does something while no other worker does anything on the device that they share, where they do.
    pub fn on_the_device<T>(&self, work: impl FnOnce() -> T) -> T {
        let _has_it = self.device.as_ref().map(|device| device.lock().unwrap_or_else(PoisonError::into_inner));
        work()
    }

    /// How many jobs are done at a time.
    pub fn count(&self) -> usize {
        self.pools.len().max(1)
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
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            while let Some((place, one)) = next() {
                let result = job(one);
                done.lock().unwrap_or_else(PoisonError::into_inner).push((place, result));
            }
        };
        thread::scope(|scope| {
            for pool in &self.pools {
                scope.spawn(|| pool.install(work));
            }
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(place, _)| *place);
        done.into_iter().map(|(_, result)| result).collect()
    }
}

/// Items that wait between two steps at most.
const WAITING: usize = 1;

/// Takes items through three steps at the same time, so that none waits for the disk or for another's arithmetic: `read`
/// gives them, `work` turns each into a result, and `write` uses the results up, in order and on this thread. However
/// many items there are, a handful exists at once.
///
/// # Errors
/// The first of any step, in the order of the items; the results before it are written.
pub fn overlap<I, T, E: Send, Items: Iterator<Item = Result<I, E>>>(
    read: impl FnOnce() -> Result<Items, E> + Send,
    mut work: impl FnMut(I) -> Result<T, E> + Send,
    mut write: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E>
where
    I: Send,
    T: Send,
{
    thread::scope(|scope| {
        let (items, taken) = sync_channel(WAITING);
        let (results, done) = sync_channel(WAITING);
        // Where nobody takes what a step sends, a later one has failed, and that error is the one to report.
        scope.spawn(move || match read() {
            Ok(mut read) => read.try_for_each(|item| items.send(item)),
            Err(error) => items.send(Err(error)),
        });
        scope.spawn(move || taken.into_iter().try_for_each(|item| results.send(item.and_then(&mut work))));
        done.into_iter().try_for_each(|result| write(result?))
    })
}
