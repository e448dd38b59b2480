//! Starts an engine's process where it can see its scene, its program and one writable folder, and nothing else.
//!
//! Own user, process, mount, network, IPC and host-name namespaces, no capabilities, an empty
//! environment, and Landlock where the kernel has it. When the process that started it dies, also
//! by SIGKILL, the kernel kills what is inside.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use hakoniwa::landlock::{CompatMode, FsAccess, Resource, Ruleset};
use hakoniwa::{Container, MountOptions, Namespace, Rlimit, Runctl, Stdio};

use crate::limits::{EngineLimits, TEMPORARY_BYTES_MAX, THREADS_MAX};

/// Whether the engine is shut in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SandboxMode {
    /// It is, or it does not start.
    #[default]
    On,
    /// It is not: a scene can read what its owner can, and use the network. For an owner who insists.
    Off,
}

/// The sandbox could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The machine does not allow it.
    #[error(
        "can't make a sandbox for the engine on this machine: {problem} (it needs user namespaces: see \
         /proc/sys/user/max_user_namespaces and kernel.apparmor_restrict_unprivileged_userns)"
    )]
    Unavailable {
        /// What the kernel said.
        problem: String,
    },
    /// A path has characters that can't be passed on.
    #[error("{} can't be used in a sandbox: its name is not UTF-8", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// The process could not be started.
    #[error("can't start the engine's process")]
    Start(#[source] io::Error),
}

/// How a file or folder is seen inside.
#[derive(Debug, Clone)]
pub(crate) struct Bind {
    pub(crate) host: PathBuf,
    pub(crate) inside: PathBuf,
    pub(crate) writable: bool,
}

/// A process to be started.
#[derive(Debug, Clone)]
pub(crate) struct ProcessSpec {
    pub(crate) mode: SandboxMode,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) directory: PathBuf,
    pub(crate) binds: Vec<Bind>,
    /// Empty folder outside, on which the sandbox is mounted.
    pub(crate) root: PathBuf,
    /// Whether /tmp inside is a file system of its own, in memory.
    pub(crate) own_tmp: bool,
    pub(crate) graphics: bool,
    pub(crate) limits: EngineLimits,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    /// Signal or code, in words.
    pub(crate) how: String,
    /// Whether it was SIGKILL.
    pub(crate) killed: bool,
    /// Whether the sandbox itself failed before the program ran.
    pub(crate) sandbox_failed: bool,
}

/// A running process. Dropping it kills the process and everything that it started.
pub(crate) struct Running {
    pub(crate) pid: u32,
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    pub(crate) killer: Killer,
    pub(crate) exit: tokio::sync::oneshot::Receiver<Exit>,
}

/// Kills a process when told to, or when dropped.
#[derive(Debug)]
pub(crate) struct Killer(Sender<()>);

impl Killer {
    pub(crate) fn kill(&self) {
        // If nobody listens, the process has ended.
        let _ = self.0.send(());
    }
}

struct Started {
    pid: u32,
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

/// Starts the process. A thread keeps it: the kernel ties the child's life to the thread that made it.
pub(crate) fn start(spec: ProcessSpec) -> Result<Running, SandboxError> {
    let (kill_tx, kill_rx) = channel();
    let (exit_tx, exit) = tokio::sync::oneshot::channel();
    let (started_tx, started_rx) = channel();
    let keep = move || match spec.mode {
        SandboxMode::On => keep_sandboxed(&spec, &started_tx, &kill_rx, exit_tx),
        SandboxMode::Off => keep_plain(&spec, &started_tx, &kill_rx, exit_tx),
    };
    std::thread::Builder::new()
        .name("engine-keeper".into())
        .spawn(keep)
        .map_err(SandboxError::Start)?;
    let gone = || SandboxError::Start(io::Error::other("its keeper ended"));
    let Started { pid, stdin, stdout, stderr } = started_rx.recv().map_err(|_| gone())??;
    Ok(Running { pid, stdin, stdout, stderr, killer: Killer(kill_tx), exit })
}

type StartedTx = Sender<Result<Started, SandboxError>>;
type ExitTx = tokio::sync::oneshot::Sender<Exit>;

/// How long the keeper sleeps between looking whether the process has ended.
const KEEPER_WAIT: Duration = Duration::from_millis(20);

fn keep_sandboxed(spec: &ProcessSpec, started: &StartedTx, kill: &Receiver<()>, exit: ExitTx) {
    let mut child = match spawn_sandboxed(spec) {
        Ok(child) => child,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return;
    };
    let pid = child.id();
    let streams =
        Started { pid, stdin: stdin.into(), stdout: stdout.into(), stderr: stderr.into() };
    if started.send(Ok(streams)).is_err() {
        let _ = child.kill();
    }
    let status = loop {
        match kill.recv_timeout(KEEPER_WAIT) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                let _ = child.kill();
                break child.wait();
            }
            Err(RecvTimeoutError::Timeout) => match child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => break Ok(status),
                Err(error) => break Err(error),
            },
        }
    };
    let end = match status {
        Ok(status) => exit_of(&status),
        Err(error) => Exit { how: error.to_string(), killed: false, sandbox_failed: false },
    };
    let _ = exit.send(end);
}

fn exit_of(status: &hakoniwa::ExitStatus) -> Exit {
    // Codes as a shell gives them: 128 and the signal's number.
    let signal =
        status.exit_code.is_none().then(|| status.code - 128).filter(|s| (1..65).contains(s));
    let failed = status.exit_code.is_none() && status.code == 125 || status.exit_code == Some(125);
    let how = match (signal, status.exit_code) {
        (Some(signal), _) => signal_words(signal),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => status.reason.clone(),
    };
    Exit { how, killed: signal == Some(9), sandbox_failed: failed }
}

fn signal_words(signal: i32) -> String {
    let name = match signal {
        4 => "illegal instruction",
        6 => "aborted",
        7 => "bus error",
        8 => "arithmetic fault",
        9 => "killed",
        11 => "segmentation fault",
        15 => "terminated",
        25 => "file too large",
        _ => "stopped",
    };
    format!("signal {signal}, {name}")
}

fn text(path: &Path) -> Result<&str, SandboxError> {
    path.to_str().ok_or_else(|| SandboxError::Path { path: path.to_path_buf() })
}

fn spawn_sandboxed(spec: &ProcessSpec) -> Result<hakoniwa::Child, SandboxError> {
    let container = container(spec, landlock_works())?;
    let mut command = container.command(text(&spec.program)?);
    command.args(&spec.args).envs(&spec.environment).current_dir(&spec.directory);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|error| SandboxError::Unavailable { problem: error.to_string() })
}

/// Folders and files of the system that programs need, as far as they exist.
const SYSTEM: [&str; 12] = [
    "/usr",
    "/bin",
    "/lib",
    "/lib64",
    "/lib32",
    "/sbin",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/localtime",
];

/// Devices of graphics cards; NVIDIA's are found by name.
const GRAPHICS: [&str; 3] = ["/dev/dri", "/dev/kfd", "/dev/dxg"];

/// What drivers of graphics cards read about the machine.
const GRAPHICS_FACTS: [&str; 4] = ["/sys/devices", "/sys/bus/pci", "/sys/class/drm", "/sys/module"];

fn graphics_devices() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        GRAPHICS.iter().map(PathBuf::from).filter(|p| p.exists()).collect();
    let devices = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let nvidia = |name: &std::ffi::OsStr| name.to_str().is_some_and(|n| n.starts_with("nvidia"));
    found.extend(devices.filter(|d| nvidia(&d.file_name())).map(|d| d.path()));
    found
}

fn container(spec: &ProcessSpec, landlock: bool) -> Result<Container, SandboxError> {
    let mut container = Container::new();
    let namespaces = [Namespace::Network, Namespace::Ipc, Namespace::Uts, Namespace::Cgroup];
    for namespace in namespaces {
        container.unshare(namespace);
    }
    // Not root inside: then the kernel takes all capabilities away when the program starts.
    container.uidmap(1000).gidmap(1000).hostname("engine").rootdir(&spec.root);
    container.runctl(Runctl::MountFallback);
    container.devfsmount("/dev");
    if spec.own_tmp {
        let options = MountOptions::NOSUID | MountOptions::NODEV;
        let size = Some(format!("size={TEMPORARY_BYTES_MAX},mode=777"));
        container.mount("tmpfs", "/tmp", "tmpfs", options, size);
    }
    for path in SYSTEM.map(Path::new) {
        let target =
            std::fs::read_link(path).ok().filter(|_| path.parent() == Some(Path::new("/")));
        if let Some(target) = target {
            container.symlink(text(&target)?, text(path)?);
        } else if path.exists() {
            let real = std::fs::canonicalize(path).map_err(SandboxError::Start)?;
            container.bindmount_ro(text(&real)?, text(path)?);
        }
    }
    let mut writable: Vec<PathBuf> = ["/dev", "/proc", "/tmp"].iter().map(PathBuf::from).collect();
    if spec.graphics {
        for device in graphics_devices() {
            let path = text(&device)?;
            container.bindmount_rw(path, path);
        }
        for facts in GRAPHICS_FACTS.iter().filter(|p| Path::new(p).exists()) {
            container.bindmount_ro(facts, facts);
        }
    } else {
        // The folder itself takes memory without a limit; what is in it may be written to.
        writable[0] = PathBuf::from("/dev/null");
    }
    for bind in &spec.binds {
        let (host, inside) = (text(&bind.host)?, text(&bind.inside)?);
        if bind.writable {
            container.bindmount_rw(host, inside);
            writable.push(bind.inside.clone());
        } else {
            container.bindmount_ro(host, inside);
        }
    }
    set_limits(&mut container, &spec.limits);
    if landlock {
        if !spec.own_tmp {
            writable.retain(|path| path != Path::new("/tmp"));
        }
        let mut rules = Ruleset::default();
        rules.restrict(Resource::FS, CompatMode::Relax);
        rules.allow_path("/", FsAccess::R | FsAccess::X);
        for path in writable {
            rules.allow_path(text(&path)?, FsAccess::R | FsAccess::W | FsAccess::X);
        }
        container.landlock_ruleset(rules);
    }
    Ok(container)
}

fn set_limits(container: &mut Container, limits: &EngineLimits) {
    container.setrlimit(Rlimit::Core, 0, 0);
    container.setrlimit(Rlimit::Fsize, limits.scratch_bytes_max, limits.scratch_bytes_max);
    container.setrlimit(Rlimit::Nproc, THREADS_MAX, THREADS_MAX);
}

/// Whether a sandbox with Landlock starts here; found out once.
fn landlock_works() -> bool {
    static WORKS: OnceLock<bool> = OnceLock::new();
    *WORKS.get_or_init(|| {
        let Ok(root) = tempfile::tempdir() else { return false };
        let spec = ProcessSpec {
            mode: SandboxMode::On,
            program: "/bin/true".into(),
            args: Vec::new(),
            environment: BTreeMap::new(),
            directory: "/".into(),
            binds: Vec::new(),
            root: root.path().to_path_buf(),
            own_tmp: true,
            graphics: false,
            limits: EngineLimits::default(),
        };
        let Ok(container) = container(&spec, true) else { return false };
        container.command("/bin/true").output().is_ok_and(|output| output.status.success())
    })
}

fn keep_plain(spec: &ProcessSpec, started: &StartedTx, kill: &Receiver<()>, exit: ExitTx) {
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    let mut command = std::process::Command::new(&spec.program);
    command.args(&spec.args).env_clear().envs(&spec.environment).current_dir(&spec.directory);
    // A group of its own, so that all of it can be killed.
    command.process_group(0);
    let piped = std::process::Stdio::piped;
    let mut child = match command.stdin(piped()).stdout(piped()).stderr(piped()).spawn() {
        Ok(child) => child,
        Err(error) => {
            let _ = started.send(Err(SandboxError::Start(error)));
            return;
        }
    };
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return;
    };
    let pid = child.id();
    let streams =
        Started { pid, stdin: stdin.into(), stdout: stdout.into(), stderr: stderr.into() };
    let _ = started.send(Ok(streams));
    let status = loop {
        match kill.recv_timeout(KEEPER_WAIT) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                kill_group(pid);
                break child.wait();
            }
            Err(RecvTimeoutError::Timeout) => match child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => break Ok(status),
                Err(error) => break Err(error),
            },
        }
    };
    kill_group(pid);
    let how = match &status {
        Ok(status) => match (status.signal(), status.code()) {
            (Some(signal), _) => signal_words(signal),
            (None, Some(code)) => format!("exit code {code}"),
            (None, None) => "it ended".to_owned(),
        },
        Err(error) => error.to_string(),
    };
    let killed = status.is_ok_and(|status| status.signal() == Some(9));
    let _ = exit.send(Exit { how, killed, sandbox_failed: false });
}

fn kill_group(pid: u32) {
    let group = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // It fails if the group has ended, which is what is wanted.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}
