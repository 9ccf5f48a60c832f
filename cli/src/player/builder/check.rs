//! What is refused, or said, before a session starts.

use std::path::Path;
use std::sync::mpsc;

use super::super::PlayerError;
use super::super::layout::Layout;
use super::super::loaded::Loaded;
use super::super::notes::Note;
use super::super::rig::Rig;
use super::{PlayerBuilder, Repeat, Transport};
use crate::report::Warning;
use crate::song::OnEnd;

impl PlayerBuilder {
    /// A transport has one straight time: what goes back by itself, or begins elsewhere, has no place in it.
    pub(super) fn check_transport(&mut self) -> Result<(), PlayerError> {
        if self.transport == Transport::None {
            return Ok(());
        }
        let refused = if !self.output.follow_transport() {
            "only JACK has a transport; leave out --transport, or use --backend jack"
        } else if !matches!(self.repeat, Repeat::No) {
            "the time of JACK's transport goes straight on; leave out --loop and --repeat, or --transport"
        } else if self.transport == Transport::Follow && self.start.is_some() {
            "JACK's transport says where to start; leave out --start, or use --transport lead"
        } else {
            return Ok(());
        };
        Err(PlayerError::Usage(refused.into()))
    }
}

/// Why there is none under a session manager.
pub(crate) const NO_IDLE: &str = "a session manager's session can't hold a setlist with an idle song; play it without the manager";

impl PlayerBuilder {
    /// With an idle song there is no end, and every song is played as a whole.
    pub(super) fn check_idle(&self) -> Result<(), PlayerError> {
        let refused = if !self.setlist.songs.iter().any(|song| song.idle) {
            return Ok(());
        } else if self.present {
            NO_IDLE
        } else if self.transport != Transport::None {
            "the time of JACK's transport goes straight on, and an idle song goes round; leave out --transport, or `idle` in the setlist"
        } else if !matches!(self.repeat, Repeat::No | Repeat::Turns) {
            "the idle song goes round until something is triggered; leave out --loop and --repeat"
        } else if self.start.is_some() || self.end.is_some() {
            "with an idle song every song is played as a whole; leave out --start and --end"
        } else {
            return Ok(());
        };
        Err(PlayerError::Usage(refused.into()))
    }
}

/// `--strict-rate`: a stem of another rate than the output's is an error.
pub(crate) fn refuse_other_rates(songs: &[Loaded], rate: u32) -> Result<(), PlayerError> {
    for spec in songs.iter().flat_map(|s| &s.specs) {
        if spec.rate != rate {
            let path: &Path = &spec.path;
            return Err(PlayerError::Song(format!(
                "{}: its rate is {} Hz, the output's is {rate} Hz; without --strict-rate it is resampled",
                path.display(),
                spec.rate
            )));
        }
    }
    Ok(())
}

/// What the user should know before it starts.
pub(super) fn tell_notices(
    notes: &mpsc::Sender<Note>,
    songs: &[Loaded],
    layout: &Layout,
    rig: &Rig,
    follows: bool,
    skipped: &[String],
) {
    let warn = |code: &str, message: &str| tell(notes, code, message, None);
    for why in skipped {
        warn("song", why);
    }
    for (code, message) in &layout.notices {
        warn(code, message);
    }
    song_notices(notes, songs, follows);
    if !rig.granted.notice.is_empty() {
        warn("driver", &rig.granted.notice);
    }
}

/// What the user should know of songs before they play.
pub(in super::super) fn song_notices(notes: &mpsc::Sender<Note>, songs: &[Loaded], follows: bool) {
    for song in songs
        .iter()
        .filter(|s| follows && s.song.on_end == OnEnd::Loop)
    {
        let title = &song.song.title;
        let message =
            format!("`{title}` plays once: the time of JACK's transport goes straight on");
        tell(notes, "transport", &message, None);
    }
    for song in songs {
        for (track, spec) in song.song.tracks.iter().zip(&song.specs) {
            if let Some(notice) = &spec.notice {
                tell(notes, "start-unknown", notice, Some(track.name.clone()));
            }
        }
    }
}

fn tell(notes: &mpsc::Sender<Note>, code: &str, message: &str, track: Option<String>) {
    let _ = notes.send(Note::Warning(Warning {
        code: code.to_owned().into(),
        message: message.to_owned(),
        track,
    }));
}

/// The song that was in play before isn't there any more.
pub(super) fn tell_gone(notes: &mpsc::Sender<Note>, title: &str) {
    let _ = notes.send(Note::Warning(Warning {
        code: "state".into(),
        message: format!(
            "the song it was in, `{title}`, isn't there any more; playing begins at the beginning"
        ),
        track: None,
    }));
}
