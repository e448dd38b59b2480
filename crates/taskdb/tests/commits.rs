//! Commits, takeovers, loads and the guards of one open database.

use candela_taskdb::{
    COMMIT_BYTES_MAX, CommitError, Epoch, ROW_BYTES_MAX, RowWrite, Table, TakeOverError, TaskDb,
    TaskDbConfig,
};

async fn open(folder: &tempfile::TempDir) -> TaskDb {
    TaskDb::open(TaskDbConfig::lone(folder.path())).await.unwrap()
}

fn task(key: u32, body: &str) -> RowWrite {
    RowWrite::put(Table::Tasks, key.to_be_bytes(), body)
}

fn row(key: u32, body: &str) -> (Vec<u8>, Vec<u8>) {
    (key.to_be_bytes().to_vec(), body.as_bytes().to_vec())
}

#[tokio::test]
async fn rows_come_back_in_key_order_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let epoch = db.take_over().await.unwrap();
    assert_eq!(epoch.number(), 1);

    db.commit(epoch, vec![task(300, "c"), task(2, "b"), task(1, "a")]).await.unwrap();
    let changes = vec![
        task(2, "b again"),
        RowWrite::delete(Table::Tasks, 1u32.to_be_bytes()),
        RowWrite::put(Table::Jobs, *b"job", *b""),
        RowWrite::put(Table::Jobs, *b"", *b"empty key"),
    ];
    assert_eq!(db.commit(epoch, changes).await.unwrap(), 2);

    for round in 0..2 {
        let db = if round == 0 { &db } else { &open(&folder).await };
        let tasks = db.load(Table::Tasks).await.unwrap();
        assert_eq!(tasks, [row(2, "b again"), row(300, "c")]);
        assert_eq!(db.load(Table::Jobs).await.unwrap().len(), 2);
        assert_eq!(db.load(Table::Keys).await.unwrap(), []);
        assert_eq!(db.get(Table::Jobs, b"job").await.unwrap(), Some(Vec::new()));
        assert_eq!(db.get(Table::Jobs, b"").await.unwrap(), Some(b"empty key".to_vec()));
        assert_eq!(db.get(Table::Jobs, b"other").await.unwrap(), None);
        let last = db.last_commit().await.unwrap();
        assert_eq!((last.epoch, last.number), (epoch, 2));
        db.shutdown().await.unwrap();
    }

    let db = open(&folder).await;
    let next = db.take_over().await.unwrap();
    assert_eq!(next.number(), 2, "each takeover starts an epoch");
    assert_eq!(db.commit(next, Vec::new()).await.unwrap(), 3, "numbers go on");
    db.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_stale_epoch_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let old = db.take_over().await.unwrap();
    db.commit(old, vec![task(1, "old")]).await.unwrap();
    let new = db.take_over().await.unwrap();

    for epoch in [old, Epoch::from_number(0), Epoch::from_number(99)] {
        let rows = vec![
            task(1, "stale"),
            task(2, "stale"),
            RowWrite::delete(Table::Tasks, 1u32.to_be_bytes()),
        ];
        let error = db.commit(epoch, rows).await.unwrap_err();
        assert!(matches!(error, CommitError::StaleEpoch { epoch: e } if e == epoch), "{error:?}");
        assert_eq!(db.load(Table::Tasks).await.unwrap(), [row(1, "old")]);
        assert_eq!(db.last_commit().await.unwrap().number, 1);
    }
    assert_eq!(db.commit(new, vec![task(2, "new")]).await.unwrap(), 2);
    db.shutdown().await.unwrap();

    let error = db.commit(new, Vec::new()).await.unwrap_err();
    assert!(matches!(error, CommitError::Closed), "{error:?}");
    let error = db.take_over().await.unwrap_err();
    assert!(matches!(error, TakeOverError::Closed), "{error:?}");
}

#[tokio::test]
async fn a_full_disk_refuses_commits_before_they_are_proposed() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let epoch = db.take_over().await.unwrap();
    db.commit(epoch, vec![task(1, "a")]).await.unwrap();
    db.shutdown().await.unwrap();

    let mut config = TaskDbConfig::lone(folder.path());
    config.free_bytes_min = u64::MAX / 2;
    let db = TaskDb::open(config).await.unwrap();
    let error = db.commit(epoch, vec![task(1, "b")]).await.unwrap_err();
    assert!(matches!(error, CommitError::StorageFull { .. }), "{error:?}");
    assert_eq!(db.load(Table::Tasks).await.unwrap(), [row(1, "a")], "reads go on");
    db.shutdown().await.unwrap();
}

/// Rows of `count` keys.
fn frames(count: u32, body: &[u8]) -> Vec<RowWrite> {
    (0..count).map(|key| RowWrite::put(Table::Frames, key.to_be_bytes(), body)).collect()
}

#[tokio::test]
async fn a_commit_of_nearly_the_limit_is_written_and_a_larger_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let epoch = db.take_over().await.unwrap();

    let error = db.commit(epoch, frames(110_000, &[7; 600])).await.unwrap_err();
    let CommitError::TooLarge { bytes, max } = error else { panic!("{error:?}") };
    assert!(bytes > max && max == COMMIT_BYTES_MAX);
    let count = 100_000;
    assert_eq!(db.commit(epoch, frames(count, &[7; 600])).await.unwrap(), 1, "nothing was written");
    let loaded = db.load(Table::Frames).await.unwrap();
    assert_eq!(loaded.len(), count as usize);
    assert!(loaded.is_sorted());

    // One row of as many bytes as there may be.
    let fill = |bytes: u64| vec![RowWrite::put(Table::Meta, *b"k", vec![1u8; bytes as usize])];
    let error = db.commit(epoch, fill(ROW_BYTES_MAX)).await.unwrap_err();
    let CommitError::TooLarge { bytes, max } = error else { panic!("{error:?}") };
    assert_eq!((bytes, max), (ROW_BYTES_MAX + 1, ROW_BYTES_MAX), "its key counts");
    db.commit(epoch, fill(ROW_BYTES_MAX - 1)).await.unwrap();
    let stored = db.get(Table::Meta, b"k").await.unwrap().unwrap();
    assert_eq!(stored.len() as u64, ROW_BYTES_MAX - 1);
    db.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_commit_in_pieces_counts_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = TaskDbConfig::lone(folder.path());
    // Also copies of the database are made between two pieces.
    config.commits_per_snapshot = 5;
    let db = TaskDb::open(config.clone()).await.unwrap();
    let epoch = db.take_over().await.unwrap();
    db.commit(epoch, vec![task(1, "stays"), task(2, "goes"), task(3, "old")]).await.unwrap();

    let mut rows = frames(40_000, &[7; 300]);
    rows.extend([
        task(3, "first"),
        RowWrite::delete(Table::Tasks, 2u32.to_be_bytes()),
        RowWrite::delete(Table::Tasks, 9u32.to_be_bytes()),
        task(3, "new"),
        task(4, ""),
    ]);
    assert_eq!(db.commit(epoch, rows).await.unwrap(), 2);
    let mut fewer = frames(20_000, &[8; 300]);
    fewer.extend((20_000..40_000u32).map(|key| RowWrite::delete(Table::Frames, key.to_be_bytes())));
    assert_eq!(db.commit(epoch, fewer).await.unwrap(), 3);
    db.shutdown().await.unwrap();

    let db = TaskDb::open(config).await.unwrap();
    let tasks = db.load(Table::Tasks).await.unwrap();
    assert_eq!(tasks, [row(1, "stays"), row(3, "new"), row(4, "")]);
    let stored = db.load(Table::Frames).await.unwrap();
    assert_eq!(stored.len(), 20_000);
    assert!(stored.iter().all(|(_, body)| body == &[8; 300]));
    db.shutdown().await.unwrap();
}

#[tokio::test]
async fn pieces_without_an_end_count_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let old = db.take_over().await.unwrap();
    // Dropped when some of its pieces were written, as the log tells.
    let mut commit = Box::pin(db.commit(old, frames(100_000, &[7; 500])));
    let begun = db.leadership().await.log_entries;
    while db.leadership().await.log_entries < begun + 3 {
        let moment = std::time::Duration::from_millis(1);
        assert!(tokio::time::timeout(moment, &mut commit).await.is_err(), "it takes longer");
    }
    drop(commit);

    let epoch = db.take_over().await.unwrap();
    assert_eq!(db.last_commit().await.unwrap().number, 0);
    assert_eq!(db.load(Table::Frames).await.unwrap(), []);
    let error = db.commit(old, frames(40_000, &[9; 300])).await.unwrap_err();
    assert!(matches!(error, CommitError::StaleEpoch { .. }), "{error:?}");
    db.commit(epoch, frames(40_000, &[8; 300])).await.unwrap();
    let stored = db.load(Table::Frames).await.unwrap();
    assert_eq!(stored.len(), 40_000, "and none of the first");
    assert!(stored.iter().all(|(_, body)| body == &[8; 300]));
    db.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_dropped_commit_must_be_settled_first() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let epoch = db.take_over().await.unwrap();

    let commit = db.commit(epoch, vec![task(1, "perhaps")]);
    let dropped = tokio::time::timeout(std::time::Duration::ZERO, commit).await;
    if dropped.is_ok() {
        return db.shutdown().await.unwrap();
    }
    let error = db.commit(epoch, vec![task(2, "b")]).await.unwrap_err();
    assert!(matches!(error, CommitError::Unsettled), "{error:?}");

    let next = db.take_over().await.unwrap();
    let number = db.last_commit().await.unwrap().number;
    let is_there = db.get(Table::Tasks, &1u32.to_be_bytes()).await.unwrap().is_some();
    assert_eq!(is_there, number == 1, "the commit number tells");
    assert_eq!(db.commit(next, vec![task(2, "b")]).await.unwrap(), number + 1);
    db.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_load_spans_many_pages() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let epoch = db.take_over().await.unwrap();
    let count = 50_000u32;
    for start in (0..count).step_by(10_000) {
        let rows = (start..start + 10_000).map(|key| task(key, "body")).collect();
        db.commit(epoch, rows).await.unwrap();
    }
    let keys: Vec<u32> = db
        .load(Table::Tasks)
        .await
        .unwrap()
        .into_iter()
        .map(|(key, _)| u32::from_be_bytes(key.try_into().unwrap()))
        .collect();
    assert!(keys.into_iter().eq(0..count));
    db.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_of_one_moment_while_commits_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let db = std::sync::Arc::new(open(&folder).await);
    let epoch = db.take_over().await.unwrap();
    let both = |n: u32| {
        let jobs = RowWrite::put(Table::Jobs, *b"job", n.to_be_bytes());
        let more = RowWrite::put(Table::Tasks, n.to_be_bytes(), n.to_be_bytes());
        vec![jobs, more, RowWrite::put(Table::Inspections, *b"job", n.to_be_bytes())]
    };
    db.commit(epoch, both(1)).await.unwrap();
    let writer = {
        let db = db.clone();
        tokio::spawn(async move {
            for n in 2..300_u32 {
                db.commit(epoch, both(n)).await.unwrap();
            }
        })
    };
    let mut seen = std::collections::BTreeSet::new();
    while !writer.is_finished() {
        let mut snapshot = db.snapshot().await.unwrap();
        let job = snapshot.take(Table::Jobs).remove(0).1;
        assert_eq!(snapshot.take(Table::Inspections).remove(0).1, job);
        let tasks = snapshot.take(Table::Tasks);
        assert_eq!(tasks.last().unwrap().1, job, "every table is of the same commit");
        assert_eq!(tasks.len() as u64, snapshot.last.number);
        assert!(tasks.is_sorted());
        seen.insert(snapshot.last.number);
    }
    writer.await.unwrap();
    assert!(seen.len() > 1, "commits went on meanwhile: {seen:?}");
    assert_eq!(db.keys_of_copy(Table::Tasks).await.unwrap().len(), 299);
    let last = db.table_of_copy(Table::Tasks).await.unwrap().pop().unwrap();
    assert_eq!(last, (299_u32.to_be_bytes().to_vec(), 299_u32.to_be_bytes().to_vec()));
    db.shutdown().await.unwrap();
}
