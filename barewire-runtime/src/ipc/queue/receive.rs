//! Taking messages out of a queue.

use std::time::{Duration, Instant};

use super::MessageQueue;
use super::batch::QueueBatch;
use super::lanes::{Glance, Readers, Run};
use super::message::{QueueMessage, copied_layout};
use crate::codec::{self, Decode};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;
use crate::sync::breathe;
use crate::sync::shelf::Taken;

impl<T: FixedLayout> MessageQueue<T> {
    /// Takes the oldest message; waits while the queue is empty.
    ///
    /// # Errors
    ///
    /// None today; a queue may come to be closed.
    #[inline(always)]
    pub fn dequeue(&self) -> Result<QueueMessage<'_, T>> {
        match self.take_next().or_else(|| self.take_until(None, 1)) {
            Some(run) => Ok(QueueMessage::new(self, run)),
            None => Err(self.timed_out("nothing arrived")),
        }
    }

    /// Takes the oldest message; `None` if none has arrived within `timeout`.
    ///
    /// # Errors
    ///
    /// None today; a queue may come to be closed.
    pub fn dequeue_timeout(&self, timeout: Duration) -> Result<Option<QueueMessage<'_, T>>> {
        let run = self.take_until(Instant::now().checked_add(timeout), 1);
        Ok(run.map(|run| QueueMessage::new(self, run)))
    }

    /// Takes the oldest message, if there is one.
    ///
    /// # Errors
    ///
    /// None today; a queue may come to be closed.
    #[inline(always)]
    pub fn try_dequeue(&self) -> Result<Option<QueueMessage<'_, T>>> {
        let run = self.try_take(1);
        Ok(run.map(|run| QueueMessage::new(self, run)))
    }

    /// Takes up to `most` of the oldest messages; waits while there is none.
    ///
    /// # Errors
    ///
    /// None today; a queue may come to be closed.
    pub fn dequeue_batch(&self, most: usize) -> Result<QueueBatch<'_, T>> {
        match self.take_until(None, most) {
            Some(run) => Ok(QueueBatch::new(self, run, most)),
            None => Err(self.timed_out("nothing arrived")),
        }
    }

    /// Takes up to `most` of the oldest messages; none if none has arrived within `timeout`.
    ///
    /// # Errors
    ///
    /// None today; a queue may come to be closed.
    pub fn dequeue_batch_timeout(
        &self,
        most: usize,
        timeout: Duration,
    ) -> Result<Option<QueueBatch<'_, T>>> {
        let run = self.take_until(Instant::now().checked_add(timeout), most);
        Ok(run.map(|run| QueueBatch::new(self, run, most)))
    }

    /// Takes up to `most` of the oldest messages, if there are any.
    ///
    /// # Errors
    ///
    /// None today; a queue may come to be closed.
    pub fn try_dequeue_batch(&self, most: usize) -> Result<Option<QueueBatch<'_, T>>> {
        Ok(self.try_take(most).map(|run| QueueBatch::new(self, run, most)))
    }

    /// A copy of the message that is next, which stays in the queue.
    ///
    /// # Errors
    ///
    /// `InvalidValue` if it is no value of `T`.
    pub fn peek(&self) -> Result<Option<T>>
    where
        T: for<'de> Decode<'de>,
    {
        let mut bytes = Vec::new();
        let found = self.lanes().peek(&mut self.readers.lock(), |slot| {
            bytes.resize(self.length(slot), 0);
            self.segment.map().read_volatile(self.plan.payload_at(slot), &mut bytes);
        });
        found.map(|()| self.value(&bytes)).transpose()
    }

    /// The value whose layout or encoding the bytes are.
    pub(super) fn value(&self, bytes: &[u8]) -> Result<T>
    where
        T: for<'de> Decode<'de>,
    {
        let invalid = |error: String| Error::new(ErrorKind::InvalidValue, self.name(), error);
        if self.plan.encoded {
            return codec::decode(bytes).map_err(|error| invalid(error.to_string()));
        }
        T::load(&copied_layout::<T>(bytes)).map_err(|error| invalid(error.to_string()))
    }

    /// The next message, if it stands where the last one suggests. This is how a stream is read.
    #[inline(always)]
    fn take_next(&self) -> Option<Run> {
        let (lanes, mut readers) = (self.lanes(), self.readers.lock());
        match lanes.glance(&mut readers) {
            Glance::Message => lanes.take_next(&mut readers),
            _ => None,
        }
    }

    #[inline(always)]
    pub(super) fn take_now(&self, most: usize) -> Option<Run> {
        let (lanes, mut readers) = (self.lanes(), self.readers.lock());
        match lanes.glance(&mut readers) {
            Glance::Nothing => return Self::missed(readers),
            Glance::Message if most == 1 => {
                if let Some(run) = lanes.take_next(&mut readers) {
                    readers.pace.found();
                    return Some(run);
                }
            }
            _ => {}
        }
        self.look(readers, most)
    }

    /// Looks for messages wherever they may be.
    #[inline(never)]
    fn look(&self, mut readers: Taken<'_, Readers>, most: usize) -> Option<Run> {
        let Some(run) = self.lanes().take(&mut readers, at_least_one(most)) else {
            return Self::missed(readers);
        };
        readers.pace.found();
        Some(run)
    }

    /// Ends a look that has found nothing.
    #[inline(always)]
    fn missed(mut readers: Taken<'_, Readers>) -> Option<Run> {
        if readers.pace.missed() {
            // Other threads of this handle may look meanwhile.
            drop(readers);
            breathe();
        }
        None
    }

    /// The next messages of a batch that has some already, which shall not wait for more.
    pub(super) fn take_more(&self, most: usize) -> Option<Run> {
        let (lanes, mut readers) = (self.lanes(), self.readers.lock());
        if lanes.glance(&mut readers) == Glance::Nothing {
            return None;
        }
        let run = lanes.take(&mut readers, at_least_one(most))?;
        readers.pace.found();
        Some(run)
    }

    #[inline(always)]
    fn try_take(&self, most: usize) -> Option<Run> {
        let run = self.take_now(most);
        if run.is_none() && self.is_time_to_recover() {
            self.take_after_recovery(most)
        } else {
            run
        }
    }

    #[cold]
    fn take_after_recovery(&self, most: usize) -> Option<Run> {
        self.recover();
        self.take_now(most)
    }

    #[inline(never)]
    fn take_until(&self, deadline: Option<Instant>, most: usize) -> Option<Run> {
        let attempt = || Ok::<_, std::convert::Infallible>(self.take_now(most));
        match self.items().wait_as(self.wait, deadline, attempt, || self.recover()) {
            Ok(run) => run,
        }
    }
}

/// How many messages are taken at most.
fn at_least_one(most: usize) -> u32 {
    u32::try_from(most).unwrap_or(u32::MAX).max(1)
}
