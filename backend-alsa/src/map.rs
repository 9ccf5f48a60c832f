//! Channel maps: which channel is which loudspeaker, where a driver knows or can be told.

use alsa::pcm::{Chmap, ChmapPosition, PCM};
use engine_core::backend::{BackendError, BackendErrorKind as Kind, Text, text};

/// The positions of a map such as `FL,FR,FC`; between them commas or blanks.
pub(crate) fn parse(words: &str) -> Result<Vec<ChmapPosition>, BackendError> {
    let words = words.split([',', ' ']).filter(|word| !word.is_empty());
    let positions: Result<Vec<_>, _> = words.map(position).collect();
    match positions {
        Ok(positions) if positions.is_empty() => Err(BackendError::new(
            Kind::Usage,
            format_args!("a channel map is such as FL,FR"),
        )),
        positions => positions,
    }
}

fn position(word: &str) -> Result<ChmapPosition, BackendError> {
    let found = ChmapPosition::all()
        .iter()
        .find(|p| name(**p).eq_ignore_ascii_case(word));
    found.copied().ok_or_else(|| {
        BackendError::new(
            Kind::Usage,
            format_args!(
                "there is no channel \"{word}\"; a channel map is such as FL,FR or FL,FR,FC,LFE,RL,RR,SL,SR, with NA for one that has no loudspeaker"
            ),
        )
    })
}

fn name(position: ChmapPosition) -> String {
    format!("{position:?}")
}

fn names(positions: &[ChmapPosition]) -> String {
    let names: Vec<String> = positions.iter().map(|p| name(*p)).collect();
    names.join(" ")
}

/// The map of a PCM that is set up, its positions with blanks between; empty where its driver tells none.
pub(crate) fn of(pcm: &PCM) -> Text {
    let told = pcm.get_chmap().map(|map| map.to_string());
    let told = told.unwrap_or_default();
    let known = told.split(' ').any(|p| p != "UNKNOWN");
    match known && told.len() <= Text::new().capacity() {
        true => text(format_args!("{told}")),
        false => Text::new(),
    }
}

/// The maps that a driver offers.
pub(crate) fn offered(pcm: &PCM) -> Vec<String> {
    pcm.query_chmaps().map(|(_, map)| map.to_string()).collect()
}

/// Has a PCM that is set up use a map.
pub(crate) fn set(pcm: &PCM, device: &str, wanted: &[ChmapPosition]) -> Result<(), BackendError> {
    let names = names(wanted);
    // (One that can't be set may be so by itself.)
    let _ = pcm.set_chmap(&Chmap::from(wanted));
    if of(pcm).as_str() == names {
        return Ok(());
    }
    let mut offered = offered(pcm);
    offered.retain(|map| map.split(' ').count() == wanted.len());
    Err(match offered.is_empty() {
        false => BackendError::new(
            Kind::Channels,
            format_args!(
                "\"{device}\" can't have its channels as {names}: it offers {}; take one of those, and say which bus goes where with --out",
                offered.join(", ")
            ),
        ),
        true => BackendError::new(
            Kind::Channels,
            format_args!(
                "\"{device}\" has no channel map that could be set: leave out the channel map, and say which bus goes where with --out"
            ),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_by_name() {
        use ChmapPosition::{FC, FL, FR, LFE, NA};
        assert_eq!(parse("FL,FR").unwrap(), [FL, FR]);
        assert_eq!(parse("fl fr, Fc,lfe na").unwrap(), [FL, FR, FC, LFE, NA]);
        assert_eq!(names(&[FL, LFE]), "FL LFE");
        for wrong in ["", ",", "FL,LEFT"] {
            assert_eq!(parse(wrong).unwrap_err().kind, Kind::Usage, "{wrong}");
        }
    }

    #[test]
    fn a_pcm_without_maps_has_none() {
        let pcm = PCM::new("null", alsa::Direction::Playback, true).unwrap();
        assert_eq!(of(&pcm).as_str(), "");
        assert!(offered(&pcm).is_empty());
        let refused = set(&pcm, "null", &[ChmapPosition::FL]).unwrap_err();
        assert_eq!(refused.kind, Kind::Channels);
    }
}
