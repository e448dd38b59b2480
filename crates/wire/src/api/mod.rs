//! What the HTTP interface sends and takes, as JSON: its own types, so that the rules' types can change freely.
//!
//! Names are part of the interface. Fields are added, never renamed; a number's unit is in its name;
//! times are milliseconds since 1970-01-01 UTC; hashes and node ids are 64 hexadecimal digits.
//! Requests refuse unknown fields, so that a misspelt one is not ignored; replies may grow.

mod blob;
mod claim;
mod event;
mod film;
mod frame;
mod job;
pub mod limits;
mod manager;
mod message;
mod network;
mod node;
mod page;
mod receipt;
mod refusal;
mod request;
mod ticket;
mod token;
mod upload;

pub use blob::{BlobInfo, MissingReply, MissingRequest};
pub use claim::{
    ClaimDetail, ClaimInfo, ClaimRequest, ClaimState, ClaimTerms, ClaimsPage, ClaimsQuery,
    PictureName,
};
pub use event::{Event, FrameChanged, HealthInfo};
pub use film::FilmInfo;
pub use frame::{FrameDetail, FrameState, FrameSummary, OutputInfo, Progress};
pub use job::{FrameCounts, JobDetail, JobState, JobSummary, RenderInfo, VerificationCost};
pub use manager::{ManagerInfo, ManagersInfo, QueueInfo};
pub use message::MessageInfo;
pub use network::{JobCounts, NetworkInfo, NetworkMinute, NodeCounts, VerificationFigures};
pub use node::{NodeInfo, NodeRecord, NodeRef, NodeTask, RoleName};
pub use page::{FramesPage, FramesQuery, JobsPage, JobsQuery};
pub use receipt::{
    OutcomeName, ProbeInfo, PurposeName, ReceiptInfo, ReceiptState, VerdictInfo, VerdictSummary,
    VerificationInfo, VerificationState,
};
pub use refusal::RefusalInfo;
pub use request::{
    AllowRequest, Format, JobRequest, JobsAction, JobsActionReply, JobsActionRequest, NotDone,
    NotifyRequest, OverridesRequest, PriorityRequest, SceneFile, SceneRequest, SessionRequest,
    TicketReply, TicketRequest,
};
pub use ticket::TicketInfo;
pub use token::{AccountInfo, ScopeName, TokenInfo, TokenReply, TokenRequest};
pub use upload::{UploadChunk, UploadInfo, UploadRange, UploadRequest};

/// Where every path of the interface begins.
pub const PREFIX: &str = "/api/v1";

#[cfg(test)]
mod tests;
