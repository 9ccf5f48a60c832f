//! What song and setlist files mean, and each complaint word for word.

use super::*;
use crate::song::tempo::Stretch;
use proptest::prelude::*;

fn read(text: &str) -> Result<Document, String> {
    parse(Path::new("set/song.toml"), text, 12.0).map_err(|error| error.to_string())
}

fn song(text: &str) -> Song {
    match read(text) {
        Ok(Document::Song { song, .. }) => song,
        other => panic!("{other:?}"),
    }
}

/// Asserts the complaint about a file of these lines.
fn refused(lines: &[&str], complaint: &str) {
    assert_eq!(
        read(&lines.join("\n")),
        Err(format!("set/song.toml:{complaint}")),
        "{lines:?}"
    );
}

/// Asserts the complaint about a song whose only track has these lines, from line 3 on.
fn refused_in_track(line: &str, complaint: &str) {
    refused(
        &["version = 1", "[[tracks]]", "file = 'a.wav'", line],
        complaint,
    );
}

const TRACK: &str = "[[tracks]]\nfile = 'a.wav'";

#[test]
fn a_whole_song() {
    let text = r#"
        version = 1
        title = "Blue Monday"
        on_end = "hold"
        [[tracks]]
        name = "Drums"
        file = "stems/drums.flac"
        gain_db = -6
        pan = -0.25
        mute = true
        solo = true
        bus = "band"
        offset = "1:00.5"
        [[tracks]]
        file = "/else/click.wav"
        [[buses]]
        name = "band"
        outputs = [3, 4]
        level_db = -inf
        jack = ["system:playback_3", "/.*:playback_4/"]
        [[buses]]
        name = "click"
        [[buses]]
        name = "cue"
        follow_master = true
        [[sections]]
        name = "intro"
        start = 0
        [[sections]]
        name = "verse"
        start = 12.5
        end = "20"
    "#;
    let expected = Song {
        title: "Blue Monday".into(),
        tracks: vec![
            Track {
                name: "Drums".into(),
                file: "set/stems/drums.flac".into(),
                made: None,
                gain: gain_from_db(-6.0),
                pan: -0.25,
                mute: true,
                solo: true,
                bus: Some("band".into()),
                offset: Time::Nanos(60_500_000_000),
            },
            Track {
                name: "click".into(),
                file: "/else/click.wav".into(),
                made: None,
                gain: 1.0,
                pan: 0.0,
                mute: false,
                solo: false,
                // With a song file, a name chooses no bus.
                bus: Some("main".into()),
                offset: Time::Nanos(0),
            },
        ],
        buses: vec![
            Bus {
                name: "band".into(),
                outputs: vec![3, 4],
                level: 0.0,
                follow_master: true,
                jack: vec!["system:playback_3".into(), "/.*:playback_4/".into()],
            },
            Bus {
                name: "click".into(),
                outputs: vec![],
                level: 1.0,
                follow_master: false,
                jack: vec![],
            },
            Bus {
                name: "cue".into(),
                outputs: vec![],
                level: 1.0,
                follow_master: true,
                jack: vec![],
            },
        ],
        sections: vec![
            Section {
                name: "intro".into(),
                start: Time::Nanos(0),
                end: None,
            },
            Section {
                name: "verse".into(),
                start: Time::Nanos(12_500_000_000),
                end: Some(Time::Nanos(20_000_000_000)),
            },
        ],
        tempo: vec![],
        lead_nanos: 0,
        on_end: OnEnd::Hold,
        handover: Handover::Cut,
        source: None,
        idle: false,
    };
    let on_end = Some(OnEnd::Hold);
    assert_eq!(
        read(text),
        Ok(Document::Song {
            song: expected,
            on_end
        })
    );
}

#[test]
fn titles() {
    let title = |path: &str| match parse(Path::new(path), &format!("version = 1\n{TRACK}"), 12.0) {
        Ok(Document::Song { song, .. }) => song.title,
        other => panic!("{other:?}"),
    };
    assert_eq!(title("sets/Blue Monday/song.toml"), "Blue Monday");
    assert_eq!(title("sets/blue.toml"), "blue");
}

#[test]
fn a_setlist() {
    let text =
        "version = 1\n[[songs]]\nfile = 'one'\n[[songs]]\nfile = '/two.toml'\non_end = 'next'";
    let entry = |file: &str, on_end| Entry {
        handover: Handover::Cut,
        file: file.into(),
        on_end,
        idle: false,
    };
    assert_eq!(
        read(text),
        Ok(Document::Setlist(vec![
            entry("set/one", None),
            entry("/two.toml", Some(OnEnd::Next))
        ]))
    );
}

#[test]
fn an_idle_song_is_the_last_one_and_follows_every_other() {
    let text = "version = 1\nidle = 'rain.flac'\n[[songs]]\nfile = 'one'\n[[songs]]\nfile = 'two'\non_end = 'next'\ncrossfade = 2";
    let Ok(Document::Setlist(entries)) = read(text) else {
        panic!("{:?}", read(text));
    };
    let all = entries
        .iter()
        .map(|e| (e.on_end, e.idle, e.file.ends_with("rain.flac")));
    assert_eq!(
        all.collect::<Vec<_>>(),
        [
            (Some(OnEnd::Next), false, false),
            (Some(OnEnd::Next), false, false),
            (Some(OnEnd::Loop), true, true),
        ]
    );
    assert_eq!(
        entries[1].handover,
        Handover::Crossfade(Time::Nanos(2_000_000_000))
    );
    refused(
        &[
            "version = 1",
            "idle = 'a'",
            "[[songs]]",
            "file = 'b'",
            "on_end = 'hold'",
        ],
        "5:10: with `idle` the idle song follows every song; leave out `on_end`",
    );
    refused(
        &["version = 1", "idle = 'a'", TRACK],
        "2:8: `idle` belongs in a setlist, not in a song file",
    );
}

#[test]
fn the_file_as_a_whole() {
    refused(
        &[""],
        "1:1: missing key `version`: begin the file with `version = 1`",
    );
    refused(
        &["version = 2", TRACK],
        "1:11: version 2 of the format is not known here; `version = 1` is",
    );
    refused(
        &["version = '1'"],
        "1:11: expected a whole number, not string \"1\"",
    );
    refused(
        &["version = 1"],
        "1:1: neither `[[tracks]]` (a song) nor `[[songs]]` (a setlist)",
    );
    refused(
        &["version = 1", TRACK, "[[songs]]", "file = 'b'"],
        "4:1: a file has either `[[tracks]]` (a song) or `[[songs]]` (a setlist), not both",
    );
    refused(
        &["version = 1", "tracks = []"],
        "2:10: a song needs at least one track",
    );
    refused(
        &["version = 1", "songs = []"],
        "2:9: a setlist needs at least one song",
    );
    refused(
        &["version = 1", "[tracks]", "file = 'a'"],
        "2:1: expected a list (`[…]` or `[[…]]`), not a table",
    );
    refused(
        &["version = 1", "[[tracks]", "file = 'a'"],
        "2:10: unclosed array table, expected `]`",
    );
    refused(
        &["version = 1", "tempi = 3", TRACK],
        "2:1: unknown key `tempi`, expected one of `version`, `title`, `on_end`, `crossfade`, `after`, `tracks`, `buses`, `sections`, `tempo`, `click`, `cue`, `ltc`, `songs`, `idle`",
    );
    refused(
        &["version = 1", "title = ' '", TRACK],
        "2:9: a title can't be empty",
    );
    refused(
        &["version = 1", "on_end = 'fade'", TRACK],
        "2:10: unknown value `fade`, expected one of `stop`, `hold`, `next`, `loop`",
    );
    for key in [
        "title = 'x'",
        "on_end = 'stop'",
        "buses = []",
        "sections = []",
    ] {
        let (name, _) = key.split_once(' ').unwrap();
        let column = name.len() + 4;
        refused(
            &["version = 1", key, "[[songs]]", "file = 'b'"],
            &format!("2:{column}: `{name}` belongs in a song file, not in a setlist"),
        );
    }
}

#[test]
fn a_tempo_map() {
    let text = format!(
        "version = 1\n{TRACK}\n[[tempo]]\nbpm = 137.3\n[[tempo]]\nat = '1:00'\nbpm = 90\nmeter = '6/8'\n[[tempo]]\nat = 75\nbpm = 60"
    );
    let stretch = |at, micro_bpm, beats, unit| Stretch {
        at: Time::Nanos(at),
        micro_bpm,
        beats,
        unit,
    };
    assert_eq!(
        song(&text).tempo,
        [
            stretch(0, 137_300_000, 4, 4),
            stretch(60_000_000_000, 90_000_000, 6, 8),
            stretch(75_000_000_000, 60_000_000, 6, 8),
        ]
    );
}

#[test]
fn tempo_maps_that_make_no_sense() {
    for (map, wrong) in [
        ("[]", "2:9: a tempo map needs at least one tempo"),
        (
            "[{ at = 0, bpm = 0 }]",
            "2:26: expected beats per minute from 1 to 999, not `0`",
        ),
        (
            "[{ at = '@verse', bpm = 90 }]",
            "2:17: a tempo's own time can't be `@SECTION`",
        ),
        (
            "[{ bpm = 90 }, { bpm = 91 }]",
            "2:32: `at` is missing: every tempo but the first needs it",
        ),
        (
            "[{ at = 4, bpm = 90 }, { at = '0:04', bpm = 91 }]",
            "2:39: a tempo must begin after the one before it",
        ),
        (
            "[{ bpm = 90, meter = '4/5' }]",
            "2:30: expected a meter such as \"4/4\" or \"6/8\", not `4/5`",
        ),
        (
            "[{ bpm = 90, meter = '0/4' }]",
            "2:30: expected a meter such as \"4/4\" or \"6/8\", not `0/4`",
        ),
    ] {
        refused(&["version = 1", &format!("tempo = {map}"), TRACK], wrong);
    }
}

#[test]
fn reserved_keys_are_refused() {
    let reserved = |key: &str| {
        format!("`{key}` is a reserved key that this version of backline can't play; remove it")
    };
    refused(
        &["version = 1", TRACK, "[midi]", "a = 1"],
        &format!("4:1: {}", reserved("midi")),
    );
}

#[test]
fn tracks() {
    refused(
        &["version = 1", "[[tracks]]", "name = 'a'"],
        "2:1: missing key `file`",
    );
    refused(
        &["version = 1", "[[tracks]]", "file = ''"],
        "3:8: `file` needs the path of a file",
    );
    refused(
        &["version = 1", "[[tracks]]", "file = 3"],
        "3:8: expected a string, not integer `3`",
    );
    refused_in_track("file = 'b'", "4:1: duplicate key");
    refused_in_track(
        "gian_db = 3",
        "4:1: unknown key `gian_db`, expected one of `name`, `file`, `gain_db`, `pan`, `mute`, `solo`, `bus`, `offset`",
    );
    refused_in_track(
        "gain_db = 12.1",
        "4:11: `gain_db` is 12.1 dB, above the ceiling of 12 dB (`max_gain_db`)",
    );
    refused_in_track(
        "gain_db = nan",
        "4:11: expected a level in dB such as -6.0 or -inf, not `NaN`",
    );
    refused_in_track(
        "gain_db = inf",
        "4:11: expected a level in dB such as -6.0 or -inf, not `inf`",
    );
    refused_in_track(
        "gain_db = '-6'",
        "4:11: expected a level in dB such as -6.0 or -inf, not string \"-6\"",
    );
    refused_in_track(
        "pan = 1.1",
        "4:7: expected a position from -1.0 (left) to 1.0 (right), not `1.1`",
    );
    refused_in_track(
        "pan = nan",
        "4:7: expected a position from -1.0 (left) to 1.0 (right), not `NaN`",
    );
    refused_in_track("mute = 1", "4:8: expected true or false, not integer `1`");
    refused_in_track("name = ''", "4:8: a track name can't be empty");
    refused_in_track(
        "name = \"a\\nb\"",
        "4:8: a track name can't contain control characters",
    );
    refused_in_track(
        "bus = ' main'",
        "4:7: a bus name can't begin or end with a space",
    );
    let time =
        "a time such as `90`, `1:30.5`, `1:02:30`, `96000f` (frames) or `@chorus` (a section)";
    refused_in_track("offset = -1", &format!("4:10: expected {time}, not `-1`"));
    refused_in_track("offset = nan", &format!("4:10: expected {time}, not `NaN`"));
    refused_in_track(
        "offset = true",
        "4:10: expected a time such as \"1:30.5\" or a number of seconds, not boolean `true`",
    );
    for offset in ["86401", "24:00:00.1", "18446744073709551615f"] {
        refused_in_track(
            &format!("offset = '{offset}'"),
            "4:10: an offset can't be longer than 24 hours",
        );
    }
    refused_in_track(
        "offset = '@late'\n[[sections]]\nname = 'late'\nstart = '25:00:00'",
        "4:10: an offset can't be longer than 24 hours",
    );
    refused_in_track("offset = '@solo'", "4:10: there is no section `solo`");
    let twice = "there is a track `a` already; give each a `name` of its own";
    refused(
        &["version = 1", TRACK, "[[tracks]]", "file = 'b/a.mp3'"],
        &format!("5:8: {twice}"),
    );
    refused(
        &[
            "version = 1",
            TRACK,
            "[[tracks]]",
            "file = 'b'",
            "name = 'a'",
        ],
        &format!("6:8: {twice}"),
    );
    refused(
        &["version = 1", "[[tracks]]", "file = 'é'", "x = 1"],
        "4:1: unknown key `x`, expected one of `name`, `file`, `gain_db`, `pan`, `mute`, `solo`, `bus`, `offset`",
    );
}

#[test]
fn times_in_seconds_are_exact() {
    for (text, nanos) in [
        ("0.1", 100_000_000),
        ("12.5", 12_500_000_000),
        ("3", 3_000_000_000),
        ("0.123456789", 123_456_789),
        ("0.12345678949", 123_456_789),
    ] {
        let song = song(&format!("version = 1\n{TRACK}\noffset = {text}"));
        assert_eq!(song.tracks[0].offset, Time::Nanos(nanos), "{text}");
    }
}

#[test]
fn buses() {
    let bus = |line: &str, complaint: &str| {
        refused(
            &["version = 1", TRACK, "[[buses]]", "name = 'b'", line],
            complaint,
        );
    };
    bus(
        "outputs = []",
        "6:11: bus `b` has no channels: `outputs` needs at least one",
    );
    bus(
        "jack = []",
        "6:8: bus `b` has no channels: `jack` needs at least one",
    );
    bus(
        "outputs = [1, 0]",
        "6:15: device channels are numbers from 1 to 65535",
    );
    bus(
        "outputs = [-1]",
        "6:12: device channels are numbers from 1 to 65535",
    );
    bus(
        "outputs = [65536]",
        "6:12: device channels are numbers from 1 to 65535",
    );
    bus(
        "outputs = [1, '2']",
        "6:15: expected a whole number, not string \"2\"",
    );
    bus("outputs = [3, 3]", "6:15: bus `b` has channel 3 twice");
    bus(
        "jack = ['playback']",
        "6:9: expected a JACK port such as `system:playback_3`, or `/REGEX/`",
    );
    bus(
        "jack = ['a:b']\noutputs = [1, 2]",
        "6:8: bus `b` has 2 in `outputs` but 1 in `jack`; each has one entry per channel of the bus",
    );
    bus(
        "level_db = 13",
        "6:12: `level_db` is 13 dB, above the ceiling of 12 dB (`max_gain_db`)",
    );
    bus("[[buses]]\nname = 'b'", "7:8: there is a bus `b` already");
    bus(
        "volume = 1",
        "6:1: unknown key `volume`, expected one of `name`, `outputs`, `level_db`, `follow_master`, `jack`",
    );
    refused(
        &["version = 1", TRACK, "[[buses]]", "outputs = [1]"],
        "4:1: missing key `name`",
    );
}

#[test]
fn sections() {
    let sections = |lines: &str, complaint: &str| {
        refused(
            &[
                "version = 1",
                TRACK,
                "[[sections]]",
                "name = 'a'",
                "start = 10",
                lines,
            ],
            complaint,
        );
    };
    let next = |start: &str| format!("[[sections]]\nname = 'b'\nstart = {start}");
    sections(&next("5"), "9:9: section `b` must start after section `a`");
    sections(&next("10"), "9:9: section `b` must start after section `a`");
    sections(
        &next("'0f'"),
        "9:9: section `b` must start after section `a`",
    );
    sections(
        &format!("end = 20\n{}", next("19")),
        "10:9: section `b` must not start before section `a` has ended",
    );
    sections("end = 10", "7:7: section `a` must end after its start");
    sections(
        "end = '@a'",
        "7:7: a section's own times can't be `@SECTION`",
    );
    sections(
        "[[sections]]\nname = 'a'\nstart = 20",
        "8:8: there is a section `a` already",
    );
    sections(
        "[[sections]]\nname = 'a..b'\nstart = 20",
        "8:8: a section name can't contain `..`, which stands in ranges",
    );
    let good = format!(
        "version = 1\n{TRACK}\n[[sections]]\nname='a'\nstart=10\nend=20\n{}",
        next("20")
    );
    assert_eq!(song(&good).sections.len(), 2);
}

#[test]
fn a_file_called_minus_is_not_standard_input() {
    let text = "version = 1\n[[tracks]]\nfile = '-'";
    match parse(Path::new("song.toml"), text, 12.0) {
        Ok(Document::Song { song, .. }) => assert_eq!(song.tracks[0].file.as_os_str(), "./-"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_ceiling_is_the_callers() {
    let text = format!("version = 1\n{TRACK}\ngain_db = 3");
    assert!(parse(Path::new("a.toml"), &text, 3.0).is_ok());
    assert!(parse(Path::new("a.toml"), &text, 2.9).is_err());
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "(version = 1\n|\\[\\[(tracks|buses|sections|songs)\\]\\]\n|(file|name|start|end|bus|offset) = ('@?[a-c.]*'|[0-9.]{1,6})\n|.){0,20}") {
        let _ = read(&text);
    }
}

/// The fenced blocks of a language in a Markdown text.
fn examples<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    text.split("\n```")
        .filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'))
        .collect()
}

#[test]
fn the_documented_examples_are_good() {
    let examples = examples(include_str!("../../../docs/song.md"), "toml");
    let documents: Vec<_> = examples
        .into_iter()
        .map(|example| read(example).unwrap())
        .collect();
    let [
        Document::Song { song: shortest, .. },
        Document::Song { song: full, .. },
        Document::Song { song: cued, .. },
        Document::Setlist(entries),
        Document::Setlist(with_idle),
    ] = documents.as_slice()
    else {
        panic!("{documents:?}");
    };
    assert_eq!((shortest.tracks.len(), shortest.title.as_str()), (1, "set"));
    assert_eq!(
        (full.tracks.len(), full.buses.len(), full.sections.len()),
        (4, 3, 3)
    );
    assert_eq!(with_idle.iter().filter(|entry| entry.idle).count(), 1);
    assert_eq!(cued.files().count(), 3);
    assert_eq!(entries.len(), 3);
}

/// The schema's own key lists are those of the parser, which names them when a key is unknown.
#[test]
fn the_schema_knows_the_same_keys() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../docs/song.schema.json")).unwrap();
    let in_schema = |name: &str| -> Vec<String> {
        let properties = &schema["$defs"][name]["properties"];
        properties.as_object().unwrap().keys().cloned().collect()
    };
    let in_parser = |lines: &str| -> Vec<String> {
        let complaint = read(&format!("version = 1\n{lines}\nunknown = 1")).unwrap_err();
        let (_, list) = complaint
            .split_once("expected one of ")
            .or_else(|| complaint.split_once("expected "))
            .unwrap();
        list.split(", ")
            .map(|key| key.trim_matches('`').to_owned())
            .collect()
    };
    let same = |mut a: Vec<String>, mut b: Vec<String>| {
        a.sort();
        b.sort();
        assert_eq!(a, b);
    };
    same(in_schema("track"), in_parser("[[tracks]]"));
    same(in_schema("bus"), in_parser("[[buses]]"));
    same(in_schema("section"), in_parser("[[sections]]"));
    same(in_schema("tempo"), in_parser("[[tempo]]\nbpm = 90"));
    same(in_schema("click"), in_parser("[click]"));
    same(in_schema("cue"), in_parser("[cue]"));
    same(in_schema("cue_sound"), in_parser("[[cue.sounds]]"));
    same(in_schema("ltc"), in_parser("[ltc]"));
    same(in_schema("entry"), in_parser("[[songs]]"));
    let mut top = in_schema("song");
    top.extend(["songs".into(), "idle".into()]);
    same(top, in_parser(""));
    let ends: Vec<&str> = schema["$defs"]["on_end"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|v| v.as_str())
        .collect();
    for end in ends {
        assert!(read(&format!("version = 1\non_end = '{end}'\n{TRACK}")).is_ok());
    }
}

#[test]
fn a_click_with_a_count_in_moves_everything() {
    let text = format!(
        "version = 1\n{TRACK}\noffset = 1\n[[sections]]\nname = 'verse'\nstart = 2\n[[tempo]]\nat = 0.5\nbpm = 120\n[click]\ncount_in = 2\naccents = [1, 3]\ngain_db = -6\n[ltc]\nfps = 25\nstart = '10:00:00:00'"
    );
    let song = song(&text);
    // Two bars of 120 bpm are 4 s, half of one is there already.
    let nanos = |s: f64| Time::Nanos((s * 1e9) as u64);
    assert_eq!(song.lead_nanos, 3_500_000_000);
    assert_eq!(song.tracks[0].offset, nanos(4.5));
    assert_eq!(song.tempo[0].at, nanos(0.0));
    assert_eq!(song.first_bar(), nanos(4.0));
    let names: Vec<&str> = song.sections.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["Count-in", "verse"]);
    assert_eq!(song.sections[1].start, nanos(5.5));
    let [_, click, ltc] = &song.tracks[..] else {
        panic!("{:?}", song.tracks);
    };
    assert_eq!(
        (click.name.as_str(), click.bus.as_deref()),
        ("click", Some("click"))
    );
    assert_eq!(click.gain, gain_from_db(-6.0));
    let made = crate::made::Click {
        accents: vec![1, 3],
        count_in: 2,
        ..crate::made::Click::default()
    };
    assert_eq!(click.made, Some(Made::Click(made)));
    assert_eq!(
        (ltc.name.as_str(), ltc.bus.as_deref()),
        ("ltc", Some("ltc"))
    );
    let grid = crate::song::tempo::Grid::new(&song, 48_000);
    let beat = grid.beat_at(4 * 48_000).unwrap();
    assert_eq!((beat.bar, beat.beat, beat.frame), (1, 1, 4 * 48_000));
    assert_eq!(grid.beat_at(0).unwrap().bar, -1);
}

#[test]
fn cues_are_moved_by_a_count_in() {
    let text = format!(
        "version = 1\n{TRACK}\n[[sections]]\nname = 'verse'\nstart = 20\n[[tempo]]\nbpm = 120\n[click]\ncount_in = 1\nsubdivision = 2\nbeat_file = 'b.wav'\nbetween_file = '/x/o.wav'\n[cue]\nmute = true\n[[cue.sounds]]\nfile = 'say/verse.wav'\nat = '@verse'\nbefore_bars = 2\n[[cue.sounds]]\nfile = 'say/go.wav'\nat = 6\nbefore = 0.5"
    );
    let song = song(&text);
    let files: Vec<_> = song.files().map(|f| f.to_str().unwrap()).collect();
    assert_eq!(
        files,
        [
            "set/a.wav",
            "set/b.wav",
            "/x/o.wav",
            "set/say/verse.wav",
            "set/say/go.wav"
        ]
    );
    let [_, _, track] = &song.tracks[..] else {
        panic!("{:?}", song.tracks);
    };
    assert_eq!((track.bus.as_deref(), track.mute), (Some("cue"), true));
    let Some(Made::Cue(cue)) = &track.made else {
        panic!("{track:?}");
    };
    // A bar of 120 bpm is 2 s, and all is later by that.
    let starts: Vec<i64> = cue.sounds.iter().map(|c| c.start(&song, 1000)).collect();
    assert_eq!(starts, [18_000, 7_500]);
}

#[test]
fn clicks_and_time_codes_that_make_no_sense() {
    let tempo = "tempo = [{ bpm = 120 }]";
    for (lines, wrong) in [
        (
            ["", "[click]", ""],
            "5:1: a click needs a tempo map (`[[tempo]]`)",
        ),
        (
            [tempo, "[click]", "accents = [0]"],
            "6:12: accents are beats of a bar, from 1 to 64",
        ),
        (
            [tempo, "[click]", "count_in = 17"],
            "6:12: a count-in has from 0 to 16 bars",
        ),
        (
            ["", "[ltc]", "fps = 29.97"],
            "6:7: expected 24, 25, \"29.97df\" or 30 frames a second, not `29.97`",
        ),
        (
            ["", "[ltc]", "fps = '29.97df'\nstart = '00:01:00:00'"],
            "7:9: expected a time code HH:MM:SS:FF that there is at this frame rate, not `00:01:00:00`",
        ),
        (
            [tempo, "[click]", "subdivision = 9"],
            "6:15: there are from 1 to 8 clicks a beat",
        ),
        (
            ["", "[cue]", "sounds = []"],
            "6:10: a cue track needs at least one sound",
        ),
        (
            ["", "[[cue.sounds]]", "file = 'x.wav'\nat = '@coda'"],
            "7:6: there is no section `coda`",
        ),
        (
            [
                "",
                "[[cue.sounds]]",
                "file = 'x.wav'\nat = 9\nbefore_bars = 1",
            ],
            "8:15: bars need a tempo map (`[[tempo]]`)",
        ),
        (
            [
                tempo,
                "[[cue.sounds]]",
                "file = 'x.wav'\nat = 9\nbefore_bars = 65",
            ],
            "8:15: a cue begins from 1 to 64 bars before",
        ),
        (
            [
                tempo,
                "[[cue.sounds]]",
                "file = 'x.wav'\nat = 9\nbefore = 1\nbefore_bars = 1",
            ],
            "9:15: a cue has either `before` or `before_bars`, not both",
        ),
        (
            [tempo, "[click]", "name = 'a'"],
            "5:1: there is a track `a` already; give the made one another `name`",
        ),
    ] {
        let [first, head, last] = lines;
        refused(&["version = 1", first, TRACK, head, last], wrong);
    }
}

#[test]
fn how_the_next_song_takes_over() {
    let of = |lines: &str| {
        let text = format!("version = 1\n[[songs]]\nfile = 'a'\n{lines}");
        match read(&text) {
            Ok(Document::Setlist(mut entries)) => entries.remove(0),
            other => panic!("{other:?}"),
        }
    };
    let fades = of("crossfade = 2.5");
    assert_eq!(fades.on_end, Some(OnEnd::Next));
    let length = Time::Nanos(2_500_000_000);
    assert_eq!(fades.handover, Handover::Crossfade(length));
    let waits = of("on_end = 'next'\nafter = '1:00'");
    assert_eq!(waits.handover, Handover::After(Time::Nanos(60_000_000_000)));
    for (lines, wrong) in [
        ("crossfade = 61", "4:13: `crossfade` is at most 60 seconds"),
        ("after = '1:00:01'", "4:9: `after` is at most 3600 seconds"),
        ("after = '@x'", "4:9: `after` can't be `@SECTION`"),
        (
            "after = 1\ncrossfade = 1",
            "4:9: a song has either `crossfade` or `after`, not both",
        ),
        (
            "on_end = 'hold'\ncrossfade = 1",
            "4:10: `crossfade` is for a song that ends with `on_end = \"next\"`",
        ),
    ] {
        refused(&["version = 1", "[[songs]]", "file = 'a'", lines], wrong);
    }
}
