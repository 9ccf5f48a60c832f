//! The mixer on the command line: the same for playing and rendering.

use clap::Args;

use crate::song::Overrides;
use crate::units::{
    Level, TrackRef, parse_bus_outputs, parse_track_bus, parse_track_gain, parse_track_pan,
};

// TRACK is a track's number from 1 or its name; `name:2` is one called 2.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Mixer")]
pub(super) struct MixerArgs {
    /// Set a track's level: drums=-6, 2=+3dB, drums=-inf, drums=x0.5 [repeatable]
    ///
    /// TRACK is a track's number from 1 or its name; `name:2` is a track called 2. The value is what
    /// stands behind the last `=`. A stem of more than two channels is as many tracks, called name.1,
    /// name.2 and so on; its own name means all of them.
    #[arg(long, value_name = "TRACK=DB", value_parser = parse_track_gain, allow_hyphen_values = true)]
    pub gain: Vec<(TrackRef, Level)>,

    /// Set a track's position, -1 (left) to 1 (right) [repeatable]
    #[arg(long, value_name = "TRACK=PAN", value_parser = parse_track_pan, allow_hyphen_values = true)]
    pub pan: Vec<(TrackRef, f32)>,

    /// Mute a track [repeatable]
    #[arg(long, value_name = "TRACK", allow_hyphen_values = true)]
    pub mute: Vec<TrackRef>,

    /// Solo a track: all tracks without solo are silent [repeatable]
    #[arg(long, value_name = "TRACK", allow_hyphen_values = true)]
    pub solo: Vec<TrackRef>,

    /// Send a track to a bus: main, click, cue or any other name [repeatable]
    #[arg(long, value_name = "TRACK=BUS", value_parser = parse_track_bus, allow_hyphen_values = true)]
    pub bus: Vec<(TrackRef, String)>,

    /// Put a bus on these channels of the device, from 1: click=3 or main=1,2 [repeatable]
    #[arg(long, value_name = "BUS=3,4", value_parser = parse_bus_outputs, allow_hyphen_values = true)]
    pub out: Vec<(String, Vec<u16>)>,

    /// Set the level over all buses but click and cue
    #[arg(long, value_name = "DB", allow_hyphen_values = true)]
    pub master: Option<Level>,

    /// Fold every stem to one channel: the mean of its channels
    #[arg(long)]
    pub mono: bool,
}

impl MixerArgs {
    /// These settings, and those of `lower` that these don't give.
    pub fn over(self, lower: Self) -> Self {
        fn or<T>(upper: Vec<T>, lower: Vec<T>) -> Vec<T> {
            if upper.is_empty() { lower } else { upper }
        }
        Self {
            gain: or(self.gain, lower.gain),
            pan: or(self.pan, lower.pan),
            mute: or(self.mute, lower.mute),
            solo: or(self.solo, lower.solo),
            bus: or(self.bus, lower.bus),
            out: or(self.out, lower.out),
            master: self.master.or(lower.master),
            mono: self.mono || lower.mono,
        }
    }

    pub fn overrides(self) -> Overrides {
        Overrides {
            gains: self.gain,
            pans: self.pan,
            mutes: self.mute,
            solos: self.solo,
            buses: self.bus,
            outs: self.out,
        }
    }
}
