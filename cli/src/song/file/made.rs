//! What a song file has made for it: the click, its count-in, the cues, the time code.

use toml::Spanned;

use super::File;
use super::raw::{RawClick, RawCue, RawCueSound, RawLtc};
use crate::located::Located;
use crate::made::{Before, Click, ClickSounds, Cue, CueSound, FrameRate, Ltc, Made, TimeCode};
use crate::song::tempo::{MAX_BEATS, Stretch};
use crate::song::{Section, Song, Time, Track};

/// Most bars of a count-in.
const MAX_COUNT_IN: i64 = 16;
/// Most bars between a cue and its place.
const MAX_BARS: u32 = 64;
/// Most clicks a beat.
const MAX_SUBDIVISION: i64 = 8;
/// What the count-in's section is called.
const COUNT_IN: &str = "Count-in";

impl File<'_> {
    /// The track of a click.
    pub(super) fn click(
        &self,
        raw: &Spanned<RawClick>,
        tempo: &[Stretch],
    ) -> Result<Track, Located> {
        if tempo.is_empty() {
            return self.error(raw, "a click needs a tempo map (`[[tempo]]`)");
        }
        let click = raw.get_ref();
        let mut made = Click::default();
        if let Some(accents) = &click.accents {
            made.accents.clear();
            for accent in accents.get_ref() {
                let beat = u32::try_from(*accent.get_ref()).unwrap_or(0);
                if !(1..=MAX_BEATS).contains(&beat) {
                    let what = format!("accents are beats of a bar, from 1 to {MAX_BEATS}");
                    return self.error(accent, what);
                }
                made.accents.push(beat);
            }
        }
        if let Some(bars) = &click.count_in {
            if !(0..=MAX_COUNT_IN).contains(bars.get_ref()) {
                let what = format!("a count-in has from 0 to {MAX_COUNT_IN} bars");
                return self.error(bars, what);
            }
            // In that range.
            made.count_in = *bars.get_ref() as u32;
        }
        if let Some(parts) = &click.subdivision {
            if !(1..=MAX_SUBDIVISION).contains(parts.get_ref()) {
                let what = format!("there are from 1 to {MAX_SUBDIVISION} clicks a beat");
                return self.error(parts, what);
            }
            // In that range.
            made.subdivision = *parts.get_ref() as u32;
        }
        let file = |file: &Option<Spanned<String>>| file.as_ref().map(|f| self.path(f)).transpose();
        made.sounds = ClickSounds {
            beat: file(&click.beat_file)?,
            accent: file(&click.accent_file)?,
            between: file(&click.between_file)?,
        };
        let track = self.made_track("click", &click.name, &click.bus, Made::Click(made))?;
        Ok(Track {
            gain: self.gain("gain_db", &click.gain_db)?,
            pan: click.pan.map_or(0.0, |pan| pan.0),
            mute: click.mute,
            ..track
        })
    }

    /// The track of the cues.
    pub(super) fn cue(
        &self,
        raw: &Spanned<RawCue>,
        tempo: &[Stretch],
        sections: &[Section],
    ) -> Result<Track, Located> {
        let cue = raw.get_ref();
        if cue.sounds.get_ref().is_empty() {
            return self.error(&cue.sounds, "a cue track needs at least one sound");
        }
        let sounds = cue.sounds.get_ref().iter();
        let sounds = sounds.map(|sound| self.cue_sound(sound, tempo, sections));
        let made = Cue {
            sounds: sounds.collect::<Result<_, _>>()?,
        };
        let track = self.made_track("cue", &cue.name, &cue.bus, Made::Cue(made))?;
        Ok(Track {
            gain: self.gain("gain_db", &cue.gain_db)?,
            pan: cue.pan.map_or(0.0, |pan| pan.0),
            mute: cue.mute,
            ..track
        })
    }

    fn cue_sound(
        &self,
        raw: &RawCueSound,
        tempo: &[Stretch],
        sections: &[Section],
    ) -> Result<CueSound, Located> {
        if let Time::Section(section) = &raw.at.get_ref().0
            && !sections.iter().any(|s| s.name == *section)
        {
            return self.error(&raw.at, format!("there is no section `{section}`"));
        }
        let before = match (&raw.before, &raw.before_bars) {
            (Some(_), Some(bars)) => {
                let what = "a cue has either `before` or `before_bars`, not both";
                return self.error(bars, what);
            }
            (Some(time), None) => Before::Time(self.own_time(time, "`before`")?),
            (None, Some(bars)) => {
                if tempo.is_empty() {
                    return self.error(bars, "bars need a tempo map (`[[tempo]]`)");
                }
                match u32::try_from(*bars.get_ref()) {
                    Ok(n @ 1..=MAX_BARS) => Before::Bars(n),
                    _ => {
                        let what = format!("a cue begins from 1 to {MAX_BARS} bars before");
                        return self.error(bars, what);
                    }
                }
            }
            (None, None) => Before::Time(Time::Nanos(0)),
        };
        Ok(CueSound {
            file: self.path(&raw.file)?,
            at: raw.at.get_ref().0.clone(),
            before,
        })
    }

    /// The track of time code.
    pub(super) fn ltc(&self, raw: &Spanned<RawLtc>) -> Result<Track, Located> {
        let ltc = raw.get_ref();
        let rate: FrameRate = ltc.fps.get_ref().0;
        let start = match &ltc.start {
            None => TimeCode::default(),
            Some(start) => match TimeCode::parse(start.get_ref(), rate) {
                Some(code) => code,
                None => {
                    let what = format!(
                        "expected a time code HH:MM:SS:FF that there is at this frame rate, not `{}`",
                        start.get_ref()
                    );
                    return self.error(start, what);
                }
            },
        };
        let made = Made::Ltc(Ltc { rate, start });
        let track = self.made_track("ltc", &ltc.name, &ltc.bus, made)?;
        Ok(Track {
            gain: self.gain("gain_db", &ltc.gain_db)?,
            mute: ltc.mute,
            ..track
        })
    }

    fn made_track(
        &self,
        what: &str,
        name: &Option<Spanned<String>>,
        bus: &Option<Spanned<String>>,
        made: Made,
    ) -> Result<Track, Located> {
        if let Some(name) = name {
            self.name("track name", name)?;
        }
        if let Some(bus) = bus {
            self.name("bus name", bus)?;
        }
        let said = |text: &Option<Spanned<String>>| {
            text.as_ref()
                .map_or_else(|| what.to_owned(), |text| text.get_ref().clone())
        };
        Ok(Track {
            name: said(name),
            file: std::path::PathBuf::new(),
            made: Some(made),
            gain: 1.0,
            pan: 0.0,
            mute: false,
            solo: false,
            bus: Some(said(bus)),
            offset: Time::Nanos(0),
        })
    }

    /// Makes room for the bars of click before the song's first bar: everything comes later by what there is too little.
    pub(super) fn count_in(&self, raw: &Spanned<RawClick>, song: &mut Song) -> Result<(), Located> {
        let bars = song.count_in();
        let Some(first) = song.tempo.first_mut() else {
            return Ok(());
        };
        const FRAMES: &str =
            "a song with a count-in needs all its times in seconds, none in frames";
        let Time::Nanos(begins) = first.at else {
            return self.error(raw, FRAMES);
        };
        let length = first.bars_nanos(bars);
        let lead = length.saturating_sub(begins);
        song.lead_nanos = lead;
        let sections = song.sections.iter_mut();
        let times = sections.flat_map(|s| std::iter::once(&mut s.start).chain(s.end.as_mut()));
        let times = times.chain(song.tempo.iter_mut().map(|s| &mut s.at));
        let of_tracks = song
            .tracks
            .iter_mut()
            .flat_map(|track| match &mut track.made {
                None => vec![&mut track.offset],
                Some(Made::Cue(cue)) => cue.sounds.iter_mut().map(|s| &mut s.at).collect(),
                Some(_) => Vec::new(),
            });
        for time in times.chain(of_tracks) {
            match time {
                Time::Nanos(nanos) => *nanos = nanos.saturating_add(lead),
                Time::Frames(_) => return self.error(raw, FRAMES),
                // The section has been moved.
                Time::Section(_) => {}
            }
        }
        let music = begins.saturating_add(lead);
        if let Some(first) = song.tempo.first_mut() {
            first.at = Time::Nanos(music.saturating_sub(length));
        }
        let free = song
            .sections
            .first()
            .is_some_and(|s| s.start != Time::Nanos(0));
        if lead > 0 && free && !song.sections.iter().any(|s| s.name == COUNT_IN) {
            let section = Section {
                name: COUNT_IN.to_owned(),
                start: Time::Nanos(0),
                end: Some(Time::Nanos(lead)),
            };
            song.sections.insert(0, section);
        }
        Ok(())
    }
}
