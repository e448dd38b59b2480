//! What users ask for: jobs and tickets.

use super::RoleName;
use candela_core::settings::OutputFormat;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A job to be rendered. Its blobs are uploaded before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// 32 hexadecimal digits drawn by the submitter: the same submission sent twice is one job.
    pub submission_id: String,
    /// What people call it.
    pub name: String,
    /// Who submits.
    #[serde(default)]
    pub user: Option<String>,
    /// The scene.
    pub scene: SceneRequest,
    /// Which frames, like `1-24`, `1,5,9-12` or `1-100/10`; the scene's own range if there is none.
    #[serde(default)]
    pub frames: Option<String>,
    /// Exact build to render with; the manager's default if there is none.
    #[serde(default)]
    pub engine: Option<String>,
    /// What is set over the scene's own settings.
    #[serde(default)]
    pub overrides: OverridesRequest,
    /// What the submitter is content with.
    #[serde(default)]
    pub allow: AllowRequest,
    /// Higher goes first.
    #[serde(default)]
    pub priority: i32,
    /// Where the submitter wants to hear of it.
    #[serde(default)]
    pub notify: NotifyRequest,
}

/// Where the submitter wants to hear that a job came to its end, or that a frame of it came out wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyRequest {
    /// A URL, http or https, to which a message is posted.
    #[serde(default)]
    pub webhook: Option<String>,
    /// An address to which a mail is sent.
    #[serde(default)]
    pub email: Option<String>,
}

/// A .blend with everything it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SceneRequest {
    /// Path of the .blend: one of `files`.
    pub main_file: String,
    /// All files, with paths as they lie to one another.
    pub files: Vec<SceneFile>,
}

/// One file of a scene.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SceneFile {
    /// Relative, with `/` between the parts; no `..`.
    pub path: String,
    /// BLAKE3 hash of its bytes.
    pub hash: String,
    /// Its length.
    pub bytes: u64,
}

/// Settings that a submitter may give; what is none is the scene's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverridesRequest {
    /// Percentage of the scene's resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentage: Option<u32>,
    /// Samples per pixel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<u32>,
    /// Name of the scene in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<String>,
    /// Name of the camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// Format of the outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
}

/// What would be refused, unless the submitter says that it is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AllowRequest {
    /// Go on although files are missing.
    pub missing_files: bool,
    /// Render with Cycles what is set to another render engine.
    pub force_cycles: bool,
    /// Wait if no suitable worker is connected.
    pub wait: bool,
}

/// Format of the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// 8-bit PNG with the scene's view transform.
    Png,
    /// 16-bit PNG with the scene's view transform.
    Png16,
    /// JPEG, quality 90, with the scene's view transform.
    Jpeg,
    /// OpenEXR, 32-bit float, linear.
    Exr,
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Png => Format::Png,
            OutputFormat::Png16 => Format::Png16,
            OutputFormat::Jpeg => Format::Jpeg,
            OutputFormat::Exr => Format::Exr,
        }
    }
}

impl From<Format> for OutputFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Png => OutputFormat::Png,
            Format::Png16 => OutputFormat::Png16,
            Format::Jpeg => OutputFormat::Jpeg,
            Format::Exr => OutputFormat::Exr,
        }
    }
}

/// Asks for a ticket with which a node may join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketRequest {
    /// What the node may do.
    pub roles: Vec<RoleName>,
    /// Who its bearers belong to: a verifier never checks work of its own owner. None: each to itself.
    #[serde(default)]
    pub owner: Option<String>,
    /// How long it may be used, in seconds; for ever if there is none.
    #[serde(default)]
    pub expires_s: Option<u64>,
    /// Whether it is for a manager that joins the others, and for nothing else.
    #[serde(default)]
    pub manager: bool,
}

/// A ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketReply {
    /// One string, for `candela worker --join TICKET`.
    pub ticket: String,
}

/// What is done to several jobs at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobsAction {
    /// End them; their accepted frames are kept.
    Cancel,
    /// Have their failed or cancelled frames tried again.
    Retry,
    /// Give them another priority.
    Priority,
}

/// Asks for something to be done to several jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobsActionRequest {
    /// What.
    pub action: JobsAction,
    /// Their numbers; at most [`super::limits::JOBS_OF_ACTION_MAX`].
    pub jobs: Vec<u64>,
    /// The new priority, for `priority`: from -100 to 100, higher goes first.
    #[serde(default)]
    pub priority: Option<i32>,
}

/// A job to which it was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotDone {
    /// Its number.
    pub job: u64,
    /// Why not.
    pub refusal: super::RefusalInfo,
}

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobsActionReply {
    /// Jobs to which it was done.
    pub done: Vec<u64>,
    /// Jobs to which it was not.
    pub refused: Vec<NotDone>,
}

/// Moves a job before others or behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityRequest {
    /// From -100 to 100; higher goes first.
    pub priority: i32,
}

/// Lets a browser in: the token is kept in a cookie that no script can read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// One of the manager's tokens.
    pub token: String,
}
