//! Names and groups, seen from all processes.

use barewire_actor::{ActorRef, Change, Identity};
use rustix::process::Signal;

use crate::plain::{begin, end, reporter};
use crate::scratch::{Scratch, signal};
use crate::support::{PATIENCE, SECOND};
use crate::worker::Echo;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_to_a_group_reaches_every_member() {
    let scratch = Scratch::new();
    let (system, supervision) = begin(&scratch, "told", &["one", "two", "three"]).await;
    let members = system.members::<Echo>("echoes").expect("readable");
    assert_eq!(members.len(), 3);
    for member in &members {
        let note = Echo::Note { meant: member.id(), sender: 1, number: 1 };
        member.tell(note).await.expect("it lives");
    }
    let mut pids = Vec::new();
    for member in &members {
        assert_eq!(member.ask(Echo::Notes, SECOND).await, Ok(1), "its own, and no other");
        pids.push(member.ask(Echo::Pid, SECOND).await.expect("it answers"));
    }
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 3);
    end(scratch, system, supervision).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_a_group_are_told_in_all_processes() {
    let scratch = Scratch::new();
    let (system, supervision) = begin(&scratch, "changes", &["one", "two"]).await;
    let one: ActorRef<Echo> = system.lookup("one").expect("it is there");

    // A worker hears of what this process does.
    let grown = one.ask(Echo::Grown { members: 2 }, PATIENCE);
    let guests = [reporter(&system).0, reporter(&system).0];
    for guest in &guests {
        system.join("guests", guest).expect("there is room");
    }
    assert_eq!(grown.await, Ok(2));

    // This process hears of what becomes of a worker.
    let two: ActorRef<Echo> = system.lookup("two").expect("it is there");
    let mut changes = system.changes();
    let of_two = |change: &Change| match change {
        Change::Added { name, group: true, actor } if name == "echoes" => *actor == two.id(),
        Change::Removed { name, group: true, actor } if name == "echoes" => *actor == two.id(),
        _ => false,
    };
    let mut next = async |wanted: &dyn Fn(&Change) -> bool| loop {
        let change = tokio::time::timeout(PATIENCE, changes.next()).await.expect("it is told");
        let change = change.expect("the registry can be read");
        if wanted(&change) {
            return change;
        }
    };
    assert!(matches!(next(&of_two).await, Change::Added { .. }));
    let pid = two.ask(Echo::Pid, SECOND).await.expect("it answers");
    signal(pid, Signal::KILL);
    assert!(matches!(next(&of_two).await, Change::Removed { .. }));
    let joins = |change: &Change| match change {
        Change::Added { name, group: true, .. } => name == "echoes",
        _ => false,
    };
    let Change::Added { actor, .. } = next(&joins).await else { panic!("it joins") };
    assert_ne!(actor.node(), two.id().node());

    // The worker that was started again, in its turn, sees what was there before it.
    let again = system.lookup_within::<Echo>("two", PATIENCE).await.expect("it comes back");
    assert_eq!(again.id(), actor);
    assert_eq!(again.ask(Echo::Grown { members: 2 }, PATIENCE).await, Ok(2));
    let two = supervision.child("two");
    assert!(two.is_none_or(|life| life == Identity::Process(actor.node())));
    end(scratch, system, supervision).await;
}
