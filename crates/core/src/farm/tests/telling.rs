//! Messages: one of each occasion and channel, kept until it is told, also over a restart.

use super::{World, facts, preview, submission};
use crate::farm::{Command, Farm, Rows};
use crate::id::JobId;
use crate::job::{Job, Submission};
use crate::message::{Channel, Notify, Occasion};
use crate::node::Role;
use crate::policy::Policy;
use crate::verification::Outcome;

fn notify(webhook: bool, email: bool) -> Notify {
    Notify {
        webhook: webhook.then(|| "https://hooks.example/ada".to_owned()),
        email: email.then(|| "ada@studio.example".to_owned()),
    }
}

fn world(notify: Notify) -> (World, JobId) {
    let mut world = World::new();
    for (n, role) in [(1, Role::Worker), (2, Role::Worker), (3, Role::Verifier)] {
        world.join(n, &[role]);
    }
    world.join(4, &[Role::Verifier]);
    let job = world.submit_this(Submission { notify, ..submission("5") });
    (world, job)
}

/// What is waiting to be told.
fn waiting(farm: &Farm) -> Vec<(Channel, &'static str)> {
    farm.messages().map(|(_, message)| (message.channel, message.occasion.word())).collect()
}

/// The same farm as another manager loads it.
fn reloaded(world: &World) -> Farm {
    let farm = &world.farm;
    let rows = Rows {
        next_id: farm.next_id(),
        jobs: farm.jobs().cloned().collect::<Vec<Job>>(),
        frames: farm.jobs().flat_map(|job| farm.frames(job.id)).cloned().collect(),
        ..Rows::default()
    };
    Farm::load(Policy::default(), farm.engines.clone(), rows, world.now)
}

fn tell_all(world: &mut World) {
    let ids: Vec<_> = world.farm.messages().map(|(job, m)| (job.id, m.id)).collect();
    for (job, message) in ids {
        world.ok(Command::Told { job, message });
    }
}

#[test]
fn the_end_is_told_once_and_survives_a_restart() {
    let (mut world, job) = world(notify(true, true));
    world.inspect(job);
    assert!(waiting(&world.farm).is_empty());
    world.ok(Command::Cancel(job));
    let both = [(Channel::Webhook, "job_cancelled"), (Channel::Email, "job_cancelled")];
    assert_eq!(waiting(&world.farm), both);
    world.ok(Command::Cancel(job));
    assert_eq!(waiting(&world.farm), both, "it ended once");
    world.farm = reloaded(&world);
    assert_eq!(waiting(&world.farm), both, "another manager goes on");
    let first = world.farm.messages().next().map(|(job, message)| (job.id, message.id)).unwrap();
    world.farm.take_changed();
    world.ok(Command::Told { job: first.0, message: first.1 });
    assert!(world.farm.take_changed().contains(&crate::farm::Row::Job(job)));
    assert_eq!(waiting(&world.farm), both[1..]);
    // Who hears late of a delivery asks for nothing that isn't there.
    world.ok(Command::Told { job: first.0, message: first.1 });
    world.ok(Command::Told { job: JobId(999), message: first.1 });
    assert_eq!(waiting(&world.farm), both[1..]);
    tell_all(&mut world);
    assert!(waiting(&world.farm).is_empty() && waiting(&reloaded(&world)).is_empty());
}

#[test]
fn every_end_has_its_word() {
    let check = |end: &dyn Fn(&mut World, JobId), want: &[&str]| {
        let (mut world, job) = world(notify(true, false));
        end(&mut world, job);
        let words: Vec<_> = waiting(&world.farm).into_iter().map(|(_, word)| word).collect();
        assert_eq!(words, want);
    };
    let completed = |world: &mut World, job| {
        world.inspect(job);
        world.render(1);
        world.render(2);
        world.verify(|_| Outcome::Accepted);
    };
    check(&completed, &["job_completed"]);
    let refused = |world: &mut World, job| {
        let mut facts = Box::new(facts());
        facts.camera = None;
        world.ok(Command::Inspected { job, facts, preview: Some(Box::new(preview())) });
    };
    check(&refused, &["job_refused"]);
    let failed = |world: &mut World, job| {
        world.inspect(job);
        while let Some((n, (_, lease, _))) = [1, 2].iter().find_map(|n| Some((*n, world.held(*n)?)))
        {
            let (node, text) = (super::node(n), "out of memory".to_owned());
            let fault = crate::farm::Fault::Engine;
            world.ok(Command::FrameFailed { node, lease, frame: 5, fault, text });
        }
    };
    check(&failed, &["frame_wrong", "job_failed"]);
    let nobody = |world: &mut World, _| {
        let job = world.submit_this(Submission {
            submission_id: crate::id::SubmissionId([8; 16]),
            ..submission("1")
        });
        world.ok(Command::Cancel(job));
    };
    check(&nobody, &[]);
}

#[test]
fn the_first_rejected_frame_is_told_and_no_other() {
    let (mut world, job) = world(notify(false, true));
    world.inspect(job);
    let first = if world.held(1).is_some() { 1 } else { 2 };
    world.render(first);
    world.verify(|_| Outcome::Rejected);
    let told: Vec<_> = world.farm.messages().map(|(_, m)| m.occasion.clone()).collect();
    assert!(
        matches!(&told[..], [Occasion::FrameWrong { frame: 5, reason }] if !reason.is_empty()),
        "{told:?}"
    );
    tell_all(&mut world);
    world.render(3 - first);
    world.verify(|_| Outcome::Rejected);
    assert!(waiting(&world.farm).is_empty(), "{:?}", waiting(&world.farm));
}

/// While nobody can be reached, a job that ends again and again doesn't gather messages.
#[test]
fn of_each_kind_the_last_counts() {
    let (mut world, job) = world(notify(true, false));
    world.inspect(job);
    for _ in 0..3 {
        world.ok(Command::Cancel(job));
        world.ok(Command::Retry(job));
    }
    assert_eq!(waiting(&world.farm), [(Channel::Webhook, "job_cancelled")]);
    let (_, message) = world.farm.messages().next().unwrap();
    assert_eq!(message.at.0 + 1, world.now.0, "the last");
}
