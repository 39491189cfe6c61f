use impresario_kernel::{Decision, Timestamp};

use super::{Context, conclude, reply};
use crate::{
    DIM_MAX, Document, Encoding, Event, LABEL_CHARS_MAX, Rejection, State, Status,
    VECTOR_BYTES_MAX, VectorItem,
};

pub(super) fn record(
    state: &State,
    model: String,
    dim: u32,
    encoding: Encoding,
    mut items: Vec<VectorItem>,
    at: Timestamp,
) -> Result<Option<Event>, Rejection> {
    check_model(&model)?;
    if dim == 0 || dim > DIM_MAX {
        return Err(invalid(format!("a vector has 1 to {DIM_MAX} numbers, not {dim}")));
    }
    for item in &items {
        check_vector(&item.bytes, dim, encoding)?;
    }
    let hashes = state.hashes();
    let bytes = hashes.len().saturating_mul(encoding.bytes(dim));
    if bytes > VECTOR_BYTES_MAX {
        return Err(Rejection::VectorsTooLarge { bytes: bytes as u64 });
    }
    let set = state.vectors(&model);
    let same_form = set.is_some_and(|set| set.fits(dim, encoding));
    items.retain(|item| {
        let known = set.and_then(|set| set.get(&item.hash)) == Some(item.bytes.as_slice());
        hashes.contains(&item.hash) && !(known && same_form)
    });
    if items.is_empty() {
        return Ok(None);
    }
    Ok(Some(Event::VectorsRecorded { model, dim, encoding, items, at }))
}

fn check_model(model: &str) -> Result<(), Rejection> {
    let length = model.chars().count();
    if length == 0 || length > LABEL_CHARS_MAX || model.chars().any(char::is_control) {
        return Err(invalid(format!("a model's name has 1 to {LABEL_CHARS_MAX} characters")));
    }
    Ok(())
}

fn check_vector(bytes: &[u8], dim: u32, encoding: Encoding) -> Result<(), Rejection> {
    let wanted = encoding.bytes(dim);
    if bytes.len() != wanted {
        let got = bytes.len();
        return Err(invalid(format!("{dim} numbers are {wanted} bytes, not {got}")));
    }
    let finite = match encoding {
        Encoding::F32 => bytes
            .chunks_exact(4)
            .all(|word| word.try_into().is_ok_and(|word| f32::from_le_bytes(word).is_finite())),
        // All bits of the exponent set: infinite or not a number.
        Encoding::F16 => bytes.chunks_exact(2).all(|half| half[1] & 0x7c != 0x7c),
        Encoding::I8 => true,
    };
    if finite { Ok(()) } else { Err(invalid("not every number is finite".to_owned())) }
}

fn invalid(message: String) -> Rejection {
    Rejection::VectorsInvalid(message)
}

/// Asks for vectors of a model. Whoever sweeps over all documents meets some that are gone.
pub(super) fn reembed(
    state: &State,
    model: String,
    ctx: &Context<'_>,
) -> Result<Decision<Document>, Rejection> {
    check_model(&model)?;
    let serves = state.serving.as_ref().is_some_and(|set| set.model == model);
    let builds = state.building.as_ref().map(|set| set.model == model);
    let live = match state.status {
        Status::Active | Status::Expired => true,
        Status::Draft | Status::Deleted | Status::Erased | Status::Failed => false,
    };
    // What serves needs nothing else beside it; what is being built goes on.
    let settled = if serves { builds.is_none() } else { builds == Some(true) };
    // Asked again: the first request may have been given up.
    let lacks = state.status == Status::Active && state.missing_count(Some(&model)) > 0;
    if (live && !settled) || lacks {
        return Ok(conclude(state, Event::ReembedAsked { model, at: ctx.now }, ctx));
    }
    Ok(Decision::unchanged(reply(state, false, ctx)))
}
