//! The two pieces, one for each processor.

use engine_core::block::{MonoBlock, StereoBlock};
use engine_core::bus::NO_OUT;
use engine_core::controls::TrackSetting;
use engine_core::strip::StripSpec;

use crate::material::{Stem, hits, saw, widen};
use crate::memory::Memory;
use crate::score::{Act, Piece};
use crate::stage::Stage;

/// Memory for [`LARGE`]: four tracks, two buses with three channels.
pub type LargeMemory = Memory<StereoBlock<64>, 4, 2, 3, 64>;
/// The stage of [`LARGE`].
pub type LargeStage = Stage<StereoBlock<64>, 4, 2, 3, 64, 48>;
/// Memory for [`SMALL`]: two mono tracks into one mono bus.
pub type SmallMemory = Memory<MonoBlock<64>, 2, 1, 1, 16>;

/// The stage of [`SMALL`].
pub type SmallStage = Stage<MonoBlock<64>, 2, 1, 1, 16, 40>;

const LENGTH: usize = 8_000;

#[cfg_attr(target_os = "none", unsafe(link_section = ".material"))]
static PAD: [i16; 2 * LENGTH] = widen(saw::<LENGTH>(218, 3_000, 20_000), 31);
#[cfg_attr(target_os = "none", unsafe(link_section = ".material"))]
static BASS: [i16; LENGTH] = saw(873, 5_000, 24_000);
#[cfg_attr(target_os = "none", unsafe(link_section = ".material"))]
static CLICK: [i16; LENGTH] = hits(1_200, 12_000);
#[cfg_attr(target_os = "none", unsafe(link_section = ".material"))]
static LEAD: [i16; 2 * LENGTH] = widen(saw::<LENGTH>(109, 700, 32_000), 7);

const STRIP: TrackSetting = TrackSetting {
    gain: 1.0,
    pan: 0.0,
    mute: false,
    solo: false,
};

/// Four stems at 48 kHz: pad and lead in stereo, bass in mono, and a click on a bus of its own. Gains and
/// pans glide, one stem is soloed, one fades over time; a cut with a fade, a hard cut, the natural end.
pub static LARGE: Piece = Piece {
    rate: 48_000,
    ramp: 240,
    period: 48,
    planes: 3,
    buses: &[&[0, 1], &[2]],
    tracks: &[
        (StripSpec::into_bus(2, 0), stem(2, &PAD)),
        (StripSpec::into_bus(1, 0), stem(1, &BASS)),
        (StripSpec::into_bus(1, 1), stem(1, &CLICK)),
        (
            StripSpec {
                // The lead's right channel goes to the click's output as well.
                direct: [NO_OUT, 2],
                ..StripSpec::into_bus(2, 0)
            },
            stem(2, &LEAD),
        ),
    ],
    length: LENGTH as u64,
    poll: 100,
    score: &[
        (
            0,
            Act::Track(
                1,
                TrackSetting {
                    pan: -0.25,
                    ..STRIP
                },
            ),
        ),
        (0, Act::Prepare(0)),
        (2, Act::Play),
        (
            20,
            Act::Track(
                0,
                TrackSetting {
                    gain: 0.4,
                    pan: 0.5,
                    ..STRIP
                },
            ),
        ),
        (26, Act::Master(0.8)),
        (
            40,
            Act::Track(
                1,
                TrackSetting {
                    solo: true,
                    ..STRIP
                },
            ),
        ),
        (52, Act::Track(1, TrackSetting { gain: 1.2, ..STRIP })),
        (60, Act::Fade(3, 0.1, 1_000)),
        (
            64,
            Act::Track(
                2,
                TrackSetting {
                    mute: true,
                    ..STRIP
                },
            ),
        ),
        (66, Act::Prepare(5_300)),
        (80, Act::Cut(4_321, 300)),
        (90, Act::Track(2, STRIP)),
        (105, Act::Prepare(6_543)),
        (116, Act::Cut(1_777, 0)),
    ],
};

const SHORT: usize = 2_000;

#[cfg_attr(target_os = "none", unsafe(link_section = ".material"))]
static BELL: [i16; SHORT] = saw(36, 900, 28_000);
#[cfg_attr(target_os = "none", unsafe(link_section = ".material"))]
static DRUM: [i16; SHORT] = hits(700, 20_000);

/// Two mono stems at 8 kHz, as much as a processor of 16 MHz without floating point can do.
pub static SMALL: Piece = Piece {
    rate: 8_000,
    ramp: 80,
    period: 40,
    planes: 1,
    buses: &[&[0]],
    tracks: &[
        (StripSpec::into_bus(1, 0), stem(1, &BELL)),
        (StripSpec::into_bus(1, 0), stem(1, &DRUM)),
    ],
    length: SHORT as u64,
    poll: 20,
    score: &[
        (0, Act::Prepare(0)),
        (2, Act::Play),
        (8, Act::Track(0, TrackSetting { gain: 0.5, ..STRIP })),
        (
            14,
            Act::Track(
                1,
                TrackSetting {
                    solo: true,
                    ..STRIP
                },
            ),
        ),
        (20, Act::Track(1, STRIP)),
        (24, Act::Prepare(1_200)),
        (32, Act::Cut(1_111, 80)),
    ],
};

const fn stem(channels: usize, samples: &'static [i16]) -> Stem {
    Stem { channels, samples }
}
