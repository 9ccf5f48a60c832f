//! Every verb through every path gives the same state and the same samples, and the frame that is told is
//! the frame that is heard. On a driver stepped by hand.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use backline::control::surface::{Event, Map, Source, Surface, parse_midi};
use backline::control::{
    Access, Answer, Connection, Looped, Osc, Remote, Server, Socket, Target, VERBS, Verb, When,
};
use backline::player::{self, Player, PlayerBuilder, Status};
use backline::report::State;
use backline::song::tempo::Stretch;
use backline::song::{Bus, Request, Section, Setlist, Song, Time, load};
use backline::units::{SongRef, TrackRef};
use backline_tests::osc::{Tablet, free_osc};
use backline_tests::program::{backline_bin, wait_until};
use backline_tests::stems::{name_of, setlist, song, track, write_f32_wav, write_ramp};
use backline_tests::step::Stepper;
use rosc::OscType;

const RATE: u32 = 48_000;
const LENGTH: usize = 480_000;
const SOON: Duration = Duration::from_secs(30);

// ---- the table: what every verb is tried with by every way. A verb that isn't in it fails a test. ----

/// Heard as soon as they are asked for.
const LEVELS: &[&str] = &[
    "gain bass -6",
    "gain 2 x0.25",
    "gain keys -inf",
    "pan keys -0.5",
    "mute bass",
    "mute keys toggle",
    "solo keys on",
    "bus main -3",
    "master -20",
    "volume -20",
    "fade track bass -inf 480f",
    "fade bus main -6 0.01",
    "fade master -inf 480f",
];
/// From frame 5000, at rest; then it plays.
const FROM_REST: &[&[&str]] = &[
    &["seek 1"],
    &["seek 12345f"],
    &["seek @outro"],
    &["seek @outro", "seek -10000f"],
    &["seek +0.25"],
    &["jump @chorus"],
    &["jump @chorus next-bar"],
    &["jump 1 section-end"],
    &["loop @chorus", "seek 69000f"],
    &["loop 100f..2000f", "seek 0"],
    &["seek @chorus", "loop"],
    &["loop @chorus", "loop off"],
    &["next"],
    &["next", "previous"],
    &["song 2"],
    &["song 2", "song 1"],
    &["seek 1", "stop"],
    &["solo 1", "clear-solo"],
    &["monitor sampled"],
    &["monitor full"],
];
/// At a place of its own, while it plays: where a bar begins, or the section ends.
const IN_TIME: &[&str] = &["jump @chorus next-bar", "jump @chorus section-end"];
/// While it plays: the fade is heard.
const TO_REST: &[&str] = &["pause", "toggle", "stop", "quit"];
/// How it begins to play again.
const TO_PLAY: &[&str] = &["play", "toggle"];
/// At rest, with files in the folder HERE; then it plays.
const WITH_FILES: &[&[&str]] = &[
    &["load HERE/other"],
    &["load HERE/list.toml", "next", "gain bass -12"],
    &["load HERE/idle.toml", "trigger third 480f"],
    &["gain bass -6", "pan keys 0.25", "save HERE/saved.toml"],
    &["mute bass", "bus main -3", "save"],
    &["monitor sampled save"],
];
/// What is told.
const TOLD: &[&str] = &["status", "meters", "subscribe"];

#[test]
fn every_verb_is_in_the_table() {
    let single = [LEVELS, IN_TIME, TO_REST, TO_PLAY, TOLD].concat();
    let several = [FROM_REST, WITH_FILES].concat().concat();
    let rows = [single, several].concat();
    for (verb, ..) in VERBS {
        let mut words = rows.iter().map(|row| row.split(' ').next());
        assert!(
            words.any(|word| word == Some(*verb)),
            "`{verb}` is in no row"
        );
    }
}

/// The ways in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Remote,
    Socket,
    Ctl,
    Osc,
}

const WAYS: [Way; 4] = [Way::Remote, Way::Socket, Way::Ctl, Way::Osc];

/// Where a session listens.
#[derive(Clone)]
struct Doors {
    socket: PathBuf,
    osc: SocketAddr,
}

struct Session {
    player: Player,
    driver: Stepper,
    doors: Doors,
    _server: Server,
    _osc: Osc,
    _dir: tempfile::TempDir,
}

/// A song whose stems are constants, the second on both sides unlike, and a click.
fn constant(dir: &Path, title: &str, level: f32) -> Song {
    let wav = |name: &str, planes: &[f32]| {
        let path = dir.join(format!("{title}-{name}.wav"));
        let planes: Vec<Vec<f32>> = planes.iter().map(|x| vec![x * level; LENGTH]).collect();
        write_f32_wav(&path, RATE, &planes);
        track(name, &path)
    };
    let mut click = wav("click", &[0.0625]);
    click.bus = Some("click".into());
    let mut song = song(
        title,
        vec![wav("bass", &[0.25]), wav("keys", &[0.125, 0.5]), click],
    );
    let section = |name: &str, frame| Section {
        name: name.into(),
        start: Time::Frames(frame),
        end: None,
    };
    song.sections = vec![
        section("verse", 0),
        section("chorus", 30_000),
        section("outro", 70_000),
    ];
    song.tempo = vec![Stretch {
        at: Time::Frames(0),
        micro_bpm: 240_000_000,
        beats: 2,
        unit: 4,
    }];
    song
}

fn session_of(songs: Vec<Song>) -> Session {
    session_with(setlist(songs), None)
}

fn session_with(setlist: Setlist, configuration: Option<PathBuf>) -> Session {
    session_by(setlist, |builder| builder.configuration(configuration))
}

fn session_by(setlist: Setlist, how: impl FnOnce(PlayerBuilder) -> PlayerBuilder) -> Session {
    let dir = tempfile::tempdir().unwrap();
    let driver = Stepper::new(RATE, 64);
    let builder = PlayerBuilder::new(setlist)
        .output(driver.output())
        .poll(Duration::from_millis(10))
        .finish_at_end(false)
        .ring_ms(200);
    let player = how(builder).build().unwrap();
    let socket = dir.path().join("s.sock");
    let server = Socket::open(&socket, &Access::default()).unwrap();
    let osc = free_osc();
    let address = osc.address().unwrap();
    Session {
        _osc: Osc::start(osc, player.remote()).unwrap(),
        _server: Server::start(server, player.remote()).unwrap(),
        player,
        driver,
        doors: Doors {
            socket,
            osc: address,
        },
        _dir: dir,
    }
}

/// Two songs, in a folder that must last.
fn two(dir: &Path) -> Vec<Song> {
    // Built now, not while a song runs.
    backline_bin();
    vec![constant(dir, "one", 1.0), constant(dir, "two", -1.0)]
}

fn verb(line: &str) -> Verb {
    let mut words = line.split(' ').map(str::to_owned);
    let name = words.next().unwrap();
    Verb::parse(&name, &words.collect::<Vec<_>>()).unwrap()
}

/// Asks for something, and waits for it. The frame from which on it has taken effect, or the code of the refusal.
fn ask(way: Way, remote: &Remote, doors: &Doors, line: &str) -> Result<u64, String> {
    let socket = &doors.socket;
    match way {
        Way::Osc => ask_osc(doors.osc, line),
        Way::Remote => match remote.ask(verb(line)) {
            Answer::Done { frame } | Answer::Saved { frame, .. } => Ok(frame),
            Answer::Refused(why) => Err(why.code.word().into()),
            other => panic!("{other:?}"),
        },
        Way::Socket => {
            let mut session = Connection::open(socket).unwrap();
            session.send(&verb(line)).unwrap();
            loop {
                let body = session.next(Some(SOON)).unwrap().expect("a reply").body;
                for key in ["ok", "done"] {
                    if let Some(frame) = body[key]["frame"].as_u64() {
                        return Ok(frame);
                    }
                }
                for key in ["error", "failed"] {
                    if let Some(code) = body[key]["code"].as_str() {
                        return Err(code.into());
                    }
                }
            }
        }
        Way::Ctl => {
            let mut ctl = Command::new(backline_bin());
            ctl.arg("ctl").arg("--json").arg("--control").arg(socket);
            let output = ctl
                .args(line.split(' '))
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            // (The session may be over with the answer.)
            let last = text
                .lines()
                .last()
                .unwrap_or_else(|| panic!("{line}: {}", String::from_utf8_lossy(&output.stderr)));
            let body: serde_json::Value = serde_json::from_str(last).unwrap();
            let frame = ["ok", "done"]
                .iter()
                .find_map(|k| body[*k]["frame"].as_u64());
            match frame {
                Some(frame) => {
                    assert!(output.status.success(), "{line}");
                    Ok(frame)
                }
                None => {
                    assert_ne!(output.status.code(), Some(0), "{line}");
                    let code = ["error", "failed"]
                        .iter()
                        .find_map(|k| body[*k]["code"].as_str());
                    Err(code.unwrap_or_else(|| panic!("{body}")).into())
                }
            }
        }
    }
}

/// The first word is the address, the others are its arguments, numbers as such.
fn ask_osc(at: SocketAddr, line: &str) -> Result<u64, String> {
    let mut words = line.split(' ');
    let address = format!("/backline/{}", words.next().unwrap());
    let number = |word: &str| word.parse::<f32>().ok().filter(|x| x.is_finite());
    // A time in seconds with a sign is from here, and no number.
    let args = words.map(|word| match number(word) {
        Some(x) if address != "/backline/seek" => OscType::Float(x),
        _ => OscType::String(word.to_owned()),
    });
    let mut tablet = Tablet::new(at);
    tablet.send(&address, args.collect());
    loop {
        let message = tablet.next("an answer");
        match (message.addr.as_str(), &message.args[..]) {
            ("/backline/reply", [_, OscType::String(_), OscType::Long(frame), ..]) => {
                return Ok(frame.cast_unsigned());
            }
            ("/backline/error", [_, OscType::String(code), _]) => return Err(code.clone()),
            _ => {}
        }
    }
}

/// What is heard, the first two channels.
type Heard = [Vec<f32>; 2];

impl Session {
    fn step(&self, frames: usize, heard: &mut Heard) {
        assert!(self.driver.step(frames, SOON), "not ready");
        let planes = self.driver.take();
        for (heard, plane) in heard.iter_mut().zip(planes) {
            heard.extend(plane);
        }
    }

    /// Asks for something while frames are being played.
    fn ask(&self, way: Way, line: &str, heard: &mut Heard) -> Result<u64, String> {
        std::thread::scope(|scope| {
            let (remote, doors) = (self.player.remote(), &self.doors);
            let asking = scope.spawn(move || ask(way, &remote, doors, line));
            while !asking.is_finished() {
                if heard[0].len() < LENGTH - 20_000 && self.driver.runs() {
                    self.step(64, heard);
                }
                // Slowly: a program must be started before the song is over.
                std::thread::sleep(Duration::from_micros(500));
            }
            asking.join().unwrap()
        })
    }

    /// The same of a song that stands still, or is made to: silence is not kept.
    fn ask_at_rest(&self, way: Way, line: &str, heard: &mut Heard) -> Result<u64, String> {
        std::thread::scope(|scope| {
            let (remote, doors) = (self.player.remote(), &self.doors);
            let asking = scope.spawn(move || ask(way, &remote, doors, line));
            while !asking.is_finished() {
                if self.driver.runs() && heard[0].len() < LENGTH / 2 {
                    self.step(64, heard);
                }
                if heard[0].last() == Some(&0.0) {
                    heard.iter_mut().for_each(Vec::clear);
                }
                std::thread::sleep(Duration::from_micros(500));
            }
            asking.join().unwrap()
        })
    }

    /// Plays from the beginning; what is heard begins with the song's first frame.
    fn play(&self) -> Heard {
        self.player.play();
        wait_until("the stream", || self.driver.runs());
        let mut heard = Heard::default();
        while heard[0].iter().all(|x| *x == 0.0) {
            self.step(64, &mut heard);
        }
        let first = heard[0].iter().position(|x| *x != 0.0).unwrap();
        heard.map(|plane| plane[first..].to_vec())
    }

    fn settings(&self) -> Settings {
        let s = self.player.remote();
        let Answer::Status(status) = s.ask(Verb::Status) else {
            panic!("no status");
        };
        settings(&status)
    }
}

type Settings = (
    Vec<(f32, f32, bool, bool)>,
    Vec<f32>,
    f32,
    usize,
    Option<(u64, u64)>,
    State,
    Vec<String>,
    &'static str,
);

fn settings(s: &Status) -> Settings {
    (
        s.tracks
            .iter()
            .map(|t| (t.gain, t.pan, t.mute, t.solo))
            .collect(),
        s.buses.iter().map(|b| b.level).collect(),
        s.master,
        s.song,
        s.looping,
        s.position.state,
        s.songs.clone(),
        s.latency.level(),
    )
}

#[test]
fn no_way_leads_above_the_ceiling_of_the_volume() {
    let dir = tempfile::tempdir().unwrap();
    let ceiling = 0.5f32;
    let max_db = 20.0 * f64::from(ceiling).log10();
    let s = session_by(setlist(two(dir.path())), |b| b.volume_max(Some(max_db)));
    let mut heard = s.play();
    // From the first frame on, with nobody asking.
    assert_eq!(heard[0][0], 0.25 * ceiling + 0.125 * ceiling);
    for way in WAYS {
        for line in ["volume 0", "master 12", "fade master 6 64f", "volume x4"] {
            s.ask(way, "master -40", &mut heard).unwrap();
            s.ask(way, line, &mut heard).unwrap();
            let from = heard[0].len();
            while heard[0].len() < from + 1000 {
                s.step(64, &mut heard);
            }
            let what = format!("{line} by {way:?}");
            assert_eq!(heard[0].last(), Some(&(0.375 * ceiling)), "{what}");
            let Answer::Status(status) = s.player.remote().ask(Verb::Status) else {
                panic!("no status");
            };
            assert_eq!(status.volume.level_db, Some(max_db), "{what}");
        }
    }
    s.player.set_master(1.0);
    assert_eq!(s.settings().2, ceiling);
    let loudest = heard[0].iter().copied().fold(0.0, f32::max);
    assert_eq!(loudest, 0.375 * ceiling);
}

/// Plays on for `frames`, and returns what is heard from frame `from` on.
fn tail(s: &Session, mut heard: Heard, from: usize, frames: usize) -> Heard {
    while heard[0].len() < from + frames {
        s.step(64, &mut heard);
    }
    heard.map(|plane| plane[from..from + frames].to_vec())
}

#[test]
fn a_control_gives_the_same_samples_by_every_way_and_says_its_frame() {
    let dir = tempfile::tempdir().unwrap();
    let songs = two(dir.path());
    for line in LEVELS {
        let mut first: Option<(Heard, Settings)> = None;
        for way in WAYS {
            let s = session_of(songs.clone());
            let mut heard = s.play();
            let before = [heard[0][0], heard[1][0]];
            let frame = s.ask(way, line, &mut heard).unwrap();
            let at = usize::try_from(frame).unwrap();
            let heard_all = tail(&s, heard, 0, at + 4000);
            let changed = (0..at + 4000)
                .find(|i| heard_all[0][*i] != before[0] || heard_all[1][*i] != before[1])
                .unwrap_or_else(|| panic!("{line} by {way:?}: no change"));
            // A ramp's first frame may still be the old value.
            assert!(
                changed == at || changed == at + 1,
                "{line} by {way:?}: told {at}, heard {changed}"
            );
            let after = heard_all.map(|plane| plane[at..].to_vec());
            let now = (after, s.settings());
            match &first {
                None => first = Some(now),
                Some(first) => {
                    assert_eq!(first.1, now.1, "{line} by {way:?}");
                    assert!(first.0 == now.0, "{line} by {way:?}: other samples");
                }
            }
        }
    }
}

#[test]
fn what_moves_the_song_ends_up_in_the_same_place_by_every_way() {
    let dir = tempfile::tempdir().unwrap();
    let songs = two(dir.path());
    for (row, lines) in FROM_REST.iter().enumerate() {
        let mut first: Option<(Vec<u64>, Heard, Settings)> = None;
        for way in WAYS {
            let s = session_of(songs.clone());
            let mut heard = s.play();
            s.ask_at_rest(way, "pause", &mut heard).unwrap();
            // Where a pause comes to rest is a matter of time.
            s.ask_at_rest(way, "seek 5000f", &mut heard).unwrap();
            let frames = lines
                .iter()
                .map(|line| s.ask_at_rest(way, line, &mut heard).unwrap());
            let frames: Vec<u64> = frames.collect();
            let play = TO_PLAY[row % TO_PLAY.len()];
            let played = s.ask_at_rest(way, play, &mut heard).unwrap();
            assert_eq!(Some(&played), frames.last(), "{lines:?} by {way:?}");
            wait_until("the state", || s.settings().5 == State::Playing);
            let settings = s.settings();
            // The last silence, and what comes after it.
            let from = heard[0]
                .iter()
                .rposition(|x| *x == 0.0)
                .map_or(0, |at| at + 1);
            let now = (frames, tail(&s, heard, from, 6000), settings);
            match &first {
                None => first = Some(now),
                Some(first) => {
                    assert_eq!(
                        (&first.0, &first.2),
                        (&now.0, &now.2),
                        "{lines:?} by {way:?}"
                    );
                    assert!(first.1 == now.1, "{lines:?} by {way:?}: other samples");
                }
            }
        }
    }
}

/// Bytes of MIDI from the test, messages of three.
struct Bytes(UnixStream);

impl Source for Bytes {
    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.0.as_fd()]
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn read(&mut self, to: &mut dyn FnMut(Event, Duration)) {
        let mut message = [0; 3];
        while self.0.read_exact(&mut message).is_ok() {
            to(Event::Midi(parse_midi(&message).unwrap()), Duration::ZERO);
        }
    }

    fn news(&mut self) -> Option<String> {
        None
    }
}

/// The player's own call for a verb; `None` where it has none.
fn call(player: &Player, line: &str) -> Option<()> {
    match verb(line) {
        Verb::Stop => return None,
        Verb::Seek(Target::At(time)) => player.seek(player::Place::At(time)),
        Verb::Seek(Target::Forward(Time::Nanos(n))) => {
            player.seek(player::Place::By(n as f64 / 1e9))
        }
        Verb::Jump(time, When::Now) => player.seek(player::Place::At(time)),
        Verb::Loop(Looped::Here) => player.toggle_loop(),
        Verb::Loop(Looped::Between(range)) => player.set_loop(Some((range.start?, range.end?))),
        Verb::Next => player.change_song(1),
        Verb::Song(SongRef::Number(n)) => player.change_song(n - 1),
        Verb::Gain(TrackRef::Number(n), level) => player.set_gain(n - 1, level.gain(12.0)),
        Verb::Pan(TrackRef::Number(n), pan) => player.set_pan(n - 1, pan),
        Verb::Mute(TrackRef::Number(n), on) => player.mute(n - 1, on.wanted()),
        Verb::Solo(TrackRef::Number(n), on) => player.solo(n - 1, on.wanted()),
        Verb::ClearSolo => player.clear_solo(),
        Verb::Bus(bus, level) => player.set_bus_level(&bus, level.gain(12.0)),
        // Without a mixer they are the same.
        Verb::Master(level) | Verb::Volume(level) => player.set_master(level.gain(12.0)),
        _ => return None,
    }
    Some(())
}

/// From rest, by the verb, by the player's own call and by a note: the same state, and the same samples from there on.
#[test]
fn a_note_and_the_players_own_call_do_what_the_verb_does() {
    let dir = tempfile::tempdir().unwrap();
    let songs = two(dir.path());
    // What the player has a call of its own for knows tracks by number.
    let by_number = [
        "gain 1 -6",
        "gain 2 x0.25",
        "pan 2 -0.5",
        "mute 1",
        "mute 2 toggle",
        "solo 2 on",
        "clear-solo",
        "fade bus main -6 0.01",
        "loop",
        "stop",
    ];
    let from_rest = FROM_REST.iter().filter(|lines| lines.len() == 1);
    for line in by_number.iter().chain(from_rest.flat_map(|lines| *lines)) {
        let mut first: Option<(Settings, u64, Heard)> = None;
        for way in 0..3 {
            let s = session_of(songs.clone());
            let mut heard = s.play();
            let mut ask = |line: &str| s.ask_at_rest(Way::Remote, line, &mut heard).unwrap();
            ask("pause");
            ask("seek 5000f");
            ask("solo 1");
            let _surface = match way {
                0 => {
                    ask(line);
                    None
                }
                1 => match call(&s.player, line) {
                    Some(()) => None,
                    None => continue,
                },
                _ => {
                    let path = dir.path().join("map.toml");
                    let entry = format!("version = 1\n[[map]]\nnote = 60\ndo = \"{line}\"\n");
                    std::fs::write(&path, entry).unwrap();
                    let (mut to, from) = UnixStream::pair().unwrap();
                    from.set_nonblocking(true).unwrap();
                    let sources: Vec<Box<dyn Source>> = vec![Box::new(Bytes(from))];
                    let remote = s.player.remote();
                    let map = Map::load(&path).unwrap();
                    let surface = Surface::start(map, sources, remote, |said| panic!("{said}"));
                    to.write_all(&[0x90, 60, 1]).unwrap();
                    Some((surface.unwrap(), to))
                }
            };
            let now = |s: &Session| {
                let Answer::Status(status) = s.player.remote().ask(Verb::Status) else {
                    panic!("no status");
                };
                (settings(&status), status.position.frame)
            };
            if let Some((wanted, frame, _)) = &first {
                let limit = Instant::now() + SOON;
                while now(&s) != (wanted.clone(), *frame) {
                    assert!(Instant::now() < limit, "{line}: {:?} by {way}", now(&s));
                    if s.driver.runs() {
                        s.step(64, &mut heard);
                    }
                    std::thread::sleep(Duration::from_micros(500));
                }
            }
            let (state, frame) = now(&s);
            s.ask_at_rest(Way::Remote, "play", &mut heard).unwrap();
            let from = heard[0]
                .iter()
                .rposition(|x| *x == 0.0)
                .map_or(0, |at| at + 1);
            let heard = tail(&s, heard, from, 4000);
            match &first {
                None => first = Some((state, frame, heard)),
                Some(first) => assert!(first.2 == heard, "{line} by {way}: other samples"),
            }
        }
    }
}

/// Has a mapping do it by a note. What it returns is to be kept until it is done.
fn note(s: &Session, lines: &[String]) -> (Surface, UnixStream) {
    let map = format!("version = 1\n[[map]]\nnote = 60\ndo = {lines:?}\n");
    let map: Map = map.parse().unwrap();
    let (mut to, from) = UnixStream::pair().unwrap();
    from.set_nonblocking(true).unwrap();
    let sources: Vec<Box<dyn Source>> = vec![Box::new(Bytes(from))];
    let surface = Surface::start(map, sources, s.player.remote(), |said| panic!("{said}"));
    to.write_all(&[0x90, 60, 1]).unwrap();
    (surface.unwrap(), to)
}

/// By a verb and by a note, asked for at any time: the junction is where a bar begins or the section ends, and to the sample.
#[test]
fn what_waits_for_its_time_is_exact_by_every_way() {
    const BAR: usize = 24_000;
    const CHORUS: usize = 150_000;
    let dir = tempfile::tempdir().unwrap();
    backline_bin();
    let mut song = constant(dir.path(), "named", 1.0);
    song.tracks.truncate(1);
    song.tracks[0].file = write_ramp(dir.path(), "ramp", RATE, LENGTH as u64, 1.0);
    song.sections[1].start = Time::Frames(CHORUS as u64);
    song.sections.truncate(2);
    for line in IN_TIME {
        for way in WAYS.map(Some).into_iter().chain([None]) {
            let s = session_of(vec![song.clone()]);
            let mut heard = s.play();
            let told = match way {
                Some(way) => s.ask(way, line, &mut heard).unwrap(),
                None => {
                    let _surface = note(&s, &[(*line).to_owned()]);
                    let from = heard[0].len();
                    let ends = line.ends_with("section-end");
                    let far = if ends { CHORUS } else { from + 10 * BAR };
                    let named = |(i, x): (usize, &f32)| *x == name_of(i as u64);
                    while heard[0].iter().enumerate().skip(from).all(named) {
                        assert!(heard[0].len() <= far + 2000, "{line}: never");
                        s.step(64, &mut heard);
                        std::thread::sleep(Duration::from_micros(500));
                        if ends && heard[0].len() > CHORUS + 1000 {
                            break;
                        }
                    }
                    CHORUS as u64
                }
            };
            assert_eq!(told, CHORUS as u64, "{line} by {way:?}");
            let to = heard[0].len() + 1000;
            let heard = tail(&s, heard, 0, to);
            let at = match line.ends_with("section-end") {
                true => CHORUS,
                false => {
                    let mut all = heard[0].iter().enumerate();
                    all.position(|(i, x)| *x != name_of(i as u64)).unwrap()
                }
            };
            let exact = at == CHORUS || at % BAR == 0 && line.ends_with("next-bar");
            assert!(exact, "{line} by {way:?}: at {at}");
            for (i, x) in heard[0].iter().enumerate() {
                let frame = if i < at { i } else { CHORUS + i - at };
                assert_eq!(*x, name_of(frame as u64), "{line} by {way:?}: frame {i}");
            }
        }
    }
}

/// The fade, from its first frame on, by every verb that ends in silence.
#[test]
fn a_fade_to_rest_is_the_same_by_every_way() {
    let dir = tempfile::tempdir().unwrap();
    let songs = two(dir.path());
    for line in TO_REST {
        let mut first: Option<Vec<f32>> = None;
        for way in WAYS.map(Some).into_iter().chain([None]) {
            let s = session_of(songs.clone());
            let mut heard = s.play();
            let loud = heard[0][0];
            let _kept = match way {
                Some(way) => {
                    s.ask(way, line, &mut heard).unwrap();
                    None
                }
                None => Some(note(&s, &[(*line).to_owned()])),
            };
            let limit = Instant::now() + SOON;
            while heard[0].last().is_some_and(|x| *x != 0.0) {
                assert!(Instant::now() < limit, "{line} by {way:?}: never silent");
                // (At the end nobody asks for frames any more.)
                if s.driver.runs() && !s.driver.step(64, Duration::from_millis(50)) {
                    continue;
                }
                for (heard, plane) in heard.iter_mut().zip(s.driver.take()) {
                    heard.extend(plane);
                }
                if !s.driver.runs() {
                    break;
                }
            }
            let from = heard[0].iter().position(|x| *x != loud).unwrap();
            let fade: Vec<f32> = heard[0][from..]
                .iter()
                .copied()
                .take_while(|x| *x != 0.0)
                .collect();
            assert!(fade.len() > 300, "{line} by {way:?}: {}", fade.len());
            match &first {
                None => first = Some(fade),
                Some(first) => assert!(*first == fade, "{line} by {way:?}: another fade"),
            }
        }
    }
}

/// A folder with songs of its own, a configuration, and the setlist that is played.
fn files(songs: &Path) -> (tempfile::TempDir, Setlist, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    let text = |title: &str, song: &str| {
        let file = |name: &str| {
            songs
                .join(format!("{song}-{name}.wav"))
                .display()
                .to_string()
        };
        format!(
            "# mine\nversion = 1\ntitle = {title:?}\n[[tracks]]\nname = \"bass\"\nfile = {:?}\n\
             [[tracks]]\nname = \"keys\"\nfile = {:?}\n",
            file("bass"),
            file("keys")
        )
    };
    let first = write("song.toml", &text("first", "one"));
    write("other/song.toml", &text("other", "two"));
    write("third.toml", &text("third", "one"));
    write(
        "list.toml",
        "version = 1\n[[songs]]\nfile = \"other\"\n[[songs]]\nfile = \"third.toml\"\n",
    );
    write(
        "idle.toml",
        "version = 1\nidle = \"other\"\n[[songs]]\nfile = \"third.toml\"\n",
    );
    let configuration = write("config.toml", "# mine too\n");
    let request = Request {
        inputs: std::slice::from_ref(&first),
        sequence: false,
        on_end: None,
        max_gain_db: 12.0,
    };
    (dir, load(&request).unwrap(), configuration)
}

#[test]
fn what_reads_and_writes_files_does_the_same_by_every_way() {
    let dir = tempfile::tempdir().unwrap();
    two(dir.path());
    for lines in WITH_FILES {
        let mut first: Option<(Settings, Vec<Option<String>>, Heard)> = None;
        for way in WAYS.map(Some).into_iter().chain([None]) {
            let (here, setlist, configuration) = files(dir.path());
            let s = session_with(setlist, Some(configuration));
            let mut heard = s.play();
            s.ask_at_rest(Way::Remote, "pause", &mut heard).unwrap();
            s.ask_at_rest(Way::Remote, "seek 5000f", &mut heard)
                .unwrap();
            let folder = here.path().display().to_string();
            let lines: Vec<String> = lines.iter().map(|l| l.replace("HERE", &folder)).collect();
            let written = || -> Vec<Option<String>> {
                let files = ["song.toml", "other/song.toml", "saved.toml", "config.toml"];
                let texts = files.map(|name| std::fs::read_to_string(here.path().join(name)).ok());
                texts
                    .into_iter()
                    .map(|t| t.map(|t| t.replace(&folder, "HERE")))
                    .collect()
            };
            let _kept = match way {
                Some(way) => {
                    for line in &lines {
                        s.ask_at_rest(way, line, &mut heard).unwrap();
                    }
                    None
                }
                // One after the other, each waiting for the one before.
                None => {
                    for line in &lines[..lines.len() - 1] {
                        s.ask_at_rest(Way::Remote, line, &mut heard).unwrap();
                    }
                    Some(note(&s, &lines[lines.len() - 1..]))
                }
            };
            if let Some((settings, texts, _)) = &first {
                let limit = Instant::now() + SOON;
                while (&s.settings(), &written()) != (settings, texts) {
                    assert!(
                        Instant::now() < limit,
                        "{lines:?} by {way:?}: {:?} {:?}",
                        s.settings(),
                        written()
                    );
                    if s.driver.runs() {
                        s.step(64, &mut heard);
                    }
                    std::thread::sleep(Duration::from_micros(500));
                }
            }
            let (settings, texts) = (s.settings(), written());
            s.ask_at_rest(Way::Remote, "play", &mut heard).unwrap();
            let from = heard[0]
                .iter()
                .rposition(|x| *x == 0.0)
                .map_or(0, |at| at + 1);
            let heard = tail(&s, heard, from, 4000);
            match &first {
                None => first = Some((settings, texts, heard)),
                Some(first) => assert!(first.2 == heard, "{lines:?} by {way:?}: other samples"),
            }
        }
        let (_, texts, _) = first.unwrap();
        // (That something was written at all.)
        let saved = lines.iter().any(|l| l.contains("save"));
        let new = texts
            .iter()
            .flatten()
            .any(|t| t.contains("gain_db") || t.contains("mute") || t.contains("sampled"));
        assert_eq!(saved, new, "{texts:?}");
    }
}

/// State, master level and the first track's gain, in every language.
#[test]
fn the_same_is_told_by_every_way() {
    let dir = tempfile::tempdir().unwrap();
    let s = session_of(two(dir.path()));
    let mut heard = s.play();
    for line in ["pause", "gain bass -6", "master -20", "mute keys"] {
        s.ask_at_rest(Way::Remote, line, &mut heard).unwrap();
    }
    // What is subscribed to is as of the last look.
    wait_until("the state", || s.player.status().master < 0.2);
    let Answer::Status(status) = s.player.remote().ask(Verb::Status) else {
        panic!("no status");
    };
    assert_eq!(status.position.state, State::Paused);
    assert_eq!(
        (status.tracks[1].mute, status.latency.level()),
        (true, "off")
    );
    let wanted = serde_json::json!(["paused", -20.0, -6.0, true]);
    let of = |body: &serde_json::Value| {
        serde_json::json!([
            body["state"],
            body["master_db"],
            body["tracks"][0]["gain_db"],
            body["tracks"][1]["mute"]
        ])
    };
    for line in TOLD {
        let mut socket = Connection::open(&s.doors.socket).unwrap();
        socket.send(&verb(line)).unwrap();
        let reply = socket.next(Some(SOON)).unwrap().unwrap().body;
        let by_socket = match *line {
            "subscribe" => socket.next(Some(SOON)).unwrap().unwrap().body,
            _ => reply["ok"].clone(),
        };
        let mut ctl = Command::new(backline_bin());
        ctl.args(["ctl", "--json", "--control"])
            .arg(&s.doors.socket)
            .arg(line);
        let mut ctl = ctl.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(ctl.stdout.take().unwrap()).lines();
        let mut next = || -> serde_json::Value {
            serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
        };
        let by_ctl = match *line {
            "subscribe" => {
                next();
                next()
            }
            _ => next()["ok"].clone(),
        };
        let _ = ctl.kill();
        let _ = ctl.wait();
        let mut tablet = Tablet::new(s.doors.osc);
        tablet.send(&format!("/backline/{line}"), vec![]);
        if *line == "meters" {
            assert_eq!(by_socket["tracks"], by_ctl["tracks"]);
            assert_eq!(by_socket["state"], "paused");
            tablet.wait("/backline/meter/track/1");
            continue;
        }
        assert_eq!(
            (of(&by_socket), of(&by_ctl)),
            (wanted.clone(), wanted.clone()),
            "{line}"
        );
        assert_eq!(tablet.wait("/backline/state"), ["paused".into()], "{line}");
        let level = |args: Vec<OscType>| match args[..] {
            [OscType::Float(db)] => (db * 1000.0).round() / 1000.0,
            _ => panic!("{args:?}"),
        };
        assert_eq!(level(tablet.wait("/backline/master")), -20.0, "{line}");
        assert_eq!(level(tablet.wait("/backline/gain/1")), -6.0, "{line}");
        assert_eq!(tablet.wait("/backline/mute/2"), [1.into()], "{line}");
    }
}

/// However the calls fall: a file of many channels is many strips, and each is a change of its own.
#[test]
fn what_one_order_changes_is_heard_from_one_frame_on_and_that_is_told() {
    const CHANNELS: usize = 32;
    const CALL: usize = 8;
    const SPAN: Duration = Duration::from_micros(10);
    let dir = tempfile::tempdir().unwrap();
    let wide = dir.path().join("wide.wav");
    write_f32_wav(&wide, RATE, &vec![vec![1.0; LENGTH]; CHANNELS]);
    let mut song = song("wide", vec![track("wide", &wide)]);
    song.buses = vec![Bus {
        outputs: (1..=CHANNELS as u16).collect(),
        ..Bus::named("main")
    }];
    let driver = Stepper::new(RATE, CALL as u32);
    let player = PlayerBuilder::new(setlist(vec![song]))
        .output(driver.output())
        .build()
        .unwrap();
    player.play();
    wait_until("the stream", || driver.runs());
    let mut heard: Vec<Vec<f32>> = vec![Vec::new(); CHANNELS];
    let mut play = || {
        assert!(driver.step(CALL, SOON), "not ready");
        for (all, new) in heard.iter_mut().zip(driver.take()) {
            all.extend(new);
        }
        heard[0].len()
    };
    while play() < 1000 {}
    let mut changes = Vec::new();
    for n in 0..100 {
        let orders = [
            "gain wide x0.5",
            "gain wide x1",
            "fade track wide x0.5 240f",
            "fade track wide x1 240f",
        ];
        let (sender, answers) = mpsc::channel();
        let verb = verb(orders[n % orders.len()]);
        player.remote().order(verb, move |answer| {
            let _ = sender.send(answer);
        });
        // Calls all the while, one after the other.
        let frame = loop {
            play();
            let call = Instant::now();
            while call.elapsed() < SPAN {
                std::hint::spin_loop();
            }
            match answers.try_recv() {
                Ok(Answer::Done { frame }) => break frame as usize,
                Ok(Answer::Accepted) | Err(_) => {}
                Ok(other) => panic!("{other:?}"),
            }
        };
        // The ramp of 5 ms is over.
        while play() < frame + 300 {}
        changes.push(frame);
    }
    drop(player);
    for other in &heard[1..] {
        let first = heard[0].iter().zip(other).position(|(a, b)| a != b);
        assert_eq!(first, None, "channels that go different ways");
    }
    for frame in changes {
        let [before, with, after] = [frame - 1, frame, frame + 1].map(|i| heard[0][i]);
        assert!(before == with && with != after, "not from {frame} on");
    }
}
