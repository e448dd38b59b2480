//! Tables over the rules.
