//! The roles of a node: manager, worker, verifier, storage.
