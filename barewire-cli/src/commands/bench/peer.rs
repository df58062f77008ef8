//! The other process of a measurement: it answers, or counts, until it is told to stop.

use std::path::PathBuf;

use barewire::{MessageQueue, Service, Topic, Wait};

use super::{Message, PATIENCE, late, pin};
use crate::failure::{Code, Failure, Outcome};
use crate::find::Place;

/// The message that ends a measurement.
pub(super) const STOP: Message = [u64::MAX; 8];
/// The most messages that are taken at a time.
const BATCH: usize = 256;

/// What the segments of a measurement are called.
pub(super) struct Names {
    pub(super) directory: PathBuf,
    pub(super) name: String,
}

type Two<T> = (T, T);

impl Names {
    fn both(&self) -> [String; 2] {
        ["there", "back"].map(|way| format!("{}.{way}", self.name))
    }

    pub(super) fn queues(&self, wait: Wait, make: bool) -> Outcome<Two<MessageQueue<Message>>> {
        let [there, back] = self.both().map(|name| {
            let builder = MessageQueue::builder(name).directory(&self.directory).wait(wait);
            if make { builder.capacity(1024).create() } else { builder.open() }
        });
        Ok((there?, back?))
    }

    pub(super) fn topics(&self, wait: Wait, make: bool) -> Outcome<Two<Topic<Message>>> {
        let [there, back] = self.both().map(|name| {
            let builder = Topic::builder(name).directory(&self.directory).wait(wait);
            if make { builder.depth(1024).create() } else { builder.open() }
        });
        Ok((there?, back?))
    }

    pub(super) fn service(&self, wait: Wait, make: bool) -> Outcome<Service<Message, Message>> {
        let builder = Service::builder(&*self.name).directory(&self.directory).wait(wait);
        Ok(if make { builder.clients(1).create() } else { builder.open() }?)
    }
}

/// Does what `role` says until it is told to stop.
pub(crate) fn run(place: &Place, role: &str, name: &str, cpu: Option<usize>) -> Outcome {
    // It must not outlive the one that measures.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(std::io::Error::from)?;
    let wait = match cpu {
        Some(cpu) => {
            pin(cpu);
            Wait::Spin
        }
        None => Wait::Park,
    };
    let names = Names { directory: place.path().to_path_buf(), name: name.to_owned() };
    match role {
        "queue-echo" => {
            let (there, back) = names.queues(wait, false)?;
            loop {
                let message = *there.dequeue_timeout(PATIENCE)?.ok_or_else(late)?;
                if message == STOP {
                    return Ok(());
                }
                back.enqueue(&message)?;
            }
        }
        "queue-drain" => {
            let (there, back) = names.queues(wait, false)?;
            loop {
                let batch = there.dequeue_batch_timeout(BATCH, PATIENCE)?.ok_or_else(late)?;
                if batch.iter().any(|message| *message == STOP) {
                    return Ok(back.enqueue(&STOP)?);
                }
            }
        }
        "topic-echo" => {
            let (there, back) = names.topics(wait, false)?;
            let (mut subscriber, mut publisher) = (there.subscriber()?, back.publisher()?);
            publisher.publish(&STOP)?;
            loop {
                let message = *subscriber.take_timeout(PATIENCE)?.ok_or_else(late)?;
                if message == STOP {
                    return Ok(());
                }
                publisher.publish(&message)?;
            }
        }
        "topic-drain" => {
            let (there, back) = names.topics(wait, false)?;
            let (mut subscriber, mut publisher) = (there.subscriber()?, back.publisher()?);
            publisher.publish(&STOP)?;
            loop {
                let batch = subscriber.take_batch_timeout(BATCH, PATIENCE)?.ok_or_else(late)?;
                if batch.iter().any(|message| *message == STOP) {
                    return Ok(publisher.publish(&STOP)?);
                }
            }
        }
        "service" => {
            let service = names.service(wait, false)?;
            let server = service.server()?;
            while let Some(call) = server.next_timeout(PATIENCE)? {
                let request = call.read()?;
                call.reply(&request)?;
            }
            Ok(())
        }
        _ => Err(Failure::new(Code::Usage, format!("`{role}` is no part of a measurement"))),
    }
}
