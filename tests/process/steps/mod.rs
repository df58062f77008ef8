//! Every operation on shared memory, killed and stopped at every instruction.
//!
//! For each operation a child is traced (ptrace). One run under single steps records which
//! instructions it executes between the two marks around the operation. Then, for each point
//! between two of these instructions, the whole scene is built anew, the child is brought to the
//! point, and
//!
//! - **killed** there, after which the survivors must find nothing lost, nothing twice unless it
//!   is marked as redelivered, nothing torn, and must get on within 10 ms;
//! - or **left standing** there, while the others work and recover within the same time; then it
//!   goes on, and its operation must have happened once or have failed cleanly.
//!
//! At the end nothing may be left in the directory. What the operation is for must come about at
//! one point and not before, and stay from there on.
//!
//! An instruction of the kernel is not a point: a system call is one instruction, and so is a look
//! at a clock, which the kernel's code in the process answers (vDSO). One that repeats itself
//! (`rep movsb`) has a point after each repetition that changes a segment. Children are
//! forked from one process that does nothing else, so addresses and paths repeat, and a point is
//! reached by a break-point on the cheapest instruction before it and by steps from there. A child
//! that strays from the recorded path is stepped from further back instead; the count of those is
//! printed.
//!
//! | command | points |
//! |---|---|
//! | `cargo test --test process steps` | a selection, in two to three minutes |
//! | `BAREWIRE_EVERY_INSTRUCTION=1 cargo test --release --test process steps` | all |
//!
//! A long operation can be taken in pieces: `BAREWIRE_EVERY_INSTRUCTION=500..900` takes the points
//! from 500 up to 899. The line of each piece says how many instructions there are in all, and from
//! which of its points on the effect was seen.
//!
//! The selection is: the points right before and after each system call and each change of a byte
//! of a segment, and of the first executions of all other instructions one in so many. It loses no
//! kill: what a process has in registers and in memory of its own dies with it, so a kill between
//! two changes is a kill right after the first. It does lose stops.
//!
//! A new operation is an [`Operation`](runner::Operation) and a line in the table below.

mod batches;
mod clock;
mod handles;
mod queues;
mod recovery;
mod regions;
mod runner;
mod segments;
mod services;
mod streams;
mod topics;
mod trace;
mod tracer;

use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use crate::harness::{self, Scratch, argument};

/// The table: a name for the test and the operation behind it.
macro_rules! operations {
    ($($name:ident: $operation:ty,)*) => {
        mod survives {
            $(
                #[test]
                fn $name() {
                    super::drive(stringify!($name));
                }
            )*
        }

        fn run(name: &str, scratch: &Path) -> std::io::Result<runner::Covered> {
            match name {
                $(stringify!($name) => runner::run::<$operation>(scratch),)*
                _ => panic!("no operation is called {name}"),
            }
        }
    };
}

operations! {
    queue_create: segments::Create<queues::Queue>,
    queue_create_over_dead: segments::CreateOverDead<queues::Queue>,
    queue_open: segments::Open<queues::Queue>,
    queue_detach: segments::Detach<queues::Queue>,
    queue_close: segments::Close<queues::Queue>,
    enqueue: queues::Enqueue,
    try_enqueue: queues::TryEnqueue,
    try_enqueue_full: queues::TryEnqueueFull,
    loan_and_send: queues::LoanSend,
    loan_dropped: queues::LoanDrop,
    try_dequeue: queues::TryDequeue,
    dequeue: queues::Dequeue,
    dequeue_timeout: queues::DequeueTimeout,
    acknowledge: queues::Acknowledge,
    peek: queues::Peek,
    loan_async_and_send: queues::LoanAsync,
    enqueue_batch: batches::EnqueueBatch<batches::Plain>,
    enqueue_batch_timeout: batches::EnqueueBatch<batches::Timed>,
    enqueue_batch_async: batches::EnqueueBatch<batches::Async>,
    dequeue_batch: batches::DequeueBatch,
    acknowledge_batch: batches::AcknowledgeBatch,
    dequeue_at_most_once: batches::DequeueAtMostOnce,
    region_create: segments::Create<regions::Region>,
    region_create_over_dead: segments::CreateOverDead<regions::Region>,
    region_open: segments::Open<regions::Region>,
    region_detach: segments::Detach<regions::Region>,
    region_close: segments::Close<regions::Region>,
    read: regions::Read,
    update: regions::Update<regions::Turn>,
    try_update: regions::Update<regions::TurnAtOnce>,
    topic_create: segments::Create<topics::Small>,
    topic_open: segments::Open<topics::Small>,
    topic_detach: segments::Detach<topics::Small>,
    topic_close: segments::Close<topics::Small>,
    topic_publisher: topics::Claim,
    publish: topics::Publish<queues::Item>,
    publish_large: topics::Publish<topics::Large>,
    publish_batch: topics::PublishBatch<queues::Item>,
    publish_batch_large: topics::PublishBatch<topics::Large>,
    topic_subscriber: topics::Subscribe,
    take: topics::Take<queues::Item>,
    take_large: topics::Take<topics::Large>,
    take_batch: topics::TakeBatch<queues::Item>,
    take_lossy: topics::TakeLossy<queues::Item>,
    service_create: segments::Create<services::Asking>,
    service_open: segments::Open<services::Asking>,
    service_detach: segments::Detach<services::Asking>,
    service_close: segments::Close<services::Asking>,
    service_client: services::ClientClaim,
    start_call: services::Start,
    call: services::Call,
    wait_for_reply: services::Wait,
    cancel_call: services::Cancel,
    service_server: services::ServerClaim,
    serve: services::Serve,
    reply: services::Reply,
    service_client_drop: handles::ClientDrop,
    service_server_drop: handles::ServerDrop,
    start_stream: streams::StartStream,
    stream_part: streams::StreamSend,
    stream_finish: streams::StreamFinish,
    receive_part: streams::ReceivePart,
    wait_set: handles::SetWait,
    start_call_isolated: handles::Isolated<services::Start>,
    wait_for_reply_isolated: handles::Isolated<services::Wait>,
    serve_isolated: handles::Isolated<services::Serve>,
    reply_isolated: handles::Isolated<services::Reply>,
    stream_part_isolated: handles::Isolated<streams::StreamSend>,
    service_open_descriptor: segments::Open<handles::Handed>,
    recovery_by_open: recovery::OpenAfterDeath,
    recovery_by_dequeue: recovery::DequeueAfterDeath,
    recovery_by_update: regions::UpdateAfterDeath,
    recovery_by_publish: topics::PublishAfterDeath,
    recovery_by_wait: services::WaitAfterDeath,
    remove_abandoned: segments::RemoveAbandoned<queues::Queue>,
}

/// How many drivers work on each core.
static DRIVERS: Mutex<Vec<(usize, u32)>> = Mutex::new(Vec::new());

/// Runs one operation in a process of its own, which nobody else's open files come into.
fn drive(name: &str) {
    let scratch = Scratch::new(name);
    let core = take_core();
    let driver = harness::start("steps", scratch.path(), &[name, &core.to_string()]);
    let (status, output) = driver.output();
    give_core(core);
    let result = output.lines().find_map(|line| line.strip_prefix("steps: "));
    let progress = std::fs::read_to_string(scratch.path().join("progress")).unwrap_or_default();
    assert!(status.success(), "{name} fails ({status}), last {progress}");
    // Not captured: how much was covered is worth knowing of a test that passes, too.
    let line = format!("{name}: {}\n", result.expect("the driver says what it has covered"));
    std::io::stderr().write_all(line.as_bytes()).expect("somebody listens");
}

/// The role of the process that forks, traces and checks.
pub(crate) fn driver() {
    let scratch = std::env::var("BAREWIRE_DIR").expect("the parent gives it");
    pin(argument(1).parse().expect("a number"));
    match run(&argument(0), Path::new(&scratch)) {
        Ok(covered) => println!("\nsteps: {covered}"),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            println!("\nsteps: skipped: ptrace is not permitted here");
        }
        Err(error) => panic!("{error}"),
    }
}

/// The core with the fewest drivers on it.
fn take_core() -> usize {
    let mut drivers = DRIVERS.lock().expect("nobody panics while holding it");
    if drivers.is_empty() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        drivers.extend((0..cores).map(|core| (core, 0)));
    }
    let least = drivers.iter_mut().min_by_key(|(_, count)| *count).expect("at least one core");
    least.1 += 1;
    least.0
}

fn give_core(core: usize) {
    let mut drivers = DRIVERS.lock().expect("nobody panics while holding it");
    drivers[core].1 -= 1;
}

/// Keeps this process and its children on one core: a step is two switches between them.
fn pin(core: usize) {
    // SAFETY: a set of cores is plain bits.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `core` is below the number of cores of this machine, and `set` is valid.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: `set` is valid; a refusal (a core that is not ours) costs speed alone.
    unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
}
