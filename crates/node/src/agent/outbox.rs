//! What was said and not acknowledged: it is said again after the link was down.

use candela_core::id::{LeaseId, VerificationId};
use candela_wire::session::{ToManager, ToManagerBody};
use std::collections::BTreeMap;

/// Messages by their number, which is also their order.
#[derive(Default)]
pub(super) struct Outbox {
    last: u64,
    messages: BTreeMap<u64, ToManagerBody>,
}

impl Outbox {
    /// Keeps a message and numbers it.
    pub(super) fn put(&mut self, body: ToManagerBody) -> ToManager {
        self.last += 1;
        self.messages.insert(self.last, body.clone());
        ToManager { seq: self.last, body }
    }

    /// Takes out what was acknowledged.
    pub(super) fn acknowledged(&mut self, seq: u64) -> Option<ToManagerBody> {
        self.messages.remove(&seq)
    }

    /// Everything that was not acknowledged, in order.
    pub(super) fn unsent(&self) -> Vec<ToManager> {
        let messages = self.messages.iter();
        messages.map(|(seq, body)| ToManager { seq: *seq, body: body.clone() }).collect()
    }

    pub(super) fn leases(&self) -> impl Iterator<Item = LeaseId> + '_ {
        self.messages.values().filter_map(lease_of)
    }

    pub(super) fn verifications(&self) -> impl Iterator<Item = VerificationId> + '_ {
        self.messages.values().filter_map(verification_of)
    }

    /// Drops what concerns a lease that is over.
    pub(super) fn forget_lease(&mut self, lease: LeaseId) {
        self.messages.retain(|_, body| lease_of(body) != Some(lease));
    }

    /// Drops what concerns a verification task that is over.
    pub(super) fn forget_verification(&mut self, verification: VerificationId) {
        self.messages.retain(|_, body| verification_of(body) != Some(verification));
    }
}

/// The lease that a message is about.
pub(super) fn lease_of(body: &ToManagerBody) -> Option<LeaseId> {
    match body {
        ToManagerBody::LeaseDeclined { lease, .. } | ToManagerBody::FrameFailed { lease, .. } => {
            Some(*lease)
        }
        ToManagerBody::Receipt { statement, .. } => Some(statement.lease),
        _ => None,
    }
}

fn verification_of(body: &ToManagerBody) -> Option<VerificationId> {
    match body {
        ToManagerBody::Report { report, .. } => Some(report.verification),
        ToManagerBody::VerificationFailed { verification, .. } => Some(*verification),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(verification: u64) -> ToManagerBody {
        let verification = VerificationId(verification);
        ToManagerBody::VerificationFailed { verification, reason: String::new() }
    }

    fn declined(lease: u64) -> ToManagerBody {
        ToManagerBody::LeaseDeclined { lease: LeaseId(lease), reason: String::new() }
    }

    #[test]
    fn what_is_not_acknowledged_is_said_again_in_order() {
        let mut outbox = Outbox::default();
        let seqs: Vec<u64> =
            [declined(7), failed(8), declined(9)].map(|body| outbox.put(body).seq).into();
        assert!(outbox.acknowledged(seqs[1]).is_some());
        assert!(outbox.acknowledged(seqs[1]).is_none());
        let again: Vec<u64> = outbox.unsent().iter().map(|message| message.seq).collect();
        assert_eq!(again, vec![seqs[0], seqs[2]]);
        assert_eq!(outbox.leases().collect::<Vec<_>>(), vec![LeaseId(7), LeaseId(9)]);
        outbox.forget_lease(LeaseId(7));
        assert_eq!(outbox.unsent().len(), 1);
    }
}
