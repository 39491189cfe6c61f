//! The network against a plain one written twice, and against the published weights.

mod golden;
mod naive;
mod tiny;
