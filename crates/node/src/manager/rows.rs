//! From the state to stored rows, and back.

use crate::manager::desk::DeskError;
use candela_core::farm::{Farm, Row, Rows};
use candela_core::id::NodeId;
use candela_core::time::Time;
use candela_taskdb::{LastCommit, RowWrite, Snapshot, Table, TaskDb};
use candela_wire::DecodeError;
use candela_wire::cluster::ManagerRow;
use candela_wire::rows;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is kept, as the leader reads it once it has taken over.
pub(crate) async fn load(db: &TaskDb) -> Result<Rows, DeskError> {
    let mut snapshot = Snapshot::default();
    for table in LOADED {
        let rows = db.load(table).await.map_err(|error| DeskError(error.into()))?;
        snapshot.rows.insert(table, rows);
    }
    of(snapshot)
}

/// The same from this manager's own copy, which may lag, and the last commit in it.
pub(crate) async fn load_copy(db: &TaskDb) -> Result<(Rows, LastCommit), DeskError> {
    let snapshot = db.snapshot().await.map_err(|error| DeskError(error.into()))?;
    let last = snapshot.last;
    Ok((of(snapshot)?, last))
}

/// The tables that make up the state.
const LOADED: [Table; 9] = [
    Table::Meta,
    Table::Jobs,
    Table::Inspections,
    Table::Frames,
    Table::Tasks,
    Table::Receipts,
    Table::Verifications,
    Table::Nodes,
    Table::Claims,
];

fn of(mut from: Snapshot) -> Result<Rows, DeskError> {
    let counter = rows::key_counter();
    let counter = from.take(Table::Meta).into_iter().find(|(key, _)| *key == counter);
    let mut jobs = decoded(from.take(Table::Jobs), rows::decode_job)?;
    let mut inspections: BTreeMap<_, _> = from.take(Table::Inspections).into_iter().collect();
    for job in &mut jobs {
        let Some(body) = inspections.remove(&rows::key_job(job.id)) else { continue };
        let inspected = rows::decode_inspection(&body);
        job.inspected = Some(inspected.map_err(|error| DeskError(error.into()))?.into());
    }
    Ok(Rows {
        next_id: match counter {
            Some((_, body)) => {
                rows::decode_counter(&body).map_err(|error| DeskError(error.into()))?
            }
            None => 1,
        },
        jobs,
        frames: decoded(from.take(Table::Frames), rows::decode_frame)?,
        tasks: decoded(from.take(Table::Tasks), rows::decode_task)?,
        receipts: decoded(from.take(Table::Receipts), rows::decode_receipt)?,
        verifications: decoded(from.take(Table::Verifications), rows::decode_verification)?,
        nodes: decoded(from.take(Table::Nodes), rows::decode_node)?,
        claims: decoded(from.take(Table::Claims), rows::decode_claim)?,
    })
}

/// The newest time in what is kept of jobs and receipts.
pub(crate) fn newest(rows: &Rows) -> Time {
    let jobs = rows.jobs.iter().map(|job| job.ended_at.unwrap_or(job.submitted_at));
    let receipts = rows.receipts.iter().map(|r| r.accepted_at.unwrap_or(r.received_at));
    jobs.chain(receipts).max().unwrap_or_default()
}

fn decoded<T>(
    rows: Vec<(Vec<u8>, Vec<u8>)>,
    decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DeskError> {
    let rows = rows.iter().map(|(_, body)| decode(body));
    rows.collect::<Result<_, _>>().map_err(|error| DeskError(error.into()))
}

/// The managers, from their rows.
pub(crate) fn managers(stored: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Vec<ManagerRow>, DeskError> {
    let rows = stored.iter().map(|(_, body)| rows::decode_manager(body));
    rows.collect::<Result<_, _>>().map_err(|error| DeskError(error.into()))
}

/// The nodes, from the keys of their rows.
pub(crate) fn node_ids(keys: Vec<Vec<u8>>) -> BTreeSet<NodeId> {
    keys.into_iter().filter_map(|key| Some(NodeId(key.try_into().ok()?))).collect()
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
        Row::Inspection(id) => {
            let inspected = farm.job(id).and_then(|job| job.inspected.as_deref());
            (Table::Inspections, rows::key_job(id), inspected.map(rows::encode_inspection))
        }
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
