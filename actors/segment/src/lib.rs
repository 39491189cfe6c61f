//! One rule-defined audience of one tenant
