//! Whose turn it is: jobs with frames waiting, by priority, then shared fairly between users.
//!
//! # The order
//!
//! 1. Higher priority first.
//! 2. Among jobs of one priority, the user with the fewest tasks under way. So users who always have
//!    work waiting hold the same number of workers, however many jobs they have and however long their
//!    frames take, and nobody's frames need to be known beforehand.
//! 3. Among users with as many, the one with the least service: the time rendered for the user so far
//!    (of received frames, at that priority). So those who hold no worker, where there are more users
//!    than workers, get equal time too.
//! 4. Among the jobs of that user, the one with the fewest tasks under way, then the oldest.
//!
//! A worker that ends a task takes one from its user's count, so where all are level it is that user's
//! turn again, and mostly that job's: it goes on with the scene that it holds.
//!
//! Nobody saves up service while nothing of theirs is waiting: who comes back starts level with the
//! user whose turn it is, or if nobody waits, with who was served last (start-time fair queueing: Goyal,
//! Vin and Cheng 1996). Users with the same service go in turn.
//!
//! What somebody is ahead is forgotten once nothing of theirs is left.
//! Service is in memory only: after another leader took over, or a restart, all start level.

use crate::id::{EngineBuild, JobId, TaskId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// A user, by a number that is shorter than the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct UserNo(u64);

/// The place of a user in the order; the least is next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    priority: Reverse<i32>,
    under_way: usize,
    served_ms: u64,
    since: u64,
    user: UserNo,
}

/// What a user has at one priority.
#[derive(Debug, Clone, Default, PartialEq)]
struct Share {
    /// Tasks under way.
    under_way: usize,
    /// Time rendered so far, as far as it is remembered.
    served_ms: u64,
    /// When it was served last, or came; counted, not timed.
    since: u64,
    /// Jobs with frames waiting by engine, as tasks under way and job.
    open: BTreeMap<EngineBuild, BTreeSet<(usize, JobId)>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct User {
    name: String,
    /// Tasks under way.
    under_way: usize,
    /// Jobs that are not over.
    unfinished: usize,
    shares: BTreeMap<i32, Share>,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    user: UserNo,
    engine: EngineBuild,
    priority: i32,
    tasks: BTreeSet<TaskId>,
    open: bool,
    over: bool,
}

/// The jobs that are not over, and their users.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Queue {
    tasks_per_user_max: usize,
    jobs: BTreeMap<JobId, Entry>,
    users: BTreeMap<UserNo, User>,
    names: BTreeMap<String, UserNo>,
    /// Who is next among those whose jobs want an engine.
    turns: BTreeMap<EngineBuild, BTreeSet<Turn>>,
    /// The service of whoever was served last, by priority; it only grows.
    clocks: BTreeMap<i32, u64>,
    counted: u64,
}

impl Queue {
    /// An empty one. `tasks_per_user_max`: 0 for no limit.
    pub(super) fn new(tasks_per_user_max: usize) -> Queue {
        Queue { tasks_per_user_max, ..Queue::default() }
    }

    /// A job began, or goes on after it was over.
    pub(super) fn begin(&mut self, job: JobId, user: &str, engine: &EngineBuild, priority: i32) {
        if let Some(entry) = self.jobs.get_mut(&job) {
            if std::mem::replace(&mut entry.over, false)
                && let Some(user) = self.users.get_mut(&entry.user)
            {
                user.unfinished += 1;
            }
            return;
        }
        let no = self.user_no(user);
        if let Some(user) = self.users.get_mut(&no) {
            user.unfinished += 1;
        }
        let (engine, tasks) = (engine.clone(), BTreeSet::new());
        let entry = Entry { user: no, engine, priority, tasks, open: false, over: false };
        self.jobs.insert(job, entry);
    }

    fn user_no(&mut self, name: &str) -> UserNo {
        if let Some(no) = self.names.get(name) {
            return *no;
        }
        self.counted += 1;
        let no = UserNo(self.counted);
        self.names.insert(name.to_owned(), no);
        self.users.insert(no, User { name: name.to_owned(), ..User::default() });
        no
    }

    /// A job is over. Its tasks may still have to be ended.
    pub(super) fn finish(&mut self, job: JobId) {
        self.set_open(job, false);
        let Some(entry) = self.jobs.get_mut(&job) else { return };
        if std::mem::replace(&mut entry.over, true) {
            return;
        }
        if let Some(user) = self.users.get_mut(&entry.user) {
            user.unfinished = user.unfinished.saturating_sub(1);
        }
        self.forget_if_over(job);
    }

    fn forget_if_over(&mut self, job: JobId) {
        let Some(entry) = self.jobs.get(&job) else { return };
        if !entry.over || !entry.tasks.is_empty() {
            return;
        }
        let no = entry.user;
        self.jobs.remove(&job);
        let Some(user) = self.users.get_mut(&no) else { return };
        if user.unfinished == 0 && user.under_way == 0 {
            self.names.remove(&user.name);
            self.users.remove(&no);
        }
    }

    /// Whether frames of a job are waiting and may be given out.
    pub(super) fn set_open(&mut self, job: JobId, open: bool) {
        let Some(entry) = self.jobs.get_mut(&job) else { return };
        if std::mem::replace(&mut entry.open, open) == open {
            return;
        }
        let (engine, place) = (entry.engine.clone(), (entry.tasks.len(), job));
        let (no, priority) = (entry.user, entry.priority);
        let level = self.level(&engine, priority);
        self.counted += 1;
        let since = self.counted;
        self.change(no, |user| {
            let share = user.shares.entry(priority).or_default();
            if open {
                if share.open.is_empty() {
                    share.served_ms = share.served_ms.max(level);
                    share.since = since;
                }
                share.open.entry(engine).or_default().insert(place);
            } else if let Some(jobs) = share.open.get_mut(&engine) {
                jobs.remove(&place);
                if jobs.is_empty() {
                    share.open.remove(&engine);
                }
            }
        });
    }

    /// The service at which somebody starts who had nothing waiting: that of who is next, else of who
    /// was last.
    fn level(&self, engine: &EngineBuild, priority: i32) -> u64 {
        let priority = Reverse(priority);
        let least = Turn { priority, under_way: 0, served_ms: 0, since: 0, user: UserNo(0) };
        let next = self.turns.get(engine).and_then(|turns| turns.range(least..).next());
        let next = next.filter(|turn| turn.priority == priority).map(|turn| turn.served_ms);
        next.unwrap_or_else(|| self.clocks.get(&priority.0).copied().unwrap_or(0))
    }

    /// Passes over a job whose turn it is, or puts it back where it was.
    pub(super) fn set_passed(&mut self, job: JobId, passed: bool) {
        let Some(entry) = self.jobs.get(&job).filter(|entry| entry.open) else { return };
        let (no, priority) = (entry.user, entry.priority);
        let (engine, place) = (entry.engine.clone(), (entry.tasks.len(), job));
        self.change(no, |user| {
            let share = user.shares.entry(priority).or_default();
            let jobs = share.open.entry(engine).or_default();
            if passed {
                jobs.remove(&place)
            } else {
                jobs.insert(place)
            };
        });
    }

    /// Moves a job, with its tasks under way, to another priority. There its user starts level, as
    /// whoever comes does.
    pub(super) fn set_priority(&mut self, job: JobId, priority: i32) {
        let Some(entry) = self.jobs.get(&job).filter(|entry| entry.priority != priority) else {
            return;
        };
        let (no, before) = (entry.user, entry.priority);
        let (open, tasks) = (entry.open, entry.tasks.len());
        self.set_open(job, false);
        self.change(no, |user| {
            if let Some(share) = user.shares.get_mut(&before) {
                share.under_way = share.under_way.saturating_sub(tasks);
            }
            user.shares.entry(priority).or_default().under_way += tasks;
        });
        if let Some(entry) = self.jobs.get_mut(&job) {
            entry.priority = priority;
        }
        self.set_open(job, open);
    }

    /// A task of a job is under way.
    pub(super) fn begun(&mut self, job: JobId, task: TaskId) {
        let Some(entry) = self.jobs.get(&job) else { return };
        let (no, priority) = (entry.user, entry.priority);
        let share = self.users.get(&no).and_then(|user| user.shares.get(&priority));
        let served_ms = share.map_or(0, |share| share.served_ms);
        let clock = self.clocks.entry(priority).or_default();
        *clock = served_ms.max(*clock);
        self.set_task(job, task, true);
    }

    /// A task of a job is not under way any more.
    pub(super) fn ended(&mut self, job: JobId, task: TaskId) {
        self.set_task(job, task, false);
        self.forget_if_over(job);
    }

    fn set_task(&mut self, job: JobId, task: TaskId, under_way: bool) {
        let Some(entry) = self.jobs.get_mut(&job) else { return };
        let before = entry.tasks.len();
        let changed = if under_way { entry.tasks.insert(task) } else { entry.tasks.remove(&task) };
        if !changed {
            return;
        }
        let after = entry.tasks.len();
        let (no, priority) = (entry.user, entry.priority);
        let engine = entry.open.then(|| entry.engine.clone());
        self.counted += 1;
        let since = self.counted;
        self.change(no, |user| {
            let share = user.shares.entry(priority).or_default();
            let jobs = engine.as_ref().and_then(|engine| share.open.get_mut(engine));
            if let Some(jobs) = jobs {
                jobs.remove(&(before, job));
                jobs.insert((after, job));
            }
            if under_way {
                share.since = since;
                share.under_way += 1;
                user.under_way += 1;
            } else {
                share.under_way = share.under_way.saturating_sub(1);
                user.under_way = user.under_way.saturating_sub(1);
            }
        });
    }

    /// A frame of a job came that took so long to render.
    pub(super) fn served(&mut self, job: JobId, render_ms: u64) {
        let Some(entry) = self.jobs.get(&job) else { return };
        let (no, priority) = (entry.user, entry.priority);
        self.change(no, |user| {
            let share = user.shares.entry(priority).or_default();
            share.served_ms = share.served_ms.saturating_add(render_ms);
        });
    }

    /// How many more tasks the user of an open job has under way than that of another at the same
    /// priority, over all that it has; none if it can't be given anything now, or has nothing under way.
    pub(super) fn ahead(&self, job: JobId, other: JobId) -> Option<f64> {
        let entry = self.jobs.get(&job).filter(|entry| entry.open)?;
        let user = self.users.get(&entry.user)?;
        let full = self.tasks_per_user_max > 0 && user.under_way >= self.tasks_per_user_max;
        let other = self.users.get(&self.jobs.get(&other)?.user)?.shares.get(&entry.priority)?;
        let share = user.shares.get(&entry.priority)?;
        let ahead = share.under_way.saturating_sub(other.under_way);
        let may = !full && share.under_way > 0;
        may.then(|| ahead as f64 / share.under_way as f64)
    }

    /// The job whose turn it is, among those whose engine is in demand.
    pub(super) fn next(&self, in_demand: impl Fn(&EngineBuild) -> bool) -> Option<JobId> {
        let turns = self.turns.iter().filter(|(engine, _)| in_demand(engine));
        let firsts = turns.filter_map(|(engine, turns)| Some((turns.first()?, engine)));
        let (turn, engine) = firsts.min()?;
        let share = self.users.get(&turn.user)?.shares.get(&turn.priority.0)?;
        share.open.get(engine)?.first().map(|place| place.1)
    }

    /// Changes a user, and with it the places in the order: as many as it has priorities and engines.
    fn change(&mut self, no: UserNo, change: impl FnOnce(&mut User)) {
        let Some(user) = self.users.get_mut(&no) else { return };
        let limit = self.tasks_per_user_max;
        for (engine, turn) in user.turns(no, limit) {
            if let Some(turns) = self.turns.get_mut(&engine) {
                turns.remove(&turn);
                if turns.is_empty() {
                    self.turns.remove(&engine);
                }
            }
        }
        change(user);
        user.shares.retain(|_, share| share.under_way > 0 || !share.open.is_empty());
        for (engine, turn) in user.turns(no, limit) {
            self.turns.entry(engine).or_default().insert(turn);
        }
    }

    /// Jobs of a user that are not over.
    pub(super) fn unfinished(&self, user: &str) -> usize {
        let no = self.names.get(user);
        no.and_then(|no| self.users.get(no)).map_or(0, |user| user.unfinished)
    }

    /// Tasks of a user that are under way, for tests.
    #[cfg(test)]
    pub(super) fn under_way(&self, user: &str) -> usize {
        let no = self.names.get(user);
        no.and_then(|no| self.users.get(no)).map_or(0, |user| user.under_way)
    }

    /// Tasks of a job that are under way.
    pub(super) fn tasks(&self, job: JobId) -> impl Iterator<Item = TaskId> {
        self.jobs.get(&job).into_iter().flat_map(|entry| entry.tasks.iter().copied())
    }

    /// The jobs with frames waiting, for tests.
    #[cfg(test)]
    pub(super) fn open_jobs(&self) -> BTreeSet<JobId> {
        self.jobs.iter().filter(|job| job.1.open).map(|job| *job.0).collect()
    }

    /// Users with something open or under way at a priority with that engine, and how many of those
    /// jobs are `user`'s; tasks under way at higher priorities.
    pub(super) fn rivals(&self, user: &str, engine: &EngineBuild, priority: i32) -> Rivals {
        let mut rivals = Rivals::default();
        for other in self.users.values() {
            let share = other.shares.get(&priority);
            let jobs = share.map_or(0, |share| share.open.get(engine).map_or(0, BTreeSet::len));
            rivals.users += usize::from(jobs > 0 || other.name == user);
            if other.name == user {
                rivals.jobs = jobs;
            }
            let higher = other.shares.range(priority.saturating_add(1)..);
            rivals.tasks_before += higher.map(|(_, share)| share.under_way).sum::<usize>();
        }
        rivals
    }
}

/// With whom a job shares the workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rivals {
    /// Users with jobs of that priority and engine, its own among them.
    pub(super) users: usize,
    /// Such jobs of its own user.
    pub(super) jobs: usize,
    /// Tasks under way at higher priorities.
    pub(super) tasks_before: usize,
}

impl User {
    /// The user's places in the order; none while it has as many tasks as it may.
    fn turns(&self, no: UserNo, limit: usize) -> Vec<(EngineBuild, Turn)> {
        if limit > 0 && self.under_way >= limit {
            return Vec::new();
        }
        let of_share = |(priority, share): (&i32, &Share)| {
            let turn = Turn {
                priority: Reverse(*priority),
                under_way: share.under_way,
                served_ms: share.served_ms,
                since: share.since,
                user: no,
            };
            // Of what is passed over an empty set is left, so that the service isn't forgotten.
            let open = share.open.iter().filter(|open| !open.1.is_empty());
            open.map(|(engine, _)| (engine.clone(), turn.clone())).collect::<Vec<_>>()
        };
        self.shares.iter().flat_map(of_share).collect()
    }
}
