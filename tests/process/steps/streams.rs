//! Operations on streams of replies.

use std::path::Path;
use std::task::Poll;

use barewire::Result;
use barewire::ipc::ReplyStream;

use super::clock::progress;
use super::queues::{CHILDS, LONG};
use super::runner::{Effect, Operation};
use super::services::{
    Asker, Asking, Waiting, Words, World, answer, asks, nothing, open, question, use_all,
};
use super::tracer::inside;

type Stream<'c> = ReplyStream<'c, Words>;

type WaitingForParts = Waiting<(Stream<'static>, u64)>;

fn ask(at: &Path) -> WaitingForParts {
    let call = |client: &'static Asker| client.call_stream(&question(CHILDS));
    Waiting::new(at, |client| (call(client).expect("a free call"), 0))
}

/// The next part, which must be whole and the next one; false at the end.
fn receive((stream, next): &mut (Stream<'static>, u64)) -> Result<bool> {
    let Some(part) = progress(|| stream.next_part_timeout(LONG))? else { return Ok(false) };
    assert_eq!(part.read().expect("a value"), answer(*next), "torn, foreign or out of order");
    *next += 1;
    Ok(true)
}

/// Receives what has come, whole and in order.
fn receive_now(waiting: &mut WaitingForParts) {
    let (stream, next) = waiting.pending.as_mut().expect("it is there");
    while let Poll::Ready(Some(part)) = stream.try_next_part().expect("nobody died") {
        assert_eq!(part.read().expect("a value"), answer(*next), "torn or foreign");
        *next += 1;
    }
}

/// Receives all that comes; whether the stream has an end, or its server has died before it.
fn receive_all(pending: &mut (Stream<'static>, u64)) -> bool {
    loop {
        match receive(pending) {
            Ok(true) => {}
            Ok(false) => return true,
            Err(error) => {
                assert!(error.is_server_died(), "{error}");
                return false;
            }
        }
    }
}

/// `send` of a part of a stream: the second of three.
pub(crate) struct StreamSend;

impl Operation for StreamSend {
    type World = WaitingForParts;
    const VISIBLE: bool = true;

    fn world(at: &Path) -> Self::World {
        ask(at)
    }

    fn child(at: &Path) -> u8 {
        let service = open(at);
        let server = service.server().expect("a place");
        let mut stream = server.next().expect("it was made").stream();
        stream.send(&answer(0)).expect("there is room");
        inside(|| stream.send(&answer(1))).expect("there is room");
        stream.send(&answer(2)).expect("there is room");
        stream.finish();
        0
    }

    fn killed(mut waiting: Self::World, _: &Path) -> Effect {
        let mut pending = waiting.pending();
        assert!(!receive_all(&mut pending), "it was never finished");
        let received = pending.1;
        drop(pending);
        waiting.world.assert_whole();
        match received {
            1 => Effect::NotYet,
            2 => Effect::Done,
            _ => panic!("{received} parts"),
        }
    }

    fn stopped(waiting: &mut Self::World, _: &Path) {
        receive_now(waiting);
        let (_, next) = waiting.pending.as_ref().expect("it is there");
        assert!((1..=2).contains(next), "{next} parts");
        waiting.world.ask_itself();
    }

    fn continued(mut waiting: Self::World, _: &Path, _: u8) {
        let mut pending = waiting.pending();
        while receive(&mut pending).expect("nobody died") {}
        assert_eq!(pending.1, 3, "lost");
        drop(pending);
        waiting.world.assert_whole();
    }
}

/// `finish` of a stream of two parts.
pub(crate) struct StreamFinish;

impl Operation for StreamFinish {
    type World = WaitingForParts;
    const VISIBLE: bool = true;

    fn world(at: &Path) -> Self::World {
        ask(at)
    }

    fn child(at: &Path) -> u8 {
        let service = open(at);
        let server = service.server().expect("a place");
        let mut stream = server.next().expect("it was made").stream();
        (0..2).for_each(|part| stream.send(&answer(part)).expect("there is room"));
        inside(|| stream.finish());
        0
    }

    fn killed(mut waiting: Self::World, _: &Path) -> Effect {
        let mut pending = waiting.pending();
        let ended = receive_all(&mut pending);
        assert_eq!(pending.1, 2, "lost");
        drop(pending);
        waiting.world.assert_whole();
        if ended { Effect::Done } else { Effect::NotYet }
    }

    fn stopped(waiting: &mut Self::World, _: &Path) {
        receive_now(waiting);
        waiting.world.ask_itself();
    }

    fn continued(mut waiting: Self::World, _: &Path, _: u8) {
        let mut pending = waiting.pending();
        assert!(receive_all(&mut pending), "nobody died");
        assert_eq!(pending.1, 2, "lost");
        drop(pending);
        waiting.world.assert_whole();
    }
}

/// A stream of two parts that was served in the child itself.
fn streamed<'c>(service: &Asking, client: &'c Asker) -> Stream<'c> {
    let stream = client.call_stream(&question(CHILDS)).expect("a free call");
    let server = service.server().expect("a place");
    let mut parts = server.next().expect("it was made").stream();
    (0..2).for_each(|part| parts.send(&answer(part)).expect("there is room"));
    parts.finish();
    stream
}

fn take_part(stream: &mut Stream<'_>, number: u64) {
    let part = stream.next_part_timeout(LONG).expect("it works").expect("a part");
    assert_eq!(part.read().expect("a value"), answer(number), "torn or foreign");
}

asks! {
    /// `call_stream`; the call is given up behind the operation.
    StartStream, true, nothing,
        |client, _made| {
            let mut stream = inside(|| client.call_stream(&question(CHILDS))).expect("a call");
            u8::from(matches!(stream.try_next_part(), Ok(Poll::Ready(_))))
        },
        |served, report| served || report == 0;
    /// `next_part`, and dropping the part, which acknowledges it.
    ReceivePart, false, streamed,
        |client, made| {
            let mut stream = made;
            inside(|| take_part(&mut stream, 0));
            take_part(&mut stream, 1);
            u8::from(stream.next_part_timeout(LONG).expect("it works").is_none())
        },
        |served, report| !served && report == 1;
}

impl StartStream {
    fn effect(there: bool) -> Effect {
        if there { Effect::Done } else { Effect::NotYet }
    }
}

impl ReceivePart {
    fn effect(there: bool) -> Effect {
        assert!(!there, "it was served twice");
        Effect::NotYet
    }
}
