//! The data folder: one process at a time, secrets that nobody else reads, ports that are kept.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use rand::Rng;

use crate::OpenError;
use crate::config::ManagerAddress;
use crate::limits::{PORT_ATTEMPTS, PORT_RANGE};

/// A data folder that this process holds.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    lock: Option<File>,
}

/// Loopback ports of a lone manager's listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) replication: u16,
    pub(crate) requests: u16,
}

impl Folder {
    /// Creates the folder where needed, and locks it for as long as the value lives.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        create_private_dir(path).map_err(folder_error("create", path))?;
        let path = fs::canonicalize(path).map_err(folder_error("find", path))?;
        let (lock_path, pid_path) = (path.join("lock"), path.join("lock.pid"));
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(folder_error("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&pid_path).ok();
                let pid = pid.and_then(|pid| pid.trim().parse().ok());
                return Err(OpenError::InUse { folder: path, pid });
            }
            Err(TryLockError::Error(source)) => {
                return Err(OpenError::Folder { step: "lock", path: lock_path, source });
            }
        }
        let pid = std::process::id().to_string();
        fs::write(&pid_path, pid).map_err(folder_error("write", &pid_path))?;
        create_private_dir(&path.join("raft")).map_err(folder_error("create", &path))?;
        Ok(Self { path, lock: Some(lock) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the store underneath.
    pub(crate) fn store(&self) -> PathBuf {
        self.path.join("raft")
    }

    /// The folder as the store underneath wants it.
    pub(crate) fn store_name(&self) -> Result<String, OpenError> {
        let name = self.store().into_os_string().into_string();
        name.map_err(|_| OpenError::FolderName(self.path.clone()))
    }

    /// Lets other processes in.
    pub(crate) fn release(&mut self) {
        if self.lock.take().is_some() {
            let _ = fs::remove_file(self.path.join("lock.pid"));
        }
    }

    /// Free bytes on the folder's disk.
    pub(crate) fn free_bytes(&self) -> Result<u64, OpenError> {
        fs4::available_space(&self.path).map_err(folder_error("measure", &self.path))
    }

    /// Bytes of the database, without the log and the snapshot.
    pub(crate) fn database_bytes(&self) -> u64 {
        let database = self.store().join("state_machine").join("db");
        let files = ["hiqlite.db", "hiqlite.db-wal"].map(|name| database.join(name));
        files.iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum()
    }

    /// The secret of a lone manager's listeners; drawn at random the first time.
    pub(crate) fn secret(&self) -> Result<String, OpenError> {
        let path = self.path.join("secrets");
        // The second line was once the secret of the other listener.
        if let Some((secret, _)) = read_pair::<String>(&path)? {
            return Ok(secret);
        }
        let secret = HEXLOWER.encode(&rand::random::<[u8; 32]>());
        write_pair(&path, &secret, &secret)?;
        Ok(secret)
    }

    /// Ports that are free now: those used last time, or others if somebody else took one.
    ///
    /// The store's membership keeps the first ones for good. For a lone manager that is harmless,
    /// since it never needs its own address; but a task of the store goes on trying to reach it, and
    /// logs each failure, and no other manager can join then.
    pub(crate) fn ports(&self, listen: IpAddr) -> Result<Ports, OpenError> {
        let path = self.path.join("ports");
        if let Some((replication, requests)) = read_pair::<u16>(&path)? {
            let ports = Ports { replication, requests };
            if ports.are_free(listen) {
                return Ok(ports);
            }
            tracing::info!(?ports, "the database's loopback ports are taken: choosing others");
        }
        let mut random = rand::rng();
        for _ in 0..PORT_ATTEMPTS {
            let replication = random.random_range(PORT_RANGE);
            let ports = Ports { replication, requests: replication + 1 };
            if ports.are_free(listen) {
                write_pair(&path, &ports.replication, &ports.requests)?;
                return Ok(ports);
            }
        }
        Err(OpenError::NoPort)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Without an orderly shutdown the store's threads may still write: the folder stays
        // locked until the process ends.
        if let Some(lock) = self.lock.take() {
            std::mem::forget(lock);
        }
    }
}

impl Ports {
    /// As the others reach them.
    pub(crate) fn address(self, number: u64, host: &str) -> ManagerAddress {
        // An IPv6 address wants brackets before a port.
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        ManagerAddress {
            number,
            replication: format!("{host}:{}", self.replication),
            requests: format!("{host}:{}", self.requests),
        }
    }

    fn are_free(self, listen: IpAddr) -> bool {
        let bind = |port| TcpListener::bind((listen, port));
        let both = (bind(self.replication), bind(self.requests));
        matches!(both, (Ok(_), Ok(_)))
    }
}

fn folder_error(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Folder { step, path, source }
}

/// A file of two lines; `None` if it doesn't exist or was cut short by a crash.
fn read_pair<T: std::str::FromStr>(path: &Path) -> Result<Option<(T, T)>, OpenError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(folder_error("read", path)(error)),
    };
    let mut lines = text.lines().map_while(|line| line.parse().ok());
    Ok(lines.next().zip(lines.next()))
}

fn write_pair(path: &Path, one: &impl ToString, two: &impl ToString) -> Result<(), OpenError> {
    let text = format!("{}\n{}\n", one.to_string(), two.to_string());
    let fresh = path.with_extension("new");
    let write = || {
        let mut file = private_file(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().map_err(folder_error("write", path))
}

/// A new file that only its owner may read.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A folder that only its owner may enter; an existing one is left as it is.
fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
