//! Any text as a mapping, and behind a zero any bytes as messages of MIDI, of which each but one with less than three bytes has three.

use std::time::Duration;

use backline::control::surface::{Event, Map, MidiEvent, learned, parse_midi};

/// Reads the mapping and has it asked by each message, which is then learned.
///
/// # Panics
/// When a message is more than MIDI has, or a mapping that was good isn't after something was learned.
pub fn midi(data: &[u8]) {
    let mut parts = data.splitn(2, |b| *b == 0);
    let text = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let map = text.parse::<Map>();
    if let Err(why) = &map {
        assert!(!why.trim().is_empty(), "no words");
        for jargon in ["struct ", "enum ", "serde", "Option"] {
            // What the text says may be repeated.
            let ours = !text.contains(jargon.trim_end());
            assert!(!(ours && why.contains(jargon)), "`{jargon}` in: {why}");
        }
    }
    let mut map = map.ok();
    let words = ["mute".to_owned(), "lead 'vox'".to_owned()];
    for (at, message) in (0..).zip(parts.next().unwrap_or_default().chunks(3)) {
        let Some(event) = parse_midi(message) else {
            continue;
        };
        let (channel, numbers) = match event {
            MidiEvent::Note {
                channel,
                note,
                velocity,
            } => (channel, [note, velocity]),
            MidiEvent::Controller {
                channel,
                controller,
                value,
            } => (channel, [controller, value]),
            MidiEvent::Program { channel, program } => (channel, [program - 1, 0]),
        };
        assert!(
            (1..=16).contains(&channel) && numbers.iter().all(|n| *n < 128),
            "{event:?}"
        );
        let event = Event::Midi(event);
        let good = map.is_some();
        if let Some(map) = &mut map {
            let _ = map.take(&event, Duration::from_millis(at));
        }
        // (A mapping is learned by people: the first few are enough.)
        if at < 2
            && let Ok(Some(more)) = learned(&text, &event, &words)
        {
            assert!(
                good || text.trim().is_empty(),
                "learned into what is no mapping"
            );
            assert!(more.parse::<Map>().is_ok(), "no mapping any more");
        }
    }
}
