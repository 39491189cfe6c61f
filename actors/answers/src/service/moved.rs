//! A person got another id at a platform, with a new telephone number.

use impresario_ids::{TenantId, TraceId};
use impresario_kernel::{Coded as _, EntityKey};
use impresario_messages::{Address, Person};
use impresario_profile::{self as profile, Profile};
use impresario_router::{AskError, Failure};

use super::{Answers, profile_of};

impl Answers {
    /// Who writes from the new address is whoever wrote from the old one: the profiles become one. The
    /// old conversation stays where it was; what is known of the person is found from the new one.
    pub(super) async fn moved(
        &self,
        tenant: TenantId,
        from: &Address,
        to: &Address,
        trace: TraceId,
    ) -> Result<(), Failure> {
        if !self.is_begun(tenant, from, trace).await? {
            return Ok(());
        }
        let nobody = Person::default();
        let into = profile_of(tenant, to, &nobody);
        let old = EntityKey::new(tenant, profile::KIND, profile_of(tenant, from, &nobody));
        // Told again it changes nothing.
        let merge = profile::Command::MergeInto { into };
        match self.house.ask::<Profile>(old, merge, None, trace).await {
            Ok(_) => Ok(()),
            Err(AskError::Rejected(rejection)) => {
                tracing::warn!(tenant.id = %tenant, code = rejection.code(), "profiles stay apart");
                Ok(())
            }
            Err(AskError::Failed(failure)) => Err(failure),
        }
    }
}
