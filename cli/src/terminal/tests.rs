//! Terminals of our own (pseudo-terminals), with this very test program on the other end: see
//! [`child`].

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};

use super::*;

const DEADLINE: Duration = Duration::from_secs(30);
const ROLE: &str = "BACKLINE_TEST_TERMINAL";

/// Not a test: what runs on the terminals that the tests open.
#[test]
#[ignore = "the other end of the tests' terminals"]
fn child() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let (tx, rx) = mpsc::channel::<Key>();
    let keys = Keys::open(tx).unwrap().unwrap();
    if role == "signal" {
        let mut signals =
            signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM]).unwrap();
        std::thread::spawn(move || {
            signals.forever().next();
            restore();
            std::process::exit(5);
        });
    }
    let screen = (role == "screen").then(|| {
        let screen = Screen::open().unwrap().unwrap();
        let (sink, log) = mpsc::channel();
        let capture = Capture::new(move |line| sink.send(line).unwrap()).unwrap();
        capture.resume();
        eprintln!("<to the log>");
        println!("<log: {}>", log.recv().unwrap());
        assert_eq!(screen.turn(), Turn::Anew);
        screen.show(b"<frame>".to_vec());
        (screen, capture)
    });
    println!("<ready>");
    for key in &rx {
        println!("<{key:?}>");
        match (role.as_str(), key) {
            (_, Key::Quit) => break,
            ("panic" | "screen", Key::Loop) => {
                let _ = std::thread::spawn(|| panic!("<as asked>")).join();
                println!("<panicked>");
            }
            ("suspend", Key::Loop) => {
                restore();
                println!("<parked>");
            }
            _ => {}
        }
        if role == "suspend" && key == Key::Loop {
            // A stop and a continuation, as seen from here.
            signal_hook::low_level::raise(signal_hook::consts::SIGSTOP).unwrap();
            keys.resume();
            println!("<resumed>");
        }
    }
    drop(screen);
    drop(keys);
    println!("<done>");
}

struct Pty {
    master: File,
    output: Receiver<Vec<u8>>,
    seen: String,
    child: Child,
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command that runs [`child`] in a role.
fn child_command(role: &str) -> Vec<String> {
    let exe = std::env::current_exe().unwrap();
    [
        "env",
        &format!("{ROLE}={role}"),
        exe.to_str().unwrap(),
        "--exact",
        "terminal::tests::child",
        "--ignored",
        "--nocapture",
    ]
    .map(String::from)
    .to_vec()
}

impl Pty {
    /// Runs `command` as the leader of a session on a terminal of its own.
    fn run(command: &[String]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let slave = || ioctl_tiocgptpeer(&master, flags).unwrap();
        let child = Command::new("setsid")
            .arg("--ctty")
            .args(command)
            .stdin(slave())
            .stdout(slave())
            .stderr(slave())
            .spawn()
            .unwrap();
        let master = File::from(master);
        let mut reader = master.try_clone().unwrap();
        let (tx, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // An error is the end: every process has closed the terminal.
            while let Ok(n @ 1..) = reader.read(&mut bytes) {
                if tx.send(bytes[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            master,
            output,
            seen: String::new(),
            child,
        }
    }

    fn child(role: &str) -> Self {
        Self::run(&child_command(role))
    }

    fn send(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the terminal shows `text`, and forgets everything up to there.
    fn expect(&mut self, text: &str) {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(e) => panic!("no {text:?} ({e}) in {:?}", self.seen),
            }
        }
    }

    fn modes(&self) -> Termios {
        tcgetattr(&self.master).unwrap()
    }

    /// Waits until the terminal is, or isn't, in the mode for keys.
    fn expect_keys_mode(&self, wanted: bool) {
        let end = Instant::now() + DEADLINE;
        loop {
            let m = self.modes().local_modes;
            let keys = !m.intersects(LocalModes::ICANON | LocalModes::ECHO);
            if keys == wanted && m.contains(LocalModes::ISIG) {
                return;
            }
            assert!(Instant::now() < end, "the terminal's modes are {m:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn ended(&mut self) -> std::process::ExitStatus {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "still running: {:?}", self.seen);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn same_modes(&self, before: &Termios) {
        let after = self.modes();
        assert_eq!(after.local_modes, before.local_modes);
        assert_eq!(after.input_modes, before.input_modes);
        assert_eq!(after.output_modes, before.output_modes);
        assert_eq!(after.control_modes, before.control_modes);
        assert_eq!(
            format!("{:?}", after.special_codes),
            format!("{:?}", before.special_codes)
        );
    }
}

/// The modes of a new terminal.
fn fresh() -> Termios {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    tcgetattr(&master).unwrap()
}

#[test]
fn keys_come_unechoed_and_the_end_restores() {
    let mut pty = Pty::child("plain");
    pty.expect("<ready>");
    pty.expect_keys_mode(true);
    pty.send(" ");
    pty.expect("<Pause>");
    pty.send("\x1b[D");
    pty.expect("<Back5>");
    pty.send("\x1b");
    pty.send("m3");
    // Either the lone ESC was forgotten in time, or it took the m with it.
    pty.send("m4");
    pty.expect("<Mute(4)>");
    pty.send("xyzzy]");
    pty.expect("<NextSection>");
    assert!(!pty.seen.contains("xyzzy"), "{:?}", pty.seen);
    pty.send("q");
    pty.expect("<Quit>");
    pty.expect("<done>");
    assert!(!pty.seen.contains("xyzzy"));
    assert!(pty.ended().success());
    pty.same_modes(&fresh());
}

#[test]
fn a_panic_restores() {
    let mut pty = Pty::child("panic");
    pty.expect("<ready>");
    pty.send("l");
    pty.expect("<as asked>");
    pty.expect("<panicked>");
    pty.same_modes(&fresh());
}

#[test]
fn an_exit_without_unwinding_restores() {
    let mut pty = Pty::child("signal");
    pty.expect("<ready>");
    pty.expect_keys_mode(true);
    let pid = rustix::process::Pid::from_child(&pty.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(pty.ended().code(), Some(5));
    pty.same_modes(&fresh());
}

#[test]
fn control_c_stays_a_signal() {
    let mut pty = Pty::child("plain");
    pty.expect("<ready>");
    pty.expect_keys_mode(true);
    pty.send("\x03");
    assert_eq!(pty.ended().signal(), Some(2));
}

#[test]
fn a_process_that_stops_itself_leaves_the_terminal_and_takes_it_up_again() {
    let mut pty = Pty::child("suspend");
    pty.expect("<ready>");
    pty.expect_keys_mode(true);
    pty.send("l");
    pty.expect("<parked>");
    pty.expect_keys_mode(false);
    pty.same_modes(&fresh());
    let pid = rustix::process::Pid::from_child(&pty.child);
    let end = Instant::now() + DEADLINE;
    // Continuing it before it has stopped is harmless; so go on until it has come back.
    while !pty.seen.contains("<resumed>") {
        assert!(Instant::now() < end, "{:?}", pty.seen);
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        if let Ok(bytes) = pty.output.recv_timeout(Duration::from_millis(20)) {
            pty.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    pty.expect_keys_mode(true);
    pty.send("q");
    pty.expect("<done>");
    assert!(pty.ended().success());
    pty.same_modes(&fresh());
}

#[test]
fn a_job_in_the_background_is_left_in_peace() {
    let shell = ["env", "PS1=", "bash", "--norc", "--noprofile", "-i"].map(String::from);
    let mut pty = Pty::run(&shell);
    pty.send("bind 'set enable-bracketed-paste off'; stty -echo; echo sh$((1))ell\n");
    pty.expect("sh1ell");
    let command = child_command("plain").join(" ");
    pty.send(&format!("{command} &\n"));
    pty.expect("<ready>");
    // The shell gets what is typed, for longer than the job takes to look once.
    for i in 0..5 {
        pty.send(&format!("sleep 0.1; echo ty{i}$((i+20))ped\n"));
        pty.expect(&format!("ty{i}20ped"));
    }
    pty.send("jobs\n");
    pty.expect("Running");
    pty.send("fg\n");
    pty.expect_keys_mode(true);
    pty.send(" ");
    pty.expect("<Pause>");
    // Stopped, put in the background, and forward again.
    pty.send("\x1a");
    pty.expect("Stopped");
    pty.send("echo mo$((2))re\n");
    pty.expect("mo2re");
    pty.send("bg\n");
    pty.send("sleep 0.5; jobs\n");
    pty.expect("Running");
    pty.send("fg\n");
    pty.expect_keys_mode(true);
    pty.send("l");
    pty.expect("<Loop>");
    pty.send("q");
    pty.expect("<done>");
    pty.send("stty -a; echo en$((3))d\n");
    pty.expect(" icanon ");
    pty.expect("en3d");
    pty.send("exit\n");
    pty.ended();
}

#[test]
fn the_width_of_a_terminal() {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    // A terminal of no known size.
    assert_eq!(width(&master), None);
    let size = Winsize {
        ws_row: 24,
        ws_col: 132,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&master, size).unwrap();
    assert_eq!(width(&master), Some(132));
    // Not this process's own.
    assert!(!foreground(&master));
    assert_eq!(width(File::open("/dev/null").unwrap()), None);
    assert!(!foreground(File::open("/dev/null").unwrap()));
}

#[test]
fn a_panic_takes_the_screen_away_before_it_is_told() {
    let mut pty = Pty::child("screen");
    pty.expect("<log: <to the log>>");
    pty.expect("\x1b[?1049h");
    pty.expect("\x1b[?1006h");
    // The child's own words may stand between the two.
    pty.expect("<frame>");
    pty.send("l");
    pty.expect("\x1b[?1006l");
    pty.expect("\x1b[?1049l");
    pty.expect("<as asked>");
    pty.expect("<panicked>");
    pty.same_modes(&fresh());
}

#[test]
fn a_screen_is_gone_with_its_owner() {
    let mut pty = Pty::child("screen");
    pty.expect("<frame>");
    pty.send("q");
    pty.expect("\x1b[?1049l");
    pty.expect("<done>");
    assert!(pty.ended().success());
}
