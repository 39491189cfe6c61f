//! Read models folded from committed events, partition by partition
