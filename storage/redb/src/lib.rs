//! The journal on redb: one log database per node, one state database per partition
