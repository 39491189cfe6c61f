//! Per-tenant data keys wrapped by a master key, and the AEAD over stored payloads
