//! The figures on which the rules turn, in one place so that they can be configured and tested.

use crate::standing::Checking;

/// Times, bounds and shares.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// What a task should take on its worker, in seconds.
    pub task_target_s: f64,
    /// Frames of one task at most.
    pub task_frames_max: usize,
    /// After this silence a node gets no new work.
    pub silent_ms: u64,
    /// After this silence a node's leases are queued again.
    pub grace_ms: u64,
    /// A frame may take this long on its worker before the lease is taken back.
    pub frame_ms_max: u64,
    /// A verification task may take this long.
    pub verification_ms_max: u64,
    /// Different workers on which a frame must crash the engine before it is the scene's fault.
    pub crash_workers: usize,
    /// Attempts at one frame at most, whatever the reason.
    pub attempts_max: u32,
    /// Tries of the inspection, of which each but the last may crash.
    pub inspections_max: u32,
    /// How much is checked.
    pub checking: Checking,
    /// Probes of a frame at most; doubled from round to round until then.
    pub probes_max: u32,
    /// Rejected leases in a row after which a worker gets no more work.
    pub rejections_suspend: u32,
    /// Convictions within the time of reopening after which it gets none either, whatever lies between.
    pub convictions_suspend: usize,
    /// Failed verification tasks of one receipt after which its frame is rendered again.
    pub verification_tries_max: u32,
    /// Tasks of one user that are under way at most; 0: no limit.
    pub tasks_per_user_max: usize,
    /// A worker goes on with a scene that it holds as long as that job's user is not further ahead of the
    /// user whose turn it is than this share of what it has under way, from 0; 0: only if it is level.
    pub scene_slack: f64,
    /// Jobs of one user that are not over at most; 0: no limit.
    pub jobs_per_user_max: usize,
    /// How verifiers are kept honest.
    pub verifiers: Verifying,
    /// For this long after its acceptance a frame may be opened again, while its blobs are kept.
    pub reopen_ms: u64,
    /// A job and all that belongs to it is forgotten so long after it ended, and not before its frames
    /// can't be opened again any more; 0: never.
    pub keep_jobs_ms: u64,
    /// What users may claim.
    pub claims: Claiming,
}

/// How verifiers are kept honest.
#[derive(Debug, Clone, PartialEq)]
pub struct Verifying {
    /// Share of accepting verdicts that get a second opinion, drawn from the key.
    pub second_rate: f64,
    /// A verifier's accepting verdicts all get one until so many of its answers were confirmed.
    pub probation: u64,
    /// Share of the verification tasks that are canaries.
    pub canary_rate: f64,
    /// Answers found false after which a verifier gets no more work …
    pub failures_suspend: u64,
    /// … if they are also this share of its answers.
    pub failures_share: f64,
    /// Opinions of other owners that convict a worker, each with the same pictures.
    pub convict: usize,
    /// The same for a worker with a record, if there are so many owners of verifiers.
    pub convict_established: usize,
    /// Opinions on one receipt at most; then it is rendered again and nobody is blamed.
    pub opinions_max: usize,
    /// Receipts whose verdict is known that are kept for canaries.
    pub canaries_kept: usize,
}

/// What users may claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Claiming {
    /// Claims of one job that are open at once.
    pub open_max: usize,
    /// Claims of one user within a day …
    pub user_day_max: usize,
    /// … of which so many may be dismissed; then no more until the day is over.
    pub dismissed_day_max: usize,
    /// Tiles of 64 × 64 pixels in one verification task of a claim.
    pub tiles_per_task: u32,
    /// Opinions on one part of a claim at most.
    pub opinions_max: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            task_target_s: 60.0,
            task_frames_max: 50,
            silent_ms: 5_000,
            grace_ms: 30_000,
            frame_ms_max: 4 * 3_600_000,
            verification_ms_max: 3_600_000,
            crash_workers: 3,
            attempts_max: 8,
            inspections_max: 3,
            checking: Checking::default(),
            probes_max: 48,
            rejections_suspend: 2,
            convictions_suspend: 3,
            verification_tries_max: 6,
            tasks_per_user_max: 0,
            scene_slack: 0.25,
            jobs_per_user_max: 1_000,
            verifiers: Verifying::default(),
            reopen_ms: 24 * 3_600_000,
            keep_jobs_ms: 30 * 24 * 3_600_000,
            claims: Claiming::default(),
        }
    }
}

impl Default for Verifying {
    fn default() -> Self {
        Verifying {
            second_rate: 0.05,
            probation: 3,
            canary_rate: 0.02,
            failures_suspend: 2,
            failures_share: 0.01,
            convict: 2,
            convict_established: 3,
            opinions_max: 12,
            canaries_kept: 256,
        }
    }
}

impl Default for Claiming {
    fn default() -> Self {
        Claiming {
            open_max: 4,
            user_day_max: 50,
            dismissed_day_max: 10,
            tiles_per_task: 24,
            opinions_max: 5,
        }
    }
}
