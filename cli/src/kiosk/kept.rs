//! Kept state: where it plays and how loud, in a file, so that it goes on there after the power was cut.
//!
//! Memory cards wear out by being written to, so the file is written seldom, and only when something is different:
//! while a song plays once a minute; when the song, the level or playing itself has changed, at once, but
//! not oftener than every ten seconds; and at the end. A thread of its own reads and writes: a disk may hang.
//!
//! ```json
//! {"backline":"kept state","v":1,"song":2,"title":"Rain","frame":1440000,"rate":48000,"master_db":-6.0}
//! ```
//!
//! `volume_db` is there where a card's volume is minded. `song` is the number in the list, `frame` a frame of it at `rate`. After a natural end they are null.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::atomic::write_atomically;
use crate::player::Status;
use crate::report::State;
use crate::units::{exact_db, gain_from_db};

/// Between two looks at a session.
const LOOK: Duration = Duration::from_millis(250);
/// Between two writes while nothing but the position changes, and after one that failed.
const SELDOM: Duration = Duration::from_secs(60);
/// Between any two writes but the last.
const OFTEN: Duration = Duration::from_secs(10);
/// How long reading it may take …
const READING: Duration = Duration::from_secs(3);
/// … and writing it at the end.
const ENDING: Duration = Duration::from_millis(500);
/// No state of ours is as long.
const LONGEST: u64 = 64 * 1024;
/// What it says in front, so that nothing else is taken for it.
const MARK: &str = "kept state";

/// A place in what is played.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot {
    /// Index of the song, from 0; it counts if the title is the song's.
    pub song: usize,
    /// The song's title.
    pub title: String,
    /// Place in it, s.
    pub at_s: f64,
}

/// What is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Where it goes on; `None` is at the beginning.
    pub spot: Option<Spot>,
    /// Master level, linear.
    pub master: f32,
    /// The hardware's volume, dB, where it is the volume that counts.
    pub volume_db: Option<f64>,
}

impl Kept {
    /// As a session is; `None` before it has begun.
    pub fn of(status: &Status) -> Option<Self> {
        let rate = f64::from(Some(status.rate).filter(|rate| *rate != 0)?);
        Some(Self {
            spot: Some(Spot {
                song: status.song,
                title: status.position.song.clone()?,
                at_s: status.position.frame as f64 / rate,
            }),
            master: status.master,
            volume_db: status.volume.mixer.as_ref().and(status.volume.level_db),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    backline: String,
    v: u32,
    song: Option<usize>,
    title: Option<String>,
    frame: Option<u64>,
    rate: u32,
    master_db: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    volume_db: Option<Value>,
}

/// The text of a file.
fn to_text(kept: &Kept, rate: u32) -> String {
    let number = |db: f64| match db.is_finite() {
        true => json!(db),
        false => json!("-inf"),
    };
    let spot = kept.spot.as_ref();
    let written = Written {
        backline: MARK.to_owned(),
        v: 1,
        song: spot.map(|s| s.song + 1),
        title: spot.map(|s| s.title.clone()),
        frame: spot.map(|s| (s.at_s * f64::from(rate)).round() as u64),
        rate,
        master_db: number(exact_db(kept.master)),
        volume_db: kept.volume_db.map(number),
    };
    // (It has nothing that JSON can't say.)
    serde_json::to_string(&written).unwrap_or_default() + "\n"
}

/// What a file says, or what is the matter with it.
fn from_text(text: &str) -> Result<Kept, String> {
    let foreign = |what: &str| format!("it holds {what}");
    let value: Value = serde_json::from_str(text).map_err(|_| foreign("no whole kept state"))?;
    if value["backline"] != MARK {
        return Err(foreign("something else than a kept state"));
    }
    if value["v"] != 1 {
        return Err(foreign("the state of another version of backline"));
    }
    let Ok(w) = serde_json::from_value::<Written>(value) else {
        return Err(foreign("no whole kept state"));
    };
    let level = |value: &Value| match value {
        Value::String(silence) if silence == "-inf" => Some(f64::NEG_INFINITY),
        number => number.as_f64().filter(|db| db.is_finite()),
    };
    let db = level(&w.master_db);
    let volume = match &w.volume_db {
        None => Some(None),
        Some(value) => level(value).map(Some),
    };
    let spot = match (w.song, w.title, w.frame) {
        (None, None, None) => Some(None),
        (Some(song), Some(title), Some(frame)) if song > 0 && w.rate > 0 => Some(Some(Spot {
            song: song - 1,
            title,
            at_s: frame as f64 / f64::from(w.rate),
        })),
        _ => None,
    };
    match (db, volume, spot) {
        (Some(db), Some(volume_db), Some(spot)) => Ok(Kept {
            spot,
            master: gain_from_db(db),
            volume_db,
        }),
        _ => Err(foreign("values that can't be")),
    }
}

/// What a file says; nothing where there is none yet.
fn read(path: &Path) -> Result<Option<Kept>, String> {
    let told = |e: std::io::Error| crate::exit::without_errno(e.to_string());
    match fs::metadata(path) {
        Ok(about) if about.is_file() => {}
        // Others are waited for without end.
        Ok(_) => return Err("it is no file".into()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(told(e)),
    }
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut text))
        .map_err(told)?;
    match String::from_utf8(text) {
        Ok(text) if text.len() as u64 <= LONGEST => from_text(&text).map(Some),
        _ => Err("it holds something else than a kept state".into()),
    }
}

/// Keeps the state of the sessions of a process, one after the other.
pub struct Keeper {
    path: PathBuf,
    jobs: Sender<String>,
    done: Receiver<std::io::Result<()>>,
    /// Texts on their way to the disk.
    outstanding: u32,
    looked: Option<Instant>,
    written: Instant,
    /// What the file has to say, as far as is known, and whether it played then.
    last: Option<(Kept, bool)>,
    /// It could be written the last time.
    writes: bool,
    /// How long the end may take.
    ending: Duration,
}

impl Keeper {
    /// Keeps it in this file. Beside it comes what it held, if it is there, or why that counts for nothing.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn open(path: &Path) -> std::io::Result<(Self, Result<Option<Kept>, String>)> {
        let (jobs, texts) = mpsc::channel::<String>();
        let (tell, done) = mpsc::channel();
        let (found, kept) = mpsc::channel();
        let theirs = path.to_owned();
        thread::Builder::new()
            .name("backline-state".into())
            .spawn(move || {
                let _ = found.send(read(&theirs));
                for text in texts {
                    // At a power cut the old state is there, or the new one.
                    if tell
                        .send(write_atomically(&theirs, text.as_bytes(), true))
                        .is_err()
                    {
                        break;
                    }
                }
            })?;
        let kept = kept
            .recv_timeout(READING)
            .unwrap_or_else(|_| Err("it can't be read in time".into()));
        let complaint = |why| {
            format!(
                "{}: the kept state doesn't count, {why}; playing begins at the beginning",
                path.display()
            )
        };
        let keeper = Self {
            path: path.to_owned(),
            jobs,
            done,
            outstanding: 0,
            looked: None,
            written: Instant::now(),
            last: (kept.as_ref().ok().cloned().flatten()).map(|kept| (kept, true)),
            writes: true,
            ending: ENDING,
        };
        Ok((keeper, kept.map_err(complaint)))
    }

    /// Whether it is time to look at the session.
    pub fn is_due(&self) -> bool {
        self.looked.is_none_or(|at| at.elapsed() >= LOOK)
    }

    /// Looks at a session, and writes if it is time to. A sentence for the user when it can't be written, once.
    pub fn look(&mut self, status: &Status) -> Option<String> {
        self.looked = Some(Instant::now());
        let mut complaint = None;
        if self.outstanding > 0 {
            complaint = self.hear(Duration::ZERO);
        }
        let playing = status.position.state == State::Playing;
        let kept = Kept::of(status).filter(|_| self.outstanding == 0)?;
        if self.is_worth_writing(&kept, playing) {
            self.write(kept, playing, status.rate);
        }
        complaint
    }

    /// Writes what a session was like at its end; with `over` the next one begins at the beginning. A sentence as from [`look`](Self::look).
    pub fn end(&mut self, status: &Status, over: bool) -> Option<String> {
        let mut kept = Kept::of(status)?;
        if over {
            kept.spot = None;
        }
        if self.last.as_ref().is_some_and(|(last, _)| *last == kept) {
            return None;
        }
        let deadline = Instant::now() + self.ending;
        let left = || deadline.saturating_duration_since(Instant::now());
        self.write(kept, false, status.rate);
        // One may have been on its way before it.
        let mut complaint = None;
        while self.outstanding > 0 && !left().is_zero() {
            complaint = self.hear(left()).or(complaint);
        }
        if self.outstanding > 0 {
            return Some(format!(
                "{}: the state can't be kept in time",
                self.path.display()
            ));
        }
        complaint
    }

    fn is_worth_writing(&self, kept: &Kept, playing: bool) -> bool {
        let since = self.written.elapsed();
        let song = |kept: &Kept| kept.spot.as_ref().map(|s| (s.song, s.title.clone()));
        let pause = match &self.last {
            Some((last, played)) if last == kept && *played == playing => return false,
            Some((last, played))
                if self.writes
                    && (*played != playing
                        || last.master != kept.master
                        || last.volume_db != kept.volume_db
                        || song(last) != song(kept)) =>
            {
                OFTEN
            }
            None if self.writes => OFTEN,
            _ => SELDOM,
        };
        since >= pause
    }

    fn write(&mut self, kept: Kept, playing: bool, rate: u32) {
        // Its thread ends after us only.
        self.outstanding += u32::from(self.jobs.send(to_text(&kept, rate)).is_ok());
        self.written = Instant::now();
        self.last = Some((kept, playing));
    }

    /// How a write went.
    fn hear(&mut self, wait: Duration) -> Option<String> {
        let written = match wait {
            Duration::ZERO => self.done.try_recv().map_err(|e| e == TryRecvError::Empty),
            wait => (self.done.recv_timeout(wait)).map_err(|e| e == RecvTimeoutError::Timeout),
        };
        let written = match written {
            Ok(written) => written,
            Err(true) => return None,
            // Nobody writes any more.
            Err(false) => {
                self.outstanding = 0;
                return None;
            }
        };
        self.outstanding = self.outstanding.saturating_sub(1);
        let wrote = std::mem::replace(&mut self.writes, written.is_ok());
        let e = written.err()?;
        // It isn't there, so whatever comes is different.
        self.last = None;
        wrote.then(|| {
            let e = crate::exit::without_errno(e.to_string());
            format!(
                "{}: the state can't be kept: {e}; it is tried again",
                self.path.display()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Position;

    fn kept(song: usize, at_s: f64, master: f32) -> Kept {
        Kept {
            spot: Some(Spot {
                song,
                title: "Rain \"and\" sun".into(),
                at_s,
            }),
            master,
            volume_db: None,
        }
    }

    fn status(frame: u64, state: State) -> Status {
        Status {
            rate: 48_000,
            song: 1,
            position: Position {
                frame,
                state,
                song: Some("two".into()),
                ..Status::default().position
            },
            ..Status::default()
        }
    }

    #[test]
    fn what_is_written_is_read_to_the_frame_and_to_the_bit() {
        for (n, rate) in [(0, 44_100), (1, 48_000), (2, 96_000), (3, 192_000)] {
            for k in 0..10_000u64 {
                let frame = k * k * 431 + k;
                let master = (k as f32 * 0.000_37).powi(2);
                let at_s = frame as f64 / f64::from(rate);
                let read = from_text(&to_text(&kept(n, at_s, master), rate)).unwrap();
                assert_eq!(read, kept(n, at_s, master));
                let there = (read.spot.unwrap().at_s * f64::from(rate)).round() as u64;
                assert_eq!(there, frame);
            }
        }
        let over = Kept {
            spot: None,
            master: 0.0,
            volume_db: Some(-12.5),
        };
        assert_eq!(from_text(&to_text(&over, 48_000)).unwrap(), over);
    }

    #[test]
    fn whatever_a_power_cut_left_of_it_is_told_from_a_whole_one() {
        let whole = to_text(&kept(3, 30.0, 0.5), 48_000);
        for len in 0..whole.len() - 1 {
            let Some(part) = whole.get(..len) else {
                continue;
            };
            from_text(part).unwrap_err();
        }
        for foreign in [
            "[]",
            "null",
            "{\"v\":1}",
            "version = 1\n[[songs]]\nfile = \"a.wav\"\n",
            &whole.replace("\"v\":1", "\"v\":2"),
            &whole.replace("\"song\":4", "\"song\":0"),
            &whole.replace("\"song\":4", "\"song\":null"),
            &whole.replace("48000,", "0,"),
            &whole.replace("\"frame\":", "\"frame\":-"),
            &whole.replace("\"master_db\":-", "\"master_db\":\"loud\",\"x\":-"),
            &"\0".repeat(4096),
        ] {
            from_text(foreign).unwrap_err();
        }
    }

    #[test]
    fn it_is_written_seldom_and_a_change_soon() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (mut keeper, read) = Keeper::open(&path).unwrap();
        keeper.ending = Duration::from_secs(20);
        assert_eq!(read, Ok(None));
        let later = |keeper: &mut Keeper, by: Duration| {
            keeper.written = keeper.written.checked_sub(by).unwrap();
        };
        let written = |keeper: &mut Keeper, frame, state| {
            assert_eq!(keeper.outstanding, 0);
            assert_eq!(keeper.look(&status(frame, state)), None);
            let began = keeper.outstanding > 0;
            if began {
                assert_eq!(keeper.hear(Duration::from_secs(20)), None);
            }
            began
        };
        // Not as soon as it begins.
        assert!(!written(&mut keeper, 100, State::Playing));
        later(&mut keeper, OFTEN);
        assert!(written(&mut keeper, 200, State::Playing));
        // Playing on is no change …
        later(&mut keeper, OFTEN);
        assert!(!written(&mut keeper, 300, State::Playing));
        // … for a minute; being paused is one, once.
        later(&mut keeper, SELDOM);
        assert!(written(&mut keeper, 400, State::Playing));
        assert!(!written(&mut keeper, 500, State::Paused));
        later(&mut keeper, OFTEN);
        assert!(written(&mut keeper, 500, State::Paused));
        later(&mut keeper, 100 * SELDOM);
        assert!(!written(&mut keeper, 500, State::Paused));
        // Before there is a device nothing is known.
        assert_eq!(keeper.look(&Status::default()), None);
        assert_eq!(keeper.outstanding, 0);
        // At the end in any case, but the same not twice.
        assert_eq!(keeper.end(&status(600, State::Stopped), false), None);
        let (again, read) = Keeper::open(&path).unwrap();
        assert_eq!(read.unwrap(), Kept::of(&status(600, State::Stopped)));
        drop(again);
        fs::remove_file(&path).unwrap();
        assert_eq!(keeper.end(&status(600, State::Stopped), false), None);
        assert!(!path.exists());
        assert_eq!(keeper.end(&status(600, State::Stopped), true), None);
        let (_, read) = Keeper::open(&path).unwrap();
        assert_eq!(read.unwrap().unwrap().spot, None);
    }

    #[test]
    fn what_cannot_be_written_is_said_once_and_tried_seldom() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone").join("state");
        let (mut keeper, read) = Keeper::open(&path).unwrap();
        keeper.ending = Duration::from_secs(20);
        assert_eq!(read.unwrap(), None);
        let mut said = 0;
        for minute in 0..5u64 {
            keeper.written = keeper.written.checked_sub(SELDOM).unwrap();
            assert_eq!(keeper.look(&status(minute, State::Playing)), None);
            assert_eq!(keeper.outstanding, 1, "{minute}");
            said += u32::from(keeper.hear(Duration::from_secs(20)).is_some());
            keeper.written = keeper.written.checked_sub(OFTEN).unwrap();
            assert_eq!(keeper.look(&status(minute + 9, State::Paused)), None);
            assert_eq!(keeper.outstanding, 0, "{minute}");
        }
        assert_eq!(said, 1);
        fs::create_dir(folder.path().join("gone")).unwrap();
        assert_eq!(keeper.end(&status(9, State::Stopped), false), None);
        assert!(path.is_file());
    }

    /// The end waits for its own text, not for one that was on its way before.
    #[test]
    fn the_end_is_over_when_all_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (mut keeper, _) = Keeper::open(&path).unwrap();
        keeper.ending = Duration::from_secs(20);
        for n in 0..20 {
            keeper.write(Kept::of(&status(n, State::Playing)).unwrap(), true, 48_000);
        }
        assert_eq!(keeper.end(&status(600, State::Stopped), false), None);
        assert_eq!(keeper.outstanding, 0);
        let (_, read) = Keeper::open(&path).unwrap();
        assert_eq!(read.unwrap(), Kept::of(&status(600, State::Stopped)));
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (_, read) = Keeper::open(folder.path()).unwrap();
        assert!(read.unwrap_err().contains("it is no file"));
        let long = folder.path().join("long");
        fs::write(&long, " ".repeat(100_000)).unwrap();
        let (_, read) = Keeper::open(&long).unwrap();
        assert!(read.unwrap_err().contains("something else"));
    }
}
