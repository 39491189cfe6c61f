use impresario_messages::SendClass;

/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What Twilio's error code means for a message; `status` is the HTTP status, `after_ms` what
/// `Retry-After` said, and -1 is the code of an answer without one. The same codes come in failed
/// status reports.
#[must_use]
pub fn classify(code: i64, status: u16, after_ms: Option<i64>) -> SendClass {
    match code {
        // Outside the window; the template was refused for it.
        63_016 => SendClass::WindowClosed,
        // The person answered STOP; they stopped marketing.
        21_610 | 63_050 => SendClass::OptedOut,
        // Too many requests, the sender's rate, a full queue.
        20_429 | 63_018 | 21_611 | 14_107 => SendClass::Retry { after_ms },
        // Held back to protect the person: not before a day, if at all.
        63_049 => SendClass::Retry { after_ms: Some(DAY_MS) },
        _ if status == 429 => SendClass::Retry { after_ms },
        _ if status >= 500 => SendClass::Unknown,
        -1 => SendClass::Refused { code: format!("http_{status}") },
        _ => SendClass::Refused { code: code.to_string() },
    }
}
