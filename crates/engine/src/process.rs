//! One engine process: requests out, progress and answers in, limits watched, its text kept.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::pipe;
use tokio::sync::oneshot;

use crate::error::EngineError;
use crate::limits::{
    LINE_BYTES_MAX, MEMORY_WATCH_MS, QUIT_S_MAX, SCRATCH_WATCH_MS, TEXT_LINE_BYTES_MAX,
    TEXT_LINES_KEPT,
};
use crate::protocol::{Answer, Progress};
use crate::sandbox::{self, Exit, Killer, ProcessSpec, Running, SandboxError};
use crate::watch;

/// A running engine. Dropping it kills it.
pub(crate) struct Process {
    stdin: Option<pipe::Sender>,
    stdout: BufReader<pipe::Receiver>,
    text: Arc<Mutex<VecDeque<String>>>,
    text_done: Option<oneshot::Receiver<()>>,
    exit: oneshot::Receiver<Exit>,
    watch: Arc<Watch>,
    /// A request is under way; if one was given up on, the process can't be used any more.
    busy: bool,
}

struct Watch {
    killer: Mutex<Killer>,
    pid: u32,
    memory_limit: u64,
    scratch_limit: u64,
    memory_peak: AtomicU64,
    over_memory: AtomicBool,
    over_scratch: AtomicBool,
    ended: AtomicBool,
}

impl Watch {
    fn kill(&self) {
        self.killer.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }

    fn look_at_memory(&self) {
        let bytes = watch::memory_bytes(self.pid);
        self.memory_peak.fetch_max(bytes, Ordering::Relaxed);
        if bytes > self.memory_limit {
            self.over_memory.store(true, Ordering::Relaxed);
            self.kill();
        }
    }

    fn look_at_scratch(&self, scratch: &std::path::Path) {
        if watch::folder_bytes(scratch) > self.scratch_limit {
            self.over_scratch.store(true, Ordering::Relaxed);
            self.kill();
        }
    }
}

/// Looks at memory and scratch until the process ends; on a thread, since it reads files all the time.
fn keep_watch(watch: &Watch, scratch: &std::path::Path) {
    let mut since_scratch = 0;
    while !watch.ended.load(Ordering::Relaxed) {
        watch.look_at_memory();
        since_scratch += MEMORY_WATCH_MS;
        if since_scratch >= SCRATCH_WATCH_MS {
            since_scratch = 0;
            watch.look_at_scratch(scratch);
        }
        std::thread::sleep(Duration::from_millis(MEMORY_WATCH_MS));
    }
}

impl Process {
    /// Starts the process that `spec` describes; `scratch` is its writable folder as seen from outside.
    pub(crate) fn start(spec: ProcessSpec, scratch: PathBuf) -> Result<Self, EngineError> {
        let (memory_limit, scratch_limit) =
            (spec.limits.memory_bytes_max, spec.limits.scratch_bytes_max);
        let Running { pid, stdin, stdout, stderr, killer, exit } = sandbox::start(spec)?;
        let start = |error| EngineError::Sandbox(SandboxError::Start(error));
        let watch = Arc::new(Watch {
            killer: Mutex::new(killer),
            pid,
            memory_limit,
            scratch_limit,
            memory_peak: AtomicU64::new(0),
            over_memory: AtomicBool::new(false),
            over_scratch: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        let text = Arc::new(Mutex::new(VecDeque::new()));
        let (text_tx, text_done) = oneshot::channel();
        let stderr = pipe::Receiver::from_owned_fd(stderr).map_err(start)?;
        tokio::spawn(keep_text(stderr, Arc::clone(&text), text_tx));
        let watched = Arc::clone(&watch);
        std::thread::Builder::new()
            .name("engine-watch".into())
            .spawn(move || keep_watch(&watched, &scratch))
            .map_err(start)?;
        Ok(Process {
            stdin: Some(pipe::Sender::from_owned_fd(stdin).map_err(start)?),
            stdout: BufReader::new(pipe::Receiver::from_owned_fd(stdout).map_err(start)?),
            text,
            text_done: Some(text_done),
            exit,
            watch,
            busy: false,
        })
    }

    /// Sends one request and waits for its answer.
    pub(crate) async fn request(
        &mut self,
        step: &'static str,
        request: &Value,
        limit_s: u64,
        on_progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Value, EngineError> {
        if std::mem::replace(&mut self.busy, true) {
            return Err(EngineError::NotOpen);
        }
        let exchange = self.exchange(step, request, on_progress);
        match tokio::time::timeout(Duration::from_secs(limit_s), exchange).await {
            Ok(Ok(answer)) => {
                self.busy = false;
                answer
            }
            Ok(Err(Broken::Ended)) => Err(self.ending().await),
            Ok(Err(Broken::Nonsense(problem))) => {
                self.kill();
                Err(EngineError::protocol(step, problem))
            }
            Err(_) => {
                self.kill();
                Err(EngineError::TimedOut { step, limit_s })
            }
        }
    }

    async fn exchange(
        &mut self,
        step: &'static str,
        request: &Value,
        on_progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Result<Value, EngineError>, Broken> {
        let mut line = request.to_string();
        line.push('\n');
        let stdin = self.stdin.as_mut().ok_or(Broken::Ended)?;
        stdin.write_all(line.as_bytes()).await.map_err(|_| Broken::Ended)?;
        loop {
            let line = self.line().await?;
            // A Blender that is not a module greets before the driver has the stream for itself.
            if line.first() != Some(&b'{') {
                continue;
            }
            let answer =
                serde_json::from_slice(&line).map_err(|e| Broken::Nonsense(e.to_string()))?;
            match answer {
                Answer::Progress(progress) => on_progress(progress),
                Answer::Done { result } => return Ok(Ok(result)),
                Answer::Error { code, text } => return Ok(Err(self.error(step, code, text))),
            }
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, Broken> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stdout).take(LINE_BYTES_MAX as u64);
        limited.read_until(b'\n', &mut line).await.map_err(|_| Broken::Ended)?;
        match line.last() {
            Some(b'\n') => Ok(line),
            _ if line.len() >= LINE_BYTES_MAX => {
                Err(Broken::Nonsense("a line without an end".into()))
            }
            _ => Err(Broken::Ended),
        }
    }

    fn error(&self, step: &'static str, code: String, text: String) -> EngineError {
        match code.as_str() {
            "failed" => EngineError::Failed { text, engine_text: self.last_lines() },
            "out-of-memory" => EngineError::OutOfMemory {
                limit_bytes: self.watch.memory_limit,
                peak_bytes: self.peak_memory_bytes(),
            },
            "protocol" => EngineError::protocol(step, text),
            _ => EngineError::Declined { code, text },
        }
    }

    /// The last lines that the engine printed.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The most memory that was seen, in bytes.
    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        self.watch.memory_peak.load(Ordering::Relaxed)
    }

    /// Kills the process and everything that it started.
    pub(crate) fn kill(&self) {
        self.watch.kill();
    }

    /// Why the process ended.
    async fn ending(&mut self) -> EngineError {
        // Let it write its last words; a descendant may hold the pipe open.
        let wait = Duration::from_secs(QUIT_S_MAX);
        let exit = match tokio::time::timeout(wait, &mut self.exit).await {
            Ok(Ok(exit)) => Some(exit),
            _ => None,
        };
        self.kill();
        if let Some(done) = self.text_done.take() {
            let _ = tokio::time::timeout(Duration::from_millis(500), done).await;
        }
        let engine_text = self.last_lines();
        if self.watch.over_memory.load(Ordering::Relaxed) {
            let peak_bytes = self.peak_memory_bytes();
            return EngineError::OutOfMemory { limit_bytes: self.watch.memory_limit, peak_bytes };
        }
        if self.watch.over_scratch.load(Ordering::Relaxed) {
            return EngineError::ScratchFull { limit_bytes: self.watch.scratch_limit };
        }
        match exit {
            Some(exit) if exit.sandbox_failed => SandboxError::Unavailable {
                problem: format!("{}: {}", exit.how, engine_text.join(" / ")),
            }
            .into(),
            Some(exit) if exit.killed => {
                let how =
                    "killed from outside, perhaps because the machine ran out of memory".to_owned();
                EngineError::Crashed { how, engine_text }
            }
            Some(exit) => EngineError::Crashed { how: exit.how, engine_text },
            None => EngineError::Crashed { how: "it closed its output".to_owned(), engine_text },
        }
    }

    /// Asks the engine to leave, and kills it if it doesn't.
    pub(crate) async fn quit(mut self) {
        if let Some(mut stdin) = self.stdin.take() {
            let _ = stdin.write_all(b"{\"op\":\"quit\"}\n").await;
        }
        let _ = tokio::time::timeout(Duration::from_secs(QUIT_S_MAX), &mut self.exit).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.watch.ended.store(true, Ordering::Relaxed);
        self.kill();
    }
}

/// Why an exchange broke off.
enum Broken {
    Ended,
    Nonsense(String),
}

/// What is not kept: Cycles reports every sample, and Blender misses the list of disks in its sandbox.
const NOISE: [&str; 2] = ["Fra:", "could not get a list of mounted file-systems"];

/// Keeps the last lines of what the engine prints.
async fn keep_text(
    stderr: pipe::Receiver,
    text: Arc<Mutex<VecDeque<String>>>,
    done: oneshot::Sender<()>,
) {
    let mut from = BufReader::new(stderr);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut from).take(TEXT_LINE_BYTES_MAX as u64);
        match limited.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line.is_empty() || NOISE.iter().any(|noise| line.starts_with(noise)) {
            continue;
        }
        tracing::debug!(target: "candela_engine::text", "{line}");
        let mut kept = text.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == TEXT_LINES_KEPT {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    let _ = done.send(());
}
