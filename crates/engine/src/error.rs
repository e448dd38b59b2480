//! What can go wrong with an engine, so that a caller can tell the scene's fault from the machine's.

use std::io;
use std::path::{Path, PathBuf};

use crate::header::HeaderError;
use crate::layers::LayersError;
use crate::provision::ProvisionError;
use crate::sandbox::SandboxError;

/// Any error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The scene's file can't be one that this engine reads.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The engine looked at the request and declined: the reason is in the scene or the settings.
    #[error("{text}")]
    Declined {
        /// Stable name of the reason: `no-camera`, `no-such-camera`, `no-such-scene`, `not-cycles`, `unreadable`, `undevelopable`, `nothing-rendered`.
        code: String,
        /// What to tell the user.
        text: String,
    },
    /// The engine reported a failure of its own.
    #[error("the engine failed: {text}")]
    Failed {
        /// The engine's message.
        text: String,
        /// The last lines of what it printed.
        engine_text: Vec<String>,
    },
    /// The engine's process ended in the middle of a request.
    #[error("the engine crashed ({how}); it said: {}", last_words(engine_text))]
    Crashed {
        /// Signal or exit code, in words.
        how: String,
        /// The last lines of what it printed.
        engine_text: Vec<String>,
    },
    /// The engine took more memory than it may, and was killed.
    #[error(
        "the engine was killed: it took {peak_bytes} bytes of memory, the limit is {limit_bytes}"
    )]
    OutOfMemory {
        /// The limit in bytes.
        limit_bytes: u64,
        /// The most that was seen, in bytes.
        peak_bytes: u64,
    },
    /// The engine wrote more than it may, and was killed.
    #[error("the engine was killed: it wrote more than {limit_bytes} bytes to its scratch folder")]
    ScratchFull {
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// A request took too long, and the engine was killed.
    #[error("the engine was killed: {step} took longer than {limit_s} s")]
    TimedOut {
        /// The request.
        step: &'static str,
        /// The limit in seconds.
        limit_s: u64,
    },
    /// The engine answered something that is not in the protocol.
    #[error("the engine's answer to {step} makes no sense: {problem}")]
    Protocol {
        /// The request.
        step: &'static str,
        /// What is wrong with the answer.
        problem: String,
    },
    /// The caller asked for something before a scene was open, or after the engine ended.
    #[error("no scene is open in the engine")]
    NotOpen,
    /// The sandbox could not be made.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The engine is not installed, and can't be.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// Layers are not what they should be.
    #[error(transparent)]
    Layers(#[from] LayersError),
    /// A file could not be read or written.
    #[error("{step} {}", path.display())]
    Io {
        /// What was tried, as in "can't read".
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl EngineError {
    /// Whether the scene or the settings are to blame, so that another machine would say the same.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, EngineError::Header(_) | EngineError::Declined { .. })
    }

    pub(crate) fn io(step: &'static str, path: &Path, source: io::Error) -> Self {
        EngineError::Io { step, path: path.to_path_buf(), source }
    }

    pub(crate) fn protocol(step: &'static str, problem: impl Into<String>) -> Self {
        EngineError::Protocol { step, problem: problem.into() }
    }
}

/// The last few lines that say something.
fn last_words(text: &[String]) -> String {
    let lines: Vec<&str> =
        text.iter().map(String::as_str).filter(|l| !l.trim().is_empty()).collect();
    if lines.is_empty() {
        return "nothing".to_owned();
    }
    lines[lines.len().saturating_sub(5)..].join(" / ")
}
