//! Long lists come in pages; the cursor is the last entry seen, so that a page never shifts.

use super::{FrameState, FrameSummary, JobState, JobSummary};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobsQuery {
    /// Only jobs with a smaller number: the `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// Entries at most; 100 by default, 1,000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only jobs in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<JobState>,
    /// Only jobs whose name or user contains this, whatever the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Only jobs of this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// Jobs, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobsPage {
    /// The entries.
    pub items: Vec<JobSummary>,
    /// `before` of the next page; none on the last.
    pub next: Option<u64>,
    /// How many jobs there are in all pages.
    #[serde(default)]
    pub total: usize,
}

/// Which frames of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FramesQuery {
    /// Only frames with a greater number: the `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<i32>,
    /// Entries at most; 100 by default, 1,000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only frames in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<FrameState>,
}

/// Frames of a job, in ascending order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FramesPage {
    /// The entries.
    pub items: Vec<FrameSummary>,
    /// `after` of the next page; none on the last.
    pub next: Option<i32>,
}
