//! The files that are to be played: whether they can be, and at which rate.

use std::fs;
use std::path::PathBuf;

use super::Finding;
use crate::media::{OpenOptions, open};

const CHECK: &str = "files";

/// `rates` are those that the device has, Hz; none where that isn't known.
pub(super) fn judge(files: &[PathBuf], rates: &[u32]) -> Vec<Finding> {
    files.iter().map(|file| of(file, rates)).collect()
}

fn of(file: &PathBuf, rates: &[u32]) -> Finding {
    let name = file.display();
    // A pipe that nobody writes to would never be opened.
    if fs::metadata(file).is_ok_and(|about| !about.is_file()) {
        return Finding::failure(
            CHECK,
            format!("{name} is no file"),
            "name audio files; of a folder: its files",
        );
    }
    let reader = match open(file, &OpenOptions::default()) {
        Ok(reader) => reader,
        Err(e) => {
            let message = crate::exit::without_errno(e.to_string());
            return Finding::failure(CHECK, message, "correct the path or replace the file");
        }
    };
    let spec = reader.spec();
    let what = format!("{name}: {}, {} Hz", spec.format, spec.rate);
    match rates {
        [] => Finding::ok(CHECK, what),
        rates if rates.contains(&spec.rate) => Finding::ok(CHECK, what),
        [rate] => Finding::warning(
            CHECK,
            format!("{what}: it is resampled to the device's {rate} Hz"),
            format!(
                "that is inaudible and costs little; to do without it, run the device at {} Hz",
                spec.rate
            ),
        ),
        rates => {
            let rates: Vec<String> = rates.iter().map(u32::to_string).collect();
            let rates = rates.join(", ");
            Finding::warning(
                CHECK,
                format!("{what}: it is resampled, for the device can do {rates} Hz"),
                "that is inaudible, but costs processor time at every turn; to do without it, convert the file once",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn rates_are_compared_and_what_is_no_audio_fails() {
        let dir = tempfile::tempdir().unwrap();
        let mut wav = b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        wav.extend(44_100u32.to_le_bytes());
        wav.extend(88_200u32.to_le_bytes());
        wav.extend(b"\x02\0\x10\0data\x04\0\0\0\x01\0\x02\0");
        let (good, bad) = (dir.path().join("a.wav"), dir.path().join("b.wav"));
        fs::write(&good, wav).unwrap();
        fs::write(&bad, b"no").unwrap();
        let level =
            |file: &PathBuf, rates: &[u32]| judge(std::slice::from_ref(file), rates)[0].level;
        assert_eq!(level(&good, &[]), Level::Ok);
        assert_eq!(level(&good, &[44_100]), Level::Ok);
        assert_eq!(level(&good, &[48_000, 44_100]), Level::Ok);
        assert_eq!(level(&good, &[48_000]), Level::Warning);
        assert_eq!(level(&good, &[48_000, 96_000]), Level::Warning);
        assert_eq!(level(&bad, &[]), Level::Failure);
        assert_eq!(level(&dir.path().join("c.wav"), &[]), Level::Failure);
        assert_eq!(level(&dir.path().to_owned(), &[]), Level::Failure);
    }
}
