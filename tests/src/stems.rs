//! Stems whose samples name their frames, as WAV files.

use std::path::{Path, PathBuf};

use backline::song::{OnEnd, Setlist, Song, Time, Track};

/// The sample of frame `frame`: exact in float, never 0, different for each frame below 2²³.
pub fn name_of(frame: u64) -> f32 {
    (frame + 1) as f32 / (1 << 23) as f32
}

/// The frame that a sample names.
pub fn frame_of(sample: f32) -> u64 {
    (f64::from(sample) * f64::from(1 << 23)).round() as u64 - 1
}

/// Writes a 32-bit float WAV of `channels` planes.
pub fn write_f32_wav(path: &Path, rate: u32, planes: &[Vec<f32>]) {
    let channels = planes.len() as u32;
    let frames = planes.first().map_or(0, Vec::len);
    let data = frames as u32 * channels * 4;
    let mut out = Vec::with_capacity(44 + data as usize);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&(36 + data).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt ");
    out.extend_from_slice(&16u32.to_le_bytes());
    out.extend_from_slice(&3u16.to_le_bytes());
    out.extend_from_slice(&(channels as u16).to_le_bytes());
    out.extend_from_slice(&rate.to_le_bytes());
    out.extend_from_slice(&(rate * channels * 4).to_le_bytes());
    out.extend_from_slice(&((channels * 4) as u16).to_le_bytes());
    out.extend_from_slice(&32u16.to_le_bytes());
    out.extend_from_slice(b"data");
    out.extend_from_slice(&data.to_le_bytes());
    for i in 0..frames {
        for plane in planes {
            out.extend_from_slice(&plane[i].to_le_bytes());
        }
    }
    std::fs::write(path, out).unwrap();
}

/// A mono stem of `frames` frames that name themselves, times `gain` (a power of two keeps it
/// exact).
pub fn write_ramp(dir: &Path, name: &str, rate: u32, frames: u64, gain: f32) -> PathBuf {
    let path = dir.join(format!("{name}.wav"));
    let plane: Vec<f32> = (0..frames).map(|f| name_of(f) * gain).collect();
    write_f32_wav(&path, rate, &[plane]);
    path
}

/// A track of a file, everything else plain.
pub fn track(name: &str, file: &Path) -> Track {
    Track {
        name: name.into(),
        file: file.into(),
        made: None,
        gain: 1.0,
        pan: 0.0,
        mute: false,
        solo: false,
        bus: None,
        offset: Time::Nanos(0),
    }
}

/// A song of such tracks.
pub fn song(title: &str, tracks: Vec<Track>) -> Song {
    Song {
        title: title.into(),
        tracks,
        on_end: OnEnd::Stop,
        ..Song::default()
    }
}

/// A setlist.
pub fn setlist(songs: Vec<Song>) -> Setlist {
    Setlist { songs }
}
