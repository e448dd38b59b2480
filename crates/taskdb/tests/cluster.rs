//! One manager becomes three without a stop, the first is lost, and nothing that was acknowledged is.

use std::path::Path;
use std::time::{Duration, Instant};

use candela_taskdb::{
    ClusterConfig, CommitError, ManagerAddress, RowWrite, Table, TaskDb, TaskDbConfig,
};

/// Longer than any election.
const PATIENCE: Duration = Duration::from_secs(30);

async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Joins the managers that are there.
async fn join(folder: &Path, number: u64, one: &TaskDb, all: &mut Vec<ManagerAddress>) -> TaskDb {
    let mut config = TaskDbConfig::lone(folder.join(number.to_string()));
    all.push(TaskDb::reserve(&config, number).unwrap());
    let secret = one.secret().to_owned();
    config.cluster = Some(ClusterConfig { this_manager: number, managers: all.clone(), secret });
    TaskDb::open(config).await.unwrap()
}

fn put(key: &'static [u8]) -> Vec<RowWrite> {
    vec![RowWrite::put(Table::Jobs, key, *b"body")]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_becomes_three_and_the_first_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let one = TaskDb::open(TaskDbConfig::lone(folder.path().join("1"))).await.unwrap();
    let old = one.take_over().await.unwrap();
    one.commit(old, put(b"alone")).await.unwrap();

    let mut all = vec![one.address().clone()];
    let two = join(folder.path(), 2, &one, &mut all).await;
    one.commit(old, put(b"of two")).await.unwrap();
    let three = join(folder.path(), 3, &one, &mut all).await;
    one.commit(old, put(b"of three")).await.unwrap();
    let leadership = one.leadership().await;
    assert!(leadership.is_leader());
    assert_eq!(leadership.managers, all);

    // An epoch that another began is over for the first.
    let between = two.take_over().await.unwrap();
    let error = one.commit(old, put(b"stale")).await.unwrap_err();
    assert!(matches!(error, CommitError::StaleEpoch { .. }), "{error:?}");
    two.commit(between, put(b"by another")).await.unwrap();

    one.shutdown().await.unwrap();
    drop(one);
    std::fs::remove_dir_all(folder.path().join("1")).unwrap();
    let leads = async |db: &TaskDb| db.leadership().await.is_leader();
    until("another leads", async || leads(&two).await || leads(&three).await).await;
    let (leader, follower) = if leads(&two).await { (&two, &three) } else { (&three, &two) };
    // Its own client may still ask the old one.
    let epoch = loop {
        match leader.take_over().await {
            Ok(epoch) => break epoch,
            Err(error) => println!("{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(leader.load(Table::Jobs).await.unwrap().len(), 4, "nothing is lost");
    leader.commit(epoch, put(b"without the first")).await.unwrap();

    leader.remove(1).await.unwrap();
    assert_eq!(leader.leadership().await.managers.len(), 2);
    until("the other copy follows", async || {
        follower.get(Table::Jobs, b"without the first").await.unwrap().is_some()
    })
    .await;
    assert!(follower.remove(3).await.is_err(), "only the leader can");
    for db in [two, three] {
        // The last one has nobody left to agree with, and may say so.
        db.shutdown().await.ok();
    }
}
