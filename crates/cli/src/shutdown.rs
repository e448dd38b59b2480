//! When a role ends: on SIGINT or SIGTERM, or with whoever started it.

use anyhow::{Context, Result};
use std::io::Read;
use tokio::sync::oneshot;

/// Comes back when the program is asked to end; with `with_stdin`, also when standard input ends.
///
/// A child whose standard input is a pipe from its parent so ends with it, however the parent died.
///
/// # Errors
/// If signals can't be listened for.
pub(crate) async fn requested(with_stdin: bool) -> Result<&'static str> {
    let stdin_ended = stdin_ended(with_stdin);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
        tokio::select! {
            interrupt = tokio::signal::ctrl_c() => {
                interrupt.context("can't listen for Ctrl-C").map(|()| "SIGINT")
            }
            _ = terminate.recv() => Ok("SIGTERM"),
            () = stdin_ended => Ok("the end of standard input"),
        }
    }
    #[cfg(not(unix))]
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt.context("can't listen for Ctrl-C").map(|()| "Ctrl-C"),
        () = stdin_ended => Ok("the end of standard input"),
    }
}

/// Reads on a thread of its own: the runtime's own reader would hold the program back at its end.
fn stdin_ended(wanted: bool) -> impl Future<Output = ()> {
    let (ended, end) = oneshot::channel::<()>();
    if wanted {
        std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            while std::io::stdin().lock().read(&mut bytes).is_ok_and(|length| length > 0) {}
            drop(ended);
        });
        return either(Some(end));
    }
    either(None)
}

async fn either(end: Option<oneshot::Receiver<()>>) {
    match end {
        // It ends because the sender is dropped.
        Some(end) => drop(end.await),
        None => std::future::pending().await,
    }
}
