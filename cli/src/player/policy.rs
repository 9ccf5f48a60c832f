//! What a session does when something goes wrong or comes from outside: the words of the command line.

/// What damage in a stem does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDamage {
    /// The stem is silent from there on, with a warning; the others play on.
    #[default]
    Warn,
    /// Playing ends with an error.
    Stop,
}

/// What the loss of the device or server does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLoss {
    /// Hold the position, wait for it to come back.
    #[default]
    Wait,
    /// Wait likewise, but don't play on by itself.
    Stop,
    /// End with an error.
    Exit,
}

/// What the return of the device or server does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnReturn {
    /// Play on from where it was.
    Resume,
    /// Play from the song's beginning.
    Restart,
    /// Stay paused where it was.
    #[default]
    Stay,
}

/// What JACK's transport has to do with the player.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Nothing.
    #[default]
    None,
    /// It says when and from where to play: a frame of it is a frame of the song. Past the song's end there is
    /// silence, and the session goes on until it is told to end.
    Follow,
    /// As `Follow`, and play, pause and seek move it; a song's end stops it.
    Lead,
}

/// What JACK's ports are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ports {
    /// One for every bus channel.
    #[default]
    Buses,
    /// One for every track channel.
    Tracks,
    /// One for every bus channel, then one for every track channel.
    Both,
}
