//! Every help page is a snapshot, so that stale or clumsy text is seen when it changes.

use crate::args::Cli;
use clap::{Command, CommandFactory, Parser};

/// The help pages of a command and all below it, by name.
fn pages(command: &mut Command, name: &str, pages: &mut Vec<(String, String)>) {
    pages.push((name.to_owned(), command.render_long_help().to_string()));
    let below: Vec<String> =
        command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for sub in below.iter().filter(|sub| *sub != "help") {
        if let Some(command) = command.find_subcommand_mut(sub) {
            self::pages(command, &format!("{name}-{sub}"), pages);
        }
    }
}

#[test]
fn every_help_page() {
    let mut command = Cli::command();
    command.build();
    let mut all = Vec::new();
    pages(&mut command, "candela", &mut all);
    for (name, page) in all {
        insta::assert_snapshot!(format!("help_{name}"), page);
    }
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn wrong_usage_is_explained() {
    let check = |line: &str| {
        let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
        format!("$ {line}\n{}\n", error.render())
    };
    let said = [
        "candela render",
        "candela render scene.blend",
        "candela render scene.blend --output frames --size half",
        "candela render scene.blend --output frames --format gif",
        "candela render scene.blend --detach --video film.mp4",
        "candela worker",
        "candela node",
        "candela node --join T --roles cook",
        "candela node list --join T",
        "candela ticket create",
        "candela job show seven",
        "candela job film",
        "candela claim make 7",
        "candela demo --frames 2",
        "candela fly",
    ];
    insta::assert_snapshot!(said.map(check).join(""));
}

#[test]
fn right_usage_is_understood() {
    let check = |line: &str| {
        let parsed = Cli::try_parse_from(line.split(' '));
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
    };
    check("candela render scene.blend --frames -5--1 --output frames/ --size 25%");
    check("candela render scene.blend --frames 1-24 -o frames --samples 8 --format png16 --json");
    check("candela render scene.blend --detach --manager http://10.0.0.1:4470 --token t");
    check("candela node list --json");
    check("candela claim make 7 -3 --comment wrong --watch");
    check("candela claim list");
    check("candela claim show 12 --pictures folder --json");
    check("candela node --join T");
    check("candela node --join T --roles worker,verifier --slots 2 --memory 8GiB");
    check("candela worker --join T --engine-driver cheat.py --threads 1");
    check("candela ticket create --role worker --role verifier --owner ada");
    check("candela job list --color never --log debug");
    check("candela job film 7 --output film.mp4 --json");
    check("candela demo --exit --json out.json");
    check("candela proof export 7 -o p --without-pictures --token t");
    check("candela proof check p --outputs frames --json --color never");
}
