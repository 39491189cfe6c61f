//! One reader per format. Each puts blocks into a builder, which keeps the limits.

pub(crate) mod archive;
pub(crate) mod docx;
pub(crate) mod eml;
pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod markdown;
pub(crate) mod pdf;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod xlsx;
