//! What a newer program wrote is refused, and left as it is.

mod common;

use candela_taskdb::{RowWrite, Table, TaskDb, TaskDbConfig};

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_refuses_rows_of_a_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("manager");
    let db = TaskDb::open(TaskDbConfig::lone(data.join("db"))).await.unwrap();
    let epoch = db.take_over().await.unwrap();
    let (key, body) = (vec![0; 8], vec![candela_wire::rows::JOB_VERSION + 1, 1, 2, 3]);
    let row = RowWrite::put(Table::Jobs, key.clone(), body.clone());
    db.commit(epoch, vec![row]).await.unwrap();
    db.shutdown().await.unwrap();

    let started = Box::pin(candela_node::manager::run(common::manager_on(&data))).await;
    let error = started.err().expect("it must not start");
    assert!(error.is_too_new(), "{error}");
    let why = std::error::Error::source(&error).unwrap();
    assert_eq!(
        why.to_string(),
        format!(
            "a row of a job of version {} isn't known here",
            candela_wire::rows::JOB_VERSION + 1
        )
    );
    let db = TaskDb::open(TaskDbConfig::lone(data.join("db"))).await.unwrap();
    assert_eq!(db.get(Table::Jobs, &key).await.unwrap(), Some(body));
    db.shutdown().await.unwrap();
}
