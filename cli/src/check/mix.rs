//! What of a song shows only when it is mixed: damage, silence, clipping.

use crate::findings::Finding;
use crate::player::loaded::LoadOptions;
use crate::render::{Options, Pulled, Rendering};
use crate::report::clock;
use crate::song::{Setlist, Song};

/// Peak of a plane, and the first frame above full scale.
#[derive(Clone, Copy, Default)]
struct Peak {
    value: f32,
    clips_at: Option<u64>,
}

impl Peak {
    fn take(&mut self, samples: &[f32], from: u64) {
        for (frame, x) in (from..).zip(samples) {
            let x = x.abs();
            if x > self.value {
                self.value = x;
            }
            if x > 1.0 && self.clips_at.is_none() {
                self.clips_at = Some(frame);
            }
        }
    }
}

/// What is found, and the mix's peak in dB if it isn't silence.
pub(super) fn judge(song: Song, rate: u32, load: &LoadOptions) -> (Vec<Finding>, Option<f64>) {
    let title = song.title.clone();
    let failed = |error: &dyn std::fmt::Display| {
        let message = format!("`{title}`: {error}");
        Finding::failure("sound", message, "correct the song or its files")
    };
    // These give nothing, and are not meant to.
    let solo = song.tracks.iter().any(|t| t.solo);
    let off = song
        .tracks
        .iter()
        .filter(|t| t.mute || (solo && !t.solo) || t.gain == 0.0);
    let off: Vec<String> = off.map(|t| t.name.clone()).collect();
    let list = Setlist { songs: vec![song] };
    let options = Options {
        mix: true,
        stems: true,
        rate: Some(rate),
        open: load.open.clone(),
        max_gain_db: load.max_gain_db,
        ..Options::default()
    };
    let mut rendering = match Rendering::open(list, options) {
        Ok(rendering) => rendering,
        Err(error) => return (vec![failed(&error)], None),
    };
    // Of the mix's warnings only damage is of interest: outputs are for the evening to say.
    rendering.take_warnings();
    let files = rendering.stem_files().to_vec();
    let mut mix = vec![Peak::default(); rendering.channels()];
    let mut stems = vec![0.0f32; files.len()];
    let mut findings = Vec::new();
    let mut from = 0;
    loop {
        let n = match rendering.pull() {
            Ok(Pulled::Frames(n)) => n,
            Ok(Pulled::Waiting) => continue,
            Ok(Pulled::End) => break,
            Err(error) => {
                findings.push(failed(&error));
                break;
            }
        };
        for (peak, plane) in mix.iter_mut().zip(rendering.mix()) {
            peak.take(plane.get(..n).unwrap_or_default(), from);
        }
        for (loudest, file) in stems.iter_mut().zip(&files) {
            for plane in rendering.stem(file) {
                let samples = plane.get(..n).unwrap_or_default();
                *loudest = samples.iter().fold(*loudest, |a, x| a.max(x.abs()));
            }
        }
        from += n as u64;
    }
    for warning in rendering.take_warnings() {
        let track = warning.track.unwrap_or_default();
        let message = format!("`{title}`, track `{track}`: {}", warning.message);
        findings.push(Finding::failure(
            "sound",
            message,
            "export the file again, or take it from a backup",
        ));
    }
    for (file, peak) in files.iter().zip(&stems) {
        if *peak == 0.0 && !off.contains(&file.track) {
            let message = format!("`{title}`: track `{}` is silent", file.track);
            let advice = "look whether the right file was exported";
            findings.push(Finding::warning("sound", message, advice));
        }
    }
    let loudest = mix.iter().fold(0.0f32, |a, p| a.max(p.value));
    let db = |x: f32| 20.0 * f64::from(x).log10();
    if let Some(at) = mix.iter().filter_map(|p| p.clips_at).min() {
        let over = db(loudest);
        let message = format!(
            "`{title}`: the mix is up to {over:.1} dB above full scale, for the first time at {}",
            clock(at, rate)
        );
        let advice = format!(
            "lower its tracks or the master by {:.1} dB",
            (over * 10.0).ceil() / 10.0
        );
        findings.push(Finding::warning("clipping", message, advice));
    }
    (findings, (loudest > 0.0).then(|| db(loudest)))
}
