//! Refused input, kept with its reason
