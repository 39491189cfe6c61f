//! The axum edge: authenticate, limit, parse, ask, answer
