//! Waiting for a topic in other ways than by blocking: as a future, and beside other things.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::message::{TopicBatch, TopicMessage};
use super::publisher::{Publisher, TopicLoan};
use super::subscriber::{Found, Look, Subscriber, some};
use super::{Shared, ring::Reader};
use crate::codec::Encode;
use crate::error::Result;
use crate::ipc::waitable::Waits;
use crate::layout::FixedLayout;
use crate::sync::Event;

impl<T: FixedLayout> Publisher<T> {
    /// As [`publish`](Self::publish), but lets the thread do other work while the slowest
    /// subscriber of a lossless topic is too far behind.
    ///
    /// The future runs on every executor. If it is dropped before it is done, nothing was
    /// published.
    ///
    /// ```
    /// use barewire_runtime::ipc::Topic;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> barewire_runtime::Result<()> {
    /// let name = format!("docs-topic-async-{}", std::process::id());
    /// let topic = Topic::<u32>::create(&name)?;
    /// let mut subscriber = topic.subscriber()?;
    /// topic.publisher()?.publish_async(&7).await?;
    /// assert_eq!(*subscriber.take_async().await?, 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish), and `Io` if the thread that waits cannot be started.
    pub async fn publish_async(&mut self, message: &T) -> Result<()>
    where
        T: Encode,
    {
        self.room_async().await?;
        self.put(message)
    }

    /// As [`publish_batch`](Self::publish_batch), but lets the thread do other work while there is
    /// no room. If the future is dropped before it is done, some of the messages may be published.
    ///
    /// # Errors
    ///
    /// As [`publish_batch`](Self::publish_batch), and `Io` if the thread that waits cannot be
    /// started.
    pub async fn publish_batch_async(&mut self, messages: &[T]) -> Result<()>
    where
        T: Encode,
    {
        let mut left = messages;
        while !left.is_empty() {
            self.room_async().await?;
            left = &left[self.put_many(left)?..];
        }
        Ok(())
    }

    /// As [`loan`](Self::loan), but lets the thread do other work while there is no room.
    ///
    /// # Errors
    ///
    /// `Io` if the thread that waits cannot be started.
    pub async fn loan_async(&mut self) -> Result<TopicLoan<'_, T>> {
        const { barewire_schema::check::assert_bounded(T::TYPE) };
        self.room_async().await?;
        Ok(TopicLoan::new(self))
    }

    async fn room_async(&mut self) -> Result<()> {
        if self.room() > 0 {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let attempt = || Ok((self.room() > 0).then_some(()));
        shared.space().wait_async(shared.name(), attempt, || shared.recover()).await
    }
}

impl<T: FixedLayout> Subscriber<T> {
    /// As [`take`](Self::take), but lets the thread do other work while there is no message.
    ///
    /// The future runs on every executor. If it is dropped before it is done, nothing was taken.
    ///
    /// ```
    /// use std::time::Duration;
    /// use barewire_runtime::ipc::Topic;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let name = format!("docs-topic-take-async-{}", std::process::id());
    /// let topic = Topic::<u32>::create(&name)?;
    /// let mut subscriber = topic.subscriber()?;
    ///
    /// let sum = tokio::spawn(async move {
    ///     let first = *subscriber.take_async().await?;
    ///     let second = *subscriber.take_async().await?;
    ///     // The executor's own clock serves as a deadline.
    ///     let late = subscriber.take_async();
    ///     assert!(tokio::time::timeout(Duration::from_millis(5), late).await.is_err());
    ///     Ok::<_, barewire_runtime::Error>(first + second)
    /// });
    /// topic.publisher()?.publish_batch(&[3, 4])?;
    /// assert_eq!(sum.await??, 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Io` if the thread that waits cannot be started.
    pub async fn take_async(&mut self) -> Result<TopicMessage<'_, T>> {
        let found = self.found_async(None).await?;
        Ok(TopicMessage::new(self, found))
    }

    /// As [`take_batch`](Self::take_batch), but lets the thread do other work while there is no
    /// message.
    ///
    /// # Errors
    ///
    /// As [`take_async`](Self::take_async).
    pub async fn take_batch_async(&mut self, most: usize) -> Result<TopicBatch<'_, T>> {
        let found = self.found_async(some(most)).await?;
        Ok(TopicBatch::new(self, found))
    }

    async fn found_async(&mut self, most: Option<u64>) -> Result<Found> {
        let shared = Arc::clone(&self.shared);
        let attempt = || Ok(self.find(Look::Both, most));
        shared.items().wait_async(shared.name(), attempt, || shared.recover()).await
    }

    /// What a [`WaitSet`](crate::ipc::WaitSet) waits for: that this subscriber can take a message.
    ///
    /// It stands for the subscriber in the set, so that the subscriber itself stays free to take.
    /// All that is asked for of one subscriber are the same.
    ///
    /// ```
    /// use barewire_runtime::ipc::{Topic, WaitSet};
    ///
    /// # fn main() -> barewire_runtime::Result<()> {
    /// # let name = |what| format!("docs-arrivals-{what}-{}", std::process::id());
    /// let (news, prices) = (Topic::<u32>::create(name("news"))?, Topic::create(name("prices"))?);
    /// let (mut told, mut priced) = (news.subscriber()?, prices.subscriber()?);
    /// let arrivals = (told.arrivals(), priced.arrivals());
    /// let mut set = WaitSet::new();
    /// set.add(&arrivals.0, "news")?;
    /// set.add(&arrivals.1, "prices")?;
    ///
    /// prices.publisher()?.publish(&31_u64)?;
    /// assert_eq!(set.wait()?, ["prices"]);
    /// assert_eq!(*priced.take()?, 31);
    /// assert!(set.try_wait()?.is_empty() && told.try_take()?.is_none());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn arrivals(&mut self) -> Arrivals {
        let positions = self.positions.get_or_insert_with(|| {
            let positions = self.readers.iter().map(|reader| AtomicU64::new(reader.position));
            positions.collect()
        });
        Arrivals { shared: Arc::clone(&self.shared), positions: Arc::clone(positions) }
    }
}

/// Whether a subscriber can take a message, for a [`WaitSet`](crate::ipc::WaitSet); see
/// [`Subscriber::arrivals`].
pub struct Arrivals {
    shared: Arc<Shared>,
    /// What the subscriber reads next of each lane.
    positions: Arc<[AtomicU64]>,
}

impl Waits for Arrivals {
    fn event(&self) -> Event<'_> {
        self.shared.items()
    }

    fn ready(&self) -> bool {
        self.positions.iter().enumerate().any(|(number, position)| {
            let mut reader = Reader::at(position.load(Ordering::Relaxed));
            self.shared.lane(number).ready(&mut reader, true) > 0
        })
    }

    fn look_for_the_dead(&self) {
        self.shared.recover();
    }
}

impl fmt::Debug for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrivals").field("topic", &self.shared.name()).finish_non_exhaustive()
    }
}
