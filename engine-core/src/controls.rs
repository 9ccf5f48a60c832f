//! Controls: values that the controller sets and the callback reads, as atomics.
//!
//! Track and bus controls belong to a song: one set, shared by the song's decks. The master
//! belongs to the engine (see [`crate::status::Board`]). The controller writes any number of
//! values and then [`SongControls::commit`]s; the callback takes them all over at the first
//! frame of its next call. A value written while the callback reads may take effect one call
//! early, never late.

use core::sync::atomic::{AtomicU32, Ordering};

use portable_atomic::AtomicF32;

const MUTE: u32 = 1;
const SOLO: u32 = 2;

/// What the mixer knows of one track's strip.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrackSetting {
    /// Linear gain, from 0.
    pub gain: f32,
    /// −1 (left) to +1 (right).
    pub pan: f32,
    /// Silent, whatever its solo says.
    pub mute: bool,
    /// Silences every track that isn't soloed.
    pub solo: bool,
}

impl Default for TrackSetting {
    fn default() -> Self {
        Self {
            gain: 1.0,
            pan: 0.0,
            mute: false,
            solo: false,
        }
    }
}

struct TrackControls {
    gain: AtomicF32,
    pan: AtomicF32,
    flags: AtomicU32,
}

/// The controls of one song: `T` tracks and `U` buses.
pub struct SongControls<const T: usize, const U: usize> {
    tracks: [TrackControls; T],
    levels: [AtomicF32; U],
    revision: AtomicU32,
}

impl<const T: usize, const U: usize> SongControls<T, U> {
    /// Every gain and level 1, pan in the centre, nothing muted or soloed.
    pub const fn new() -> Self {
        Self {
            tracks: [const {
                TrackControls {
                    gain: AtomicF32::new(1.0),
                    pan: AtomicF32::new(0.0),
                    flags: AtomicU32::new(0),
                }
            }; T],
            levels: [const { AtomicF32::new(1.0) }; U],
            revision: AtomicU32::new(1),
        }
    }

    /// Sets a track's strip: NaN leaves a value as it is, a negative gain is 0 and a pan beyond its
    /// range is its end. Takes effect with the next [`commit`](Self::commit). A track that does not exist is ignored.
    pub fn set_track(&self, track: usize, setting: TrackSetting) {
        let Some(t) = self.tracks.get(track) else {
            return;
        };
        if !setting.gain.is_nan() {
            t.gain.store(setting.gain.max(0.0), Ordering::Relaxed);
        }
        if !setting.pan.is_nan() {
            t.pan.store(setting.pan.clamp(-1.0, 1.0), Ordering::Relaxed);
        }
        let flags = if setting.mute { MUTE } else { 0 } | if setting.solo { SOLO } else { 0 };
        t.flags.store(flags, Ordering::Relaxed);
    }

    /// What a track's strip is set to: the target, ramp or no ramp.
    pub fn track(&self, track: usize) -> TrackSetting {
        self.tracks
            .get(track)
            .map_or_else(TrackSetting::default, |t| {
                let flags = t.flags.load(Ordering::Relaxed);
                TrackSetting {
                    gain: t.gain.load(Ordering::Relaxed),
                    pan: t.pan.load(Ordering::Relaxed),
                    mute: flags & MUTE != 0,
                    solo: flags & SOLO != 0,
                }
            })
    }

    /// Sets a bus's level (linear, from 0; NaN leaves it). Takes effect with the next [`commit`](Self::commit).
    pub fn set_level(&self, bus: usize, level: f32) {
        if let Some(l) = self.levels.get(bus)
            && !level.is_nan()
        {
            l.store(level.max(0.0), Ordering::Relaxed);
        }
    }

    /// What a bus's level is set to.
    pub fn level(&self, bus: usize) -> f32 {
        self.levels
            .get(bus)
            .map_or(1.0, |l| l.load(Ordering::Relaxed))
    }

    /// Ends a batch of changes and returns its revision, which the status shows once applied.
    pub fn commit(&self) -> u32 {
        // One writer: load and store need no read-modify-write.
        let next = self.revision.load(Ordering::Relaxed).wrapping_add(1);
        self.revision.store(next, Ordering::Release);
        next
    }

    /// The latest revision.
    #[inline]
    pub fn revision(&self) -> u32 {
        self.revision.load(Ordering::Acquire)
    }

    /// Whether any of the first `tracks` tracks is soloed.
    pub fn any_solo(&self, tracks: usize) -> bool {
        self.tracks
            .iter()
            .take(tracks)
            .any(|t| t.flags.load(Ordering::Relaxed) & SOLO != 0)
    }
}

impl<const T: usize, const U: usize> Default for SongControls<T, U> {
    fn default() -> Self {
        Self::new()
    }
}

/// The solo rule: with any solo, active = solo and not mute; otherwise not mute. A muted solo
/// still silences the others.
#[inline]
pub fn is_active(setting: TrackSetting, any_solo: bool) -> bool {
    !setting.mute && (setting.solo || !any_solo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_brought_in_and_nan_is_refused() {
        let c = SongControls::<2, 1>::new();
        let mut s = TrackSetting {
            gain: -3.0,
            pan: 7.0,
            ..Default::default()
        };
        c.set_track(0, s);
        assert_eq!((c.track(0).gain, c.track(0).pan), (0.0, 1.0));
        s.gain = f32::NAN;
        s.pan = f32::NAN;
        c.set_track(0, s);
        assert_eq!((c.track(0).gain, c.track(0).pan), (0.0, 1.0));
        c.set_track(2, s);
        c.set_level(0, f32::NAN);
        assert_eq!(c.level(0), 1.0);
    }

    #[test]
    fn a_muted_solo_silences_the_others() {
        let on = |mute, solo| TrackSetting {
            mute,
            solo,
            ..Default::default()
        };
        assert!(is_active(on(false, false), false));
        assert!(!is_active(on(true, false), false));
        assert!(!is_active(on(false, false), true));
        assert!(is_active(on(false, true), true));
        assert!(!is_active(on(true, true), true));
    }
}
