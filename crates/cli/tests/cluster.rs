//! Three managers: each is killed while a job runs; then the first is lost with its disk.

use anyhow::{Context, Result, ensure};
use candela_client::Client;
use candela_testkit::{Network, Role, Started, demo_scene};
use candela_wire::api::{FrameState, JobState, ReceiptState, TicketRequest};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_candela");

/// How long anything but rendering may take.
const PATIENCE: Duration = Duration::from_secs(60);

struct Managers {
    network: Network,
    /// Name of the folder, address of the interface, process.
    all: Vec<(String, String, Option<Started>)>,
    ticket: String,
}

fn api_of(manager: &Started) -> String {
    manager.ready["api"].as_str().unwrap_or_default().trim_start_matches("http://").to_owned()
}

impl Managers {
    async fn start() -> Result<Managers> {
        let mut network = Network::start(PROGRAM)?;
        let request = TicketRequest { roles: vec![], owner: None, expires_s: None, manager: true };
        let ticket = network.client()?.ticket(&request).await?.ticket;
        let first = network.manager.take().context("no manager")?;
        let mut all = vec![("manager".to_owned(), api_of(&first), Some(first))];
        for name in ["manager-2", "manager-3"] {
            let further = network.further_manager(name, "127.0.0.1:0", &ticket)?;
            all.push((name.to_owned(), api_of(&further), Some(further)));
        }
        Ok(Managers { network, all, ticket })
    }

    fn client(&self, at: usize) -> Result<Client> {
        Ok(Client::new(&format!("http://{}", self.all[at].1), None)?)
    }

    fn kill(&mut self, at: usize) -> Result<()> {
        self.all[at].2.take().context("it doesn't run")?.kill()
    }

    fn start_again(&mut self, at: usize) -> Result<()> {
        let (name, listen, _) = &self.all[at];
        let again = self.network.further_manager(name, listen, &self.ticket)?;
        self.all[at].2 = Some(again);
        Ok(())
    }

    /// Place of the manager that leads, as another one says; once there is one.
    async fn leader(&self) -> Result<usize> {
        let begun = Instant::now();
        loop {
            for at in (0..self.all.len()).filter(|at| self.all[*at].2.is_some()) {
                let Ok(info) = self.client(at)?.managers().await else { continue };
                if let Some(number) = info.leader.filter(|_| info.leader != Some(0)) {
                    let place = usize::try_from(number)? - 1;
                    if self.all.get(place).is_some_and(|manager| manager.2.is_some()) {
                        return Ok(place);
                    }
                }
            }
            ensure!(begun.elapsed() < PATIENCE, "no manager leads: {}", self.network.logs());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Frame → the receipt that was accepted for it.
async fn accepted(client: &Client, job: u64) -> Result<BTreeMap<i32, u64>> {
    let frames = client.all_frames(job).await?;
    let accepted = frames.iter().filter(|frame| frame.status == FrameState::Accepted);
    Ok(accepted.filter_map(|frame| Some((frame.number, frame.receipt_id?))).collect())
}

/// Waits until so many frames are accepted, whoever is asked; gives them.
async fn until_accepted(client: &Client, job: u64, count: usize) -> Result<BTreeMap<i32, u64>> {
    loop {
        if let Ok(done) = accepted(client, job).await
            && done.len() >= count
        {
            return Ok(done);
        }
        if let Ok(job) = client.job(job).await {
            let goes_on = [JobState::Inspecting, JobState::Active, JobState::Completed];
            ensure!(goes_on.contains(&job.summary.status), "{job:?}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What a call answers, asked again as a user would while no manager leads.
async fn patiently<T, F>(call: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T, candela_client::ClientError>>,
{
    let begun = Instant::now();
    loop {
        match call().await {
            Err(error) if error.is_passing() && begun.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            answer => return Ok(answer?),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_three_managers_is_killed_while_a_job_runs() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let frames: usize =
        std::env::var("CANDELA_TEST_FRAMES").ok().and_then(|n| n.parse().ok()).unwrap_or(24);
    let folder = tempfile::tempdir()?;
    let scene = demo_scene(folder.path())?;
    let mut managers = Managers::start().await?;
    // Nodes have the first manager's ticket, and are sent on.
    let _ada = managers.network.node("ada", Role::Worker, &[])?;
    let _bea = managers.network.node("bea", Role::Worker, &[])?;
    let _vera = managers.network.node("vera", Role::Verifier, &[])?;

    // Submitted through a manager that doesn't lead.
    let leader = managers.leader().await?;
    let follower = (leader + 1) % 3;
    let mut command = managers.network.command(&[]);
    command.env("CANDELA_MANAGER", format!("http://{}", managers.all[follower].1));
    let range = format!("1-{frames}");
    let scene = scene.to_string_lossy();
    command.args(["render", &*scene, "--frames", &range, "--size", "10%", "--wait", "--detach"]);
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let job = managers.client(leader)?.jobs(&Default::default()).await?.items[0].id;

    let mut before: BTreeMap<i32, u64> = BTreeMap::new();
    let mut killed = Vec::new();
    for round in 0..3 {
        let leader = managers.leader().await?;
        let asked = (leader + 1) % 3;
        let client = managers.client(asked)?;
        let done = until_accepted(&client, job, (round + 1) * frames / 6).await;
        let done = done.with_context(|| managers.network.logs())?;
        for (number, receipt) in &before {
            ensure!(done.get(number) == Some(receipt), "round {round}: frame {number} changed");
        }
        // The leader first; each of them once.
        let others = (0..3).map(|step| (leader + step) % 3);
        let victim = others.into_iter().find(|at| !killed.contains(at)).context("all are")?;
        killed.push(victim);
        println!("round {round}: {} frames accepted, manager {} killed", done.len(), victim + 1);
        before = done;
        managers.kill(victim)?;
        let begun = Instant::now();
        let now = managers.leader().await?;
        println!("manager {} leads after {:?}", now + 1, begun.elapsed());
        managers.start_again(victim).with_context(|| managers.network.logs())?;
    }
    let client = managers.client(managers.leader().await?)?;
    let end = until_accepted(&client, job, frames).await;
    let end = end.with_context(|| managers.network.logs())?;
    for (number, receipt) in &before {
        ensure!(end.get(number) == Some(receipt), "frame {number} changed");
    }
    // The first manager is lost with its disk: everything is at the others.
    managers.kill(0)?;
    std::fs::remove_dir_all(managers.network.path("manager"))?;
    let leader = managers.leader().await?;
    for at in [1, 2] {
        let client = managers.client(at)?;
        for (number, receipt) in &end {
            let receipts = patiently(|| client.frame(job, *number)).await?.receipts;
            let of = |state| receipts.iter().filter(move |r| r.status == state).map(|r| r.id);
            ensure!(of(ReceiptState::Accepted).eq([*receipt]), "frame {number}: {receipts:?}");
            ensure!(of(ReceiptState::Rejected).count() == 0, "frame {number}: {receipts:?}");
            let to = folder.path().join(format!("{at}-{number}.png"));
            let frame = patiently(|| client.download_output(job, *number, &to)).await;
            frame.context("a frame is not there")?;
            image::open(&to)?;
        }
    }
    let client = managers.client(leader)?;
    patiently(|| client.remove_manager(1)).await?;
    let info = client.managers().await?;
    ensure!(info.managers.len() == 2, "{info:?}");
    // A new one takes its place.
    let request = TicketRequest { roles: vec![], owner: None, expires_s: None, manager: true };
    let ticket = patiently(|| client.ticket(&request)).await?.ticket;
    let fourth = managers.network.further_manager("manager-4", "127.0.0.1:0", &ticket)?;
    let client = Client::new(&format!("http://{}", api_of(&fourth)), None)?;
    ensure!(accepted(&client, job).await?.len() == frames);
    Ok(())
}
