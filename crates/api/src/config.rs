//! What the owner of a manager decides about its HTTP interface.

use crate::limits::{MESSAGE_RETRY_FIRST, UPLOAD_BYTES_MAX, UPLOADS_MAX};
use candela_core::id::EngineBuild;
use candela_messages::Sender;
use std::path::PathBuf;
use std::time::Duration;

/// Configuration of the interface.
#[derive(Clone)]
pub struct ApiConfig {
    /// Tokens of which everybody must show one who is not on this machine. None: nobody else gets in.
    pub tokens: Vec<String>,
    /// Engine of jobs that name none; otherwise the last of those that the manager offers.
    pub default_engine: Option<EngineBuild>,
    /// Bytes of one uploaded blob at most.
    pub upload_bytes_max: u64,
    /// Uploads at once at most.
    pub uploads_max: usize,
    /// Folder of files that are still arriving, and of what is known of those that did.
    pub uploads_dir: PathBuf,
    /// How messages are sent.
    pub messages: MessagesPlan,
}

/// How messages are sent, and what they say of this network.
#[derive(Clone)]
pub struct MessagesPlan {
    /// What sends them.
    pub sender: Sender,
    /// Where users reach the page; messages link to it.
    pub page_url: Option<String>,
    /// What webhooks are signed with; the managers' own secret if none.
    pub webhook_secret: Option<String>,
    /// After this time what was not delivered is tried again; each further time after twice as long.
    pub retry_first: Duration,
}

impl Default for MessagesPlan {
    fn default() -> Self {
        MessagesPlan {
            sender: Sender::default(),
            page_url: None,
            webhook_secret: None,
            retry_first: MESSAGE_RETRY_FIRST,
        }
    }
}

impl Default for ApiConfig {
    fn default() -> Self {
        ApiConfig {
            tokens: Vec::new(),
            default_engine: None,
            upload_bytes_max: UPLOAD_BYTES_MAX,
            uploads_max: UPLOADS_MAX,
            uploads_dir: std::env::temp_dir()
                .join(format!("candela-uploads-{}", std::process::id())),
            messages: MessagesPlan::default(),
        }
    }
}

/// Tokens are never printed.
impl std::fmt::Debug for ApiConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiConfig")
            .field("tokens", &format_args!("{} (secret)", self.tokens.len()))
            .field("default_engine", &self.default_engine)
            .field("upload_bytes_max", &self.upload_bytes_max)
            .field("uploads_max", &self.uploads_max)
            .field("uploads_dir", &self.uploads_dir)
            .finish_non_exhaustive()
    }
}
