//! Opens scenes with the real engine: facts, refusals, crashes, inspection.

mod common;
