//! `candela claim`: says that a frame is wrong, and shows what came of it.

use crate::api::asked;
use crate::args::{ApiArgs, App};
use crate::print;
use crate::report::Exit;
use crate::table::{Align, Table};
use crate::terminal::{Style, harmless};
use crate::units::span;
use anyhow::{Context, Result};
use candela_client::Client;
use candela_core::id::{ClaimId, JobId};
use candela_wire::api::{
    ClaimDetail, ClaimInfo, ClaimRequest, ClaimState, ClaimsQuery, Event, OutcomeName, PictureName,
    PurposeName, VerificationInfo, VerificationState,
};
use clap::{Args, Subcommand};
use futures_lite::StreamExt;
use std::path::{Path, PathBuf};

/// Say that a verified frame is wrong, and see what came of it.
#[derive(Debug, Subcommand)]
pub(crate) enum ClaimCommand {
    /// Claim that a verified frame is not what the scene defines.
    ///
    /// Verifiers that have not seen the frame render the whole of it again. If it is wrong, it is
    /// rendered anew and its worker pays. If it is right, the claim is dismissed and counts against
    /// you: only so many may be dismissed in a day.
    Make(MakeArgs),
    /// List claims, the newest first.
    List(ListArgs),
    /// Show a claim with the verdicts on the parts of its frame.
    Show(ShowArgs),
}

/// What is claimed.
#[derive(Debug, Args)]
pub(crate) struct MakeArgs {
    /// The job's number.
    job: JobId,
    /// The frame's number.
    #[arg(allow_negative_numbers = true)]
    frame: i32,
    /// What is wrong, for those who look at it later.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
    /// Wait until it is decided; exit code 1 if it is dismissed.
    #[arg(long)]
    watch: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Which claims.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only claims on frames of this job.
    job: Option<JobId>,
    /// Entries at most.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// One claim.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The claim's number.
    claim: u64,
    /// Also save pictures of the whole frame there, once it is decided: delivered, replica, difference.
    #[arg(long, value_name = "FOLDER")]
    pictures: Option<PathBuf>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Runs it.
pub(crate) async fn run(app: &App, command: ClaimCommand) -> Result<Exit> {
    match command {
        ClaimCommand::Make(args) => make(app, args).await,
        ClaimCommand::List(args) => list(app, args).await,
        ClaimCommand::Show(args) => show(app, args).await,
    }
}

async fn make(app: &App, args: MakeArgs) -> Result<Exit> {
    let client = app.client(&args.api)?;
    let user = std::env::var("USER").ok().filter(|user| !user.is_empty());
    let request = ClaimRequest { comment: args.comment, user };
    let made = asked(client.claim(args.job.0, args.frame, &request).await)?;
    let tiles = made.tiles;
    print::note(&format!("claim {}: all {tiles} tiles of the frame are rendered again", made.id));
    if !args.watch {
        if args.json {
            print::json(&made)?;
        } else {
            print::data(&format!("{}\n", made.id))?;
        }
        return Ok(Exit::Done);
    }
    let decided = tokio::select! {
        decided = follow(&client, &made) => decided?,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("can't listen for Ctrl-C")?;
            print::note(&format!(
                "\nclaim {} goes on without this program\n  candela claim show {}   shows it",
                made.id, made.id
            ));
            return Ok(Exit::Interrupted);
        }
    };
    if args.json {
        print::json(&decided)?;
    } else {
        print::data(&detail(&decided, app.out))?;
    }
    Ok(match decided.claim.status {
        ClaimState::Dismissed => Exit::NotDone,
        ClaimState::Open | ClaimState::Upheld | ClaimState::Undecided => Exit::Done,
    })
}

/// Tells how far a claim is until it is decided.
async fn follow(client: &Client, made: &ClaimInfo) -> Result<ClaimDetail> {
    let mut events = client.events(Some(made.job_id));
    let mut told = None;
    // The first event is a reset, so that nothing is missed that happened before.
    while let Some(event) = events.next().await {
        match event {
            Event::Reset | Event::Job(_) => {}
            Event::Frame(changed) if changed.frame.number == made.frame => {}
            _ => continue,
        }
        let now = asked(client.claim_detail(made.id).await)?;
        if now.claim.status != ClaimState::Open {
            return Ok(now);
        }
        if told != Some(now.claim.tiles_judged) {
            told = Some(now.claim.tiles_judged);
            print::note(&progress(&now.claim));
        }
    }
    anyhow::bail!("the manager tells no more of job {}", made.job_id)
}

fn progress(claim: &ClaimInfo) -> String {
    format!("claim {}: {} of {} tiles judged", claim.id, claim.tiles_judged, claim.tiles)
}

async fn list(app: &App, args: ListArgs) -> Result<Exit> {
    let client = app.client(&args.api)?;
    let mut claims = Vec::new();
    let mut query = ClaimsQuery { limit: Some(args.limit.min(1_000)), before: None };
    loop {
        let page = asked(client.claims(args.job.map(|job| job.0), &query).await)?;
        claims.extend(page.items);
        query.before = page.next;
        if query.before.is_none() || claims.len() >= args.limit {
            break;
        }
    }
    claims.truncate(args.limit);
    if args.json {
        print::json(&claims)?;
    } else {
        print::data(&claims_table(&claims).render(app.out))?;
    }
    Ok(Exit::Done)
}

async fn show(app: &App, args: ShowArgs) -> Result<Exit> {
    let client = app.client(&args.api)?;
    let claim = asked(client.claim_detail(args.claim).await)?;
    if let Some(folder) = &args.pictures {
        save_pictures(&client, ClaimId(args.claim), folder).await?;
    }
    if args.json {
        print::json(&claim)?;
    } else {
        print::data(&detail(&claim, app.out))?;
    }
    Ok(Exit::Done)
}

async fn save_pictures(client: &Client, claim: ClaimId, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("can't make the folder {}", folder.display()))?;
    for picture in PictureName::ALL {
        let path = folder.join(format!("claim-{claim}-{}.png", picture.word()));
        asked(client.download_claim_picture(claim.0, picture, &path).await)?;
        print::note(&format!("saved {}", path.display()));
    }
    Ok(())
}

fn claims_table(claims: &[ClaimInfo]) -> Table {
    let mut table = Table::new(&[
        ("claim", Align::Right),
        ("job", Align::Right),
        ("frame", Align::Right),
        ("state", Align::Left),
        ("judged", Align::Right),
        ("tiles", Align::Right),
        ("user", Align::Left),
        ("comment", Align::Left),
    ]);
    for claim in claims {
        table.row(vec![
            claim.id.to_string(),
            claim.job_id.to_string(),
            claim.frame.to_string(),
            claim.status.word().to_owned(),
            claim.tiles_judged.to_string(),
            claim.tiles.to_string(),
            claim.user.clone(),
            claim.comment.lines().next().unwrap_or_default().to_owned(),
        ]);
    }
    table
}

/// A claim in lines of `what  value`, then its parts.
fn detail(detail: &ClaimDetail, style: Style) -> String {
    let claim = &detail.claim;
    let mut lines = vec![
        ("claim", format!("{} on frame {} of job {}", claim.id, claim.frame, claim.job_id)),
        ("state", state(claim.status, style)),
        ("means", meaning(claim.status).to_owned()),
        ("worker", detail.worker.name.clone()),
        ("tiles", format!("{} of {} judged", claim.tiles_judged, claim.tiles)),
        ("by", claim.user.clone()),
    ];
    if !claim.comment.is_empty() {
        lines.push(("comment", claim.comment.replace(['\n', '\t'], " ")));
    }
    if let Some(reason) = &claim.reason {
        lines.push(("reason", reason.clone()));
    }
    if let Some(ended_at_ms) = claim.ended_at_ms {
        let seconds = ended_at_ms.saturating_sub(claim.made_at_ms) as f64 / 1_000.0;
        lines.push(("took", span(seconds)));
    }
    let mut text = String::new();
    for (what, value) in lines {
        let value = if what == "state" { value } else { harmless(&value) };
        text.push_str(&format!("{} {}\n", style.dim(&format!("{what:<10}")), value));
    }
    text.push('\n');
    text.push_str(&parts_table(&detail.verifications).render(style));
    text
}

fn parts_table(parts: &[VerificationInfo]) -> Table {
    let mut table = Table::new(&[
        ("part", Align::Right),
        ("opinion", Align::Left),
        ("tiles", Align::Right),
        ("verdict", Align::Left),
        ("verifier", Align::Left),
        ("agree", Align::Right),
        ("of", Align::Right),
        ("said", Align::Left),
    ]);
    for part in parts {
        let opinion = if part.purpose == PurposeName::Claim { "first" } else { "further" };
        let mut row = vec![part.id.to_string(), opinion.to_owned(), part.probes.to_string()];
        match &part.verdict {
            Some(verdict) => {
                let sum = |of: fn(&candela_wire::api::ProbeInfo) -> u64| -> u64 {
                    verdict.probes.iter().map(of).sum()
                };
                row.extend([
                    outcome(verdict.outcome).to_owned(),
                    verdict.verifier.name.clone(),
                    sum(|probe| probe.informative_agree + probe.direct_agree).to_string(),
                    sum(|probe| probe.informative + probe.direct).to_string(),
                    verdict.reason.clone(),
                ]);
            }
            None => row.push(waiting(part.status).to_owned()),
        }
        table.row(row);
    }
    table
}

fn outcome(outcome: OutcomeName) -> &'static str {
    match outcome {
        OutcomeName::Accepted => "right",
        OutcomeName::Rejected => "wrong",
        OutcomeName::Undecided => "undecided",
    }
}

fn waiting(state: VerificationState) -> &'static str {
    match state {
        VerificationState::Queued => "waits for a verifier",
        VerificationState::Leased => "being rendered",
        VerificationState::Judged => "judged",
        VerificationState::Dropped => "not needed",
    }
}

fn meaning(state: ClaimState) -> &'static str {
    match state {
        ClaimState::Open => "the whole frame is rendered again by verifiers",
        ClaimState::Upheld => "the frame was wrong: it is rendered again, and the worker pays",
        ClaimState::Dismissed => {
            "the frame is what the scene defines; the claim counts against you"
        }
        ClaimState::Undecided => {
            "it could not be found out: the frame is rendered again, nobody pays"
        }
    }
}

fn state(state: ClaimState, style: Style) -> String {
    match state {
        ClaimState::Open | ClaimState::Undecided => style.yellow(state.word()),
        ClaimState::Upheld => style.green(state.word()),
        ClaimState::Dismissed => style.red(state.word()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn claims_in_a_table() {
        let text = claims_table(&[samples::claim().claim]).render(Style::plain());
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_claim_with_its_parts() {
        insta::assert_snapshot!(detail(&samples::claim(), Style::plain()));
    }

    #[test]
    fn an_open_claim_tells_how_far_it_is() {
        let claim = ClaimInfo { status: ClaimState::Open, ..samples::claim().claim };
        assert_eq!(progress(&claim), "claim 12: 48 of 60 tiles judged");
    }
}
