//! Which files of a folder are audio, by name.

use std::path::Path;

const NAMES: &[&str] = &[
    "wav",
    "wave",
    "rf64",
    "bw64",
    "bwf",
    "aif",
    "aiff",
    "aifc",
    "caf",
    "flac",
    "mp3",
    "mp2",
    "ogg",
    "oga",
    "m4a",
    "mp4",
    "aac",
    "mka",
    #[cfg(feature = "opus")]
    "opus",
];

/// Whether a file of that name counts as a stem when a folder is scanned. What it really is shows
/// when it is opened.
pub fn is_audio_name(path: &Path) -> bool {
    path.extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| NAMES.iter().any(|n| n.eq_ignore_ascii_case(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_by_extension_in_any_case() {
        for name in [
            "a.wav",
            "B.WAV",
            "x/y.Flac",
            "dots.in.name.mp3",
            "a.aiff",
            "a.M4A",
        ] {
            assert!(is_audio_name(Path::new(name)), "{name}");
        }
        for name in ["wav", ".wav", "a.txt", "a.wav.bak", "song.toml", "a."] {
            assert!(!is_audio_name(Path::new(name)), "{name}");
        }
        assert_eq!(is_audio_name(Path::new("a.opus")), cfg!(feature = "opus"));
    }
}
