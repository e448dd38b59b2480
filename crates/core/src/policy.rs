//! The figures on which the rules turn, in one place so that they can be configured and tested.

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
    /// Probes of a frame's first verification task.
    pub probes_first: u32,
    /// Probes of a frame at most; doubled from round to round until then.
    pub probes_max: u32,
    /// Rejected leases in a row after which a worker gets no more work.
    pub rejections_suspend: u32,
    /// Failed verification tasks of one receipt after which its frame is rendered again.
    pub verification_tries_max: u32,
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
            probes_first: 3,
            probes_max: 48,
            rejections_suspend: 2,
            verification_tries_max: 6,
        }
    }
}
