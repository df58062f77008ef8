//! The data sets as the codecs see them.

use std::hint::black_box;
use std::rc::Rc;

use barewire::layout::FixedLayout;
use rkyv::rancor::Failure;
use rkyv::util::AlignedVec;

use super::contest::{Contender, Operation};
use super::data::log::{Log, Logs, LogsRef, ZapLogs};
use super::data::mesh::{Mesh, Triangle, ZapMesh};
use super::data::minecraft::{Player, Players, PlayersRef};
use super::data::mk48::{Update, Updates};
use super::systems::{Borrowable, Data, borrowing, owned};

/// What vbare's compiler makes of the schemas.
#[allow(warnings, clippy::all, clippy::undocumented_unsafe_blocks)]
mod theirs {
    include!(concat!(env!("OUT_DIR"), "/combined_imports.rs"));
}

impl Data for Logs {
    type Zap = ZapLogs;
    type Vbare = theirs::log::LogsWire;

    fn zap(&self) -> ZapLogs {
        ZapLogs { logs: self.logs.clone() }
    }
}

impl Borrowable for Logs {
    type Borrowed<'de> = LogsRef<'de>;
}

impl Data for Mesh {
    type Zap = ZapMesh;
    type Vbare = theirs::mesh::MeshWire;

    fn zap(&self) -> ZapMesh {
        ZapMesh { triangles: self.triangles.clone() }
    }
}

impl Data for Players {
    type Zap = Players;
    type Vbare = theirs::minecraft::PlayersWire;

    fn zap(&self) -> Players {
        self.clone()
    }
}

impl Borrowable for Players {
    type Borrowed<'de> = PlayersRef<'de>;
}

impl Data for Updates {
    type Zap = Updates;
    type Vbare = theirs::mk48::UpdatesWire;

    fn zap(&self) -> Updates {
        self.clone()
    }
}

/// How many layouts one field is read from, over and over; they fit into the nearest cache.
const LAYOUTS: usize = 16;
const READS: u32 = 1 << 12;

/// Reads one field of a fixed layout, and the same one of rkyv's, unchecked.
fn access<T, A, V, W>(
    items: &[T],
    archive: AlignedVec,
    ours: impl Fn(&T::Layout) -> V + 'static,
    theirs: impl Fn(&A, usize) -> W + 'static,
) -> Vec<Contender>
where
    T: FixedLayout,
    A: rkyv::Portable + 'static,
{
    let mut layouts: Vec<T::Layout> = Vec::new();
    for item in &items[..LAYOUTS] {
        let mut layout = barewire::__private::zerocopy::FromZeros::new_zeroed();
        item.store(&mut layout).expect("it is within its caps");
        layouts.push(layout);
    }
    let (operation, times) = (Operation::Access, READS);
    let bytes = size_of::<T::Layout>();
    let run = move || {
        for read in 0..READS as usize {
            black_box(ours(black_box(&layouts[read % LAYOUTS])));
        }
    };
    let ours = Contender { system: "barewire", operation, bytes, times, run: Box::new(run) };
    let bytes = archive.len();
    let run = move || {
        for read in 0..READS as usize {
            // SAFETY: the archive was made of a value of this type, and checked.
            let root = unsafe { rkyv::access_unchecked::<A>(black_box(&archive)) };
            black_box(theirs(root, read % LAYOUTS));
        }
    };
    vec![ours, Contender { system: "rkyv", operation, bytes, times, run: Box::new(run) }]
}

/// rkyv's octets of a value.
macro_rules! archived {
    ($value:expr) => {
        rkyv::to_bytes::<Failure>($value).expect("it encodes")
    };
}

/// The data sets.
pub(super) const NAMES: [&str; 5] = ["log", "log-unicode", "mesh", "minecraft_savedata", "mk48"];

/// Makes a data set, and what is done with it.
pub(super) fn make(name: &str) -> Vec<Contender> {
    match name {
        "log" => logs(super::data::log::ascii()),
        "log-unicode" => logs(super::data::log::unicode()),
        "mesh" => mesh(super::data::mesh::mesh()),
        "minecraft_savedata" => players(super::data::minecraft::players()),
        _ => updates(super::data::mk48::updates()),
    }
}

fn logs(value: Logs) -> Vec<Contender> {
    let value = Rc::new(value);
    let mut all = owned(&value);
    all.extend(borrowing(&value));
    all.extend(access::<Log, rkyv::Archived<Logs>, _, _>(
        &value.logs,
        archived!(&*value),
        |layout| layout.code,
        |logs, at| logs.logs[at].code,
    ));
    all
}

fn mesh(value: Mesh) -> Vec<Contender> {
    let value = Rc::new(value);
    let mut all = owned(&value);
    all.extend(access::<Triangle, rkyv::Archived<Mesh>, _, _>(
        &value.triangles,
        archived!(&*value),
        |layout| layout.normal.y,
        |mesh, at| mesh.triangles[at].normal.y,
    ));
    all
}

fn players(value: Players) -> Vec<Contender> {
    let value = Rc::new(value);
    let mut all = owned(&value);
    all.extend(borrowing(&value));
    all.extend(access::<Player, rkyv::Archived<Players>, _, _>(
        &value.players,
        archived!(&*value),
        |layout| layout.xp_level,
        |players, at| players.players[at].xp_level,
    ));
    all
}

fn updates(value: Updates) -> Vec<Contender> {
    let value = Rc::new(value);
    let mut all = owned(&value);
    all.extend(access::<Update, rkyv::Archived<Updates>, _, _>(
        &value.updates,
        archived!(&*value),
        |layout| layout.score,
        |updates, at| updates.updates[at].score,
    ));
    all
}
