//! The collections of a tenant's knowledge.

use axum::response::Response;
use impresario_api::codes;
use impresario_api::{Changed, Collection, CollectionField, Collections, SaveCollections};
use impresario_knowledge::COLLECTIONS;
use impresario_tenant::{Answer, Command, FieldKind, Query};

use super::{MANAGE, TAG};
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::Route;
use crate::routes::tenants::{ask, query};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/knowledge/collections", MANAGE, |call| Box::pin(list(call)))
        .doc(TAG, "List collections", "")
        .gives::<Collections>(),
    Route::put("/api/v1/knowledge/collections", MANAGE, |call| Box::pin(configure(call)))
        .doc(
            TAG,
            "Configure collections",
            "Replaces the list of your own collections and of your settings for those that every \
             tenant has. Documents of a collection that is taken away stay as they are.",
        )
        .takes::<SaveCollections>()
        .gives::<Changed>()
        .codes(&[&codes::COLLECTIONS_INVALID]),
];

async fn list(call: &mut Call) -> Result<Response, Fault> {
    let collections = match query(call, call.tenant()?, Query::Collections).await? {
        Answer::Collections(collections) => collections,
        _ => return Err(crate::routes::unexpected("collections")),
    };
    let field = |field: impresario_tenant::CollectionField| CollectionField {
        name: field.name,
        kind: field.kind.as_str().to_owned(),
        required: field.required,
    };
    let shown = |collection: impresario_tenant::Collection| Collection {
        name: collection.name,
        title: collection.title,
        description: collection.description,
        embedding: collection.embedding,
        fields: collection.fields.into_iter().map(field).collect(),
    };
    call::ok(&Collections {
        builtin: COLLECTIONS.map(str::to_owned).to_vec(),
        collections: collections.into_iter().map(shown).collect(),
    })
}

fn kind(text: &str, pointer: String) -> Result<FieldKind, Fault> {
    text.parse::<FieldKind>().map_err(|error| {
        Fault::new(&codes::COLLECTIONS_INVALID).detail(error.to_string()).pointer(pointer)
    })
}

async fn configure(call: &mut Call) -> Result<Response, Fault> {
    let SaveCollections { collections: given } = call.json()?;
    let mut collections = Vec::with_capacity(given.len());
    for (place, collection) in given.into_iter().enumerate() {
        let Collection { name, title, description, embedding, fields: given } = collection;
        let mut fields = Vec::with_capacity(given.len());
        for (number, field) in given.into_iter().enumerate() {
            let pointer = format!("/collections/{place}/fields/{number}/kind");
            fields.push(impresario_tenant::CollectionField {
                name: field.name,
                kind: kind(&field.kind, pointer)?,
                required: field.required,
            });
        }
        collections.push(impresario_tenant::Collection {
            name,
            title,
            description,
            embedding,
            fields,
        });
    }
    let tenant = call.tenant()?;
    let reply = ask(call, tenant, Command::ConfigureCollections { collections })
        .await
        .map_err(|fault| fault.under("/collections"))?;
    call::ok(&Changed { id: tenant.to_string(), version: reply.version, changed: reply.changed })
}
