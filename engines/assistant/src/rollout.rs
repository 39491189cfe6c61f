use crate::{Rollout, RolloutPath};

impl Rollout {
    /// The path of the conversation with this id: the same for ever under one seed, and a greater
    /// percentage only adds conversations to the new path.
    #[must_use]
    pub fn path(&self, conversation: &[u8; 16]) -> RolloutPath {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"rollout");
        hasher.update(self.seed.as_bytes());
        hasher.update(conversation);
        let hash = hasher.finalize();
        let word = u32::from_le_bytes([
            hash.as_bytes()[0],
            hash.as_bytes()[1],
            hash.as_bytes()[2],
            hash.as_bytes()[3],
        ]);
        if word % 100 < u32::from(self.percent) { RolloutPath::New } else { RolloutPath::Old }
    }
}
