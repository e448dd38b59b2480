//! What a person reads when something is not done, and the exit code that goes with it.
//!
//! The form is the same everywhere: `error:`, its causes, then `hint:`. A refusal (the rules say no)
//! leaves with 1, everything else with 2, so that scripts can tell a scene to be mended from a broken machine.

use crate::terminal::Style;
use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything that was asked for was done.
    Done,
    /// The job failed, was refused or was cancelled.
    NotDone,
    /// Wrong usage, or the program, the machine or the network failed.
    Failed,
    /// The user interrupted it.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        match exit {
            Exit::Done => ExitCode::SUCCESS,
            Exit::NotDone => ExitCode::from(1),
            Exit::Failed => ExitCode::from(2),
            // What shells report for a program that SIGINT ended.
            Exit::Interrupted => ExitCode::from(130),
        }
    }
}

/// One thing that is in the way, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Stable name of the reason, for programs; empty if there is none.
    pub code: String,
    /// What is in the way, in one sentence.
    pub message: String,
    /// What to change.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem with advice.
    pub(crate) fn new(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Problem {
        Problem { code: code.to_owned(), message: message.into(), hint: Some(hint.into()) }
    }
}

/// The rules say no: exit code 1, every reason printed.
#[derive(Debug)]
pub(crate) struct Refused(pub Vec<Problem>);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<&str> = self.0.iter().map(|problem| problem.message.as_str()).collect();
        f.write_str(&messages.join("; "))
    }
}

impl Error for Refused {}

/// An error with advice for the person who reads it.
#[derive(Debug)]
struct Hinted {
    hint: String,
    source: anyhow::Error,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for Hinted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}

/// Adds advice to an error.
pub(crate) trait WithHint<T> {
    /// The same error, with what to do about it.
    ///
    /// # Errors
    /// Those of `self`.
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> WithHint<T> for Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| hinted(error, hint))
    }
}

/// An error with advice.
pub(crate) fn hinted(error: impl Into<anyhow::Error>, hint: impl Into<String>) -> anyhow::Error {
    Hinted { hint: hint.into(), source: error.into() }.into()
}

/// The exit code that an error stands for.
pub(crate) fn exit_of(error: &anyhow::Error) -> Exit {
    if refused(error).is_some() { Exit::NotDone } else { Exit::Failed }
}

fn refused(error: &anyhow::Error) -> Option<&Refused> {
    error.downcast_ref::<Refused>().or_else(|| match error.downcast_ref::<Hinted>() {
        Some(hinted) => refused(&hinted.source),
        None => None,
    })
}

/// The lines that tell of an error, without the last line's end.
pub(crate) fn render(error: &anyhow::Error, style: Style) -> String {
    if let Some(Refused(problems)) = refused(error) {
        let lines: Vec<String> =
            problems.iter().map(|problem| problem_lines(problem, style)).collect();
        return lines.join("\n");
    }
    let mut lines = vec![format!("{} {error}", style.red("error:"))];
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Some libraries repeat their source in their own text.
        if said.contains(&text) {
            continue;
        }
        lines.push(format!("  because: {text}"));
        said = text;
    }
    if let Some(hint) = hint_of(error) {
        lines.push(format!("{} {hint}", style.cyan("hint:")));
    }
    lines.join("\n")
}

fn hint_of(error: &anyhow::Error) -> Option<&str> {
    error.downcast_ref::<Hinted>().map(|hinted| hinted.hint.as_str())
}

/// `error:` and `hint:` of one problem.
pub(crate) fn problem_lines(problem: &Problem, style: Style) -> String {
    let error = format!("{} {}", style.red("error:"), problem.message);
    match &problem.hint {
        Some(hint) => format!("{error}\n{} {hint}", style.cyan("hint:")),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    fn lines(error: &anyhow::Error) -> String {
        render(error, Style::plain())
    }

    #[test]
    fn an_error_is_followed_by_its_causes_and_the_hint() {
        let io = std::io::Error::other("no space left on device");
        let error = Err::<(), _>(io)
            .context("can't write frame-0001.png")
            .hint("free some space and run `candela watch 3 --output frames`")
            .unwrap_err();
        insta::assert_snapshot!(lines(&error), @r"
        error: can't write frame-0001.png
          because: no space left on device
        hint: free some space and run `candela watch 3 --output frames`
        ");
        assert_eq!(exit_of(&error), Exit::Failed);
    }

    #[test]
    fn every_refusal_is_printed_with_its_hint_and_leaves_with_one() {
        let error = anyhow::Error::new(Refused(vec![
            Problem::new("no_camera", "the scene \"Scene\" has no camera", "add a camera"),
            Problem { code: String::new(), message: "it is too large".into(), hint: None },
        ]));
        insta::assert_snapshot!(lines(&error), @r#"
        error: the scene "Scene" has no camera
        hint: add a camera
        error: it is too large
        "#);
        assert_eq!(exit_of(&error), Exit::NotDone);
    }

    #[test]
    fn a_cause_that_was_said_already_is_not_repeated() {
        let inner = std::io::Error::other("refused");
        let error = Err::<(), _>(inner).context("can't connect: refused").unwrap_err();
        assert_eq!(lines(&error), "error: can't connect: refused");
    }
}
