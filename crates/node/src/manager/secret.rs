//! The secret that webhooks are signed with: drawn by the first leader, and kept in the database, so
//! that it stays the same whichever manager leads.

use crate::manager::desk::DeskError;
use candela_taskdb::{Epoch, RowWrite, StoredRow, Table, TaskDb};
use candela_wire::rows;

/// The secret; it is drawn and written if there is none.
pub(super) async fn keep(db: &TaskDb, epoch: Epoch) -> Result<String, DeskError> {
    let stored = db.load(Table::Meta).await.map_err(|error| DeskError(error.into()))?;
    if let Some(secret) = find(&stored).map_err(|error| DeskError(error.into()))? {
        return Ok(secret);
    }
    let drawn: [u8; 32] = rand::random();
    let secret: String = drawn.iter().map(|byte| format!("{byte:02x}")).collect();
    let body = rows::encode_webhook_secret(&secret);
    let write = RowWrite::put(Table::Meta, rows::key_webhook_secret(), body);
    db.commit(epoch, vec![write]).await.map_err(|error| DeskError(error.into()))?;
    Ok(secret)
}

/// The secret among the manager's own settings.
pub(super) fn find(stored: &[StoredRow]) -> Result<Option<String>, candela_wire::DecodeError> {
    let key = rows::key_webhook_secret();
    let row = stored.iter().find(|(stored, _)| *stored == key);
    row.map(|(_, body)| rows::decode_webhook_secret(body)).transpose()
}
