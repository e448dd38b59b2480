//! Three managers with one database. Slow, because the store waits on purpose when the nodes
//! of a cluster start and end: run with `--ignored`.

use std::net::{Ipv4Addr, TcpListener};

use candela_taskdb::{
    ClusterConfig, CommitError, ManagerAddress, RowWrite, Table, TaskDb, TaskDbConfig,
};

fn addresses() -> Vec<ManagerAddress> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let listeners: Vec<_> = (0..6).map(|_| bind()).collect();
    let address = |index: usize| listeners[index].local_addr().unwrap().to_string();
    (0..3)
        .map(|index| ManagerAddress {
            number: index as u64 + 1,
            replication: address(2 * index),
            requests: address(2 * index + 1),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute"]
async fn three_managers_share_rows_and_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let managers = addresses();
    let opening = (1..=3).map(|number| {
        let mut config = TaskDbConfig::lone(folder.path().join(number.to_string()));
        let secret = "a secret of the managers".to_string();
        let listen = Ipv4Addr::LOCALHOST.into();
        config.cluster = Some(ClusterConfig::new(number, managers.clone(), listen, secret));
        tokio::spawn(TaskDb::open(config))
    });
    let opening: Vec<_> = opening.collect();
    let mut open = Vec::new();
    for task in opening {
        open.push(task.await.unwrap().unwrap());
    }

    let old = open[0].take_over().await.unwrap();
    open[0].commit(old, vec![RowWrite::put(Table::Jobs, *b"one", *b"1")]).await.unwrap();
    let new = open[1].take_over().await.unwrap();
    let error = open[0].commit(old, Vec::new()).await.unwrap_err();
    assert!(matches!(error, CommitError::StaleEpoch { .. }), "{error:?}");
    open[1].commit(new, vec![RowWrite::put(Table::Jobs, *b"two", *b"2")]).await.unwrap();

    for db in &open {
        for _ in 0..100 {
            // Followers lag: only the leader's reads are up to date.
            if db.load(Table::Jobs).await.unwrap().len() == 2 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(db.get(Table::Jobs, b"two").await.unwrap().as_deref(), Some(&b"2"[..]));
    }
    let closing = open.into_iter().map(|db| tokio::spawn(async move { db.shutdown().await }));
    for task in closing.collect::<Vec<_>>() {
        println!("{:?}", task.await.unwrap());
    }
}
