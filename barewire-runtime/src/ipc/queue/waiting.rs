//! Waiting for a queue in other ways than by blocking: as a future, and beside other things.

use super::batch::QueueBatch;
use super::geometry::Overflow;
use super::message::{QueueLoan, QueueMessage};
use super::send::Patience;
use super::{MessageQueue, Run};
use crate::codec::Encode;
use crate::error::Result;
use crate::ipc::waitable::Waits;
use crate::layout::FixedLayout;
use crate::sync::Event;

impl<T: FixedLayout> MessageQueue<T> {
    /// As [`enqueue`](Self::enqueue), but lets the thread do other work while the queue is full.
    ///
    /// The future runs on every executor. If it is dropped before it is done, nothing was sent.
    ///
    /// # Errors
    ///
    /// As [`enqueue`](Self::enqueue), and `Io` if the thread that waits cannot be started.
    ///
    /// ```
    /// use barewire_runtime::ipc::MessageQueue;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> barewire_runtime::Result<()> {
    /// let name = format!("docs-async-{}", std::process::id());
    /// let queue = MessageQueue::<u32>::builder(&name).capacity(64).create()?;
    /// queue.enqueue_async(&7).await?;
    /// assert_eq!(*queue.dequeue_async().await?, 7);
    /// # Ok(()) }
    /// ```
    pub async fn enqueue_async(&self, message: &T) -> Result<()>
    where
        T: Encode,
    {
        self.sent_async(|| self.send_one(message, Patience::None)).await
    }

    /// As [`enqueue_batch`](Self::enqueue_batch), but lets the thread do other work while the queue
    /// is full. If the future is dropped before it is done, some of the messages may be in the
    /// queue.
    ///
    /// # Errors
    ///
    /// As [`enqueue_batch`](Self::enqueue_batch), and `Io` if the thread that waits cannot be
    /// started.
    ///
    /// ```
    /// use barewire_runtime::ipc::MessageQueue;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> barewire_runtime::Result<()> {
    /// let name = format!("docs-async-many-{}", std::process::id());
    /// let queue = MessageQueue::<u32>::builder(&name).capacity(64).create()?;
    /// let numbers: Vec<u32> = (0..1000).collect();
    /// let taken = async {
    ///     let mut taken = 0;
    ///     while taken < numbers.len() {
    ///         taken += queue.dequeue_batch_async(100).await?.len();
    ///     }
    ///     Ok(())
    /// };
    /// tokio::try_join!(queue.enqueue_batch_async(&numbers), taken)?;
    /// assert!(queue.is_empty());
    /// # Ok(()) }
    /// ```
    pub async fn enqueue_batch_async(&self, messages: &[T]) -> Result<()>
    where
        T: Encode,
    {
        let mut left = messages;
        while !left.is_empty() {
            let sent = self.sent_async(|| self.send_some(left, Patience::None)).await?;
            left = &left[sent..];
        }
        Ok(())
    }

    /// As [`loan`](Self::loan), but lets the thread do other work while the queue is full.
    ///
    /// # Errors
    ///
    /// As [`loan`](Self::loan), and `Io` if the thread that waits cannot be started.
    ///
    /// ```
    /// use barewire_runtime::ipc::MessageQueue;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> barewire_runtime::Result<()> {
    /// let name = format!("docs-async-loan-{}", std::process::id());
    /// let queue = MessageQueue::<[u64; 512]>::create(&name)?;
    /// let mut loan = queue.loan_async().await?;
    /// loan[511] = 9;
    /// loan.send()?;
    /// assert_eq!(queue.dequeue_async().await?[511], 9);
    /// # Ok(()) }
    /// ```
    pub async fn loan_async(&self) -> Result<QueueLoan<'_, T>> {
        self.sent_async(|| self.try_loan()).await
    }

    /// What `attempt` yields as soon as it finds room; at once if the queue says that it is full.
    async fn sent_async<R>(&self, mut attempt: impl FnMut() -> Result<R>) -> Result<R> {
        let may_wait = self.plan.overflow != Overflow::Reject;
        let attempt = || match attempt() {
            Err(error) if error.is_full() && may_wait => Ok(None),
            result => result.map(Some),
        };
        self.space().wait_async(self.name(), attempt, || self.recover()).await
    }

    /// As [`dequeue`](Self::dequeue), but lets the thread do other work while the queue is empty.
    ///
    /// The future runs on every executor. If it is dropped before it is done, nothing was taken.
    ///
    /// # Errors
    ///
    /// `Io` if the thread that waits cannot be started.
    ///
    /// ```
    /// use std::time::Duration;
    /// use barewire_runtime::ipc::MessageQueue;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let name = format!("docs-async-dequeue-{}", std::process::id());
    /// let queue = MessageQueue::<u32>::builder(&name).create()?;
    /// let other = MessageQueue::<u32>::open(&name)?;       // in another process, as a rule
    ///
    /// let sum = tokio::spawn(async move {
    ///     let first = *other.dequeue_async().await?;
    ///     let second = *other.dequeue_async().await?;
    ///     Ok::<_, barewire_runtime::Error>(first + second)
    /// });
    /// queue.enqueue_batch(&[3, 4])?;
    /// assert_eq!(sum.await??, 7);
    ///
    /// // The executor's own clock serves as a deadline.
    /// let late = tokio::time::timeout(Duration::from_millis(5), queue.dequeue_async()).await;
    /// assert!(late.is_err());
    /// # Ok(()) }
    /// ```
    pub async fn dequeue_async(&self) -> Result<QueueMessage<'_, T>> {
        self.take_async(1).await.map(|run| QueueMessage::new(self, run))
    }

    /// As [`dequeue_batch`](Self::dequeue_batch), but lets the thread do other work while the queue
    /// is empty.
    ///
    /// # Errors
    ///
    /// As [`dequeue_async`](Self::dequeue_async).
    ///
    /// ```
    /// use barewire_runtime::ipc::MessageQueue;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> barewire_runtime::Result<()> {
    /// let name = format!("docs-async-batch-{}", std::process::id());
    /// let queue = MessageQueue::<u32>::builder(&name).create()?;
    /// queue.enqueue_batch(&[1, 2, 3])?;
    /// assert_eq!(queue.dequeue_batch_async(256).await?.len(), 3);
    /// # Ok(()) }
    /// ```
    pub async fn dequeue_batch_async(&self, most: usize) -> Result<QueueBatch<'_, T>> {
        self.take_async(most).await.map(|run| QueueBatch::new(self, run, most))
    }

    async fn take_async(&self, most: usize) -> Result<Run> {
        let attempt = || Ok(self.take_now(most));
        self.items().wait_async(self.name(), attempt, || self.recover()).await
    }
}

impl<T: FixedLayout> Waits for MessageQueue<T> {
    fn event(&self) -> Event<'_> {
        self.items()
    }

    fn ready(&self) -> bool {
        self.lanes().any(&mut self.readers.lock())
    }

    fn look_for_the_dead(&self) {
        self.recover();
    }
}
