/// A token bucket without a clock: the time is handed in. Full at the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The most tokens it holds.
    capacity: u32,
    /// How long one token takes to come, in microseconds.
    token_us: u64,
    /// When it was, or will be, full: in microseconds since 1970.
    full_at_us: i64,
}

impl Bucket {
    /// Holds `capacity` tokens (at least one), a new one every `token_us` microseconds.
    #[must_use]
    pub const fn new(capacity: u32, token_us: u64) -> Self {
        let capacity = if capacity == 0 { 1 } else { capacity };
        Self { capacity, token_us, full_at_us: i64::MIN }
    }

    /// So many per second, and as many at once.
    #[must_use]
    pub const fn per_second(count: u32) -> Self {
        let count = if count == 0 { 1 } else { count };
        Self::new(count, 1_000_000 / count as u64)
    }

    /// Takes a token now.
    ///
    /// # Errors
    /// If there is none: how many milliseconds until there is. Nothing is taken then.
    pub fn take(&mut self, now_ms: i64) -> Result<(), i64> {
        let now_us = now_ms.saturating_mul(1_000);
        let token_us = i64::try_from(self.token_us).unwrap_or(i64::MAX);
        let room_us = token_us.saturating_mul(i64::from(self.capacity));
        let full_at_us = self.full_at_us.max(now_us).saturating_add(token_us);
        let over_us = full_at_us.saturating_sub(now_us).saturating_sub(room_us);
        if over_us > 0 {
            return Err(over_us.saturating_add(999) / 1_000);
        }
        self.full_at_us = full_at_us;
        Ok(())
    }

    /// Nothing until then: the platform said so.
    pub fn hold_until(&mut self, at_ms: i64) {
        let token_us = i64::try_from(self.token_us).unwrap_or(i64::MAX);
        let room_us = token_us.saturating_mul(i64::from(self.capacity).saturating_sub(1));
        let full_at_us = at_ms.saturating_mul(1_000).saturating_add(room_us);
        self.full_at_us = self.full_at_us.max(full_at_us);
    }

    /// Whether it is full, so that forgetting it changes nothing.
    #[must_use]
    pub const fn is_full(&self, now_ms: i64) -> bool {
        self.full_at_us <= now_ms.saturating_mul(1_000)
    }
}
