//! Any text as a song, a setlist and a configuration.

use std::path::Path;

use backline::config::{ConfigFile, Wanted};
use backline::song::{Document, Song, SongError, check_name, parse};

use super::scratch::with_file;

/// Parses the text as a song or setlist and as a configuration, and looks at what comes out.
///
/// # Panics
/// When it is something that the rest of the program may rely on not to be.
pub fn toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        // Only the reading of a file can tell where text ends.
        let read = with_file(data, |path| {
            ConfigFile::find(&Wanted::File(path.into()), &|_| None)
        });
        let refused = read.expect_err("not UTF-8, and read all the same");
        complaint(&refused.message, "");
        return;
    };
    match parse(Path::new("folder/song.toml"), text, 12.0) {
        Ok(Document::Song { song, .. }) => look(&song),
        Ok(Document::Setlist(entries)) => assert!(!entries.is_empty(), "an empty setlist"),
        Err(SongError::Invalid {
            line, column, what, ..
        }) => {
            // Behind the last line is a place, too.
            let width = text.split('\n').nth(line - 1).map(|l| l.chars().count());
            assert!(
                width.is_some_and(|width| (1..=width + 1).contains(&column)),
                "no place {line}:{column}"
            );
            complaint(&what, text);
        }
        Err(other) => panic!("{other}"),
    }
    match ConfigFile::parse(Path::new("config.toml"), text) {
        Ok(layer) => {
            let names = [&layer.device, &layer.name, &layer.server];
            assert!(
                names
                    .iter()
                    .all(|n| n.as_ref().is_none_or(|n| !n.is_empty()))
            );
        }
        Err(refused) => complaint(&refused.message, text),
    }
}

/// A complaint about `text`, some of which it may say.
fn complaint(what: &str, text: &str) {
    assert!(!what.trim().is_empty(), "a complaint without words");
    for jargon in ["struct ", "enum ", "serde", "Option", "(os error"] {
        assert!(
            !what.contains(jargon) || text.contains(jargon),
            "`{jargon}` in: {what}"
        );
    }
}

fn look(song: &Song) {
    check_name(&song.title).expect("a title");
    assert!(!song.tracks.is_empty(), "a song without tracks");
    for track in &song.tracks {
        check_name(&track.name).expect("a track's name");
        check_name(track.bus_name()).expect("a bus's name");
        assert!((0.0..=4.0).contains(&track.gain), "gain {}", track.gain);
        assert!((-1.0..=1.0).contains(&track.pan), "pan {}", track.pan);
        song.frame(&track.offset, 48_000).expect("an offset");
    }
    for bus in &song.buses {
        check_name(&bus.name).expect("a bus's name");
        assert!((0.0..=4.0).contains(&bus.level), "level {}", bus.level);
        assert!(bus.outputs.iter().all(|&n| n > 0), "channel 0");
    }
    for rate in [1000, 44_100, 48_000, 1_536_000] {
        for length in [0, 1, 48_000, u64::MAX] {
            let spans = song.spans(rate, length);
            for span in &spans {
                check_name(&span.name).expect("a section's name");
                assert!(span.start < span.end && span.end <= length, "{span:?}");
            }
            let in_order = spans.windows(2).all(|two| two[0].end <= two[1].start);
            assert!(in_order, "{spans:?}");
        }
    }
}
