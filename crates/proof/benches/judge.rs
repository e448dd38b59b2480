//! The same as the example `judge_time`, under `cargo bench`.

#[path = "../examples/judge_time.rs"]
mod judge_time;

fn main() {
    judge_time::main();
}
