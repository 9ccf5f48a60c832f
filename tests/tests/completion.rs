//! Completion at a real prompt: verbs, options, and the names of the session that runs.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use backline_tests::program::{Home, LONG, Running, backline_bin};
use backline_tests::terminal::Terminal;

/// A song with names that a shell could trip over.
fn home() -> Home {
    let home = Home::new();
    for stem in ["a", "b", "c", "d"] {
        home.wav(&format!("song/{stem}.wav"), 60_000);
    }
    let track = |name: &str, file: &str, bus: &str| {
        format!("[[tracks]]\nname = '''{name}'''\nfile = \"{file}.wav\"\nbus = \"{bus}\"\n")
    };
    let song = [
        "version = 1\n".to_owned(),
        track("drums", "a", "main"),
        track("lead vox", "b", "main"),
        track("7", "c", "main"),
        track("it's $5", "d", "echo"),
        "[[sections]]\nname = \"Verse\"\nstart = \"0\"\n".into(),
        "[[sections]]\nname = \"Big chorus\"\nstart = \"30\"\n".into(),
    ];
    home.file("song/song.toml", song.concat());
    fs::create_dir(home.path().join("bin")).unwrap();
    std::os::unix::fs::symlink(backline_bin(), home.path().join("bin/backline")).unwrap();
    home
}

fn playing(home: &Home) -> Running {
    let mut program = home.start("play song --backend null --status json --no-keys --on-end loop");
    program.wait_until_playing();
    program
}

fn missing(shell: &str) -> bool {
    let missing = Command::new(shell).arg("--version").output().is_err();
    if missing {
        eprintln!("SKIP completion in {shell}: {shell} is not installed");
    }
    missing
}

/// A shell with our completions, in which `backline` is the one that is tested.
fn shell(home: &Home, program: &str, args: &[&str]) -> Command {
    // (The home's environment, with another program in it.)
    let mut command = home.backline("");
    let mut of = Command::new(program);
    of.args(args).current_dir(home.path()).env_clear();
    let path = std::env::var("PATH").unwrap();
    of.envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))))
        .env("PATH", format!("{}/bin:{path}", home.path().display()))
        .env("LC_ALL", "C.UTF-8");
    command = of;
    command
}

/// Types a line up to where the tab key is pressed, and waits for the line that comes of it. A session on a busy machine may
/// not answer in the moment there is for it: then again, as anybody would.
fn types(terminal: &mut Terminal, typed: &str, wanted: &str) {
    let shown = |terminal: &Terminal| {
        let screen = terminal.screen().contents();
        screen
            .lines()
            .any(|row| row.trim_end() == format!("% {wanted}"))
    };
    let begun = Instant::now();
    loop {
        terminal.press(&format!("{typed}\t"));
        let pressed = Instant::now();
        while !shown(terminal) && pressed.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(10));
        }
        if shown(terminal) {
            break;
        }
        let screen = terminal.screen().contents();
        assert!(
            begun.elapsed() < LONG,
            "`{typed}` never becomes `{wanted}`: {screen}"
        );
        terminal.press("\u{15}");
    }
    // The line is given up.
    terminal.press("\u{15}clear\r");
    terminal.wait_for_screen("a new line", |screen| screen.trim() == "%");
}

#[test]
fn in_bash() {
    if missing("bash") {
        return;
    }
    let home = home();
    let mut command = shell(&home, "bash", &["--norc", "--noprofile", "-i"]);
    command.env("PS1", "% ").env("TERM", "xterm");
    let mut terminal = Terminal::start(command);
    terminal.press("bind 'set bell-style none'; source <(backline completions bash); clear\r");
    terminal.wait_for_screen("a prompt", |screen| screen.trim() == "%");
    let nobody = Instant::now();
    terminal.press("backline ctl gain dr\t");
    types(
        &mut terminal,
        "\u{15}backline ctl clea",
        "backline ctl clear-solo",
    );
    assert!(nobody.elapsed() < LONG);

    let _program = playing(&home);
    for (typed, wanted) in [
        ("backline ctl gain dr", "backline ctl gain drums"),
        (
            "backline ctl --json gain le",
            r"backline ctl --json gain lead\ vox",
        ),
        (r"backline ctl mute lead\ v", r"backline ctl mute lead\ vox"),
        ("backline ctl mute 'lead v", "backline ctl mute 'lead vox'"),
        (
            "backline ctl mute \"lead v",
            "backline ctl mute \"lead vox\"",
        ),
        ("backline ctl gain it", r"backline ctl gain it\'s\ \$5"),
        ("backline ctl gain name:7", "backline ctl gain name:7"),
        ("backline ctl gain name:dr", "backline ctl gain name:drums"),
        ("backline ctl seek @Big", r"backline ctl seek @Big\ chorus"),
        ("backline ctl jump @V", "backline ctl jump @Verse"),
        (
            "backline ctl jump @Verse se",
            "backline ctl jump @Verse section-end",
        ),
        ("backline ctl bus ec", "backline ctl bus echo"),
        (
            "backline ctl fade track dr",
            "backline ctl fade track drums",
        ),
        ("backline ctl fade bus ec", "backline ctl fade bus echo"),
        ("backline ctl --name ba", "backline ctl --name backline"),
        ("backline ctl --name=ba", "backline ctl --name=backline"),
        ("backline play son", "backline play song/"),
    ] {
        types(&mut terminal, typed, wanted);
    }
    // Several are listed.
    terminal.press("backline ctl gain \t\t");
    terminal.wait_for_screen("the tracks", |screen| {
        screen.contains("drums") && screen.contains(r"lead\ vox") && screen.contains("name:7")
    });
}

#[test]
fn in_zsh() {
    if missing("zsh") {
        return;
    }
    let home = home();
    // As packages install it, and as somebody's own file.
    let script = home.run("completions zsh").text();
    home.file("functions/_backline", &script);
    for set_up in [
        "fpath=($HOME/functions $fpath); autoload -Uz compinit; compinit -u -D",
        "autoload -Uz compinit; compinit -u -D; source functions/_backline",
    ] {
        let mut command = shell(&home, "zsh", &["-f", "-i"]);
        command.env("PS1", "%% ").env("TERM", "xterm");
        let mut terminal = Terminal::start(command);
        terminal.press(&format!("unsetopt beep promptsp; {set_up}; clear\r"));
        terminal.wait_for_screen("a prompt", |screen| screen.trim() == "%");
        let _program = playing(&home);
        for (typed, wanted) in [
            ("backline ctl gain dr", "backline ctl gain drums"),
            ("backline ctl gain le", r"backline ctl gain lead\ vox"),
            (r"backline ctl mute lead\ v", r"backline ctl mute lead\ vox"),
            ("backline ctl gain it", r"backline ctl gain it\'s\ \$5"),
            ("backline ctl gain name:d", "backline ctl gain name:drums"),
            ("backline ctl seek @Big", r"backline ctl seek @Big\ chorus"),
            ("backline ctl fade bus ec", "backline ctl fade bus echo"),
            ("backline ctl clea", "backline ctl clear-solo"),
            ("backline play son", "backline play song/"),
        ] {
            types(&mut terminal, typed, wanted);
        }
    }
}

#[test]
fn in_fish() {
    if missing("fish") {
        return;
    }
    let home = home();
    home.file("backline.fish", home.run("completions fish").text());
    let completed = |typed: &str| {
        let script = format!("source backline.fish; complete -C {typed}");
        let output = shell(&home, "fish", &["--no-config", "-c", &script]).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let words = text
            .lines()
            .map(|line| line.split('\t').next().unwrap_or_default());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(completed("'backline ctl gain dr'"), Vec::<String>::new());
    let _program = playing(&home);
    let all = completed("'backline ctl gain '");
    assert_eq!(all[..4], ["drums", "lead vox", "name:7", "it's $5"]);
    // Options come behind.
    assert!(all[4..].iter().all(|word| word.starts_with('-')), "{all:?}");
    assert_eq!(completed("'backline ctl seek @B'"), ["@Big chorus"]);
    assert_eq!(completed(r"'backline ctl mute lead\\ v'"), ["lead vox"]);
    assert_eq!(completed("'backline ctl fade bus e'"), ["echo"]);
    assert_eq!(completed("'backline ctl clea'"), ["clear-solo"]);
}

/// A session that stands still is given up soon.
#[test]
fn nobody_waits_for_a_session_that_does_not_answer() {
    let home = home();
    let program = playing(&home);
    program.signal(libc::SIGSTOP);
    let begun = Instant::now();
    let mut command = home.backline("");
    command
        .env("_BACKLINE_COMPLETE", "bash")
        .env("_BACKLINE_LINE", "backline ctl gain dr")
        .env("_BACKLINE_PART", "dr");
    let ended = Running::start(&mut command).finish();
    assert_eq!((ended.code, ended.out), (Some(0), vec![]));
    assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
    program.signal(libc::SIGCONT);
}
