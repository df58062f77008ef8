//! Every interleaving of a few sleepers and wakers, as loom finds them.

use std::sync::atomic::Ordering;

use loom::sync::{Arc, Mutex};
use loom::thread;

use super::super::words::model::Model;
use super::super::words::{Atomic, Words};
use super::{ARMED, ENTERED, EVERYBODY, Kernel, Protocol, SEQUENCE, SETTLED, STATE, WATCH};

/// What sleepers take: how many there are.
const ITEMS: usize = 64;

/// The words, and the kernel's list of those who sleep.
struct Machine {
    words: Model,
    asleep: Mutex<Vec<usize>>,
    woken: Mutex<usize>,
}

impl Words for Machine {
    type U64 = <Model as Words>::U64;
    type U32 = <Model as Words>::U32;
    fn u64(&self, offset: usize) -> &Self::U64 {
        self.words.u64(offset)
    }
    fn u32(&self, offset: usize) -> &Self::U32 {
        self.words.u32(offset)
    }
    fn fence(&self, order: Ordering) {
        self.words.fence(order);
    }
}

impl Kernel for Machine {
    fn light(&self) {
        self.fence(Ordering::SeqCst);
    }
    fn heavy(&self) -> bool {
        self.fence(Ordering::SeqCst);
        true
    }
    fn wake(&self, _at: usize, count: u32) {
        let mut asleep = self.asleep.lock().expect("nobody panics");
        let count = asleep.len().min(count as usize);
        asleep.drain(..count);
        *self.woken.lock().expect("nobody panics") += count;
    }
}

impl Machine {
    fn new() -> Arc<Self> {
        let words = Model::new(72);
        Arc::new(Self { words, asleep: Mutex::new(Vec::new()), woken: Mutex::new(0) })
    }

    /// One on which somebody has slept before.
    fn armed() -> Arc<Self> {
        let machine = Self::new();
        machine.u32(WATCH).store(ARMED, Ordering::Relaxed);
        machine
    }

    fn event(&self) -> Protocol<'_, Self> {
        Protocol { words: self, at: 0, reached: true }
    }

    /// Adds items and wakes as many; rests at once, where a real waker has patience.
    fn add(&self, count: u32, rests: bool) {
        self.u64(ITEMS).fetch_add(u64::from(count), Ordering::Release);
        let wakes = count.max(1);
        if self.event().is_watched() && !self.event().call(wakes) && rests {
            self.event().rest(wakes);
        }
    }

    fn try_take(&self) -> bool {
        loop {
            let items = self.u64(ITEMS).load(Ordering::Acquire);
            if items == 0 || self.u64(ITEMS).exchange(items, items - 1, Ordering::AcqRel) {
                return items > 0;
            }
        }
    }

    /// Takes an item, or is asleep then; gives up early, as one whose time is over, if it is told.
    fn take(&self, me: usize, impatient: bool) {
        loop {
            let seen = self.event().enter();
            if self.try_take() || impatient {
                self.event().leave(seen);
                return;
            }
            let mut asleep = self.asleep.lock().expect("nobody panics");
            if self.u32(SEQUENCE).load(Ordering::Relaxed) == seen {
                asleep.push(me);
                return;
            }
        }
    }

    /// Nobody sleeps who should not, and whoever sleeps is known.
    fn check(&self) {
        let asleep = self.asleep.lock().expect("nobody panics").len();
        let woken = *self.woken.lock().expect("nobody panics");
        let items = self.u64(ITEMS).load(Ordering::Acquire) as usize;
        assert!(asleep == 0 || items <= woken, "{asleep} sleep for ever, {items} {woken}");
        assert!(self.open() as usize >= asleep, "the next waker sees nobody");
    }

    fn open(&self) -> u32 {
        let settled = self.u32(SETTLED).load(Ordering::Acquire);
        self.u32(ENTERED).load(Ordering::Acquire).wrapping_sub(settled)
    }
}

fn check(bound: usize, explore: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(bound);
    model.check(explore);
}

/// Runs these at once, each in its thread, the last in this one, and checks what they leave.
fn at_once<const N: usize>(machine: &Arc<Machine>, steps: [fn(&Machine); N]) {
    let (last, others) = steps.split_last().expect("there is one");
    let threads: Vec<_> = others
        .iter()
        .map(|step| {
            let (machine, step) = (machine.clone(), *step);
            thread::spawn(move || step(&machine))
        })
        .collect();
    last(machine);
    threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    machine.check();
}

#[test]
fn no_sleeper_sleeps_through_a_change() {
    for machine in [Machine::new as fn() -> Arc<Machine>, Machine::armed] {
        check(3, move || {
            at_once(&machine(), [|m| m.take(0, false), |m| m.take(1, false), |m| m.add(2, false)]);
        });
    }
}

#[test]
fn each_change_wakes_one_who_has_not_got_one() {
    check(3, || {
        let machine = Machine::armed();
        let add = |machine: &Machine| {
            machine.add(1, false);
            machine.add(1, false);
        };
        at_once(&machine, [|m| m.take(0, false), |m| m.take(1, false), add]);
    });
    check(3, || {
        let machine = Machine::armed();
        machine.take(0, false);
        at_once(&machine, [|m| m.take(1, false), |m| m.add(1, false), |m| m.add(1, false)]);
    });
}

#[test]
fn one_that_gives_up_takes_no_wake_from_another() {
    check(2, || {
        let machine = Machine::armed();
        machine.take(0, false);
        at_once(&machine, [|m| m.take(1, true), |m| m.take(2, true), |m| m.add(1, false)]);
    });
    check(3, || {
        let machine = Machine::armed();
        at_once(&machine, [|m| m.take(1, true), |m| m.take(2, true), |m| m.take(3, true)]);
        assert_eq!(machine.open(), 0, "none is left over if nobody wakes");
    });
}

#[test]
fn a_waker_that_rests_leaves_no_sleeper_behind() {
    check(3, || {
        at_once(&Machine::armed(), [|m| m.add(0, true), |m| m.add(1, false), |m| m.take(0, false)]);
    });
    check(3, || {
        at_once(
            &Machine::armed(),
            [|m| m.add(1, true), |m| m.take(0, false), |m| m.take(1, false)],
        );
    });
}

#[test]
fn a_sleeper_that_was_killed_costs_one_call() {
    check(3, || {
        let machine = Machine::armed();
        machine.event().enter();
        at_once(&machine, [|m| m.take(0, false), |m| m.add(1, false)]);
        let mut calls = 0;
        while machine.event().call(1) {
            calls += 1;
        }
        assert!(calls <= 2, "{calls} calls for nobody");
        assert_eq!(machine.open(), 0);
    });
}

#[test]
fn a_sleeper_that_was_killed_while_it_armed_is_replaced() {
    check(3, || {
        let machine = Machine::new();
        machine.u32(WATCH).store(4 | super::ARMING, Ordering::Relaxed);
        at_once(&machine, [|m| m.take(0, false), |m| m.add(1, false)]);
        assert_eq!(machine.u32(WATCH).load(Ordering::Relaxed) & STATE, ARMED);
    });
}

#[test]
fn a_call_for_all_settles_all() {
    check(3, || {
        let machine = Machine::armed();
        machine.take(0, false);
        machine.event().enter();
        let call = |machine: &Machine| {
            machine.u64(ITEMS).fetch_add(5, Ordering::Release);
            machine.event().call(EVERYBODY);
        };
        at_once(&machine, [|m| m.take(1, false), call]);
        assert_eq!(machine.asleep.lock().expect("nobody panics").len(), 0);
        assert!(machine.open() <= 1, "at most of one that came later");
    });
}
