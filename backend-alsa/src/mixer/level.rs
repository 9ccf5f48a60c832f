//! What a volume's steps mean in dB, and which step is meant: the arithmetic, with no driver.

/// A dB scale that is shorter than this is none, dB: it is a maker's mistake.
const SHORTEST: f32 = 10.0;
/// What ALSA writes for silence lies below this, dB.
const SILENT: f32 = -9000.0;
/// ALSA counts in hundredths of a dB.
const CLOSE: f32 = 0.005;

/// A volume of a card: steps, for each of some channels, and often a switch.
pub(super) trait Element {
    /// Lowest and highest step.
    fn range(&self) -> (i64, i64);
    /// What its maker says of a step, dB; `None` where there is no scale.
    fn scale(&self, step: i64) -> Option<f32>;
    /// The step of every channel there is.
    fn steps(&self) -> Result<Vec<i64>, i32>;
    /// Sets one of them.
    fn set(&self, channel: usize, step: i64) -> Result<(), i32>;
    /// Whether any channel is switched on; `None` where there is no switch.
    fn is_on(&self) -> Result<Option<bool>, i32>;
    /// Switches all of them.
    fn switch(&self, on: bool) -> Result<(), i32>;
}

/// An element that is kept under its ceiling.
pub(super) struct Keeper<E> {
    pub(super) element: E,
    scaled: bool,
    /// Highest step that is allowed.
    ceiling: i64,
}

/// What stands in the way of a ceiling: its lowest step is already above it, at so many dB.
#[derive(Debug, PartialEq)]
pub(super) struct TooLoud(pub(super) f32);

impl<E: Element> Keeper<E> {
    pub(super) fn new(element: E, ceiling_db: Option<f32>) -> Result<Self, TooLoud> {
        let (low, high) = element.range();
        let scaled = match (element.scale(low), element.scale(high)) {
            (Some(bottom), Some(top)) => top - bottom >= SHORTEST,
            _ => false,
        };
        let mut keeper = Self {
            element,
            scaled,
            ceiling: high,
        };
        if let Some(ceiling) = ceiling_db {
            let at_most = keeper.at_most(ceiling);
            keeper.ceiling = at_most.ok_or_else(|| TooLoud(keeper.db(low)))?;
        }
        Ok(keeper)
    }

    /// Whether its steps are dB; if not, they are shares of its range.
    pub(super) fn is_scaled(&self) -> bool {
        self.scaled
    }

    /// dB of a step: by its scale, else by its share of the range.
    fn db(&self, step: i64) -> f32 {
        let (low, high) = self.element.range();
        let db = if self.scaled {
            self.element.scale(step).unwrap_or(f32::NEG_INFINITY)
        } else {
            let share = (step - low) as f32 / (high - low).max(1) as f32;
            20.0 * share.log10()
        };
        if db < SILENT { f32::NEG_INFINITY } else { db }
    }

    /// The highest step that is not above so many dB.
    fn at_most(&self, db: f32) -> Option<i64> {
        let (mut low, mut high) = self.element.range();
        if self.db(low) > db + CLOSE {
            return None;
        }
        while low < high {
            let middle = low + (high - low + 1) / 2;
            if self.db(middle) > db + CLOSE {
                high = middle - 1;
            } else {
                low = middle;
            }
        }
        Some(low)
    }

    /// The nearest step that is allowed.
    fn nearest(&self, db: f32) -> i64 {
        let (low, high) = self.element.range();
        let below = self.at_most(db).unwrap_or(low);
        let above = (below + 1).min(high);
        let nearer = if self.db(above) - db < db - self.db(below) {
            above
        } else {
            below
        };
        nearer.min(self.ceiling)
    }

    /// Sets every channel to so many dB, and switches it on; −∞ switches it off.
    pub(super) fn set(&self, db: f32) -> Result<(), i32> {
        let silent = db == f32::NEG_INFINITY;
        let step = match silent {
            true => self.element.range().0,
            false => self.nearest(db),
        };
        if silent && self.element.is_on()? == Some(true) {
            self.element.switch(false)?;
        }
        for channel in 0..self.element.steps()?.len() {
            self.element.set(channel, step)?;
        }
        if !silent && self.element.is_on()? == Some(false) {
            self.element.switch(true)?;
        }
        Ok(())
    }

    /// Brings back what stands above the ceiling; whether there was something.
    pub(super) fn hold_down(&self) -> Result<bool, i32> {
        let mut above = false;
        for (channel, step) in self.element.steps()?.into_iter().enumerate() {
            if step > self.ceiling {
                above = true;
                self.element.set(channel, self.ceiling)?;
            }
        }
        Ok(above)
    }

    /// How loud it is, dB: its loudest channel, −∞ when it is switched off.
    pub(super) fn level(&self) -> Result<f32, i32> {
        if self.element.is_on()? == Some(false) {
            return Ok(f32::NEG_INFINITY);
        }
        let loudest = self.element.steps()?.into_iter().max();
        Ok(loudest.map_or(f32::NEG_INFINITY, |step| self.db(step)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    /// Like the cards': steps of 0.3 dB from −45 to 0, or whatever else.
    struct Fake {
        range: (i64, i64),
        scale: fn(i64) -> Option<f32>,
        steps: RefCell<Vec<i64>>,
        on: Cell<Option<bool>>,
    }

    impl Element for &Fake {
        fn range(&self) -> (i64, i64) {
            self.range
        }
        fn scale(&self, step: i64) -> Option<f32> {
            (self.scale)(step)
        }
        fn steps(&self) -> Result<Vec<i64>, i32> {
            Ok(self.steps.borrow().clone())
        }
        fn set(&self, channel: usize, step: i64) -> Result<(), i32> {
            assert!((self.range.0..=self.range.1).contains(&step));
            self.steps.borrow_mut()[channel] = step;
            Ok(())
        }
        fn is_on(&self) -> Result<Option<bool>, i32> {
            Ok(self.on.get())
        }
        fn switch(&self, on: bool) -> Result<(), i32> {
            assert!(self.on.get().is_some());
            self.on.set(Some(on));
            Ok(())
        }
    }

    fn fake(range: (i64, i64), scale: fn(i64) -> Option<f32>) -> Fake {
        Fake {
            range,
            scale,
            steps: RefCell::new(vec![range.0; 2]),
            on: Cell::new(None),
        }
    }

    fn dummy(step: i64) -> Option<f32> {
        Some((step - 100) as f32 * 0.3)
    }

    #[test]
    fn a_level_is_the_nearest_step_and_never_above_the_ceiling() {
        let card = fake((-50, 100), dummy);
        let keeper = Keeper::new(&card, Some(-9.95)).unwrap();
        assert!(keeper.is_scaled());
        for (db, step, told) in [
            (-30.0, 0, -30.0),
            (-30.14, 0, -30.0),
            (-30.16, -1, -30.3),
            (-100.0, -50, -45.0),
            // The step next to the ceiling would be -9.9.
            (-9.95, 66, -10.2),
            (-3.0, 66, -10.2),
            (40.0, 66, -10.2),
        ] {
            keeper.set(db).unwrap();
            assert_eq!(*card.steps.borrow(), [step; 2], "{db}");
            assert!((keeper.level().unwrap() - told).abs() < 0.001, "{db}");
            assert!(!keeper.hold_down().unwrap());
        }
    }

    #[test]
    fn what_others_turn_up_is_brought_back_channel_by_channel() {
        let card = fake((-50, 100), dummy);
        let keeper = Keeper::new(&card, Some(-15.0)).unwrap();
        *card.steps.borrow_mut() = vec![20, 90];
        assert!(keeper.hold_down().unwrap());
        assert_eq!(*card.steps.borrow(), [20, 50]);
        assert!(!keeper.hold_down().unwrap());
        // Without a ceiling all of it is allowed.
        let keeper = Keeper::new(&card, None).unwrap();
        *card.steps.borrow_mut() = vec![100, 100];
        assert!(!keeper.hold_down().unwrap());
        assert_eq!(keeper.level(), Ok(0.0));
    }

    #[test]
    fn silence_is_the_switch_and_a_level_ends_it() {
        let card = fake((-50, 100), dummy);
        card.on.set(Some(true));
        let keeper = Keeper::new(&card, None).unwrap();
        keeper.set(f32::NEG_INFINITY).unwrap();
        assert_eq!((card.on.get(), card.steps.borrow()[0]), (Some(false), -50));
        assert_eq!(keeper.level(), Ok(f32::NEG_INFINITY));
        keeper.set(-30.0).unwrap();
        assert_eq!((card.on.get(), card.steps.borrow()[0]), (Some(true), 0));
        // Where there is no switch, it is as low as it goes, and that is told.
        card.on.set(None);
        keeper.set(f32::NEG_INFINITY).unwrap();
        assert_eq!(keeper.level(), Ok(-45.0));
    }

    #[test]
    fn without_a_scale_steps_are_shares_of_the_range() {
        // Two makers' ways to have none: none, and one that can't be meant.
        for scale in [|_| None, |step| Some(step as f32 * 0.01)] {
            let card = fake((5, 205), scale);
            let keeper = Keeper::new(&card, Some(-6.0)).unwrap();
            assert!(!keeper.is_scaled());
            // Half of it is −6.02 dB.
            keeper.set(0.0).unwrap();
            assert_eq!(*card.steps.borrow(), [105; 2]);
            keeper.set(-20.0).unwrap();
            assert_eq!(*card.steps.borrow(), [25; 2]);
            assert!((keeper.level().unwrap() + 20.0).abs() < 0.01);
            keeper.set(f32::NEG_INFINITY).unwrap();
            assert_eq!(keeper.level(), Ok(f32::NEG_INFINITY));
        }
    }

    #[test]
    fn a_ceiling_below_all_that_it_can_do_is_refused() {
        let card = fake((-50, 100), dummy);
        assert_eq!(Keeper::new(&card, Some(-46.0)).err(), Some(TooLoud(-45.0)));
        // A lowest step that is silence can always be had.
        let silent = fake((0, 100), |n| {
            Some(if n == 0 { -99999.99 } else { n as f32 - 100.0 })
        });
        let keeper = Keeper::new(&silent, Some(-120.0)).unwrap();
        keeper.set(0.0).unwrap();
        assert_eq!(keeper.level(), Ok(f32::NEG_INFINITY));
    }
}
