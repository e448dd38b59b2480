//! `candela demo`.
