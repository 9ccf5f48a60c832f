//! Value parsers for clap that are more than a type's own.

use std::ops::RangeInclusive;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use engine_core::convert::{Dither, SampleFormat};

use crate::config::{self, KeepAlive, check_client_name};
use crate::units::{UnitError, check_bus_name, finite};

/// A whole number in a range.
pub(super) fn number(
    range: RangeInclusive<i64>,
) -> impl Fn(&str) -> Result<u32, UnitError> + Clone + Send + Sync + 'static {
    move |text| {
        text.parse::<u32>()
            .ok()
            .filter(|number| range.contains(&i64::from(*number)))
            .ok_or_else(|| {
                let (low, high) = (range.start(), range.end());
                UnitError::new(format!("a whole number from {low} to {high}"), text)
            })
    }
}

pub(super) fn max_gain_db(text: &str) -> Result<f64, UnitError> {
    let range = config::MAX_GAIN_DB;
    let number = text.strip_suffix("dB").unwrap_or(text).trim_end();
    finite(number)
        .filter(|db| range.contains(db))
        .ok_or_else(|| {
            UnitError::new(
                format!("a level from {} to {} dB", range.start(), range.end()),
                text,
            )
        })
}

pub(super) fn format() -> impl TypedValueParser<Value = SampleFormat> {
    PossibleValuesParser::new(["s16", "s24", "s24_3", "s32", "f32"])
        .try_map(|word| config::parse_format(&word).ok_or("not a sample format"))
}

pub(super) fn dither() -> impl TypedValueParser<Value = Dither> {
    PossibleValuesParser::new(["none", "tpdf"])
        .try_map(|word| config::parse_dither(&word).ok_or("not a dither"))
}

pub(super) fn keep_alive() -> impl TypedValueParser<Value = KeepAlive> {
    PossibleValuesParser::new(["silence", "noise"]).map(|word| match word.as_str() {
        "noise" => KeepAlive::Noise,
        _ => KeepAlive::Silence,
    })
}

pub(super) fn client_name(text: &str) -> Result<String, UnitError> {
    match check_client_name(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(expected) => Err(UnitError::new(expected, text)),
    }
}

pub(super) fn text(text: &str) -> Result<String, UnitError> {
    match text.is_empty() {
        true => Err(UnitError::new("a name", text)),
        false => Ok(text.to_owned()),
    }
}

pub(super) fn bus(text: &str) -> Result<String, UnitError> {
    check_bus_name(text, text)
}
