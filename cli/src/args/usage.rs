//! clap's errors as one plain sentence with exit code 64.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Action;
use crate::exit::{Code, Failure};

/// Help and version are printed; everything else is a failure.
pub(super) fn answer(error: &clap::Error, path: &str) -> Result<Action, Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            Ok(Action::Print(error.render().to_string()))
        }
        _ => Err(failure(error, path)),
    }
}

/// What clap's types can't express: that a command parses to itself.
pub(super) fn impossible() -> Failure {
    Failure::new(
        Code::Software,
        "the environment was parsed as another command; please report this",
    )
}

/// The command that arguments lead to: `backline config show`.
pub(super) fn command_path(root: &clap::Command, arguments: &[OsString]) -> String {
    let mut path = root.get_name().to_owned();
    let mut command = root;
    for word in arguments.iter().skip(1) {
        match command.find_subcommand(word) {
            Some(sub) => {
                path = format!("{path} {}", sub.get_name());
                command = sub;
            }
            None => break,
        }
    }
    path
}

/// One sentence, and a hint. `path` is the command it is about.
pub(super) fn failure(error: &clap::Error, path: &str) -> Failure {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg);
    let name = argument.as_deref().map(first_word);
    let value = text(ContextKind::InvalidValue).map(|value| clean(&value));
    let source = std::error::Error::source(error).map(ToString::to_string);
    let message = match (error.kind(), name, value, source) {
        (ErrorKind::ValueValidation, Some(name), _, Some(source)) => format!("{name}: {source}"),
        (ErrorKind::InvalidValue, Some(name), Some(value), _) => {
            match text(ContextKind::ValidValue).filter(|valid| !valid.is_empty()) {
                Some(valid) if !value.is_empty() => {
                    format!("{name}: expected one of {valid}, not `{value}`")
                }
                Some(valid) => format!("{name} needs a value: one of {valid}"),
                None => format!("{name} needs a value"),
            }
        }
        (ErrorKind::UnknownArgument, Some(name), ..) if name.starts_with('-') => {
            format!("there is no option {}", clean(name))
        }
        (ErrorKind::UnknownArgument, ..) => {
            format!(
                "one argument too many: `{}`",
                clean(&argument.unwrap_or_default())
            )
        }
        (ErrorKind::InvalidSubcommand, ..) => {
            let name = clean(&text(ContextKind::InvalidSubcommand).unwrap_or_default());
            format!("there is no command `{name}`")
        }
        (
            ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
            ..,
        ) => "a command is missing".to_owned(),
        (ErrorKind::ArgumentConflict, Some(name), ..) => match text(ContextKind::PriorArg) {
            Some(prior) if first_word(&prior) == name => format!("{name} can be given only once"),
            Some(prior) => format!("{name} can't be used with {}", first_word(&prior)),
            None => format!("{name} can be given only once"),
        },
        (ErrorKind::MissingRequiredArgument, Some(name), ..) => format!("{name} is missing"),
        (ErrorKind::NoEquals, Some(name), ..) => {
            format!("the value of {name} is written with `=`: {name}=VALUE")
        }
        (ErrorKind::TooManyValues, Some(name), Some(value), _) => {
            format!("{name} takes no value, not `{value}`")
        }
        (ErrorKind::InvalidUtf8, ..) => "an argument that should be text is not UTF-8".to_owned(),
        _ => first_line(error),
    };
    Failure::usage(message).hint(hint(error, path))
}

fn hint(error: &clap::Error, path: &str) -> String {
    let suggested = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let suggestion = suggested(ContextKind::SuggestedArg)
        .or_else(|| suggested(ContextKind::SuggestedSubcommand))
        .or_else(|| suggested(ContextKind::SuggestedValue));
    if let Some(suggestion) = suggestion {
        return format!("did you mean `{suggestion}`?");
    }
    if let Some(name) = suggested(ContextKind::InvalidSubcommand)
        && std::path::Path::new(&name).exists()
    {
        return format!("to play it: `backline play {}`", clean(&name));
    }
    format!("try `{path} --help`")
}

/// `--gain <TRACK=DB>` is known as `--gain`, `<FILE>...` and `[FILE]...` as `FILE`.
fn first_word(argument: &str) -> &str {
    let argument = argument.trim_start_matches(['<', '[']);
    let end = argument
        .find([' ', '=', '[', ']', '>'])
        .unwrap_or(argument.len());
    argument[..end].trim_end_matches('.')
}

fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
