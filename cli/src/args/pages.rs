//! Manual pages and shell completions, made from the command line's own description.

use std::io;

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use crate::exit::Code;

/// The completions of `backline` for a shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "backline", &mut script);
    script
}

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
        .section("1");
    let mut text = Vec::new();
    page.render(&mut text)?;
    text.extend(exit_codes().into_bytes());
    pages.push((format!("{name}.1"), text));
    for sub in command.get_subcommands() {
        add(sub, &format!("{name}-{}", sub.get_name()), pages)?;
    }
    Ok(())
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
