use impresario_messages::SendClass;

/// What Discord's error code means for a message; `status` is the HTTP status, `after_ms` what the
/// answer or its headers said about waiting, and 0 is the code of an answer without one.
#[must_use]
pub fn classify(code: i64, status: u16, after_ms: Option<i64>) -> SendClass {
    match (code, status) {
        (_, 429) => SendClass::Retry { after_ms },
        // The person takes no direct messages from this bot.
        (50_007 | 50_278, _) => SendClass::OptedOut,
        // Slow mode of the channel, and "this resource is overloaded".
        (20_016 | 130_000, _) => SendClass::Retry { after_ms },
        (_, 500..) => SendClass::Unknown,
        (0, _) => SendClass::Refused { code: format!("http_{status}") },
        _ => SendClass::Refused { code: code.to_string() },
    }
}
