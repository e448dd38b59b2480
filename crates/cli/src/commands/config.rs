//! `candela config`: what is in force, and where each value came from.

use crate::args::App;
use crate::config::{KEYS, Origin, data_folder};
use crate::print;
use crate::report::Exit;
use crate::table::{Align, Table};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

/// Show the settings in force.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting, its value and where that came from.
    ///
    /// A flag goes over the environment, that over the configuration file, that over the default.
    /// The file is TOML with a table per part: `[client]`, `[manager]`, `[node]`, `[engine]`,
    /// `[output]`, `[verification]`.
    Show(ShowArgs),
}

/// How it is shown.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Shown {
    key: &'static str,
    value: Option<String>,
    from: &'static str,
    environment: &'static str,
}

/// Runs it.
pub(crate) fn run(app: &App, command: &ConfigCommand, flags: &[(&str, String)]) -> Result<Exit> {
    let ConfigCommand::Show(args) = command;
    let shown = shown(app, flags);
    if args.json {
        print::json(&shown)?;
        return Ok(Exit::Done);
    }
    if let Some(path) = &app.config.path {
        let there = if path.is_file() { "" } else { " (not there)" };
        print::note(&format!("configuration file: {}{there}", path.display()));
    }
    let columns = [
        ("key", Align::Left),
        ("value", Align::Left),
        ("from", Align::Left),
        ("variable", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for line in shown {
        let value = line.value.unwrap_or_else(|| "-".to_owned());
        table.row(vec![
            line.key.to_owned(),
            value,
            line.from.to_owned(),
            line.environment.to_owned(),
        ]);
    }
    print::data(&table.render(app.out))?;
    Ok(Exit::Done)
}

fn shown(app: &App, flags: &[(&str, String)]) -> Vec<Shown> {
    let lines = KEYS.iter().map(|key| {
        let flag = flags.iter().find(|(name, _)| *name == key.name).map(|(_, value)| value.clone());
        let found = app.config.find(key.name, flag);
        let from = found.as_ref().map_or(Origin::Default, |(_, origin)| *origin).word();
        let value = found.map(|(value, _)| if key.secret { "(hidden)".to_owned() } else { value });
        let value = value.or_else(|| own_folder(key.name));
        Shown { key: key.name, value, from, environment: key.env }
    });
    lines.collect()
}

/// Folders that are the user's own unless somebody names others.
fn own_folder(key: &str) -> Option<String> {
    let folder = match key {
        "engine.folder" => data_folder("engines"),
        "manager.data" => data_folder("manager"),
        _ => return None,
    };
    folder.ok().map(|folder| folder.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::terminal::Style;

    #[test]
    fn a_flag_is_shown_as_such_and_a_secret_is_not() {
        let mut config = Config::default();
        config.set_for_tests("client.token", "abc");
        let app = App { config, out: Style::plain(), err: Style::plain() };
        let shown = shown(&app, &[("output.log", "debug".to_owned())]);
        let of = |key: &str| shown.iter().find(|line| line.key == key).unwrap();
        assert_eq!(
            (of("output.log").value.as_deref(), of("output.log").from),
            (Some("debug"), "flag")
        );
        assert_eq!(of("client.token").value.as_deref(), Some("(hidden)"));
        assert_eq!(of("node.slots").from, "default");
    }
}
