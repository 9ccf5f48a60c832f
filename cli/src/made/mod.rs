//! Tracks that no file has: the click, the cues and the time code, made from the song's position while they are read.
//!
//! Each is a [`Reader`] like that of a file, so seeks, loops and jumps are as exact, and whose samples are a function of
//! their frame alone.

mod click;
mod cue;
mod ltc;
mod sounds;

pub use click::{Click, ClickSounds};
pub use cue::{Before, Cue, CueSound};
pub use ltc::{FrameRate, Ltc, TimeCode};

pub(crate) use sounds::Sounds;

use std::path::PathBuf;

use crate::media::{MediaError, Reader, Spec};
use crate::song::Song;

/// What a track plays that no file has.
#[derive(Clone, Debug, PartialEq)]
pub enum Made {
    /// The song's beats.
    Click(Click),
    /// Recordings at its places.
    Cue(Cue),
    /// The song's position as time code.
    Ltc(Ltc),
}

/// Fills a plane with the samples from a frame on.
trait Maker: Send {
    fn make(&self, from: u64, plane: &mut [f32]);
}

/// Any maker as a mono file of a length.
struct MadeReader {
    spec: Spec,
    frames: u64,
    at: u64,
    maker: Box<dyn Maker>,
}

impl Made {
    /// What is known of it before the output's rate is.
    pub(crate) fn spec(&self, rate: u32) -> Spec {
        Spec {
            path: PathBuf::new(),
            format: match self {
                Self::Click(_) => "click",
                Self::Cue(_) => "cues",
                Self::Ltc(_) => "LTC",
            }
            .into(),
            rate,
            channels: 1,
            frames: Some(0),
            notice: None,
        }
    }

    /// The recordings it is made of.
    pub(crate) fn files(&self) -> Vec<&PathBuf> {
        match self {
            Self::Click(click) => click.sounds.files().collect(),
            Self::Cue(cue) => cue.sounds.iter().map(|sound| &sound.file).collect(),
            Self::Ltc(_) => Vec::new(),
        }
    }

    /// Whether its recordings can be read.
    ///
    /// # Errors
    /// One isn't there, is damaged or too long.
    pub(crate) fn look(&self) -> Result<(), MediaError> {
        let longest = match self {
            Self::Cue(_) => cue::LONGEST_S,
            _ => click::LONGEST_S,
        };
        let mut files = self.files().into_iter();
        files.try_for_each(|file| sounds::look(file, longest))
    }

    /// A reader of it at `rate` Hz, `frames` frames long.
    ///
    /// # Errors
    /// As of [`look`](Self::look).
    pub(crate) fn reader(
        &self,
        song: &Song,
        rate: u32,
        frames: u64,
        sounds: &Sounds,
    ) -> Result<Box<dyn Reader>, MediaError> {
        let maker: Box<dyn Maker> = match self {
            Self::Click(click) => Box::new(click.maker(song, rate, sounds)?),
            Self::Cue(cue) => Box::new(cue.maker(song, rate, sounds)?),
            Self::Ltc(ltc) => Box::new(ltc.maker(song, rate)),
        };
        Ok(Box::new(MadeReader {
            spec: Spec {
                frames: Some(frames),
                ..self.spec(rate)
            },
            frames,
            at: 0,
            maker,
        }))
    }
}

impl Reader for MadeReader {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn read(&mut self, planes: &mut [&mut [f32]]) -> Result<usize, MediaError> {
        let Some(plane) = planes.first_mut() else {
            return Ok(0);
        };
        let left = usize::try_from(self.frames - self.at).unwrap_or(usize::MAX);
        let n = plane.len().min(left);
        if let Some(plane) = plane.get_mut(..n) {
            self.maker.make(self.at, plane);
        }
        self.at += n as u64;
        Ok(n)
    }

    fn seek(&mut self, frame: u64) -> Result<(), MediaError> {
        self.at = frame.min(self.frames);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::song::tempo::Stretch;
    use crate::song::{Time, Track};

    pub(super) fn song() -> Song {
        Song {
            tempo: vec![Stretch {
                at: Time::Nanos(0),
                micro_bpm: 137_300_000,
                beats: 4,
                unit: 4,
            }],
            tracks: Vec::<Track>::new(),
            ..Song::default()
        }
    }

    /// However it is read, the same samples.
    #[test]
    fn a_seek_gives_what_reading_on_gives() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("say.wav");
        let noise = |frame: u32| (frame.wrapping_mul(2_654_435_761) >> 16) as u16;
        let samples = (0..30_000u32).flat_map(|n| noise(n).to_le_bytes());
        // A WAV of 16 bits, mono, at 44 100 Hz.
        let mut bytes = b"RIFF\x84\xea\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        bytes.extend(b"\x44\xac\0\0\x88\x58\x01\0\x02\0\x10\0data\x60\xea\0\0");
        bytes.extend(samples);
        std::fs::write(&file, bytes).unwrap();
        let clicks = Click {
            subdivision: 3,
            ..Click::default()
        };
        let cue = |at, before| CueSound {
            file: file.clone(),
            at: Time::Frames(at),
            before,
        };
        let cues = Cue {
            sounds: vec![
                cue(1_000, Before::Time(Time::Frames(2_000))),
                cue(77_000, Before::Bars(1)),
                cue(90_000, Before::Time(Time::Nanos(0))),
            ],
        };
        for made in [
            Made::Click(Click::default()),
            Made::Click(clicks),
            Made::Cue(cues),
            Made::Ltc(Ltc::default()),
        ] {
            let mut whole = vec![0.0; 200_000];
            let sounds = Sounds::default();
            let mut reader = made.reader(&song(), 44_100, 200_000, &sounds).unwrap();
            assert_eq!(reader.read(&mut [&mut whole]).unwrap(), 200_000);
            assert!(whole.iter().any(|x| *x != 0.0));
            for (from, n) in [
                (0, 1),
                (19_270, 3),
                (19_271, 4_000),
                (77_777, 65_536),
                (199_990, 10),
            ] {
                let mut part = vec![9.0; n];
                reader.seek(from as u64).unwrap();
                assert_eq!(reader.read(&mut [&mut part]).unwrap(), n);
                assert!(part == whole[from..from + n], "{made:?} from {from}");
            }
            assert_eq!(reader.read(&mut [&mut [0.0; 4]]).unwrap(), 0);
        }
    }
}
