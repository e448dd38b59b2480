//! Fixtures of every form that is sent.
