//! The playback devices ALSA knows, for a person to choose from.

use std::ffi::CString;

use alsa::card;
use alsa::ctl::{Ctl, DeviceIter};
use alsa::device_name::HintIter;
use alsa::pcm::{Format, HwParams, PCM};
use alsa::{Card, Direction};
use engine_core::convert::SampleFormat;

use crate::chatter::Chatter;
use crate::{map, mixer, negotiate};

/// A device that can be played to, or could be were it not busy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaybackDevice {
    /// The name to open it by.
    pub name: String,
    /// The card's id, stable over reboots where its index is not; `None` for what is no card.
    pub card_id: Option<String>,
    /// What it is, in one line.
    pub description: String,
    /// Fewest and most channels of the hardware; `None` when it is busy or no hardware. What a
    /// converting device claims says nothing about the card behind it.
    pub channels: Option<(u32, u32)>,
    /// Sample formats the hardware takes; empty when that isn't known.
    pub formats: Vec<SampleFormat>,
    /// Usual rates the hardware takes, Hz; empty when that isn't known.
    pub rates: Vec<u32>,
    /// The channel maps its driver offers, such as `FL FR`; empty where it tells none.
    pub channel_maps: Vec<String>,
    /// The volumes of the card's mixer, as [`MixerOptions`](crate::MixerOptions) name them (with `,INDEX` from the second of
    /// a name on); of a card's own devices only.
    pub volumes: Vec<String>,
    /// It takes HDMI subframes only when opened as `hw:`: use its `hdmi:` or `plughw:` name.
    pub hdmi: bool,
}

/// Lists the playback devices: each card's own (`hw:`) first, then every name of ALSA's
/// configuration. Nothing stays open.
pub fn list() -> Vec<PlaybackDevice> {
    let _chatter = Chatter::collect();
    let mut devices: Vec<_> = card::Iter::new()
        .flatten()
        .flat_map(|c| of_card(&c))
        .collect();
    let hints = HintIter::new_str(None, "pcm").into_iter().flatten();
    for hint in hints {
        let Some(name) = hint.name.filter(|n| !n.is_empty()) else {
            continue;
        };
        if hint.direction == Some(Direction::Capture) || devices.iter().any(|d| d.name == name) {
            continue;
        }
        let description = hint.desc.unwrap_or_default().replace('\n', ", ");
        devices.push(PlaybackDevice {
            card_id: card_of(&name).map(str::to_owned),
            hdmi: name.starts_with("hdmi:"),
            description,
            channels: None,
            formats: Vec::new(),
            rates: Vec::new(),
            channel_maps: Vec::new(),
            volumes: Vec::new(),
            name,
        });
    }
    devices
}

/// The playback devices of one card.
fn of_card(card: &Card) -> Vec<PlaybackDevice> {
    let Ok(ctl) = Ctl::from_card(card, true) else {
        return Vec::new();
    };
    let Ok(id) = ctl.card_info().and_then(|i| i.get_id().map(str::to_owned)) else {
        return Vec::new();
    };
    let volumes = mixer::list(&format!("hw:{}", card.get_index()));
    let card_name = card.get_name().unwrap_or_else(|_| id.clone());
    DeviceIter::new(&ctl)
        .filter_map(|device| {
            let number = u32::try_from(device).ok()?;
            let info = ctl.pcm_info(number, 0, Direction::Playback).ok()?;
            let name = format!("hw:CARD={id},DEV={device}");
            let takes = probe(&name).unwrap_or_default();
            let own = info.get_name().unwrap_or_default().to_owned();
            Some(PlaybackDevice {
                hdmi: takes.subframes || own.to_ascii_lowercase().contains("hdmi"),
                card_id: Some(id.clone()),
                description: format!("{card_name}, {own}"),
                channels: takes.channels,
                formats: takes.formats,
                rates: takes.rates,
                channel_maps: takes.channel_maps,
                volumes: volumes.clone(),
                name,
            })
        })
        .collect()
}

/// What hardware takes.
#[derive(Default)]
struct Takes {
    channels: Option<(u32, u32)>,
    formats: Vec<SampleFormat>,
    rates: Vec<u32>,
    channel_maps: Vec<String>,
    /// HDMI subframes, and nothing else.
    subframes: bool,
}

fn probe(name: &str) -> Option<Takes> {
    let pcm = PCM::open(&CString::new(name).ok()?, Direction::Playback, true).ok()?;
    let hw = HwParams::any(&pcm).ok()?;
    let formats = negotiate::formats_of(&hw);
    Some(Takes {
        channels: hw.get_channels_min().ok().zip(hw.get_channels_max().ok()),
        rates: negotiate::rates_of(&hw),
        channel_maps: map::offered(&pcm),
        subframes: formats.is_empty() && hw.test_format(Format::IEC958SubframeLE).is_ok(),
        formats,
    })
}

/// The card id in a device name: `sysdefault:CARD=PCH` or `hw:PCH,0`. An index is no id.
fn card_of(name: &str) -> Option<&str> {
    let arguments = name.split_once(':')?.1;
    let first = arguments.split(',').next()?;
    let card = first.strip_prefix("CARD=").unwrap_or(first);
    let is_index = card.bytes().all(|b| b.is_ascii_digit());
    (!is_index && !card.contains('=')).then_some(card)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_id_is_found_in_a_name() {
        assert_eq!(card_of("sysdefault:CARD=PCH"), Some("PCH"));
        assert_eq!(card_of("hw:CARD=x,DEV=0"), Some("x"));
        assert_eq!(card_of("hw:Loopback,0"), Some("Loopback"));
        assert_eq!(card_of("hw:0,0"), None);
        assert_eq!(card_of("null"), None);
        assert_eq!(card_of("x:DEV=1"), None);
    }

    #[test]
    fn listing_twice_gives_the_same_and_names_null() {
        let first = list();
        assert_eq!(first, list());
        assert!(first.iter().any(|d| d.name == "null"), "{first:?}");
    }
}
