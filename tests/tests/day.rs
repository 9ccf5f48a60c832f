//! A day of programme, played as fast as it can be: memory, threads and open files stay as they are, and the
//! stems of every song are in step with one another in its last hour as in its first.
//!
//! An hour here, or as much of it as fits into 10 s, at least 10 minutes; with `BACKLINE_SOAK` set, the day.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use backline::null::Null;
use backline::player::{Driver, EngineBorrower, Note, Output, PlayerBuilder};
use backline::report::Ended;
use backline::song::{Bus, Song};
use backline_tests::alone::alone;
use backline_tests::over_null::OverNull;
use backline_tests::process::usage_of;
use backline_tests::session::{SOON, close};
use backline_tests::stems::{frame_of, name_of, setlist, song, track, write_ramp};
use engine_core::backend::{Played, Process};

const RATE: u64 = 48_000;
const HOUR: u64 = 3600 * RATE;
/// Frames of the songs.
const SONGS: [u64; 3] = [4_800_001, 2_700_003, 6_300_007];
/// Frames over which a song fades out when it can't go on.
const RESERVE: u64 = 64;
/// The second stem is as much softer, which keeps it exact.
const SOFTER: f32 = 0.5;
/// Playing time that is read ahead.
const RING_MS: u32 = 10_000;
/// What is played however long it takes …
const LEAST: u64 = 10 * 60 * RATE;
/// … and what of an hour is enough for every day.
const ENOUGH: Duration = Duration::from_secs(10);
/// Shorter than what a test has in a process of its own; a day, than an hour there.
const PATIENCE: [Duration; 2] = [Duration::from_secs(110), Duration::from_secs(3500)];
/// Samples of memory that are taken.
const SAMPLES: u64 = 24;
/// Memory may grow by so much in half of the time between two samples: nothing but a page or two …
const CREEP: u64 = 16 << 10;
/// … and in all by far less than a deck has in its rings.
const GROWTH: u64 = 1 << 20;

/// What the ear has found.
#[derive(Default)]
struct Found {
    frames: AtomicU64,
    passes: AtomicU64,
    /// Frames that didn't follow the one before …
    skips: AtomicU64,
    /// … and frames of which the stems weren't the same.
    drifts: AtomicU64,
    /// Frames of silence before a song that wasn't ready, and of the fades before them.
    held: AtomicU64,
    faded: AtomicU64,
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Listens to what the engine gives: outputs 1 and 2 are a stem, output 3 is the other.
struct Ear {
    process: EngineBorrower,
    found: Arc<Found>,
    /// The frame that comes next.
    next: u64,
}

impl Process for Ear {
    fn process(&mut self, planes: &mut [&mut [f32]], frames: usize) -> Played {
        let played = self.process.process(planes, frames);
        if played != Played::Engine {
            return played;
        }
        let [left, right, other, ..] = planes else {
            return played;
        };
        let found = &self.found;
        let all = left.iter().zip(right.iter()).zip(other.iter());
        for ((l, r), o) in all.take(frames) {
            let next = self.next;
            let ends = |within: u64| SONGS.iter().any(|end| (next..=next + within).contains(end));
            if l != r || *l * SOFTER != *o {
                add(&found.drifts);
            }
            if *l == name_of(next) {
                self.next += 1;
            } else if ends(0) && *l == name_of(0) {
                add(&found.passes);
                self.next = 1;
            } else if ends(0) && *l == 0.0 {
                // Without a clock, the end may come before the next song's files are open.
                add(&found.held);
                continue;
            } else if next > 0 && ends(RESERVE) {
                // Then it ends with a fade.
                add(&found.faded);
                self.next += 1;
            } else if next == 0 && *l == 0.0 {
                continue;
            } else {
                add(&found.skips);
                self.next = match *l > 0.0 {
                    true => frame_of(*l) + 1,
                    false => next + 1,
                };
            }
            add(&found.frames);
        }
        played
    }

    fn ready(&mut self, frames: usize) -> bool {
        self.process.ready(frames)
    }
}

/// A stem on bus main, and the same softer on a bus of its own.
fn songs(dir: &Path) -> Vec<Song> {
    let one = |(number, frames): (usize, u64)| {
        let file = write_ramp(dir, &format!("song{number}"), RATE as u32, frames, 1.0);
        let mut tracks = vec![track("main", &file), track("other", &file)];
        tracks[1].bus = Some("click".into());
        tracks[1].gain = SOFTER;
        let bus = |name: &str, outputs: &[u16]| Bus {
            outputs: outputs.to_vec(),
            ..Bus::named(name)
        };
        Song {
            buses: vec![bus("main", &[1, 2]), bus("click", &[3])],
            ..song(&format!("song {number}"), tracks)
        }
    };
    SONGS.into_iter().enumerate().map(one).collect()
}

#[test]
fn a_day_of_programme_leaves_everything_as_it_was() {
    alone("a_day_of_programme_leaves_everything_as_it_was", || {
        let soak = std::env::var_os("BACKLINE_SOAK").is_some();
        let goal = if soak { 24 * HOUR } else { HOUR };
        let dir = tempfile::tempdir().expect("a folder");
        let mut list = songs(dir.path());
        let broken = write_ramp(dir.path(), "broken", RATE as u32, 1000, 1.0);
        list.push(song("broken", vec![track("main", &broken)]));
        let found = Arc::new(Found::default());
        let theirs = found.clone();
        let make = move || -> Driver {
            let found = theirs.clone();
            Box::new(OverNull::new(
                Null::at_speed(f64::INFINITY),
                move |process| Ear {
                    process,
                    found: found.clone(),
                    next: 0,
                },
            ))
        };
        let mut player = PlayerBuilder::new(setlist(list))
            .output(Output::Other {
                name: "rushing",
                make: Arc::new(make),
            })
            .keep_going(true)
            // What is filled at a stretch: without a clock it lasts for moments.
            .ring_ms(RING_MS)
            .build()
            .expect("a player");
        // It is skipped each time round.
        std::fs::write(&broken, "no sound").expect("a file");
        player.play();
        let begun = Instant::now();
        let now = || usage_of("self");
        let (mut said, mut settled) = (BTreeSet::new(), None);
        let (mut most, mut samples) = ((0, 0, 0), Vec::new());
        loop {
            let (frames, time) = (get(&found.frames), begun.elapsed());
            if frames >= goal || (!soak && frames >= LEAST && time > ENOUGH) {
                break;
            }
            assert!(
                time < PATIENCE[usize::from(soak)],
                "{frames} frames after {time:?}"
            );
            if let Some(Note::Warning(w)) = player.next_note(Duration::from_millis(20)) {
                said.insert(w.message);
            }
            if frames > LEAST / 2 {
                let now = now();
                settled.get_or_insert(now);
                most = (most.0.max(now.0), most.1.max(now.1), most.2.max(now.2));
                let span = if soak { goal } else { LEAST };
                if frames >= LEAST / 2 + samples.len() as u64 * (span / SAMPLES) {
                    samples.push(now.0);
                }
            }
        }
        let took = begun.elapsed();
        let (last, first) = (now(), settled.expect("a beginning"));
        let status = player.status();
        println!(
            "{:.2} hours in {took:.1?}: {} songs, {} held and {} faded frames; after some minutes, at the end, at most: \
             {first:?}, {last:?}, {most:?} (bytes, open files, threads); {} sentences",
            get(&found.frames) as f64 / HOUR as f64,
            get(&found.passes),
            get(&found.held),
            get(&found.faded),
            said.len()
        );
        // (The end is a fade.)
        let wrong = (get(&found.skips), get(&found.drifts));
        let summary = close(player, SOON);
        assert_eq!(summary.ended, Ended::Stopped);
        assert_eq!((summary.starvations, summary.starved_frames), (0, 0));
        assert_eq!(wrong, (0, 0), "frames skipped, stems out of step");
        let late = get(&found.faded).div_ceil(RESERVE);
        // (How many are, on a machine that has other things to do, says nothing.)
        assert!(
            !soak || late <= get(&found.passes) / 4,
            "{late} songs were late"
        );
        // Each turn of the list: the frames there are, no more and no fewer.
        let turns = get(&found.frames) / SONGS.iter().sum::<u64>();
        assert!(
            get(&found.passes) >= turns * 2,
            "{} passes",
            get(&found.passes)
        );
        assert!(status.callbacks > 0 && summary.damaged == 0);
        let mut grown: Vec<u64> = samples
            .windows(2)
            .map(|w| w[1].saturating_sub(w[0]))
            .collect();
        grown.sort_unstable();
        let creep = grown[grown.len() / 2];
        assert!(grown.len() > 8 && creep <= CREEP, "memory: {samples:?}");
        assert!(most.0 <= first.0 + GROWTH, "memory: {samples:?}");
        // (While a song is opened, a file or two and a thread more.)
        assert!(
            last.1 <= first.1 + 4 && last.2 <= first.2 + 1,
            "{first:?} {last:?}"
        );
        // One about the song that can't be opened, one that it is skipped: `--kiosk` says the same once an hour.
        assert!(said.len() <= 3, "{said:#?}");
    });
}
