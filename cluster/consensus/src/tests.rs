mod determinism;
mod golden;
mod office;
mod suite;
