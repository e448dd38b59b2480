//! The managers' processes, and what they cost.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long a manager may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// Ticks of a second of CPU time; the same on every Linux.
const TICKS: f64 = 100.0;

/// One manager.
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts one; returns when it is ready.
    pub(crate) async fn start(folder: &Path, ticket: Option<&str>) -> Result<Process> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("manager").arg(folder).args(ticket);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("start a manager")?;
        let input = child.stdin.take().context("no input")?;
        let output = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut process = Process { child, input, output };
        process.answer().await.context("a manager did not get ready")?;
        Ok(process)
    }

    /// Tells it something; its answer.
    pub(crate) async fn ask(&mut self, line: &str) -> Result<Value> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        self.answer().await.with_context(|| format!("a manager was told {line:?}"))
    }

    async fn answer(&mut self) -> Result<Value> {
        let line = tokio::time::timeout(ANSWER_MAX, self.output.next_line()).await;
        let line = line.context("it doesn't answer")??.context("it ended")?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Ends it in good order.
    pub(crate) async fn quit(mut self) -> Result<()> {
        self.input.write_all(b"quit\n").await?;
        let ended = tokio::time::timeout(ANSWER_MAX, self.child.wait()).await;
        ensure!(ended.context("it doesn't end")??.success(), "a manager failed");
        Ok(())
    }

    /// Bytes of memory that it uses.
    pub(crate) fn memory(&self) -> Result<u64> {
        memory_of(&self.folder()?)
    }

    /// Seconds of CPU time that it has used.
    pub(crate) fn cpu_s(&self) -> Result<f64> {
        cpu_of(&self.folder()?)
    }

    fn folder(&self) -> Result<PathBuf> {
        Ok(PathBuf::from(format!("/proc/{}", self.child.id().context("it ended")?)))
    }
}

/// Bytes of memory that a process uses, of its folder in `/proc`.
pub(crate) fn memory_of(folder: &Path) -> Result<u64> {
    let status = std::fs::read_to_string(folder.join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.context("no memory")?.trim().trim_end_matches("kB").trim();
    Ok(kib.parse::<u64>()? << 10)
}

/// Seconds of CPU time that a process has used, of its folder in `/proc`.
pub(crate) fn cpu_of(folder: &Path) -> Result<f64> {
    let stat = std::fs::read_to_string(folder.join("stat"))?;
    // The name of the program is in brackets and may hold anything.
    let after = stat.rsplit(')').next().context("no statistics")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64> { Ok(fields.get(at).context("short")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / TICKS)
}
