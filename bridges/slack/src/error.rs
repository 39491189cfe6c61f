use impresario_messages::SendClass;

/// What Slack's error word means for a message; `status` is the HTTP status, `after_ms` what
/// `Retry-After` said, and the word is empty for an answer without one.
#[must_use]
pub fn classify(error: &str, status: u16, after_ms: Option<i64>) -> SendClass {
    match error {
        "ratelimited" | "rate_limited" | "service_unavailable" | "team_added_to_org" => {
            SendClass::Retry { after_ms }
        }
        _ if status == 429 => SendClass::Retry { after_ms },
        // Slack's own words: it may have been done or not.
        "fatal_error" | "internal_error" | "request_timeout" => SendClass::Unknown,
        "" if status >= 500 => SendClass::Unknown,
        "" => SendClass::Refused { code: format!("http_{status}") },
        word => SendClass::Refused { code: word.to_owned() },
    }
}
