//! Serves the page over a farm in memory, to be looked at:
//! `CANDELA_PREVIEW_S=600 cargo test -p candela-api -- --ignored preview --nocapture`.

use super::Site;
use crate::config::ApiConfig;
use crate::serve::run;
use candela_core::farm::Command;
use candela_core::id::JobId;
use candela_core::node::Role;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::verification::Outcome;
use std::time::Duration;
use tokio::net::TcpListener;

/// A picture of our own; each frame's differs in a byte that isn't shown.
fn picture(frame: usize) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/picture.png");
    let mut bytes = std::fs::read(path).unwrap();
    bytes.extend(frame.to_le_bytes());
    bytes
}

async fn stage(site: &Site) -> JobId {
    let fake = &site.fake;
    let old = site.submit("<img src=x onerror=alert(1)> & \"quotes\" in a name that goes on and on, longer than any row", "1-3").await;
    fake.join(8, "verifier one", Role::Verifier);
    fake.join(9, "verifier two", Role::Verifier);
    fake.join(7, "verifier three", Role::Verifier);
    fake.join(1, "quick-and-cheap", Role::Worker);
    fake.inspect(old);
    for frame in 0..3 {
        let (_, receipt) = fake.render(1, &picture(1_000 + frame), 2_150).await;
        fake.judge(receipt, Outcome::Accepted);
    }
    let refused = site.submit("python-driver", "1").await;
    let refusals = vec![
        Refusal::new(
            RefusalCode::RenderEngineNotCycles,
            "the scene is set to BLENDER_EEVEE_NEXT, which can't be verified",
        )
        .with_hint(
            "set the render engine to Cycles and check the picture, or submit with --force-cycles",
        ),
        Refusal::new(RefusalCode::FilesMissing, "files are missing: //textures/wood.png (image)")
            .with_hint("put them back, or submit with --allow-missing to render without them"),
    ];
    let text = String::new();
    fake.step(Command::InspectionFailed { job: refused, refusals, text }).unwrap();
    let job = site.submit("Lantern and glass, turntable", "1-24").await;
    fake.inspect(job);
    let (_, bad) = fake.render(1, &picture(2_000), 1_100).await;
    fake.judge(bad, Outcome::Rejected);
    fake.join(2, "workshop", Role::Worker);
    fake.join(3, "attic", Role::Worker);
    for frame in 0..9 {
        let n = 2 + u8::try_from(frame % 2).unwrap();
        let (_, receipt) = fake.render(n, &picture(frame), 41_000 + 900 * frame as u64).await;
        if frame < 8 {
            fake.judge(receipt, Outcome::Accepted);
        }
    }
    fake.tell_progress(2, 40, 64);
    fake.tell_progress(3, 12, 64);
    site.submit("next-shot", "1-250").await;
    job
}

#[tokio::test]
#[ignore = "serves until the time is over"]
async fn preview() {
    let Some(seconds) = std::env::var("CANDELA_PREVIEW_S").ok().and_then(|s| s.parse().ok()) else {
        return;
    };
    let site = Site::start_with(ApiConfig::default()).await;
    let job = stage(&site).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}/#/jobs/{job}", listener.local_addr().unwrap());
    let fake = site.fake.clone();
    let landing = tokio::spawn(async move {
        for frame in 100.. {
            tokio::time::sleep(Duration::from_secs(20)).await;
            let n = 2 + u8::try_from(frame % 2).unwrap();
            if !fake.held(n).is_empty() {
                let (_, receipt) = fake.render(n, &picture(frame), 40_000).await;
                tokio::time::sleep(Duration::from_secs(3)).await;
                fake.judge(receipt, Outcome::Accepted);
            }
        }
    });
    let over = tokio::time::sleep(Duration::from_secs(seconds));
    run(listener, site.app.clone(), site.ending.clone(), over).await.unwrap();
    landing.abort();
}
