//! What the managers have shown of frames and receipts, and whether they show it still: a pure part.

use super::checker::Violation;
use candela_wire::api::{FrameState, ReceiptState};
use std::collections::{BTreeMap, BTreeSet};

/// A job and a frame of it.
pub(crate) type FrameKey = (u64, i32);

/// A frame, as a manager shows it in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShownFrame {
    pub(crate) key: FrameKey,
    pub(crate) state: FrameState,
    /// Its last receipt; of an accepted frame, the accepted one.
    pub(crate) receipt: Option<u64>,
}

/// A receipt, as a manager shows it with its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownReceipt {
    pub(crate) id: u64,
    pub(crate) state: ReceiptState,
    pub(crate) output: Option<String>,
    /// Whether it was accepted once and then opened again.
    pub(crate) reopened: bool,
    /// Its verdicts by the numbers of their verification tasks: outcome and hash of the evidence.
    pub(crate) verdicts: BTreeMap<u64, String>,
}

/// How much was shown of the film.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FilmCounts {
    /// Frames that were accepted.
    pub frames: usize,
    /// Receipts.
    pub receipts: usize,
    /// Verdicts on receipts of accepted frames.
    pub verdicts: usize,
}

/// Everything that any manager has ever shown.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    accepted: BTreeMap<FrameKey, u64>,
    receipts: BTreeMap<FrameKey, BTreeSet<u64>>,
    outputs: BTreeMap<u64, String>,
    verdicts: BTreeMap<u64, BTreeMap<u64, String>>,
    /// Accepted frames whose receipts were looked at since.
    looked_at: BTreeSet<FrameKey>,
}

fn violation(key: FrameKey, what: &str) -> Violation {
    Violation::new(format!("frame {} of job {}: {what}", key.1, key.0))
}

impl Ledger {
    /// How many there were.
    pub(crate) fn counts(&self) -> FilmCounts {
        FilmCounts {
            frames: self.accepted.len(),
            receipts: self.receipts.values().map(BTreeSet::len).sum(),
            verdicts: self.verdicts.values().map(BTreeMap::len).sum(),
        }
    }

    /// Whether a frame was ever accepted.
    pub(crate) fn is_accepted(&self, key: FrameKey) -> bool {
        self.accepted.contains_key(&key)
    }

    /// Accepted frames whose receipts have to be looked at yet; all of them if that is wanted.
    pub(crate) fn to_look_at(&self, all: bool) -> Vec<FrameKey> {
        let wanted = |key: &&FrameKey| all || !self.looked_at.contains(*key);
        self.accepted.keys().filter(wanted).copied().collect()
    }

    /// Notes what a manager shows, which may lag.
    pub(crate) fn note(&mut self, frame: ShownFrame) -> Option<Violation> {
        let receipt = frame.receipt?;
        self.receipts.entry(frame.key).or_default().insert(receipt);
        if frame.state != FrameState::Accepted {
            return None;
        }
        let first = *self.accepted.entry(frame.key).or_insert(receipt);
        let what = format!("accepted with receipt {first}, and with {receipt}");
        (first != receipt).then(|| violation(frame.key, &what))
    }

    /// Checks what a manager shows when everybody carries out writes, and notes it.
    pub(crate) fn check(&mut self, place: usize, frame: ShownFrame) -> Vec<Violation> {
        let mut found: Vec<Violation> = self.note(frame).into_iter().collect();
        let before = self.accepted.contains_key(&frame.key);
        let say = |what: &str| violation(frame.key, &format!("manager {}: {what}", place + 1));
        match frame.state {
            FrameState::Accepted if frame.receipt.is_none() => found.push(say("has no receipt")),
            FrameState::Accepted => {}
            FrameState::Failed => found.push(say("was given up")),
            state if before => found.push(say(&format!("was accepted and is {}", state.word()))),
            _ => {}
        }
        found
    }

    /// Checks the receipts of an accepted frame, as a manager shows them.
    pub(crate) fn check_receipts(
        &mut self,
        place: usize,
        key: FrameKey,
        shown: &[ShownReceipt],
    ) -> Vec<Violation> {
        self.looked_at.insert(key);
        let mut found = Vec::new();
        let mut say = |what: String| {
            found.push(violation(key, &format!("manager {}: {what}", place + 1)));
        };
        let of = |state| shown.iter().filter(move |r| r.state == state).map(|r| r.id);
        let accepted: Vec<u64> = of(ReceiptState::Accepted).collect();
        if self.accepted.get(&key).is_some_and(|receipt| accepted != [*receipt]) {
            say(format!("was accepted with {:?} and is with {accepted:?}", self.accepted[&key]));
        }
        // All nodes are honest.
        for id in of(ReceiptState::Rejected) {
            say(format!("receipt {id} was rejected"));
        }
        for receipt in shown.iter().filter(|receipt| receipt.reopened) {
            say(format!("receipt {} was opened again", receipt.id));
        }
        for id in self.receipts.get(&key).into_iter().flatten() {
            if !shown.iter().any(|receipt| receipt.id == *id) {
                say(format!("receipt {id} was there and is not"));
            }
        }
        for receipt in shown.iter().filter(|receipt| receipt.state == ReceiptState::Accepted) {
            let Some(output) = &receipt.output else {
                say(format!("receipt {} has no output", receipt.id));
                continue;
            };
            let first = self.outputs.entry(receipt.id).or_insert_with(|| output.clone());
            if first != output {
                say(format!("receipt {} has another output", receipt.id));
            }
        }
        for receipt in shown {
            let known = self.verdicts.entry(receipt.id).or_default();
            for (id, verdict) in known.iter() {
                match receipt.verdicts.get(id) {
                    Some(now) if now == verdict => {}
                    Some(now) => say(format!("verdict {id} was {verdict} and is {now}")),
                    None => say(format!("verdict {id} was there and is not")),
                }
            }
            known.extend(receipt.verdicts.clone());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: FrameKey = (3, 12);

    fn frame(state: FrameState, receipt: Option<u64>) -> ShownFrame {
        ShownFrame { key: KEY, state, receipt }
    }

    fn whats(found: Vec<Violation>) -> Vec<String> {
        found.into_iter().map(|violation| violation.what).collect()
    }

    #[test]
    fn an_accepted_frame_stays_so_with_its_receipt() {
        let mut ledger = Ledger::default();
        let mut check = |state, receipt, want: &[&str]| {
            assert_eq!(whats(ledger.check(1, frame(state, receipt))), want);
        };
        check(FrameState::Waiting, None, &[]);
        check(FrameState::Verifying, Some(7), &[]);
        check(FrameState::Waiting, None, &[]);
        check(FrameState::Accepted, Some(8), &[]);
        check(FrameState::Accepted, Some(8), &[]);
        let other = "frame 12 of job 3: accepted with receipt 8, and with 9";
        check(FrameState::Accepted, Some(9), &[other]);
        let not = "frame 12 of job 3: manager 2: was accepted and is verifying";
        check(FrameState::Verifying, Some(8), &[not]);
        check(FrameState::Failed, None, &["frame 12 of job 3: manager 2: was given up"]);
        assert_eq!(ledger.counts(), FilmCounts { frames: 1, receipts: 3, verdicts: 0 });
    }

    #[test]
    fn receipts_and_outputs_stay() {
        let receipt = |id, state, output: Option<&str>| ShownReceipt {
            id,
            state,
            output: output.map(str::to_owned),
            reopened: false,
            verdicts: BTreeMap::new(),
        };
        let accepted = |id, output| receipt(id, ReceiptState::Accepted, Some(output));
        let old = || receipt(7, ReceiptState::Withdrawn, None);
        let mut ledger = Ledger::default();
        ledger.note(frame(FrameState::Verifying, Some(7)));
        ledger.note(frame(FrameState::Accepted, Some(8)));
        assert_eq!(ledger.to_look_at(false), [KEY]);
        let mut check = |shown: &[ShownReceipt], want: &[&str]| {
            let want: Vec<String> =
                want.iter().map(|what| format!("frame 12 of job 3: manager 1: {what}")).collect();
            assert_eq!(whats(ledger.check_receipts(0, KEY, shown)), want);
        };
        check(&[old(), accepted(8, "a")], &[]);
        check(&[old(), accepted(8, "b")], &["receipt 8 has another output"]);
        check(&[accepted(8, "a")], &["receipt 7 was there and is not"]);
        let twice = "was accepted with 8 and is with [8, 9]";
        check(&[old(), accepted(8, "a"), accepted(9, "a")], &[twice]);
        let rejected = receipt(9, ReceiptState::Rejected, None);
        check(&[old(), accepted(8, "a"), rejected], &["receipt 9 was rejected"]);
        let reopened = ShownReceipt { reopened: true, ..old() };
        check(&[reopened, accepted(8, "a")], &["receipt 7 was opened again"]);
        let judged = |verdict: &str| {
            let verdicts = [(40, verdict.to_owned())].into();
            [old(), ShownReceipt { verdicts, ..accepted(8, "a") }]
        };
        check(&judged("accepted"), &[]);
        check(&judged("accepted"), &[]);
        check(&judged("undecided"), &["verdict 40 was accepted and is undecided"]);
        check(&[old(), accepted(8, "a")], &["verdict 40 was there and is not"]);
        assert!(ledger.to_look_at(false).is_empty());
    }
}
