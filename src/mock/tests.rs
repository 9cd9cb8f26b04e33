//! Endpoints over the wire.
