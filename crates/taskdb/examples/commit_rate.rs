//! Commits a second by rows per commit, absolute and as ratios to one row.
//!
//! `cargo run --release -p candela-taskdb --example commit_rate [FOLDER]`; the folder decides
//! which disk is measured and is left empty; a temporary one by default.

use std::time::{Duration, Instant};

use candela_taskdb::{RowWrite, Table, TaskDb, TaskDbConfig};

/// Bytes of a body, about those of a task.
const BODY_BYTES: usize = 200;
/// Rows that are written over and over, as a farm's tasks are.
const ROWS: u64 = 100_000;
/// How long each size is measured.
const MEASURE: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(parent)?;

    let started = Instant::now();
    let db = TaskDb::open(TaskDbConfig::lone(folder.path())).await?;
    println!("first start: {:?}", started.elapsed());
    let epoch = db.take_over().await?;

    let (mut next_row, mut one_row) = (0, None);
    for rows_per_commit in [1usize, 10, 100, 1000, 10_000, 100_000] {
        let (started, mut times) = (Instant::now(), Vec::new());
        while started.elapsed() < MEASURE {
            let rows = (0..rows_per_commit).map(|_| {
                // A stride that is prime to their number visits all rows, out of order.
                next_row = (next_row + 7_919) % ROWS;
                RowWrite::put(Table::Tasks, next_row.to_be_bytes(), vec![7; BODY_BYTES])
            });
            let rows = rows.collect();
            let commit = Instant::now();
            db.commit(epoch, rows).await?;
            times.push(commit.elapsed());
        }
        times.sort_unstable();
        let total: Duration = times.iter().sum();
        let commits = times.len() as f64 / total.as_secs_f64();
        let one = *one_row.get_or_insert(commits);
        println!(
            "{rows_per_commit:>6} rows: {commits:>7.1} commits/s ({:.3} of one row's), \
             {:>8.0} rows/s ({:.1} times one row's), p50 {:?}, p99 {:?}, longest {:?}",
            commits / one,
            commits * rows_per_commit as f64,
            commits * rows_per_commit as f64 / one,
            times[times.len() / 2],
            times[(times.len() - 1) * 99 / 100],
            times[times.len() - 1],
        );
    }

    let started = Instant::now();
    let rows = db.load(Table::Tasks).await?.len();
    println!("load of {rows} rows: {:?}", started.elapsed());
    let started = Instant::now();
    db.shutdown().await?;
    println!("shutdown: {:?}", started.elapsed());
    let started = Instant::now();
    let db = TaskDb::open(TaskDbConfig::lone(folder.path())).await?;
    println!("start with data: {:?}", started.elapsed());
    db.shutdown().await?;
    Ok(())
}
