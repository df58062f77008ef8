//! Several messages that were taken at once.

use std::fmt;

use super::MessageQueue;
use super::lanes::Run;
use super::message::QueueBatchItem;
use crate::layout::FixedLayout;

/// The most runs of messages that one batch holds.
const MAX_RUNS: usize = 64;
/// The same of messages that have a block each.
const MAX_LARGE_RUNS: usize = 8;

/// Messages that were taken out of a queue at once; dropping the batch acknowledges them all.
///
/// If the process dies before that, all of them are delivered again.
///
/// ```
/// use barewire_runtime::ipc::MessageQueue;
///
/// # fn main() -> barewire_runtime::Result<()> {
/// let name = format!("docs-batch-{}", std::process::id());
/// let queue = MessageQueue::<u32>::builder(&name).create()?;
/// queue.enqueue_batch(&[1, 2, 3])?;
/// let batch = queue.dequeue_batch(256)?;
/// let sum: u32 = batch.iter().map(|message| message.read()).sum::<Result<u32, _>>()?;
/// assert_eq!((batch.len(), sum), (3, 6));
/// # Ok(()) }
/// ```
pub struct QueueBatch<'q, T: FixedLayout> {
    queue: &'q MessageQueue<T>,
    first: Run,
    /// All runs, if there are several. Most batches have one, and are moved a few times.
    several: Vec<Run>,
    messages: usize,
}

impl<'q, T: FixedLayout> QueueBatch<'q, T> {
    #[inline]
    pub(super) fn new(queue: &'q MessageQueue<T>, first: Run, most: usize) -> Self {
        let mut batch =
            Self { queue, first, several: Vec::new(), messages: first.count() as usize };
        while batch.messages < most && batch.runs().len() < batch.most_runs() {
            let Some(run) = queue.take_more(most - batch.messages) else {
                break;
            };
            batch.add(run, most);
        }
        batch
    }

    fn most_runs(&self) -> usize {
        // A message with a block of its own keeps that from the producers: leave them enough.
        if self.queue.plan.shape.slots == 1 { MAX_LARGE_RUNS } else { MAX_RUNS }
    }

    fn add(&mut self, run: Run, most: usize) {
        if self.several.is_empty() {
            self.several.reserve_exact(self.most_runs().min(most));
            self.several.push(self.first);
        }
        self.several.push(run);
        self.messages += run.count() as usize;
    }

    #[inline(always)]
    fn runs(&self) -> &[Run] {
        if self.several.is_empty() { std::slice::from_ref(&self.first) } else { &self.several }
    }

    /// How many messages it has; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.messages
    }

    /// The messages, in the order of each sender.
    pub fn iter(&self) -> impl Iterator<Item = QueueBatchItem<'_, T>> {
        let queue = self.queue;
        self.runs().iter().flat_map(move |&run| {
            (0..run.count()).map(move |place| QueueBatchItem::new(queue, run.plus(place)))
        })
    }
}

impl<'b, T: FixedLayout> IntoIterator for &'b QueueBatch<'_, T> {
    type Item = QueueBatchItem<'b, T>;
    type IntoIter = Box<dyn Iterator<Item = QueueBatchItem<'b, T>> + 'b>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

impl<T: FixedLayout> Drop for QueueBatch<'_, T> {
    fn drop(&mut self) {
        for run in self.runs() {
            self.queue.acknowledge(run);
        }
    }
}

impl<T: FixedLayout> fmt::Debug for QueueBatch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueBatch").field("messages", &self.messages).finish_non_exhaustive()
    }
}
