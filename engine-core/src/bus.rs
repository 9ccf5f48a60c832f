//! Buses: the engine's named outputs and where their channels go.

/// No output: the channel is silent.
pub const NO_OUT: u16 = u16::MAX;

/// Where a bus stands among the engine's bus channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BusShape {
    /// Index of its first channel among all bus channels.
    pub first: u8,
    /// Channels, at least 1.
    pub channels: u8,
}

impl BusShape {
    /// The bus's part of what there is one of for every bus channel.
    #[inline]
    pub(crate) fn of<T>(self, channels: &mut [T]) -> &mut [T] {
        let first = usize::from(self.first);
        channels
            .get_mut(first..first + usize::from(self.channels))
            .unwrap_or(&mut [])
    }
}

/// The buses of an engine: up to `U` buses with together up to `C` channels, and the output plane
/// that each bus channel is added to.
///
/// The layout is fixed for the life of an engine, whatever songs come and go.
#[derive(Clone, Debug, Default)]
pub struct BusLayout<const U: usize, const C: usize> {
    buses: heapless::Vec<BusShape, U>,
    outs: heapless::Vec<u16, C>,
}

/// The layout has no room: fewer buses or fewer channels must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutFull;

impl<const U: usize, const C: usize> BusLayout<U, C> {
    /// No buses.
    pub const fn new() -> Self {
        Self {
            buses: heapless::Vec::new(),
            outs: heapless::Vec::new(),
        }
    }

    /// Adds a bus with one channel per entry of `outs`: the index of the output plane that the
    /// channel is added to, or [`NO_OUT`]. Returns the bus's index.
    pub fn add(&mut self, outs: &[u16]) -> Result<u8, LayoutFull> {
        let first = u8::try_from(self.outs.len()).map_err(|_| LayoutFull)?;
        let channels = u8::try_from(outs.len()).map_err(|_| LayoutFull)?;
        let index = u8::try_from(self.buses.len()).map_err(|_| LayoutFull)?;
        if channels == 0 || self.buses.is_full() || self.outs.len() + outs.len() > C {
            return Err(LayoutFull);
        }
        let _ = self.buses.push(BusShape { first, channels });
        let _ = self.outs.extend_from_slice(outs);
        Ok(index)
    }

    /// The buses, in order.
    pub fn buses(&self) -> &[BusShape] {
        &self.buses
    }

    /// The output plane of each bus channel, in order.
    pub fn outs(&self) -> &[u16] {
        &self.outs
    }

    /// The shape of bus `index`.
    #[inline]
    pub fn shape(&self, index: u8) -> Option<BusShape> {
        self.buses.get(usize::from(index)).copied()
    }
}

/// The two pan factors of a balance, unity at centre: `min(1, 1 − p)` and `min(1, 1 + p)`, for a
/// pan `p` from −1 (left) to +1 (right).
#[inline]
pub fn balance(pan: f32) -> [f32; 2] {
    [(1.0 - pan).min(1.0), (1.0 + pan).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_counts_channels_and_refuses_what_does_not_fit() {
        let mut l = BusLayout::<3, 4>::new();
        assert_eq!(l.add(&[0, 1]), Ok(0));
        assert_eq!(l.add(&[]), Err(LayoutFull));
        assert_eq!(l.add(&[2]), Ok(1));
        assert_eq!(l.add(&[3, 4]), Err(LayoutFull));
        assert_eq!(l.add(&[NO_OUT]), Ok(2));
        assert_eq!(l.add(&[5]), Err(LayoutFull));
        assert_eq!(
            l.shape(1),
            Some(BusShape {
                first: 2,
                channels: 1
            })
        );
        assert_eq!(l.outs(), [0, 1, 2, NO_OUT]);
    }

    #[test]
    fn balance_is_unity_at_the_centre() {
        assert_eq!(balance(0.0), [1.0, 1.0]);
        assert_eq!(balance(-1.0), [1.0, 0.0]);
        assert_eq!(balance(0.25), [0.75, 1.0]);
    }
}
