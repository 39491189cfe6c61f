//! Restores and moves of tenants that are killed between any two fsyncs: nothing half-done is ever
//! served, and asking again ends it.

mod moves;
mod restores;
mod site;
