//! The whole flow in one process with real Blender: a scene becomes verified frames, and a cheat is found out.

mod common;

use candela_core::job::JobStatus;
use candela_core::node::Role;
use candela_core::task::ReceiptStatus;
use common::{Network, demo_scene, small, workspace};

#[tokio::test(flavor = "multi_thread")]
async fn a_scene_becomes_verified_frames_and_a_cheat_is_found_out() {
    let scene = demo_scene();
    let network = Network::start().await;
    let cheat = workspace().join("crates/cli/src/demo/half_samples.py");
    let honest = network.join("ada", Role::Worker, None).await;
    let mallory = network.join("mallory", Role::Worker, Some(&cheat)).await;
    let verifier = network.join("vera", Role::Verifier, None).await;
    let job = network.submit(&scene, "1-6", small()).await;
    assert_eq!(network.over(job).await, JobStatus::Completed);
    let mallory_id = mallory.node;
    let (accepted_of_cheat, rejected) = network
        .manager()
        .read(move |farm| {
            let of = |status| {
                move |r: &&candela_core::task::Receipt| r.node == mallory_id && r.status == status
            };
            let accepted = farm.receipts(job).filter(of(ReceiptStatus::Accepted)).count();
            (accepted, farm.receipts(job).filter(of(ReceiptStatus::Rejected)).count())
        })
        .await
        .unwrap();
    assert_eq!(accepted_of_cheat, 0);
    assert!(rejected > 0);
    for node in [honest, mallory, verifier] {
        node.shutdown().await;
    }
    network.end().await;
}
