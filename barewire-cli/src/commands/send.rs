//! `barewire send`: a value into a queue or a topic, checked against its schema.

use std::io::BufRead;
use std::time::Duration;

use barewire::ipc::{DynamicPublisher, DynamicQueue};
use barewire::schema::Type;
use barewire::segment::Kind;
use barewire::value::Value;
use serde_json::Value as Json;

use crate::args::Send;
use crate::failure::{Code, Failure, Outcome};
use crate::find::Place;
use crate::stop::span;

/// A queue or a topic that values are sent to.
pub(crate) enum Target {
    Queue(DynamicQueue),
    Topic(DynamicPublisher),
}

impl Target {
    /// Attaches to the segment.
    pub(crate) fn open(place: &Place, name: &str) -> Outcome<Self> {
        let kind = place.open(name)?.kind();
        let directory = place.of(name)?;
        let attached = match kind {
            Kind::Queue => DynamicQueue::open(&directory, name).map(Self::Queue),
            Kind::Topic => DynamicPublisher::open(&directory, name).map(Self::Topic),
            kind => {
                let told = format!("{name}: is a {kind}; only queues and topics take messages");
                return Err(Failure::new(Code::Unfit, told));
            }
        };
        Ok(attached?)
    }

    pub(crate) fn ty(&self) -> &Type {
        match self {
            Self::Queue(queue) => queue.ty(),
            Self::Topic(topic) => topic.ty(),
        }
    }

    pub(crate) fn send(&mut self, value: &Value, kind: u32, timeout: Duration) -> Outcome {
        match self {
            Self::Queue(queue) => queue.enqueue_timeout(value, kind, timeout)?,
            Self::Topic(topic) => topic.publish_timeout(value, kind, timeout)?,
        }
        Ok(())
    }
}

pub(crate) fn run(place: &Place, arguments: &Send) -> Outcome {
    let mut target = Target::open(place, &arguments.name)?;
    let timeout = span(arguments.timeout);
    let mut send = |text: &str| {
        let value = parse(target.ty(), text)?;
        target.send(&value, arguments.kind, timeout)
    };
    if arguments.json != "-" {
        return send(&arguments.json);
    }
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if !line.trim().is_empty() {
            send(&line)?;
        }
    }
    Ok(())
}

/// The value of `ty` that a text says.
fn parse(ty: &Type, text: &str) -> Outcome<Value> {
    let json: Json = serde_json::from_str(text)
        .map_err(|error| Failure::new(Code::Usage, format!("this is no JSON: {error}: {text}")))?;
    Value::from_json(ty, &json).map_err(|error| {
        let failure = Failure::new(Code::Unfit, error.to_string());
        failure.help(format!("the type is {}", ty.resolved()))
    })
}
