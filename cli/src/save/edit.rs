//! A song file with its mixer changed, and all else, comments and order too, as it was.

use engine_core::controls::TrackSetting;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

use super::{changed, shortest};
use crate::control::{ErrorCode, Refusal};
use crate::made::Made;
use crate::player::SongMixer;
use crate::song::{Document, Song, SongFile, parse};
use crate::units::exact_db;

/// The setting of each track.
///
/// # Errors
/// A wide stem has channels that are set differently, for which a song file has no words.
pub(super) fn one_setting_each(song: &SongMixer) -> Result<Vec<TrackSetting>, Refusal> {
    let tracks = song.song.tracks.iter().enumerate();
    let settings = tracks.map(|(i, track)| {
        let mut all = song.strips.iter().filter(|s| s.track == i);
        let first = all.next().map(|s| s.setting).unwrap_or_default();
        match all.all(|s| s.setting == first) {
            true => Ok(first),
            false => Err(Refusal::new(
                ErrorCode::NotWritten,
                format!(
                    "the channels of `{}` are set differently, which a song file can't say; nothing is written",
                    track.name
                ),
            )),
        }
    });
    settings.collect()
}

/// The text of a song's file with its mixer as it stands.
pub(super) fn edited(
    file: &SongFile,
    song: &SongMixer,
    max_gain_db: f64,
) -> Result<String, Refusal> {
    let read = |text: &str| match parse(&file.path, text, max_gain_db) {
        Ok(Document::Song { song, .. }) => Some(song),
        _ => None,
    };
    let settings = one_setting_each(song)?;
    let said = read(&file.text).ok_or_else(|| changed(&file.path))?;
    let mut document: DocumentMut = file.text.parse().map_err(|_| changed(&file.path))?;
    for (i, (track, setting)) in said.tracks.iter().zip(&settings).enumerate() {
        let place = match &track.made {
            None => document.get_mut("tracks").and_then(|all| nth(all, i)),
            Some(Made::Click(_)) => table(document.get_mut("click")),
            Some(Made::Cue(_)) => table(document.get_mut("cue")),
            Some(Made::Ltc(_)) => table(document.get_mut("ltc")),
        };
        let Some(place) = place else { continue };
        if track.gain != setting.gain {
            set(place, "gain_db", exact_db(setting.gain).into());
        }
        // (Time code has no side.)
        if track.pan != setting.pan && !matches!(track.made, Some(Made::Ltc(_))) {
            set(place, "pan", shortest(setting.pan).into());
        }
        if track.mute != setting.mute {
            set(place, "mute", setting.mute.into());
        }
        // (What is made is soloed only while it plays.)
        if track.solo != setting.solo && track.made.is_none() {
            set(place, "solo", setting.solo.into());
        }
    }
    for (name, level) in &song.levels {
        let known = said.buses.iter().position(|b| b.name == *name);
        let before = known
            .and_then(|i| said.buses.get(i))
            .map_or(1.0, |b| b.level);
        if before == *level {
            continue;
        }
        let level = exact_db(*level);
        match known {
            Some(i) => {
                if let Some(place) = document.get_mut("buses").and_then(|all| nth(all, i)) {
                    set(place, "level_db", level.into());
                }
            }
            None => add_bus(&mut document, name, level),
        }
    }
    let mut text = document.to_string();
    if file.text.contains("\r\n") && !text.contains("\r\n") {
        text = text.replace('\n', "\r\n");
    }
    match read(&text) {
        Some(now) if says(&now, song, &settings) => Ok(text),
        _ => Err(Refusal::new(
            ErrorCode::NotWritten,
            format!(
                "{}: can't be changed so that it says what is set; nothing is written",
                file.path.display()
            ),
        )),
    }
}

/// Whether a song says that mixer.
fn says(song: &Song, mixer: &SongMixer, settings: &[TrackSetting]) -> bool {
    let tracks = song.tracks.iter().zip(settings).all(|(t, s)| {
        let side = t.pan == s.pan || matches!(t.made, Some(Made::Ltc(_)));
        t.gain == s.gain && side && t.mute == s.mute && (t.solo == s.solo || t.made.is_some())
    });
    let level = |name: &str| song.buses.iter().find(|b| b.name == name);
    let buses = mixer.levels.iter();
    let mut buses = buses.map(|(name, l)| level(name).map_or(1.0, |b| b.level) == *l);
    tracks && song.tracks.len() == settings.len() && buses.all(|said| said)
}

fn table(item: Option<&mut Item>) -> Option<&mut dyn TableLike> {
    item?.as_table_like_mut()
}

/// The entry `i` of a list of tables, whichever way it is written.
fn nth(all: &mut Item, i: usize) -> Option<&mut dyn TableLike> {
    match all {
        Item::ArrayOfTables(all) => all.get_mut(i).map(|t| t as &mut dyn TableLike),
        Item::Value(Value::Array(all)) => all
            .get_mut(i)?
            .as_inline_table_mut()
            .map(|t| t as &mut dyn TableLike),
        _ => None,
    }
}

/// Sets a key, in its place if it is there already.
fn set(table: &mut dyn TableLike, key: &str, mut new: Value) {
    match table.get_mut(key) {
        Some(Item::Value(old)) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        _ => {
            // The blank before a `}` isn't wanted before a comma.
            let last = table.iter_mut().last();
            if let Some(decor) = last.and_then(|(_, item)| Some(item.as_value_mut()?.decor_mut()))
                && decor
                    .suffix()
                    .and_then(|s| s.as_str())
                    .is_some_and(|s| s.trim().is_empty())
            {
                decor.set_suffix("");
            }
            table.insert(key, Item::Value(new));
        }
    }
}

fn add_bus(document: &mut DocumentMut, name: &str, level_db: f64) {
    let all = document
        .entry("buses")
        .or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    match all {
        Item::ArrayOfTables(all) => {
            let mut bus = Table::new();
            bus.insert("name", value(name));
            bus.insert("level_db", value(level_db));
            all.push(bus);
        }
        Item::Value(Value::Array(all)) => {
            let mut bus = InlineTable::new();
            bus.insert("name", name.into());
            bus.insert("level_db", level_db.into());
            all.push(bus);
        }
        _ => {}
    }
}
