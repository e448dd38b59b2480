//! The key that a node is: made once, kept in a file that only its owner can read, used to sign.

use candela_core::id::NodeId;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use iroh::{PublicKey, SecretKey, Signature};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The file holds 64 hexadecimal digits and a line end; anything longer is something else.
const FILE_BYTES_MAX: u64 = 256;

/// A node's secret Ed25519 key.
#[derive(Clone)]
pub struct NodeKey(pub(crate) SecretKey);

/// A key file could not be used or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system said no.
    #[error("{step} the node key {}", path.display())]
    Io {
        /// What was being done.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The file is there but is not a key. It is never replaced: the node's identity and credit hang on it.
    #[error(
        "the node key {} is damaged: expected 64 hexadecimal digits; restore it from a copy, or move it away to start as a new node",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Others on this machine may read the key.
    #[error(
        "the node key {} may be read by others (mode {mode:o}): make it yours alone (chmod 600)",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// A signature is not of that node over that message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not of node {node} over this message")]
pub struct BadSignature {
    /// Who was said to have signed.
    pub node: NodeId,
}

impl NodeKey {
    /// A new key from the system's randomness.
    #[must_use]
    pub fn generate() -> Self {
        NodeKey(SecretKey::generate())
    }

    /// The key with these secret bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        NodeKey(SecretKey::from_bytes(bytes))
    }

    /// Reads the key file, or makes a new key and its file when there is none.
    ///
    /// The file appears whole or not at all, readable by its owner only. When two processes start
    /// at once, both end with the same key.
    ///
    /// # Errors
    /// When the file can't be read or written, is damaged, or may be read by others.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        match Self::load(path) {
            Err(KeyError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Self::create(path)
            }
            other => other,
        }
    }

    fn load(path: &Path) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io { step: "reading", path: path.into(), source };
        let file = std::fs::File::open(path).map_err(io)?;
        check_mode(path, &file.metadata().map_err(io)?)?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(io)?;
        HEXLOWER_PERMISSIVE
            .decode(bytes.trim_ascii())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(|bytes| NodeKey::from_bytes(&bytes))
            .ok_or_else(|| KeyError::Damaged { path: path.into() })
    }

    fn create(path: &Path) -> Result<Self, KeyError> {
        let io = |step| move |source| KeyError::Io { step, path: path.into(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io("making the folder of"))?;
        }
        let key = NodeKey::generate();
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let fresh = PathBuf::from(name);
        let written = write_private(&fresh, &key).map_err(io("writing"));
        // A hard link, not a rename: it fails if another process was first, and then that key is ours too.
        let linked = written.and_then(|()| match std::fs::hard_link(&fresh, path) {
            Ok(()) => Ok(Some(key)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(io("placing")(error)),
        });
        let _ = std::fs::remove_file(&fresh);
        match linked? {
            Some(key) => Ok(key),
            None => Self::load(path),
        }
    }

    /// The public key: what others know the node by.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        NodeId(*self.0.public().as_bytes())
    }

    /// Signs a message. Callers put what the message is for into it, so that no signature fits elsewhere.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NodeKey(secret of {})", self.node_id().short())
    }
}

/// Checks that `node` signed `message`.
///
/// # Errors
/// When it did not, or `node` is not a public key.
pub fn verify(node: &NodeId, message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
    PublicKey::from_bytes(&node.0)
        .ok()
        .filter(|key| key.verify(message, &Signature::from_bytes(signature)).is_ok())
        .map(|_| ())
        .ok_or(BadSignature { node: *node })
}

fn write_private(path: &Path, key: &NodeKey) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{}", HEXLOWER.encode(&key.0.to_bytes()))?;
    file.sync_all()
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &std::fs::Metadata) -> Result<(), KeyError> {
    let mode = std::os::unix::fs::MetadataExt::mode(metadata) & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyError::Exposed { path: path.into(), mode }) }
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &std::fs::Metadata) -> Result<(), KeyError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/node.key");
        let first = NodeKey::load_or_create(&path).unwrap();
        let again = NodeKey::load_or_create(&path).unwrap();
        assert_eq!(first.node_id(), again.node_id());
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(!format!("{first:?}").contains(&HEXLOWER.encode(&first.0.to_bytes())));
    }

    #[test]
    fn starting_twice_at_once_ends_with_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        // Threads of one process share the temporary name, so this is harsher than two processes only in timing.
        let first = NodeKey::create(&path).unwrap();
        let second = NodeKey::create(&path).unwrap();
        assert_eq!(first.node_id(), second.node_id());
    }

    #[cfg(unix)]
    #[test]
    fn damaged_and_exposed_files_are_refused_and_kept() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        NodeKey::load_or_create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for damage in ["", "abc", &"0".repeat(63), &"g".repeat(64), &"0".repeat(4096)] {
            std::fs::write(&path, damage).unwrap();
            let error = NodeKey::load_or_create(&path).unwrap_err();
            assert!(matches!(error, KeyError::Damaged { .. }), "{damage:?}: {error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), damage);
        }
        std::fs::write(&path, "0".repeat(64)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = NodeKey::load_or_create(&path).unwrap_err();
        assert!(matches!(error, KeyError::Exposed { mode: 0o644, .. }), "{error}");
    }

    #[test]
    fn signatures_bind_node_and_message() {
        let (key, other) = (NodeKey::generate(), NodeKey::generate());
        let signature = key.sign(b"receipt");
        let node = key.node_id();
        assert_eq!(verify(&node, b"receipt", &signature), Ok(()));
        assert_eq!(verify(&node, b"receipts", &signature), Err(BadSignature { node }));
        assert!(verify(&other.node_id(), b"receipt", &signature).is_err());
        let no_key =
            (0..=255).map(|b| NodeId([b; 32])).find(|n| PublicKey::from_bytes(&n.0).is_err());
        assert!(verify(&no_key.unwrap(), b"receipt", &signature).is_err());
    }
}
