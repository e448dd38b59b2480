//! The replicated task database, on hiqlite.
