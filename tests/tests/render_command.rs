//! `backline render` from the command line to the exit code: files that appear only when complete,
//! full disks, closed pipes, signals.
//!
//! The command runs in a process of its own: this very test program, started again.

use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use backline::args::{self, Action};
use backline::commands::{Ending, render};
use backline::media::{self, OpenOptions};
use backline::output::{WavFormat, WavWriter};
use backline_tests::stems::write_f32_wav;
use engine_core::convert::Dither;
use tempfile::TempDir;

/// Set in the process that is the command: its arguments, separated by line ends.
const ARGUMENTS: &str = "BACKLINE_TEST_RENDER";
const LONG: Duration = Duration::from_secs(60);

/// Not a test of its own: what a process started by [`backline`] does.
#[test]
fn the_command() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else {
        return;
    };
    let words = ["backline", "render"].into_iter().chain(arguments.lines());
    let result = args::parse(words.map(Into::into), &|_| None).and_then(|action| match action {
        Action::Render(order) => render::run(&order, Instant::now()),
        other => panic!("{other:?}"),
    });
    let code = match result {
        Ok(Ending::Code(code)) => code as i32,
        Ok(Ending::Signal(signal)) => {
            // Raising it is the program's part.
            100 + signal
        }
        Err(failure) => {
            eprintln!("backline: {failure}");
            failure.code as i32
        }
    };
    std::process::exit(code);
}

fn backline(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["the_command", "--exact", "--nocapture", "--test-threads=1"])
        .env(
            ARGUMENTS,
            ["--config", "none"]
                .iter()
                .chain(arguments)
                .copied()
                .collect::<Vec<_>>()
                .join("\n"),
        )
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

struct Done {
    status: ExitStatus,
    out: Vec<u8>,
    err: String,
}

impl Done {
    fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Done {
    let output = backline(folder, arguments).output().unwrap();
    Done {
        status: output.status,
        out: output.stdout,
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn stem(folder: &Path, name: &str, frames: usize) -> PathBuf {
    let path = folder.join(name);
    let mut wav = WavWriter::create(&path, WavFormat::S16, Dither::None, 48_000, 2).unwrap();
    let planes: Vec<Vec<f32>> = (0..2)
        .map(|c| {
            (0..frames)
                .map(|i| ((i * 7 + c) % 199) as f32 / 400.0)
                .collect()
        })
        .collect();
    wav.write(&[&planes[0], &planes[1]], frames).unwrap();
    wav.finish().unwrap();
    path
}

/// Names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn song() -> TempDir {
    let folder = TempDir::new().unwrap();
    stem(folder.path(), "a.wav", 30_000);
    stem(folder.path(), "b.wav", 20_000);
    folder
}

#[test]
fn a_mix_and_its_stems_in_one_pass() {
    let folder = song();
    let at = folder.path();
    let done = run(
        at,
        &[
            "a.wav", "b.wav", "-o", "mix.wav", "--stems", "out", "--format", "s16",
        ],
    );
    assert_eq!(
        (done.code(), names(at)),
        (
            0,
            vec![
                "a.wav".into(),
                "b.wav".into(),
                "mix.wav".into(),
                "out".into()
            ]
        ),
        "{}",
        done.err
    );
    assert_eq!(names(&at.join("out")), ["a.wav", "b.wav"]);
    assert!(
        done.err.contains(
            "Rendered 0.625 s (30000 frames at 48000 Hz) to mix.wav and out, to the end."
        ),
        "{}",
        done.err
    );
    // A stem rendered again is what it was, and as long as the mix.
    let alone = run(
        at,
        &[
            "a.wav",
            "-o",
            "alone.wav",
            "--format",
            "s16",
            "--dither",
            "none",
        ],
    );
    assert_eq!(alone.code(), 0);
    let again = run(
        at,
        &[
            "alone.wav",
            "-o",
            "again.wav",
            "--format",
            "s16",
            "--dither",
            "none",
        ],
    );
    assert_eq!(again.code(), 0);
    assert_eq!(
        fs::read(at.join("alone.wav")).unwrap(),
        fs::read(at.join("again.wav")).unwrap()
    );
    assert_eq!(
        fs::read(at.join("alone.wav")).unwrap(),
        fs::read(at.join("a.wav")).unwrap()
    );
}

#[test]
fn the_channels_of_a_wide_stem_are_tracks() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let levels = [0.125f32, 0.25, 0.375, 0.5];
    write_f32_wav(&at.join("quad.wav"), 48_000, &levels.map(|x| vec![x; 100]));
    let rendered = |options: &str| {
        let words = "quad.wav -o mix.wav --format f32".split(' ');
        let words: Vec<&str> = words.chain(options.split(' ')).collect();
        let done = run(at, &words);
        assert_eq!(done.code(), 0, "{options}: {}", done.err);
        let mut reader = media::open(&at.join("mix.wav"), &OpenOptions::default()).unwrap();
        let mut frame = [[0.0f32; 1]; 4];
        let mut planes: Vec<&mut [f32]> = frame.iter_mut().map(|p| &mut p[..]).collect();
        assert_eq!(reader.read(&mut planes).unwrap(), 1);
        frame.map(|p| p[0])
    };
    assert_eq!(rendered("--mute quad.2"), [0.125, 0.0, 0.375, 0.5]);
    assert_eq!(rendered("--gain 4=x0.5"), [0.125, 0.25, 0.375, 0.25]);
    assert_eq!(rendered("--solo quad.3"), [0.0, 0.0, 0.375, 0.0]);
    assert_eq!(
        rendered("--gain quad=x0.5 --mute 1"),
        [0.0, 0.125, 0.1875, 0.25]
    );
}

#[test]
fn a_stream_holds_the_samples_of_the_file() {
    let folder = song();
    let at = folder.path();
    assert_eq!(run(at, &["a.wav", "b.wav", "-o", "mix.wav"]).code(), 0);
    let done = run(at, &["a.wav", "b.wav", "-o", "-"]);
    assert_eq!(done.code(), 0, "{}", done.err);
    let file = fs::read(at.join("mix.wav")).unwrap();
    // The test harness talks on standard output before.
    let riff = done.out.windows(4).position(|w| w == b"RIFF").unwrap();
    let stream = &done.out[riff..];
    assert_eq!(stream.len(), file.len());
    let samples = 30_000 * 6;
    assert!(stream[stream.len() - samples..] == file[file.len() - samples..]);
    assert!(done.err.contains("to standard output, to the end."));
}

#[test]
fn json_ends_with_a_summary_whatever_happened() {
    let folder = song();
    let at = folder.path();
    for (arguments, code, ended) in [
        (&["a.wav", "-o", "x.wav", "--status", "json"][..], 0, "end"),
        (
            &["a.wav", "-o", "/dev/full", "--status", "json"],
            74,
            "error",
        ),
        (
            &["none.wav", "-o", "x.wav", "--status", "json"],
            66,
            "error",
        ),
    ] {
        let done = run(at, arguments);
        assert_eq!(done.code(), code, "{}", done.err);
        let out = String::from_utf8(done.out).unwrap();
        let lines: Vec<serde_json::Value> = out
            .lines()
            // The test harness talks before the first one.
            .filter_map(|line| serde_json::from_str(&line[line.find('{')?..]).ok())
            .collect();
        let last = lines.last().unwrap();
        assert_eq!(last["event"], "summary");
        assert_eq!(last["ended"], ended);
        assert_eq!(last["backend"], "file");
        assert_eq!(last["starvations"], 0);
        let errors: Vec<_> = lines.iter().filter(|l| l["event"] == "error").collect();
        assert_eq!(errors.len(), usize::from(code != 0));
        assert_eq!(last["error"].is_null(), code == 0);
        assert_eq!(done.err.is_empty(), code == 0, "{}", done.err);
    }
}

#[test]
fn a_full_device_is_74() {
    let folder = song();
    let done = run(folder.path(), &["a.wav", "-o", "/dev/full"]);
    assert_eq!(done.code(), 74);
    assert!(
        done.err.contains("/dev/full: the disk is full"),
        "{}",
        done.err
    );
}

#[test]
fn a_file_that_grows_too_big_leaves_nothing_and_the_old_one_alone() {
    let folder = song();
    let at = folder.path();
    fs::write(at.join("mix.wav"), "the old one").unwrap();
    let inner = backline(at, &["a.wav", "b.wav", "-o", "mix.wav", "--repeat", "50"]);
    let mut shell = Command::new("sh");
    // In blocks of 512 or 1024 bytes, as the shell has it; either is less than the mix.
    shell
        .args(["-c", "ulimit -f 600; exec \"$@\"", "sh"])
        .arg(inner.get_program())
        .args(inner.get_args());
    shell
        .envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?))))
        .current_dir(at)
        .stdin(Stdio::null());
    let output = shell.output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(74), "{err}");
    assert!(err.contains("too big"), "{err}");
    assert_eq!(names(at), ["a.wav", "b.wav", "mix.wav"]);
    assert_eq!(fs::read(at.join("mix.wav")).unwrap(), b"the old one");
}

#[test]
fn a_closed_pipe_is_74() {
    let folder = song();
    let mut child = backline(folder.path(), &["a.wav", "-o", "-", "--repeat", "1000000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut some = [0u8; 4096];
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_exact(&mut some).unwrap();
    drop(pipe);
    let status = wait(&mut child);
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert_eq!(status.code(), Some(74), "{err}");
    assert!(
        err.contains("standard output: closed by its reader"),
        "{err}"
    );
}

fn wait(child: &mut Child) -> ExitStatus {
    let limit = Instant::now() + LONG;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > limit {
            let _ = child.kill();
            panic!("it hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_signal_leaves_no_file_behind() {
    for (signal, code) in [("TERM", 0), ("INT", 102)] {
        let folder = song();
        let at = folder.path();
        let mut child = backline(at, &["a.wav", "-o", "mix.wav", "--repeat", "4000000"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let limit = Instant::now() + LONG;
        while !names(at).iter().any(|n| n.ends_with(".part")) {
            assert!(Instant::now() < limit, "it never began");
            std::thread::sleep(Duration::from_millis(2));
        }
        let kill = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let status = wait(&mut child);
        assert_eq!((status.code(), status.signal()), (Some(code), None));
        assert_eq!(names(at), ["a.wav", "b.wav"]);
        let mut err = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        assert!(err.contains("until it was stopped"), "{err}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_written() {
    let folder = song();
    let at = folder.path();
    let before = fs::read(at.join("a.wav")).unwrap();
    fs::create_dir(at.join("out")).unwrap();
    fs::hard_link(at.join("b.wav"), at.join("out/b.wav")).unwrap();
    for (arguments, code, says) in [
        (
            &["a.wav", "b.wav", "-o", "a.wav"][..],
            64,
            "would be replaced",
        ),
        (&["a.wav", "b.wav", "--stems", "."], 64, "would be replaced"),
        (
            &["a.wav", "b.wav", "--stems", "out"],
            64,
            "would be replaced",
        ),
        (
            &["a.wav", "b.wav", "--stems", "new", "-o", "new/a.wav"],
            64,
            "name the mix otherwise",
        ),
        (
            &["a.wav", "--only-bus", "drums", "-o", "x.wav"],
            64,
            "there is no bus `drums`",
        ),
        (
            &["a.wav", "--start", "10", "-o", "x.wav"],
            64,
            "nothing is left",
        ),
        (
            &["a.wav", "--rate", "44100", "--strict-rate", "-o", "x.wav"],
            65,
            "44100",
        ),
        (&["c.wav", "-o", "x.wav"], 66, "c.wav"),
        (&["a.wav", "-o", "no/x.wav"], 74, "folder is not there"),
        (&["a.wav", "--stems", "a.wav"], 74, "a.wav"),
    ] {
        let done = run(at, arguments);
        assert_eq!(done.code(), code, "{arguments:?}: {}", done.err);
        assert!(done.err.contains(says), "{arguments:?}: {}", done.err);
        let _ = fs::remove_dir(at.join("new"));
        assert_eq!(names(at), ["a.wav", "b.wav", "out"], "{arguments:?}");
    }
    assert_eq!(fs::read(at.join("a.wav")).unwrap(), before);
    assert_eq!(names(&at.join("out")), ["b.wav"]);
}

#[test]
fn standard_input_can_be_rendered_twice_over() {
    let folder = song();
    let at = folder.path();
    let input = || Stdio::from(fs::File::open(at.join("a.wav")).unwrap());
    let arguments = ["-", "-o", "x.wav", "--format", "s16", "--dither", "none"];
    let status = backline(at, &arguments)
        .stdin(input())
        .output()
        .unwrap()
        .status;
    assert_eq!(status.code(), Some(0));
    assert_eq!(
        fs::read(at.join("x.wav")).unwrap(),
        fs::read(at.join("a.wav")).unwrap()
    );
    let twice = [&arguments[..], &["--repeat", "2"]].concat();
    let status = backline(at, &twice).stdin(input()).output().unwrap().status;
    assert_eq!(status.code(), Some(0));
    let (one, two) = (
        fs::read(at.join("a.wav")).unwrap(),
        fs::read(at.join("x.wav")).unwrap(),
    );
    let samples = 30_000 * 4;
    let data = &one[one.len() - samples..];
    assert!(two[two.len() - 2 * samples..] == [data, data].concat());
}
