//! The project's own chores: `cargo xtask ci|tidy|bench`.

fn main() {}
