//! The registry of problem codes: one row per code, one page in `docs/errors/` per row.

/// A stable problem code. Its meaning never changes; a new meaning gets a new code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Lower-case words joined by underscores.
    pub name: &'static str,
    /// The HTTP status it is answered with (a route may have to use another one for compatibility).
    pub status: u16,
    /// The code in words.
    pub title: &'static str,
    /// Whether the same request may succeed later without being changed.
    pub retryable: bool,
    /// The text of `docs/errors/<name>.md`.
    pub page: &'static str,
}

impl Code {
    /// The row of a code, if it is registered.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|code| code.name == name).copied()
    }
}

macro_rules! codes {
    ($($ident:ident = $name:literal, $status:literal, $retry:ident, $title:literal;)*) => {
        $(
            #[doc = concat!($title, " (`", $name, "`, HTTP ", stringify!($status), ").")]
            pub const $ident: Code = Code {
                name: $name,
                status: $status,
                title: $title,
                retryable: codes!(@ $retry),
                // A code without a page does not compile.
                page: include_str!(concat!("../../../docs/errors/", $name, ".md")),
            };
        )*
        /// Every code.
        pub const ALL: &[&Code] = &[$(&$ident),*];
    };
    (@ again) => { true };
    (@ never) => { false };
}

// Grouped as a reader would look for them. `again`: the same request may succeed later.
codes! {
    // The body as text.
    MALFORMED_JSON = "malformed_json", 400, never, "The body is not valid JSON";
    INVALID_UTF8 = "invalid_utf8", 400, never, "The body is not valid UTF-8";
    NESTED_TOO_DEEP = "nested_too_deep", 400, never, "The JSON is nested too deeply";
    NUL_CHARACTER = "nul_character", 400, never, "A text contains the NUL character";
    NUMBER_OUT_OF_RANGE = "number_out_of_range", 400, never, "A number is beyond the range of a 64-bit float";
    BODY_TOO_LARGE = "body_too_large", 413, never, "The body is too large";
    EVENT_TOO_LARGE = "event_too_large", 400, never, "An event is larger than 32 KB";
    TOO_MANY_EVENTS = "too_many_events", 400, never, "A batch has more than 2 500 events";
    ENCODING_UNSUPPORTED = "encoding_unsupported", 415, never, "The content encoding is not supported";
    ENCODING_INVALID = "encoding_invalid", 400, never, "The body does not decompress";
    REQUEST_TIMEOUT = "request_timeout", 408, again, "The body arrived too slowly";

    // The request as a whole.
    INVALID_REQUEST = "invalid_request", 400, never, "The request does not have the expected shape";
    PARAMETER_INVALID = "parameter_invalid", 400, never, "A path or query parameter is not valid";
    IDEMPOTENCY_KEY_INVALID = "idempotency_key_invalid", 400, never, "The Idempotency-Key header is not valid";
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused", 422, never, "The Idempotency-Key was used for another request";
    ROUTE_NOT_FOUND = "route_not_found", 404, never, "There is no such route";
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, never, "The route does not take this method";
    ID_INVALID = "id_invalid", 400, never, "An id is not valid";
    UPGRADE_REQUIRED = "upgrade_required", 426, never, "The route speaks WebSocket";

    // Who asks, and whether they may.
    CREDENTIAL_MISSING = "credential_missing", 401, never, "No credential was given";
    CREDENTIAL_INVALID = "credential_invalid", 401, never, "The credential is not valid";
    KEY_REVOKED = "key_revoked", 401, never, "The API key was revoked";
    KEY_EXPIRED = "key_expired", 401, never, "The API key has expired";
    TOKEN_EXPIRED = "token_expired", 401, never, "The token has expired";
    TOKEN_INVALID = "token_invalid", 401, never, "The token is not valid";
    SCOPE_MISSING = "scope_missing", 403, never, "The credential lacks a scope";
    ROOT_REQUIRED = "root_required", 403, never, "Only the root token may do this";
    ORIGIN_NOT_ALLOWED = "origin_not_allowed", 403, never, "The tenant does not allow this origin";
    USER_MISMATCH = "user_mismatch", 403, never, "The token speaks for another user";

    // How much.
    RATE_LIMITED = "rate_limited", 429, again, "Too many requests in a short time";
    QUOTA_EXHAUSTED = "quota_exhausted", 429, again, "The daily quota of the plan is used up";
    TOO_MANY_SUBSCRIBERS = "too_many_subscribers", 429, again, "Too many live connections of this tenant";

    // Events.
    TYPE_UNKNOWN = "type_unknown", 400, never, "The event type is missing or unknown";
    USER_OR_ANONYMOUS_ID_MISSING = "no_user_anon_id", 400, never, "Neither userId nor anonymousId was given";
    FIELD_TYPE_WRONG = "field_type_wrong", 400, never, "A field has the wrong JSON type";
    TIMESTAMP_INVALID = "timestamp_invalid", 400, never, "A timestamp is not ISO 8601";
    TIMESTAMP_ABSURD = "timestamp_absurd", 400, never, "A timestamp cannot be true";
    QUARANTINE_BATCH_TOO_LARGE = "quarantine_batch_too_large", 400, never, "Too many refused events at once";

    // Ours.
    OVERLOADED = "overloaded", 503, again, "Too much work is waiting";
    UNAVAILABLE = "unavailable", 503, again, "The part that would answer is not available";
    SHUTTING_DOWN = "shutting_down", 503, again, "The server is stopping";
    DEADLINE_EXCEEDED = "deadline_exceeded", 504, again, "There was no answer in time";
    OUTCOME_UNKNOWN = "outcome_unknown", 503, again, "It is not known whether the request was done";
    UNKNOWN_TENANT = "unknown_tenant", 404, never, "There is no such tenant";
    NOT_LEADER = "not_leader", 503, again, "No node answers for this entity at the moment";
    ENTITY_RESTARTING = "entity_restarting", 503, again, "An entity is restarting after a crash";
    ENTITY_CRASHED = "entity_crashed", 500, again, "An entity crashed on this request";
    DEAD_LETTERED = "dead_lettered", 500, never, "The request was set aside because it kept crashing";
    STORE_DAMAGED = "store_damaged", 500, never, "Stored data cannot be read";
    // The cluster.
    CLUSTER_NOT_FOUNDED = "cluster_not_founded", 503, again, "The cluster is not founded yet";
    CLUSTER_ALREADY_FOUNDED = "cluster_already_founded", 409, never, "There is a cluster already";
    CLUSTER_SETTING_INVALID = "cluster_setting_invalid", 422, never, "A setting of the cluster is out of its range";
    CLUSTER_WRONG = "cluster_wrong", 409, never, "The node belongs to another cluster";
    CLUSTER_PARTITIONS_WRONG = "cluster_partitions_wrong", 409, never, "The node has another number of partitions";
    CLUSTER_TOO_FEW_NODES = "cluster_too_few_nodes", 409, never, "There are too few nodes";
    CLUSTER_QUORUM_AT_RISK = "cluster_quorum_at_risk", 409, never, "Partitions would lose their majority";
    NODE_INTRODUCTION_INVALID = "node_introduction_invalid", 422, never, "What the node says of itself is not usable";
    NODE_NUMBER_WRONG = "node_number_wrong", 409, never, "The cluster knows the node otherwise";
    NODE_STORE_RETIRED = "node_store_retired", 409, never, "The data folder belonged to a node that left";
    NODE_STORE_COPIED = "node_store_copied", 409, never, "The data folder is in use elsewhere";
    NODE_ADDRESS_TAKEN = "node_address_taken", 409, never, "Another node has this address";
    NODE_WIRE_INCOMPATIBLE = "node_wire_incompatible", 409, never, "The node's release is too far from the cluster's";
    NODE_UNKNOWN = "node_unknown", 404, never, "There is no such node";
    NODE_STATUS_WRONG = "node_status_wrong", 409, never, "The node's status does not allow this";
    NODE_NOT_EMPTY = "node_not_empty", 409, never, "The node still holds replicas";
    PARTITION_UNKNOWN = "partition_unknown", 404, never, "There is no such partition";
    PARTITION_LEADER_INVALID = "partition_leader_invalid", 409, never, "The node cannot lead the partition";
    REPLICA_MOVE_INVALID = "replica_move_invalid", 409, never, "The replica cannot move like this";
    RECOVERY_INVALID = "recovery_invalid", 409, never, "This is no recovery of the partition";
    CLUSTER_ALONE = "cluster_alone", 409, never, "The node is not part of a cluster";
    NODE_UNREACHABLE = "node_unreachable", 503, again, "Another node does not answer";
    NODE_ALIVE = "node_alive", 409, never, "A node that would be given up answers";
    NOT_CONFIRMED = "not_confirmed", 409, never, "What may be lost was not confirmed";
    QUORUM_ANSWERS = "quorum_answers", 409, never, "The partition still has its quorum";
    // Backups.
    ARCHIVE_PASSPHRASE_WRONG = "archive_passphrase_wrong", 422, never, "The archive does not open";
    BACKUP_DAMAGED = "backup_damaged", 500, never, "The backup is damaged";
    BACKUP_FORMAT_UNKNOWN = "backup_format_unknown", 422, never, "The backup is of a later release";
    BACKUP_INCOMPLETE = "backup_incomplete", 409, never, "The backup was never finished";
    BACKUP_NOT_FOUND = "backup_not_found", 404, never, "No such backup";
    BACKUP_RUNNING = "backup_running", 409, again, "The backup is being worked on";
    BACKUP_TARGET_INVALID = "backup_target_invalid", 422, never, "The backup target cannot be meant";
    BACKUP_TARGET_UNAVAILABLE = "backup_target_unavailable", 503, again, "The backup target does not answer";
    RESTORE_FAILED = "restore_failed", 500, again, "The restore did not go through";
    RESTORE_KEY_WRONG = "restore_key_wrong", 422, never, "Another master key is needed";
    RESTORE_NOT_EMPTY = "restore_not_empty", 409, never, "The cluster or folder is not empty";
    TENANT_EXISTS = "tenant_exists", 409, never, "The tenant is already here";
    ADMIN_NOT_FOUND = "admin_not_found", 404, never, "The node has nothing by that name";
    INTERNAL = "internal", 500, again, "Something unexpected happened in the server";

    // The tenant.
    TENANT_NOT_ONBOARDED = "tenant_not_onboarded", 404, never, "There is no such tenant";
    TENANT_ALREADY_ONBOARDED = "tenant_already_onboarded", 409, never, "The tenant exists with other details";
    TENANT_SUSPENDED = "tenant_suspended", 403, never, "The tenant is suspended";
    TENANT_DELETED = "tenant_deleted", 410, never, "The tenant was deleted";
    SETTINGS_INVALID = "settings_invalid", 422, never, "Settings are not valid";
    API_KEY_INVALID = "api_key_invalid", 422, never, "The description of an API key is not valid";
    ENDPOINT_INVALID = "endpoint_invalid", 422, never, "A webhook endpoint is not valid";
    COMPUTED_TRAIT_INVALID = "computed_trait_invalid", 422, never, "A computed trait is not valid";
    SEGMENT_RULE_INVALID = "segment_rule_invalid", 422, never, "A segment's rule is not valid";
    WEBHOOK_MESSAGE_INVALID = "webhook_message_invalid", 422, never, "A webhook message cannot be replayed";
    LIMITS_INVALID = "limits_invalid", 422, never, "Overrides of limits are not valid";
    PLAN_LIMIT_REACHED = "plan_limit_reached", 403, never, "The plan allows no more of these";
    API_KEY_UNKNOWN = "api_key_unknown", 404, never, "There is no such API key";
    API_KEY_DEAD = "api_key_dead", 409, never, "The API key no longer works";
    API_KEY_ID_TAKEN = "api_key_id_taken", 409, never, "Another API key has this id";
    ENDPOINT_UNKNOWN = "endpoint_unknown", 404, never, "There is no such webhook endpoint";
    ENDPOINT_ID_TAKEN = "endpoint_id_taken", 409, never, "Another webhook endpoint has this id";
    ENDPOINT_DISABLED = "endpoint_disabled", 409, never, "The webhook endpoint is disabled";
    COMPUTED_TRAIT_UNKNOWN = "computed_trait_unknown", 404, never, "There is no such computed trait";

    // The profile.
    MESSAGE_ID_INVALID = "message_id_invalid", 400, never, "A message id is not valid";
    EVENT_NAME_INVALID = "event_name_invalid", 400, never, "An event name is missing or too long";
    FIELD_MISSING = "field_missing", 400, never, "A field is missing that this call needs";
    NOT_AN_OBJECT = "not_an_object", 400, never, "A field must be a JSON object";
    FIELD_TOO_LARGE = "field_too_large", 400, never, "A field is larger than a profile may keep";
    FIELD_TOO_DEEP = "field_too_deep", 400, never, "A field nests too deeply";
    TRAITS_TOO_MANY = "traits_too_many", 422, never, "The profile would have too many traits";
    TRAITS_TOO_LARGE = "traits_too_large", 422, never, "The traits of the profile would be too large";
    TRAIT_NAME_INVALID = "trait_name_invalid", 400, never, "The name of a trait is not valid";
    GROUPS_TOO_MANY = "groups_too_many", 422, never, "The profile would be in too many groups";
    CONSENT_INVALID = "consent_invalid", 422, never, "A consent is not valid";
    CONSENTS_TOO_MANY = "consents_too_many", 422, never, "The profile would have too many consents";
    PROFILE_NOT_FOUND = "profile_not_found", 404, never, "There is no such profile";
    PROFILE_MERGED = "profile_merged", 409, never, "The profile is merged into another one";
    MERGE_CIRCLE = "merge_circle", 409, never, "The merge would go in a circle";
    PROFILE_NOT_MERGED = "profile_not_merged", 409, never, "The profile is not merged into this one";

    // Segments.
    SEGMENT_NOT_FOUND = "segment_not_found", 404, never, "There is no such segment";
    SEGMENT_NAME_INVALID = "segment_name_invalid", 422, never, "The name of a segment is not valid";
    SEGMENT_DESCRIPTION_TOO_LONG = "segment_description_too_long", 422, never, "The description of a segment is too long";
    SEGMENT_VERSION_CONFLICT = "segment_version_conflict", 409, never, "The segment was changed in between";
    SEGMENT_VERSION_UNKNOWN = "segment_version_unknown", 409, again, "The version of the segment is not known here yet";
    SEGMENT_ARCHIVED = "segment_archived", 409, never, "The segment is archived";

    // Webhook deliveries.
    DELIVERY_NOT_FOUND = "delivery_not_found", 404, never, "There is no such delivery";

    // The assistant, connections and collections.
    ASSISTANT_INVALID = "assistant_invalid", 422, never, "The assistant's configuration is not valid";
    CONNECTION_INVALID = "connection_invalid", 422, never, "A connection is not valid";
    CONNECTION_UNKNOWN = "connection_unknown", 404, never, "There is no such connection";
    COLLECTIONS_INVALID = "collections_invalid", 422, never, "Collections are not valid";
    HOOK_REFUSED = "hook_refused", 401, never, "The webhook's signature is not right";

    // Knowledge.
    COLLECTION_UNKNOWN = "collection_unknown", 404, never, "There is no such collection";
    COLLECTION_NAME_INVALID = "collection_name_invalid", 422, never, "The name of a collection is not valid";
    DOCUMENT_NOT_FOUND = "document_not_found", 404, never, "There is no such document";
    DOCUMENT_DELETED = "document_deleted", 409, never, "The document is deleted";
    DOCUMENT_VERSION_CONFLICT = "document_version_conflict", 409, never, "The document was changed in between";
    DOCUMENT_TITLE_INVALID = "document_title_invalid", 422, never, "The title of a document is not valid";
    DOCUMENT_CONTENT_INVALID = "document_content_invalid", 422, never, "The content of a document is not sound";
    DOCUMENT_TOO_MANY_CHUNKS = "document_too_many_chunks", 422, never, "The document is too long";
    DOCUMENT_TOO_LARGE = "document_too_large", 422, never, "The document has too much text";
    DOCUMENT_FIELD_INVALID = "document_field_invalid", 422, never, "A field of a document is not valid";
    DOCUMENT_METADATA_INVALID = "document_metadata_invalid", 422, never, "The metadata of a document is not valid";
    VECTORS_INVALID = "vectors_invalid", 422, never, "Vectors are not sound";
    VECTORS_TOO_LARGE = "vectors_too_large", 422, never, "A document has too many vectors";
    FILE_TOO_LARGE = "file_too_large", 413, never, "The file is too large";
    FILE_TYPE_UNSUPPORTED = "file_type_unsupported", 415, never, "Files of this kind are not read";
    FILE_DAMAGED = "file_damaged", 422, never, "The file cannot be read";
    FILE_ENCRYPTED = "file_encrypted", 422, never, "The file is protected by a password";
    FILE_INFLATES_TOO_MUCH = "file_inflates_too_much", 422, never, "The file unpacks to too much";
    FILE_TOO_DEEP = "file_too_deep", 422, never, "The file is nested too deeply";
    FILE_TEXT_TOO_LARGE = "file_text_too_large", 422, never, "The file has too much text";
    FILE_WITHOUT_TEXT = "file_without_text", 422, never, "There is no text in the file";
    IMPORT_UNREADABLE = "import_unreadable", 422, never, "The import cannot be read";

    // Conversations.
    CONVERSATION_NOT_FOUND = "conversation_not_found", 404, never, "There is no such conversation";
    CONVERSATION_ADDRESS_WRONG = "conversation_address_wrong", 409, never, "The message belongs to another conversation";
    CONVERSATION_BUSY = "conversation_busy", 429, again, "Too many messages wait for an answer";
    CONVERSATION_HELD_BY_ANOTHER = "conversation_held_by_another", 409, again, "Somebody else has taken the conversation";
    CONVERSATION_ASSIGNEE_INVALID = "conversation_assignee_invalid", 422, never, "Nobody can be called that";
    CONVERSATION_CONTENT_INVALID = "conversation_content_invalid", 422, never, "There is nothing to say, or too much";
    CONVERSATION_NOTE_INVALID = "conversation_note_invalid", 422, never, "The note is empty or too long";
    CHAT_FILE_UNAVAILABLE = "chat_file_unavailable", 404, never, "The file of a chat cannot be had";
    CHAT_FILE_UNSUPPORTED = "chat_file_unsupported", 422, never, "The platform does not take this file";

    // Models and what they may cost.
    TRANSLATION_UNAVAILABLE = "translation_unavailable", 503, again, "No model can translate now";
    MODEL_CALL_NOT_FOUND = "model_call_not_found", 404, never, "There is no such model call";
    BUDGET_LIMITS_INVALID = "budget_limits_invalid", 422, never, "Limits of a budget are not valid";
    BUDGET_AMOUNT_INVALID = "budget_amount_invalid", 422, never, "An amount is not valid";
    BUDGET_PATH_INVALID = "budget_path_invalid", 422, never, "A call does not say whom it is charged to";
    BUDGET_TOO_MANY_HELD = "budget_too_many_held", 503, again, "Too many model calls are under way";
}
