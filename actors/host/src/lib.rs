//! Runs entities: activate, decide, commit, apply, reply, passivate, supervise
