//! Terminals: whether there is one, whether colours are wanted, and how they are made.

use std::io::IsTerminal;

/// When to colour.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Colours for one stream, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    colored: bool,
}

impl Style {
    /// The style for standard output.
    pub(crate) fn stdout(color: Color) -> Style {
        Style { colored: wanted(color, std::io::stdout().is_terminal(), no_color()) }
    }

    /// The style for standard error.
    pub(crate) fn stderr(color: Color) -> Style {
        Style { colored: wanted(color, std::io::stderr().is_terminal(), no_color()) }
    }

    /// No colours.
    #[cfg(test)]
    pub(crate) fn plain() -> Style {
        Style { colored: false }
    }

    /// Whether anything is coloured.
    pub(crate) fn is_colored(self) -> bool {
        self.colored
    }

    /// For what went wrong.
    pub(crate) fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// For what was verified.
    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// For what is under way.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// For advice.
    pub(crate) fn cyan(self, text: &str) -> String {
        self.paint("36", text)
    }

    /// For headings.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// For what matters less.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colored { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Whether progress bars can be drawn: a terminal that understands more than lines.
pub(crate) fn has_bars() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stderr().is_terminal() && !dumb
}

/// Whether a person sits in front of the program.
pub(crate) fn is_interactive() -> bool {
    std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
}

/// A text from outside, for a terminal: without characters that could steer it.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// See <https://no-color.org>.
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

fn wanted(color: Color, terminal: bool, no_color: bool) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && !no_color,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_colours_are_used() {
        let check = |color, terminal, no_color, want| {
            assert_eq!(wanted(color, terminal, no_color), want, "{color:?} {terminal} {no_color}");
        };
        check(Color::Auto, true, false, true);
        check(Color::Auto, true, true, false);
        check(Color::Auto, false, false, false);
        check(Color::Always, false, true, true);
        check(Color::Never, true, false, false);
    }

    #[test]
    fn texts_from_outside_cant_steer_the_terminal() {
        assert_eq!(harmless("a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
