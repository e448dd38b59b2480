//! Messages to people outside: that a job came to its end, or that a frame came out wrong.

use crate::id::MessageId;
use crate::time::Time;

/// Where somebody wants to hear of a job; both were checked at the edge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notify {
    /// A URL to which a message is posted.
    pub webhook: Option<String>,
    /// An address to which a mail is sent.
    pub email: Option<String>,
}

impl Notify {
    /// The ways in which messages go.
    pub fn channels(&self) -> impl Iterator<Item = Channel> {
        let webhook = self.webhook.as_ref().map(|_| Channel::Webhook);
        webhook.into_iter().chain(self.email.as_ref().map(|_| Channel::Email))
    }
}

/// A way in which a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Posted to a URL.
    Webhook,
    /// Mailed.
    Email,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occasion {
    /// Every frame is accepted.
    Completed,
    /// Frames could not be rendered.
    Failed,
    /// The scene can't be rendered as it is.
    Refused,
    /// The job was ended.
    Cancelled,
    /// For the first time a frame of the job was rejected, or given up.
    FrameWrong {
        /// The frame.
        frame: i32,
        /// Why.
        reason: String,
    },
}

impl Occasion {
    /// The name under which it is told.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Occasion::Completed => "job_completed",
            Occasion::Failed => "job_failed",
            Occasion::Refused => "job_refused",
            Occasion::Cancelled => "job_cancelled",
            Occasion::FrameWrong { .. } => "frame_wrong",
        }
    }
}

/// A message that is still to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its number, the same at every attempt.
    pub id: MessageId,
    /// Which way it goes.
    pub channel: Channel,
    /// What is told.
    pub occasion: Occasion,
    /// When that happened.
    pub at: Time,
}
