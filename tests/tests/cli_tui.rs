//! The terminal UI of `backline play` on a terminal, by keys and mouse.

use backline_tests::program::{Home, wait_until};
use backline_tests::service::Manager;
use backline_tests::terminal::Terminal;

/// A minute of a loud first and a softer second stem, with two sections.
fn home() -> Home {
    let home = Home::new();
    home.wav("song/a.wav", 60_000);
    home.wav("song/b.wav", 60_000);
    let song = "version = 1\n\
        [[tracks]]\nname = \"a\"\nfile = \"a.wav\"\n\
        [[tracks]]\nname = \"b\"\nfile = \"b.wav\"\ngain_db = -12.0\n\
        [[sections]]\nname = \"Verse\"\nstart = \"0\"\n\
        [[sections]]\nname = \"Chorus\"\nstart = \"30\"\n";
    home.file("song/song.toml", song);
    home
}

fn start(home: &Home, more: &str, columns: u16, rows: u16) -> Terminal {
    let mut command = home.backline(&format!("play song --backend null --monitor off {more}"));
    command
        .env("TERM", "xterm-256color")
        .env("LC_ALL", "C.UTF-8");
    command.env_remove("NO_COLOR");
    let terminal = Terminal::sized(command, columns, rows);
    terminal.wait_for_screen("playing", |screen| screen.contains("PLAYING  0:"));
    terminal
}

/// The row of the screen that holds this.
fn row<'a>(screen: &'a str, what: &str) -> &'a str {
    let mut rows = screen.lines();
    rows.find(|row| row.contains(what)).unwrap_or_default()
}

/// Seconds that the first row shows: `▶ PLAYING  0:12.3 / 1:00.0 …`.
fn seconds(screen: &str) -> Option<f64> {
    let at = screen.lines().next()?.split(" / ").next()?;
    let (minutes, rest) = at.rsplit(' ').next()?.split_once(':')?;
    Some(minutes.parse::<f64>().ok()? * 60.0 + rest.parse::<f64>().ok()?)
}

#[test]
fn a_show_is_run_by_keys() {
    let home = home();
    let mut terminal = start(&home, "--status tui", 80, 24);
    let screen = terminal.wait_for_screen("both levels", |s| {
        row(s, "  1 a").contains("-12.0") && row(s, "  2 b").contains("-24.0")
    });
    // Both together are −10.1 dB.
    assert!(row(&screen, "     main").contains("-10.1"), "{screen}");
    assert!(
        screen.contains("? help") && screen.contains("q quit"),
        "{screen}"
    );
    assert!(
        screen.contains("Log ──") && screen.contains("Playing at 48000 Hz"),
        "{screen}"
    );
    assert!(terminal.screen().alternate_screen() && terminal.screen().hide_cursor());

    terminal.press(" ");
    terminal.wait_for_screen("pause", |s| s.contains("PAUSED"));
    terminal.press("]");
    terminal.wait_for_screen("chorus", |s| seconds(s) == Some(30.0));
    terminal.press("\x1b[D");
    terminal.wait_for_screen("5 s back", |s| seconds(s) == Some(25.0));
    terminal.press(" ");
    terminal.wait_for_screen("playing", |s| s.contains("PLAYING"));
    terminal.press("l");
    terminal.wait_for_screen("the loop", |s| s.contains("loop 0:00.0-0:30.0"));

    terminal.press("++");
    terminal.wait_for_screen("the first louder", |s| row(s, "  1 a").contains("+2.0"));
    terminal.press("\x1b[B,,");
    terminal.wait_for_screen("the second to the left", |s| {
        row(s, "  2 b").contains("L10")
    });
    terminal.press("m1");
    let muted = |terminal: &Terminal| {
        let screen = terminal.screen();
        let rows = screen.contents();
        let at = rows.lines().position(|row| row.contains("  1 a"))?;
        let at = u16::try_from(at).ok()?;
        let column = (60..80).find(|x| screen.cell(at, *x).is_some_and(|c| c.contents() == "M"))?;
        Some(screen.cell(at, column)?.inverse())
    };
    wait_until("the mute", || muted(&terminal) == Some(true));
    terminal.press("m1");
    wait_until("no mute", || muted(&terminal) == Some(false));

    terminal.press("d");
    terminal.wait_for_screen("measurements", |s| {
        s.contains("Latency monitor") && s.contains("average") && s.contains("budget  42.667 ms")
    });
    terminal.press("?");
    terminal.wait_for_screen("help", |s| s.contains("fade out and quit"));
    terminal.press("x");
    terminal.wait_for_screen("no help", |s| !s.contains("fade out and quit"));

    terminal.resize(120, 40);
    terminal.wait_for_screen("a larger screen", |s| {
        s.lines().count() == 40 && s.contains("calls")
    });
    terminal.press("q");
    assert_eq!(terminal.finish(), (Some(0), None), "{}", terminal.shown());
    assert!(terminal.is_as_found());
    let left = terminal.wait_for_screen("the last words", |s| s.contains("until it was stopped."));
    // What only the log has shown.
    assert!(left.contains("Playing at 48000 Hz"), "{left}");
    assert!(!terminal.screen().alternate_screen() && !terminal.screen().hide_cursor());
    assert_eq!(
        terminal.screen().mouse_protocol_mode(),
        vt100::MouseProtocolMode::None
    );
}

#[test]
fn the_mouse_seeks_and_mutes() {
    let home = home();
    let mut terminal = start(&home, "--status tui", 80, 24);
    terminal.press(" ");
    let screen = terminal.wait_for_screen("pause", |s| s.contains("PAUSED"));
    // The middle of the wave form.
    terminal.press("\x1b[<0;41;3M\x1b[<0;41;3m");
    terminal.wait_for_screen("the middle", |s| seconds(s) == Some(30.0));
    // A section's name.
    terminal.press("\x1b[<0;3;2M\x1b[<0;3;2m");
    terminal.wait_for_screen("the verse", |s| seconds(s) == Some(0.0));
    // The wheel on the second strip.
    let strip = screen.lines().position(|row| row.contains("  2 b"));
    let strip = strip.expect("a strip") + 1;
    terminal.press(&format!("\x1b[<64;30;{strip}M"));
    terminal.wait_for_screen("1 dB up", |s| row(s, "  2 b").contains("-11.0"));
    terminal.press("q");
    assert_eq!(terminal.finish(), (Some(0), None), "{}", terminal.shown());
}

#[test]
fn the_terminal_comes_back_after_signals_and_is_taken_up_again() {
    let home = home();
    let mut terminal = start(&home, "--status tui", 80, 24);
    let pid = terminal.pid();
    terminal.press("\x1a");
    wait_until("the process to stop", || state(pid) == Some('T'));
    assert!(terminal.is_as_found());
    assert!(!terminal.screen().alternate_screen() && !terminal.screen().hide_cursor());
    // SAFETY: a child that hasn't been waited for.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGCONT) }, 0);
    wait_until("the screen", || terminal.screen().alternate_screen());
    terminal.wait_for_screen("playing on", |s| s.contains("PLAYING"));
    // SAFETY: as above.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
    assert_eq!(terminal.finish(), (Some(0), None), "{}", terminal.shown());
    assert!(terminal.is_as_found());
    wait_until("the screen to go", || !terminal.screen().alternate_screen());
    terminal.wait_for_screen("the last words", |s| s.contains("until it was stopped."));
}

fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

#[test]
fn a_terminal_that_takes_nothing_keeps_nobody_waiting() {
    let home = home();
    let mut terminal = start(&home, "--status tui --control run/ctl.sock", 80, 24);
    // ^S: from now on the terminal takes nothing.
    terminal.press("\x13");
    std::thread::sleep(std::time::Duration::from_millis(300));
    // SAFETY: a child that hasn't been waited for.
    assert_eq!(unsafe { libc::kill(terminal.pid(), libc::SIGTERM) }, 0);
    assert_eq!(terminal.finish(), (Some(0), None));
}

#[test]
fn an_old_terminal_gets_neither_colours_nor_anything_but_ascii() {
    let home = home();
    let mut command = home.backline("play song --backend null --status tui");
    command.env("TERM", "vt100");
    let mut terminal = Terminal::sized(command, 80, 24);
    terminal.wait_for_screen("playing", |s| s.contains("> PLAYING"));
    terminal.wait_for_screen("levels", |s| row(s, "  1 a").contains("####"));
    assert!(terminal.shown().is_ascii());
    let screen = terminal.screen();
    let (rows, columns) = screen.size();
    for (row, column) in (0..rows.get()).flat_map(|r| (0..columns.get()).map(move |c| (r, c))) {
        let cell = screen.cell(row, column).expect("a cell");
        let colours = (cell.fgcolor(), cell.bgcolor());
        assert_eq!(colours, (vt100::Color::Default, vt100::Color::Default));
    }
    terminal.press("q");
    assert_eq!(terminal.finish(), (Some(0), None), "{}", terminal.shown());
}

#[test]
fn where_there_is_no_terminal_it_says_so_or_does_without() {
    let home = home();
    let run_of = |command: &str| home.run(command);
    let told = run_of("play song --backend null --status tui --end 0.2");
    assert_eq!(told.code, Some(64), "{}", told.err);
    assert!(
        told.err
            .contains("--status tui needs a terminal, and standard "),
        "{}",
        told.err
    );
    // In the configuration it stands ready for a terminal.
    home.file("tui.toml", "status = \"tui\"\n");
    let told = run_of("play song --backend null --config tui.toml --end 0.2");
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(told.err.contains("to the end."), "{}", told.err);
    let told = run_of("render song -o out.wav --status tui");
    assert_eq!(told.code, Some(64), "{}", told.err);
    let mut terminal = start(&home, "--config tui.toml", 80, 24);
    terminal.press("q");
    assert_eq!(terminal.finish(), (Some(0), None), "{}", terminal.shown());
}

#[test]
fn what_came_of_saving_stands_in_the_lowest_row_for_a_moment() {
    let home = home();
    let mut terminal = start(&home, "--status tui", 80, 24);
    let path = home.path().join("song/song.toml");
    let last = |screen: &str| screen.lines().last().unwrap_or_default().to_owned();
    terminal.press("+");
    terminal.wait_for_screen("the first louder", |s| row(s, "  1 a").contains("+1.0"));
    terminal.press("w");
    terminal.wait_for_screen("the file", |s| {
        last(s).starts_with("saved in /") && s.contains("song.toml")
    });
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("file = \"a.wav\"\ngain_db = 1.0\n"), "{text}");
    std::fs::write(&path, text + "# mine\n").unwrap();
    terminal.press("w");
    terminal.wait_for_screen("why not", |s| last(s).starts_with("not saved: /"));
    terminal.wait_for_screen("the keys again", |s| last(s).contains("q quit"));
    terminal.press("q");
    assert_eq!(terminal.finish(), (Some(0), None), "{}", terminal.shown());
}

#[test]
fn a_reload_draws_the_new_song_and_leaves_the_keys() {
    let home = home();
    let mut manager = Manager::new(home.path());
    let mut command = home.backline("play song --backend null --monitor off --status tui");
    command.env("LC_ALL", "C.UTF-8").env_remove("NO_COLOR");
    manager.runs(&mut command, 60_000);
    let mut terminal = Terminal::sized(command, 80, 24);
    terminal.wait_for_screen("playing", |s| s.contains("PLAYING  0:"));
    terminal.press("]");
    terminal.wait_for_screen("the chorus", |s| seconds(s).is_some_and(|at| at >= 30.0));
    let file = home.path().join("song/song.toml");
    let song = std::fs::read_to_string(&file).unwrap();
    let reload = |terminal: &Terminal, manager: &mut Manager| {
        // SAFETY: a child that hasn't been waited for.
        assert_eq!(unsafe { libc::kill(terminal.pid(), libc::SIGHUP) }, 0);
        manager.wait_for("the reload", |said| said.starts_with("RELOADING=1"));
    };
    // Another track, another name.
    home.wav("song/c.wav", 60_000);
    let more = "[[tracks]]\nname = \"brass\"\nfile = \"c.wav\"\n";
    home.file("song/song.toml", format!("{song}{more}"));
    reload(&terminal, &mut manager);
    let screen = terminal.wait_for_screen("the new track", |s| {
        row(s, "  3 brass").contains("-12.0") && s.contains("PLAYING")
    });
    assert!(seconds(&screen).is_some_and(|at| at >= 30.0), "{screen}");
    terminal.press("m3");
    terminal.wait_for_screen("silence on it", |s| !row(s, "  3 brass").contains("-12.0"));
    // One that is broken: what plays, plays on, and says so.
    home.file("song/song.toml", "version = 1\n[[tracks]]\n");
    reload(&terminal, &mut manager);
    terminal.wait_for_screen("the reason", |s| {
        s.contains("missing key `file`") && row(s, "  3 brass").contains("brass")
    });
    terminal.press(" ");
    let screen = terminal.wait_for_screen("paused", |s| s.contains("PAUSED"));
    assert!(seconds(&screen).is_some_and(|at| at >= 30.0), "{screen}");
    terminal.press("q");
    assert_eq!(terminal.finish(), (Some(0), None), "{}", terminal.shown());
    assert!(terminal.is_as_found());
    wait_until("the screen to go", || !terminal.screen().alternate_screen());
}
