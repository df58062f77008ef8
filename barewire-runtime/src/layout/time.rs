//! Spans and points of time in BARE and in shared memory.
//!
//! | Rust | BARE | refused |
//! |---|---|---|
//! | `Duration` | `struct { secs: u64 nanos: u32 }` | `nanos` of 10⁹ or more |
//! | `SystemTime` | `struct { secs: i64 nanos: u32 }`, from 1970 | that, and beyond the clock |
//!
//! `secs` is rounded towards the past, so `nanos` always counts forwards. In the fixed layout
//! four bytes of zeroes follow.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Access, Assign, FixedLayout, Layout, LayoutError, LayoutErrorKind};
use crate::codec::{Decode, DecodeError, DecodeErrorKind, Decoder, Encode, Encoder, Sink, Steady};

const NANOS: u32 = 1_000_000_000;
const RULE: &str = "a time within the clock's range, with less than 1000000000 nanoseconds";

/// A type that is seconds and nanoseconds.
trait Time: Sized {
    type Secs;
    fn split(&self) -> (Self::Secs, u32);
    fn join(secs: Self::Secs, nanos: u32) -> Option<Self>;
}

impl Time for Duration {
    type Secs = u64;

    fn split(&self) -> (u64, u32) {
        (self.as_secs(), self.subsec_nanos())
    }

    fn join(secs: u64, nanos: u32) -> Option<Self> {
        (nanos < NANOS).then(|| Self::new(secs, nanos))
    }
}

impl Time for SystemTime {
    type Secs = i64;

    fn split(&self) -> (i64, u32) {
        match self.duration_since(UNIX_EPOCH) {
            Ok(after) => (after.as_secs().cast_signed(), after.subsec_nanos()),
            Err(before) => {
                let before = before.duration();
                let secs = before.as_secs().cast_signed().wrapping_neg();
                match before.subsec_nanos() {
                    0 => (secs, 0),
                    nanos => (secs.wrapping_sub(1), NANOS - nanos),
                }
            }
        }
    }

    fn join(secs: i64, nanos: u32) -> Option<Self> {
        let nanos = Duration::join(0, nanos)?;
        let whole = Duration::from_secs(secs.unsigned_abs());
        let whole = match secs {
            0.. => UNIX_EPOCH.checked_add(whole),
            _ => UNIX_EPOCH.checked_sub(whole),
        };
        whole?.checked_add(nanos)
    }
}

macro_rules! time {
    ($($time:ident, $place:ident: $secs:ident, $what:literal;)*) => {$(
        #[doc = concat!($what, " as it stands in memory.")]
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
        )]
        #[repr(C)]
        pub struct $place {
            secs: $secs,
            nanos: u32,
            pad: [u8; 4],
        }

        impl Encode for $time {
            // SAFETY: encoding gives two numbers that the value alone says.
            const STEADY: Steady<Self> = unsafe { Steady::of_parts(&[]) };

            #[inline]
            fn encode<S: Sink>(&self, out: &mut S) {
                let (secs, nanos) = self.split();
                out.$secs(secs);
                out.u32(nanos);
            }
        }

        impl<'de> Decode<'de> for $time {
            const LEAST: usize = 12;

            #[inline]
            fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
                let start = input.offset();
                let (secs, nanos) = (input.$secs()?, input.u32()?);
                let refused = DecodeErrorKind::Refused { rule: RULE, why: "" };
                Self::join(secs, nanos).ok_or_else(|| DecodeError::new(start, refused))
            }
        }

        impl FixedLayout for $time {
            type Layout = $place;

            #[inline]
            fn store(&self, out: &mut Self::Layout) -> Result<(), LayoutError> {
                let (secs, nanos) = self.split();
                *out = $place { secs, nanos, pad: [0; 4] };
                Ok(())
            }

            #[inline]
            fn load(layout: &Self::Layout) -> Result<Self, LayoutError> {
                let refused = LayoutErrorKind::Refused { rule: RULE, why: "" };
                Self::join(layout.secs, layout.nanos).ok_or_else(|| LayoutError::new(refused))
            }

            fn encode_layout(
                layout: &Self::Layout,
                out: &mut Encoder<'_>,
            ) -> Result<(), LayoutError> {
                Self::load(layout)?.encode(out);
                Ok(())
            }

            fn decode_layout(
                input: &mut Decoder<'_>,
                out: &mut Self::Layout,
            ) -> Result<(), DecodeError> {
                let (secs, nanos) = Self::decode(input)?.split();
                *out = $place { secs, nanos, pad: [0; 4] };
                Ok(())
            }
        }

        impl Layout for $place {
            type Word = u64;
        }

        impl Access for $place {
            type Ref<'a> = $time;

            fn get(&self) -> Result<$time, LayoutError> {
                $time::load(self)
            }
        }

        impl Assign<$time> for $place {
            fn assign(&mut self, value: $time) -> Result<(), LayoutError> {
                value.store(self)
            }
        }
    )*};
}

time! {
    Duration, DurationPlace: u64, "A span of time";
    SystemTime, TimePlace: i64, "A point of time";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    #[test]
    fn times_before_and_after_1970_come_back() {
        for (secs, nanos) in [(0, 0), (0, 1), (-1, 999_999_999), (-1, 0), (-5, 7), (1 << 40, 5)] {
            let time = SystemTime::join(secs, nanos).expect("within the clock's range");
            assert_eq!(time.split(), (secs, nanos));
            let octets = encode(&time);
            assert_eq!(octets[..8], secs.to_le_bytes());
            assert_eq!(decode::<SystemTime>(&octets), Ok(time));
            let mut place = TimePlace { secs: 0, nanos: 9, pad: [0; 4] };
            time.store(&mut place).expect("it fits");
            assert_eq!(place.get(), Ok(time));
        }
        let longest = Duration::new(u64::MAX, 999_999_999);
        assert_eq!(decode::<Duration>(&encode(&longest)), Ok(longest));
    }

    #[test]
    fn a_time_that_no_clock_can_hold_is_refused() {
        let octets = encode(&(u64::MAX, NANOS));
        assert!(decode::<Duration>(&octets).is_err());
        assert!(Duration::load(&DurationPlace { secs: 1, nanos: NANOS, pad: [0; 4] }).is_err());
        assert!(decode::<SystemTime>(&encode(&(i64::MIN, NANOS))).is_err());
        assert!(SystemTime::load(&TimePlace { secs: 0, nanos: u32::MAX, pad: [0; 4] }).is_err());
        let _ = decode::<SystemTime>(&encode(&(i64::MIN, 0_u32)));
        let _ = decode::<SystemTime>(&encode(&(i64::MAX, NANOS - 1)));
    }
}
