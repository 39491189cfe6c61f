mod common;
mod lanes;
mod processes;
mod proxy;
mod rotation;
mod strangers;
