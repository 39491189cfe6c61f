use impresario_placement::Status;

use crate::Steward;
use crate::command::CommandError;

impl Steward {
    /// Ends the drain of this node, if it is drained: after a stop for which it had handed over.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn resume_here(&self) -> Result<(), CommandError> {
        let me = self.inner.me.node;
        if self.inner.is(me, Status::Draining) {
            self.resume(me).await?;
        }
        Ok(())
    }
}
