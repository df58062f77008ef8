//! Actors of one process: messages, signals, supervision, names.

mod support;

use std::time::Duration;

use barewire_actor::{
    Actor, ActorSystem, AskError, Cause, Change, Context, Identity, LookupError, Message, News,
    Outcome, Overflow, Strategy, Supervisor, SystemError, TellError, Undelivered,
};
use barewire_derive::BareSchema;
use support::*;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

fn system() -> ActorSystem {
    ActorSystem::builder("local").local().start().expect("a local system needs nothing")
}

async fn next(seen: &mut UnboundedReceiver<Seen>) -> Seen {
    let next = tokio::time::timeout(PATIENCE, seen.recv()).await;
    next.expect("it is seen in time").expect("the actor still lives")
}

#[tokio::test]
async fn an_actor_keeps_its_state_between_messages() {
    let system = system();
    let counter = system.spawn(Counter::new());
    for amount in 1..=1000 {
        counter.tell(Tally::Add(amount)).await.expect("it lives");
    }
    assert_eq!(counter.ask(Tally::Total, SECOND).await, Ok(500_500));
    system.shutdown().await;
}

#[tokio::test]
async fn who_is_told_does_not_run_on_the_senders_stack() {
    let system = system();
    let (sender, mut seen) = unbounded_channel();
    let counter = system.spawn(Counter::seen_by(&sender));
    counter.tell(Tally::Add(1)).await.expect("it lives");
    counter.try_tell(Tally::Add(2)).expect("there is room");
    // There is one thread, and nothing was awaited that had to wait.
    assert!(seen.try_recv().is_err(), "nothing has run yet");
    assert_eq!(system.counters().deepest[0].depth, 2);
    assert_eq!(next(&mut seen).await, Seen::Started);
    assert_eq!(next(&mut seen).await, Seen::Added(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_a_name_finds_the_actor() {
    let system = system();
    let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let finder = std::thread::spawn({
        let (system, over) = (system.clone(), over.clone());
        move || {
            let mut found = 0_u32;
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                match system.lookup::<Tally>("counter") {
                    Ok(counter) => match counter.try_tell(Tally::Add(1)) {
                        Ok(()) | Err(TellError::Full | TellError::Gone(Cause::Killed)) => {
                            found += 1;
                        }
                        Err(error) => panic!("{error}"),
                    },
                    Err(LookupError::Unknown { .. } | LookupError::Gone(Cause::Killed)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            found
        }
    });
    for _ in 0..20_000 {
        let counter = system.actor(Counter::new()).name("counter").spawn();
        let counter = counter.expect("the name is free");
        counter.kill();
        system.watch(counter.id()).await;
    }
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(finder.join().expect("an actor of a name that was found is there") > 0);
}

#[tokio::test]
async fn an_actor_has_ended_when_it_has_done_its_last_work() {
    let system = system();
    for shuts_down in [false, true] {
        let (sender, mut seen) = unbounded_channel();
        let counter = system.actor(Counter::seen_by(&sender)).name("counter").spawn();
        let counter = counter.expect("the name is free");
        counter.ask(Tally::Linger { millis: 30 }, SECOND).await.expect("it lives");
        if shuts_down {
            system.shutdown().await;
        } else {
            counter.stop();
            // From when it takes no more, and long before its last work is done.
            while counter.try_tell(Tally::Add(1)).is_ok() {
                tokio::task::yield_now().await;
            }
            assert_eq!(system.watch(counter.id()).await.cause, Cause::Stopped);
        }
        let mut last = seen.try_recv();
        while let Ok(next) = seen.try_recv() {
            last = Ok(next);
        }
        assert_eq!(last, Ok(Seen::Stopped(Cause::Stopped)));
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_never_ends_its_last_work_is_killed() {
    let system = system();
    let counter = system.spawn(Counter::new());
    counter.ask(Tally::Linger { millis: 1 << 40 }, SECOND).await.expect("it lives");
    let cause = tokio::time::timeout(PATIENCE, system.stop(counter.id(), SECOND)).await;
    assert_eq!(cause, Ok(Cause::Stopped), "why it stopped is not changed by that");
}

#[tokio::test]
async fn what_panics_on_the_dispatcher_ends_alone() {
    let name = format!("dispatcher-{}", std::process::id());
    let system = ActorSystem::builder(name).start().expect("shared memory can be made");
    let counter = system.actor(Counter::new()).on_dispatcher().spawn().expect("it has no name");
    assert_eq!(system.on_dispatcher(async { panic!("as it was told") }).await, None::<()>);
    assert_eq!(system.on_dispatcher(async { 7 }).await, Some(7));
    counter.tell(Tally::Add(3)).await.expect("it lives");
    assert_eq!(counter.ask(Tally::Total, PATIENCE).await, Ok(3));
    system.shutdown().await;
}

#[tokio::test]
async fn a_registry_that_cannot_be_read_is_an_error_and_not_an_unknown_name() {
    let name = format!("registry-{}", std::process::id());
    let system = ActorSystem::builder(name).start().expect("shared memory can be made");
    assert!(matches!(system.lookup::<Tally>("nobody"), Err(LookupError::Unknown { .. })));
    system.shutdown().await;
    assert!(matches!(system.lookup::<Tally>("nobody"), Err(LookupError::Registry(_))));
    assert!(matches!(system.members::<Tally>("nobody"), Err(LookupError::Registry(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_one_sender_arrive_in_order_and_once() {
    let system = system();
    let (sender, mut seen) = unbounded_channel();
    let counter = system.actor(Counter::seen_by(&sender)).mailbox(16).spawn().expect("no name");
    let tellers: Vec<_> = (0..4_u64)
        .map(|teller| {
            let counter = counter.clone();
            tokio::spawn(async move {
                for number in 0..5000 {
                    counter.tell(Tally::Add(teller << 32 | number)).await.expect("it lives");
                }
            })
        })
        .collect();
    for teller in tellers {
        teller.await.expect("it does not panic");
    }
    assert_eq!(next(&mut seen).await, Seen::Started);
    let mut expected = [0; 4];
    for _ in 0..20_000 {
        let Seen::Added(amount) = next(&mut seen).await else { panic!("nothing else is seen") };
        let teller = (amount >> 32) as usize;
        assert_eq!(amount & 0xffff_ffff, expected[teller], "of teller {teller}");
        expected[teller] += 1;
    }
}

#[tokio::test]
async fn a_question_ends_with_an_answer_a_reason_or_its_deadline() {
    let system = system();
    let counter = system.spawn(Counter::new());
    assert_eq!(counter.ask(Tally::Later, SECOND).await, Ok(99));
    assert_eq!(counter.ask(Tally::Silent, SECOND).await, Err(AskError::Unanswered));
    let begun = std::time::Instant::now();
    let deadline = Duration::from_millis(30);
    let late = counter.ask(Tally::Sleep { millis: 300 }, deadline).await;
    assert_eq!(late, Err(AskError::TimedOut));
    assert!((30..200).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    let waiting = counter.ask(Tally::Total, PATIENCE);
    counter.kill();
    assert_eq!(waiting.await, Err(AskError::Gone(Cause::Killed)));
    assert_eq!(counter.ask(Tally::Total, SECOND).await, Err(AskError::Gone(Cause::Killed)));
}

#[tokio::test]
async fn a_full_mailbox_does_what_it_was_made_for() {
    let system = system();
    let mut dead = system.dead_letters();
    let made = |overflow| {
        let actor = system.actor(Counter::new()).mailbox(4).overflow(overflow);
        actor.spawn().expect("no name")
    };
    for overflow in [Overflow::Reject, Overflow::Block, Overflow::DropOldest] {
        let counter = made(overflow);
        // Nothing runs in between on this one thread.
        let sent = (1..=6).filter(|n| counter.try_tell(Tally::Add(*n)).is_ok()).count();
        if overflow == Overflow::DropOldest {
            assert_eq!(sent, 6);
            assert_eq!(counter.ask(Tally::Total, SECOND).await, Ok(4 + 5 + 6));
            for _ in 0..3 {
                let letter = dead.next().await.expect("the system lives");
                assert_eq!(letter.why, Undelivered::Dropped);
                assert!(letter.octets.is_some());
            }
        } else {
            assert_eq!((sent, counter.try_tell(Tally::Add(7))), (4, Err(TellError::Full)));
        }
        if overflow == Overflow::Block {
            counter.tell(Tally::Add(100)).await.expect("it waits for room");
            let sum = 1 + 2 + 3 + 4 + 100;
            assert_eq!(counter.ask(Tally::Total, SECOND).await, Ok(sum));
            let more = (0..).take_while(|_| counter.try_tell(Tally::Add(1)).is_ok()).count();
            let total = counter.ask(Tally::Total, SECOND).await;
            assert_eq!(total, Ok(sum + more as u64), "a question waits for room as well");
        }
        if overflow == Overflow::Reject {
            assert_eq!(counter.ask(Tally::Total, SECOND).await, Err(AskError::Full));
        }
    }
}

#[tokio::test]
async fn signals_do_not_wait_behind_messages() {
    let system = system();
    let (sender, mut seen) = unbounded_channel();
    let counter = system.spawn(Counter::seen_by(&sender));
    for _ in 0..500 {
        counter.tell(Tally::Sleep { millis: 1000 }).await.expect("it lives");
    }
    assert_eq!(next(&mut seen).await, Seen::Started);
    counter.kill();
    let end = tokio::time::timeout(SECOND, system.watch(counter.id())).await;
    assert_eq!(end.expect("it was killed in the middle of a message").cause, Cause::Killed);
    drop(sender);
    assert_eq!(seen.recv().await, None, "who is killed does nothing more");
    assert!(system.counters().dead_letters >= 499);
}

#[tokio::test]
async fn stopping_leaves_what_waits_and_draining_handles_it() {
    let system = system();
    for drains in [false, true] {
        let (sender, mut seen) = unbounded_channel();
        let counter = system.spawn(Counter::seen_by(&sender));
        (1..=5).for_each(|n| counter.try_tell(Tally::Add(n)).expect("there is room"));
        if drains {
            counter.drain()
        } else {
            counter.stop()
        }
        assert_eq!(system.watch(counter.id()).await.cause, Cause::Stopped);
        let gone = TellError::Gone(Cause::Stopped);
        assert_eq!(counter.try_tell(Tally::Add(6)), Err(gone));
        drop(sender);
        let mut added = 0;
        while let Some(seen) = seen.recv().await {
            added += u64::from(matches!(seen, Seen::Added(_)));
        }
        assert_eq!(added, if drains { 5 } else { 0 });
    }
}

#[tokio::test]
async fn what_is_set_aside_comes_back_in_order_with_its_question() {
    let system = system();
    let counter = system.spawn(Counter::new());
    counter.tell(Tally::Shut).await.expect("it lives");
    counter.tell(Tally::Add(5)).await.expect("it lives");
    let total = counter.ask(Tally::Total, SECOND);
    counter.tell(Tally::Add(7)).await.expect("it lives");
    counter.tell(Tally::Open).await.expect("it lives");
    assert_eq!(total.await, Ok(5));
    assert_eq!(counter.ask(Tally::Total, SECOND).await, Ok(12));
}

#[tokio::test(start_paused = true)]
async fn timers_go_by_the_clock() {
    let system = system();
    let counter = system.spawn(Counter::new());
    counter.tell(Tally::Tick).await.expect("it lives");
    tokio::time::sleep(Duration::from_millis(35)).await;
    assert_eq!(counter.ask(Tally::Total, SECOND).await, Ok(31));
}

#[tokio::test]
async fn a_watcher_is_told_once_also_of_those_who_have_ended() {
    let system = system();
    let (sender, mut seen) = unbounded_channel();
    let watcher = system.spawn(Counter::seen_by(&sender));
    let target = system.spawn(Counter::new());
    watcher.tell(Tally::Watch { actor: target.id() }).await.expect("it lives");
    watcher.ask(Tally::Total, SECOND).await.expect("it watches now");
    target.tell(Tally::Panic).await.expect("it lives");
    assert_eq!(next(&mut seen).await, Seen::Started);
    let Seen::Ended(ended) = next(&mut seen).await else { panic!("it is told") };
    assert_eq!(ended.actor, target.id());
    let reason = "panicked: as it was told".to_owned();
    assert_eq!(ended.cause, Cause::Failed { reason });
    watcher.tell(Tally::Watch { actor: target.id() }).await.expect("it lives");
    assert_eq!(next(&mut seen).await, Seen::Ended(ended), "a new watch, a new answer");
    watcher.ask(Tally::Total, SECOND).await.expect("it lives");
    assert!(seen.try_recv().is_err(), "and none besides");
}

#[tokio::test]
async fn linked_actors_fail_together_and_stop_alone() {
    let system = system();
    for (ends, linked) in [(Tally::Fail, true), (Tally::Stop, false)] {
        let (one, other) = (system.spawn(Counter::new()), system.spawn(Counter::new()));
        one.tell(Tally::Link { actor: other.id() }).await.expect("it lives");
        one.ask(Tally::Total, SECOND).await.expect("it is linked now");
        one.tell(ends).await.expect("it lives");
        system.watch(one.id()).await;
        if linked {
            let cause = system.watch(other.id()).await.cause;
            assert_eq!(cause, Cause::Linked { to: one.id() });
        } else {
            assert_eq!(other.ask(Tally::Total, SECOND).await, Ok(0));
        }
    }
}

#[tokio::test]
async fn a_supervisor_starts_its_children_again_until_it_is_too_often() {
    let system = system();
    let supervisor = Supervisor::new(Strategy::OneForAll)
        .intensity(2, PATIENCE)
        .actor("first", Counter::new)
        .actor("second", Counter::new)
        .start(&system)
        .await
        .expect("both start");
    for _ in 0..2 {
        let first = system.lookup::<Tally>("first").expect("it has its name");
        let second = system.lookup::<Tally>("second").expect("it has its name");
        let mut news = supervisor.news();
        first.tell(Tally::Fail).await.expect("it lives");
        let mut started = 0;
        while started < 2 {
            started += u32::from(matches!(news.recv().await, Ok(News::Started { .. })));
        }
        let gone = second.try_tell(Tally::Add(1)).expect_err("it is another life");
        assert_eq!(gone, TellError::Gone(Cause::Stopped));
        assert_ne!(supervisor.child("first"), Some(Identity::Actor(first.id())));
    }
    let first = system.lookup::<Tally>("first").expect("it has its name");
    first.tell(Tally::Fail).await.expect("it lives");
    let cause = tokio::time::timeout(PATIENCE, supervisor.ended()).await.expect("it gives up");
    assert!(matches!(cause, Some(Cause::Failed { .. })));
    assert_eq!((system.counters().restarts, system.counters().actors), (2, 0));
}

/// Goes only after the actor named `first` has.
struct Last(ActorSystem);

impl Actor for Last {
    type Message = Tally;

    async fn handle(&mut self, _: Tally, _: &mut Context<Self>) -> Outcome {
        Ok(())
    }

    async fn stopped(&mut self, _: &Cause) {
        let first = self.0.lookup::<Tally>("first").expect("it lives");
        first.stop();
        self.0.watch(first.id()).await;
        // Its supervisor hears of that before it hears of this one's end.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_supervisor_stops_though_a_child_ends_before_its_turn() {
    let system = system();
    let last = system.clone();
    let supervision = Supervisor::new(Strategy::OneForOne)
        .actor("first", Counter::new)
        .actor("last", move || Last(last.clone()))
        .start(&system)
        .await
        .expect("both start");
    tokio::time::timeout(PATIENCE, supervision.stop()).await.expect("it stops");
    assert_eq!(system.counters().actors, 0);
}

#[derive(BareSchema, Debug)]
#[bare(crate = "::barewire_runtime")]
struct Other {
    number: u32,
}

impl Message for Other {
    type Reply = u64;
}

#[tokio::test]
async fn names_lead_to_actors_of_the_right_type_while_they_live() {
    let system = system();
    let unknown = LookupError::Unknown { name: "counter".to_owned() };
    assert_eq!(system.lookup::<Tally>("counter").unwrap_err(), unknown);
    let counter = system.actor(Counter::new()).name("counter").spawn().expect("it is free");
    let taken = system.actor(Counter::new()).name("counter").spawn();
    assert_eq!(taken.unwrap_err(), SystemError::NameTaken("counter".to_owned()));
    assert_eq!(system.lookup::<Tally>("counter").expect("it has its name"), counter);
    let mismatch = system.lookup::<Other>("counter").unwrap_err();
    assert!(matches!(mismatch, LookupError::SchemaMismatch { .. }));
    counter.stop();
    system.watch(counter.id()).await;
    assert_eq!(system.lookup::<Tally>("counter").unwrap_err(), unknown);
}

#[tokio::test]
async fn groups_have_members_and_changes_are_told() {
    let system = system();
    let mut changes = system.changes();
    let members = [system.spawn(Counter::new()), system.spawn(Counter::new())];
    for member in &members {
        system.join("counters", member).expect("there is room");
    }
    assert_eq!(system.members::<Tally>("counters").expect("readable"), members);
    let (name, group) = ("counters".to_owned(), true);
    for member in &members {
        let change = changes.next().await.expect("the registry can be read");
        assert_eq!(change, Change::Added { name: name.clone(), group, actor: member.id() });
    }
    members[0].kill();
    let change = changes.next().await.expect("the registry can be read");
    assert_eq!(change, Change::Removed { name, group, actor: members[0].id() });
    assert_eq!(system.members::<Tally>("counters").expect("readable"), members[1..]);
}

#[tokio::test]
async fn a_reference_travels_in_a_message_and_in_octets() {
    use barewire_runtime::codec::{decode, encode};
    let system = system();
    let (one, other) = (system.spawn(Counter::new()), system.spawn(Counter::new()));
    let message = Tally::Tell { to: other.clone(), amount: 3 };
    let octets = encode(&message);
    assert_eq!(decode::<Tally>(&octets).expect("its own octets"), message);
    one.tell(decode(&octets).expect("its own octets")).await.expect("it lives");
    one.ask(Tally::Total, SECOND).await.expect("it has told the other");
    assert_eq!(other.ask(Tally::Total, SECOND).await, Ok(3));
    let wrong = decode::<barewire_actor::ActorRef<Other>>(&encode(&other)).unwrap_err();
    assert!(wrong.to_string().contains("another schema"), "{wrong}");
}
