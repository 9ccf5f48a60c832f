//! What stands behind a PCM's name: alsa-lib lets plug-ins stand on plug-ins.

use core::fmt;

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
    describe(pcm).map_or(End::Other, |d| classify(&d))
}

/// What plug-ins make of what they get, on the way to the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Conversions {
    /// From and to, Hz.
    rate: Option<(u32, u32)>,
    /// Every format on the way, in ALSA's names.
    formats: Vec<String>,
    /// From and to.
    channels: Option<(u32, u32)>,
}

impl Conversions {
    pub(crate) fn has_rate(&self) -> bool {
        self.rate.is_some()
    }

    /// By a description of the whole chain, once it is set up: each link has its setup, the end's is the last.
    fn find(description: &str) -> Option<Self> {
        let lines = description.lines().filter_map(|line| line.split_once(':'));
        let all = |what: &str| -> Vec<&str> {
            let of = lines.clone().filter(|(key, _)| key.trim() == what);
            of.map(|(_, value)| value.trim()).collect()
        };
        let ends = |what: &str| {
            let all = all(what);
            let number = |n: Option<&&str>| n.and_then(|n| n.parse::<u32>().ok());
            let (from, to) = (number(all.first())?, number(all.last())?);
            (from != to).then_some((from, to))
        };
        let mut formats: Vec<String> = all("format").into_iter().map(str::to_owned).collect();
        formats.dedup();
        if formats.len() < 2 {
            formats.clear();
        }
        let found = Self {
            rate: ends("rate"),
            channels: ends("channels"),
            formats,
        };
        (found != Self::default()).then_some(found)
    }
}

impl fmt::Display for Conversions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.rate.map(|(from, to)| format!("{from} Hz to {to} Hz"));
        let formats = (!self.formats.is_empty()).then(|| self.formats.join(" to "));
        let channels = self
            .channels
            .map(|(from, to)| format!("{from} to {to} channels"));
        let all: Vec<String> = [rate, formats, channels].into_iter().flatten().collect();
        f.write_str(&all.join(", "))
    }
}

/// What is converted between us and the end of a PCM that is set up. A sound server at the end keeps its own
/// conversions to itself, and at `null` they mean nothing.
pub(crate) fn conversions(pcm: &PCM, end: End) -> Option<Conversions> {
    match end {
        End::Card | End::Null => None,
        End::CardBehindPlugins | End::Other => Conversions::find(&describe(pcm)?),
    }
}

fn describe(pcm: &PCM) -> Option<String> {
    let described = alsa::Output::buffer_open().and_then(|mut out| {
        pcm.dump(&mut out)?;
        Ok(out.to_string())
    });
    described.ok()
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

    const CHAIN: &str = "\
Plug PCM: Linear Integer <-> Linear Float conversion PCM (S16_LE)
Its setup is:
  stream       : PLAYBACK
  format       : FLOAT_LE
  subformat    : STD
  channels     : 2
  rate         : 44100
  exact rate   : 44100 (44100/1)
Slave: Rate conversion PCM (48000, sformat=S16_LE)
Converter: linear-interpolation
Its setup is:
  format       : S16_LE
  channels     : 2
  rate         : 44100
Slave: Hardware PCM card 0 'x' device 0 subdevice 0
Its setup is:
  format       : S32_LE
  channels     : 8
  rate         : 48000
";

    #[test]
    fn what_is_converted_on_the_way_is_told() {
        let told = Conversions::find(CHAIN).unwrap();
        assert!(told.has_rate());
        assert_eq!(
            told.to_string(),
            "44100 Hz to 48000 Hz, FLOAT_LE to S16_LE to S32_LE, 2 to 8 channels"
        );
        let same = "A\n  format : S16_LE\n  rate : 1\nB\n  format : S16_LE\n  rate : 1\n";
        assert_eq!(Conversions::find(same), None);
        let alone = "A\n  format : S16_LE\n  channels : 2\n";
        assert_eq!(Conversions::find(alone), None);
        assert_eq!(Conversions::find(""), None);
    }

    #[test]
    fn the_null_pcm_is_recognised() {
        let pcm = PCM::new("null", alsa::Direction::Playback, true).unwrap();
        assert_eq!(end_of(&pcm), End::Null);
    }
}
