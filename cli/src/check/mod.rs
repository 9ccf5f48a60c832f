//! `backline check`: whether songs can be played, found out without playing them.
//!
//! The document has the form of `doctor`'s (see [`crate::doctor`]). `check` is one of `files`, `rates`, `lengths`, `sections`, `tempo`,
//! `sound`, `clipping`, `song`; the last says `ok` for each song that can be played.

mod mix;
mod shape;

use crate::config::Settings;
use crate::exit::Failure;
use crate::findings::{Finding, Report};
use crate::player::loaded::{LoadOptions, Loaded, load_all};
use crate::report::clock;
use crate::song::{Request, Setlist, Song, SongError, load_what_can_be};

use engine_core::ticket::TicketDrum;

/// Tests everything that was asked for; with `quick` files are only opened, not read.
///
/// # Errors
/// Inputs that don't go together: correct the command line.
pub fn check(request: &Request<'_>, settings: &Settings, quick: bool) -> Result<Report, Failure> {
    let mut findings = Vec::new();
    match load_what_can_be(request) {
        Ok((setlist, left_out)) => {
            findings.extend(left_out.into_iter().map(unplayable));
            for song in setlist.songs {
                findings.extend(check_song(song, settings, quick));
            }
        }
        Err(error @ SongError::Usage(_)) => return Err(error.into()),
        Err(error) => findings.push(unplayable(error.to_string())),
    }
    Ok(Report::new(findings))
}

fn unplayable(message: String) -> Finding {
    Finding::failure("files", message, "correct the file or its path")
}

fn check_song(mut song: Song, settings: &Settings, quick: bool) -> Vec<Finding> {
    let title = song.title.clone();
    // By itself it is a song like any other.
    song.idle = false;
    let options = LoadOptions {
        open: crate::media::OpenOptions {
            preload_limit: u64::from(settings.preload_limit.value) * 1_000_000,
        },
        max_gain_db: settings.max_gain_db.value,
        ..LoadOptions::default()
    };
    let list = Setlist {
        songs: vec![song.clone()],
    };
    let loaded = match load_all(list, &mut TicketDrum::new(), &options) {
        Ok((mut songs, _)) => songs.pop(),
        Err(error) => return vec![unplayable(format!("`{title}`: {error}"))],
    };
    let Some(loaded) = loaded else {
        return Vec::new();
    };
    let rate = settings.rate.value.or_else(|| loaded.usual_rate());
    let rate = rate.unwrap_or(48_000);
    let mut findings = shape::judge(&loaded, rate);
    let mut peak = String::new();
    if !quick {
        let (found, loudest) = mix::judge(song, rate, &options);
        findings.extend(found);
        if let Some(loudest) = loudest {
            peak = format!(", peak {loudest:.1} dB");
        }
    }
    let fails = findings
        .iter()
        .any(|f| f.level == crate::findings::Level::Failure);
    if !fails {
        findings.push(Finding::ok("song", summary(&loaded, rate) + &peak));
    }
    findings
}

fn summary(song: &Loaded, rate: u32) -> String {
    let tracks = match song.song.tracks.len() {
        1 => "1 track".to_owned(),
        n => format!("{n} tracks"),
    };
    format!(
        "`{}`: {tracks}, {} long, {rate} Hz",
        song.song.title,
        clock(song.length(rate), rate)
    )
}
