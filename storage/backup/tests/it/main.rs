//! Backups as a whole: written, rolled forward, checked and poured into clusters of other sizes.

mod double;
mod house;
mod library;
mod round;
mod s3;
