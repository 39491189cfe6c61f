mod computed;
mod golden;
mod laws;
mod oracle;
mod parse;
mod trackers;
mod values;
mod world;
