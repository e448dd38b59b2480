//! What is shown of a job under way: a bar on a terminal, plain lines elsewhere.

use crate::follow::tally::Tally;
use crate::print;
use crate::terminal::{Style, harmless, has_bars};
use crate::units::span;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// How much is told in lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Telling {
    /// Only what a person should know: rejections, failures, outages.
    Incidents,
    /// Each verified frame too.
    Frames,
    /// Each step of each frame.
    Story,
}

/// Something that is worth a line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Happening {
    /// A worker delivered a frame.
    Rendered { frame: i32, worker: String, seconds: Option<f64> },
    /// A frame was verified.
    Verified { frame: i32, worker: String, why: Option<String> },
    /// A receipt was rejected.
    Rejected { frame: i32, worker: String, why: String },
    /// A frame was given up.
    Failed { frame: i32, why: String },
    /// Something else.
    Note(String),
}

impl Happening {
    fn told_from(&self) -> Telling {
        match self {
            Happening::Rendered { .. } => Telling::Story,
            Happening::Verified { .. } => Telling::Frames,
            Happening::Rejected { .. } | Happening::Failed { .. } | Happening::Note(_) => {
                Telling::Incidents
            }
        }
    }

    /// The line that tells of it.
    pub(crate) fn line(&self, style: Style) -> String {
        let told = |frame: &i32, word: String, rest: String| {
            format!("frame {frame:>4}  {word} {}", harmless(&rest))
        };
        match self {
            Happening::Rendered { frame, worker, seconds } => {
                let seconds = seconds.map(|s| format!(" in {s:.1} s")).unwrap_or_default();
                told(frame, style.yellow("rendered "), format!("worker {worker}{seconds}"))
            }
            Happening::Verified { frame, worker, why } => {
                let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                told(frame, style.green("verified "), format!("worker {worker}{why}"))
            }
            Happening::Rejected { frame, worker, why } => {
                told(frame, style.red("rejected "), format!("worker {worker}: {why}"))
            }
            Happening::Failed { frame, why } => told(frame, style.red("failed   "), why.clone()),
            Happening::Note(text) => harmless(text),
        }
    }
}

/// The bar or the lines.
pub(crate) struct View {
    bar: Option<ProgressBar>,
    telling: Telling,
    style: Style,
}

impl View {
    /// A view for this terminal, or for a file.
    pub(crate) fn new(style: Style, telling: Telling) -> View {
        let bar = has_bars().then(|| {
            let bar = ProgressBar::new(1);
            let template = "{bar:28.cyan/dim} {msg}";
            if let Ok(look) = ProgressStyle::with_template(template) {
                bar.set_style(look.progress_chars("━╸─"));
            }
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        let telling = if bar.is_some() { telling } else { telling.max(Telling::Frames) };
        View { bar, telling, style }
    }

    /// Tells of something, if it is worth a line here.
    pub(crate) fn tell(&self, happening: &Happening) {
        if happening.told_from() > self.telling {
            return;
        }
        self.line(&happening.line(self.style));
    }

    /// A line above the bar.
    pub(crate) fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => print::note(line),
        }
    }

    /// Moves the bar.
    pub(crate) fn progress(&self, tally: Tally, time_left_s: Option<f64>, waits_for: Option<&str>) {
        if let Some(bar) = &self.bar {
            // A bar of no length would look full.
            bar.set_length(tally.all.max(1) as u64);
            bar.set_position(tally.verified as u64);
            bar.set_message(harmless(&message(tally, time_left_s, waits_for)));
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Beside the bar: counts, time left, and what is waited for.
fn message(tally: Tally, time_left_s: Option<f64>, waits_for: Option<&str>) -> String {
    if tally.all == 0 {
        return waits_for
            .map_or("looking at the scene".to_owned(), |what| format!("waits for {what}"));
    }
    let mut parts = vec![
        format!("{}/{} verified", tally.verified, tally.all),
        format!("{} rendered", tally.rendered),
    ];
    if tally.rejected > 0 {
        parts.push(format!("{} rejected", tally.rejected));
    }
    if tally.failed > 0 {
        parts.push(format!("{} failed", tally.failed));
    }
    match (waits_for, time_left_s) {
        (Some(what), _) => parts.push(format!("waits for {what}")),
        (None, Some(left)) => parts.push(format!("{} left", span(left))),
        (None, None) => {}
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_lines_say() {
        let lines = [
            Happening::Rendered { frame: 1, worker: "alice".into(), seconds: Some(5.23) },
            Happening::Verified { frame: 1, worker: "alice".into(), why: None },
            Happening::Rejected {
                frame: 13,
                worker: "mallory".into(),
                why: "3 of 3 probes disagree (99.2 % of 11,904 pixels)".into(),
            },
            Happening::Failed { frame: 1204, why: "8 attempts came to nothing".into() },
            Happening::Note("the manager does not answer".into()),
        ];
        let text: Vec<String> =
            lines.iter().map(|happening| happening.line(Style::plain())).collect();
        insta::assert_snapshot!(text.join("\n"), @r"
        frame    1  rendered  worker alice in 5.2 s
        frame    1  verified  worker alice
        frame   13  rejected  worker mallory: 3 of 3 probes disagree (99.2 % of 11,904 pixels)
        frame 1204  failed    8 attempts came to nothing
        the manager does not answer
        ");
    }

    #[test]
    fn what_stands_beside_the_bar() {
        let check = |tally, left, waits: Option<&str>, want: &str| {
            assert_eq!(message(tally, left, waits), want);
        };
        let tally = Tally { all: 24, rendered: 9, verified: 7, rejected: 1, failed: 0 };
        check(Tally::default(), None, None, "looking at the scene");
        check(
            tally,
            Some(185.0),
            None,
            "7/24 verified · 9 rendered · 1 rejected · 3 min 05 s left",
        );
        check(
            tally,
            Some(1.0),
            Some("a worker"),
            "7/24 verified · 9 rendered · 1 rejected · waits for a worker",
        );
    }
}
