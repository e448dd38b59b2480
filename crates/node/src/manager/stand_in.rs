//! For load tests of the control plane: what takes the place of engines and pictures.
//!
//! No program of the project has one, but the one that measures how quickly work is given out: no
//! scene is opened there, no blob is moved and no picture compared. All else is as it always is.

use candela_core::farm::Command;
use candela_core::id::{JobId, NodeId};
use candela_core::verification::{SignedReport, Verdict, VerificationTask};
use std::fmt;
use std::sync::Arc;

type Inspected = Arc<dyn Fn(JobId) -> Command + Send + Sync>;
type Judged = Arc<dyn Fn(&VerificationTask, NodeId, SignedReport) -> Verdict + Send + Sync>;

/// Answers where a manager would look at pictures. Cheap to clone.
#[derive(Clone)]
pub struct StandIn {
    /// What the inspection of a job found.
    pub inspected: Inspected,
    /// The verdict on a verifier's report.
    pub judged: Judged,
}

impl fmt::Debug for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StandIn")
    }
}
