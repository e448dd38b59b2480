//! A disk that really fills up. Needs a small file system of its own, so it runs on demand:
//! `mount -t tmpfs -o size=600m none DIR; SMALL_DISK=DIR cargo test -- --ignored`.

use std::fs;
use std::path::PathBuf;

use candela_taskdb::{CommitError, Epoch, RowWrite, Table, TaskDb, TaskDbConfig};

/// Commits until one is refused; returns how many were acknowledged.
async fn fill(db: &TaskDb, epoch: Epoch, from: u64) -> u64 {
    for number in from.. {
        let body = vec![number as u8; 4096];
        let rows = (0..100u8).map(|key| {
            let key = [number.to_be_bytes().as_slice(), &[key]].concat();
            RowWrite::put(Table::Tasks, key, body.clone())
        });
        match db.commit(epoch, rows.collect()).await {
            Ok(_) => {}
            Err(CommitError::StorageFull { .. }) => return number - from,
            Err(error) => panic!("{error:?}"),
        }
    }
    unreachable!()
}

#[tokio::test]
#[ignore = "needs a small file system"]
async fn a_disk_that_fills_up_refuses_commits_and_takes_them_again_when_there_is_room() {
    let disk = PathBuf::from(std::env::var_os("SMALL_DISK").expect("SMALL_DISK"));
    let folder = tempfile::tempdir_in(&disk).unwrap();
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![1; 100 << 20]).unwrap();
    let mut config = TaskDbConfig::lone(folder.path());
    config.commits_per_snapshot = 100;
    let db = TaskDb::open(config.clone()).await.unwrap();
    let epoch = db.take_over().await.unwrap();

    let first = fill(&db, epoch, 0).await;
    assert_eq!(db.last_commit().await.unwrap().number, first);
    fs::remove_file(ballast).unwrap();
    let second = fill(&db, epoch, first).await;
    println!("{first} commits, {second} more with 100 MiB more");
    assert!(first > 0 && second > 0);
    db.shutdown().await.unwrap();

    let db = TaskDb::open(config).await.unwrap();
    let rows = db.load(Table::Tasks).await.unwrap().len() as u64;
    assert_eq!(rows, 100 * (first + second));
    db.shutdown().await.unwrap();
}
