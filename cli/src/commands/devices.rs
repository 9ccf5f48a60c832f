//! `backline devices`: the JACK server and the ALSA devices that can be played through.
//!
//! With `--json` one document:
//!
//! ```json
//! {
//!   "jack": {
//!     "server": "default", "rate": 48000, "period": 1024,
//!     "outputs": [{"channel": 1, "name": "system:playback_1", "alias": null}]
//!   },
//!   "alsa": [{
//!     "name": "hw:CARD=USB,DEV=0", "card": "USB", "description": "USB Audio, USB Audio",
//!     "channels_min": 2, "channels_max": 8, "formats": ["s16", "s24_3"], "rates": [44100, 48000],
//!     "channel_maps": ["FL FR"], "volumes": ["PCM"], "hdmi": false
//!   }]
//! }
//! ```
//!
//! `jack` is null where no server runs; `rate` is in Hz, `period` in frames; `outputs` are the
//! physical ones, and their names are what `--connect` takes. A `name` of `alsa` is what
//! `--device` takes. `card` is null for what is no card; the channels are null for what is no
//! hardware and for what is busy, and formats and rates (Hz, of the usual ones) empty. `channel_maps` are those that
//! the driver offers. `volumes` are what `--mixer` takes. `hdmi`: opened by this name it takes HDMI subframes only.

use std::fmt::Write as _;

use serde::Serialize;

use super::{document, out};
use crate::exit::Failure;
use crate::report::clean;

#[derive(Debug, Default, Serialize)]
struct Devices {
    jack: Option<Server>,
    alsa: Vec<Pcm>,
}

#[derive(Debug, Serialize)]
struct Server {
    server: String,
    rate: u32,
    period: u32,
    outputs: Vec<Output>,
}

#[derive(Debug, Serialize)]
struct Output {
    channel: usize,
    name: String,
    alias: Option<String>,
}

#[derive(Debug, Serialize)]
struct Pcm {
    name: String,
    card: Option<String>,
    description: String,
    channels_min: Option<u32>,
    channels_max: Option<u32>,
    formats: Vec<&'static str>,
    rates: Vec<u32>,
    channel_maps: Vec<String>,
    volumes: Vec<String>,
    hdmi: bool,
}

pub(super) fn run(json: bool) -> Result<(), Failure> {
    let devices = Devices {
        jack: jack(),
        alsa: alsa(),
    };
    if json {
        // Plain structs with string keys always have a JSON.
        out(&document(
            &serde_json::to_value(&devices).unwrap_or_default(),
        ))
    } else {
        out(&text(&devices))
    }
}

#[cfg(feature = "jack")]
fn jack() -> Option<Server> {
    let found = backend_jack::list_ports(None).ok()?;
    Some(Server {
        server: found.name,
        rate: found.rate,
        period: found.period,
        outputs: found
            .outputs
            .into_iter()
            .map(|port| Output {
                channel: port.channel,
                name: port.name,
                alias: port.alias,
            })
            .collect(),
    })
}

#[cfg(not(feature = "jack"))]
fn jack() -> Option<Server> {
    None
}

#[cfg(feature = "alsa")]
fn alsa() -> Vec<Pcm> {
    backend_alsa::list()
        .into_iter()
        .map(|device| Pcm {
            name: device.name,
            card: device.card_id,
            description: device.description,
            channels_min: device.channels.map(|(min, _)| min),
            channels_max: device.channels.map(|(_, max)| max),
            formats: device
                .formats
                .into_iter()
                .map(crate::config::format_word)
                .collect(),
            rates: device.rates,
            channel_maps: device.channel_maps,
            volumes: device.volumes,
            hdmi: device.hdmi,
        })
        .collect()
}

#[cfg(not(feature = "alsa"))]
fn alsa() -> Vec<Pcm> {
    Vec::new()
}

fn text(devices: &Devices) -> String {
    let mut text = String::new();
    // A String takes any write.
    match &devices.jack {
        Some(server) => {
            let _ = writeln!(
                text,
                "JACK server `{}`: {} Hz, period {} frames, {} physical outputs",
                clean(&server.server),
                server.rate,
                server.period,
                server.outputs.len()
            );
            for output in &server.outputs {
                let alias = output.alias.as_deref().unwrap_or_default();
                let line = format!("  {:>2}  {}  {alias}", output.channel, output.name);
                let _ = writeln!(text, "{}", clean(line.trim_end()));
            }
        }
        None => text += "No JACK server is running.\n",
    }
    text.push('\n');
    if devices.alsa.is_empty() {
        text += "No ALSA device was found.\n";
        return text;
    }
    text += "ALSA devices, for --device:\n";
    let widest = devices.alsa.iter().map(|pcm| pcm.name.chars().count());
    let width = widest.max().unwrap_or(0);
    for pcm in &devices.alsa {
        let channels = match (pcm.channels_min, pcm.channels_max) {
            (Some(min), Some(max)) if min == max => format!("{max} ch"),
            (Some(min), Some(max)) => format!("{min}-{max} ch"),
            _ => String::new(),
        };
        let hdmi = if pcm.hdmi { "  (HDMI)" } else { "" };
        let (name, what) = (clean(&pcm.name), clean(&pcm.description));
        let line = format!("  {name:width$}  {channels:>9}  {what}{hdmi}");
        let _ = writeln!(text, "{}", line.trim_end());
        if !pcm.volumes.is_empty() {
            let volumes = clean(&pcm.volumes.join(", "));
            let _ = writeln!(text, "  {:width$}  {:>9}  --mixer: {volumes}", "", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Devices {
        Devices {
            jack: Some(Server {
                server: "default".into(),
                rate: 48_000,
                period: 128,
                outputs: vec![Output {
                    channel: 1,
                    name: "system:playback_1".into(),
                    alias: None,
                }],
            }),
            alsa: vec![
                Pcm {
                    name: "hw:CARD=USB,DEV=0".into(),
                    card: Some("USB".into()),
                    description: "USB Audio".into(),
                    channels_min: Some(2),
                    channels_max: Some(8),
                    formats: vec!["s16"],
                    rates: vec![48_000],
                    channel_maps: vec!["FL FR".into()],
                    volumes: vec!["PCM".into(), "Mic".into()],
                    hdmi: false,
                },
                Pcm {
                    name: "null".into(),
                    card: None,
                    description: "Discard all samples".into(),
                    channels_min: None,
                    channels_max: None,
                    formats: vec![],
                    rates: vec![],
                    channel_maps: vec![],
                    volumes: vec![],
                    hdmi: false,
                },
            ],
        }
    }

    #[test]
    fn the_text() {
        assert_eq!(
            text(&some()),
            "JACK server `default`: 48000 Hz, period 128 frames, 1 physical outputs\n\
             \x20  1  system:playback_1\n\
             \n\
             ALSA devices, for --device:\n\
             \x20 hw:CARD=USB,DEV=0     2-8 ch  USB Audio\n\
             \x20                               --mixer: PCM, Mic\n\
             \x20 null                          Discard all samples\n"
        );
        assert_eq!(
            text(&Devices::default()),
            "No JACK server is running.\n\nNo ALSA device was found.\n"
        );
    }

    #[test]
    fn the_document_is_the_documented_one() {
        let value = serde_json::to_value(some()).unwrap();
        assert_eq!(value["jack"]["outputs"][0]["name"], "system:playback_1");
        assert_eq!(value["alsa"][0]["channels_max"], 8);
        assert!(value["alsa"][1]["card"].is_null());
        let none = serde_json::to_value(Devices::default()).unwrap();
        assert_eq!(none, serde_json::json!({ "jack": null, "alsa": [] }));
    }
}
