//! What a database makes of the folder that it finds.

use std::fs;
use std::net::TcpListener;
use std::time::Instant;

use candela_taskdb::{OpenError, RowWrite, Table, TaskDb, TaskDbConfig};

async fn open(folder: &tempfile::TempDir) -> Result<TaskDb, OpenError> {
    TaskDb::open(TaskDbConfig::lone(folder.path())).await
}

async fn with_one_row(folder: &tempfile::TempDir) {
    let db = open(folder).await.unwrap();
    let epoch = db.take_over().await.unwrap();
    db.commit(epoch, vec![RowWrite::put(Table::Jobs, *b"k", *b"body")]).await.unwrap();
    db.shutdown().await.unwrap();
}

fn ports(folder: &tempfile::TempDir) -> Vec<u16> {
    let text = fs::read_to_string(folder.path().join("ports")).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_second_manager_is_refused_and_told_who_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await.unwrap();
    let error = open(&folder).await.unwrap_err();
    let own = std::process::id();
    assert!(matches!(error, OpenError::InUse { pid: Some(pid), .. } if pid == own), "{error:?}");
    assert!(error.to_string().starts_with("another manager runs on this data folder"), "{error}");
    db.shutdown().await.unwrap();
    open(&folder).await.unwrap().shutdown().await.unwrap();
}

#[tokio::test]
async fn ports_are_kept_unless_somebody_else_took_one() {
    let folder = tempfile::tempdir().unwrap();
    with_one_row(&folder).await;
    let first = ports(&folder);
    with_one_row(&folder).await;
    assert_eq!(ports(&folder), first);

    for taken in 0..2 {
        let before = ports(&folder);
        let other = TcpListener::bind(("127.0.0.1", before[taken])).unwrap();
        let started = Instant::now();
        let db = open(&folder).await.unwrap();
        println!("opened with other ports in {:?}", started.elapsed());
        assert_ne!(ports(&folder), before);
        let epoch = db.take_over().await.unwrap();
        db.commit(epoch, vec![RowWrite::put(Table::Jobs, *b"l", *b"body")]).await.unwrap();
        assert_eq!(db.load(Table::Jobs).await.unwrap().len(), 2);
        assert_eq!(db.last_commit().await.unwrap().epoch, epoch);
        db.shutdown().await.unwrap();
        println!("and shut down after {:?}", started.elapsed());
        drop(other);
    }
}

#[tokio::test]
async fn a_lone_manager_starts_and_ends_quickly() {
    let folder = tempfile::tempdir().unwrap();
    for start in ["first", "second"] {
        let started = Instant::now();
        let db = open(&folder).await.unwrap();
        let opened = started.elapsed();
        db.shutdown().await.unwrap();
        println!("{start} start {opened:?}, end {:?}", started.elapsed() - opened);
        assert!(opened.as_secs_f64() < 5.0, "{opened:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn secrets_are_kept_and_private() {
    use std::os::unix::fs::PermissionsExt;

    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("new");
    let mut found = Vec::new();
    for _ in 0..2 {
        let db = TaskDb::open(TaskDbConfig::lone(&folder)).await.unwrap();
        db.shutdown().await.unwrap();
        let secrets = folder.join("secrets");
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&secrets), mode(&folder)), (0o600, 0o700));
        found.push(fs::read_to_string(secrets).unwrap());
    }
    assert_eq!(found[0], found[1]);
    let lines: Vec<_> = found[0].lines().collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.len() == 64));
}
