//! Every codec at its fastest: what its operations are, over one data set.
//!
//! Each writes into a buffer that it has used before, in whichever way its authors offer.

use std::hint::black_box;
use std::mem::take;
use std::rc::Rc;

use barewire::codec::{Decode, Encode};
use bincode::config::{Configuration, Fixint, LittleEndian};
use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::rancor::Failure;
use rkyv::ser::allocator::{Arena, ArenaHandle};
use rkyv::util::AlignedVec;
use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned};
use wincode::config::{Configuration as Wincode, PREALLOCATION_SIZE_LIMIT_DISABLED};
use wincode::{SchemaRead, SchemaWrite};

use super::contest::{Contender, Operation};

/// Fixed widths are what bincode is fastest with.
const BINCODE: Configuration<LittleEndian, Fixint> =
    bincode::config::standard().with_fixed_int_encoding();

/// Wincode as it comes, without its limit of 4 MiB, which is less than the largest data set.
type Unlimited = Wincode<true, PREALLOCATION_SIZE_LIMIT_DISABLED>;
const WINCODE: Unlimited = Wincode::default().disable_preallocation_size_limit();

/// What a data set must offer to be measured with every codec.
pub(super) trait Data:
    Encode
    + for<'de> Decode<'de>
    + Serialize
    + DeserializeOwned
    + bincode::Encode
    + bincode::Decode<()>
    + borsh::BorshSerialize
    + borsh::BorshDeserialize
    + bitcode::Encode
    + bitcode::DecodeOwned
    + SchemaWrite<Unlimited, Src = Self>
    + for<'de> SchemaRead<'de, Unlimited, Dst = Self>
    + rkyv::Archive<Archived: Archived<Self>>
    + for<'a> rkyv::Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Failure>>
    + PartialEq
    + Clone
    + 'static
{
    /// What serde-zap writes and reads: the value with the helpers that its authors offer.
    type Zap: Serialize + DeserializeOwned + 'static;
    /// What vbare's compiler made of the schema.
    type Vbare: vbare::Wire<Owned: vbare::Encode + 'static>;

    fn zap(&self) -> Self::Zap;
}

/// A data set with text, whose values can borrow it from their input.
pub(super) trait Borrowable: Data {
    type Borrowed<'de>: Borrowed<'de>;
}

/// What rkyv needs of an archived value.
pub(super) trait Archived<T>:
    for<'a> rkyv::bytecheck::CheckBytes<HighValidator<'a, Failure>>
    + rkyv::Deserialize<T, HighDeserializer<Failure>>
{
}

impl<T, A> Archived<T> for A where
    A: for<'a> rkyv::bytecheck::CheckBytes<HighValidator<'a, Failure>>
        + rkyv::Deserialize<T, HighDeserializer<Failure>>
{
}

/// What a value that borrows from its input must offer.
pub(super) trait Borrowed<'de>:
    Decode<'de>
    + Deserialize<'de>
    + bincode::BorrowDecode<'de, ()>
    + bitcode::Decode<'de>
    + SchemaRead<'de, Unlimited, Dst = Self>
{
}

impl<'de, T> Borrowed<'de> for T where
    T: Decode<'de>
        + Deserialize<'de>
        + bincode::BorrowDecode<'de, ()>
        + bitcode::Decode<'de>
        + SchemaRead<'de, Unlimited, Dst = Self>
{
}

/// A value with which its octets are read back, or the codec is not measured.
fn same<T: PartialEq>(system: &str, value: &T, back: &T) {
    assert!(value == back, "{system} reads another value than it wrote");
}

/// Room for the octets, as large as it has to be.
fn room(len: usize) -> Vec<u8> {
    vec![0; len]
}

/// Everything that codecs do with owned values.
pub(super) fn owned<T: Data>(value: &Rc<T>) -> Vec<Contender> {
    let mut all = memcpy(value);
    all.push(clone(value));
    all.extend(barewire(value));
    all.extend(serde_bare(value));
    all.extend(vbare::<T>(value));
    all.extend(postcard(value));
    all.extend(bincode(value));
    all.extend(borsh(value));
    all.extend(serde_zap(value));
    all.extend(bitcode(value));
    all.extend(wincode(value));
    all.extend(rkyv(value));
    all
}

fn entry(
    system: &'static str,
    operation: Operation,
    bytes: usize,
    run: impl FnMut() + 'static,
) -> Contender {
    Contender { system, operation, bytes, times: 1, run: Box::new(run) }
}

/// The floor: copying the BARE octets.
fn memcpy<T: Data>(value: &Rc<T>) -> Vec<Contender> {
    let octets = barewire::codec::encode(&**value);
    let (bytes, from, mut to) = (octets.len(), octets.clone(), Vec::with_capacity(octets.len()));
    vec![
        entry("memcpy", Operation::Serialize, bytes, move || {
            to.clear();
            to.extend_from_slice(black_box(&from));
            black_box(&mut to);
        }),
        entry("memcpy", Operation::Deserialize, bytes, move || {
            drop(black_box(black_box(&octets).clone()));
        }),
    ]
}

/// The floor of an owned value: what its memory takes, asked for piece by piece and given back.
fn clone<T: Data>(value: &Rc<T>) -> Contender {
    let from = Rc::clone(value);
    let bytes = barewire::codec::encode(&**value).len();
    entry("clone", Operation::Deserialize, bytes, move || {
        drop(black_box(T::clone(black_box(&from))));
    })
}

fn barewire<T: Data>(value: &Rc<T>) -> Vec<Contender> {
    use barewire::codec::{decode, decode_into, encode, encode_into, verify};
    const NAME: &str = "barewire";
    let octets: Rc<[u8]> = encode(&**value).into();
    same(NAME, &**value, &decode::<T>(&octets).expect("its own octets"));
    let bytes = octets.len();
    let (from, mut to) = (Rc::clone(value), Vec::new());
    let (one, two, three) = (Rc::clone(&octets), Rc::clone(&octets), octets);
    let mut place = T::clone(value);
    vec![
        entry(NAME, Operation::Serialize, bytes, move || {
            encode_into(black_box(&*from), &mut to);
            black_box(&mut to);
        }),
        entry(NAME, Operation::Deserialize, bytes, move || {
            drop(black_box(decode::<T>(black_box(&one)).expect("its own octets")));
        }),
        entry(NAME, Operation::DecodeInto, bytes, move || {
            decode_into(&mut place, black_box(&two)).expect("its own octets");
            black_box(&mut place);
        }),
        entry(NAME, Operation::Verify, bytes, move || {
            verify::<T>(black_box(&three)).expect("its own octets");
        }),
    ]
}

fn serde_bare<T: Data>(value: &Rc<T>) -> Vec<Contender> {
    const NAME: &str = "serde_bare";
    let octets = serde_bare::to_vec(&**value).expect("it encodes");
    assert!(octets == barewire::codec::encode(&**value), "the octets are not those of {NAME}");
    same(NAME, &**value, &serde_bare::from_slice(&octets).expect("its own octets"));
    let (bytes, from, mut to) = (octets.len(), Rc::clone(value), Vec::new());
    vec![
        entry(NAME, Operation::Serialize, bytes, move || {
            to.clear();
            serde_bare::to_writer(&mut to, black_box(&*from)).expect("it encodes");
            black_box(&mut to);
        }),
        entry(NAME, Operation::Deserialize, bytes, move || {
            drop(black_box(serde_bare::from_slice::<T>(black_box(&octets)).expect("its own")));
        }),
    ]
}

fn vbare<T: Data>(value: &Rc<T>) -> Vec<Contender> {
    use vbare::Encode as _;
    const NAME: &str = "vbare";
    let octets = vbare::Bytes::from(barewire::codec::encode(&**value));
    let from = vbare::decode::<T::Vbare>(&octets).expect("BARE");
    assert!(from.encode_to_vec() == octets, "the octets are not those of {NAME}");
    let (bytes, mut to) = (octets.len(), Vec::with_capacity(octets.len()));
    let (one, two) = (octets.clone(), octets);
    vec![
        entry(NAME, Operation::Serialize, bytes, move || {
            to.clear();
            black_box(&from).encode(&mut to);
            black_box(&mut to);
        }),
        // Its strings share the input, counted; they are not copied.
        entry(NAME, Operation::Deserialize, bytes, move || {
            drop(black_box(vbare::decode::<T::Vbare>(black_box(&one)).expect("BARE")));
        }),
        entry(NAME, Operation::Verify, bytes, move || {
            let _ = black_box(vbare::verify::<T::Vbare>(black_box(&two)).expect("BARE"));
        }),
    ]
}

fn postcard<T: Data>(value: &Rc<T>) -> Vec<Contender> {
    const NAME: &str = "postcard";
    let octets = postcard::to_stdvec(&**value).expect("it encodes");
    same(NAME, &**value, &postcard::from_bytes(&octets).expect("its own octets"));
    let (bytes, from, mut to) = (octets.len(), Rc::clone(value), room(octets.len()));
    vec![
        entry(NAME, Operation::Serialize, bytes, move || {
            black_box(postcard::to_slice(black_box(&*from), &mut to).expect("it fits"));
        }),
        entry(NAME, Operation::Deserialize, bytes, move || {
            drop(black_box(postcard::from_bytes::<T>(black_box(&octets)).expect("its own")));
        }),
    ]
}

fn bincode<T: Data>(value: &Rc<T>) -> Vec<Contender> {
    const NAME: &str = "bincode";
    let octets = bincode::encode_to_vec(&**value, BINCODE).expect("it encodes");
    let (back, _) = bincode::decode_from_slice::<T, _>(&octets, BINCODE).expect("its own octets");
    same(NAME, &**value, &back);
    let (bytes, from, mut to) = (octets.len(), Rc::clone(value), room(octets.len()));
    vec![
        entry(NAME, Operation::Serialize, bytes, move || {
            let written = bincode::encode_into_slice(black_box(&*from), &mut to, BINCODE);
            black_box(written.expect("it fits"));
            black_box(&mut to);
        }),
        entry(NAME, Operation::Deserialize, bytes, move || {
            let read = bincode::decode_from_slice::<T, _>(black_box(&octets), BINCODE);
            drop(black_box(read.expect("its own octets")));
        }),
    ]
}

fn borsh<T: Data>(value: &Rc<T>) -> Vec<Contender> {
    const NAME: &str = "borsh";
    let octets = borsh::to_vec(&**value).expect("it encodes");
    same(NAME, &**value, &borsh::from_slice(&octets).expect("its own octets"));
    let (bytes, from, mut to) = (octets.len(), Rc::clone(value), Vec::new());
    vec![
        entry(NAME, Operation::Serialize, bytes, move || {
            to.clear();
            borsh::to_writer(&mut to, black_box(&*from)).expect("it encodes");
            black_box(&mut to);
        }),
        entry(NAME, Operation::Deserialize, bytes, move || {
            drop(black_box(borsh::from_slice::<T>(black_box(&octets)).expect("its own octets")));
        }),
    ]
}

fn serde_zap<T: Data>(value: &Rc<T>) -> Vec<Contender> {
    const NAME: &str = "serde-zap";
    let from = value.zap();
    let octets = serde_zap::to_vec(&from).expect("it encodes");
    let (bytes, mut to) = (octets.len(), room(octets.len()));
    vec![
        entry(NAME, Operation::Serialize, bytes, move || {
            black_box(serde_zap::to_slice(black_box(&from), &mut to).expect("it fits"));
        }),
        entry(NAME, Operation::Deserialize, bytes, move || {
            drop(black_box(serde_zap::from_bytes::<T::Zap>(black_box(&octets)).expect("its own")));
        }),
    ]
}

fn bitcode<T: Data>(value: &Rc<T>) -> Vec<Contender> {
    const NAME: &str = "bitcode";
    let octets = bitcode::encode(&**value);
    same(NAME, &**value, &bitcode::decode(&octets).expect("its own octets"));
    let (bytes, from, mut to) = (octets.len(), Rc::clone(value), bitcode::Buffer::new());
    let mut decoder = bitcode::Buffer::new();
    vec![
        entry(NAME, Operation::Serialize, bytes, move || {
            black_box(to.encode(black_box(&*from)));
        }),
        entry(NAME, Operation::Deserialize, bytes, move || {
            drop(black_box(decoder.decode::<T>(black_box(&octets)).expect("its own octets")));
        }),
    ]
}

fn wincode<T: Data>(value: &Rc<T>) -> Vec<Contender> {
    const NAME: &str = "wincode";
    let octets = wincode::config::serialize(&**value, WINCODE).expect("it encodes");
    same(NAME, &**value, &wincode::config::deserialize(&octets, WINCODE).expect("its own octets"));
    let (bytes, from, mut to) = (octets.len(), Rc::clone(value), room(octets.len()));
    vec![
        entry(NAME, Operation::Serialize, bytes, move || {
            wincode::config::serialize_into(&mut to[..], black_box(&*from), WINCODE)
                .expect("it fits");
            black_box(&mut to);
        }),
        entry(NAME, Operation::Deserialize, bytes, move || {
            let read = wincode::config::deserialize::<T, _>(black_box(&octets), WINCODE);
            drop(black_box(read.expect("its own octets")));
        }),
    ]
}

fn rkyv<T: Data>(value: &Rc<T>) -> Vec<Contender> {
    const NAME: &str = "rkyv";
    let mut arena = Arena::new();
    let write = |value: &T, to: AlignedVec, arena: &mut Arena| -> AlignedVec {
        rkyv::api::high::to_bytes_in_with_alloc(value, to, arena.acquire()).expect("it encodes")
    };
    let octets: Rc<AlignedVec> = Rc::new(write(value, AlignedVec::new(), &mut arena));
    let read = |octets: &[u8]| rkyv::from_bytes::<T, Failure>(octets).expect("its own octets");
    same(NAME, &**value, &read(&octets));
    let (bytes, from, mut to) = (octets.len(), Rc::clone(value), AlignedVec::new());
    let (one, two) = (Rc::clone(&octets), octets);
    vec![
        entry(NAME, Operation::Serialize, bytes, move || {
            to.clear();
            to = write(black_box(&*from), take(&mut to), &mut arena);
            black_box(&mut to);
        }),
        entry(NAME, Operation::Deserialize, bytes, move || {
            drop(black_box(read(black_box(&one))));
        }),
        entry(NAME, Operation::Verify, bytes, move || {
            let seen = rkyv::access::<T::Archived, Failure>(black_box(&two));
            black_box(std::ptr::from_ref(seen.expect("its own octets")));
        }),
    ]
}

/// What codecs that can borrow make of their octets.
pub(super) fn borrowing<T: Borrowable>(value: &Rc<T>) -> Vec<Contender> {
    let mut all = Vec::new();
    let mut add = |system, bytes, run: Box<dyn FnMut()>| {
        let operation = Operation::Borrow;
        all.push(Contender { system, operation, bytes, times: 1, run });
    };
    let octets: Rc<[u8]> = barewire::codec::encode(&**value).into();
    let shared = vbare::Bytes::copy_from_slice(&octets);
    add("barewire", octets.len(), {
        Box::new(move || {
            let read = barewire::codec::decode::<T::Borrowed<'_>>(black_box(&octets));
            drop(black_box(read.expect("its own octets")));
        })
    });
    // A view: the fields are found when they are asked for.
    add("vbare", shared.len(), {
        Box::new(move || {
            let _ = black_box(vbare::verify::<T::Vbare>(black_box(&shared)).expect("BARE"));
        })
    });
    let octets = postcard::to_stdvec(&**value).expect("it encodes");
    add("postcard", octets.len(), {
        Box::new(move || {
            let read = postcard::from_bytes::<T::Borrowed<'_>>(black_box(&octets));
            drop(black_box(read.expect("its own octets")));
        })
    });
    let octets = bincode::encode_to_vec(&**value, BINCODE).expect("it encodes");
    add("bincode", octets.len(), {
        Box::new(move || {
            let octets = black_box(&octets);
            let read = bincode::borrow_decode_from_slice::<T::Borrowed<'_>, _>(octets, BINCODE);
            drop(black_box(read.expect("its own octets")));
        })
    });
    let octets = serde_zap::to_vec(&value.zap()).expect("it encodes");
    add("serde-zap", octets.len(), {
        Box::new(move || {
            let read = serde_zap::from_bytes::<T::Borrowed<'_>>(black_box(&octets));
            drop(black_box(read.expect("its own octets")));
        })
    });
    let octets = bitcode::encode(&**value);
    add("bitcode", octets.len(), {
        Box::new(move || {
            let read = bitcode::decode::<T::Borrowed<'_>>(black_box(&octets));
            drop(black_box(read.expect("its own octets")));
        })
    });
    let octets = wincode::config::serialize(&**value, WINCODE).expect("it encodes");
    add("wincode", octets.len(), {
        Box::new(move || {
            let read =
                wincode::config::deserialize::<T::Borrowed<'_>, _>(black_box(&octets), WINCODE);
            drop(black_box(read.expect("its own octets")));
        })
    });
    all
}
