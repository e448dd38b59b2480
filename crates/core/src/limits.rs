//! Limits on everything that comes from outside, with how each was chosen.

/// Frames of one job: an hour at 24 frames per second is 86,400.
pub const FRAMES_PER_JOB_MAX: usize = 100_000;

/// Blender's own limit of a frame's number (`MAXFRAMEF`).
pub const FRAME_NUMBER_MAX: i32 = 1_048_574;

/// Longest edge of a picture: 16k film scans, twice.
pub const EDGE_PX_MAX: u32 = 32_768;

/// Pixels of a picture: 16,384 × 8,192; its layers are about 5 GiB.
pub const FRAME_PX_MAX: u64 = 134_217_728;

/// Samples per pixel; Blender's own limit is 2²⁴.
pub const SAMPLES_MAX: u32 = 1 << 24;

/// Bytes of a name that a person gives: a job, a camera, an owner.
pub const NAME_BYTES_MAX: usize = 255;

/// Files of one scene: the largest of the studios' open films has about 20,000.
pub const SCENE_FILES_MAX: usize = 50_000;

/// Bytes of an engine's last words that are kept.
pub const ENGINE_TEXT_BYTES_MAX: usize = 16 * 1024;

/// Bytes of one frame's output: a 32-bit float EXR of the largest picture.
pub const OUTPUT_BYTES_MAX: u64 = FRAME_PX_MAX * 16 + (1 << 20);

/// Slots of one node: devices of the largest machines that are lent.
pub const SLOTS_MAX: u32 = 64;

/// Scenes that a node may say that it holds.
pub const SCENES_HELD_MAX: usize = 1_000;

/// Bytes of the reason that a message tells: a few lines.
pub const MESSAGE_REASON_BYTES_MAX: usize = 1_000;

/// Characters of a webhook's URL.
pub const WEBHOOK_CHARS_MAX: usize = 2_000;

/// Characters of a mail address: the longest that mail servers take.
pub const EMAIL_CHARS_MAX: usize = 254;

/// Bytes of a claim's comment: a few paragraphs.
pub const COMMENT_BYTES_MAX: usize = 4_096;
