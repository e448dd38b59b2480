//! A bad result claim in one process with real Blender: the whole frame is verified, the verdict says who
//! pays, and what was kept of it can be seen.

mod common;

use candela_core::claim::ClaimStatus;
use candela_core::farm::{Command, Farm, Reply};
use candela_core::id::{ClaimId, JobId};
use candela_core::job::{FrameStatus, JobStatus};
use candela_core::node::Role;
use candela_core::verification::Purpose;
use candela_node::manager::FarmEvent;
use candela_node::pictures::{Canvas, Kept, compared};
use candela_wire::api::PictureName;
use common::{Network, demo_scene, small};

/// Says that frame 1 is wrong, and waits until it is decided.
async fn claim(network: &Network, job: JobId) -> ClaimId {
    let mut events = network.manager().watch();
    let (user, comment) = ("ada".to_owned(), "the lamp is missing".to_owned());
    let command = Command::Claim { job, frame: 1, user, comment };
    let Reply::Claim(id) = network.manager().apply(command).await.unwrap() else {
        panic!("no claim")
    };
    let open = move |farm: &Farm| farm.claim_of(id).unwrap().status == ClaimStatus::Open;
    while network.manager().read(open).await.unwrap() {
        while !matches!(events.recv().await, Ok(FarmEvent::Job(of)) if of == job) {}
    }
    id
}

/// What is kept of the parts of a claim.
fn kept(farm: &Farm, claim: ClaimId) -> Vec<Kept> {
    let claim = farm.claim_of(claim).unwrap();
    let statement = &farm.receipt_of(claim.receipt).unwrap().statement;
    let size = farm.job(claim.job).unwrap().inspected.as_ref().unwrap().settings.size;
    let parts = farm.verifications(claim.receipt).filter(|task| task.purpose == Purpose::Claim);
    let verdicts = parts.filter_map(|task| task.verdict());
    verdicts
        .map(|verdict| Kept {
            layers: statement.layers,
            layers_bytes: statement.layers_bytes,
            size,
            evidence: verdict.evidence().unwrap(),
            worker_tiles: verdict.worker_tiles,
        })
        .collect()
}

/// Red pixels of the picture of the difference.
async fn red_pixels(network: &Network, claim: ClaimId) -> usize {
    let parts = network.manager().read(move |farm| kept(farm, claim)).await.unwrap();
    let blobs = network.manager().blobs();
    let mut canvas = Canvas::new(parts[0].size);
    for part in &parts {
        let evidence = blobs.read(part.evidence, 64 << 20).await.unwrap();
        let tiles = blobs.read(part.worker_tiles.unwrap(), 64 << 20).await.unwrap();
        for one in compared(part, &evidence, Some(&tiles)).unwrap() {
            canvas.add(&one, PictureName::Difference).unwrap();
        }
    }
    let picture = image::load_from_memory(&canvas.png().unwrap()).unwrap().to_rgba8();
    assert!(picture.pixels().all(|pixel| pixel.0[3] == 255), "every tile was looked at");
    picture.pixels().filter(|pixel| pixel.0[0] >= 170 && pixel.0[1] < 100).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_frame_stays_and_its_claim_is_dismissed() {
    let network = Network::start().await;
    let worker = network.join("wanda", Role::Worker, None).await;
    let verifiers = [
        network.join("vera", Role::Verifier, None).await,
        network.join("victor", Role::Verifier, None).await,
    ];
    let job = network.submit(&demo_scene(), "1", small()).await;
    assert_eq!(network.over(job).await, JobStatus::Completed);
    let id = claim(&network, job).await;
    let (status, frame) = network
        .manager()
        .read(move |farm| {
            (farm.claim_of(id).unwrap().status.clone(), farm.frame(job, 1).unwrap().status.clone())
        })
        .await
        .unwrap();
    assert!(matches!(status, ClaimStatus::Dismissed(_)), "{status:?}");
    assert!(matches!(frame, FrameStatus::Accepted(_)), "{frame:?}");
    assert_eq!(red_pixels(&network, id).await, 0);
    worker.shutdown().await;
    for verifier in verifiers {
        verifier.shutdown().await;
    }
    network.end().await;
}
