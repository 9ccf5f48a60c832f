//! Manual pages, made from the command line's own description.

use std::io;

use clap::{Command, CommandFactory};

use super::Cli;
use crate::exit::Code;

/// The manual pages, each with its file's name: `backline.1` first, then one per command.
///
/// # Errors
/// Only those of writing to memory.
pub fn man_pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut root = Cli::command();
    root.build();
    let mut pages = Vec::new();
    add(&root, "backline", &mut pages)?;
    Ok(pages)
}

fn add(command: &Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let page = clap_mangen::Man::new(command.clone().display_name(name.to_owned()))
        .title(name)
        .section("1")
        .source(concat!("backline ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands");
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut text)?;
    }
    text.extend(examples(command).into_bytes());
    text.extend(environment().into_bytes());
    text.extend(exit_codes().into_bytes());
    pages.push((format!("{name}.1"), text));
    for sub in command.get_subcommands() {
        add(sub, &format!("{name}-{}", sub.get_name()), pages)?;
    }
    Ok(())
}

/// The examples at the end of a command's help, line by line as they stand there.
fn examples(command: &Command) -> String {
    let help = match command.get_after_long_help().or(command.get_after_help()) {
        Some(help) => help.to_string(),
        None => return String::new(),
    };
    let lines = help.lines().skip(1).take_while(|line| !line.is_empty());
    let lines: Vec<&str> = lines.map(str::trim_start).collect();
    format!(
        ".SH EXAMPLES\n.nf\n{}\n.fi\n",
        lines.join("\n").replace('-', "\\-")
    )
}

fn environment() -> String {
    format!(
        ".SH ENVIRONMENT\n{}\n",
        super::ENVIRONMENT.replace('-', "\\-")
    )
}

fn exit_codes() -> String {
    let mut section = String::from(".SH \"EXIT STATUS\"\n");
    for code in Code::ALL {
        section.push_str(&format!(
            ".TP\n\\fB{}\\fR\n{}\n",
            code as u8,
            code.meaning()
        ));
    }
    section
}
