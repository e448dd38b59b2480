//! From the state to stored rows, and back.

use crate::manager::desk::DeskError;
use candela_core::farm::{Farm, Row, Rows};
use candela_taskdb::{RowWrite, Table, TaskDb};
use candela_wire::DecodeError;
use candela_wire::rows;
use std::collections::BTreeSet;

/// Everything that is kept.
pub(crate) async fn load(db: &TaskDb) -> Result<Rows, DeskError> {
    let counter = rows::key_counter();
    let counter = db.get(Table::Meta, &counter).await.map_err(|error| DeskError(error.into()))?;
    Ok(Rows {
        next_id: match counter {
            Some(body) => rows::decode_counter(&body).map_err(|error| DeskError(error.into()))?,
            None => 1,
        },
        jobs: table(db, Table::Jobs, rows::decode_job).await?,
        frames: table(db, Table::Frames, rows::decode_frame).await?,
        tasks: table(db, Table::Tasks, rows::decode_task).await?,
        receipts: table(db, Table::Receipts, rows::decode_receipt).await?,
        verifications: table(db, Table::Verifications, rows::decode_verification).await?,
        nodes: table(db, Table::Nodes, rows::decode_node).await?,
        claims: table(db, Table::Claims, rows::decode_claim).await?,
    })
}

async fn table<T>(
    db: &TaskDb,
    table: Table,
    decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DeskError> {
    let stored = db.load(table).await.map_err(|error| DeskError(error.into()))?;
    let rows = stored.iter().map(|(_, body)| decode(body));
    rows.collect::<Result<_, _>>().map_err(|error| DeskError(error.into()))
}

/// The changed rows as they are now. A row that is not there any more is deleted.
pub(crate) fn writes(farm: &Farm, changed: &BTreeSet<Row>) -> Vec<RowWrite> {
    changed.iter().map(|row| write(farm, *row)).collect()
}

fn write(farm: &Farm, row: Row) -> RowWrite {
    let (table, key, body) = match row {
        Row::Counter => {
            let body = Some(rows::encode_counter(&farm.next_id()));
            (Table::Meta, rows::key_counter(), body)
        }
        Row::Job(id) => (Table::Jobs, rows::key_job(id), farm.job(id).map(rows::encode_job)),
        Row::Frame(job, number) => {
            let body = farm.frame(job, number).map(rows::encode_frame);
            (Table::Frames, rows::key_frame(job, number), body)
        }
        Row::Task(id) => (Table::Tasks, rows::key_task(id), farm.task(id).map(rows::encode_task)),
        Row::Receipt(id) => {
            (Table::Receipts, rows::key_receipt(id), farm.receipt_of(id).map(rows::encode_receipt))
        }
        Row::Verification(id) => {
            let body = farm.verification(id).map(rows::encode_verification);
            (Table::Verifications, rows::key_verification(id), body)
        }
        Row::Claim(id) => {
            (Table::Claims, rows::key_claim(id), farm.claim_of(id).map(rows::encode_claim))
        }
        Row::Node(id) => (Table::Nodes, rows::key_node(id), farm.node(id).map(rows::encode_node)),
    };
    RowWrite { table, key, body }
}
