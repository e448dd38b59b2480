//! How far a film is that is being made.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A film that is not there yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FilmInfo {
    /// `waiting` for its turn, or `making`.
    pub state: String,
    /// Its frames.
    pub frames: usize,
    /// Since when it is asked for, in seconds.
    pub since_s: f64,
    /// About how long it still takes, in seconds; none if no film was made before.
    pub left_s: Option<f64>,
}
