//! Actors of other nodes: references that lead through the cluster, and names for them.
//!
//! | file | what for |
//! |---|---|
//! | `accounts` | other actor systems: what is sent there and waits, is on its way, is lost |
//! | `names` | names of actors, as nodes have published them |
//! | `post` | what is between an actor system and the thread of its node |
//!
//! What travels between nodes is drawn in `core/members/parcels.rs`.

mod accounts;
mod names;
mod post;

use std::sync::Arc;
use std::time::Duration;

use barewire_actor::{ActorRef, ActorSystem, LookupError, Message, SystemBuilder, SystemError};
use barewire_runtime::codec::{decode, encode};

use self::post::{Door, Post};
use crate::core::members::parcels::MAX_NAME_BYTES;
use crate::error::ClusterError;
use crate::node::Passenger;

/// The actors that a node carries, and the way to those of other nodes; from
/// [`Node::actors`](crate::Node::actors).
///
/// A reference works whichever node its actor lives on, and travels in messages, in tasks, and
/// under names that hold for the whole cluster.
///
/// ```
/// use std::time::Duration;
/// use barewire_actor::{Actor, ActorSystem, Context, Message, Outcome};
/// use barewire_cluster::{Node, Role};
/// use barewire_derive::BareSchema;
///
/// #[derive(BareSchema)]
/// # #[bare(crate = "::barewire_runtime")]
/// enum Account { Deposit { cents: u64 }, Balance }
/// impl Message for Account { type Reply = u64; }
///
/// #[derive(Default)]
/// struct Teller { cents: u64 }
/// impl Actor for Teller {
///     type Message = Account;
///     async fn handle(&mut self, message: Account, context: &mut Context<Self>) -> Outcome {
///         match message {
///             Account::Deposit { cents } => self.cents += cents,
///             Account::Balance => context.reply(self.cents),
///         }
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 1)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let cluster = format!("docs-actors-{}", std::process::id());
/// # let cluster = cluster.as_str();
/// let bank = Node::builder(cluster, Role::Worker, "bank").start()?;
/// let actors = bank.actors(ActorSystem::builder(cluster))?;
/// let teller = actors.system().spawn(Teller::default());
/// actors.publish("teller", &teller)?;
///
/// // On another machine:
/// # let system = format!("{cluster}-far");
/// # let system = system.as_str();
/// let desk = Node::builder(cluster, Role::Client, "desk").start()?;
/// let actors = desk.actors(ActorSystem::builder(system))?;
/// let teller = actors.lookup_within::<Account>("teller", Duration::from_secs(10)).await?;
/// teller.tell(Account::Deposit { cents: 500 }).await?;
/// assert_eq!(teller.ask(Account::Balance, Duration::from_secs(10)).await?, 500);
/// # actors.system().shutdown().await;
/// # Ok(()) }
/// ```
///
/// # What is promised
///
/// What [`barewire_actor`] promises: messages at most once and in order for each pair; system
/// messages arrive, and do not wait behind others; a full mailbox holds its senders back, or gives
/// `Full`. What is sent waits in memory, 256 KiB of each kind for each other actor system,
/// until the mailboxes there have room.
///
/// An actor system is given up, and its actors are [`Gone`](barewire_actor::TellError::Gone), when
/// its node is dead (as a fact, where the kernel tells deaths), goes, or is silent for as long as
/// makes it dead ([`NodeBuilder::patience`](crate::NodeBuilder::patience)). That holds for both
/// sides and for good: two that the network had parted talk again when one of the nodes is started
/// again, and its actors with it. A reference whose node nobody has met leads nowhere after that
/// time.
#[derive(Clone)]
pub struct Actors {
    system: ActorSystem,
    post: Arc<Post>,
}

impl Actors {
    /// Starts a system that sends through that node.
    pub(crate) fn start(
        builder: SystemBuilder,
        ring: Box<dyn Fn() + Send + Sync>,
    ) -> Result<(Self, Arc<dyn Passenger>), SystemError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| SystemError::NoRuntime)?;
        let post = Post::new(runtime, ring);
        let system = builder.gateway(Arc::new(Door(post.clone()))).start()?;
        post.begin(system.clone());
        Ok((Self { system, post: post.clone() }, post))
    }

    /// The actor system that the node carries.
    #[must_use]
    pub fn system(&self) -> &ActorSystem {
        &self.system
    }

    /// Gives an actor a name in the whole cluster, until it ends, in the place of another one that
    /// this node has published under the name. Other nodes may publish under the same name: who is
    /// alone in having it, nobody could say without consensus.
    ///
    /// # Errors
    ///
    /// [`ClusterError::Invalid`] for an empty or long name, or one too many.
    pub fn publish<M: Message>(&self, name: &str, actor: &ActorRef<M>) -> Result<(), ClusterError> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            let reason = format!("an actor's name has 1 to {MAX_NAME_BYTES} octets");
            return Err(ClusterError::Invalid(reason));
        }
        let reference = encode(actor);
        if !self.post.publish(name, reference.clone()) {
            let reason = format!("there are more than {} names", names::MOST_NAMES);
            return Err(ClusterError::Invalid(reason));
        }
        let (end, post) = (self.system.watch(actor.id()), Arc::downgrade(&self.post));
        let name = name.to_owned();
        self.post.spawn(async move {
            end.await;
            if let Some(post) = post.upgrade() {
                post.withdraw(&name, Some(&reference));
            }
        });
        Ok(())
    }

    /// Takes a name back that this node has published.
    pub fn withdraw(&self, name: &str) {
        self.post.withdraw(name, None);
    }

    /// The actor of that name, as far as this node has heard; if there are several, one of this
    /// node first.
    ///
    /// # Errors
    ///
    /// `Unknown` if nobody is known to have it; `SchemaMismatch` if it takes or answers something
    /// else.
    pub fn lookup<M: Message>(&self, name: &str) -> Result<ActorRef<M>, LookupError> {
        let wrong = !self.post.named(name).is_empty();
        match self.all(name).into_iter().next() {
            Some(reference) => Ok(reference),
            None if wrong => {
                let expected = std::any::type_name::<M>();
                Err(LookupError::SchemaMismatch { name: name.to_owned(), expected })
            }
            None => Err(LookupError::Unknown { name: name.to_owned() }),
        }
    }

    /// As [`lookup`](Self::lookup), but waits for the name until the deadline.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn lookup_within<M: Message>(
        &self,
        name: &str,
        deadline: Duration,
    ) -> Result<ActorRef<M>, LookupError> {
        let wait = async {
            loop {
                let renamed = self.post.renamed.notified();
                let mut renamed = std::pin::pin!(renamed);
                renamed.as_mut().enable();
                match self.lookup(name) {
                    Err(LookupError::Unknown { .. }) => renamed.await,
                    found => return found,
                }
            }
        };
        match tokio::time::timeout(deadline, wait).await {
            Ok(found) => found,
            Err(_) => self.lookup(name),
        }
    }

    /// All actors of that name whose types are the caller's.
    #[must_use]
    pub fn all<M: Message>(&self, name: &str) -> Vec<ActorRef<M>> {
        let found = self.post.named(name);
        let ours = |reference: &Vec<u8>| decode(reference).ok();
        self.system.within(|| found.iter().filter_map(ours).collect())
    }
}

impl std::fmt::Debug for Actors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Actors").field(&self.system).finish()
    }
}
