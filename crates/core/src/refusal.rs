//! Refusals: the rules say no, and the sender is told why and what to change.
//!
//! The codes are part of the interface: they never change their meaning, and new ones are added at the end.

use std::fmt;

macro_rules! refusal_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why the rules say no, as a stable code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RefusalCode { $($(#[$doc])* $name,)* }

        impl RefusalCode {
            /// All codes, in the order of their introduction.
            pub const ALL: &'static [RefusalCode] = &[$(RefusalCode::$name,)*];

            /// The code as it is sent and shown.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(RefusalCode::$name => $text,)* }
            }

            /// The code with that text.
            #[must_use]
            pub fn parse(text: &str) -> Option<RefusalCode> {
                match text { $($text => Some(RefusalCode::$name),)* _ => None }
            }
        }
    };
}

refusal_codes! {
    /// There is no job with that number.
    NoSuchJob = "no_such_job",
    /// The job has no such frame.
    NoSuchFrame = "no_such_frame",
    /// There is no node with that id.
    NoSuchNode = "no_such_node",
    /// The text of the frames can't be understood.
    FramesNotUnderstood = "frames_not_understood",
    /// The frames are an empty range.
    FramesEmpty = "frames_empty",
    /// More frames than a job may have.
    FramesTooMany = "frames_too_many",
    /// A frame number outside of what the engine knows.
    FrameOutOfRange = "frame_out_of_range",
    /// A picture size of zero, or above the limit.
    SizeOutOfRange = "size_out_of_range",
    /// A number of samples of zero, or above the limit.
    SamplesOutOfRange = "samples_out_of_range",
    /// A name that is empty, too long or holds control characters.
    NameNotAllowed = "name_not_allowed",
    /// The engine build is not one that this network offers.
    EngineUnknown = "engine_unknown",
    /// The file is not a scene of the engine.
    NotAScene = "not_a_scene",
    /// The file ends too early or is damaged.
    SceneDamaged = "scene_damaged",
    /// The file was saved by a newer engine than the job names.
    SceneTooNew = "scene_too_new",
    /// The scene isn't set to Cycles.
    RenderEngineNotCycles = "render_engine_not_cycles",
    /// The scene has no camera.
    NoCamera = "no_camera",
    /// The scene in the file, or the camera in the scene, isn't there.
    NoSuchPart = "no_such_part",
    /// Files that the scene names are not there.
    FilesMissing = "files_missing",
    /// The scene has a render time limit, so its result depends on the machine's speed.
    TimeLimitSet = "time_limit_set",
    /// The scene has simulations without a baked cache.
    SimulationNotBaked = "simulation_not_baked",
    /// The preview is black all over, after another render engine was replaced.
    PreviewBlack = "preview_black",
    /// The engine fell over while looking at the scene, each time it was tried.
    SceneCrashesEngine = "scene_crashes_engine",
    /// No worker that could render this is connected.
    NoSuitableWorker = "no_suitable_worker",
    /// Blobs of the scene have not been uploaded.
    BlobsMissing = "blobs_missing",
    /// A path in the scene's collection is not allowed.
    PathNotAllowed = "path_not_allowed",
    /// Too large.
    TooLarge = "too_large",
    /// The blob's bytes have another hash than was said.
    HashMismatch = "hash_mismatch",
    /// The job is over, or in a state in which this can't be done.
    WrongState = "wrong_state",
    /// The lease isn't there (any more), or is somebody else's.
    LeaseStale = "lease_stale",
    /// The receipt names a frame that its lease doesn't hold.
    FrameNotInLease = "frame_not_in_lease",
    /// The receipt for this frame is there already, and says something else.
    ReceiptConflicts = "receipt_conflicts",
    /// A signature that doesn't fit.
    SignatureWrong = "signature_wrong",
    /// The receipt names another engine build than the task.
    EngineMismatch = "engine_mismatch",
    /// The ticket isn't valid for this.
    TicketNotValid = "ticket_not_valid",
    /// The node doesn't have the role that this needs.
    RoleMissing = "role_missing",
    /// The node may not be given work at present.
    NodeSuspended = "node_suspended",
    /// The verification isn't this node's.
    VerificationStale = "verification_stale",
    /// A message that is out of its limits.
    MessageNotAllowed = "message_not_allowed",
    /// The protocol version isn't spoken here.
    VersionMismatch = "version_mismatch",
    /// The manager's disk is full.
    StorageFull = "storage_full",
    /// The managers have no leader: too few of them are there.
    NoLeader = "no_leader",
    /// The token is missing or not valid.
    TokenNotValid = "token_not_valid",
    /// Too much at once: try again later.
    Busy = "busy",
    /// The request's form is wrong.
    RequestNotUnderstood = "request_not_understood",
    /// There is nothing at that address.
    NotFound = "not_found",
    /// The frame has no output yet.
    FrameNotReady = "frame_not_ready",
    /// There was a claim on this frame's result before.
    ClaimThere = "claim_there",
    /// More claims than one may have at once, or in a day.
    ClaimsTooMany = "claims_too_many",
    /// There is no claim with that number.
    NoSuchClaim = "no_such_claim",
    /// What the scene's compositor makes can't be made again from the layers, so nobody could check it.
    OutputNotCheckable = "output_not_checkable",
    /// The user has as many jobs that are not over as it may have.
    JobsTooMany = "jobs_too_many",
    /// The token doesn't let its bearer do that.
    ScopeMissing = "scope_missing",
    /// The job is another user's.
    NotYours = "not_yours",
    /// No film can be made of what the job's outputs are.
    FilmNotPossible = "film_not_possible",
    /// No message can be sent to where the submitter wants to hear of the job.
    NotifyNotPossible = "notify_not_possible",
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The rules say no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Why, for programs.
    pub code: RefusalCode,
    /// Why, for people: one sentence that names the thing.
    pub message: String,
    /// What to change.
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal without advice.
    #[must_use]
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Refusal { code, message: message.into(), hint: None }
    }

    /// The same with what to change.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
