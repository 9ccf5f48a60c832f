//! Completion by the program itself: a shell's script starts it at each press of the tab key, with what was typed so far.
//!
//! bash breaks lines into words at `@`, `:` and `=` as well and takes what it is given as it is, so for bash the line is read, and
//! what comes back is quoted, here.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_complete::engine::complete;
use clap_complete::env::{EnvCompleter as _, Fish, Zsh};

use super::Cli;

/// Says for which shell.
const VARIABLE: &str = "_BACKLINE_COMPLETE";
/// bash: the line up to the cursor, and the part of it that is replaced.
const LINE: &str = "_BACKLINE_LINE";
const PART: &str = "_BACKLINE_PART";

const BASH: &str = r#"_backline() {
    local found
    mapfile -t found < <(
        _BACKLINE_COMPLETE=bash _BACKLINE_LINE="${COMP_LINE:0:COMP_POINT}" _BACKLINE_PART="$2" backline 2>/dev/null
    )
    COMPREPLY=("${found[@]}")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=] ]]; then
        compopt -o nospace
    fi
}
complete -o bashdefault -o nosort -F _backline backline
"#;

const ZSH: &str = r#"#compdef backline
_backline() {
    local -a found folders others
    local one
    found=("${(@f)$(_BACKLINE_COMPLETE=zsh _CLAP_COMPLETE_INDEX=$((CURRENT - 1)) _CLAP_IFS=$'\n' backline -- "${(@Q)words}" 2>/dev/null)}")
    for one in $found; do
        if [[ ${one%%:*} == */ ]]; then
            folders+=("${${one%%:*}%/}")
        else
            others+=("$one")
        fi
    done
    (( $#folders )) && _describe -V 'values' folders -S / -r /
    (( $#others )) && _describe -V 'values' others
}
if [[ ${funcstack[1]} == _backline ]]; then
    _backline "$@"
else
    compdef _backline backline
fi
"#;

const FISH: &str = r#"complete --keep-order --exclusive --command backline --arguments "(_BACKLINE_COMPLETE=fish backline -- (commandline --current-process --tokenize --cut-at-cursor) (string unescape -- (commandline --current-token --cut-at-cursor); or commandline --current-token --cut-at-cursor))"
"#;

/// The completions of `backline` for a shell, as a script. Those of the first three ask the program.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    match shell {
        Shell::Bash => script.extend(BASH.bytes()),
        Shell::Zsh => script.extend(ZSH.bytes()),
        Shell::Fish => script.extend(FISH.bytes()),
        _ => clap_complete::generate(shell, &mut Cli::command(), "backline", &mut script),
    }
    script
}

/// Completes, if that is what the program was started for.
pub fn completing() -> Option<io::Result<()>> {
    let shell = std::env::var(VARIABLE).ok()?;
    Some(answer(&shell))
}

fn answer(shell: &str) -> io::Result<()> {
    let mut command = Cli::command();
    let folder = std::env::current_dir().ok();
    let folder = folder.as_deref();
    let mut text = Vec::new();
    let words = std::env::args_os().skip_while(|word| word != "--").skip(1);
    match shell {
        "zsh" => Zsh.write_complete(&mut command, words.collect(), folder, &mut text)?,
        "fish" => Fish.write_complete(&mut command, words.collect(), folder, &mut text)?,
        "bash" => {
            let line = std::env::var(LINE).unwrap_or_default();
            let part = std::env::var(PART).unwrap_or_default();
            for candidate in in_bash(&mut command, &line, &part, folder)? {
                text.extend(candidate.bytes());
                text.push(b'\n');
            }
        }
        _ => {}
    }
    io::stdout().write_all(&text)
}

/// The words of bash's line.
pub(super) fn line() -> Option<Vec<OsString>> {
    let line = std::env::var(LINE).ok()?;
    Some(
        Line::read(&line)
            .words
            .into_iter()
            .map(Into::into)
            .collect(),
    )
}

/// What can come in the place of `part`, at the end of `line`.
fn in_bash(
    command: &mut clap::Command,
    line: &str,
    part: &str,
    folder: Option<&Path>,
) -> io::Result<Vec<String>> {
    let line = Line::read(line);
    let words: Vec<OsString> = line.words.iter().map(Into::into).collect();
    let last = words.len().saturating_sub(1);
    let all = complete(command, words, last, folder)?;
    let all: Vec<&str> = (all.iter())
        .filter_map(|c| c.get_value().to_str())
        .collect();
    // Where there are names, options wait until they are asked for.
    let names = !line.raw.starts_with('-') && all.iter().any(|word| !word.starts_with('-'));
    let all = all.iter().filter(|word| !names || !word.starts_with('-'));
    let all = all.filter_map(|word| line.typed(word));
    // What stands before the part stays.
    let stays = line.raw.strip_suffix(part).unwrap_or_default();
    let all = all.filter_map(|typed| Some(typed.strip_prefix(stays)?.to_owned()));
    Ok(all.collect())
}

/// A line of bash, as far as completion needs to understand it.
#[derive(Debug, PartialEq)]
struct Line<'a> {
    /// Without their quotes. The last is the one at the cursor; it may be empty.
    words: Vec<String>,
    /// The last as it was typed.
    raw: &'a str,
    /// It is in quotes that are open, and begins with them.
    open: Option<char>,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Self {
        let mut words = Vec::new();
        let mut word = String::new();
        let (mut from, mut open, mut begun) = (0, None, false);
        let mut chars = line.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match (open, c) {
                (None, ' ' | '\t' | '\n') => {
                    if begun {
                        words.push(std::mem::take(&mut word));
                    }
                    (from, begun) = (at + c.len_utf8(), false);
                    continue;
                }
                (None, '\'' | '"') => open = Some(c),
                (Some(quote), c) if c == quote => open = None,
                (None | Some('"'), '\\') => {
                    let escaped =
                        chars.next_if(|(_, next)| open.is_none() || "\"$`\\".contains(*next));
                    word.push(escaped.map_or('\\', |(_, escaped)| escaped));
                }
                (_, c) => word.push(c),
            }
            begun = true;
        }
        words.push(word);
        let raw = line.get(from..).unwrap_or_default();
        Self { words, raw, open }
    }

    /// A word as it is typed in the place of the last: quoted as that is. `None` if it can't be.
    fn typed(&self, word: &str) -> Option<String> {
        match self.open {
            // (The shell itself ends them.)
            Some(quote) if self.raw.starts_with(quote) => {
                let hard = match quote {
                    '\'' => "'",
                    _ => "\"$`\\",
                };
                (!word.contains(|c| hard.contains(c))).then(|| format!("{quote}{word}"))
            }
            Some(_) => None,
            None => {
                let plain = |c: char| c.is_alphanumeric() || "-_./,:=@%+".contains(c);
                let mut typed = String::new();
                for c in word.chars() {
                    if !plain(c) {
                        typed.push('\\');
                    }
                    typed.push(c);
                }
                Some(typed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bash(line: &str, part: &str) -> Vec<String> {
        in_bash(&mut Cli::command(), line, part, None).unwrap()
    }

    #[test]
    fn lines_are_read_as_bash_reads_them() {
        let read = |line| {
            let line = Line::read(line);
            (line.words, line.raw.to_owned(), line.open)
        };
        let words = |w: &[&str]| w.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            read("backline ctl  gain lead\\ v"),
            (
                words(&["backline", "ctl", "gain", "lead v"]),
                "lead\\ v".into(),
                None
            )
        );
        assert_eq!(read("a ''  "), (words(&["a", "", ""]), String::new(), None));
        assert_eq!(
            read("a 'b \\c"),
            (words(&["a", "b \\c"]), "'b \\c".into(), Some('\''))
        );
        assert_eq!(
            read("a \"b \\c\\\" é"),
            (
                words(&["a", "b \\c\" é"]),
                "\"b \\c\\\" é".into(),
                Some('"')
            )
        );
        assert_eq!(
            read("a b'c d'e\\"),
            (words(&["a", "bc de\\"]), "b'c d'e\\".into(), None)
        );
        assert_eq!(read(""), (words(&[""]), String::new(), None));
    }

    #[test]
    fn what_is_typed_is_quoted_as_it_was_begun() {
        let typed = |line, word| Line::read(line).typed(word);
        assert_eq!(
            typed("a le", "lead vox (2)*").unwrap(),
            "lead\\ vox\\ \\(2\\)\\*"
        );
        assert_eq!(typed("a 'le", "lead $vox").unwrap(), "'lead $vox");
        assert_eq!(typed("a \"le", "lead vox").unwrap(), "\"lead vox");
        assert_eq!(typed("a \"le", "lead $vox"), None);
        assert_eq!(typed("a 'le", "lead's"), None);
        assert_eq!(typed("a l'e", "lead"), None);
        assert_eq!(typed("a ", "Flöte").unwrap(), "Flöte");
    }

    #[test]
    fn verbs_options_and_values() {
        assert_eq!(bash("backline re", "re"), ["render"]);
        assert_eq!(bash("backline ctl clear", "clear"), ["clear-solo"]);
        assert_eq!(bash("backline ctl mute drums t", "t"), ["toggle"]);
        assert_eq!(bash("backline ctl fade m", "m"), ["master"]);
        assert_eq!(
            bash("backline ctl jump @Chorus n", "n"),
            ["now", "next-bar"]
        );
        assert_eq!(bash("backline play --backend nu", "nu"), ["null"]);
        // bash replaces what is behind the sign.
        assert_eq!(bash("backline play --backend=nu", "nu"), ["null"]);
        assert_eq!(bash("backline play --no-k", "--no-k"), ["--no-keys"]);
    }
}
