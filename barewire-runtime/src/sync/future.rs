//! The form of a wait that is a future, for whatever executor.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Instant;

use super::reactor::Registration;
use super::{Event, slice};
use crate::error::{Error, Result};

impl Event<'_> {
    /// As [`wait`](Self::wait) without a deadline, but lets the thread do other work meanwhile.
    ///
    /// `attempt` and `idle` are called only while the future is polled. A future that is dropped
    /// has taken nothing, and passes on a wake that it was given.
    pub(crate) async fn wait_async<T>(
        &self,
        name: &str,
        mut attempt: impl FnMut() -> Result<Option<T>>,
        mut idle: impl FnMut(),
    ) -> Result<T> {
        let mut registration = Registration::new(*self);
        let mut looked_at = None;
        poll_fn(|context| {
            registration.leave();
            let found = attempt();
            if found.is_ok() {
                registration.spent();
            }
            if let Some(done) = finished(found) {
                return done;
            }
            let now = Instant::now();
            if now.duration_since(*looked_at.get_or_insert(now)) >= slice() {
                looked_at = Some(now);
                idle();
            }
            if let Err(error) = registration.enter(context.waker()) {
                return Poll::Ready(Err(Error::system(name, "cannot wait for others", error)));
            }
            // A wake that came between the last step and this one is not spent by it: the drop of
            // the registration passes it on.
            finished(attempt()).unwrap_or(Poll::Pending)
        })
        .await
    }
}

fn finished<T>(found: Result<Option<T>>) -> Option<Poll<Result<T>>> {
    found.transpose().map(Poll::Ready)
}
