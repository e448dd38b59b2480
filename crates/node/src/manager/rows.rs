//! From the state to stored rows, and back.

use crate::manager::desk::DeskError;
use candela_core::farm::{Farm, Row, Rows};
use candela_core::id::NodeId;
use candela_core::time::Time;
use candela_taskdb::{RowWrite, Table, TaskDb};
use candela_wire::DecodeError;
use candela_wire::cluster::ManagerRow;
use candela_wire::rows;
use std::collections::BTreeSet;

/// Which copy is read.
#[derive(Clone, Copy)]
enum From {
    Leader,
    OwnCopy,
}

/// Everything that is kept.
pub(crate) async fn load(db: &TaskDb) -> Result<Rows, DeskError> {
    load_from(db, From::Leader).await
}

/// The same from this manager's own copy, which may lag.
pub(crate) async fn load_copy(db: &TaskDb) -> Result<Rows, DeskError> {
    load_from(db, From::OwnCopy).await
}

async fn load_from(db: &TaskDb, from: From) -> Result<Rows, DeskError> {
    let counter = rows::key_counter();
    let counter = db.get(Table::Meta, &counter).await.map_err(|error| DeskError(error.into()))?;
    Ok(Rows {
        next_id: match counter {
            Some(body) => rows::decode_counter(&body).map_err(|error| DeskError(error.into()))?,
            None => 1,
        },
        jobs: table(db, from, Table::Jobs, rows::decode_job).await?,
        frames: table(db, from, Table::Frames, rows::decode_frame).await?,
        tasks: table(db, from, Table::Tasks, rows::decode_task).await?,
        receipts: table(db, from, Table::Receipts, rows::decode_receipt).await?,
        verifications: table(db, from, Table::Verifications, rows::decode_verification).await?,
        nodes: table(db, from, Table::Nodes, rows::decode_node).await?,
        claims: table(db, from, Table::Claims, rows::decode_claim).await?,
    })
}

/// The newest time in what is kept of jobs and receipts.
pub(crate) fn newest(rows: &Rows) -> Time {
    let jobs = rows.jobs.iter().map(|job| job.ended_at.unwrap_or(job.submitted_at));
    let receipts = rows.receipts.iter().map(|r| r.accepted_at.unwrap_or(r.received_at));
    jobs.chain(receipts).max().unwrap_or_default()
}

async fn table<T>(
    db: &TaskDb,
    from: From,
    table: Table,
    decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DeskError> {
    let stored = match from {
        From::Leader => db.load(table).await,
        From::OwnCopy => db.load_copy(table).await,
    };
    let stored = stored.map_err(|error| DeskError(error.into()))?;
    let rows = stored.iter().map(|(_, body)| decode(body));
    rows.collect::<Result<_, _>>().map_err(|error| DeskError(error.into()))
}

/// The managers, from their rows.
pub(crate) fn managers(stored: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Vec<ManagerRow>, DeskError> {
    let rows = stored.iter().map(|(_, body)| rows::decode_manager(body));
    rows.collect::<Result<_, _>>().map_err(|error| DeskError(error.into()))
}

/// The nodes, from the keys of their rows.
pub(crate) fn node_ids(stored: Vec<(Vec<u8>, Vec<u8>)>) -> BTreeSet<NodeId> {
    stored.into_iter().filter_map(|(key, _)| Some(NodeId(key.try_into().ok()?))).collect()
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
