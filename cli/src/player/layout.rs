//! The wiring of a session: which buses there are, and where their channels go.
//!
//! One layout holds for all songs of a setlist, so that ports and device channels stay the same
//! whatever songs come and go.

use engine_core::bus::{BusLayout, NO_OUT};
use engine_core::host::{BUS_CHANNELS, BUSES, HostLayout, PLANES};

use super::PlayerError;
use super::loaded::Loaded;

/// What the outputs of the driver are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiring {
    /// The channels of a device: a bus goes where its `outputs` say, main to the first ones.
    Channels,
    /// A port for every bus channel.
    BusPorts,
    /// A port for every track channel, and no buses.
    TrackPorts,
    /// A port for every bus channel, then one for every track channel.
    BothPorts,
}

impl Wiring {
    /// Whether buses have outputs.
    pub(crate) fn has_buses(self) -> bool {
        self != Self::TrackPorts
    }

    fn has_tracks(self) -> bool {
        matches!(self, Self::TrackPorts | Self::BothPorts)
    }
}

/// What people are told of an output that has a port.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OutLabel {
    /// In any script: `Flöte L`.
    pub name: String,
    /// The bus, stem or wide stem it is a channel of, when that has several.
    pub group: Option<String>,
}

/// A bus of the session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SessionBus {
    pub name: String,
    pub channels: usize,
    /// Output planes of its channels.
    pub outs: Vec<u16>,
    /// What its song says of connecting it.
    pub jack: Vec<String>,
}

/// The wiring of a session.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub wiring: Wiring,
    pub buses: Vec<SessionBus>,
    /// Names of the driver's outputs: stable ASCII ids.
    pub outs: Vec<String>,
    /// What people are told of them, where they are ports.
    pub labels: Vec<OutLabel>,
    /// Name and channels of the tracks that have direct outs, in their order.
    tracks: Vec<(String, usize)>,
    /// Plane of the first direct out.
    pub direct_from: u16,
    /// Sentences for the user.
    pub notices: Vec<(String, String)>,
}

impl Layout {
    /// The layout that serves all `songs`. `only` keeps a single bus, as the only output.
    pub fn new(songs: &[Loaded], wiring: Wiring, only: Option<&str>) -> Result<Self, PlayerError> {
        let mut layout = Self {
            wiring,
            buses: Vec::new(),
            outs: Vec::new(),
            labels: Vec::new(),
            tracks: Vec::new(),
            direct_from: 0,
            notices: Vec::new(),
        };
        layout.collect(songs);
        if let Some(only) = only
            && !layout.buses.iter().any(|b| b.name == only)
        {
            let known: Vec<&str> = layout.buses.iter().map(|b| b.name.as_str()).collect();
            return Err(PlayerError::Usage(format!(
                "there is no bus `{only}`; the song has {}",
                known.join(", ")
            )));
        }
        let channels: usize = layout.buses.iter().map(|b| b.channels).sum();
        if layout.buses.len() > BUSES || channels > BUS_CHANNELS {
            return Err(PlayerError::Song(format!(
                "{} buses with {channels} channels are too many: at most {BUSES} buses with {BUS_CHANNELS} channels together",
                layout.buses.len()
            )));
        }
        match wiring {
            Wiring::Channels => layout.wire_channels(only),
            Wiring::BusPorts => layout.wire_ports(&mut Ids::default()),
            Wiring::TrackPorts => layout.wire_tracks(songs, &mut Ids::default())?,
            Wiring::BothPorts => {
                // Buses first: their ids don't depend on what the tracks are called.
                let mut ids = Ids::default();
                layout.wire_ports(&mut ids);
                layout.wire_tracks(songs, &mut ids)?;
            }
        }
        Ok(layout)
    }

    /// The union of all songs' buses: the widest of each name.
    fn collect(&mut self, songs: &[Loaded]) {
        for song in songs {
            for bus in song.buses() {
                let at = match self.buses.iter().position(|b| b.name == bus.name) {
                    Some(at) => at,
                    None => {
                        self.buses.push(SessionBus {
                            name: bus.name.clone(),
                            channels: 0,
                            outs: Vec::new(),
                            jack: Vec::new(),
                        });
                        self.buses.len() - 1
                    }
                };
                let mine = &mut self.buses[at];
                mine.channels = mine.channels.max(bus.channels);
                if mine.outs.is_empty() {
                    mine.outs = bus.outputs.iter().map(|o| o.saturating_sub(1)).collect();
                }
                if mine.jack.is_empty() {
                    mine.jack.clone_from(&bus.jack);
                }
            }
        }
    }

    fn wire_channels(&mut self, only: Option<&str>) {
        for bus in &mut self.buses {
            if let Some(only) = only {
                bus.outs = if bus.name == only {
                    (0..bus.channels as u16).collect()
                } else {
                    vec![NO_OUT; bus.channels]
                };
                continue;
            }
            if bus.outs.is_empty() && bus.name == "main" {
                bus.outs = (0..bus.channels as u16).collect();
            }
            if bus.outs.is_empty() {
                self.notices.push((
                    "silent-bus".into(),
                    format!(
                        "bus `{0}` has no output and is silent; give it one with --out {0}=3",
                        bus.name
                    ),
                ));
            }
            bus.outs.resize(bus.channels, NO_OUT);
        }
        let width = self
            .buses
            .iter()
            .flat_map(|b| &b.outs)
            .filter(|o| **o != NO_OUT)
            .max()
            .map_or(1, |o| usize::from(*o) + 1);
        self.outs = (1..=width).map(|c| c.to_string()).collect();
        self.direct_from = width as u16;
    }

    fn wire_ports(&mut self, ids: &mut Ids) {
        for bus in &mut self.buses {
            let names = ids.channels(&bus.name, bus.channels);
            let first = self.outs.len() as u16;
            bus.outs = (first..first + bus.channels as u16).collect();
            self.outs.extend(names);
            self.labels.extend(labels(&bus.name, bus.channels));
        }
        self.direct_from = self.outs.len() as u16;
    }

    fn wire_tracks(&mut self, songs: &[Loaded], ids: &mut Ids) -> Result<(), PlayerError> {
        if !self.wiring.has_buses() {
            for bus in &mut self.buses {
                bus.outs = vec![NO_OUT; bus.channels];
            }
        }
        for song in songs {
            for strip in &song.strips {
                let key = (strip.name.clone(), strip.channels);
                if self.tracks.contains(&key) {
                    continue;
                }
                self.tracks.push(key);
                self.outs.extend(ids.channels(&strip.name, strip.channels));
                let stem = song.song.tracks.get(strip.track).map(|t| &t.name);
                let wide = stem.filter(|stem| **stem != strip.name);
                self.labels
                    .extend(labels(&strip.name, strip.channels).map(|label| OutLabel {
                        group: label.group.or(wide.cloned()),
                        ..label
                    }));
            }
        }
        let ports = self.outs.len() - usize::from(self.direct_from);
        if ports > PLANES - BUS_CHANNELS {
            return Err(PlayerError::Song(format!(
                "the songs have {ports} different track channels together, more than the {} ports there may be",
                PLANES - BUS_CHANNELS
            )));
        }
        Ok(())
    }

    /// Planes of the direct outs of a song's strips.
    pub fn directs(&self, song: &Loaded) -> Vec<[u16; 2]> {
        let strips = song.strips.iter();
        strips
            .map(|strip| self.direct_outs(&strip.name, strip.channels))
            .collect()
    }

    fn direct_outs(&self, name: &str, channels: usize) -> [u16; 2] {
        let mut at = self.direct_from;
        for (track, width) in &self.tracks {
            if (track.as_str(), *width) == (name, channels) {
                return if channels == 2 {
                    [at, at + 1]
                } else {
                    [at, NO_OUT]
                };
            }
            at += *width as u16;
        }
        [NO_OUT; 2]
    }

    /// Sentences on what of a song that isn't one of those it was made for will not be heard.
    ///
    /// # Errors
    /// A stem is wider than its bus is; nothing of it would be heard.
    pub fn lacks(&self, song: &Loaded) -> Result<Vec<(&'static str, String)>, PlayerError> {
        const BEGIN: &str = "begin a session with it to have";
        let title = &song.song.title;
        for (track, spec) in song.song.tracks.iter().zip(&song.specs) {
            let Some(bus) = self.bus(track.bus_name()).and_then(|i| self.buses.get(i)) else {
                continue;
            };
            if spec.channels > 2 && spec.channels > bus.channels && self.wiring.has_buses() {
                return Err(PlayerError::Song(format!(
                    "track `{}` has {} channels, more than the {} of bus `{}` in this session; {BEGIN} a wider one",
                    track.name, spec.channels, bus.channels, bus.name
                )));
            }
        }
        let no_bus = |name: &str| !self.wiring.has_buses() || self.bus(name).is_none();
        let directs = self.directs(song);
        let without: Vec<&str> = (song.strips.iter().zip(&directs))
            .filter(|(_, outs)| **outs == [NO_OUT; 2])
            .map(|(strip, _)| strip.name.as_str())
            .collect();
        let unheard = (song.strips.iter().zip(&directs))
            .all(|(strip, outs)| *outs == [NO_OUT; 2] && no_bus(song.bus_of(strip)));
        if unheard {
            let mut buses: Vec<&str> = song.buses().iter().map(|b| b.name.as_str()).collect();
            buses.retain(|name| no_bus(name));
            let what = match self.wiring.has_buses() {
                true => format!("no bus {}", buses.join(", ")),
                false => format!("no port of its tracks ({})", without.join(", ")),
            };
            return Err(PlayerError::Song(format!(
                "nothing of `{title}` would be heard, since this session has {what}; {BEGIN} it"
            )));
        }
        let mut all = Vec::new();
        for bus in song.buses() {
            if self.wiring.has_buses() && self.bus(&bus.name).is_none() {
                let message = format!(
                    "bus `{}` of `{title}` has no output in this session and is silent; {BEGIN} one",
                    bus.name
                );
                all.push(("silent-bus", message));
            }
        }
        if self.wiring.has_tracks() && !without.is_empty() {
            let message = format!(
                "`{title}` has tracks without a port of their own in this session ({}); {BEGIN} them",
                without.join(", ")
            );
            all.push(("no-port", message));
        }
        Ok(all)
    }

    /// Whether a song says what bus main is to be connected to.
    #[cfg(feature = "jack")]
    pub fn says_where_main_goes(&self) -> bool {
        self.bus("main")
            .is_some_and(|i| !self.buses[i].jack.is_empty())
    }

    /// Index of a bus.
    pub fn bus(&self, name: &str) -> Option<usize> {
        self.buses.iter().position(|b| b.name == name)
    }

    /// The same for the engine.
    pub fn engine(&self) -> HostLayout {
        let mut layout = BusLayout::new();
        for bus in &self.buses {
            // Checked in `new`: there is room.
            let _ = layout.add(&bus.outs);
        }
        layout
    }

    /// Names of the outputs of bus `main`, in channel order.
    #[cfg(feature = "jack")]
    pub fn main_ports(&self) -> Vec<String> {
        let main = self.buses.iter().find(|b| b.name == "main");
        main.into_iter()
            .flat_map(|b| &b.outs)
            .filter_map(|o| self.outs.get(usize::from(*o)).cloned())
            .collect()
    }
}

/// What people are told of the channels of a bus or track.
fn labels(name: &str, channels: usize) -> impl Iterator<Item = OutLabel> {
    let group = (channels > 1).then(|| name.to_owned());
    suffixes(channels).map(move |suffix| OutLabel {
        name: format!("{name} {suffix}").trim_end().to_owned(),
        group: group.clone(),
    })
}

/// What tells channels apart: nothing for one, `L` and `R`, or their numbers.
fn suffixes(channels: usize) -> impl Iterator<Item = String> {
    (1..=channels).map(move |i| match (channels, i) {
        (1, _) => String::new(),
        (2, 1) => "L".to_owned(),
        (2, _) => "R".to_owned(),
        _ => i.to_string(),
    })
}

/// Makes stable, unique ASCII ids of names.
#[derive(Default)]
struct Ids(Vec<String>);

impl Ids {
    fn channels(&mut self, name: &str, channels: usize) -> Vec<String> {
        let stem = ascii(name);
        let with = |stem: &str| -> Vec<String> {
            suffixes(channels)
                .map(|suffix| match suffix.as_str() {
                    "" => stem.to_owned(),
                    suffix => format!("{stem}_{suffix}"),
                })
                .collect()
        };
        let mut ids = with(&stem);
        let mut n = 2;
        while ids.iter().any(|id| self.0.contains(id)) {
            ids = with(&format!("{stem}-{n}"));
            n += 1;
        }
        self.0.extend(ids.iter().cloned());
        ids
    }
}

/// A name in letters, digits and `-_.`, written as it sounds: `Flöte 1` is `Flote_1`.
fn ascii(name: &str) -> String {
    let plain = deunicode::deunicode_with_tofu(name, "_");
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let id: String = (plain.trim().chars())
        .map(|c| if allowed(c) { c } else { '_' })
        .collect();
    match id.as_str() {
        "" => "_".to_owned(),
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ascii_stable_and_unique() {
        let mut ids = Ids::default();
        assert_eq!(ids.channels("main", 2), ["main_L", "main_R"]);
        assert_eq!(ids.channels("Flöte 1", 1), ["Flote_1"]);
        assert_eq!(ids.channels("Flote 1", 1), ["Flote_1-2"]);
        assert_eq!(ids.channels("quad", 3), ["quad_1", "quad_2", "quad_3"]);
        // One of its channels is there already.
        assert_eq!(ids.channels("quad_2", 1), ["quad_2-2"]);
        assert_eq!(ids.channels("main", 1), ["main"]);
        assert_eq!(ids.channels("main", 2), ["main-2_L", "main-2_R"]);
    }

    #[test]
    fn ids_of_any_script_can_be_typed() {
        for (name, id) in [
            ("Ключ", "Kliuch"),
            ("太鼓", "Tai_Gu"),
            ("a:b/c", "a_b_c"),
            ("🥁", "drum"),
            ("\u{200b}", "_"),
            ("Träck #2", "Track__2"),
        ] {
            assert_eq!(ascii(name), id, "{name}");
        }
        for name in ["…", "¿", "\u{301}", "\u{10ffff}", "\u{1f600}x"] {
            let id = ascii(name);
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            assert!(!id.is_empty() && id.chars().all(allowed), "{id:?}");
        }
    }

    #[test]
    fn people_are_told_the_whole_name() {
        let of = |name: &str, channels| -> Vec<(String, Option<String>)> {
            labels(name, channels).map(|l| (l.name, l.group)).collect()
        };
        assert_eq!(of("Flöte", 1), [("Flöte".into(), None)]);
        let group = Some("Flöte".to_owned());
        assert_eq!(
            of("Flöte", 2),
            [("Flöte L".into(), group.clone()), ("Flöte R".into(), group)]
        );
        assert_eq!(of("pads", 3)[2].0, "pads 3");
    }
}
