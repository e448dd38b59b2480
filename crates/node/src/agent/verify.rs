//! A verification task on its verifier: render the probes blind, twice with different seeds, and report.

use super::render::{WorkError, say, scene_folder, unix_s};
use super::{Outcome, Shared};
use crate::engines::{OpenScene, WarmEngine};
use candela_core::layers::{Pixels, Region};
use candela_core::scene::SceneFacts;
use candela_core::verification::{ADAPTIVE_MARGIN_PX, CONTROL_SEED};
use candela_engine::EngineError;
use candela_engine::layers::LayersReader;
use candela_engine::{RenderRequest, RenderedLayers};
use candela_wire::evidence::{self, Evidence, ProbeEvidence};
use candela_wire::session::{Report, ToManagerBody, VerificationOffer, report_bytes};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Works on a verification task until it is done, it fails, or it is taken back.
pub(super) async fn verification(
    shared: Arc<Shared>,
    offer: VerificationOffer,
    cancel: CancellationToken,
) {
    let verification = offer.verification;
    tokio::select! {
        () = cancel.cancelled() => {}
        () = work(&shared, &offer) => {}
    }
    // The loop is gone only if the node is ending.
    shared.results.send(Outcome::VerificationOver(verification)).await.ok();
}

async fn work(shared: &Shared, offer: &VerificationOffer) {
    let Ok(_slot) = shared.verifying.acquire().await else { return };
    let body = match report(shared, offer).await {
        Ok(body) => body,
        Err(error) => {
            tracing::warn!(verification_id = %offer.verification, "a verification failed: {error}");
            let (verification, reason) = (offer.verification, error.to_string());
            ToManagerBody::VerificationFailed { verification, reason }
        }
    };
    say(shared, body).await;
}

async fn report(shared: &Shared, offer: &VerificationOffer) -> Result<ToManagerBody, WorkError> {
    let started = Instant::now();
    let folder = scene_folder(shared, offer.scene).await?;
    let (probes, rendered_px) = pictures(shared, offer, &folder).await?;
    let evidence = Evidence {
        verification: offer.verification,
        frame: offer.frame,
        engine: offer.engine.clone(),
        device: shared.device(),
        probes,
    };
    let bytes = evidence::encode(&evidence).map_err(|refusal| EngineError::Protocol {
        step: "render",
        problem: refusal.to_string(),
    })?;
    let pin = format!("evidence/{}/{}", unix_s(), offer.verification);
    let added = shared.blobs.add_bytes(bytes, &pin).await?;
    shared.blobs.sync().await?;
    let report = Report {
        verification: offer.verification,
        evidence: added.hash,
        evidence_bytes: added.bytes,
        rendered_px,
        took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    let signature = shared.key.sign(&report_bytes(&report));
    tracing::info!(verification_id = %offer.verification, took_ms = report.took_ms, "reported");
    Ok(ToManagerBody::Report { report, signature })
}

/// Replica and control of each probe, and the pixels that were rendered for them.
async fn pictures(
    shared: &Shared,
    offer: &VerificationOffer,
    folder: &Path,
) -> Result<(Vec<ProbeEvidence>, u64), WorkError> {
    let open = OpenScene {
        scene: offer.scene,
        main_file: offer.main_file.clone(),
        name: offer.settings.scene.clone(),
    };
    let mut warm = shared.engines.take(open.clone(), folder).await?;
    let mut rendered_px = 0;
    let replicas = batch(&mut warm, offer, 0, &mut rendered_px).await?;
    let controls = batch(&mut warm, offer, CONTROL_SEED, &mut rendered_px).await?;
    let seconds = if offer.second_replica {
        // What differs between two honest renders may differ only between two processes.
        let mut other = shared.engines.fresh(open, folder).await?;
        let seconds = batch(&mut other, offer, 0, &mut rendered_px).await?;
        other.engine.quit().await;
        seconds.into_iter().map(Some).collect()
    } else {
        vec![None; replicas.len()]
    };
    shared.engines.give(warm).await;
    let pictures = replicas.into_iter().zip(controls).zip(seconds);
    let probes = offer.probes.iter().zip(pictures);
    let probes = probes.map(|(region, ((replica, control), second))| ProbeEvidence {
        region: *region,
        replica,
        control,
        second,
    });
    Ok((probes.collect(), rendered_px))
}

/// All probes with one seed.
async fn batch(
    warm: &mut WarmEngine,
    offer: &VerificationOffer,
    seed_offset: i32,
    rendered_px: &mut u64,
) -> Result<Vec<Pixels>, EngineError> {
    if warm.facts.path_guiding {
        return whole_frame(warm, offer, seed_offset, rendered_px).await;
    }
    let mut pictures = Vec::new();
    for probe in &offer.probes {
        let region = with_margin(&warm.facts, *probe, offer);
        *rendered_px += region.size().pixels();
        let request = request(offer, Some(region), seed_offset);
        let rendered = warm.engine.render(&request, |_| {}).await?;
        let RenderedLayers::Pixels(pixels) = rendered.layers else {
            return Err(protocol("a region came back as a file"));
        };
        let cut = pixels.cut(region, *probe);
        pictures.push(cut.ok_or_else(|| protocol("a region came back in another size"))?);
    }
    Ok(pictures)
}

/// With path guiding a region is not what the frame is: all of it is rendered, and the probes cut out.
async fn whole_frame(
    warm: &mut WarmEngine,
    offer: &VerificationOffer,
    seed_offset: i32,
    rendered_px: &mut u64,
) -> Result<Vec<Pixels>, EngineError> {
    *rendered_px += offer.settings.size.pixels();
    let rendered = warm.engine.render(&request(offer, None, seed_offset), |_| {}).await?;
    let RenderedLayers::File { path, .. } = rendered.layers else {
        return Err(protocol("a whole frame came back as pixels"));
    };
    let mut reader = LayersReader::open(&path)?;
    let pictures: Result<Vec<Pixels>, _> =
        offer.probes.iter().map(|probe| reader.region(*probe)).collect();
    // It has served.
    tokio::fs::remove_file(&path).await.ok();
    Ok(pictures?)
}

fn with_margin(facts: &SceneFacts, probe: Region, offer: &VerificationOffer) -> Region {
    let margin_px = if facts.adaptive_sampling { ADAPTIVE_MARGIN_PX } else { 0 };
    probe.grown(margin_px, offer.settings.size)
}

fn request(offer: &VerificationOffer, region: Option<Region>, seed_offset: i32) -> RenderRequest {
    let settings = offer.settings.clone();
    RenderRequest { frame: offer.frame, region, seed_offset, settings, output: false }
}

fn protocol(problem: &str) -> EngineError {
    EngineError::Protocol { step: "render", problem: problem.to_owned() }
}
