//! Why a receipt was rejected, in one line, from its verdict's counts.

use candela_wire::api::{FrameDetail, OutcomeName, ReceiptInfo, ReceiptState, VerdictInfo};

/// A probe disagrees if more than this share of its judged pixels does: far above any noise floor.
const PROBE_DISAGREES: f64 = 0.01;

/// The last rejected receipt of a frame: who signed it, and what was wrong with it.
pub(crate) fn last_rejection(frame: &FrameDetail) -> Option<(String, String)> {
    let rejected = |receipt: &&ReceiptInfo| receipt.status == ReceiptState::Rejected;
    let receipt = frame.receipts.iter().rev().find(rejected)?;
    Some((receipt.worker.name.clone(), why(receipt)))
}

fn why(receipt: &ReceiptInfo) -> String {
    let verdicts: Vec<&VerdictInfo> = receipt
        .verifications
        .iter()
        .filter_map(|verification| verification.verdict.as_ref())
        .filter(|verdict| verdict.outcome == OutcomeName::Rejected)
        .collect();
    // Later rounds repeat the probes of the first: the one with the most probes tells the most.
    let counted =
        verdicts.iter().max_by_key(|verdict| verdict.probes.len()).and_then(|v| counts(v));
    let reason = receipt.reason.clone().unwrap_or_else(|| "its verification failed".to_owned());
    match counted {
        Some(counted) => {
            format!("{counted}, confirmed {}", times(verdicts.len().saturating_sub(1)))
        }
        None => reason,
    }
}

fn times(number: usize) -> String {
    match number {
        0 => "by nobody yet".to_owned(),
        1 => "once".to_owned(),
        more => format!("{more} times"),
    }
}

/// Like `3 of 3 probes disagree (99.2 % of 11,904 pixels)`; none if no pixel disagrees.
fn counts(verdict: &VerdictInfo) -> Option<String> {
    let (mut judged, mut disagree, mut probes) = (0_u64, 0_u64, 0_usize);
    for probe in &verdict.probes {
        let all = probe.informative + probe.direct;
        let agree = probe.informative_agree + probe.direct_agree;
        let wrong = all.saturating_sub(agree);
        judged += all;
        disagree += wrong;
        probes += usize::from(wrong as f64 > all as f64 * PROBE_DISAGREES);
    }
    if probes == 0 {
        return None;
    }
    let share = disagree as f64 / judged as f64 * 100.0;
    Some(format!(
        "{probes} of {} probes disagree ({share:.1} % of {} pixels)",
        verdict.probes.len(),
        grouped(judged)
    ))
}

/// A whole number with commas: 11,904.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn the_counts_of_the_verdict_are_told() {
        let detail = samples::rejected_frame();
        let want = "3 of 3 probes disagree (99.2 % of 11,904 pixels), confirmed once";
        assert_eq!(last_rejection(&detail), Some(("mallory".to_owned(), want.to_owned())));
    }

    #[test]
    fn without_counts_the_managers_reason_is_told() {
        let mut detail = samples::rejected_frame();
        detail.receipts[0].verifications.clear();
        let want = "the frame is not what the scene defines";
        assert_eq!(last_rejection(&detail), Some(("mallory".to_owned(), want.to_owned())));
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(11_904), "11,904");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }
}
