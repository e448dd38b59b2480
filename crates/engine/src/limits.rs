//! Limits on what comes from scenes, engines and peers, with how they were chosen.

/// Most pixels along one edge of a picture: Blender's own limit of a render is 65,536.
pub const EDGE_PX_MAX: u32 = 65_536;

/// Most pixels of a picture: 16 Ki × 16 Ki, far above print posters, and 2.7 GB of layers with ten channels.
pub const PIXELS_MAX: u64 = 1 << 28;

/// Most channels of layers: ten per denoised view layer, so 25 view layers.
pub const CHANNELS_MAX: u32 = 256;

/// Longest name of a channel in bytes: Blender's names of layers and passes have 63 each.
pub const CHANNEL_NAME_BYTES_MAX: usize = 200;

/// Longest line that an engine may send: facts of a scene with some thousand files.
pub const LINE_BYTES_MAX: usize = 8 << 20;

/// How many lines of the engine's own text are kept for error messages.
pub const TEXT_LINES_KEPT: usize = 50;

/// Longest kept line of the engine's own text, in bytes.
pub const TEXT_LINE_BYTES_MAX: usize = 500;

/// How long an engine may take to start, in seconds: it takes 1 s, and 20 s from a cold slow disk.
pub const START_S_MAX: u64 = 120;

/// How long an engine may take to leave after being asked, in seconds, before it is killed.
pub const QUIT_S_MAX: u64 = 2;

/// How often memory is looked at, in milliseconds: at 10 GB/s a process gets 1 GB in between.
pub const MEMORY_WATCH_MS: u64 = 100;

/// How often the scratch folder is measured, in milliseconds: a disk takes 2 GB/s or so.
pub const SCRATCH_WATCH_MS: u64 = 500;

/// Size of the sandbox's own temporary file system in bytes; it counts as memory.
pub const TEMPORARY_BYTES_MAX: u64 = 256 << 20;

/// Most processes and threads in a sandbox: Blender starts a few per core.
pub const THREADS_MAX: u64 = 4096;

/// What one engine may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineLimits {
    /// Memory of all its processes in bytes: anonymous and shared pages, not the mapped program files.
    pub memory_bytes_max: u64,
    /// Seconds for opening a scene.
    pub open_s_max: u64,
    /// Seconds for one render, development or film.
    pub render_s_max: u64,
    /// Bytes in its writable folder, and of a single file in it.
    pub scratch_bytes_max: u64,
    /// How much it gives way to other processes, from 0 (not at all) to 19.
    pub nice: u8,
}

impl Default for EngineLimits {
    /// 8 GiB of memory, two minutes to open, a day to render, 16 GiB of scratch, nice 10.
    fn default() -> Self {
        EngineLimits {
            memory_bytes_max: 8 << 30,
            open_s_max: 120,
            render_s_max: 24 * 3600,
            scratch_bytes_max: 16 << 30,
            nice: 10,
        }
    }
}
