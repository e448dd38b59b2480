//! Keys of rows: big-endian, so that they sort as their numbers do, also the negative ones.

use candela_core::id::{ClaimId, JobId, NodeId, ReceiptId, TaskId, VerificationId};

/// Key of the counter's only row.
#[must_use]
pub fn key_counter() -> Vec<u8> {
    vec![0]
}

/// Key of the secret that webhooks are signed with, beside the counter.
#[must_use]
pub fn key_webhook_secret() -> Vec<u8> {
    b"webhook secret".to_vec()
}

/// Key of a job; also what the keys of its frames begin with.
#[must_use]
pub fn key_job(job: JobId) -> Vec<u8> {
    job.0.to_be_bytes().to_vec()
}

/// Key of a frame: its job, then its number with the sign bit turned over.
#[must_use]
pub fn key_frame(job: JobId, number: i32) -> Vec<u8> {
    let mut key = key_job(job);
    key.extend((number.cast_unsigned() ^ (1 << 31)).to_be_bytes());
    key
}

/// Key of a task.
#[must_use]
pub fn key_task(task: TaskId) -> Vec<u8> {
    task.0.to_be_bytes().to_vec()
}

/// Key of a receipt.
#[must_use]
pub fn key_receipt(receipt: ReceiptId) -> Vec<u8> {
    receipt.0.to_be_bytes().to_vec()
}

/// Key of a verification task.
#[must_use]
pub fn key_verification(verification: VerificationId) -> Vec<u8> {
    verification.0.to_be_bytes().to_vec()
}

/// Key of a node.
#[must_use]
pub fn key_node(node: NodeId) -> Vec<u8> {
    node.0.to_vec()
}

/// Key of a bad result claim.
#[must_use]
pub fn key_claim(claim: ClaimId) -> Vec<u8> {
    claim.0.to_be_bytes().to_vec()
}

/// Key of a manager.
#[must_use]
pub fn key_manager(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// Key of a ticket, see [`crate::ticket::TicketRow::id`].
#[must_use]
pub fn key_ticket(id: [u8; 32]) -> Vec<u8> {
    id.to_vec()
}

/// Key of a token, see [`crate::token::TokenRow::id`].
#[must_use]
pub fn key_token(id: [u8; 32]) -> Vec<u8> {
    id.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_numbers() {
        let numbers = [i32::MIN, -70_000, -256, -1, 0, 1, 255, 256, 70_000, i32::MAX];
        let keys = numbers.map(|number| key_frame(JobId(7), number));
        assert!(keys.is_sorted(), "{keys:?}");
        assert!(key_frame(JobId(7), i32::MAX) < key_frame(JobId(8), i32::MIN));
        assert!(keys.iter().all(|key| key.starts_with(&key_job(JobId(7)))));
        assert!(key_job(JobId(255)) < key_job(JobId(256)));
    }
}
