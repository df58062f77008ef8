//! Queues, topics and services without a name, handed to other processes as descriptors.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::queue::QueueBuilder;
use super::service::ServiceBuilder;
use super::topic::TopicBuilder;
use super::{MessageQueue, Service, Topic};
use crate::error::Result;
use crate::layout::FixedLayout;
use crate::segment::Place;

impl<T: FixedLayout> QueueBuilder<T> {
    /// Makes the queue without a name, in sealed memory that only descriptors lead to; see
    /// [`share_descriptor`](MessageQueue::share_descriptor).
    ///
    /// The name given to the builder serves in errors alone. The memory lasts for as long as
    /// somebody has a descriptor of it or is attached.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create), without those of a directory.
    pub fn create_anonymous(mut self) -> Result<MessageQueue<T>> {
        self.place = Place::Memory;
        self.make()
    }

    /// Opens the queue behind a descriptor that another process has got from
    /// [`share_descriptor`](MessageQueue::share_descriptor).
    ///
    /// # Errors
    ///
    /// `Untrusted` if the descriptor is none of sealed memory, `Io` also if `/proc` is not there,
    /// and as [`open`](Self::open), without those of a directory.
    pub fn open_descriptor(mut self, descriptor: OwnedFd) -> Result<MessageQueue<T>> {
        self.place = Place::Descriptor(Arc::new(descriptor));
        self.attach()
    }
}

impl<T: FixedLayout> MessageQueue<T> {
    /// A descriptor of a queue that was made with
    /// [`create_anonymous`](QueueBuilder::create_anonymous), for another process.
    ///
    /// It goes there by inheritance or over a Unix socket (`SCM_RIGHTS`); ask for one for each
    /// process. Whoever has it can attach, also after all others have left. If the other process
    /// is not to be trusted, make the queue [`isolated`](QueueBuilder::isolated): its length
    /// nobody can change, its bytes everybody can.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the queue has a name, `Io` if the process can open no more files.
    ///
    /// ```
    /// # extern crate barewire_runtime as barewire;
    /// use barewire::ipc::MessageQueue;
    ///
    /// # fn main() -> barewire::Result<()> {
    /// let queue = MessageQueue::<u32>::builder("jobs").isolated().create_anonymous()?;
    /// let descriptor = queue.share_descriptor()?;
    /// // In the other process:
    /// let other = MessageQueue::<u32>::builder("jobs").open_descriptor(descriptor)?;
    /// queue.enqueue(&7)?;
    /// assert_eq!(*other.dequeue()?, 7);
    /// # Ok(()) }
    /// ```
    pub fn share_descriptor(&self) -> Result<OwnedFd> {
        self.segment().share()
    }
}

impl<T: FixedLayout> TopicBuilder<T> {
    /// Makes the topic without a name, in sealed memory that only descriptors lead to; see
    /// [`share_descriptor`](Topic::share_descriptor).
    ///
    /// The name given to the builder serves in errors alone. The memory lasts for as long as
    /// somebody has a descriptor of it or is attached.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create), without those of a directory.
    pub fn create_anonymous(mut self) -> Result<Topic<T>> {
        self.place = Place::Memory;
        self.make()
    }

    /// Opens the topic behind a descriptor that another process has got from
    /// [`share_descriptor`](Topic::share_descriptor).
    ///
    /// # Errors
    ///
    /// `Untrusted` if the descriptor is none of sealed memory, `Io` also if `/proc` is not there,
    /// and as [`open`](Self::open), without those of a directory.
    pub fn open_descriptor(mut self, descriptor: OwnedFd) -> Result<Topic<T>> {
        self.place = Place::Descriptor(Arc::new(descriptor));
        self.attach()
    }
}

impl<T: FixedLayout> Topic<T> {
    /// A descriptor of a topic that was made with
    /// [`create_anonymous`](TopicBuilder::create_anonymous), for another process.
    ///
    /// It goes there by inheritance or over a Unix socket (`SCM_RIGHTS`); ask for one for each
    /// process. Whoever has it can attach, also after all others have left. Its
    /// length nobody can change, its bytes everybody can.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the topic has a name, `Io` if the process can open no more files.
    ///
    /// ```
    /// # extern crate barewire_runtime as barewire;
    /// use barewire::ipc::Topic;
    ///
    /// # fn main() -> barewire::Result<()> {
    /// let topic = Topic::<u32>::builder("prices").create_anonymous()?;
    /// let mut subscriber = topic.subscriber()?;
    /// let descriptor = topic.share_descriptor()?;
    /// // In the other process:
    /// let other = Topic::<u32>::builder("prices").open_descriptor(descriptor)?;
    /// other.publisher()?.publish(&7)?;
    /// assert_eq!(*subscriber.take()?, 7);
    /// # Ok(()) }
    /// ```
    pub fn share_descriptor(&self) -> Result<OwnedFd> {
        self.segment().share()
    }
}

impl<Request: FixedLayout, R: FixedLayout> ServiceBuilder<Request, R> {
    /// Makes the service without a name, in sealed memory that only descriptors lead to; see
    /// [`share_descriptor`](Service::share_descriptor).
    ///
    /// The name given to the builder serves in errors alone. The memory lasts for as long as
    /// somebody has a descriptor of it or is attached.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create), without those of a directory.
    pub fn create_anonymous(mut self) -> Result<Service<Request, R>> {
        self.place = Place::Memory;
        self.make()
    }

    /// Opens the service behind a descriptor that another process has got from
    /// [`share_descriptor`](Service::share_descriptor).
    ///
    /// # Errors
    ///
    /// `Untrusted` if the descriptor is none of sealed memory, `Io` also if `/proc` is not there,
    /// and as [`open`](Self::open), without those of a directory.
    pub fn open_descriptor(mut self, descriptor: OwnedFd) -> Result<Service<Request, R>> {
        self.place = Place::Descriptor(Arc::new(descriptor));
        self.attach()
    }
}

impl<Request: FixedLayout, R: FixedLayout> Service<Request, R> {
    /// A descriptor of a service that was made with
    /// [`create_anonymous`](ServiceBuilder::create_anonymous), for another process.
    ///
    /// It goes there by inheritance or over a Unix socket (`SCM_RIGHTS`); ask for one for each
    /// process. Whoever has it can attach, also after all others have left. If the other process
    /// is not to be trusted, make the service [`isolated`](ServiceBuilder::isolated): its length
    /// nobody can change, its bytes everybody can.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the service has a name, `Io` if the process can open no more files.
    ///
    /// ```
    /// # extern crate barewire_runtime as barewire;
    /// use barewire::ipc::Service;
    ///
    /// # fn main() -> barewire::Result<()> {
    /// let service = Service::<u32, u64>::builder("square").isolated().create_anonymous()?;
    /// let descriptor = service.share_descriptor()?;
    /// // In the other process:
    /// let other = Service::<u32, u64>::builder("square").open_descriptor(descriptor)?;
    /// let client = other.client()?;
    /// let pending = client.start(&12)?;
    /// service.server()?.next()?.reply(&144)?;
    /// assert_eq!(*pending.wait()?, 144);
    /// # Ok(()) }
    /// ```
    pub fn share_descriptor(&self) -> Result<OwnedFd> {
        self.segment().share()
    }
}
