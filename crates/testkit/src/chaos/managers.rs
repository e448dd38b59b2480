//! The three managers as processes: killed, stopped, let go on, started again.

use super::checker::Violation;
use super::knobs::Knobs;
use super::wires::Wires;
use crate::{Network, Role, Site, SmallDisk, Started};
use anyhow::{Context, Result, bail, ensure};
use candela_client::Client;
use candela_wire::api::{RoleName, TicketRequest};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Managers of the network.
pub(crate) const MANAGERS: usize = 3;

/// Place of the manager whose disk may be full.
pub(crate) const ON_SMALL_DISK: usize = 2;

/// Ends of the wires: the managers, by their places, the workers and the verifiers.
const ENDS: u8 = 5;

/// The end at which workers are.
pub(crate) const WORKERS_END: usize = MANAGERS;

/// The end at which verifiers are.
pub(crate) const VERIFIERS_END: usize = MANAGERS + 1;

/// Bytes of that disk: what a manager keeps free, its log, and room to work.
const DISK_BYTES: u64 = 1 << 30;

/// How long a call of the tool's own may take.
pub(crate) const CALL_MAX: Duration = Duration::from_secs(3);

/// How long the managers may take to agree once all of them run.
const SETTLE_MAX: Duration = Duration::from_secs(90);

/// How often it is tried to start one.
const START_ATTEMPTS: usize = 3;

/// Lines shown of what a manager said.
const SAID_LINES: usize = 8;

/// A ticket as the tool asks for: only whether it is made counts.
pub(crate) fn ticket_request(manager: bool) -> TicketRequest {
    let roles = if manager { vec![] } else { vec![RoleName::Worker] };
    TicketRequest { roles, owner: None, expires_s: None, manager }
}

struct Place {
    name: String,
    site: Site,
    api: String,
    process: Option<Started>,
    stopped: bool,
}

/// Three managers of one network.
pub(crate) struct Managers {
    places: Vec<Place>,
    ticket: String,
    /// Clients, one per place; good as long as the addresses are, which is always.
    pub(crate) clients: Vec<Client>,
    disk: Option<SmallDisk>,
    // Behind the processes, which have to be gone before their folder and their wires.
    network: Network,
    wires: Option<Wires>,
    knobs: Option<Knobs>,
}

fn api_of(manager: &Started) -> String {
    manager.ready["api"].as_str().unwrap_or_default().trim_start_matches("http://").to_owned()
}

/// A client; a manager that is reached from elsewhere says which token it wants.
fn client_of(manager: &Started) -> Result<Client> {
    let token = manager.ready["token"].as_str().map(str::to_owned);
    Ok(Client::new(&format!("http://{}", api_of(manager)), token)?)
}

impl Managers {
    /// Starts three of them, on wires that can be cut and one on a small disk where this user can make
    /// those.
    pub(crate) async fn start(program: &Path) -> Result<Managers> {
        let (wires, folder) = (Wires::make(ENDS)?, tempfile::tempdir()?);
        let knobs = Knobs::make(folder.path(), MANAGERS)?;
        let site = |at: usize| {
            let mut site = wires.as_ref().map_or_else(Site::default, |wires| wires.site(at));
            site.through.extend(knobs.iter().flat_map(|knobs| knobs.through(at)));
            site
        };
        let mut network = Network::start_at(program, folder, site(0))?;
        let first = network.manager.take().context("no manager")?;
        let mut clients = vec![client_of(&first)?];
        let ticket = clients[0].ticket(&ticket_request(true)).await?.ticket;
        let disk = SmallDisk::mount(Path::new(&network.path("manager-3")), DISK_BYTES)?;
        let mut places = Vec::new();
        let mut add = |name: &str, site: Site, process: Started| {
            let (name, api) = (name.to_owned(), api_of(&process));
            places.push(Place { name, site, api, process: Some(process), stopped: false });
        };
        add("manager", site(0), first);
        for (at, name) in [(1, "manager-2"), (2, "manager-3")] {
            let further = network.further_manager_at(&site(at), name, None, &ticket)?;
            clients.push(client_of(&further)?);
            add(name, site(at), further);
        }
        let knobs = knobs.filter(|knobs| (0..MANAGERS).all(|at| knobs.are_loaded(at)));
        Ok(Managers { places, ticket, clients, disk, network, wires, knobs })
    }

    /// The wires between them; none where they can't be cut.
    pub(crate) fn wires(&mut self) -> Option<&mut Wires> {
        self.wires.as_mut()
    }

    /// Starts a node at one end of the wires.
    pub(crate) fn node(&self, end: usize, name: &str, role: Role) -> Result<Started> {
        let site = self.wires.as_ref().map_or_else(Site::default, |wires| wires.site(end));
        self.network.node_at(&site, name, role, &[])
    }

    /// The knobs on their processes; none where they can't have any.
    pub(crate) fn knobs(&self) -> Option<&Knobs> {
        self.knobs.as_ref()
    }

    /// Whether one of them is on a small disk.
    pub(crate) fn disk(&self) -> Option<&SmallDisk> {
        self.disk.as_ref()
    }

    /// The folder of a manager's data.
    pub(crate) fn folder(&self, at: usize) -> PathBuf {
        PathBuf::from(self.network.path(&self.places[at].name))
    }

    /// The last lines of all logs.
    pub(crate) fn logs(&self) -> String {
        self.network.logs()
    }

    /// Kills one, as `kill -9` does; nothing if it doesn't run.
    pub(crate) fn kill(&mut self, at: usize) -> Result<()> {
        let place = &mut self.places[at];
        place.stopped = false;
        place.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Stops one where it is, as `kill -STOP` does.
    pub(crate) fn stop(&mut self, at: usize) -> Result<()> {
        self.places[at].stopped = true;
        self.signal(at, "-STOP")
    }

    /// Lets one go on.
    pub(crate) fn go_on(&mut self, at: usize) -> Result<()> {
        self.places[at].stopped = false;
        self.signal(at, "-CONT")
    }

    fn signal(&self, at: usize, signal: &str) -> Result<()> {
        let process = self.places[at].process.as_ref().context("it doesn't run")?;
        let sent = Command::new("kill").args([signal, &process.pid().to_string()]).status()?;
        ensure!(sent.success(), "kill {signal} {} failed", process.pid());
        Ok(())
    }

    /// Those that ended by themselves, with what they said last; they count as killed from now on.
    pub(crate) fn ended(&mut self) -> Result<Vec<(usize, String)>> {
        let mut ended = Vec::new();
        for (at, place) in self.places.iter_mut().enumerate() {
            let Some(process) = &mut place.process else { continue };
            if process.has_ended()? {
                let said = process.said();
                let lines: Vec<&str> = said.lines().collect();
                ended.push((at, lines[lines.len().saturating_sub(SAID_LINES)..].join("\n")));
                place.process = None;
            }
        }
        Ok(ended)
    }

    /// Starts all that don't run; what those said that ended instead, and were started again.
    pub(crate) fn start_missing(&mut self) -> Result<Vec<Violation>> {
        let mut failed = Vec::new();
        for _ in 0..START_ATTEMPTS {
            for (at, error) in self.start_once() {
                let said = format!("{error:#}");
                let lines: Vec<&str> = said.lines().collect();
                let around = vec![lines[lines.len().saturating_sub(SAID_LINES)..].join("\n")];
                let what = format!("manager {} did not start", at + 1);
                failed.push(Violation { what, around });
            }
            if self.places.iter().all(|place| place.process.is_some()) {
                return Ok(failed);
            }
        }
        bail!("a manager doesn't start any more: {failed:#?}")
    }

    /// Starts all that don't run, at once: the first may need the others to get ready.
    fn start_once(&mut self) -> Vec<(usize, anyhow::Error)> {
        let (network, ticket) = (&self.network, &self.ticket);
        std::thread::scope(|scope| {
            let missing = self.places.iter_mut().enumerate();
            let missing = missing.filter(|(_, place)| place.process.is_none());
            let threads: Vec<_> = missing
                .map(|(at, place)| {
                    let thread = scope.spawn(|| {
                        let Place { name, site, api, process, .. } = place;
                        *process =
                            Some(network.further_manager_at(site, name, Some(api), ticket)?);
                        Ok(())
                    });
                    (at, thread)
                })
                .collect();
            let joined = threads.into_iter().filter_map(|(at, thread)| {
                let panicked = |_| Err(anyhow::anyhow!("starting a manager panicked"));
                Some((at, thread.join().unwrap_or_else(panicked).err()?))
            });
            joined.collect()
        })
    }

    /// Place of the leader, as a majority of those that run has it; waits for one.
    pub(crate) async fn leader(&self) -> Result<usize> {
        let begun = Instant::now();
        loop {
            let mut said = Vec::new();
            for at in (0..MANAGERS).filter(|at| self.runs(*at)) {
                let asked = tokio::time::timeout(CALL_MAX, self.clients[at].managers()).await;
                let Ok(Ok(info)) = asked else { continue };
                said.extend(info.leader.filter(|leader| *leader != 0).map(|l| (l, info.term)));
            }
            let agree = |one: &&(u64, u64)| said.iter().filter(|two| two == one).count() >= 2;
            if let Some((leader, _)) = said.iter().find(agree) {
                let place = usize::try_from(*leader)? - 1;
                if place < MANAGERS && self.runs(place) {
                    return Ok(place);
                }
            }
            ensure!(begun.elapsed() < SETTLE_MAX, "no manager leads");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn runs(&self, at: usize) -> bool {
        self.places[at].process.is_some() && !self.places[at].stopped
    }

    /// Waits until a leader is there and all three carry out what changes something.
    pub(crate) async fn settle(&self) -> Result<()> {
        let begun = Instant::now();
        let mut at = 0;
        self.leader().await?;
        while at < MANAGERS {
            let request = ticket_request(false);
            let asked = tokio::time::timeout(CALL_MAX, self.clients[at].ticket(&request)).await;
            if matches!(asked, Ok(Ok(_))) {
                at += 1;
                continue;
            }
            if begun.elapsed() > SETTLE_MAX {
                bail!("manager {} carries nothing out: {asked:?}", at + 1);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}
