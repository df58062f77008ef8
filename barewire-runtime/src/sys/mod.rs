//! The only system calls of the crate.
//!
//! A platform must provide: a directory on a memory file system; unnamed files that are given a
//! name in one step, and ones whose length can be sealed ([`file`]); locks on byte ranges that
//! belong to an open file and that the kernel releases when its holder dies, however it dies
//! ([`lock`]); shared mappings ([`map`]); a wait on a 32-bit word shared by processes, or on one of
//! many ([`futex`]); a wait on descriptors, one of which threads can signal ([`poll`]); sockets and
//! FIFOs that have a name in a directory, and that take descriptors along ([`socket`], [`fifo`]).
//! A barrier in all processes ([`barrier`]) makes publishing cheaper where there is one, and short
//! turns ([`turns`]) let a thread hear sooner of what has happened.
//! Where a library has connections over TCP, closing them must not wait ([`linger`]).

pub(crate) mod barrier;
pub(crate) mod fifo;
pub(crate) mod file;
pub(crate) mod futex;
pub(crate) mod linger;
pub(crate) mod lock;
pub(crate) mod map;
pub(crate) mod poll;
pub(crate) mod socket;
pub(crate) mod turns;

#[cfg(target_endian = "big")]
compile_error!("the fixed layout is little-endian; big-endian targets are not supported");

/// The time of day in nanoseconds since 1970, 0 if the clock stands before that.
pub(crate) fn now_ns() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |elapsed| u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
}

/// The number of the user that this process acts for.
pub(crate) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// 128 bits from the kernel's random source.
pub(crate) fn random_u128() -> std::io::Result<u128> {
    let mut bytes = [0_u8; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        let flags = rustix::rand::GetRandomFlags::empty();
        filled += rustix::rand::getrandom(&mut bytes[filled..], flags)?;
    }
    Ok(u128::from_le_bytes(bytes))
}
