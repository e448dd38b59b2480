//! The attacks: one Python driver each, in a folder that anybody can add to.
//!
//! The first line of a driver's docstring says what it does, and a line `kind: …` how it is judged. A
//! line `frames: task` has all frames of a task rendered, where only a few would be: for attacks on
//! whole frames that leave much of the picture as it is where little moves.

use crate::workspace;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// What an attack forges, which decides how its trials are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Whole frames, in their samples or in what they show: judged frame by frame.
    Sampling,
    /// A setting, which changes only the pixels that it touches: judged by task.
    Settings,
    /// A part of the area: judged by task.
    Area,
    /// The output, under correct layers: found by development.
    Output,
    /// When to cheat, rather than how.
    Behaviour,
}

impl Kind {
    /// All of them, in the order of the table.
    pub const ALL: [Kind; 5] =
        [Kind::Sampling, Kind::Settings, Kind::Area, Kind::Output, Kind::Behaviour];

    /// The word that stands in the driver and in the results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Sampling => "sampling",
            Kind::Settings => "settings",
            Kind::Area => "area",
            Kind::Output => "output",
            Kind::Behaviour => "behaviour",
        }
    }
}

/// One attack.
#[derive(Debug, Clone)]
pub struct Attack {
    /// The name of its file, without the ending.
    pub name: String,
    /// What it does, in a sentence.
    pub about: String,
    /// How it is judged.
    pub kind: Kind,
    /// Whether all frames of a task are rendered.
    pub whole_task: bool,
    /// The driver.
    pub driver: PathBuf,
    /// The driver's text and that of the modules that it may import: what it renders follows from it.
    pub text: String,
}

/// The folder with the attacks.
#[must_use]
pub fn folder() -> PathBuf {
    workspace().join("crates/testkit/attacks")
}

/// All attacks of the folder, in the order of kinds and names.
///
/// # Errors
/// If a file can't be read, or doesn't say what it is.
pub fn attacks() -> Result<Vec<Attack>> {
    let entries = std::fs::read_dir(folder()).context("read the attacks")?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "py"));
    let attacks: Result<Vec<Attack>> = paths.iter().map(|path| attack(path)).collect();
    let mut attacks = attacks?;
    attacks.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    Ok(attacks)
}

/// The attack of a driver.
///
/// # Errors
/// If it can't be read, or doesn't say what it is.
pub fn attack(driver: &Path) -> Result<Attack> {
    let name = driver.file_stem().context("a driver without a name")?.to_string_lossy();
    let text = std::fs::read_to_string(driver).with_context(|| format!("{}", driver.display()))?;
    let mut attack = described(&name, &text).with_context(|| format!("{}", driver.display()))?;
    attack.driver = driver.to_owned();
    let modules = driver.parent().unwrap_or(Path::new("")).join("modules");
    let mut modules: Vec<_> =
        std::fs::read_dir(modules).into_iter().flatten().flatten().map(|e| e.path()).collect();
    modules.sort();
    for module in modules.iter().filter(|path| path.is_file()) {
        attack.text += &std::fs::read_to_string(module)?;
    }
    Ok(attack)
}

/// What the docstring says.
fn described(name: &str, text: &str) -> Result<Attack> {
    let docstring = text.strip_prefix("\"\"\"").and_then(|rest| rest.split_once("\"\"\""));
    let (docstring, _) = docstring.context("it doesn't begin with a docstring")?;
    let about = docstring.lines().next().unwrap_or_default().trim().to_owned();
    if about.is_empty() {
        bail!("the first line of its docstring doesn't say what it does");
    }
    let kind = docstring.lines().find_map(|line| line.trim().strip_prefix("kind:"));
    let kind = kind.context("its docstring has no line `kind: …`")?.trim();
    let kind = Kind::ALL.into_iter().find(|known| known.name() == kind);
    let kind = kind.context("its kind is none of sampling, settings, area, output, behaviour")?;
    let asked = docstring.lines().any(|line| line.trim() == "frames: task");
    let whole_task = asked || matches!(kind, Kind::Settings | Kind::Area);
    let (name, text) = (name.to_owned(), text.to_owned());
    Ok(Attack { name, about, kind, whole_task, driver: PathBuf::new(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_says_what_it_is() {
        let attacks = attacks().unwrap();
        assert!(attacks.len() >= 15);
        for attack in attacks {
            assert!(attack.about.ends_with('.'), "{}: {}", attack.name, attack.about);
        }
    }

    #[test]
    fn a_driver_without_kind_is_an_error() {
        let told = |text: &str| described("x", text).map(|a| a.kind).map_err(|e| e.to_string());
        assert_eq!(told("\"\"\"Does it.\n\nkind: area\n\"\"\""), Ok(Kind::Area));
        assert!(told("\"\"\"Does it.\"\"\"").unwrap_err().contains("no line"));
        assert!(told("\"\"\"Does it.\nkind: mean\"\"\"").unwrap_err().contains("none of"));
        assert!(told("import bpy").unwrap_err().contains("docstring"));
    }
}
