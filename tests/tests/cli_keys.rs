//! Keys and the live line of `backline play` on a terminal.

use backline_tests::program::{Home, wait_until};
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

fn start(home: &Home, more: &str) -> Terminal {
    let command = home.backline(&format!("play song --backend null --monitor off {more}"));
    let terminal = Terminal::start(command);
    terminal.wait_for_line("playing", |line| line.contains("playing  0:"));
    terminal
}

/// Seconds that the live line shows: `playing  0:12.3 / 1:00.0 …`.
fn seconds(line: &str) -> Option<f64> {
    let at = line.split("  ").nth(1)?.split(" / ").next()?;
    let (minutes, rest) = at.trim().split_once(':')?;
    Some(minutes.parse::<f64>().ok()? * 60.0 + rest.parse::<f64>().ok()?)
}

#[test]
fn every_key_does_what_it_is_for() {
    let home = home();
    let mut terminal = start(&home, "");
    wait_until("keys to be taken", || !terminal.is_as_found());

    terminal.press(" ");
    let paused = terminal.wait_for_line("pause", |line| line.contains("paused"));
    let at = seconds(&paused).expect("a position");
    terminal.press(" ");
    terminal.wait_for_line("playing on", |line| line.contains("playing"));

    terminal.press("\x1b[C");
    let later = |line: &str| seconds(line) >= Some(at + 4.5);
    terminal.wait_for_line("5 s forward", later);
    terminal.press("\x1b[D\x1b[D");
    terminal.wait_for_line("10 s back", |line| seconds(line) < Some(at + 3.0));
    terminal.press("]");
    let chorus = terminal.wait_for_line("next section", |line| line.contains("Chorus"));
    assert!(seconds(&chorus) >= Some(29.9), "{chorus}");
    terminal.press("[[");
    terminal.wait_for_line("section before", |line| line.contains("Verse"));
    terminal.press("]");
    terminal.wait_for_line("next section", |line| line.contains("Chorus"));
    terminal.press("\x1b[H");
    terminal.wait_for_line("start", |line| seconds(line) < Some(10.0));

    // 0.25 and a quarter of it are −10.1 dB; alone −12.0 and −24.0.
    terminal.wait_for_line("both", |line| line.contains("-10.1"));
    terminal.press("m1");
    terminal.wait_for_line("the second alone", |line| line.contains("-24.0"));
    terminal.wait_for_line("the mute", |line| line.contains("  mute 1  "));
    terminal.press("m1s1");
    terminal.wait_for_line("the first alone", |line| line.contains("-12.0"));
    terminal.wait_for_line("the solo", |line| line.contains("  solo 1  "));
    terminal.press("s1");
    terminal.wait_for_line("both", |line| {
        line.contains("-10.1") && !line.contains("mute") && !line.contains("solo")
    });
    // Tracks that aren't there.
    terminal.press("m9s0");

    terminal.press("q");
    assert_eq!(terminal.finish(), (Some(0), None), "{}", terminal.shown());
    assert!(terminal.is_as_found());
    terminal.wait_for_text("until it was stopped.");
}

#[test]
fn l_loops_the_section_and_ends_the_loop() {
    let home = home();
    let mut terminal = start(&home, "--start 28.5 --end 31");
    terminal.press("l");
    terminal.wait_for_line("the loop", |line| line.contains("  loop 0:00.0-0:30.0  "));
    terminal.wait_for_line("the end of the section", |line| seconds(line) >= Some(29.5));
    terminal.wait_for_line("its start again", |line| seconds(line) < Some(5.0));
    terminal.press("q");
    assert_eq!(terminal.finish(), (Some(0), None), "{}", terminal.shown());
}

#[test]
fn no_keys_are_taken_when_told_so() {
    let home = home();
    let mut terminal = start(&home, "--no-keys --end 1");
    assert!(terminal.is_as_found());
    terminal.press("q");
    assert_eq!(terminal.finish(), (Some(0), None), "{}", terminal.shown());
    terminal.wait_for_text("to the end.");
}

#[test]
fn the_terminal_is_restored_after_int() {
    let home = home();
    let mut terminal = start(&home, "");
    wait_until("keys to be taken", || !terminal.is_as_found());
    terminal.press("\x03");
    assert_eq!(
        terminal.finish(),
        (None, Some(libc::SIGINT)),
        "{}",
        terminal.shown()
    );
    assert!(terminal.is_as_found());
    terminal.wait_for_text("until it was stopped.");
}

#[test]
fn the_terminal_is_restored_while_it_is_suspended() {
    let home = home();
    let mut terminal = start(&home, "");
    wait_until("keys to be taken", || !terminal.is_as_found());
    terminal.press("\x1a");
    let pid = terminal.pid();
    wait_until("the process to stop", || state(pid) == Some('T'));
    assert!(terminal.is_as_found());
    // SAFETY: a child that hasn't been waited for.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGCONT) }, 0);
    wait_until("keys to be taken", || !terminal.is_as_found());
    terminal.wait_for_line("playing on", |line| line.contains("playing"));
    // Paused by the user, it stays so.
    terminal.press(" ");
    terminal.wait_for_line("pause", |line| line.contains("paused"));
    terminal.press("\x1a");
    wait_until("the process to stop", || state(pid) == Some('T'));
    // SAFETY: as above.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGCONT) }, 0);
    wait_until("keys to be taken", || !terminal.is_as_found());
    terminal.wait_for_line("pause", |line| line.contains("paused"));
    terminal.press("q");
    assert_eq!(terminal.finish(), (Some(0), None), "{}", terminal.shown());
    assert!(terminal.is_as_found());
}

fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

#[test]
fn json_takes_no_keys() {
    let home = home();
    let mut terminal =
        Terminal::start(home.backline("play song --backend null --status json --end 1"));
    terminal.press("q");
    assert_eq!(terminal.finish(), (Some(0), None), "{}", terminal.shown());
    terminal.wait_for_text("\"ended\":\"end\"");
    assert!(terminal.is_as_found());
}
