//! The typed rule language of segments: parse, validate, track, evaluate
