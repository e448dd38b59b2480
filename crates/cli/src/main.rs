//! The candela program.

fn main() {}
