//! Material: 16-bit stems in flash, computed when the program is compiled, in integers only.

/// One stem of 16-bit material.
#[derive(Clone, Copy)]
pub struct Stem {
    /// 1 or 2.
    pub channels: usize,
    /// Interleaved.
    pub samples: &'static [i16],
}

impl Stem {
    /// Its samples from frame `from` on, at most `frames` frames.
    pub fn part(&self, from: usize, frames: usize) -> &'static [i16] {
        let all = self.samples;
        let begin = (from * self.channels).min(all.len());
        let end = ((from + frames) * self.channels).min(all.len());
        &all[begin..end]
    }
}

/// A saw of `period` samples, louder and softer over `swell` samples.
pub const fn saw<const S: usize>(period: i32, swell: i32, level: i32) -> [i16; S] {
    let mut out = [0; S];
    let mut i = 0;
    while i < S {
        let n = i as i32;
        let phase = (n % period) * 2 * level / period - level;
        let place = n % swell * 2 - swell;
        let loudness = if place < 0 {
            swell + place
        } else {
            swell - place
        };
        out[i] = ((phase as i64 * loudness as i64) / swell as i64) as i16;
        i += 1;
    }
    out
}

/// Noise that dies away, every `every` samples anew, and is silent in between.
pub const fn hits<const S: usize>(every: usize, level: i32) -> [i16; S] {
    let mut out = [0; S];
    let mut state: u32 = 0x2545_f491;
    let mut i = 0;
    while i < S {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let age = (i % every) as i32;
        let loudness = level - age * 16;
        if loudness > 0 {
            let noise = (state >> 16) as i32 - 32_768;
            out[i] = (noise as i64 * loudness as i64 / 32_768) as i16;
        }
        i += 1;
    }
    out
}

/// Two channels from one: the second is late by `late` samples, and turned over.
pub const fn widen<const S: usize, const D: usize>(mono: [i16; S], late: usize) -> [i16; D] {
    assert!(D == 2 * S);
    let mut out = [0; D];
    let mut i = 0;
    while i < S {
        out[2 * i] = mono[i];
        out[2 * i + 1] = if i < late { 0 } else { -mono[i - late] };
        i += 1;
    }
    out
}
