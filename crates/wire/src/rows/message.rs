//! Mirrors of what a job's row says of messages.

use crate::mirror::{Mirror, mirror_enum, mirror_struct};
use candela_core::id::MessageId;
use candela_core::message::{Channel, Message, Notify, Occasion};
use candela_core::time::Time;
use serde::{Deserialize, Serialize};

mirror_struct! { Notify as NotifyV1 { webhook: Option<String>, email: Option<String>, } }

mirror_enum! { Channel as ChannelV1 { Webhook, Email, } }

mirror_struct! {
    Message as MessageV1 { id: MessageId, channel: Channel, occasion: Occasion, at: Time, }
}

/// What is told.
#[derive(Serialize, Deserialize)]
pub(crate) enum OccasionV1 {
    Completed,
    Failed,
    Refused,
    Cancelled,
    FrameWrong { frame: i32, reason: String },
}

impl Mirror for Occasion {
    type Wire = OccasionV1;

    fn to_wire(&self) -> OccasionV1 {
        match self {
            Occasion::Completed => OccasionV1::Completed,
            Occasion::Failed => OccasionV1::Failed,
            Occasion::Refused => OccasionV1::Refused,
            Occasion::Cancelled => OccasionV1::Cancelled,
            Occasion::FrameWrong { frame, reason } => {
                OccasionV1::FrameWrong { frame: *frame, reason: reason.clone() }
            }
        }
    }

    fn from_wire(wire: OccasionV1) -> Result<Self, &'static str> {
        Ok(match wire {
            OccasionV1::Completed => Occasion::Completed,
            OccasionV1::Failed => Occasion::Failed,
            OccasionV1::Refused => Occasion::Refused,
            OccasionV1::Cancelled => Occasion::Cancelled,
            OccasionV1::FrameWrong { frame, reason } => Occasion::FrameWrong { frame, reason },
        })
    }
}
