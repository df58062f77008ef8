//! One segment: its header, its schema, who is attached, and what it holds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use barewire_schema::{Fingerprint, Schema, Type};

use crate::error::{Error, ErrorKind, Result};
use crate::ipc::look::{QueueLook, RegionLook, ServiceLook, TopicLook};
use crate::segment::{Description, Directory, Glance, Kind, Participant, StructLook};
use crate::value::Value;

/// A segment that somebody looks at who is not attached.
///
/// It keeps showing the same segment, also after its name was removed or leads to another one.
#[derive(Debug)]
pub struct Inspected {
    name: String,
    glance: Glance,
    described: Description,
}

/// What a segment holds.
#[derive(Debug)]
pub enum Contents<'a> {
    /// One value.
    Region(RegionLook<'a>),
    /// Messages for one consumer each.
    Queue(QueueLook<'a>),
    /// Messages for all subscribers.
    Topic(TopicLook<'a>),
    /// Requests and replies.
    Service(ServiceLook<'a>),
    /// One value that all read and write where it stands.
    Struct(StructLook<'a>),
}

impl Inspected {
    /// Looks at the segment `name`, whether or not anybody is attached.
    ///
    /// # Errors
    ///
    /// `NotFound`, `InvalidName`, `Untrusted`, `Malformed` if it is no segment of this format or
    /// its schema cannot be read, `Io`.
    #[inline]
    pub fn open(directory: &Directory, name: &str) -> Result<Self> {
        let glance = Glance::open(directory, name)?;
        let described = glance.describe(name)?;
        Ok(Self { name: name.to_owned(), glance, described })
    }

    /// The segment's name.
    #[must_use]
    #[inline]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it holds.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Kind {
        self.described.kind
    }

    /// The text of its schema.
    #[must_use]
    #[inline]
    pub fn schema_text(&self) -> &str {
        &self.described.text
    }

    /// Its schema.
    #[must_use]
    #[inline]
    pub fn schema(&self) -> &Schema {
        &self.described.schema
    }

    /// The type of its value or its messages; of a service, a struct of the request and the reply.
    #[must_use]
    #[inline]
    pub fn ty(&self) -> &Type {
        &self.described.ty
    }

    /// The type's structure as BARE sees it.
    #[must_use]
    #[inline]
    pub fn wire_id(&self) -> Fingerprint {
        self.glance.header.wire_id
    }

    /// The type's fixed layout, names included.
    #[must_use]
    #[inline]
    pub fn layout_id(&self) -> Fingerprint {
        self.glance.header.layout_id
    }

    /// The length of the file.
    #[must_use]
    #[inline]
    pub fn total_bytes(&self) -> u64 {
        self.glance.map.len() as u64
    }

    /// Where in the file the body is, and its bytes.
    #[must_use]
    #[inline]
    pub fn body(&self) -> (u64, u64) {
        let (at, bytes) = self.glance.header.body;
        (at as u64, bytes as u64)
    }

    /// When it was made.
    #[must_use]
    #[inline]
    pub fn created(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.glance.header.created_ns)
    }

    /// Everybody who is attached, and who died attached and was not swept yet.
    #[must_use]
    #[inline]
    pub fn participants(&self) -> Vec<Participant> {
        self.glance.participants()
    }

    /// Whether its name was removed, so that nobody else can find it.
    #[must_use]
    #[inline]
    pub fn is_removed(&self) -> bool {
        self.glance.is_removed()
    }

    /// What it holds; `None` if the header's numbers do not fit together.
    #[must_use]
    #[inline]
    pub fn contents(&self) -> Option<Contents<'_>> {
        let layout = self.ty().layout();
        Some(match self.described.kind {
            Kind::Region => Contents::Region(RegionLook::new(&self.glance, layout?.size)?),
            Kind::Queue => {
                let look = QueueLook::new(&self.glance, layout.is_none())?;
                let holds = layout.is_none_or(|layout| look.slot_bytes() == layout.size.max(1));
                Contents::Queue(holds.then_some(look)?)
            }
            Kind::Topic => {
                let look = TopicLook::new(&self.glance, layout.is_none())?;
                let holds = layout.is_none_or(|layout| look.slot_bytes() == layout.size);
                Contents::Topic(holds.then_some(look)?)
            }
            Kind::Service => Contents::Service(ServiceLook::new(&self.glance, self.ty())?),
            Kind::Struct => Contents::Struct(StructLook::new(&self.glance, layout?.size)?),
        })
    }

    /// The value that the octets of a message, or of a region, are.
    ///
    /// # Errors
    ///
    /// `InvalidValue` with the path, if they are none of the type.
    #[inline]
    pub fn value(&self, bytes: &[u8]) -> Result<Value> {
        self.value_of(self.ty(), bytes)
    }

    /// The value that the octets of a request to a service are.
    ///
    /// # Errors
    ///
    /// `InvalidValue` with the path, if they are none of the type.
    #[inline]
    pub fn request(&self, bytes: &[u8]) -> Result<Value> {
        self.value_of(self.request_type(), bytes)
    }

    /// The type of a service's requests; of others, that of their messages.
    #[must_use]
    #[inline]
    pub fn request_type(&self) -> &Type {
        match (self.kind(), self.ty().resolved()) {
            (Kind::Service, Type::Struct(fields)) => {
                fields.first().map_or(self.ty(), |field| field.ty.get())
            }
            _ => self.ty(),
        }
    }

    #[inline]
    fn value_of(&self, ty: &Type, bytes: &[u8]) -> Result<Value> {
        let fault = |told: String| Error::new(ErrorKind::InvalidValue, &*self.name, told);
        match ty.layout() {
            Some(layout) => {
                // A slot of a type without bytes has one.
                let bytes = &bytes[..bytes.len().min(layout.size as usize)];
                Value::load(ty, bytes).map_err(|error| fault(error.to_string()))
            }
            None => Value::decode(ty, bytes).map_err(|error| fault(error.to_string())),
        }
    }
}
