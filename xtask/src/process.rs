//! Runs other programs: with their lines passed on, and never longer than allowed.

use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// How long to sleep between looking whether a program has ended.
const WAIT: Duration = Duration::from_millis(50);

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With success.
    Good,
    /// With another exit code, or by a signal.
    Bad,
    /// It was still running at its time limit, and was killed.
    TooLong,
}

/// Whether a program can be started here.
pub(crate) fn exists(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether there is a program of that name where programs are looked for.
pub(crate) fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// What a program prints to standard output.
///
/// # Errors
/// If it can't be started or fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("can't start {name}"))?;
    anyhow::ensure!(output.status.success(), "{name} failed ({})", output.status);
    String::from_utf8(output.stdout).with_context(|| format!("{name} printed no text"))
}

/// Runs a program, passes its lines on and shows each of them to `hear`.
///
/// # Errors
/// If it can't be started.
pub(crate) fn tell(
    command: &mut Command,
    limit: Duration,
    hear: &mut dyn FnMut(&str),
) -> Result<End> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    own_group(command);
    let mut child = command.spawn().with_context(|| format!("can't start {name}"))?;
    let (lines_tx, lines) = channel();
    pass_on(child.stdout.take(), lines_tx.clone());
    pass_on(child.stderr.take(), lines_tx);
    let started = Instant::now();
    let end = loop {
        while let Ok(line) = lines.recv_timeout(WAIT) {
            println!("{line}");
            hear(&line);
            if started.elapsed() > limit {
                break;
            }
        }
        if let Some(status) = child.try_wait().with_context(|| format!("can't wait for {name}"))? {
            break if status.success() { End::Good } else { End::Bad };
        }
        if started.elapsed() > limit {
            kill(&mut child);
            break End::TooLong;
        }
    };
    // What it printed last. A grandchild that lives on may hold the pipe, so not for ever.
    while let Ok(line) = lines.recv_timeout(WAIT) {
        println!("{line}");
        hear(&line);
    }
    Ok(end)
}

fn pass_on(stream: Option<impl Read + Send + 'static>, lines: Sender<String>) {
    let Some(stream) = stream else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
}

/// Where nobody presses Ctrl-C, a program gets a process group, so that all of it can be killed.
fn own_group(command: &mut Command) {
    #[cfg(unix)]
    if std::env::var_os("CI").is_some() {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    #[cfg(not(unix))]
    let _ = command;
}

fn kill(child: &mut Child) {
    if cfg!(unix) && std::env::var_os("CI").is_some() {
        let group = format!("-{}", child.id());
        // If it fails, the child alone is killed.
        Command::new("kill").args(["-KILL", "--", &group]).status().ok();
    }
    child.kill().ok();
    child.wait().ok();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn run(script: &str, limit: Duration) -> (End, Vec<String>) {
        let mut lines = Vec::new();
        let end = tell(Command::new("sh").args(["-c", script]), limit, &mut |line| {
            lines.push(line.to_owned());
        });
        (end.unwrap(), lines)
    }

    #[test]
    fn lines_are_heard_and_the_end_is_known() {
        let minute = Duration::from_secs(60);
        assert_eq!(run("echo a; echo b", minute), (End::Good, vec!["a".into(), "b".into()]));
        assert_eq!(run("echo a >&2; exit 3", minute), (End::Bad, vec!["a".into()]));
    }

    #[test]
    fn nothing_hangs() {
        let started = Instant::now();
        let (end, _) = run("exec sleep 600", Duration::from_millis(200));
        assert_eq!(end, End::TooLong);
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_is_not_there_does_not_exist() {
        assert!(exists("true", "--version"));
        assert!(!exists("there-is-no-such-program", "--version"));
    }
}
