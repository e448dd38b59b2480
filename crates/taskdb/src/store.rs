//! Starts and reads the store underneath. Nothing outside this crate knows which one it is.

use std::time::{Duration, Instant};

use hiqlite::macros::params;
use hiqlite::{Client, Error, LogSync, Node, NodeConfig, Params, Row};
use rust_embed::Embed;

use crate::config::{ClusterConfig, ManagerAddress, TaskDbConfig};
use crate::folder::Folder;
use crate::limits::{CATCH_UP_SECONDS, ENTRIES_AT_ONCE, LOG_SEGMENT_BYTES, MANAGERS_APART};
use crate::{Epoch, LastCommit, OpenError, ReadError, Snapshot, Table};

#[derive(Embed)]
#[folder = "migrations"]
struct Migrations;

/// Starts the store, waits until it holds everything that was ever acknowledged,
/// and brings the schema up to date.
pub(crate) async fn start(
    config: &TaskDbConfig,
    folder: &Folder,
    own: &ManagerAddress,
    secret: &str,
) -> Result<Client, OpenError> {
    let node_config = node_config(config, folder, own, secret)?;
    let fail = |step, source: crate::Source| OpenError::Start {
        step,
        folder: folder.path().to_owned(),
        source,
    };
    // In a task of its own, so that a panic in the store becomes an error.
    let started = tokio::spawn(Box::pin(hiqlite::start_node(node_config))).await;
    let client = started
        .map_err(|panic| fail("start", panic.into()))?
        .map_err(|error| fail("start", error.into()))?;
    catch_up(&client).await.map_err(|error| fail("catch up", error.into()))?;

    // The leader's copy decides: another may lag, and a migration that the database has already
    // stops the store on all managers.
    let from = if config.cluster.is_some() { Copy::Leader } else { Copy::Own };
    let found = patiently(|| schema_version(&client, from)).await;
    let found = found.map_err(|error| fail("inspect", error.into()))?;
    let known = newest_schema();
    if found > known {
        // Nothing was written: an orderly end, so that the newer program starts quickly.
        if let Err(error) = client.shutdown().await {
            tracing::warn!(%error, "shutdown of a database with a newer schema");
        }
        return Err(OpenError::NewerSchema { found, known });
    }
    if found < known {
        let migrating = client.clone();
        let migrated =
            tokio::spawn(async move { migrating.try_migrate::<Migrations>().await }).await;
        migrated
            .map_err(|panic| fail("migrate", panic.into()))?
            .map_err(|error| fail("migrate", error.into()))?;
    }
    until(|| async { Ok(schema_version(&client, Copy::Own).await? >= known) })
        .await
        .map_err(|error| fail("catch up", error.into()))?;
    Ok(client)
}

/// Waits for this manager's own copy, which may lag the leader's.
async fn until<F>(is_so: impl Fn() -> F) -> Result<(), Error>
where
    F: Future<Output = Result<bool, Error>>,
{
    let deadline = Instant::now() + Duration::from_secs(CATCH_UP_SECONDS);
    while !is_so().await? {
        if Instant::now() > deadline {
            return Err(Error::Timeout("this manager's copy lags the leader's".into()));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Asks again while the managers can't agree on a leader, or lose the one that they had.
async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let deadline = Instant::now() + Duration::from_secs(CATCH_UP_SECONDS);
    loop {
        match ask().await {
            Err(error) if passes(&error) && Instant::now() < deadline => {
                tracing::debug!(%error, "waiting for a leader of the database");
            }
            done => return done,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whether a failure is one of the managers among themselves, and not of the database.
fn passes(error: &Error) -> bool {
    error.is_forward_to_leader().is_some()
        || matches!(
            error,
            Error::CheckIsLeaderError(_)
                | Error::Connect(_)
                | Error::LeaderChange(_)
                | Error::RateLimit(_)
                | Error::Timeout(_)
                | Error::WebSocket(_)
        )
}

/// The copy of the database that a query reads.
#[derive(Clone, std::marker::Copy)]
enum Copy {
    Own,
    Leader,
}

/// Each manager of a cluster after another number of commits: a manager that copies its database takes
/// none meanwhile, and as long as the others do, nobody waits for it unless it leads.
fn commits_per_snapshot(wanted: u64, number: u64) -> u64 {
    let apart = wanted / 10 * (number.saturating_sub(1) % MANAGERS_APART);
    wanted.saturating_add(apart).max(1)
}

fn node_config(
    config: &TaskDbConfig,
    folder: &Folder,
    own: &ManagerAddress,
    secret: &str,
) -> Result<NodeConfig, OpenError> {
    let commits = commits_per_snapshot(config.commits_per_snapshot, own.number);
    let mut raft_config = NodeConfig::default_raft_config(commits);
    let mut node_config = NodeConfig {
        data_dir: folder.store_name()?.into(),
        wal_sync: LogSync::Immediate,
        wal_size: LOG_SEGMENT_BYTES,
        health_check_delay: Duration::ZERO,
        ..NodeConfig::default()
    };
    match &config.cluster {
        None => {
            node_config.node_id = own.number;
            node_config.nodes = vec![cluster_node(own)];
        }
        Some(cluster) => {
            check_cluster(cluster)?;
            node_config.node_id = cluster.this_manager;
            node_config.nodes = cluster.managers.iter().map(cluster_node).collect();
        }
    }
    // A lone manager has the time-outs of a cluster: it may become one without a stop.
    // A heartbeat is also the time that the others have to write what they are sent: too short a one
    // on a busy machine, and the same entries are sent for ever. So few entries go at once, too.
    raft_config.heartbeat_interval = config.election_ms / 2;
    raft_config.election_timeout_min = config.election_ms;
    raft_config.election_timeout_max = config.election_ms + config.election_ms / 2;
    raft_config.max_payload_entries = ENTRIES_AT_ONCE;
    node_config.listen_addr_raft = config.listen.to_string().into();
    node_config.listen_addr_api = config.listen.to_string().into();
    secret.clone_into(&mut node_config.secret_raft);
    secret.clone_into(&mut node_config.secret_api);
    node_config.raft_config = raft_config;
    Ok(node_config)
}

/// Where the others reach this manager.
pub(crate) fn own_address(
    config: &TaskDbConfig,
    folder: &Folder,
) -> Result<ManagerAddress, OpenError> {
    if let Some(cluster) = &config.cluster {
        let own = |manager: &&ManagerAddress| manager.number == cluster.this_manager;
        let missing = OpenError::Cluster("this manager is not in the list of managers");
        return cluster.managers.iter().find(own).cloned().ok_or(missing);
    }
    let ports = folder.ports(config.listen)?;
    Ok(ports.address(1, &config.host))
}

/// The secret of the managers' listeners.
pub(crate) fn secret(config: &TaskDbConfig, folder: &Folder) -> Result<String, OpenError> {
    match &config.cluster {
        Some(cluster) => Ok(cluster.secret.clone()),
        None => folder.secret(),
    }
}

fn cluster_node(manager: &ManagerAddress) -> Node {
    Node {
        id: manager.number,
        addr_raft: manager.replication.clone(),
        addr_api: manager.requests.clone(),
    }
}

fn check_cluster(cluster: &ClusterConfig) -> Result<(), OpenError> {
    let has = |number| cluster.managers.iter().any(|manager| manager.number == number);
    let wrong = if !has(cluster.this_manager) {
        "this manager is not in the list of managers"
    } else if cluster.secret.len() < 16 {
        "the secret is shorter than 16 characters"
    } else {
        return Ok(());
    };
    Err(OpenError::Cluster(wrong))
}

/// Sends nothing through the log: when it comes back, all before it has been applied.
///
/// A read that the store calls consistent would do as well, but goes through the address with which
/// the manager first started, and that may be somebody else's by now.
pub(crate) async fn barrier(client: &Client) -> Result<(), Error> {
    client.txn(Vec::<(&'static str, Params)>::new()).await.map(|_| ())
}

/// After a start the store calls itself healthy while its database still lags its log.
async fn catch_up(client: &Client) -> Result<(), Error> {
    let deadline = Instant::now() + Duration::from_secs(CATCH_UP_SECONDS);
    loop {
        match barrier(client).await {
            Ok(()) => return Ok(()),
            Err(Error::RaftErrorFatal(error)) => return Err(Error::RaftErrorFatal(error)),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(error) => tracing::debug!(%error, "waiting for the database to catch up"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The newest migration of this program.
fn newest_schema() -> u32 {
    let number = |name: &str| name.split('_').next().and_then(|number| number.parse().ok());
    Migrations::iter().filter_map(|name| number(&name)).max().unwrap_or(0)
}

/// Number of the last migration in the database; 0 for an empty one.
async fn schema_version(client: &Client, from: Copy) -> Result<u32, Error> {
    let count = "SELECT count(*) AS value FROM sqlite_master \
                 WHERE type = 'table' AND name = '_migrations'";
    if value(client, from, count).await? == 0 {
        return Ok(0);
    }
    let newest = "SELECT coalesce(max(id), 0) AS value FROM _migrations";
    Ok(u32::try_from(value(client, from, newest).await?).unwrap_or(u32::MAX))
}

async fn value(client: &Client, from: Copy, sql: &'static str) -> Result<u64, Error> {
    let rows = match from {
        Copy::Own => client.query_raw(sql, params!()).await?,
        Copy::Leader => client.query_consistent(sql, params!()).await?,
    };
    let row = rows.into_iter().next();
    number(&mut row.ok_or_else(|| Error::new("no row"))?, "value")
}

/// Epoch in force and last commit, as this manager's own copy has them.
pub(crate) async fn control(client: &Client) -> Result<Control, Error> {
    let sql = "SELECT epoch, commit_epoch, commit_number FROM control WHERE id = 1";
    client.query_try_map_one(sql, params!()).await?
}

/// Starts a new epoch; returns it with the last commit, when this manager's own copy has both.
pub(crate) async fn next_epoch(copy: &Client, client: &Client) -> Result<Control, Error> {
    let sql = "UPDATE control SET epoch = epoch + 1 WHERE id = 1 \
               RETURNING epoch, commit_epoch, commit_number";
    // The row must not live across the wait: it isn't `Send`.
    let next = {
        let mut row = client.execute_returning_one(sql, params!()).await?;
        Control::try_from(&mut row)?
    };
    until(|| async { Ok(control(copy).await?.epoch >= next.epoch) }).await?;
    Ok(next)
}

/// Rows of a query for keys and bodies.
pub(crate) async fn rows(
    client: &Client,
    sql: String,
    params: Params,
) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Error> {
    let rows: Vec<Result<KeyBody, Error>> = client.query_try_map(sql, params).await?;
    rows.into_iter().map(|row| row.map(|row| (row.key, row.body))).collect()
}

/// Number of the row of `control` in a snapshot; tables count from 0.
const CONTROL: i64 = -1;

/// All rows at one moment: a single statement sees nothing of what is written meanwhile.
pub(crate) async fn snapshot(client: &Client) -> Result<Snapshot, Error> {
    let mut sql = format!(
        "SELECT {CONTROL} AS place, commit_epoch, commit_number, x'' AS key, x'' AS body \
         FROM control WHERE id = 1"
    );
    for (place, table) in Table::ALL.iter().enumerate() {
        let name = table.name();
        sql += &format!(" UNION ALL SELECT {place}, 0, 0, key, body FROM {name}");
    }
    let rows: Vec<Result<SnapshotRow, Error>> = client.query_try_map(sql, params!()).await?;
    let mut snapshot = Snapshot::default();
    for row in rows {
        match row? {
            SnapshotRow::Control(last) => snapshot.last = last,
            SnapshotRow::Of(table, row) => {
                snapshot.rows.entry(table).or_default().push((row.key, row.body));
            }
        }
    }
    for rows in snapshot.rows.values_mut() {
        rows.sort_unstable();
    }
    Ok(snapshot)
}

enum SnapshotRow {
    Control(LastCommit),
    Of(Table, KeyBody),
}

impl TryFrom<&mut Row<'_>> for SnapshotRow {
    type Error = Error;

    fn try_from(row: &mut Row<'_>) -> Result<Self, Error> {
        let place: i64 = row.try_get("place")?;
        if place == CONTROL {
            let epoch = Epoch::from_number(number(row, "commit_epoch")?);
            let number = number(row, "commit_number")?;
            return Ok(SnapshotRow::Control(LastCommit { epoch, number }));
        }
        let table = usize::try_from(place).ok().and_then(|place| Table::ALL.get(place));
        let table = table.ok_or_else(|| Error::new("a table that isn't there"))?;
        Ok(SnapshotRow::Of(*table, KeyBody::try_from(row)?))
    }
}

pub(crate) fn read_error(
    step: &'static str,
    object: &'static str,
) -> impl FnOnce(Error) -> ReadError {
    move |error| ReadError::Store { step, object, source: error.into() }
}

/// The row of the table `control`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Control {
    pub(crate) epoch: Epoch,
    pub(crate) last: LastCommit,
}

impl TryFrom<&mut Row<'_>> for Control {
    type Error = Error;

    fn try_from(row: &mut Row<'_>) -> Result<Self, Error> {
        let epoch = Epoch::from_number(number(row, "epoch")?);
        let commit_epoch = Epoch::from_number(number(row, "commit_epoch")?);
        let number = number(row, "commit_number")?;
        Ok(Self { epoch, last: LastCommit { epoch: commit_epoch, number } })
    }
}

fn number(row: &mut Row<'_>, column: &str) -> Result<u64, Error> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|_| Error::new(format!("negative number in column {column}")))
}

struct KeyBody {
    key: Vec<u8>,
    body: Vec<u8>,
}

impl TryFrom<&mut Row<'_>> for KeyBody {
    type Error = Error;

    fn try_from(row: &mut Row<'_>) -> Result<Self, Error> {
        Ok(Self { key: row.try_get("key")?, body: row.try_get("body")? })
    }
}

/// Whether the failure leaves this manager's copy in doubt, so that it has to be rebuilt.
pub(crate) fn needs_rebuild(error: &Error) -> bool {
    // These come from before or from outside the local copy: it is as good as ever.
    !(error.is_forward_to_leader().is_some()
        || matches!(
            error,
            Error::Timeout(_) | Error::Connect(_) | Error::LeaderChange(_) | Error::RateLimit(_)
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_managers_make_their_snapshots_at_the_same_time() {
        let commits: Vec<u64> = (1..=5).map(|n| commits_per_snapshot(20_000, n)).collect();
        assert_eq!(commits, [20_000, 22_000, 24_000, 26_000, 28_000]);
        assert_eq!((commits_per_snapshot(200, 1), commits_per_snapshot(0, 3)), (200, 1));
        assert_eq!(commits_per_snapshot(20_000, 6), 20_000, "one that replaces another");
    }
}
