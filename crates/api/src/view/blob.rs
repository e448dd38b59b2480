//! Which blobs are what: outputs that everybody may have, evidence, and the rest.

use super::receipt::is_told;
use candela_core::farm::Farm;
use candela_core::id::{BlobHash, JobId};
use candela_core::job::FrameStatus;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::settings::OutputFormat;
use candela_core::task::{Receipt, ReceiptStatus};
use candela_core::verification::VerificationTask;
use candela_wire::api::{OutputInfo, PREFIX};

/// What a blob is used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BlobUse {
    /// Output of an accepted frame.
    Output(OutputInfo),
    /// Output of a receipt that is not accepted: nobody gets it.
    NotAccepted,
    /// Evidence of a verdict that is not told: nobody gets it, or a verifier could copy it.
    Secret,
    /// Evidence of a verdict that is told.
    Evidence,
    /// Something else: a scene's file, or nothing that a job uses.
    Other,
}

/// What is told of the output of an accepted receipt.
pub(crate) fn output_info(farm: &Farm, job: JobId, receipt: &Receipt) -> Option<OutputInfo> {
    let format = farm.job(job)?.inspected.as_ref()?.settings.format;
    let (number, hash) = (receipt.statement.frame, receipt.statement.output);
    Some(OutputInfo {
        hash: hash.to_string(),
        bytes: receipt.statement.output_bytes,
        url: format!("{PREFIX}/jobs/{job}/frames/{number}/output?hash={hash}"),
        file_name: format!("{number:04}.{}", format.extension()),
        media_type: media_type(format).to_owned(),
    })
}

fn media_type(format: OutputFormat) -> &'static str {
    match format {
        OutputFormat::Png | OutputFormat::Png16 => "image/png",
        OutputFormat::Jpeg => "image/jpeg",
        OutputFormat::Exr => "image/x-exr",
    }
}

/// The output of an accepted frame.
///
/// # Errors
/// There is no such job or frame, or it is not accepted.
pub(crate) fn output_of(farm: &Farm, job: JobId, number: i32) -> Result<OutputInfo, Refusal> {
    if farm.job(job).is_none() {
        return Err(candela_core::farm::no_such_job(job));
    }
    let frame = farm.frame(job, number).ok_or_else(|| no_such_frame(job, number))?;
    let FrameStatus::Accepted(receipt) = frame.status else {
        return Err(Refusal::new(
            RefusalCode::FrameNotReady,
            format!("frame {number} of job {job} is {} and not accepted", frame.status.word()),
        )
        .with_hint("only verified frames are given out; the job's events tell when it is"));
    };
    let receipt = farm.receipt_of(receipt);
    receipt
        .and_then(|receipt| output_info(farm, job, receipt))
        .ok_or_else(|| no_such_frame(job, number))
}

/// The refusal for a frame that the job doesn't have.
pub(crate) fn no_such_frame(job: JobId, number: i32) -> Refusal {
    Refusal::new(RefusalCode::NoSuchFrame, format!("job {job} has no frame {number}"))
        .with_hint(format!("`candela job show {job}` shows its frames"))
}

/// Looks for what a blob is used for; goes through all receipts, so ask only for blobs that are there.
pub(crate) fn use_of(farm: &Farm, hash: BlobHash) -> BlobUse {
    let mut found = BlobUse::Other;
    for job in farm.jobs() {
        for receipt in farm.receipts(job.id) {
            if receipt.statement.output == hash {
                if receipt.status == ReceiptStatus::Accepted
                    && let Some(output) = output_info(farm, job.id, receipt)
                {
                    return BlobUse::Output(output);
                }
                found = BlobUse::NotAccepted;
            } else if let Some(told) = evidence_told(farm, receipt, hash) {
                if !told {
                    return BlobUse::Secret;
                }
                found = BlobUse::Evidence;
            }
        }
    }
    found
}

/// Whether a verdict that a blob is evidence of is told; none if it is none of this receipt's.
fn evidence_told(farm: &Farm, receipt: &Receipt, hash: BlobHash) -> Option<bool> {
    let about = |task: &&VerificationTask| {
        task.verdict().is_some_and(|verdict| {
            verdict.evidence() == Some(hash) || verdict.worker_tiles == Some(hash)
        })
    };
    let mut tasks = farm.verifications(receipt.id).filter(about).peekable();
    tasks.peek()?;
    Some(tasks.all(|task| is_told(farm, receipt, task)))
}
