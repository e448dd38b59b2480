//! Jobs that ended long ago: what goes with them, what stays, and what keeps them.

use super::walk::{Dice, step};
use super::{World, hello, node, submission};
use crate::claim::{Claim, ClaimStatus};
use crate::farm::{Command, Farm, Reply, Row, Rows};
use crate::id::{ClaimId, JobId, SubmissionId};
use crate::job::{Frame, Inspected, Job};
use crate::node::{Node, Role};
use crate::seed::Seed;
use crate::task::{Receipt, Task};
use crate::verification::{Outcome, VerificationTask};
use std::collections::BTreeMap;
use std::sync::Arc;

const HOUR_MS: u64 = 3_600_000;

/// What a database would hold: every row as it was when it changed last.
#[derive(Default)]
struct Disk {
    next_id: u64,
    rows: BTreeMap<Row, Stored>,
}

enum Stored {
    Job(Box<Job>),
    Inspection(JobId, Arc<Inspected>),
    Frame(Frame),
    Task(Task),
    Receipt(Box<Receipt>),
    Verification(VerificationTask),
    Node(Node),
    Claim(Claim),
}

impl Disk {
    /// Writes what changed; how many rows were deleted.
    fn commit(&mut self, farm: &mut Farm) -> usize {
        let mut deleted = 0;
        for row in farm.take_changed() {
            let stored = match row {
                Row::Counter => {
                    self.next_id = farm.next_id();
                    continue;
                }
                Row::Job(id) => farm.job(id).cloned().map(|job| {
                    // What its inspection found is a row of its own.
                    Stored::Job(Box::new(Job { inspected: None, ..job }))
                }),
                Row::Inspection(id) => {
                    let inspected = farm.job(id).and_then(|job| job.inspected.clone());
                    inspected.map(|inspected| Stored::Inspection(id, inspected))
                }
                Row::Frame(job, number) => farm.frame(job, number).cloned().map(Stored::Frame),
                Row::Task(id) => farm.task(id).cloned().map(Stored::Task),
                Row::Receipt(id) => {
                    farm.receipt_of(id).cloned().map(|r| Stored::Receipt(Box::new(r)))
                }
                Row::Verification(id) => farm.verification(id).cloned().map(Stored::Verification),
                Row::Node(id) => farm.node(id).cloned().map(Stored::Node),
                Row::Claim(id) => farm.claim_of(id).cloned().map(Stored::Claim),
            };
            match stored {
                Some(stored) => drop(self.rows.insert(row, stored)),
                None => deleted += usize::from(self.rows.remove(&row).is_some()),
            }
        }
        deleted
    }

    fn load(&self, before: &Farm, now: crate::time::Time) -> Farm {
        let mut rows = Rows { next_id: self.next_id, ..Rows::default() };
        let mut inspections = BTreeMap::new();
        for stored in self.rows.values() {
            match stored {
                Stored::Job(job) => rows.jobs.push(*job.clone()),
                Stored::Inspection(job, found) => drop(inspections.insert(*job, found.clone())),
                Stored::Frame(frame) => rows.frames.push(frame.clone()),
                Stored::Task(task) => rows.tasks.push(task.clone()),
                Stored::Receipt(receipt) => rows.receipts.push(*receipt.clone()),
                Stored::Verification(v) => rows.verifications.push(v.clone()),
                Stored::Node(node) => rows.nodes.push(node.clone()),
                Stored::Claim(claim) => rows.claims.push(claim.clone()),
            }
        }
        for job in &mut rows.jobs {
            job.inspected = inspections.remove(&job.id);
        }
        Farm::load(before.policy.clone(), before.engines.clone(), rows, now)
    }

    /// Whether a row belongs to a job, and not to a node.
    fn rows_of_jobs(&self) -> usize {
        let of_job = |row: &&Row| !matches!(row, Row::Node(_) | Row::Counter);
        self.rows.keys().filter(of_job).count()
    }
}

/// A completed job of four frames, and everything about it on a disk.
fn done() -> (World, JobId, Disk) {
    let mut world = World::new();
    for n in [1, 2] {
        world.join(n, &[Role::Worker]);
    }
    for n in [3, 4, 5, 6] {
        world.join(n, &[Role::Verifier]);
    }
    let job = world.submit("1-4");
    world.inspect(job);
    while world.render(1) + world.render(2) + world.verify_frames(&|_| Outcome::Accepted) > 0 {}
    assert!(world.farm.job(job).unwrap().ended_at.is_some());
    let mut disk = Disk::default();
    disk.commit(&mut world.farm);
    (world, job, disk)
}

/// Lets time go on until the job is gone, by the hour; after how many hours.
fn hours_until_forgotten(world: &mut World, job: JobId, hours_max: u64) -> Option<u64> {
    let begun = world.now;
    for hour in 1..=hours_max {
        world.now = begun.plus_ms(hour * HOUR_MS);
        world.ok(Command::Tick);
        if world.farm.job(job).is_none() {
            return Some(hour);
        }
    }
    None
}

#[test]
fn everything_of_a_job_goes_and_what_nodes_did_stays() {
    let (mut world, job, mut disk) = done();
    let records: Vec<Node> = (1..=6).map(|n| world.farm.node(node(n)).unwrap().clone()).collect();
    let receipt = world.farm.receipts(job).next().unwrap().id;
    assert_eq!(hours_until_forgotten(&mut world, job, 1_000), Some(30 * 24));
    for _ in 0..50 {
        disk.commit(&mut world.farm);
        world.ok(Command::Tick);
    }
    assert_eq!(disk.rows_of_jobs(), 0);
    let farm = &world.farm;
    assert!(farm.receipt_of(receipt).is_none() && farm.receipts(job).next().is_none());
    assert!(farm.frames.is_empty() && farm.tasks_of.is_empty() && farm.by_lease.is_empty());
    assert!(farm.rounds.is_empty() && farm.known.is_empty() && farm.left.is_empty());
    assert!(farm.seen_between.is_empty() && farm.submissions.is_empty());
    let after: Vec<Node> = (1..=6).map(|n| farm.node(node(n)).unwrap().clone()).collect();
    assert_eq!(after, records);
    let code = |world: &mut World, command| world.apply(command).unwrap_err().code.as_str();
    assert_eq!(code(&mut world, Command::Cancel(job)), "no_such_job");
    assert_eq!(code(&mut world, Command::Retry(job)), "no_such_job");
    let (user, comment) = ("ada".to_owned(), String::new());
    let claim = Command::Claim { job, frame: 1, user, comment };
    assert_eq!(code(&mut world, claim), "no_such_job");
}

#[test]
fn when_a_job_is_forgotten() {
    // Hours for which frames may be opened again and jobs are kept; after how many the job is gone.
    for (reopen_h, keep_h, expected) in
        [(2, 5, Some(5)), (5, 2, Some(5)), (5, 5, Some(5)), (2, 0, None)]
    {
        let (mut world, job, disk) = done();
        world.farm.policy.reopen_ms = reopen_h * HOUR_MS;
        world.farm.policy.keep_jobs_ms = keep_h * HOUR_MS;
        world.farm = disk.load(&world.farm, world.now);
        let found = hours_until_forgotten(&mut world, job, 200);
        assert_eq!(found, expected, "opened again for {reopen_h} h, kept for {keep_h} h");
    }
}

fn claim(world: &mut World, job: JobId) -> ClaimId {
    let (user, comment) = ("ada".to_owned(), String::new());
    match world.ok(Command::Claim { job, frame: 1, user, comment }) {
        Reply::Claim(id) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_claim_keeps_its_job_while_it_is_open_and_as_long_again() {
    let (mut world, job, disk) = done();
    world.farm.policy.reopen_ms = HOUR_MS;
    world.farm.policy.keep_jobs_ms = 10 * HOUR_MS;
    world.farm = disk.load(&world.farm, world.now);
    world.now = world.now.plus_ms(9 * HOUR_MS);
    let id = claim(&mut world, job);
    assert_eq!(hours_until_forgotten(&mut world, job, 40), None, "it is open");
    for n in [3, 4, 5, 6] {
        world.join(n, &[Role::Verifier]);
    }
    world.verify_frames(&|_| Outcome::Accepted);
    let status = &world.farm.claim_of(id).unwrap().status;
    assert!(matches!(status, ClaimStatus::Dismissed(_)), "{status:?}");
    let hours = hours_until_forgotten(&mut world, job, 40).unwrap();
    assert!((10..=12).contains(&hours), "{hours} h");
    assert!(world.farm.claim_of(id).is_none() && world.farm.claimed.is_empty());
}

#[test]
fn a_canary_under_way_keeps_the_job_that_it_is_about() {
    let (mut world, job, _) = done();
    let now = world.now;
    let known = *world.farm.known.first().expect("two opinions were asked for");
    let queued = world.farm.rounds[&known][0];
    // Somebody of an owner who hasn't seen it.
    world.join(9, &[Role::Verifier]);
    let given = (0..100).find_map(|n| world.farm.canary_for(node(9), queued, now, &Seed([n; 32])));
    assert!(given.is_some());
    world.farm.policy.verification_ms_max = 60 * 24 * HOUR_MS;
    let held = |world: &mut World, n: u64| {
        world.now = now.plus_ms(n * HOUR_MS);
        let verifications = given.into_iter().collect();
        let hello = crate::node::Hello { verifications, ..hello(9, &[Role::Verifier]) };
        world.ok(Command::Joined(Box::new(hello)));
        world.ok(Command::Tick);
        world.farm.job(job).is_some()
    };
    // Whatever else happens, the verification task is not over yet.
    world.farm.answers_due = Default::default();
    assert!(held(&mut world, 30 * 24 + 2));
    let command = world.judged(9, given.unwrap(), Outcome::Accepted);
    world.ok(command);
    world.now = now.plus_ms((30 * 24 + 4) * HOUR_MS);
    world.ok(Command::Tick);
    assert!(world.farm.job(job).is_none() && world.farm.known.is_empty());
}

#[test]
fn no_commit_is_large_and_what_is_left_is_found_after_a_crash() {
    let (mut world, job, mut disk) = done();
    let rows = disk.rows_of_jobs();
    world.now = world.now.plus_ms(31 * 24 * HOUR_MS);
    world.ok(Command::Tick);
    let first = disk.commit(&mut world.farm);
    assert!(world.farm.job(job).is_none());
    // With the rows of the job and of its inspection, which go at once.
    assert!(first <= super::super::forget::ROWS_MAX + 2 && first < rows, "{first} of {rows} rows");
    world.farm = disk.load(&world.farm, world.now);
    assert!(world.farm.receipts.values().next().is_none(), "what is left isn't taken for alive");
    for _ in 0..20 {
        world.ok(Command::Tick);
        disk.commit(&mut world.farm);
    }
    assert_eq!(disk.rows_of_jobs(), 0);
}

/// What is in memory is what would be loaded, whatever was forgotten.
fn check(world: &World, disk: &Disk, what: &str) {
    let (a, b) = (&world.farm, disk.load(&world.farm, world.now));
    assert_eq!(a.jobs, b.jobs, "{what}: jobs");
    assert_eq!(a.frames, b.frames, "{what}: frames");
    assert_eq!(a.tasks, b.tasks, "{what}: tasks");
    assert_eq!(a.receipts, b.receipts, "{what}: receipts");
    assert_eq!(a.verifications, b.verifications, "{what}: verification tasks");
    assert_eq!(a.nodes, b.nodes, "{what}: nodes");
    assert_eq!(a.claims, b.claims, "{what}: claims");
    assert_eq!(a.leftovers, b.leftovers, "{what}: rows to be deleted");
    assert_eq!(a.submissions, b.submissions, "{what}: submissions");
    assert_eq!(a.waiting, b.waiting, "{what}: waiting");
    assert_eq!(a.left, b.left, "{what}: what is left of jobs");
    assert_eq!(a.by_lease, b.by_lease, "{what}: receipts by lease");
    assert_eq!(a.receipts_of, b.receipts_of, "{what}: receipts by job");
    assert_eq!(a.tasks_of, b.tasks_of, "{what}: tasks by job");
    assert_eq!(a.rounds, b.rounds, "{what}: verification tasks by receipt");
    assert_eq!(a.claimed, b.claimed, "{what}: claims by receipt");
    assert_eq!(a.seen_between, b.seen_between, "{what}: what verifiers saw");
    assert_eq!(a.convicted, b.convicted, "{what}: convicted");
    assert_eq!(a.weak, b.weak, "{what}: what may be opened again");
    assert_eq!(a.ageing, b.ageing, "{what}: until when");
}

#[test]
fn a_farm_that_forgets_is_the_farm_that_would_be_loaded() {
    for seed in 0..3_u8 {
        let mut dice = Dice::new(Seed([seed; 32]));
        let (mut world, mut disk) = (World::new(), Disk::default());
        world.farm.policy.reopen_ms = HOUR_MS;
        world.farm.policy.keep_jobs_ms = 3 * HOUR_MS;
        let mut most = 0;
        for round in 0..30_u8 {
            for (n, role) in [1, 2, 5, 6]
                .map(|n| (n, Role::Worker))
                .into_iter()
                .chain([3, 4, 7].map(|n| (n, Role::Verifier)))
            {
                world.join(n, &[role]);
            }
            let mut next = submission("1-9");
            next.submission_id = SubmissionId([round; 16]);
            next.user = ["ada", "bob"][dice.below(2)].to_owned();
            let job = world.submit_this(next);
            world.inspect(job);
            for _ in 0..60 {
                step(&mut world, &mut dice, round % 2 == 0);
            }
            if dice.below(3) == 0 {
                world.apply(Command::Cancel(job)).ok();
            }
            let done = world.farm.jobs().map(|job| job.id).nth(dice.below(3));
            if let Some(done) = done {
                let (user, comment) = ("ada".to_owned(), String::new());
                world.apply(Command::Claim { job: done, frame: 2, user, comment }).ok();
            }
            world.now = world.now.plus_ms(dice.below(2 * HOUR_MS as usize) as u64);
            world.ok(Command::Tick);
            disk.commit(&mut world.farm);
            most = most.max(disk.rows_of_jobs());
            if dice.below(4) == 0 {
                world.farm = disk.load(&world.farm, world.now);
                world.ok(Command::Tick);
                disk.commit(&mut world.farm);
            }
            check(&world, &disk, &format!("seed {seed}, round {round}"));
        }
        let jobs = world.farm.jobs().count();
        assert!(jobs < 20, "seed {seed}: {jobs} of 30 jobs are there, {most} rows at most");
    }
}
