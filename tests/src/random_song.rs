//! Songs made up at random, with what they must sound like.

use std::path::Path;

use backline::song::{Bus, OnEnd, Song, Time, Track};

use crate::dice::Dice;
use crate::law;
use crate::stems::write_f32_wav;

/// Sample rate of all of it, Hz.
pub const RATE: u32 = 48_000;
/// Names of the outputs on JACK. On a device they are channels 1 to 5.
pub const PORTS: [&str; 5] = ["main_L", "main_R", "click", "cue_L", "cue_R"];

/// A song of 24 stems and what it must sound like.
pub struct RandomSong {
    /// The song; its files are in the folder given.
    pub song: Song,
    /// Frame to start at.
    pub start: u64,
    /// Master level.
    pub master: f32,
    /// The mix by the law, one plane per output, from the start to the last frame.
    pub law: Vec<Vec<f32>>,
}

impl RandomSong {
    /// Writes the files of song number `seed` into `folder`. Even seeds start at 0.
    pub fn new(folder: &Path, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let names = ["main", "click", "cue"];
        let buses: Vec<law::Bus> = [2, 1, 2]
            .into_iter()
            .zip(names)
            .map(|(channels, name)| law::Bus {
                channels,
                level: 0.25 + dice.unit(),
                follows_master: name == "main",
            })
            .collect();
        let stems: Vec<law::Stem> = (0..24).map(|i| stem(&mut dice, i, seed)).collect();
        let master = 0.5 + dice.unit();
        let length = stems.iter().map(|s| s.offset + s.planes[0].len()).max();
        let length = length.unwrap_or(0);
        let start = if seed.is_multiple_of(2) {
            0
        } else {
            1 + dice.below(20_000) as usize
        };
        let law = law::mix(&stems, &buses, master, start..length);
        let tracks = stems.iter().enumerate().map(|(i, s)| {
            let file = folder.join(format!("{seed}-{i:02}.wav"));
            write_f32_wav(&file, RATE, &s.planes);
            Track {
                name: format!("stem {i}"),
                file,
                made: None,
                gain: s.gain,
                pan: s.pan,
                mute: s.mute,
                solo: s.solo,
                bus: Some(names[s.bus].into()),
                offset: Time::Frames(s.offset as u64),
            }
        });
        let song = Song {
            title: format!("random {seed}"),
            tracks: tracks.collect(),
            buses: names
                .iter()
                .zip([&[1, 2][..], &[3], &[4, 5]])
                .zip(&buses)
                .map(|((name, outputs), bus)| Bus {
                    outputs: outputs.to_vec(),
                    level: bus.level,
                    ..Bus::named(name)
                })
                .collect(),
            on_end: OnEnd::Stop,
            ..Song::default()
        };
        Self {
            song,
            start: start as u64,
            master,
            law,
        }
    }

    /// Checks what was heard, one plane per output: any silence, then the mix to the bit, then
    /// silence only.
    ///
    /// # Panics
    /// When it differs, naming `way`, the output and the frame.
    pub fn check(&self, way: &str, heard: &[Vec<f32>]) {
        assert_eq!(heard.len(), self.law.len(), "{way}: outputs");
        let begin = first_sound(heard).unwrap_or_else(|| panic!("{way}: silence"));
        let skipped = first_sound(&self.law).expect("the song is not silent");
        for ((heard, law), port) in heard.iter().zip(&self.law).zip(PORTS) {
            let heard = &heard[begin..];
            let law = &law[skipped..];
            for (i, (h, l)) in heard.iter().zip(law).enumerate() {
                let frame = self.start as usize + skipped + i;
                assert_eq!(
                    h.to_bits(),
                    l.to_bits(),
                    "{way}, {port}: frame {frame}: {h} {l}"
                );
            }
            assert!(
                heard.len() >= law.len(),
                "{way}, {port}: the last {} frames were not heard",
                law.len() - heard.len()
            );
            let after = heard[law.len()..].iter().position(|x| x.to_bits() != 0);
            assert_eq!(after, None, "{way}, {port}: something after the end");
        }
    }
}

/// The first frame at which any plane is not silent.
pub fn first_sound(planes: &[Vec<f32>]) -> Option<usize> {
    let first = |p: &Vec<f32>| p.iter().position(|x| x.to_bits() != 0);
    planes.iter().filter_map(first).min()
}

fn stem(dice: &mut Dice, index: u32, seed: u64) -> law::Stem {
    let frames = 30_000 + dice.below(60_000) as usize;
    let channels = 1 + dice.below(2) as usize;
    let planes = (0..channels)
        .map(|_| (0..frames).map(|i| sample(dice, i)).collect())
        .collect();
    let first = index == 0;
    law::Stem {
        planes,
        offset: if first || dice.one_in(2) {
            0
        } else {
            dice.below(5_000) as usize
        },
        gain: match dice.below(8) {
            _ if first => 1.0,
            0 => 0.0,
            1 => 1.0,
            // Just below what counts.
            2 => 9.5e-7,
            _ => dice.unit() * 2.0,
        },
        pan: match dice.below(6) {
            0 | 1 => 0.0,
            2 => -1.0,
            3 => 1.0,
            _ => dice.unit() * 2.0 - 1.0,
        },
        mute: !first && dice.one_in(5),
        // Every third song has solos.
        solo: seed % 3 == 2 && (first || dice.one_in(3)),
        bus: if first {
            0
        } else {
            [0, 0, 0, 1, 2][dice.below(5) as usize]
        },
    }
}

/// Mostly between −1 and 1; now and then what a mixer could stumble over.
fn sample(dice: &mut Dice, frame: usize) -> f32 {
    let x = dice.unit() * 2.0 - 1.0;
    match dice.below(1000) {
        _ if frame == 0 => 0.75,
        0 => -0.0,
        1 => x * 1e-12,
        2 => x * 1e-39,
        3 => x * 1e6,
        4 => 3e38,
        _ => x,
    }
}
