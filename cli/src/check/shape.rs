//! What of a song shows in its files' headers: rates, lengths, sections, tempo.

use crate::findings::Finding;
use crate::made::Made;
use crate::media::resampled_frames;
use crate::player::loaded::Loaded;
use crate::report::clock;
use crate::song::Song;

/// Stems that differ by less than this are of one length, ms.
const SAME_MS: u64 = 1000;

pub(super) fn judge(song: &Loaded, rate: u32) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(rates(song, rate));
    findings.extend(lengths(song, rate));
    findings.extend(behind(&song.song, rate, song.length(rate)));
    for (track, spec) in song.song.tracks.iter().zip(&song.specs) {
        if let Some(notice) = &spec.notice {
            let message = format!("`{}`, track `{}`: {notice}", song.song.title, track.name);
            findings.push(Finding::warning(
                "files",
                message,
                "use WAV or FLAC instead",
            ));
        }
    }
    findings
}

/// The stems of files: what is made has neither rate nor length of its own.
fn stems(song: &Loaded) -> impl Iterator<Item = (usize, &str, u32, u64)> {
    let tracks = song.song.tracks.iter().enumerate();
    let tracks = tracks.filter(|(_, t)| t.made.is_none());
    tracks.filter_map(|(i, t)| {
        let (spec, length) = (song.specs.get(i)?, song.lengths.get(i)?);
        Some((i, t.name.as_str(), spec.rate, *length))
    })
}

fn rates(song: &Loaded, rate: u32) -> Option<Finding> {
    let mut other: Vec<String> = stems(song)
        .filter(|(_, _, own, _)| *own != rate)
        .map(|(_, name, own, _)| format!("`{name}` {own} Hz"))
        .collect();
    let all = stems(song).count();
    let more = other.len().saturating_sub(4);
    other.truncate(4);
    let mut names = other.join(", ");
    if more > 0 {
        names += &format!(" and {more} more");
    }
    (!other.is_empty() && all > 0).then(|| {
        Finding::warning(
            "rates",
            format!(
                "`{}` at {rate} Hz: {names} must be resampled",
                song.song.title
            ),
            "it sounds right all the same; --strict-rate refuses it",
        )
    })
}

/// Where most stems have one length, those that haven't: an export that went wrong.
fn lengths(song: &Loaded, rate: u32) -> Vec<Finding> {
    let ends: Vec<(&str, u64)> = stems(song)
        .map(|(i, name, own, length)| {
            let length = resampled_frames(length, own, rate);
            (name, length.saturating_add(song.offset(i, rate)))
        })
        .collect();
    let same = SAME_MS * u64::from(rate) / 1000;
    let like = |end: u64| ends.iter().filter(|(_, e)| e.abs_diff(end) < same).count();
    let Some((_, usual)) = ends.iter().max_by_key(|(_, end)| like(*end)) else {
        return Vec::new();
    };
    if like(*usual) < 3 || like(*usual) * 2 <= ends.len() {
        return Vec::new();
    }
    let odd = ends.iter().filter(|(_, end)| end.abs_diff(*usual) >= same);
    odd.map(|(name, end)| {
        Finding::warning(
            "lengths",
            format!(
                "`{}`: most stems end at {}, `{name}` at {}",
                song.song.title,
                clock(*usual, rate),
                clock(*end, rate)
            ),
            "look whether the right file was exported; where a stem is short on purpose, all is well",
        )
    })
    .collect()
}

/// Sections and tempos that begin where the song has ended.
fn behind(song: &Song, rate: u32, length: u64) -> Vec<Finding> {
    let frame = |time| song.frame(time, rate).unwrap_or(u64::MAX);
    let advice = |what: &str| format!("move the {what} in the song file, or remove it");
    let sections = song.sections.iter().filter(|s| frame(&s.start) >= length);
    let sections = sections.map(|s| {
        let message = format!(
            "`{}`: section `{}` begins at {}, behind the end",
            song.title,
            s.name,
            clock(frame(&s.start), rate)
        );
        Finding::warning("sections", message, advice("section"))
    });
    let tempos = song.tempo.iter().filter(|t| frame(&t.at) >= length);
    let tempos = tempos.map(|t| {
        let message = format!(
            "`{}`: the tempo of {} bpm begins at {}, behind the end",
            song.title,
            t.micro_bpm as f64 / 1e6,
            clock(frame(&t.at), rate)
        );
        Finding::warning("tempo", message, advice("tempo"))
    });
    sections
        .chain(tempos)
        .chain(cues(song, rate, length))
        .collect()
}

/// Cues that aren't heard, or not from their beginning.
fn cues(song: &Song, rate: u32, length: u64) -> Vec<Finding> {
    let cues = song.tracks.iter().flat_map(|track| match &track.made {
        Some(Made::Cue(cue)) => cue.sounds.as_slice(),
        _ => &[],
    });
    let wrong = cues.filter_map(|cue| {
        let start = cue.start(song, rate);
        let (what, advice) = match u64::try_from(start) {
            Ok(start) if start < length => return None,
            Ok(start) => (
                format!("begins at {}, behind the end", clock(start, rate)),
                "move the cue in the song file, or remove it",
            ),
            Err(_) => (
                format!(
                    "begins {} before the song and loses its beginning",
                    clock(start.unsigned_abs(), rate)
                ),
                "let it begin later, or give the song a count-in",
            ),
        };
        let message = format!("`{}`: the cue {} {what}", song.title, cue.file.display());
        Some(Finding::warning("cues", message, advice))
    });
    wrong.collect()
}
