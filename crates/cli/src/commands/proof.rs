//! `candela proof`: one file that shows how a job's frames came about, and its check, offline.

use crate::api::asked;
use crate::args::{ApiArgs, App};
use crate::print;
use crate::report::Exit;
use crate::table::{Align, Table};
use crate::terminal::{Style, harmless};
use anyhow::{Context, Result};
use candela_core::id::{JobId, NodeId};
use candela_node::audit::{Audit, CheckOptions, Finding, ReceiptAudit, check_file, check_outputs};
use clap::{Args, Subcommand};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Findings of one kind that are printed; `--json` has all.
const LINES_MAX: usize = 50;

/// Save the proof of a job's frames, or check one, offline.
#[derive(Debug, Subcommand)]
pub(crate) enum ProofCommand {
    /// Save the proof of what is decided of a job as one file.
    Export(ExportArgs),
    /// Check a proof, offline: signatures, hashes, and every verdict derived again.
    ///
    /// It needs neither the manager nor an engine. Exit code 0: all of it holds; 1: something
    /// doesn't, and what that is; 2: the file can't be read.
    Check(CheckArgs),
}

/// What is saved, and where.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The job's number.
    job: JobId,
    /// The file to write [default: job-JOB.candela-proof].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave out the pictures of probes: a small file, from which counts can't be made again.
    #[arg(long)]
    without_pictures: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// What is checked.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The file that `candela proof export` wrote.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Demand the signature of this manager; without it, it is printed whose it is.
    #[arg(long, value_name = "NODE")]
    manager: Option<NodeId>,
    /// Also hold the files of this folder against the accepted outputs.
    #[arg(long, value_name = "FOLDER")]
    outputs: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(crate) async fn run(app: &App, command: ProofCommand) -> Result<Exit> {
    match command {
        ProofCommand::Export(args) => export(app, args).await,
        ProofCommand::Check(args) => {
            let (audit, there) = tokio::task::spawn_blocking(move || audited(&args))
                .await
                .context("the check fell over")??;
            shown(app, &audit, there)
        }
    }
}

async fn export(app: &App, args: ExportArgs) -> Result<Exit> {
    let client = app.client(&args.api)?;
    let job = args.job;
    let file = args.output.unwrap_or_else(|| format!("job-{job}.candela-proof").into());
    let bytes = asked(client.download_proof(job.0, !args.without_pictures, &file).await)?;
    print::note(&format!(
        "{} ({bytes} bytes) is the proof of what is decided of job {job}; check it anywhere with `candela proof check`",
        file.display()
    ));
    Ok(Exit::Done)
}

/// How a check is shown.
struct Shown {
    json: bool,
    /// Whether a certain manager's signature was asked for.
    manager_named: bool,
    /// Outputs that were found in the folder.
    outputs: Option<usize>,
}

fn audited(args: &CheckArgs) -> Result<(Audit, Shown)> {
    let file = args.file.display();
    let options = CheckOptions { manager: args.manager };
    let mut audit =
        check_file(&args.file, &options).with_context(|| format!("can't read {file}"))?;
    let outputs = match &args.outputs {
        Some(folder) => {
            let there = check_outputs(&mut audit, folder);
            Some(there.with_context(|| format!("can't read the files of {}", folder.display()))?)
        }
        None => None,
    };
    Ok((audit, Shown { json: args.json, manager_named: args.manager.is_some(), outputs }))
}

fn shown(app: &App, audit: &Audit, how: Shown) -> Result<Exit> {
    if how.json {
        print::json(&serde_json::json!({ "holds": audit.holds(), "audit": audit }))?;
    } else {
        if !audit.receipts.is_empty() {
            print::data(&table(&audit.receipts).render(app.out))?;
        }
        print::data(&words(audit, &how, app.out))?;
    }
    Ok(if audit.holds() { Exit::Done } else { Exit::NotDone })
}

/// A line per receipt.
fn table(receipts: &[ReceiptAudit]) -> Table {
    let mut table = Table::new(&[
        ("frame", Align::Right),
        ("worker", Align::Left),
        ("verifiers", Align::Left),
        ("probes", Align::Right),
        ("agree", Align::Right),
        ("of", Align::Right),
        ("stated", Align::Left),
        ("derived", Align::Left),
        ("signatures", Align::Left),
        ("check", Align::Left),
    ]);
    for receipt in receipts {
        let verdicts = &receipt.verdicts;
        let sum = |of: fn(&candela_node::audit::VerdictAudit) -> u64| {
            verdicts.iter().map(of).sum::<u64>().to_string()
        };
        let verifiers: BTreeSet<&str> = verdicts.iter().map(|v| v.verifier.as_str()).collect();
        let held = verdicts.iter().filter(|verdict| verdict.signature_holds).count()
            + usize::from(receipt.signature_holds);
        table.row(vec![
            receipt.frame.to_string(),
            receipt.worker.clone(),
            verifiers.into_iter().collect::<Vec<_>>().join(", "),
            sum(|verdict| verdict.probes as u64),
            sum(|verdict| verdict.agree_px),
            sum(|verdict| verdict.judged_px),
            receipt.stored.to_owned(),
            receipt.derived.unwrap_or("-").to_owned(),
            format!("{held} of {}", verdicts.len() + 1),
            how_checked(receipt),
        ]);
    }
    table
}

fn how_checked(receipt: &ReceiptAudit) -> String {
    if receipt.checked {
        return "own probes".to_owned();
    }
    let draw = format!("draw {:.3} above rate {:.3}", receipt.draw, receipt.rate);
    let by: Vec<String> = receipt.vouched_by.iter().map(ToString::to_string).collect();
    match by.is_empty() {
        true => draw,
        false => format!("{draw}; frame {} vouches", by.join(", ")),
    }
}

/// What a person reads below the table.
fn words(audit: &Audit, how: &Shown, style: Style) -> String {
    let mut lines = Vec::new();
    if let Some(job) = &audit.job {
        lines.push(harmless(&format!(
            "job {} {} ({}), scene {}, engine {}, written by {}",
            job.id, job.name, job.status, job.scene, job.engine, job.program
        )));
    }
    if !audit.manager.is_empty() {
        let hint = "; whether that is the manager you trust, you must know (--manager)";
        let hint = if how.manager_named { "" } else { hint };
        lines.push(format!("signed by {}{hint}", audit.manager));
    }
    let notes = audit.notes.iter().take(LINES_MAX).map(|note| harmless(&format!("note: {note}")));
    lines.extend(notes);
    lines.extend(more(audit.notes.len(), "notes"));
    let findings = audit.findings.iter().take(LINES_MAX).map(|f| finding(f, style));
    lines.extend(findings);
    lines.extend(more(audit.findings.len(), "findings"));
    lines.push(summary(audit, how, style));
    lines.join("\n") + "\n"
}

fn more(all: usize, what: &str) -> Option<String> {
    (all > LINES_MAX).then(|| format!("… and {} more {what}; --json has all", all - LINES_MAX))
}

fn finding(finding: &Finding, style: Style) -> String {
    let mut place = Vec::new();
    place.extend(finding.frame.map(|frame| format!("frame {frame}")));
    place.extend(finding.bytes.map(|[start, end]| format!("bytes {start} to {end}")));
    let place = if place.is_empty() { String::new() } else { format!("{}: ", place.join(", ")) };
    let kind = style.red(&format!("{}:", finding.kind.word()));
    format!("{kind} {place}{}", harmless(&finding.text))
}

fn summary(audit: &Audit, how: &Shown, style: Style) -> String {
    if !audit.holds() {
        let count = audit.findings.len();
        let things = if count == 1 { "thing doesn't" } else { "things don't" };
        return style.red(&format!("This proof does not hold: {count} {things}."));
    }
    let verdicts = || audit.receipts.iter().flat_map(|receipt| &receipt.verdicts);
    let (all, again) = (verdicts().count(), verdicts().filter(|v| v.from_pictures).count());
    let frames = audit.job.as_ref().map_or(0, |job| job.frames);
    let mut text = format!(
        "This proof holds: {} of {frames} frames are accepted, {again} of {all} verdicts were derived again from their pictures.",
        audit.frames_accepted()
    );
    if audit.job.as_ref().is_some_and(|job| !job.pictures) {
        text.push_str(
            " The pictures were left out: the counts of the others are the manager's word.",
        );
    }
    if let Some(outputs) = how.outputs {
        text.push_str(&format!(" {outputs} outputs are the accepted ones."));
    }
    style.green(&text)
}
