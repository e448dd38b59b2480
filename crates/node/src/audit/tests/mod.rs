//! Proofs that hold, and proofs in which one thing was forged: what is said of it.

mod studio;

use super::{Audit, CheckOptions, FindingKind, check, check_outputs};
use candela_core::id::{BlobHash, NodeId, VerificationId};
use candela_core::job::JobStatus;
use candela_core::task::{ReceiptStatus, VerificationKey};
use candela_core::time::Time;
use candela_core::verification::{Found, Outcome, Peer, Purpose, VerificationStatus};
use candela_wire::evidence;
use candela_wire::provenance::HEADER_BYTES;
use std::io::Cursor;
use studio::{Cast, Parts, Shot, hash, parts, signed};

/// Two checked frames, one for which they vouch, and one that was forged.
async fn sample(cast: &Cast) -> Parts {
    let shot = |frame, seed, checked| Shot { frame, seed, checked };
    parts(cast, &[shot(1, 0, true), shot(2, 0, true), shot(3, 0, false), shot(4, 5, true)]).await
}

fn audit(file: &[u8]) -> Audit {
    check(&mut Cursor::new(file), &CheckOptions::default()).unwrap()
}

#[tokio::test]
async fn what_was_made_by_the_rules_holds() {
    let cast = Cast::new();
    let mut parts = sample(&cast).await;
    let file = parts.sealed(&cast.manager);
    let whole = audit(&file);
    assert_eq!(whole.findings, []);
    let derived: Vec<_> = whole.receipts.iter().map(|line| line.derived).collect();
    let (accepted, rejected) = (Some("accepted"), Some("rejected"));
    assert_eq!(derived, [accepted, accepted, accepted, rejected]);
    assert_eq!(whole.receipts[2].vouched_by, [1, 2]);
    assert!(whole.receipts.iter().flat_map(|line| &line.verdicts).all(|v| v.from_pictures));
    assert_eq!(whole.frames_accepted(), 3);
    let claim = &whole.receipts[0].verdicts[1];
    assert_eq!((claim.purpose, claim.stored), ("claim", "accepted"));
    assert_eq!(claim.derived, Some("accepted"));
    parts.facts.pictures = false;
    let without = audit(&parts.sealed(&cast.manager));
    assert_eq!(without.findings, []);
    assert!(without.receipts.iter().flat_map(|line| &line.verdicts).all(|v| !v.from_pictures));
    let derived: Vec<_> = without.receipts.iter().map(|line| line.derived).collect();
    assert_eq!(derived, [accepted, accepted, accepted, rejected], "from the stated counts");
}

#[tokio::test]
async fn the_manager_that_is_asked_for() {
    let cast = Cast::new();
    let file = sample(&cast).await.sealed(&cast.manager);
    let by = |manager: NodeId| {
        check(&mut Cursor::new(&file), &CheckOptions { manager: Some(manager) }).unwrap()
    };
    assert!(by(cast.manager.node_id()).holds());
    let other = by(cast.worker.node_id());
    assert_eq!(other.findings.len(), 1);
    assert_eq!(other.findings[0].kind, FindingKind::Signature);
    assert!(other.findings[0].text.contains(&cast.worker.node_id().to_string()));
}

/// Each byte of the file but the pictures, each with one bit turned over, and cut there.
#[tokio::test]
async fn no_byte_can_be_changed() {
    let cast = Cast::new();
    // One frame: what is wrong is found at the same places in more.
    let mut parts = parts(&cast, &[Shot { frame: 1, seed: 0, checked: true }]).await;
    parts.facts.pictures = false;
    let mut file = parts.sealed(&cast.manager);
    for at in 0..file.len() {
        file[at] ^= 1 << (at % 8);
        let found = audit(&file).findings;
        let named = found.iter().any(|finding| {
            let holds = |[start, end]: [u64; 2]| (start..end).contains(&(at as u64));
            finding.bytes.is_some_and(holds)
        });
        assert!(named || at < HEADER_BYTES && !found.is_empty(), "byte {at}: {found:?}");
        file[at] ^= 1 << (at % 8);
        if at % 16 == 0 {
            assert!(!audit(&file[..at]).holds(), "cut at {at}");
        }
    }
    file.push(0);
    assert!(!audit(&file).holds(), "one byte more");
}

/// Places all over the pictures: the blob is named by its bytes, and so is the frame that needs it.
#[tokio::test]
async fn no_picture_can_be_changed() {
    let cast = Cast::new();
    let parts = sample(&cast).await;
    let mut file = parts.sealed(&cast.manager);
    let pictures: usize = parts.blobs.iter().map(|blob| blob.len()).sum();
    for at in (file.len() - pictures..file.len()).step_by(pictures / 60) {
        file[at] ^= 0x10;
        let found = audit(&file).findings;
        let holds = |[start, end]: [u64; 2]| (start..end).contains(&(at as u64));
        assert!(found.iter().any(|f| f.bytes.is_some_and(holds)), "byte {at}: {found:?}");
        assert!(found.iter().any(|f| f.frame.is_some()), "byte {at}: {found:?}");
        file[at] ^= 0x10;
    }
}

/// Forges one thing, has a manager sign it, and expects that something like it is said of a frame.
fn forged(
    sample: &Parts,
    frame: Option<i32>,
    kind: FindingKind,
    said: &str,
    forge: impl FnOnce(&mut Parts, &Cast),
) {
    let cast = Cast::new();
    let mut parts = sample.clone();
    forge(&mut parts, &cast);
    let audit = audit(&parts.sealed(&cast.manager));
    let fits = audit.findings.iter().any(|finding| {
        finding.frame == frame && finding.kind == kind && finding.text.contains(said)
    });
    assert!(fits, "{said:?} of frame {frame:?} is not among {:#?}", audit.findings);
}

#[tokio::test]
async fn verdicts_that_dont_follow() {
    let sample = sample(&Cast::new()).await;
    let check = |said: &str, forge: fn(&mut Parts, &Cast)| {
        forged(&sample, Some(1), FindingKind::Derivation, said, forge);
    };
    check("from its counts follows accepted", |p, _| p.verdict(0).outcome = Outcome::Rejected);
    check("the counts of probe 2", |p, _| {
        p.verdict(0).probes[1].counts.informative_agree -= 1;
    });
    check("don't lie where key and commitment", |p, _| p.verdict(0).probes[0].region.x0 += 1);
    check("don't lie where key and commitment", |p, _| p.verifications[0].first_probe = 1);
    check("don't lie where key and commitment", |p, _| p.tasks[0].key = VerificationKey([8; 32]));
    check("by key and commitment", |p, _| p.tasks[0].key = VerificationKey([8; 32]));
    check("probabilities", |p, _| p.verdict(0).accept_p *= 2.0);
    check("its reason", |p, _| p.verdict(0).reason.push('!'));
    check("noise floor", |p, _| p.verdict(0).floor.disagree_share = 0.5);
    check("noise floor", |p, _| p.verdict(0).floor.bad_probe_share = 0.1);
    check("asks for no probe at all", |p, _| p.verdict(0).probes_first = 0);
    check("the counts of probe 1", |p, _| p.verdict(0).probes[0].counts.unsteady = 1024);
    check("can find a frame wrong only", |p, _| p.verdict(0).found = Found::ByManager);
    check("no verdict that accepts it follows", |p, _| {
        p.verdict(0).outcome = Outcome::Rejected;
        p.verifications[0].purpose = Purpose::Claim;
    });
    check("were left out", |p, _| {
        let mut again = p.verifications[0].clone();
        again.id = VerificationId(900);
        if let VerificationStatus::Judged(verdict) = &mut again.status {
            verdict.judged_at = Time(10_000);
        }
        p.verifications.push(again);
    });
    check("how it compares", |p, _| {
        let mut again = p.verifications[0].clone();
        again.id = VerificationId(900);
        again.purpose = Purpose::Confirm;
        p.verifications.push(again);
        let counts = p.verdict(0).probes[0].counts;
        let peer = Peer { verification: VerificationId(900), same: false, counts };
        p.verdict(0).peers.push(peer);
    });
    // Of a claim, too.
    check("verification 203: the verdict is undecided", |p, _| {
        p.verdict(3).outcome = Outcome::Undecided;
    });
    check("verification 203: its probes don't lie", |p, _| p.verifications[3].first_probe = 1);
    // A frame that was forged can't be made an accepted one.
    forged(&sample, Some(4), FindingKind::Derivation, "no verdict that accepts it", |p, _| {
        p.receipts[3].status = ReceiptStatus::Accepted;
    });
    forged(
        &sample,
        Some(4),
        FindingKind::Derivation,
        "from its counts follows rejected",
        |p, _| {
            p.receipts[3].status = ReceiptStatus::Accepted;
            p.verdict(2).outcome = Outcome::Accepted;
        },
    );
}

#[tokio::test]
async fn signatures_that_arent() {
    let sample = sample(&Cast::new()).await;
    let check = |said: &str, forge: fn(&mut Parts, &Cast)| {
        forged(&sample, Some(1), FindingKind::Signature, said, forge);
    };
    check("of the worker ada", |p, _| p.receipts[0].statement.output = BlobHash([1; 32]));
    check("of the worker ada", |p, _| p.receipts[0].statement.layers = BlobHash([1; 32]));
    check("of the worker ada", |p, cast| p.sign(0, &cast.verifier));
    check("of the verifier vera", |p, _| p.verdict(0).report.as_mut().unwrap().took_ms += 1);
    check("of the verifier ada", |p, cast| p.verdict(0).verifier = cast.worker.node_id());
    check("no signed report", |p, _| p.verdict(0).report = None);
}

#[tokio::test]
async fn links_that_are_missing() {
    let sample = sample(&Cast::new()).await;
    let check = |frame: i32, said: &str, forge: fn(&mut Parts, &Cast)| {
        forged(&sample, Some(frame), FindingKind::Chain, said, forge);
    };
    check(1, "another scene", |p, cast| {
        p.receipts[0].statement.scene = BlobHash([1; 32]);
        p.sign(0, &cast.worker);
    });
    check(1, "another engine", |p, _| p.facts.job.submission.engine.0 = "blender-4.2.0".into());
    check(9, "no such frame", |p, cast| {
        p.receipts[0].statement.frame = 9;
        p.sign(0, &cast.worker);
    });
    check(1, "its task is not there", |p, _| p.tasks.clear());
    check(1, "not decided", |p, _| p.receipts[0].status = ReceiptStatus::Verifying);
    check(1, "several workers", |p, cast| p.receipts[1].node = cast.verifier.node_id());
    check(1, "belongs to the worker's owner", |p, cast| {
        p.owned_by(cast.verifier.node_id(), "ada's owner");
    });
    check(1, "nobody held its output", |p, _| {
        p.verdict(0).developed = false;
        p.verdict(3).developed = false;
    });
    check(3, "no checked frame of its lease vouches", |p, _| {
        p.receipts[0].status = ReceiptStatus::Withdrawn;
        p.receipts[1].status = ReceiptStatus::Withdrawn;
    });
    check(2, "the earlier verdict 200 is not there", |p, _| drop(p.verifications.remove(0)));
    check(2, "is counted twice", |p, _| {
        let earlier = p.verdict(1).with[0];
        p.verdict(1).with.push(earlier);
    });
    check(2, "can't be judged together", |p, _| p.verifications[0].purpose = Purpose::Confirm);
    check(1, "no tiles of the worker", |p, _| p.verdict(0).worker_tiles = None);
    check(1, "is not in the file", |p, _| drop(p.blobs.remove(0)));
    let all = |said: &str, forge: fn(&mut Parts, &Cast)| {
        forged(&sample, None, FindingKind::Chain, said, forge);
    };
    all("receipt 100 is there twice", |p, _| p.receipts.push(p.receipts[0].clone()));
    all("has no verdict", |p, _| p.verifications[0].status = VerificationStatus::Dropped);
    all("belongs to no receipt", |p, _| p.verifications[0].purpose = Purpose::Canary);
    all("not inspected", |p, _| p.facts.job.inspected = None);
    all("of another job", |p, _| p.tasks[0].job.0 = 2);
    // A frame that was drawn for a check can't go without.
    forged(&sample, Some(3), FindingKind::Derivation, "but it isn't checked", |p, _| {
        p.receipts[2].check.rate = 1.0;
    });
    forged(&sample, Some(3), FindingKind::Derivation, "is not allowed", |p, _| {
        p.receipts[2].check.rate = 0.0;
    });
}

#[tokio::test]
async fn frames_that_are_not_in_it() {
    let cast = Cast::new();
    let mut parts = sample(&cast).await;
    parts.facts.job.status = JobStatus::Completed;
    let audit = audit(&parts.sealed(&cast.manager));
    assert!(audit.holds());
    assert_eq!(audit.frames_missing, [4]);
    assert!(audit.notes.iter().any(|note| note.contains("no accepted result of frame 4")));
}

/// Pictures of something else, each in its place, with hashes and signatures in order.
#[tokio::test]
async fn other_pictures() {
    let sample = sample(&Cast::new()).await;
    // Evidence that the verifier itself signed, but of which other counts follow.
    forged(&sample, Some(1), FindingKind::Derivation, "the counts of probe 1", |p, cast| {
        let mut of = evidence::decode(&p.blobs[0]).unwrap();
        of.probes[0].replica.data.iter_mut().take(600).for_each(|value| *value += 1.0);
        let blob = evidence::encode(&of).unwrap();
        p.verdict(0).report = Some(signed(&cast.verifier, VerificationId(200), &blob));
        p.blobs[0] = blob.into();
    });
    forged(&sample, Some(1), FindingKind::Chain, "another verification task", |p, cast| {
        let blob = p.blobs[2].clone();
        p.verdict(0).report = Some(signed(&cast.verifier, VerificationId(200), &blob));
    });
    forged(&sample, Some(1), FindingKind::Chain, "can't be read", |p, cast| {
        p.verdict(0).report = Some(signed(&cast.verifier, VerificationId(200), b"evidence"));
        p.blobs[0] = b"evidence".to_vec().into();
    });
    // Tiles that the worker never committed to: its hash says so.
    let no_layers = "don't follow from the layers that it signed";
    for at in [9, 20_000, 50_000] {
        forged(&sample, Some(1), FindingKind::Derivation, no_layers, |p, _| {
            let mut excerpt = p.blobs[1].to_vec();
            excerpt[at] ^= 1;
            p.verdict(0).worker_tiles = Some(hash(&excerpt));
            p.blobs[1] = excerpt.into();
        });
    }
    forged(&sample, Some(1), FindingKind::Derivation, no_layers, |p, _| {
        let other = p.blobs[3].clone();
        p.verdict(0).worker_tiles = Some(hash(&other));
    });
}

#[tokio::test]
async fn outputs_in_a_folder() {
    let cast = Cast::new();
    let mut parts = sample(&cast).await;
    for (at, content) in [b"one", b"two", b"six"].iter().enumerate() {
        parts.receipts[at].statement.output = hash(*content);
        parts.sign(at, &cast.worker);
    }
    let file = parts.sealed(&cast.manager);
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content);
    let said = || {
        let mut audit = audit(&file);
        let there = check_outputs(&mut audit, folder.path()).unwrap();
        let frames: Vec<_> = audit.findings.iter().map(|finding| finding.frame).collect();
        (there, frames)
    };
    assert_eq!(said(), (0, vec![Some(1), Some(2), Some(3)]));
    put("studio-0001.png", b"one").unwrap();
    put("studio-0002.png", b"two").unwrap();
    put("studio-0003.png", b"sex").unwrap();
    assert_eq!(said(), (2, vec![Some(3)]));
    put("studio-0003.png", b"six").unwrap();
    put("notes-1.txt", b"something else").unwrap();
    assert_eq!(said(), (3, vec![]));
    put("studio-0004.png", b"of whom?").unwrap();
    assert_eq!(said(), (3, vec![Some(4)]), "a frame that was not accepted");
    std::fs::remove_file(folder.path().join("studio-0004.png")).unwrap();
    put("studio-0001.png", b"two").unwrap();
    put("studio-0002.png", b"one").unwrap();
    assert_eq!(said(), (3, vec![Some(1), Some(2)]));
}
