//! Noticing at once that a sound card was plugged in. The tries at growing intervals go on besides: not
//! everything that ALSA plays to is a card, and not every system lets itself be watched.

use super::driver::Output;

pub(super) struct Plugged {
    #[cfg(feature = "alsa")]
    watch: Option<backend_alsa::Watch>,
}

impl Plugged {
    /// Watches where the output may be a card.
    pub fn for_output(output: &Output) -> Self {
        let _ = output;
        Self {
            #[cfg(feature = "alsa")]
            watch: match output {
                Output::Alsa(_) => backend_alsa::Watch::new().ok(),
                _ => None,
            },
        }
    }

    /// Whether one came since this was asked last.
    pub fn changed(&mut self) -> bool {
        #[cfg(feature = "alsa")]
        return self
            .watch
            .as_mut()
            .is_some_and(backend_alsa::Watch::changed);
        #[cfg(not(feature = "alsa"))]
        false
    }
}
