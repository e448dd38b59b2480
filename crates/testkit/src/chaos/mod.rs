//! Faults injected into three real managers while users act, and a checker of what they then show.
//!
//! In the manner of Jepsen: every call is noted as invoked and as acknowledged, refused or unknown, and
//! after each fault every manager must show what was acknowledged, once, and nothing that was refused.

mod actors;
mod checker;
mod cuts;
mod faults;
mod film;
mod history;
mod knobs;
mod ledger;
mod machines;
mod managers;
mod report;
mod torn;
mod tries;
mod watch;
mod wires;

use crate::network_sim::dice::Dice;
use actors::Actors;
use anyhow::{Context, Result, ensure};
use candela_client::Client;
use candela_wire::api::limits::PAGE_MAX;
use candela_wire::api::{JobState, JobsQuery};
pub use checker::Violation;
use checker::{ShownJob, check, check_terms};
pub use faults::Fault;
use faults::{Made, Need, make};
use film::Film;
use history::History;
pub use history::{Act, Counts, Operation, Outcome};
pub use ledger::FilmCounts;
use managers::Managers;
pub use report::{Report, Round};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use watch::Watch;

/// How long users act before the first fault, and between two.
const CALM: Duration = Duration::from_millis(1_500);

/// The same where frames are rendered: nodes that lost their manager take some seconds to go on.
const CALM_OF_FILM: Duration = Duration::from_secs(4);

/// How long a manager may take to show all jobs.
const SHOW_MAX: Duration = Duration::from_secs(30);

/// What is done.
#[derive(Debug, Clone)]
pub struct Config {
    /// The program `candela`.
    pub program: PathBuf,
    /// The faults and what users do follow from it; not when they happen to the millisecond.
    pub seed: u64,
    /// Faults.
    pub rounds: usize,
    /// Which of them; those that can't be made here are left out.
    pub faults: Vec<Fault>,
    /// Whether a worker and a verifier render frames meanwhile.
    pub film: bool,
}

/// Runs it, and prints a line for each round.
///
/// # Errors
/// If managers can't be started, or don't come back after a fault: then with their logs.
pub async fn run(config: &Config) -> Result<Report> {
    // Before the managers are where they may not reach its source.
    crate::engine(&config.program.to_string_lossy())?;
    let mut managers = Managers::start(&config.program).await?;
    let done = rounds(config, &mut managers).await;
    done.with_context(|| managers.logs())
}

async fn rounds(config: &Config, managers: &mut Managers) -> Result<Report> {
    let mut run = Run::start(config, managers).await?;
    let (faults, left_out) = faults_here(config, run.managers);
    ensure!(!faults.is_empty(), "none of the faults can be made here: {left_out:?}");
    run.report.left_out = left_out;
    let mut deck = Vec::new();
    for number in 1..=config.rounds {
        let fault = draw(&mut deck, &faults, &mut run.dice);
        let done = run.round(number, fault).await;
        done.with_context(|| format!("round {number}, {}", fault.name()))?;
    }
    run.end().await
}

/// Everything that goes on meanwhile.
struct Run<'a> {
    managers: &'a mut Managers,
    history: Arc<History>,
    watch: Watch,
    actors: Actors,
    film: Option<Film>,
    dice: Dice,
    report: Report,
}

impl Run<'_> {
    async fn start<'a>(config: &Config, managers: &'a mut Managers) -> Result<Run<'a>> {
        managers.settle().await?;
        let history = Arc::new(History::new());
        let watch = Watch::start(&managers.clients, &history);
        let actors = Actors::start(config.seed, &managers.clients, &history);
        let film = match config.film {
            true => Some(Film::start(managers, config.seed, &history, &actors.gate)?),
            false => None,
        };
        let (dice, report) = (Dice::new(config.seed), Report::new(config.seed));
        Ok(Run { managers, history, watch, actors, film, dice, report })
    }

    /// One fault, and what is to be seen after it.
    async fn round(&mut self, number: usize, fault: Fault) -> Result<()> {
        tokio::time::sleep(if self.film.is_some() { CALM_OF_FILM } else { CALM }).await;
        let begun = Instant::now();
        let Made { failover, back, gap, mut violations, notes } =
            make(fault, self.managers, &mut self.dice).await?;
        let undone = Instant::now();
        self.managers.settle().await?;
        let settled = undone.elapsed();
        let (jobs, found) = self.look().await?;
        violations.extend(found);
        let terms = check_terms(&self.watch.sights());
        let known = std::mem::replace(&mut self.report.violations_of_terms, terms.len());
        violations.extend(terms.into_iter().skip(known));
        let took = begun.elapsed();
        let round =
            Round { number, fault, failover, back, gap, settled, took, jobs, violations, notes };
        println!("{}", round.text());
        self.report.add(round);
        Ok(())
    }

    /// How many jobs the managers show, and what must not be of what they show. Nobody asks anything
    /// meanwhile.
    async fn look(&mut self) -> Result<(usize, Vec<Violation>)> {
        let _alone = self.actors.gate.write().await;
        let history = self.history.all();
        let (mut most, mut found) = (0, Vec::new());
        for (place, client) in self.managers.clients.iter().enumerate() {
            let shown = shown(client).await;
            let shown = shown.with_context(|| format!("ask manager {}", place + 1))?;
            most = most.max(shown.len());
            found.extend(check(&history, place, &shown));
        }
        if let Some(film) = &mut self.film {
            found.extend(film.check(&self.managers.clients, false).await?);
        }
        Ok((most, found))
    }

    /// Waits for the frames that are left, and looks at all of them.
    async fn end(mut self) -> Result<Report> {
        let _alone = self.actors.gate.write().await;
        if let Some(film) = &mut self.film {
            let mut violations = film.finish(&self.managers.clients[0]).await;
            violations.extend(film.check(&self.managers.clients, true).await?);
            self.report.finish(film.counts(), violations);
        }
        self.report.counts = self.history.counts();
        let terms = self.watch.sights().into_iter().map(|sight| sight.term);
        self.report.terms = terms.max().unwrap_or(0);
        Ok(self.report)
    }
}

/// The faults that can be made here; why not, of the others.
fn faults_here(
    config: &Config,
    managers: &mut Managers,
) -> (Vec<Fault>, BTreeMap<&'static str, &'static str>) {
    let (disk, wires) = (managers.disk().is_some(), managers.wires().is_some());
    let knobs = managers.knobs().is_some();
    let can = |fault: &Fault| match fault.need() {
        Need::Nothing => true,
        Need::SmallDisk => disk,
        Need::Wires => wires,
        Need::Nodes => wires && config.film,
        Need::Knobs => knobs,
    };
    let (here, not): (Vec<Fault>, Vec<Fault>) = config.faults.iter().partition(|fault| can(fault));
    (here, not.iter().map(|fault| (fault.name(), fault.need().missing())).collect())
}

/// The next fault: each once in an order that follows from the seed, then again.
fn draw(deck: &mut Vec<Fault>, faults: &[Fault], dice: &mut Dice) -> Fault {
    loop {
        match deck.pop() {
            Some(fault) => return fault,
            None => {
                deck.extend(faults);
                dice.shuffle(deck);
            }
        }
    }
}

/// All jobs, as a manager shows them.
async fn shown(client: &Client) -> Result<Vec<ShownJob>> {
    let mut jobs = Vec::new();
    let mut query = JobsQuery { limit: Some(PAGE_MAX), ..JobsQuery::default() };
    loop {
        let page = tokio::time::timeout(SHOW_MAX, client.jobs(&query)).await??;
        jobs.extend(page.items.into_iter().map(|job| ShownJob {
            number: job.id,
            name: job.name,
            cancelled: job.status == JobState::Cancelled,
            submitted_at_ms: job.submitted_at_ms,
        }));
        match page.next {
            Some(next) => query.before = Some(next),
            None => return Ok(jobs),
        }
    }
}
