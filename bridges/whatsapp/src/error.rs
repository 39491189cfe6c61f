use impresario_messages::SendClass;

/// A day, in milliseconds: Meta asks not to repeat within it what it held back for the person's sake.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// How long one pair of numbers must rest, in milliseconds.
const PAIR_REST_MS: i64 = 6_000;

/// What Meta's error code means for a message; `status` is the HTTP status, `after_ms` what
/// `Retry-After` said, and -1 is the code of an answer without one. The same codes come in failed status reports. Some vendors' lists swap 131026
/// and 131047; these are Meta's meanings.
#[must_use]
pub fn classify(code: i64, status: u16, after_ms: Option<i64>) -> SendClass {
    let refused = || SendClass::Refused { code: code.to_string() };
    match code {
        131_047 => SendClass::WindowClosed,
        131_050 => SendClass::OptedOut,
        131_056 => SendClass::Retry { after_ms: Some(after_ms.unwrap_or(PAIR_REST_MS)) },
        // Held back to protect the person: not before a day, if at all.
        131_049 => SendClass::Retry { after_ms: Some(after_ms.unwrap_or(DAY_MS).max(DAY_MS)) },
        // Rates: of the app, the account, the number; 131048 is of messages that look like spam.
        4 | 80_007 | 130_429 | 131_048 | 133_016 => SendClass::Retry { after_ms },
        // Their side: "try again later".
        1 | 2 | 131_000 | 131_016 | 131_057 => SendClass::Retry { after_ms },
        // Refused for a token, a permission, a parameter, a template, money or the person's own
        // device: the same message fails again.
        0 | 3 | 10 | 33 | 100 | 190 | 200..=299 | 368 => refused(),
        130_472 | 130_497 | 131_005..=131_045 | 131_051..=131_055 | 132_000..=132_099 => refused(),
        _ if status == 429 => SendClass::Retry { after_ms },
        // No code of Meta's that we know: it may have been done.
        _ if status >= 500 => SendClass::Unknown,
        _ => refused(),
    }
}
