//! How a request is refused: one form for everything that goes wrong.

use candela_core::refusal::{Refusal, RefusalCode};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Why a request is refused, or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusalInfo {
    /// Why, for programs: a stable code like `frames_empty`. `unavailable` if the manager itself failed.
    pub code: String,
    /// Why, for people: one sentence.
    pub message: String,
    /// What to change.
    #[serde(default)]
    pub hint: Option<String>,
    /// What it is about, if there are several things: the hashes of missing blobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
}

impl RefusalInfo {
    /// The code if this version of the program knows it.
    #[must_use]
    pub fn known_code(&self) -> Option<RefusalCode> {
        RefusalCode::parse(&self.code)
    }
}

impl From<&Refusal> for RefusalInfo {
    fn from(refusal: &Refusal) -> Self {
        RefusalInfo {
            code: refusal.code.as_str().to_owned(),
            message: refusal.message.clone(),
            hint: refusal.hint.clone(),
            items: Vec::new(),
        }
    }
}

impl fmt::Display for RefusalInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
