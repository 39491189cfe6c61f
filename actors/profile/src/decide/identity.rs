//! The rows by which a profile is found: the difference between what was known and what is.

use impresario_kernel::{IndexId, IndexOp};

use super::draft::Draft;
use crate::facts::{Facts, Text, Trait};
use crate::index;
use crate::policy::Policy;

/// Replaces the rows of `old` by those of `new`.
pub(super) fn rows(draft: &mut Draft<'_>, old: &Facts, new: &Facts) {
    ids(draft, index::BY_USER_ID, &old.user_ids, &new.user_ids);
    ids(draft, index::BY_ANONYMOUS_ID, &old.anonymous_ids, &new.anonymous_ids);
    ids(draft, index::BY_EXTERNAL_ID, &old.external_ids, &new.external_ids);
    let policy = draft.policy();
    for gone in old
        .traits()
        .filter(|one| new.trait_named(&one.name).is_none_or(|now| now.value != one.value))
    {
        for (index, key) in keys(gone) {
            draft.personal_row(index, key, IndexOp::Delete);
        }
    }
    for set in new
        .traits()
        .filter(|one| old.trait_named(&one.name).is_none_or(|was| was.value != one.value))
    {
        for (index, key) in keys(set).filter(|(index, _)| wanted(policy, *index, set)) {
            draft.personal_row(index, key, IndexOp::Put(Vec::new()));
        }
    }
}

fn wanted(policy: &Policy, index: IndexId, one: &Trait) -> bool {
    index == index::BY_EMAIL || policy.indexes(&one.name)
}

fn keys(one: &Trait) -> impl Iterator<Item = (IndexId, Vec<u8>)> {
    let value = one.json();
    let email = match (&*one.name, value.as_str()) {
        ("email", Some(email)) if email.len() <= index::TRAIT_KEY_MAX => {
            Some((index::BY_EMAIL, index::email_key(email)))
        }
        _ => None,
    };
    let scalar = index::trait_key(&one.name, &value).map(|key| (index::BY_TRAIT, key));
    email.into_iter().chain(scalar)
}

fn ids(draft: &mut Draft<'_>, index: IndexId, old: &[Text], new: &[Text]) {
    let bytes = |id: &Text| id.0.as_bytes().to_vec();
    for gone in old.iter().filter(|id| new.binary_search(id).is_err()) {
        draft.personal_row(index, bytes(gone), IndexOp::Delete);
    }
    for learned in new.iter().filter(|id| old.binary_search(id).is_err()) {
        draft.personal_row(index, bytes(learned), IndexOp::Put(Vec::new()));
    }
}
