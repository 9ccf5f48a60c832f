//! The environment as a second command line: `BACKLINE_X_Y` for every `--x-y`.
//!
//! It is parsed by the same rules as the flags, but apart from them, so that a flag can go before
//! a variable that it would contradict.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

use clap::{ArgAction, CommandFactory, FromArgMatches};

use super::{Cli, Environment, usage};
use crate::exit::Failure;

/// The switches (by their long names) that variables turn off.
pub(super) type Off = BTreeSet<String>;

/// What the variables say for a command.
pub(super) fn layer(command: &str, env: Environment<'_>) -> Result<(Cli, Off), Failure> {
    let mut root =
        Cli::command().mut_subcommand(command, |sub| sub.mut_args(|arg| arg.required(false)));
    root.build();
    let mut words: Vec<OsString> = vec!["backline".into(), command.into()];
    let mut off = Off::new();
    let mut names = Vec::new();
    for arg in root
        .find_subcommand(command)
        .into_iter()
        .flat_map(clap::Command::get_arguments)
    {
        let Some(long) = arg
            .get_long()
            .filter(|long| !matches!(*long, "help" | "version" | "config"))
        else {
            continue;
        };
        let variable = variable_of(long);
        let Some(value) = env(&variable).filter(|value| !value.is_empty()) else {
            continue;
        };
        let flag = format!("--{long}");
        let optional = arg
            .get_num_args()
            .is_some_and(|range| range.min_values() == 0);
        match arg.get_action() {
            ArgAction::SetTrue if truth(&value).is_none() => {
                return Err(no_switch(&variable, &value));
            }
            ArgAction::SetTrue | ArgAction::Set if optional && truth(&value).is_some() => {
                match truth(&value) {
                    Some(true) => words.push(flag.clone().into()),
                    _ => drop(off.insert(long.to_owned())),
                }
            }
            ArgAction::Append => {
                for piece in value.to_string_lossy().split(';') {
                    words.push(format!("{flag}={}", piece.trim()).into());
                }
            }
            _ => {
                let mut word = OsString::from(format!("{flag}="));
                word.push(&value);
                words.push(word);
            }
        }
        names.push((flag, variable));
    }
    // Longest first: `--periods` before `--period`.
    names.sort_by_key(|(flag, _)| std::cmp::Reverse(flag.len()));
    let rename = |error: clap::Error| {
        let mut failure = usage::failure(&error, command);
        for (flag, variable) in &names {
            failure.message = failure.message.replace(flag.as_str(), variable);
        }
        failure.hint = None;
        failure
    };
    let matches = root.try_get_matches_from(words).map_err(&rename)?;
    let cli = Cli::from_arg_matches(&matches).map_err(&rename)?;
    Ok((cli, off))
}

/// Whether the variable of a switch turns it on.
pub(super) fn switch(variable: &str, env: Environment<'_>) -> Result<bool, Failure> {
    match env(variable).filter(|value| !value.is_empty()) {
        Some(value) => truth(&value).ok_or_else(|| no_switch(variable, &value)),
        None => Ok(false),
    }
}

fn variable_of(long: &str) -> String {
    format!("BACKLINE_{}", long.to_uppercase().replace('-', "_"))
}

fn truth(value: &OsStr) -> Option<bool> {
    match value.to_str()?.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn no_switch(variable: &str, value: &OsStr) -> Failure {
    Failure::usage(format!(
        "{variable}: expected 1 or 0, not `{}`",
        value.display()
    ))
}
