//! What is in an audio file: its exact length, peak and loudness, measured by reading all of it.

use std::fmt::Write as _;

use ebur128::{EbuR128, Mode};
use serde::{Serialize, Serializer};

use crate::media::{MediaError, Reader};
use crate::report::{clean, clock};

/// Frames read at once.
const CHUNK: usize = 8192;
/// The loudness of more channels than 5.1 is not defined by ITU-R BS.1770.
const MAX_LOUDNESS_CHANNELS: usize = 6;

/// A file and what was measured in it. Its JSON is what `backline info --json` lists.
#[derive(Debug, Serialize)]
pub struct FileInfo {
    /// Where it came from.
    pub path: String,
    /// Container and codec.
    pub format: String,
    /// Sample rate, Hz.
    pub rate: u32,
    /// Channels.
    pub channels: usize,
    /// Frames that could be read.
    pub frames: u64,
    /// Their time, s.
    #[serde(serialize_with = "decimals::<6, _>")]
    pub seconds: f64,
    /// Highest magnitude of a sample, linear, full scale 1.0.
    #[serde(skip)]
    pub peak: f32,
    /// The same in dBFS; `None` for silence.
    #[serde(serialize_with = "some_decimals::<2, _>")]
    pub peak_db: Option<f64>,
    /// Integrated loudness (EBU R 128), LUFS; `None` for silence, for less than 400 ms, and for
    /// more channels than the standard defines.
    #[serde(serialize_with = "some_decimals::<2, _>")]
    pub loudness_lufs: Option<f64>,
    /// What the user should know: damage, or a start that isn't exact.
    pub notice: Option<String>,
    /// Why reading ended before the end. What was measured is of the part before.
    #[serde(skip)]
    pub damage: Option<MediaError>,
}

/// Reads a newly opened `reader` to its end and measures it. It is never sought, so it may be a
/// stream. Samples that are no finite numbers count as silence, as they do in playing. A file
/// that turns out to be damaged is measured up to there, see [`FileInfo::damage`].
pub fn analyse(mut reader: Box<dyn Reader>) -> FileInfo {
    let spec = reader.spec().clone();
    let mut loudness = loudness_meter(spec.channels, spec.rate);
    let mut buffers = vec![vec![0f32; CHUNK]; spec.channels];
    let mut frames = 0u64;
    let mut peak = 0f32;
    let mut damage = None;
    loop {
        let mut planes: Vec<&mut [f32]> = buffers.iter_mut().map(Vec::as_mut_slice).collect();
        let n = match reader.read(&mut planes) {
            Ok(0) => break,
            Ok(n) => n.min(CHUNK),
            Err(e) => {
                damage = Some(e);
                break;
            }
        };
        frames += n as u64;
        for plane in &mut planes {
            for x in plane.iter_mut().take(n) {
                if !x.is_finite() {
                    *x = 0.0;
                }
                peak = peak.max(x.abs());
            }
        }
        if let Some(meter) = &mut loudness {
            let views: Vec<&[f32]> = buffers.iter().map(|b| b.get(..n).unwrap_or(b)).collect();
            if meter.add_frames_planar_f32(&views).is_err() {
                loudness = None;
            }
        }
    }
    let notice = match (&spec.notice, &damage) {
        (None, None) => None,
        (Some(n), None) => Some(n.clone()),
        (None, Some(d)) => Some(d.to_string()),
        (Some(n), Some(d)) => Some(format!("{n} {d}")),
    };
    FileInfo {
        path: spec.path.to_string_lossy().into_owned(),
        format: spec.format,
        rate: spec.rate,
        channels: spec.channels,
        frames,
        seconds: if spec.rate > 0 {
            frames as f64 / f64::from(spec.rate)
        } else {
            0.0
        },
        peak,
        peak_db: (peak > 0.0).then(|| 20.0 * f64::from(peak).log10()),
        loudness_lufs: loudness
            .and_then(|m| m.loudness_global().ok())
            .filter(|l| l.is_finite()),
        notice,
        damage,
    }
}

/// `None` where there is no such measure. The histogram keeps memory bounded for any length.
fn loudness_meter(channels: usize, rate: u32) -> Option<EbuR128> {
    if channels > MAX_LOUDNESS_CHANNELS {
        return None;
    }
    EbuR128::new(
        u32::try_from(channels).ok()?,
        rate,
        Mode::I | Mode::HISTOGRAM,
    )
    .ok()
}

/// The JSON document of `info --json`: a list, one object per file, with a line end.
pub fn json(files: &[FileInfo]) -> String {
    // Plain structs with string keys always have a JSON.
    let mut text = serde_json::to_string_pretty(files).unwrap_or_default();
    text.push('\n');
    text
}

/// The table of `info`: a line per file under a heading, then the notices. `-` is "not measured".
pub fn table(files: &[FileInfo]) -> String {
    let heading = [
        "File", "Format", "Rate", "Ch", "Length", "Frames", "Peak", "Loudness",
    ];
    let level = |v: Option<f64>, unit| v.map_or("-".into(), |v| format!("{v:.1} {unit}"));
    let mut rows = vec![heading.map(String::from)];
    for f in files {
        rows.push([
            clean(&f.path),
            clean(&f.format),
            format!("{} Hz", f.rate),
            f.channels.to_string(),
            clock(f.frames, f.rate),
            f.frames.to_string(),
            level(f.peak_db, "dBFS"),
            level(f.loudness_lufs, "LUFS"),
        ]);
    }
    let mut widths = [0; 8];
    for row in &rows {
        for (w, cell) in widths.iter_mut().zip(row) {
            *w = cell.chars().count().max(*w);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (i, (cell, &w)) in row.iter().zip(&widths).enumerate() {
            // Names to the left, numbers to the right. A String takes any write.
            let _ = match i {
                0 | 1 => write!(line, "{cell:<w$}  "),
                _ => write!(line, "{cell:>w$}  "),
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    for f in files {
        if let Some(notice) = &f.notice {
            let (path, notice) = (clean(&f.path), clean(notice));
            // Errors name their file already.
            if notice.starts_with(&path) {
                text += &format!("{notice}\n");
            } else {
                text += &format!("{path}: {notice}\n");
            }
        }
    }
    text
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn decimals<const N: i32, S: Serializer>(value: &f64, s: S) -> Result<S::Ok, S::Error> {
    let scale = 10f64.powi(N);
    // Adding 0 makes a −0 a 0.
    s.serialize_f64((value * scale).round() / scale + 0.0)
}

fn some_decimals<const N: i32, S: Serializer>(
    value: &Option<f64>,
    s: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(v) => decimals::<N, S>(v, s),
        None => s.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
