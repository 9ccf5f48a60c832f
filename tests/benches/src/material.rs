//! The stems that are played: parts of the demo song, as soft as many of them need to be, in every
//! format. Made once and kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::proc;

/// Where things are kept: `target/bench`, beside this program's folder.
pub fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().nth(2).unwrap_or(Path::new("target"));
    target.join("bench")
}

/// A format of stems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// WAV, 16 bit.
    Wav,
    /// WAV, 16 bit, one channel.
    Mono,
    /// FLAC.
    Flac,
    /// MP3, 192 kbit/s.
    Mp3,
    /// Ogg Vorbis, quality 5.
    Vorbis,
    /// AAC in M4A, 192 kbit/s.
    Aac,
}

impl Kind {
    /// As it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wav => "WAV",
            Self::Mono => "mono WAV",
            Self::Flac => "FLAC",
            Self::Mp3 => "MP3",
            Self::Vorbis => "Vorbis",
            Self::Aac => "AAC",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Mono => "mono",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Vorbis => "ogg",
            Self::Aac => "m4a",
        }
    }

    /// What ffmpeg is told to make it, and the ending of the file's name.
    fn encoding(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Wav => (&[], "wav"),
            Self::Mono => (&["-ac", "1", "-c:a", "pcm_s16le"], "wav"),
            Self::Flac => (&["-c:a", "flac"], "flac"),
            Self::Mp3 => (&["-c:a", "libmp3lame", "-b:a", "192k"], "mp3"),
            Self::Vorbis => (&["-c:a", "libvorbis", "-q:a", "5"], "ogg"),
            Self::Aac => (&["-c:a", "aac", "-b:a", "192k"], "m4a"),
        }
    }
}

/// `count` stereo stems (one channel for [`Kind::Mono`]) of `seconds` at 48 kHz, made if they are
/// not there.
///
/// # Errors
/// Why they can't be made.
pub fn stems(kind: Kind, count: usize, seconds: u32) -> Result<Vec<PathBuf>, String> {
    let (encoding, ending) = kind.encoding();
    if kind != Kind::Wav && !proc::have("ffmpeg") {
        return Err(format!("ffmpeg, which makes the {} stems", kind.name()));
    }
    let folder = folder().join(format!("{}-{seconds}", kind.folder()));
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let log = folder.join("log");
    let wav = if kind == Kind::Wav {
        Vec::new()
    } else {
        stems(Kind::Wav, count, seconds)?
    };
    let mut stems = Vec::new();
    for i in 1..=count {
        let path = folder.join(format!("{i}.{ending}"));
        if !path.exists() {
            if i == 1 {
                println!(
                    "  making {} stems of {seconds} s in {}",
                    kind.name(),
                    folder.display()
                );
            }
            let unfinished = folder.join(format!("unfinished.{ending}"));
            if let Some(wav) = wav.get(i - 1) {
                let mut ffmpeg = Command::new("ffmpeg");
                ffmpeg.args(["-nostdin", "-y", "-loglevel", "error", "-i"]);
                ffmpeg.arg(wav).args(encoding).arg(&unfinished);
                proc::run(&mut ffmpeg, &log)?;
            } else {
                make(i, seconds, &unfinished, &log)?;
            }
            fs::rename(&unfinished, &path).map_err(|e| format!("{}: {e}", path.display()))?;
        }
        stems.push(path);
    }
    Ok(stems)
}

/// Another track, and another place in the demo song, for each stem.
fn make(i: usize, seconds: u32, path: &Path, log: &Path) -> Result<(), String> {
    // The song is about 34 s long.
    let from = u32::try_from(i % 16).unwrap_or(0);
    let times = seconds / (34 - from) + 1;
    let long = path.with_file_name("long.wav");
    let render = |input: &Path| {
        let mut command = Command::new(proc::backline());
        command.args(["render", "--config", "none", "--status", "none"]);
        command.arg(input);
        command
    };
    let track = i % 6 + 1;
    let mut command = render(Path::new("demo/song"));
    command.arg("-o").arg(&long).args([
        format!("--start={from}"),
        format!("--repeat={times}"),
        format!("--solo={track}"),
        format!("--pan={track}=0.{}", i % 8),
        "--master=-24".to_owned(),
    ]);
    proc::run(&mut command, log)?;
    let mut command = render(&long);
    command.arg("-o").arg(path);
    command.args([format!("--end={seconds}"), "--format=s16".to_owned()]);
    proc::run(&mut command, log)?;
    fs::remove_file(&long).map_err(|e| format!("{}: {e}", long.display()))
}
