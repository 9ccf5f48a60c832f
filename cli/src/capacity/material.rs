//! The stem that is played: noise, which compresses and predicts like nothing else, in a file that
//! has no name any more.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use engine_core::convert::Dither;

use crate::output::{OutputError, WavFormat, WavWriter};

/// Its length, s. It is looped.
const SECONDS: usize = 4;

/// A stereo WAV file of 16 bit.
pub(super) struct Material {
    file: File,
    rate: u32,
}

impl Material {
    pub fn new(rate: u32) -> std::io::Result<Self> {
        let name = format!("backline-bench-{}-{rate}.wav", std::process::id());
        let path = std::env::temp_dir().join(name);
        write(&path, rate).map_err(std::io::Error::other)?;
        let file = File::open(&path);
        // Nothing is left behind, however the program ends.
        std::fs::remove_file(&path)?;
        Ok(Self { file: file?, rate })
    }

    /// Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Where it can be opened, as often as one likes.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }
}

fn write(path: &Path, rate: u32) -> Result<(), OutputError> {
    let mut wav = WavWriter::create(path, WavFormat::S16, Dither::None, rate, 2)?;
    let mut noise = 1u32;
    let mut second = [vec![0.0f32; rate as usize], vec![0.0; rate as usize]];
    for _ in 0..SECONDS {
        for x in second.iter_mut().flatten() {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *x = (noise >> 8) as f32 / (1 << 24) as f32 - 0.5;
        }
        let [left, right] = &second;
        wav.write(&[left, right], rate as usize)?;
    }
    wav.finish().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn it_can_be_opened_and_has_no_name() {
        let material = Material::new(8_000).unwrap();
        let again = File::open(material.path()).unwrap();
        let about = again.metadata().unwrap();
        assert_eq!(about.nlink(), 0);
        // All samples, and a header.
        assert!((1..512).contains(&(about.len() - 4 * 4 * 8_000)));
    }
}
