mod common;
mod lanes;
mod process;
mod processes;
mod proxy;
mod rotation;
mod strangers;
