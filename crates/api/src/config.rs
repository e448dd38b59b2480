//! What the owner of a manager decides about its HTTP interface.

use crate::limits::{UPLOAD_BYTES_MAX, UPLOADS_MAX};
use candela_core::id::EngineBuild;
use std::path::PathBuf;

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
            .finish()
    }
}
