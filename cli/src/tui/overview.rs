//! The form of a song, read from its files in the background: slowly, at the lowest priority, once for
//! each song that is in play, in bounded memory. Playing goes first.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::model::{Model, Wave};
use crate::media::{OpenOptions, Reader, open};
use crate::song::{Song, Time};

/// Levels of a song's form.
const PIECES: usize = 1024;
/// Frames read at once.
const CHUNK: usize = 4096;
/// Of the time that there is, one part in so many is taken.
const SHARE: u32 = 5;
/// The longest rest after a chunk.
const REST: Duration = Duration::from_millis(250);
/// A file that would have to be loaded as a whole to be read is left out.
const OPTIONS: OpenOptions = OpenOptions { preload_limit: 0 };

/// The highest magnitudes of a track, each of one piece of the song.
type Peaks = Vec<f32>;

#[derive(Default)]
struct Found {
    /// One for each track that has been read, or is being read.
    tracks: Vec<Peaks>,
    /// How much has been read, 0 to 1; `None` when all has.
    reading: Option<f32>,
    /// Counts changes.
    version: u64,
}

/// A song that is being read, or has been.
struct Job {
    found: Arc<Mutex<Found>>,
    /// It isn't wanted any more.
    stop: Arc<AtomicBool>,
    song: Arc<Song>,
    /// Its length, s.
    seconds: f64,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The form of the song in play.
pub struct Overview {
    job: Option<Job>,
    /// What the model was given was made of this.
    made: (u64, Vec<(f32, bool)>),
}

impl Overview {
    /// None yet.
    pub fn new() -> Self {
        Self {
            job: None,
            made: (u64::MAX, Vec::new()),
        }
    }

    /// Has a song's files read, unless it is the one that is shown. `seconds` is its length; of none, or of no
    /// song, nothing is shown.
    pub fn show(&mut self, song: Option<Arc<Song>>, seconds: f64) {
        let Some(song) = song.filter(|_| seconds > 0.0) else {
            return;
        };
        let same = |job: &Job| {
            // A rate changes the length by less than a frame.
            (job.seconds - seconds).abs() < 0.01
                && job
                    .song
                    .tracks
                    .iter()
                    .map(|t| &t.file)
                    .eq(song.tracks.iter().map(|t| &t.file))
        };
        if self.job.as_ref().is_some_and(same) {
            return;
        }
        // A thread at once is enough: the one before ends after its chunk.
        self.job = Some(Job::start(song, seconds));
        self.made = (u64::MAX, Vec::new());
    }

    /// Gives the model the form as it is heard with the present gains and mutes, if it is another than it has.
    pub fn bring(&mut self, model: &mut Model) -> bool {
        let Some(job) = &self.job else {
            return false;
        };
        let found = job.found.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = heard(model, &job.song);
        if (found.version, &heard) == (self.made.0, &self.made.1) {
            return false;
        }
        let mut levels = vec![0.0f32; PIECES];
        for (peaks, (gain, on)) in found.tracks.iter().zip(&heard) {
            for (level, peak) in levels.iter_mut().zip(peaks) {
                // As if each was independent of the others: powers add up.
                *level += if *on { (peak * gain).powi(2) } else { 0.0 };
            }
        }
        levels.iter_mut().for_each(|level| *level = level.sqrt());
        model.wave = Wave {
            levels,
            reading: found.reading,
        };
        self.made = (found.version, heard);
        true
    }
}

/// For each track of the song its gain, and whether it is heard on the first bus: a click would
/// hide the song.
fn heard(model: &Model, song: &Song) -> Vec<(f32, bool)> {
    let status = &model.status;
    let main = status.buses.first().map(|b| b.name.as_str());
    let solo = status.tracks.iter().any(|t| t.solo);
    let of = |name: &str| {
        // A track of many channels is a strip for each.
        let channel = format!("{name}.1");
        let mut all = status.tracks.iter();
        all.find(|t| t.name == name || t.name == channel)
    };
    let tracks = song.tracks.iter().map(|track| match of(&track.name) {
        Some(t) => (
            t.gain,
            Some(t.bus.as_str()) == main && !t.mute && (!solo || t.solo),
        ),
        None => (track.gain, Some(track.bus_name()) == main),
    });
    tracks.collect()
}

impl Job {
    fn start(song: Arc<Song>, seconds: f64) -> Self {
        let job = Self {
            found: Arc::default(),
            stop: Arc::default(),
            song,
            seconds,
        };
        let (found, stop, song) = (job.found.clone(), job.stop.clone(), job.song.clone());
        let thread = thread::Builder::new().name("overview".into());
        // Without a thread there is no wave form.
        let _ = thread.spawn(move || {
            // This thread alone, as Linux has it.
            let _ = rustix::process::nice(19);
            read(&song, seconds, &found, &stop);
        });
        job
    }
}

fn read(song: &Song, seconds: f64, found: &Mutex<Found>, stop: &AtomicBool) {
    let tell = |change: &dyn Fn(&mut Found)| {
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut found);
        found.version += 1;
    };
    let n = song.tracks.len();
    for (i, track) in song.tracks.iter().enumerate() {
        tell(&|found| {
            found.tracks.push(vec![0.0; PIECES]);
            found.reading = Some(i as f32 / n as f32);
        });
        let offset = match &track.offset {
            Time::Nanos(nanos) => *nanos as f64 / 1e9,
            // Seldom, and far less than a column.
            Time::Frames(frames) => *frames as f64 / 48_000.0,
            Time::Section(_) => 0.0,
        };
        // Standard input can be read but once.
        if track.file == Path::new("-") || !track.file.is_file() {
            continue;
        }
        // What can't be opened has been told already, or will be when it is played.
        if let Ok(reader) = open(&track.file, &OPTIONS) {
            let mut given = 0.0;
            let done = pieces(reader, offset, seconds, stop, &mut |peaks, part| {
                // Not oftener than is seen.
                if part - given >= 0.05 || part >= 1.0 {
                    given = part;
                    tell(&|found| {
                        if let Some(track) = found.tracks.get_mut(i) {
                            track.copy_from_slice(peaks);
                        }
                        found.reading = Some((i as f32 + part) / n as f32);
                    });
                }
            });
            if !done {
                return;
            }
        }
    }
    tell(&|found| found.reading = None);
}

/// Reads all of a file and tells the peaks on the way; false when it was stopped.
fn pieces(
    mut reader: Box<dyn Reader>,
    offset: f64,
    seconds: f64,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(&Peaks, f32),
) -> bool {
    let (rate, channels) = (f64::from(reader.spec().rate), reader.spec().channels);
    let mut buffers = vec![vec![0f32; CHUNK]; channels];
    let mut peaks = vec![0f32; PIECES];
    let per_frame = PIECES as f64 / (seconds * rate);
    let mut frame = 0u64;
    loop {
        let begun = Instant::now();
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        let mut planes: Vec<&mut [f32]> = buffers.iter_mut().map(Vec::as_mut_slice).collect();
        // Damage ends it: what was good before it is shown.
        let read = reader.read(&mut planes).unwrap_or(0).min(CHUNK);
        for plane in &buffers {
            for (i, x) in plane.iter().take(read).enumerate() {
                let at = (frame + i as u64) as f64 + offset * rate;
                let piece = (at * per_frame) as usize;
                if let Some(peak) = peaks.get_mut(piece) {
                    // A NaN is no peak.
                    *peak = peak.max(x.abs());
                }
            }
        }
        frame += read as u64;
        let at = (frame as f64 + offset * rate) * per_frame / PIECES as f64;
        if read == 0 || at >= 1.0 {
            tell(&peaks, 1.0);
            return true;
        }
        tell(&peaks, at as f32);
        thread::sleep((begun.elapsed() * (SHARE - 1)).min(REST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::song::{Request, load};

    #[test]
    fn the_form_is_that_of_the_files() {
        let folder = tempfile::tempdir().unwrap();
        // A quarter of silence, a quarter at a half, a half at a quarter; and one at half the rate.
        let file = |name: &str, rate: u32, levels: [f32; 4]| {
            let path = folder.path().join(name);
            let frames: Vec<f32> = levels
                .iter()
                .flat_map(|l| vec![*l; rate as usize])
                .collect();
            let data = u32::try_from(frames.len() * 4).unwrap();
            let mut bytes = Vec::from(b"RIFF");
            bytes.extend((36 + data).to_le_bytes());
            bytes.extend(b"WAVEfmt \x10\0\0\0\x03\0\x01\0");
            bytes.extend(rate.to_le_bytes());
            bytes.extend((rate * 4).to_le_bytes());
            bytes.extend(b"\x04\0\x20\0data");
            bytes.extend(data.to_le_bytes());
            bytes.extend(frames.iter().flat_map(|x| x.to_le_bytes()));
            std::fs::write(&path, bytes).unwrap();
        };
        file("a.wav", 8000, [0.0, 0.5, 0.25, 0.25]);
        file("b.wav", 4000, [0.0, 0.0, 0.0, -0.5]);
        let inputs = [folder.path().to_owned()];
        let setlist = load(&Request {
            inputs: &inputs,
            sequence: false,
            on_end: None,
            max_gain_db: 12.0,
        });
        let song = setlist.unwrap().songs.remove(0);
        let found = Mutex::new(Found::default());
        read(&song, 4.0, &found, &AtomicBool::new(false));
        let found = found.into_inner().unwrap();
        assert_eq!(found.reading, None);
        let [a, b] = &found.tracks[..] else {
            panic!("{} tracks", found.tracks.len())
        };
        for (piece, (a, b)) in a.iter().zip(b).enumerate() {
            let want = match piece * 4 / PIECES {
                0 => (0.0, 0.0),
                1 => (0.5, 0.0),
                2 => (0.25, 0.0),
                _ => (0.25, 0.5),
            };
            assert_eq!((*a, *b), want, "{piece}");
        }
        // One that isn't wanted any more is left at once.
        let left = Mutex::new(Found::default());
        read(&song, 4.0, &left, &AtomicBool::new(true));
        assert_eq!(left.into_inner().unwrap().tracks[0][PIECES / 2], 0.0);
    }
}
