//! Tickets: whatever crosses a thread carries one, so that anything stale is recognised.

/// A number that names one deck, song, cut or start. Tickets are drawn by the controller in
/// rising order and never reused within 2³² draws; 0 means "none".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ticket(pub u32);

impl Ticket {
    /// The ticket that names nothing.
    pub const NONE: Ticket = Ticket(0);
}

/// Draws tickets. One per controller.
#[derive(Debug, Default)]
pub struct TicketDrum {
    last: u32,
}

impl TicketDrum {
    /// A drum whose first ticket is 1.
    pub const fn new() -> Self {
        Self { last: 0 }
    }

    /// The next ticket; never [`Ticket::NONE`].
    pub fn draw(&mut self) -> Ticket {
        self.last = self.last.wrapping_add(1);
        if self.last == 0 {
            self.last = 1;
        }
        Ticket(self.last)
    }
}
