//! Identifiers: one type each, so that swapped ids don't compile.

use std::fmt;
use std::str::FromStr;

/// A text was not an identifier of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {kind} (expected {expected})")]
pub struct IdError {
    kind: &'static str,
    expected: &'static str,
    text: String,
}

macro_rules! counted_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.parse().map($name).map_err(|_| IdError {
                    kind: $kind,
                    expected: "a whole number",
                    text: text.chars().take(80).collect(),
                })
            }
        }
    };
}

counted_id!(
    /// A job; counted up by the leader, never used again.
    JobId, "job id"
);
counted_id!(
    /// A task of a job.
    TaskId, "task id"
);
counted_id!(
    /// One promise of one task to one node.
    LeaseId, "lease id"
);
counted_id!(
    /// One durable receipt.
    ReceiptId, "receipt id"
);
counted_id!(
    /// One verification task: the unit leased to a verifier.
    VerificationId, "verification id"
);
counted_id!(
    /// One bad result claim.
    ClaimId, "claim id"
);
counted_id!(
    /// One message to somebody outside.
    MessageId, "message id"
);

macro_rules! bytes_id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $kind:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// The first ten hexadecimal digits, for people.
            #[must_use]
            pub fn short(&self) -> String {
                self.to_string().chars().take(10).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let refusal = || IdError {
                    kind: $kind,
                    expected: $expected,
                    text: text.chars().take(80).collect(),
                };
                if text.len() != 2 * $len || !text.is_ascii() {
                    return Err(refusal());
                }
                let mut bytes = [0; $len];
                for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
                    let pair = std::str::from_utf8(pair).map_err(|_| refusal())?;
                    *byte = u8::from_str_radix(pair, 16).map_err(|_| refusal())?;
                }
                Ok($name(bytes))
            }
        }
    };
}

bytes_id!(
    /// A node: its Ed25519 public key.
    NodeId, 32, "node id", "64 hexadecimal digits"
);
bytes_id!(
    /// A blob: the BLAKE3 hash of its bytes.
    BlobHash, 32, "blob hash", "64 hexadecimal digits"
);
bytes_id!(
    /// Drawn by the submitter, so that a submission sent twice is one job.
    SubmissionId, 16, "submission id", "32 hexadecimal digits"
);

/// Who a node belongs to: a verifier never checks work of its own owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(pub String);

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An engine's exact build, e.g. `blender-4.5.15`: never mixed within a job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EngineBuild(pub String);

impl fmt::Display for EngineBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
