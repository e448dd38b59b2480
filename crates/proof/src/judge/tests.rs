//! Verdicts at the edges, one by one; error rates are measured in `tests/simulation.rs`.
