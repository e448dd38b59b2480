//! Bad result claims: the whole frame is verified by verifiers that haven't seen it; the verdict
//! says who pays. Bounded in cost by what a user may have open and may lose in a day.

use super::{Effect, Farm, Reply, Row, no_such_job};
use crate::claim::{Claim, ClaimStatus};
use crate::id::{ClaimId, JobId, ReceiptId};
use crate::job::FrameStatus;
use crate::layers::TileGrid;
use crate::limits::COMMENT_BYTES_MAX;
use crate::refusal::{Refusal, RefusalCode};
use crate::task::ReceiptStatus;
use crate::time::Time;
use crate::verification::{Outcome, Purpose, VerificationStatus, VerificationTask};

/// A day, for counting claims.
const DAY_MS: u64 = 24 * 3_600_000;

impl Farm {
    pub(super) fn claim(
        &mut self,
        job: JobId,
        frame: i32,
        user: String,
        comment: String,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let receipt = self.claimable(job, frame)?;
        if let Some(id) = self.claimed.get(&receipt) {
            return Err(Refusal::new(
                RefusalCode::ClaimThere,
                format!("claim {id} is about this result of frame {frame}"),
            )
            .with_hint(
                "a result can be claimed once; a new rendering of the frame is a new result",
            ));
        }
        check_comment(&comment)?;
        self.check_claims_of(job, &user, now)?;
        let size = self
            .jobs
            .get(&job)
            .and_then(|job| job.inspected.as_ref())
            .map(|inspected| inspected.settings.size)
            .ok_or_else(|| no_such_job(job))?;
        let id = ClaimId(self.new_id());
        let status = ClaimStatus::Open;
        let (made_at, ended_at) = (now, None);
        let claim = Claim { id, job, frame, receipt, user, comment, made_at, ended_at, status };
        self.claims.insert(id, claim);
        self.claimed.insert(receipt, id);
        self.mark(Row::Claim(id));
        let tiles = u32::try_from(TileGrid { size }.len()).unwrap_or(u32::MAX);
        let per_task = self.policy.claims.tiles_per_task.max(1);
        for first in (0..tiles).step_by(per_task as usize) {
            self.verify(receipt, Purpose::Claim, first, per_task.min(tiles - first));
        }
        effects.push(Effect::FrameChanged(job, frame));
        effects.push(Effect::JobChanged(job));
        Ok(Reply::Claim(id))
    }

    /// The accepted result of a frame.
    fn claimable(&self, job: JobId, frame: i32) -> Result<ReceiptId, Refusal> {
        if !self.jobs.contains_key(&job) {
            return Err(no_such_job(job));
        }
        let entry = self.frames.get(&job).and_then(|frames| frames.get(&frame));
        let Some(entry) = entry else {
            let text = format!("job {job} has no frame {frame}");
            return Err(Refusal::new(RefusalCode::NoSuchFrame, text));
        };
        match entry.status {
            FrameStatus::Accepted(receipt) => Ok(receipt),
            _ => Err(Refusal::new(
                RefusalCode::FrameNotReady,
                format!(
                    "frame {frame} is {}, and only an accepted frame can be claimed",
                    entry.status.word()
                ),
            )
            .with_hint("wait until it is accepted")),
        }
    }

    fn check_claims_of(&self, job: JobId, user: &str, now: Time) -> Result<(), Refusal> {
        let figures = &self.policy.claims;
        let many = |text: String, hint: &str| {
            Err(Refusal::new(RefusalCode::ClaimsTooMany, text).with_hint(hint))
        };
        let open = self.claims.values().filter(|c| c.job == job && c.status == ClaimStatus::Open);
        let open = open.count();
        if open >= figures.open_max {
            return many(
                format!("{open} claims on job {job} are being looked at"),
                "wait until one of them is decided",
            );
        }
        let today = |claim: &&Claim| claim.user == user && now.since_ms(claim.made_at) < DAY_MS;
        let of_user: Vec<&Claim> = self.claims.values().rev().filter(today).collect();
        if of_user.len() >= figures.user_day_max {
            return many(
                format!("{} claims were made today", of_user.len()),
                "a whole frame is rendered again for each: claim the frames that matter most tomorrow",
            );
        }
        let dismissed = |claim: &&&Claim| matches!(claim.status, ClaimStatus::Dismissed(_));
        let dismissed = of_user.iter().filter(dismissed).count();
        if dismissed >= figures.dismissed_day_max {
            return many(
                format!("{dismissed} claims of today were dismissed"),
                "look at the pictures of those verdicts first; claims are taken again tomorrow",
            );
        }
        Ok(())
    }

    /// What follows from an answer to a part of a claim.
    pub(super) fn claim_answered(
        &mut self,
        verification: &VerificationTask,
        outcome: Outcome,
        reason: &str,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        let receipt = verification.receipt;
        let Some(claim) = self.open_claim(receipt) else { return };
        let (first, count) = (verification.first_probe, verification.probes);
        if verification.purpose == Purpose::Claim {
            match outcome {
                Outcome::Accepted => self.end_claim_if_over(claim, now, effects),
                Outcome::Rejected | Outcome::Undecided => {
                    self.verify(receipt, Purpose::ClaimConfirm, first, count);
                }
            }
            return;
        }
        let same_part = |v: &VerificationTask| v.purpose.is_claim() && v.first_probe == first;
        let opinions = self.opinions(receipt, same_part);
        let rounds = self.rounds.get(&receipt).into_iter().flatten();
        let rounds = rounds.filter_map(|id| self.verifications.get(id)).filter(|v| same_part(v));
        let rounds = rounds.count();
        if opinions.rejecting.len() >= self.policy.verifiers.convict {
            self.hold_against(&opinions.rejected_by, &opinions.accepted_by, now, effects);
            self.uphold(claim, reason, now, effects);
        } else if opinions.accepting.len() >= 2 {
            let wrong: Vec<_> =
                opinions.rejected_by.iter().chain(&opinions.alone).copied().collect();
            self.hold_against(&opinions.accepted_by, &wrong, now, effects);
            self.end_claim_if_over(claim, now, effects);
        } else if rounds >= self.policy.claims.opinions_max {
            self.leave_undecided(claim, "no two verifiers agree on it", now, effects);
        } else {
            self.verify(receipt, Purpose::ClaimConfirm, first, count);
        }
    }

    /// Dismisses a claim of which every part was found right.
    fn end_claim_if_over(&mut self, id: ClaimId, now: Time, effects: &mut Vec<Effect>) {
        let Some(claim) = self.claims.get(&id) else { return };
        let parts = self.rounds.get(&claim.receipt).into_iter().flatten();
        let parts = parts.filter_map(|id| self.verifications.get(id));
        let mut parts = parts.filter(|v| v.purpose.is_claim());
        if !parts.all(|v| matches!(v.status, VerificationStatus::Judged(_))) {
            return;
        }
        let reason = "every tile of the frame was rendered again and agrees".to_owned();
        self.end_claim(id, ClaimStatus::Dismissed(reason), now, effects);
    }

    /// The claim was right: the result is rejected, and the worker pays.
    pub(super) fn uphold(
        &mut self,
        id: ClaimId,
        reason: &str,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        let Some(receipt) = self.claims.get(&id).map(|claim| claim.receipt) else { return };
        self.end_claim(id, ClaimStatus::Upheld(reason.to_owned()), now, effects);
        self.reject(receipt, reason, now, effects);
    }

    /// It can't be found out: the frame is rendered again, and nobody pays.
    pub(super) fn leave_undecided(
        &mut self,
        id: ClaimId,
        reason: &str,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        let Some(receipt) = self.claims.get(&id).map(|claim| claim.receipt) else { return };
        self.end_claim(id, ClaimStatus::Undecided(reason.to_owned()), now, effects);
        self.unaccept(receipt, effects);
        let still = self.receipts.get(&receipt).map(|receipt| receipt.status);
        if still == Some(ReceiptStatus::Verifying) {
            self.give_up_receipt(receipt, reason, now, effects);
        }
    }

    fn end_claim(
        &mut self,
        id: ClaimId,
        status: ClaimStatus,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        let Some(claim) = self.claims.get_mut(&id) else { return };
        claim.status = status;
        claim.ended_at = Some(now);
        let (job, frame, receipt) = (claim.job, claim.frame, claim.receipt);
        self.mark(Row::Claim(id));
        self.drop_verifications(receipt, effects);
        effects.push(Effect::FrameChanged(job, frame));
        effects.push(Effect::JobChanged(job));
    }
}

fn check_comment(comment: &str) -> Result<(), Refusal> {
    let control = |c: char| c.is_control() && c != '\n' && c != '\t';
    if comment.len() > COMMENT_BYTES_MAX || comment.chars().any(control) {
        return Err(Refusal::new(
            RefusalCode::MessageNotAllowed,
            format!("a comment has at most {COMMENT_BYTES_MAX} bytes and no control characters"),
        ));
    }
    Ok(())
}
