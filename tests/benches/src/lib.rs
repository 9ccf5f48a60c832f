//! What the counted programs and the bench share. Nothing else: what is in here has a hand in what the
//! compiler makes of the counted callback.

pub mod clock;
pub mod mixer;
