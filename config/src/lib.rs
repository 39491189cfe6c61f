//! One typed tree made of each crate's own options
