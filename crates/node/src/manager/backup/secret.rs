//! Asking a manager that runs for the secret that webhooks are signed with.

use super::serve::ASK_SECRET;
use super::{BackupError, SOCKET};
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Bytes of a secret at most; one that is drawn has 64.
const SECRET_BYTES_MAX: u64 = 1_000;

/// The secret of the manager that runs on a folder; none before any manager of the network has led.
///
/// # Errors
/// If no manager runs there, or it breaks off.
pub async fn webhook_secret(data_dir: &Path) -> Result<Option<String>, BackupError> {
    let connected = UnixStream::connect(data_dir.join(SOCKET)).await;
    let mut stream = connected.map_err(|_| BackupError::NotRunning(data_dir.to_owned()))?;
    stream.write_all(ASK_SECRET).await.map_err(BackupError::BrokeOff)?;
    let length = stream.read_u64_le().await.map_err(BackupError::BrokeOff)?;
    let mut secret = String::new();
    let read = stream.take(length.min(SECRET_BYTES_MAX)).read_to_string(&mut secret).await;
    read.map_err(BackupError::BrokeOff)?;
    Ok((!secret.is_empty()).then_some(secret))
}
