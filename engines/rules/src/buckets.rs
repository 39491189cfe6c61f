use minicbor::data::Type;
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::expr::sooner;
use crate::time::Span;

/// A window of 100 buckets touches at most 102 of them at once, and its width may be rounded down.
const BUCKETS_KEPT: usize = 104;
const BUCKETS_PER_WINDOW: i64 = 100;

/// The granularity of windows: a hundredth, at least a minute.
pub(crate) fn bucket_width(window: Span) -> i64 {
    (window.0 / BUCKETS_PER_WINDOW).max(Span::MINUTE.0)
}

/// Millionths. Stored as an integer if it fits 64 bits, otherwise as 16 big-endian bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Micros(pub(crate) i128);

impl Micros {
    pub(crate) fn add(&mut self, micros: i128) {
        self.0 = self.0.saturating_add(micros);
    }
}

impl<C> Encode<C> for Micros {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        match i64::try_from(self.0) {
            Ok(small) => e.i64(small)?.ok(),
            Err(_) => e.bytes(&self.0.to_be_bytes())?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Micros {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        if d.datatype()? == Type::Bytes {
            return <[u8; 16]>::try_from(d.bytes()?)
                .map(|bytes| Self(i128::from_be_bytes(bytes)))
                .map_err(|_| DecodeError::message("a large amount is 16 bytes"));
        }
        d.i64().map(|small| Self(small.into()))
    }
}

/// Counts and sums by slices of time, in ascending order: the latest [`BUCKETS_KEPT`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Buckets(#[n(0)] Vec<Bucket>);

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct Bucket {
    /// When the slice ends, Unix milliseconds, exclusive.
    #[n(0)]
    end: i64,
    #[n(1)]
    count: u64,
    #[n(2)]
    sum: Micros,
}

/// What lies in the window, and until when.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) count: u64,
    pub(crate) micros: i128,
    pub(crate) until: Option<i64>,
}

impl Buckets {
    pub(crate) fn add(&mut self, at: i64, width: i64, count: u64, micros: i128) -> bool {
        let end = at.div_euclid(width).saturating_add(1).saturating_mul(width);
        self.add_bucket(Bucket { end, count, sum: Micros(micros) })
    }

    fn add_bucket(&mut self, more: Bucket) -> bool {
        match self.0.binary_search_by_key(&more.end, |bucket| bucket.end) {
            Ok(place) => {
                if let Some(bucket) = self.0.get_mut(place) {
                    bucket.count = bucket.count.saturating_add(more.count);
                    bucket.sum.add(more.sum.0);
                }
                true
            }
            Err(0) if self.0.len() >= BUCKETS_KEPT => false,
            Err(place) => {
                self.0.insert(place, more);
                let surplus = self.0.len().saturating_sub(BUCKETS_KEPT);
                self.0.drain(..surplus);
                true
            }
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for bucket in &other.0 {
            self.add_bucket(bucket.clone());
        }
    }

    /// A slice counts while its end lies in the window.
    pub(crate) fn read(&self, window: Option<Span>, now: i64) -> Totals {
        let holds = |bucket: &&Bucket| window.is_none_or(|window| window.holds(bucket.end, now));
        self.0.iter().filter(holds).fold(Totals::default(), |totals, bucket| Totals {
            count: totals.count.saturating_add(bucket.count),
            micros: totals.micros.saturating_add(bucket.sum.0),
            until: sooner(totals.until, window.and_then(|window| window.end(bucket.end))),
        })
    }
}
