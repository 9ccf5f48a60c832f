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
            Wiring::BusPorts => layout.wire_ports(),
            Wiring::TrackPorts => layout.wire_tracks(songs)?,
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

    fn wire_ports(&mut self) {
        let mut ids = Ids::default();
        for bus in &mut self.buses {
            let names = ids.channels(&bus.name, bus.channels);
            let first = self.outs.len() as u16;
            bus.outs = (first..first + bus.channels as u16).collect();
            self.outs.extend(names);
        }
        self.direct_from = self.outs.len() as u16;
    }

    fn wire_tracks(&mut self, songs: &[Loaded]) -> Result<(), PlayerError> {
        for bus in &mut self.buses {
            bus.outs = vec![NO_OUT; bus.channels];
        }
        let mut seen: Vec<(&str, usize)> = Vec::new();
        let mut ids = Ids::default();
        for strip in songs.iter().flat_map(|s| &s.strips) {
            let key = (strip.name.as_str(), strip.channels);
            if !seen.contains(&key) {
                seen.push(key);
                self.outs.extend(ids.channels(&strip.name, strip.channels));
            }
        }
        if self.outs.len() > PLANES - BUS_CHANNELS {
            return Err(PlayerError::Song(format!(
                "the songs have {} different track channels together, more than the {} ports there may be",
                self.outs.len(),
                PLANES - BUS_CHANNELS
            )));
        }
        Ok(())
    }

    /// Planes of a track's direct outs.
    pub fn direct_outs(&self, songs: &[Loaded], name: &str, channels: usize) -> [u16; 2] {
        if self.wiring != Wiring::TrackPorts {
            return [NO_OUT; 2];
        }
        let mut at = 0u16;
        let mut seen: Vec<(&str, usize)> = Vec::new();
        for strip in songs.iter().flat_map(|s| &s.strips) {
            let key = (strip.name.as_str(), strip.channels);
            if seen.contains(&key) {
                continue;
            }
            if key == (name, channels) {
                return if channels == 2 {
                    [at, at + 1]
                } else {
                    [at, NO_OUT]
                };
            }
            seen.push(key);
            at += strip.channels as u16;
        }
        [NO_OUT; 2]
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

/// Makes stable, unique ASCII ids of names.
#[derive(Default)]
struct Ids(Vec<String>);

impl Ids {
    fn channels(&mut self, name: &str, channels: usize) -> Vec<String> {
        let stem: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        let with = |stem: &str| -> Vec<String> {
            match channels {
                1 => vec![stem.to_owned()],
                2 => vec![format!("{stem}_L"), format!("{stem}_R")],
                n => (1..=n).map(|i| format!("{stem}_{i}")).collect(),
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ascii_stable_and_unique() {
        let mut ids = Ids::default();
        assert_eq!(ids.channels("main", 2), ["main_L", "main_R"]);
        assert_eq!(ids.channels("Flöte 1", 1), ["Fl_te_1"]);
        assert_eq!(ids.channels("Fl?te 1", 1), ["Fl_te_1-2"]);
        assert_eq!(ids.channels("quad", 3), ["quad_1", "quad_2", "quad_3"]);
    }
}
