//! The life of a cluster: several nodes in one process, over a net of this test's own, with real
//! stores, real consensus, and a runtime per node that can be killed.

mod cluster;
mod dying;
mod growing;
mod net;
mod recovering;
mod shrinking;
mod splitting;
mod strangers;
mod wired;
