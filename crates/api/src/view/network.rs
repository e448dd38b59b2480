//! The network as a whole, and what is one user's of it.

use super::node_info;
use candela_core::claim::ClaimStatus;
use candela_core::farm::Farm;
use candela_core::job::JobStatus;
use candela_core::node::Role;
use candela_core::task::ReceiptStatus;
use candela_wire::api::{
    AccountInfo, FrameCounts, JobCounts, NetworkInfo, NetworkMinute, NodeCounts,
    VerificationFigures,
};

/// The network, with the history that was counted elsewhere.
pub(crate) fn network(farm: &Farm, history: Vec<NetworkMinute>) -> NetworkInfo {
    let mut info = NetworkInfo {
        nodes: nodes(farm),
        jobs: JobCounts::default(),
        frames: FrameCounts::default(),
        verification: VerificationFigures::default(),
        history,
    };
    let verification = &mut info.verification;
    for job in farm.jobs() {
        match job.status {
            JobStatus::Inspecting { .. } => info.jobs.inspecting += 1,
            JobStatus::Active => info.jobs.active += 1,
            JobStatus::Completed => info.jobs.completed += 1,
            JobStatus::Failed => info.jobs.failed += 1,
            JobStatus::Refused(_) => info.jobs.refused += 1,
            JobStatus::Cancelled => info.jobs.cancelled += 1,
        }
        add(&mut info.frames, farm, job.id);
        let frame_px = job.inspected.as_ref().map_or(0, |i| i.settings.size.pixels());
        verification.rendered_px += job.render_ms_count.saturating_mul(frame_px);
        verification.verification_px += job.verification_px;
        for receipt in farm.receipts(job.id) {
            match receipt.status {
                ReceiptStatus::Accepted => verification.receipts_accepted += 1,
                ReceiptStatus::Rejected => verification.receipts_rejected += 1,
                _ => {}
            }
        }
    }
    let share = verification.verification_px as f64 / verification.rendered_px as f64;
    verification.share = (verification.rendered_px > 0).then_some(share);
    for claim in farm.all_claims() {
        match claim.status {
            ClaimStatus::Open => verification.claims_open += 1,
            ClaimStatus::Upheld(_) => verification.claims_upheld += 1,
            ClaimStatus::Dismissed(_) => verification.claims_dismissed += 1,
            ClaimStatus::Undecided(_) => {}
        }
    }
    info
}

fn add(to: &mut FrameCounts, farm: &Farm, job: candela_core::id::JobId) {
    let counts = farm.frame_counts(job);
    to.all += counts.all;
    to.waiting += counts.waiting;
    to.rendering += counts.rendering;
    to.verifying += counts.verifying;
    to.accepted += counts.accepted;
    to.failed += counts.failed;
}

fn nodes(farm: &Farm) -> NodeCounts {
    let mut counts = NodeCounts::default();
    for node in farm.nodes() {
        let info = node_info(farm, node);
        counts.known += 1;
        counts.suspended += usize::from(info.suspended.is_some());
        if !info.linked {
            continue;
        }
        counts.connected += 1;
        counts.paused += usize::from(info.paused);
        let has = |role: Role| info.roles.contains(&role.into());
        counts.verifiers += usize::from(has(Role::Verifier));
        if has(Role::Worker) {
            counts.workers += 1;
            counts.slots += info.slots as usize;
            counts.busy += info.tasks.len();
        }
    }
    counts
}

/// What is the user's; everything, if there is no user.
pub(crate) fn account(farm: &Farm, mut told: AccountInfo) -> AccountInfo {
    let is_theirs = |user: &str| told.user.as_deref().is_none_or(|own| own == user);
    let mut frames = FrameCounts::default();
    let mut render_ms = 0;
    for job in farm.jobs().filter(|job| is_theirs(&job.submission.user)) {
        told.jobs_all += 1;
        told.jobs_open += usize::from(!job.status.is_over());
        render_ms += job.render_ms_sum;
        if job.status.is_over() {
            frames.accepted += farm.frame_counts(job.id).accepted;
        } else {
            add(&mut frames, farm, job.id);
        }
    }
    told.frames_accepted = frames.accepted;
    told.frames_open = frames.waiting + frames.rendering + frames.verifying;
    told.render_s = render_ms as f64 / 1_000.0;
    if told.user.is_some() {
        let nodes = farm.nodes().filter(|node| is_theirs(&node.owner.0));
        told.nodes = nodes.map(|node| node_info(farm, node)).collect();
    }
    told.credit_earned = told.nodes.iter().map(|node| node.record.credit_earned).sum();
    told.credit_withheld = told.nodes.iter().map(|node| node.record.credit_withheld).sum();
    told
}
