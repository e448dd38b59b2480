//! Whose turn it is, how much anybody may have, and who is drawn.

use super::{World, hello, node, submission};
use crate::farm::{Command, Reply};
use crate::id::{BlobHash, JobId, SubmissionId};
use crate::node::Role;
use crate::seed::Seed;
use crate::task::TaskStatus;
use std::collections::{BTreeMap, BTreeSet};

/// A job of a user, inspected.
fn job_of(world: &mut World, user: &str, n: u8, priority: i32, frames: &str) -> JobId {
    let mut submission = submission(frames);
    submission.user = user.to_owned();
    submission.submission_id = SubmissionId([n; 16]);
    submission.priority = priority;
    let job = world.submit_this(submission);
    world.inspect(job);
    job
}

/// The users whose tasks that many workers got, one after the other: nothing is ever finished.
fn turns(world: &mut World, workers: std::ops::Range<u8>) -> String {
    let mut users = String::new();
    for n in workers {
        world.join(n, &[Role::Worker]);
        if let Some((task, ..)) = world.held(n) {
            let job = world.farm.task(task).unwrap().job;
            users.push_str(&world.farm.job(job).unwrap().submission.user);
        }
    }
    users
}

#[test]
fn whose_turn_it_is() {
    // (user, priority, frames) of each job; tasks per user at most; who gets the next tasks
    type Jobs<'a> = &'a [(&'a str, i32, &'a str)];
    let table: [(Jobs, usize, &str); 7] = [
        (&[("a", 0, "1-3"), ("b", 0, "1-3")], 0, "ababab"),
        // However many jobs somebody has.
        (&[("a", 0, "1-3"), ("a", 0, "1-3"), ("a", 0, "1-3"), ("b", 0, "1-3")], 0, "abababaa"),
        (&[("a", 0, "1-3"), ("b", 1, "1-3")], 0, "bbbaaa"),
        // Service at one priority counts at that priority.
        (&[("a", 1, "1-3"), ("a", 0, "1-3"), ("b", 0, "1-3")], 0, "aaaabab"),
        (&[("a", 0, "1-3"), ("b", 0, "1-3")], 2, "abab"),
        (&[("a", 5, "1-3"), ("b", 0, "1-3"), ("c", 0, "1")], 1, "abc"),
        (&[("c", 0, "1"), ("b", 0, "1"), ("a", 0, "1")], 0, "cba"),
    ];
    for (jobs, limit, expected) in table {
        let mut world = World::new();
        world.farm.policy.tasks_per_user_max = limit;
        let policy = world.farm.policy.clone();
        let engines = world.farm.engines.clone();
        world.farm = crate::farm::Farm::load(policy, engines, Default::default(), world.now);
        // Somebody has to be there for jobs to be taken.
        let mut idle = hello(200, &[Role::Worker]);
        idle.slots = 0;
        world.ok(Command::Joined(Box::new(idle)));
        for (at, (user, priority, frames)) in jobs.iter().enumerate() {
            job_of(&mut world, user, at as u8, *priority, frames);
        }
        let users = turns(&mut world, 1..1 + expected.len() as u8);
        assert_eq!(users, expected, "{jobs:?}, at most {limit}");
    }
}

#[test]
fn one_worker_goes_from_user_to_user() {
    let mut world = World::new();
    world.farm.policy.task_frames_max = 1;
    world.join(1, &[Role::Worker]);
    job_of(&mut world, "a", 1, 0, "1-20");
    let mut users = String::new();
    for turn in 0..24 {
        // b comes late: it starts level, and doesn't catch up on what it never asked for.
        if turn == 8 {
            job_of(&mut world, "b", 2, 0, "1-20");
        }
        let (task, lease, frames) = world.held(1).unwrap();
        let job = world.farm.task(task).unwrap().job;
        users.push_str(&world.farm.job(job).unwrap().submission.user);
        // The next task is drawn when this one's frame came, so the worker has to be there still.
        world.now = world.now.plus_ms(5_000);
        let (node, scenes_held) = (node(1), BTreeSet::new());
        world.ok(Command::Heard { node, scenes_held, paused: false });
        let statement = Box::new(World::statement(task, lease, frames[0]));
        world.ok(Command::Receipt { node, statement, signature: [0; 64] });
    }
    assert_eq!(&users[..9], "aaaaaaaaa");
    let from_b = users[9..].matches('b').count();
    assert!((7..=8).contains(&from_b) && !users[9..].contains("bbb"), "{users}");
}

#[test]
fn a_job_is_moved_with_what_is_under_way() {
    let mut world = World::new();
    world.join(200, &[Role::Worker]);
    let first = job_of(&mut world, "a", 1, 0, "1-9");
    let second = job_of(&mut world, "b", 2, 0, "1-9");
    world.farm.policy.task_frames_max = 1;
    let before = turns(&mut world, 1..5);
    assert_eq!(before.len(), 4, "{before}");
    world.ok(Command::Prioritise { job: second, priority: 2 });
    assert_eq!(turns(&mut world, 5..8), "bbb");
    world.ok(Command::Prioritise { job: second, priority: -1 });
    assert_eq!(turns(&mut world, 8..10), "aa");
    // Level again: who holds fewer goes first, and that is counted over the move.
    world.ok(Command::Prioritise { job: second, priority: 0 });
    let (of_a, of_b) = (world.farm.queue.under_way("a"), world.farm.queue.under_way("b"));
    let next = turns(&mut world, 10..11);
    assert_eq!(next, if of_b < of_a { "b" } else { "a" }, "{of_a} and {of_b}");
    // Memory is what the rows say.
    let open = world.farm.queue.open_jobs();
    assert_eq!(open, BTreeSet::from([first, second]));
    world.ok(Command::Cancel(first));
    let refused = world.apply(Command::Prioritise { job: first, priority: 1 }).unwrap_err();
    assert_eq!(refused.code.as_str(), "wrong_state");
    let none = world.apply(Command::Prioritise { job: JobId(99), priority: 1 }).unwrap_err();
    assert_eq!(none.code.as_str(), "no_such_job");
}

#[test]
fn users_hold_as_many_workers_however_long_their_frames_take() {
    let mut world = World::new();
    job_of_waiting(&mut world, "long", 1);
    job_of_waiting(&mut world, "short", 2);
    for n in 1..=8 {
        world.join(n, &[Role::Worker]);
    }
    for round in 0..40_u64 {
        world.now = world.now.plus_ms(4_000);
        for n in 1..=8 {
            let (node, scenes_held) = (node(n), BTreeSet::new());
            world.ok(Command::Heard { node, scenes_held, paused: false });
            let (task, lease, frames) = world.held(n).unwrap();
            let user = user_of(&world, task);
            if user == "short" || round % 10 == u64::from(n) {
                let statement = Box::new(World::statement(task, lease, frames[0]));
                world.ok(Command::Receipt { node, statement, signature: [0; 64] });
            }
        }
        let users: Vec<String> =
            (1..=8).map(|n| user_of(&world, world.held(n).unwrap().0)).collect();
        assert_eq!(users.iter().filter(|user| *user == "long").count(), 4, "{round}: {users:?}");
    }
}

fn user_of(world: &World, task: crate::id::TaskId) -> String {
    let job = world.farm.task(task).unwrap().job;
    world.farm.job(job).unwrap().submission.user.clone()
}

/// A job that may wait for workers, with frames for long and one frame to each task.
fn job_of_waiting(world: &mut World, user: &str, n: u8) {
    world.farm.policy.task_frames_max = 1;
    let mut submission = submission("1-300");
    submission.user = user.to_owned();
    submission.submission_id = SubmissionId([n; 16]);
    submission.allow.wait_for_workers = true;
    let job = world.submit_this(submission);
    world.inspect(job);
}

#[test]
fn more_jobs_than_a_user_may_have_are_refused() {
    let mut world = World::new();
    world.farm.policy.jobs_per_user_max = 2;
    world.join(1, &[Role::Worker]);
    let submit = |world: &mut World, user: &str, n: u8| {
        let mut submission = submission("1");
        submission.user = user.to_owned();
        submission.submission_id = SubmissionId([n; 16]);
        world.apply(Command::Submit(Box::new(submission)))
    };
    let Reply::Job(first) = submit(&mut world, "a", 1).unwrap() else { panic!() };
    submit(&mut world, "a", 2).unwrap();
    let refused = submit(&mut world, "a", 3).unwrap_err();
    assert_eq!(refused.code.as_str(), "jobs_too_many");
    assert_eq!(refused.message, "a has 2 jobs that are not over, and may have 2");
    assert_eq!(submit(&mut world, "a", 1), Ok(Reply::Job(first)), "sent twice is one");
    submit(&mut world, "b", 4).unwrap();
    world.ok(Command::Cancel(first));
    submit(&mut world, "a", 3).unwrap();
    world.ok(Command::Retry(first));
    submit(&mut world, "a", 5).unwrap_err();
}

#[test]
fn who_holds_the_scene_goes_first_and_the_rest_is_even() {
    let mut drawn: BTreeMap<u8, u32> = BTreeMap::new();
    for seed in 0..200_u8 {
        let mut world = World::new();
        let job = {
            let mut waiting = submission("1");
            waiting.allow.wait_for_workers = true;
            world.submit_this(waiting)
        };
        for n in 1..=20 {
            world.join(n, &[Role::Worker]);
        }
        for n in [3, 4, 5] {
            let scenes_held = BTreeSet::from([BlobHash([1; 32]), BlobHash([2; 32])]);
            // One of them holds it and isn't ready.
            world.ok(Command::Heard { node: node(n), scenes_held, paused: n == 5 });
        }
        let (facts, preview) = (Box::new(super::facts()), Some(Box::new(super::preview())));
        let command = Command::Inspected { job, facts, preview };
        let now = world.now.plus_ms(1);
        world.farm.apply(command, now, &Seed([seed; 32]), &mut world.effects).unwrap();
        let n = (1..=20).find(|n| world.held(*n).is_some()).unwrap();
        *drawn.entry(n).or_default() += 1;
    }
    assert_eq!(drawn.keys().copied().collect::<Vec<_>>(), [3, 4]);
    // Five standard deviations of 200 throws of a coin.
    assert!(drawn.values().all(|n| (65..=135).contains(n)), "{drawn:?}");
}

#[test]
fn a_worker_goes_on_with_a_scene_that_it_holds_within_bounds() {
    // Whether the worker holds b's scene; how far b may be ahead; whose frame it gets.
    for (holds, slack, expected) in
        [(true, 1.0, "b"), (true, 0.9, "a"), (false, 1.0, "a"), (true, 0.0, "a")]
    {
        let mut world = World::new();
        world.farm.policy.scene_slack = slack;
        world.join(1, &[Role::Worker]);
        let mut submission = submission("1-9");
        (submission.user, submission.scene) = ("b".into(), BlobHash([2; 32]));
        submission.submission_id = SubmissionId([2; 16]);
        let job = world.submit_this(submission);
        world.inspect(job);
        world.join(2, &[Role::Worker]);
        // It is a's turn now, and all that b has under way is ahead.
        job_of(&mut world, "a", 1, 0, "1-9");
        let user = |world: &World, n| {
            let (task, ..) = world.held(n).unwrap();
            let job = world.farm.task(task).unwrap().job;
            world.farm.job(job).unwrap().submission.user.clone()
        };
        assert_eq!((user(&world, 1), user(&world, 2)), ("b".into(), "b".into()));
        let mut free = hello(3, &[Role::Worker]);
        free.scenes_held.extend(holds.then_some(BlobHash([2; 32])));
        world.ok(Command::Joined(Box::new(free)));
        assert_eq!(user(&world, 3), expected, "holds {holds}, slack {slack}");
    }
}

#[test]
fn silence_rest_and_pause_are_noticed_without_a_tick() {
    // What happens to the only worker, and after how long it is given the job that waits then.
    let mut world = World::new();
    world.join(1, &[Role::Worker]);
    world.now = world.now.plus_ms(world.farm.policy.silent_ms + 10);
    let job = job_of(&mut world, "a", 1, 0, "1-9");
    assert_eq!(world.held(1), None, "it is silent");
    let heard = |paused| Command::Heard { node: node(1), scenes_held: BTreeSet::new(), paused };
    world.ok(heard(true));
    assert_eq!(world.held(1), None, "it is paused");
    world.ok(heard(false));
    let (_, lease, _) = world.held(1).unwrap();
    world.ok(Command::LeaseDeclined { node: node(1), lease });
    assert_eq!(world.held(1), None, "it rests");
    for _ in 0..3 {
        world.now = world.now.plus_ms(3_000);
        world.ok(heard(false));
        assert_eq!(world.held(1), None, "it still rests");
    }
    world.now = world.now.plus_ms(1_500);
    world.ok(Command::Tick);
    let (task, ..) = world.held(1).unwrap();
    world.now = world.now.plus_ms(world.farm.policy.frame_ms_max + 1);
    world.ok(heard(false));
    world.ok(Command::Tick);
    assert_eq!(world.farm.task(task).unwrap().status, TaskStatus::Returned, "past its deadline");
    assert_eq!(world.farm.frame_counts(job).rendering, 1, "and leased again");
}

#[test]
fn an_estimate_needs_one_frame_and_a_worker() {
    let (mut world, job) = World::busy("1-10");
    assert_eq!(world.farm.eta(job, world.now), None);
    world.render(1);
    let eta = world.farm.eta(job, world.now).unwrap();
    // Two slots, 5 s each, nine frames left: five rounds.
    assert_eq!((eta.frames_left, eta.slots, eta.frame_s), (9, 2.0, 5.0));
    assert_eq!(eta.at, world.now.plus_ms(25_000));
    job_of(&mut world, "b", 7, 0, "1-10");
    assert_eq!(world.farm.eta(job, world.now).unwrap().slots, 1.0, "shared with another user");
    world.ok(Command::Cancel(job));
    assert_eq!(world.farm.eta(job, world.now), None);
}
