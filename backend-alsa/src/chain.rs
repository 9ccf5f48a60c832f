//! What stands behind a PCM's name: alsa-lib lets plug-ins stand on plug-ins.

use alsa::pcm::PCM;

/// The kind of thing a chain of plug-ins ends at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A sound card itself, with no plug-in before it.
    Card,
    /// A sound card, behind plug-ins that convert or mix.
    CardBehindPlugins,
    /// `null`: nothing paces it.
    Null,
    /// Another plug-in: a sound server, a network, a device in user space.
    Other,
}

impl End {
    /// A sound card is heard at the end.
    pub(crate) fn is_card(self) -> bool {
        matches!(self, Self::Card | Self::CardBehindPlugins)
    }
}

/// Finds out by alsa-lib's own description, the only thing that shows the slaves of a plug-in.
pub(crate) fn end_of(pcm: &PCM) -> End {
    let described = alsa::Output::buffer_open().and_then(|mut out| {
        pcm.dump(&mut out)?;
        Ok(out.to_string())
    });
    described.map_or(End::Other, |d| classify(&d))
}

fn classify(description: &str) -> End {
    let lines = || description.lines().map(str::trim);
    // "Slave: " or the plug-in's own name stands before what it stands on.
    let card = |l: &str| l.contains("Hardware PCM card");
    let null = |l: &str| l == "Null PCM" || l.ends_with(": Null PCM");
    if description.starts_with("Hardware PCM card") {
        End::Card
    } else if lines().any(card) {
        End::CardBehindPlugins
    } else if lines().any(null) {
        End::Null
    } else {
        End::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_chain_is_found() {
        assert_eq!(
            classify("Hardware PCM card 0 'x' device 0 subdevice 0\n"),
            End::Card
        );
        assert_eq!(
            classify("Plug PCM: Hardware PCM card 1 'x' device 0 subdevice 0\n"),
            End::CardBehindPlugins
        );
        assert_eq!(
            classify("File PCM (file=/tmp/x)\nSlave: Null PCM\n"),
            End::Null
        );
        assert_eq!(classify("Null PCM\n"), End::Null);
        assert_eq!(classify("ALSA <-> JACK PCM I/O Plugin\n"), End::Other);
        assert_eq!(classify(""), End::Other);
    }

    #[test]
    fn the_null_pcm_is_recognised() {
        let pcm = PCM::new("null", alsa::Direction::Playback, true).unwrap();
        assert_eq!(end_of(&pcm), End::Null);
    }
}
