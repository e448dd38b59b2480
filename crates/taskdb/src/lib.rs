//! The manager's database: rows that survive, replicated on hiqlite (SQLite over Raft).
//!
//! Rows are bytes under ordered keys; what they mean is up to the `wire` crate. One leader writes,
//! in transactions that carry its [`Epoch`]: once another has taken over, they fail as a whole.
//! Nothing of hiqlite is visible outside, so that it could be replaced.
//!
//! A lone manager needs nothing but a folder. In it: `lock` (held while a process uses the folder),
//! `secrets` and `ports` of listeners on the loopback address that hiqlite insists on, and `raft`
//! with hiqlite's log, database and snapshot.

mod cluster;
mod config;
mod error;
mod folder;
mod limits;
mod rebuild;
mod statements;
mod store;
mod table;

use std::fmt;
use std::sync::Mutex as StdMutex;

use hiqlite::Client;
use hiqlite::macros::params;
use tokio::sync::Mutex;

pub use crate::cluster::{Leadership, RemoveError};
pub use crate::config::{ClusterConfig, ManagerAddress, TaskDbConfig};
pub use crate::error::{CommitError, OpenError, ReadError, ShutdownError, Source, TakeOverError};
pub use crate::limits::{
    CLUSTER_ELECTION_MS_DEFAULT, COMMIT_BYTES_MAX, COMMITS_PER_SNAPSHOT_DEFAULT,
    FREE_BYTES_MIN_DEFAULT, ROW_BYTES_MAX,
};
pub use crate::table::{Epoch, LastCommit, RowWrite, Snapshot, StoredRow, Table};

use crate::folder::Folder;
use crate::limits::{LOAD_ATTEMPTS, OPEN_FREE_BYTES, ROWS_PER_PAGE, STORE_TIMEOUT};
use crate::statements::{Commit, STALE_EPOCH};

/// A manager's database, open in this process.
///
/// Call [`shutdown`](Self::shutdown) before dropping it; otherwise its folder stays locked until
/// the process ends.
pub struct TaskDb {
    client: Client,
    /// Locked for a moment at a time, never across a wait.
    folder: StdMutex<Folder>,
    free_bytes_min: u64,
    own_number: u64,
    election_ms: u64,
    address: ManagerAddress,
    secret: String,
    writer: Mutex<Writer>,
}

/// What the next commit depends on. Commits take their turn.
struct Writer {
    /// Asks this manager's own store, once it has taken over: the store's first client goes on asking
    /// whoever led when it was made.
    client: Client,
    last_number: u64,
    standing: Standing,
}

impl Writer {
    fn ready(&mut self, last_number: u64) {
        (self.last_number, self.standing) = (last_number, Standing::Ready);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Ready,
    /// The outcome of the last commit is unknown, until somebody takes over.
    Unsettled,
    /// This copy may differ from its log: it must be rebuilt.
    Doubtful,
    Closed,
}

impl fmt::Debug for TaskDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskDb").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The store underneath, open.
struct Opened {
    client: Client,
    last_number: u64,
    address: ManagerAddress,
    secret: String,
}

/// Free space that was asked for and not found.
struct TooFull {
    free_bytes: u64,
    needed_bytes: u64,
}

impl TaskDb {
    /// Opens the database in a folder, or creates it. Returns when everything that was ever
    /// acknowledged can be read.
    ///
    /// # Errors
    /// When another process uses the folder, the disk is full or its files are unusable, or
    /// the database was written by a newer program.
    pub async fn open(config: TaskDbConfig) -> Result<Self, OpenError> {
        let mut folder = Folder::open(&config.data_dir)?;
        match Self::open_locked(&config, &folder).await {
            Ok(Opened { client, last_number, address, secret }) => Ok(Self {
                writer: Mutex::new(Writer {
                    client: client.clone(),
                    last_number,
                    standing: Standing::Ready,
                }),
                client,
                election_ms: config.election_ms,
                own_number: config.cluster.as_ref().map_or(1, |cluster| cluster.this_manager),
                address,
                secret,
                folder: StdMutex::new(folder),
                free_bytes_min: config.free_bytes_min,
            }),
            Err(error) => {
                if !matches!(error, OpenError::Start { .. }) {
                    folder.release();
                }
                Err(error)
            }
        }
    }

    async fn open_locked(config: &TaskDbConfig, folder: &Folder) -> Result<Opened, OpenError> {
        // A log that can't grow kills the process, so this is asked before the log is touched.
        let (free_bytes, needed_bytes) = (folder.free_bytes()?, OPEN_FREE_BYTES);
        if free_bytes < needed_bytes {
            let folder = folder.path().to_owned();
            return Err(OpenError::StorageFull { folder, free_bytes, needed_bytes });
        }
        rebuild::restore_snapshot(&folder.store()).map_err(|source| OpenError::Folder {
            step: "restore the last snapshot in",
            path: folder.path().to_owned(),
            source,
        })?;
        // Once only: its ports are not free any more once the store listens on them.
        let (address, secret) =
            (store::own_address(config, folder)?, store::secret(config, folder)?);
        let client = store::start(config, folder, &address, &secret).await?;
        let control = store::control(&client).await.map_err(|error| OpenError::Start {
            step: "read the last commit of",
            folder: folder.path().to_owned(),
            source: error.into(),
        })?;
        Ok(Opened { client, last_number: control.last.number, address, secret })
    }

    /// Who leads and which managers there are, as this one knows. Costs nothing: ask often.
    ///
    /// A leader that is cut off goes on taking itself for one; only [`commit`](Self::commit) is proof.
    pub async fn leadership(&self) -> Leadership {
        cluster::leadership(&self.client, self.own_number).await
    }

    /// Where this manager's database is reached by the others.
    #[must_use]
    pub fn address(&self) -> &ManagerAddress {
        &self.address
    }

    /// Shortest time without a leader before another is elected, in milliseconds.
    #[must_use]
    pub fn election_ms(&self) -> u64 {
        self.election_ms
    }

    /// The secret that the managers share, for those that join. Not for anybody else.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// An address for a manager that is to join with this folder: its ports are kept for it.
    ///
    /// # Errors
    /// When another process uses the folder, or no port is free.
    pub fn reserve(config: &TaskDbConfig, number: u64) -> Result<ManagerAddress, OpenError> {
        let mut folder = Folder::open(&config.data_dir)?;
        let ports = folder.ports(config.listen);
        folder.release();
        Ok(ports?.address(number, &config.host))
    }

    /// Takes a manager out of the cluster: one whose machine is lost, so that the rest is a majority
    /// with one fewer. Only the leader can.
    ///
    /// # Errors
    /// When this is not the leader, or the others don't confirm.
    pub async fn remove(&self, number: u64) -> Result<(), RemoveError> {
        cluster::remove(&self.address, &self.secret, number).await
    }

    /// Starts a new epoch: from now on only its commits are accepted.
    ///
    /// Also settles what became of a commit with an unknown outcome: after this, it either is in
    /// the database or never will be.
    ///
    /// # Errors
    /// When the database is closed or the store doesn't confirm; trying again is safe.
    pub async fn take_over(&self) -> Result<Epoch, TakeOverError> {
        let mut writer = self.writer.lock().await;
        if matches!(writer.standing, Standing::Closed | Standing::Doubtful) {
            return Err(TakeOverError::Closed);
        }
        self.check_space(0).map_err(|full| TakeOverError::StorageFull {
            free_bytes: full.free_bytes,
            needed_bytes: full.needed_bytes,
        })?;
        writer.standing = Standing::Unsettled;
        writer.client = self
            .own_client()
            .await
            .map_err(|error| TakeOverError::Store { source: error.into() })?;
        match in_time(store::next_epoch(&self.client, &writer.client)).await {
            Ok(control) => {
                writer.ready(control.last.number);
                Ok(control.epoch)
            }
            Err(error) => {
                if store::needs_rebuild(&error) {
                    writer.standing = Standing::Doubtful;
                }
                Err(TakeOverError::Store { source: error.into() })
            }
        }
    }

    /// Writes rows in one transaction, all or nothing, and returns the commit's number.
    /// When it returns, the rows are on the disk, of the majority where there are several managers.
    ///
    /// Of several writes of one key the last counts. Commits take their turn; dropping the future
    /// leaves the outcome unknown, and the next commit is refused until somebody takes over.
    ///
    /// # Errors
    /// See [`CommitError`]: after [`CommitError::Unknown`] the rows may have been written, after
    /// all others they were not.
    pub async fn commit(&self, epoch: Epoch, rows: Vec<RowWrite>) -> Result<u64, CommitError> {
        let mut writer = self.writer.lock().await;
        match writer.standing {
            Standing::Ready => {}
            Standing::Unsettled => return Err(CommitError::Unsettled),
            Standing::Doubtful | Standing::Closed => return Err(CommitError::Closed),
        }
        let number = writer.last_number + 1;
        let commit = Commit::new(epoch, number, rows);
        for (bytes, max) in [(commit.bytes, COMMIT_BYTES_MAX), (commit.row_bytes, ROW_BYTES_MAX)] {
            if bytes > max {
                return Err(CommitError::TooLarge { bytes, max });
            }
        }
        self.check_space(commit.bytes).map_err(|full| CommitError::StorageFull {
            free_bytes: full.free_bytes,
            needed_bytes: full.needed_bytes,
        })?;

        writer.standing = Standing::Unsettled;
        let mut outcome = Ok(());
        for statements in commit.transactions() {
            outcome = in_time(writer.client.txn(statements)).await.map(drop);
            if outcome.is_err() {
                break;
            }
        }
        let error = match outcome {
            Ok(()) => {
                writer.ready(number);
                return Ok(number);
            }
            Err(error) => error,
        };
        if error.to_string().contains(STALE_EPOCH) {
            writer.standing = Standing::Ready;
            return Err(CommitError::StaleEpoch { epoch });
        }
        let reopen = store::needs_rebuild(&error);
        if reopen {
            writer.standing = Standing::Doubtful;
        }
        Err(CommitError::Unknown { number, reopen, source: error.into() })
    }

    /// The last commit that the database holds. Final for a commit with an unknown outcome only
    /// after [`take_over`](Self::take_over).
    ///
    /// # Errors
    /// When the store doesn't answer.
    pub async fn last_commit(&self) -> Result<LastCommit, ReadError> {
        let failed = || store::read_error("read", "the last commit");
        self.barrier().await.map_err(failed())?;
        Ok(store::control(&self.client).await.map_err(failed())?.last)
    }

    /// All rows of a table as keys and bodies, in the order of their keys.
    ///
    /// # Errors
    /// When the store fails, or commits keep coming in while the table is read: load before the
    /// first commit. Of several managers, the one that has taken over sees all commits; the copies
    /// of the others lag.
    pub async fn load(&self, table: Table) -> Result<Vec<StoredRow>, ReadError> {
        let failed = || store::read_error("load", table.name());
        self.barrier().await.map_err(failed())?;
        for _ in 0..LOAD_ATTEMPTS {
            let before = store::control(&self.client).await.map_err(failed())?;
            let rows = self.load_pages(table).await.map_err(failed())?;
            if store::control(&self.client).await.map_err(failed())? == before {
                return Ok(rows);
            }
        }
        Err(ReadError::Changing { table })
    }

    /// All rows of this manager's own copy, which may lag, as they were at one moment.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn snapshot(&self) -> Result<Snapshot, ReadError> {
        let failed = store::read_error("read", "this manager's copy");
        store::snapshot(&self.client).await.map_err(failed)
    }

    /// All rows of a table in this manager's own copy, as they were at one moment.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn table_of_copy(&self, table: Table) -> Result<Vec<StoredRow>, ReadError> {
        let sql = format!("SELECT key, body FROM {} ORDER BY key", table.name());
        let rows = store::rows(&self.client, sql, params!()).await;
        rows.map_err(store::read_error("read", table.name()))
    }

    /// The keys of a table in this manager's own copy, in their order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keys_of_copy(&self, table: Table) -> Result<Vec<Vec<u8>>, ReadError> {
        let sql = format!("SELECT key, x'' AS body FROM {} ORDER BY key", table.name());
        let rows = store::rows(&self.client, sql, params!()).await;
        let rows = rows.map_err(store::read_error("list", table.name()))?;
        Ok(rows.into_iter().map(|(key, _)| key).collect())
    }

    /// The last commit in this manager's own copy, which may lag.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn last_commit_of_copy(&self) -> Result<LastCommit, ReadError> {
        let failed = store::read_error("read", "the last commit");
        Ok(store::control(&self.client).await.map_err(failed)?.last)
    }

    async fn barrier(&self) -> Result<(), hiqlite::Error> {
        let client = self.writer.lock().await.client.clone();
        in_time(store::barrier(&client)).await
    }

    /// A client of this manager's own store. A lone one's is quicker, and never asks anybody else.
    async fn own_client(&self) -> Result<Client, hiqlite::Error> {
        if self.leadership().await.managers.len() < 2 {
            return Ok(self.client.clone());
        }
        let (own, secret) = (self.address.requests.clone(), self.secret.clone());
        in_time(Client::remote(vec![own], false, false, secret, false, None)).await
    }

    async fn load_pages(&self, table: Table) -> Result<Vec<StoredRow>, hiqlite::Error> {
        let mut rows: Vec<StoredRow> = Vec::new();
        loop {
            let (from, after) = match rows.last() {
                None => (">=", Vec::new()),
                Some((key, _)) => (">", key.clone()),
            };
            let sql = format!(
                "SELECT key, body FROM {} WHERE key {from} ? ORDER BY key LIMIT {ROWS_PER_PAGE}",
                table.name()
            );
            let page = store::rows(&self.client, sql, params!(after)).await?;
            let is_last = page.len() < ROWS_PER_PAGE;
            rows.extend(page);
            if is_last {
                return Ok(rows);
            }
        }
    }

    /// The body of one row, or `None`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        let sql = format!("SELECT key, body FROM {} WHERE key = ?", table.name());
        let rows = store::rows(&self.client, sql, params!(key.to_vec())).await;
        let mut rows = rows.map_err(store::read_error("read one row", table.name()))?;
        Ok(rows.pop().map(|(_, body)| body))
    }

    /// Ends the database in good order and releases its folder. Commits are refused from then on.
    /// Takes no time for a lone manager, ten seconds for one of several.
    ///
    /// # Errors
    /// When the store doesn't end in time. The folder stays locked until the process ends; what
    /// was acknowledged is safe.
    pub async fn shutdown(&self) -> Result<(), ShutdownError> {
        let mut writer = self.writer.lock().await;
        if writer.standing == Standing::Closed {
            return Ok(());
        }
        let is_doubtful = writer.standing == Standing::Doubtful;
        writer.standing = Standing::Closed;
        let client = self.client.clone();
        // In a task of its own, so that a panic in the store becomes an error.
        let ended = tokio::spawn(async move { client.shutdown().await }).await;
        let mut folder = self.folder.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if is_doubtful {
            let marked = rebuild::mark(&folder.store());
            marked.map_err(|error| ShutdownError { source: error.into() })?;
        }
        ended
            .map_err(|panic| ShutdownError { source: panic.into() })?
            .map_err(|error| ShutdownError { source: error.into() })?;
        folder.release();
        Ok(())
    }

    /// Asks for room for a commit of this size before it is proposed. Afterwards it's too late:
    /// a log that can't grow kills the process, and a database that can't grow differs from its
    /// log.
    fn check_space(&self, commit_bytes: u64) -> Result<(), TooFull> {
        let folder = self.folder.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // In the log, in SQLite's log and in the database; in these two twice if it goes in pieces.
        let needed_bytes = self.free_bytes_min + folder.database_bytes() + 5 * commit_bytes;
        // A disk that can't be asked is taken to be full.
        let free_bytes = folder.free_bytes().unwrap_or(0);
        if free_bytes < needed_bytes { Err(TooFull { free_bytes, needed_bytes }) } else { Ok(()) }
    }
}

/// The store itself waits for two minutes, when the others are away.
async fn in_time<T>(
    asked: impl Future<Output = Result<T, hiqlite::Error>>,
) -> Result<T, hiqlite::Error> {
    let late = || hiqlite::Error::Timeout("the other managers don't answer".into());
    tokio::time::timeout(STORE_TIMEOUT, asked).await.unwrap_or_else(|_| Err(late()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(folder: &tempfile::TempDir) -> Result<TaskDb, OpenError> {
        TaskDb::open(TaskDbConfig::lone(folder.path())).await
    }

    async fn execute(db: &TaskDb, sql: &'static str) {
        db.client.execute(sql, params!()).await.unwrap();
    }

    #[tokio::test]
    async fn a_newer_schema_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder).await.unwrap();
        execute(&db, "INSERT INTO _migrations VALUES (7, 'future', 0, '')").await;
        db.shutdown().await.unwrap();

        let error = open(&folder).await.unwrap_err();
        let expected = "the database has schema version 7, this program knows up to 6: \
                        update it, or use another data folder";
        assert_eq!(error.to_string(), expected);
        let again = open(&folder).await.unwrap_err();
        assert!(matches!(again, OpenError::NewerSchema { .. }), "the folder is free: {again:?}");
    }

    #[tokio::test]
    async fn a_copy_in_doubt_takes_no_commits_until_it_was_rebuilt() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder).await.unwrap();
        let epoch = db.take_over().await.unwrap();
        let row = |table| vec![RowWrite::put(table, *b"key", *b"body")];
        db.commit(epoch, row(Table::Jobs)).await.unwrap();
        // Stands for a disk that fails: the transaction can't be applied.
        execute(&db, "ALTER TABLE tasks RENAME TO away").await;
        let error = db.commit(epoch, row(Table::Tasks)).await.unwrap_err();
        assert!(matches!(error, CommitError::Unknown { number: 2, reopen: true, .. }), "{error:?}");
        let error = db.commit(epoch, row(Table::Jobs)).await.unwrap_err();
        assert!(matches!(error, CommitError::Closed), "{error:?}");
        let error = db.take_over().await.unwrap_err();
        assert!(matches!(error, TakeOverError::Closed), "{error:?}");
        db.shutdown().await.unwrap();

        let database = folder.path().join("raft/state_machine/db/hiqlite.db");
        let old = std::fs::metadata(&database).unwrap().modified().unwrap();
        let db = open(&folder).await.unwrap();
        assert!(std::fs::metadata(&database).unwrap().modified().unwrap() > old);
        assert_eq!(db.last_commit().await.unwrap().number, 1);
        let epoch = db.take_over().await.unwrap();
        assert_eq!(db.commit(epoch, row(Table::Jobs)).await.unwrap(), 2);
        db.shutdown().await.unwrap();
    }
}
