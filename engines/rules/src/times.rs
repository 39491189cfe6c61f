use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};

/// Moments in ascending order. Stored as the first one and the steps between them, so that each
/// takes about five bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times(Vec<i64>);

impl Times {
    pub(crate) fn as_slice(&self) -> &[i64] {
        &self.0
    }

    /// Adds a moment and keeps the `keep` latest; equal moments count separately. Whether that
    /// changed anything.
    pub(crate) fn add(&mut self, at: i64, keep: usize) -> bool {
        if self.0.len() >= keep && self.0.first().is_none_or(|first| at <= *first) {
            return false;
        }
        let place = self.0.partition_point(|kept| *kept <= at);
        self.0.insert(place, at);
        self.keep_latest(keep);
        true
    }

    /// Adds a moment unless it is there already. Whether that changed anything.
    pub(crate) fn add_once(&mut self, at: i64) -> bool {
        match self.0.binary_search(&at) {
            Ok(_) => false,
            Err(place) => {
                self.0.insert(place, at);
                true
            }
        }
    }

    pub(crate) fn contains(&self, at: i64) -> bool {
        self.0.binary_search(&at).is_ok()
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&i64) -> bool) {
        self.0.retain(keep);
    }

    pub(crate) fn keep_latest(&mut self, keep: usize) {
        let surplus = self.0.len().saturating_sub(keep);
        self.0.drain(..surplus);
    }

    pub(crate) fn keep_earliest(&mut self, keep: usize) {
        self.0.truncate(keep);
    }

    /// The latest moment before `at`.
    pub(crate) fn latest_before(&self, at: i64) -> Option<i64> {
        let place = self.0.partition_point(|kept| *kept < at);
        place.checked_sub(1).and_then(|index| self.0.get(index)).copied()
    }
}

impl<C> Encode<C> for Times {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(self.0.len() as u64)?;
        let mut previous = None;
        for at in &self.0 {
            match previous {
                None => e.i64(*at)?,
                Some(previous) => e.u64(at.abs_diff(previous))?,
            };
            previous = Some(*at);
        }
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Times {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let length = d.array()?.ok_or_else(|| DecodeError::message("times have a length"))?;
        let mut times = Vec::new();
        for _ in 0..length {
            let at = match times.last() {
                None => d.i64()?,
                Some(previous) => i64::checked_add_unsigned(*previous, d.u64()?)
                    .ok_or_else(|| DecodeError::message("a time is out of range"))?,
            };
            times.push(at);
        }
        Ok(Self(times))
    }
}
