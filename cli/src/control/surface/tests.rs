//! Mappings, what they make of events, and learning.

use std::io::Write as _;
use std::time::Instant;

use proptest::prelude::*;

use super::event::key_code;
use super::*;
use crate::control::{Switch, Verb};
use crate::units::TrackRef;
use std::time::Duration;

fn map(text: &str) -> Map {
    Map::parse(&format!("version = 1\n{text}")).unwrap()
}

fn wrong(text: &str) -> (usize, usize, String) {
    let at = Map::parse(text).unwrap_err();
    (at.line, at.column, at.what)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn note(note: u8, velocity: u8) -> Event {
    Event::Midi(MidiEvent::Note {
        channel: 1,
        note,
        velocity,
    })
}

fn controller(controller: u8, value: u8) -> Event {
    Event::Midi(MidiEvent::Controller {
        channel: 1,
        controller,
        value,
    })
}

/// The verbs as lines.
fn asked(map: &mut Map, event: &Event, at: u64) -> Vec<String> {
    let asked = map.take(event, ms(at)).into_iter();
    asked
        .map(|one| {
            let (verb, words) = one.verb.words();
            std::iter::once(verb.to_owned())
                .chain(words)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

#[test]
fn files_are_those_of_the_mappings_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.toml");
    let entry = "[[map]]\nnote = 60\ndo = [\"load 'sets/a b.toml' /c.toml\", \"save new.toml\"]\n";
    std::fs::write(&path, format!("version = 1\n{entry}")).unwrap();
    let mut m = Map::load(&path).unwrap();
    let here = folder.path().display();
    assert_eq!(
        asked(&mut m, &note(60, 1), 0),
        [
            format!("load {here}/sets/a b.toml /c.toml"),
            format!("save {here}/new.toml")
        ]
    );
}

#[test]
fn notes_trigger_at_any_velocity_but_0() {
    let mut m = map(
        "[[map]]\nnote = 60\ndo = \"toggle\"\n[[map]]\nnote = 61\nchannel = 2\non = \"release\"\ndo = \"stop\"\n",
    );
    for velocity in [1, 64, 127] {
        assert_eq!(asked(&mut m, &note(60, velocity), 0), ["toggle"]);
    }
    assert!(asked(&mut m, &note(60, 0), 0).is_empty());
    assert!(asked(&mut m, &note(61, 0), 0).is_empty());
    let other = Event::Midi(parse_midi(&[0x81, 61, 64]).unwrap());
    assert_eq!(asked(&mut m, &other, 0), ["stop"]);
}

#[test]
fn programs_and_several_verbs() {
    let mut m = map(
        "[[map]]\nprogram = 3\ndo = [\"seek 0\", \"mute 'lead vox' off\", 'solo \"2\" toggle']\n",
    );
    let event = Event::Midi(parse_midi(&[0xC5, 2]).unwrap());
    assert_eq!(
        asked(&mut m, &event, 0),
        ["seek 0:00", "mute lead vox off", "solo 2 toggle"]
    );
}

#[test]
fn a_controller_follows_or_triggers() {
    let mut m = map("[[map]]\ncontroller = 7\ndo = \"gain drums\"\n\
         [[map]]\ncontroller = 8\ndo = \"master\"\nrange = [-20, 5.4]\n\
         [[map]]\ncontroller = 10\ndo = \"pan drums\"\n\
         [[map]]\ncontroller = 64\ndo = \"toggle\"\n");
    let gain = |v: &str| [format!("gain drums {v} dB")];
    assert_eq!(asked(&mut m, &controller(7, 0), 0), gain("-inf"));
    assert_eq!(asked(&mut m, &controller(7, 127), 0), gain("0"));
    assert_eq!(asked(&mut m, &controller(7, 64), 0), gain("-29.764"));
    assert_eq!(asked(&mut m, &controller(8, 0), 0), ["master -20 dB"]);
    assert_eq!(asked(&mut m, &controller(8, 127), 0), ["master 5.4 dB"]);
    assert_eq!(asked(&mut m, &controller(10, 0), 0), ["pan drums -1"]);
    assert_eq!(asked(&mut m, &controller(10, 127), 0), ["pan drums 1"]);
    // A pedal: pressed, moved, let go; then one that never says that it is let go.
    let pedal = [0, 63, 64, 100, 127, 0, 127, 127, 127];
    let fired = pedal.map(|value| asked(&mut m, &controller(64, value), 0).len());
    assert_eq!(fired, [0, 0, 1, 0, 0, 0, 1, 1, 1]);
}

#[test]
fn keys_and_lines_bounce() {
    let mut m = map(
        "debounce_ms = 20\n[[map]]\nkey = \"KEY_PAGEDOWN\"\ndo = \"next\"\n\
         [[map]]\nkey = 109\non = \"release\"\ndo = \"previous\"\n\
         [[map]]\nline = \"gpiochip0/17\"\ndebounce_ms = 5\ndo = \"play\"\n",
    );
    let key = |down| Event::Key { code: 109, down };
    // Pressed with two bounces, let go with one, pressed again at once, and long after.
    let story = [
        (0, true, vec!["next"]),
        (1, false, vec![]),
        (2, true, vec![]),
        (100, false, vec!["previous"]),
        (101, true, vec![]),
        (102, false, vec![]),
        (110, true, vec![]),
        (200, false, vec!["previous"]),
        (220, true, vec!["next"]),
    ];
    for (at, down, wanted) in story {
        assert_eq!(asked(&mut m, &key(down), at), wanted, "{at}");
    }
    let line = |line, down| Event::Line {
        line: LineName {
            chip: "gpiochip0".into(),
            line,
        },
        down,
    };
    assert_eq!(asked(&mut m, &line(17, true), 0), ["play"]);
    assert!(asked(&mut m, &line(17, false), 4).is_empty());
    assert!(asked(&mut m, &line(17, true), 8).is_empty());
    assert!(asked(&mut m, &line(17, false), 13).is_empty());
    assert_eq!(asked(&mut m, &line(17, true), 18), ["play"]);
    assert!(asked(&mut m, &line(4, true), 99).is_empty());
}

#[test]
fn what_makes_no_sense_is_told_with_its_place() {
    let entry = |text: &str| wrong(&format!("version = 1\n[[map]]\n{text}\n"));
    let is = |(line, column, what): (usize, usize, String), at: (usize, usize), said: &str| {
        assert_eq!((line, column, what.as_str()), (at.0, at.1, said));
    };
    is(wrong(""), (1, 1), "`version = 1` is missing");
    is(
        wrong("version = 2"),
        (1, 11),
        "`version` is 2; this is for version 1",
    );
    is(
        entry("note = 128\ndo = \"play\""),
        (3, 8),
        "`note` is 128; it can be 0 to 127",
    );
    is(
        entry("note = 1\nkey = 2\ndo = \"play\""),
        (2, 1),
        "an entry has one of note, controller, program, key and line",
    );
    is(
        entry("do = \"play\""),
        (2, 1),
        "an entry has one of note, controller, program, key and line",
    );
    is(
        entry("note = 1\ndo = \"dance\""),
        (4, 6),
        "there is no verb `dance`",
    );
    is(
        entry("note = 1\ndo = \"gain drums\""),
        (4, 6),
        "gain: an argument is missing: it is `gain TRACK LEVEL`",
    );
    is(
        entry("note = 1\ndo = \"status\""),
        (4, 6),
        "`status` asks for an answer, which nobody would read",
    );
    is(
        entry("note = 1\ndo = \"seek @'a\""),
        (4, 6),
        "a quote that isn't closed",
    );
    is(
        entry("note = 1\nrange = [0, 1]\ndo = \"play\""),
        (4, 9),
        "`range` is for a controller and gain, pan, bus, master or volume without their value",
    );
    is(
        entry("controller = 1\nrange = [0, 2]\ndo = \"pan 1\""),
        (4, 9),
        "`range` is no range for `pan`",
    );
    is(
        entry("key = \"KEY_NONE_SUCH\"\ndo = \"play\""),
        (3, 7),
        "there is no key `KEY_NONE_SUCH`; a key is such as KEY_PAGEDOWN, or a number",
    );
    is(
        entry("key = 1\nchannel = 1\ndo = \"play\""),
        (4, 11),
        "`channel` is for note, controller and program",
    );
    is(
        entry("line = \"17\"\ndo = \"play\""),
        (3, 8),
        "expected a GPIO line such as `gpiochip0/17`, not `17`",
    );
    let (line, column, what) = entry("nota = 1\ndo = \"play\"");
    assert_eq!((line, column), (3, 1));
    assert!(
        what.starts_with("unknown key `nota`, expected one of "),
        "{what}"
    );
    is(entry("note = 1"), (2, 1), "missing key `do`");
    is(
        entry("note = 1\ndo = 7"),
        (4, 6),
        "expected a verb such as \"toggle\", or a list of them",
    );
}

#[test]
fn the_documented_mapping_is_good() {
    let doc = include_str!("../../../docs/mapping.md");
    let text = doc.split("```toml\n").nth(1).unwrap();
    let text = text.split("```").next().unwrap();
    let mut m = Map::parse(text).unwrap();
    let key = Event::Key {
        code: 109,
        down: true,
    };
    assert_eq!(asked(&mut m, &key, 0), ["toggle"]);
    assert_eq!(asked(&mut m, &controller(7, 127), 0), ["gain drums 6 dB"]);
}

#[test]
fn bytes_of_midi() {
    assert_eq!(
        parse_midi(&[0x9F, 60, 0]),
        Some(MidiEvent::Note {
            channel: 16,
            note: 60,
            velocity: 0
        })
    );
    for nothing in [
        &[][..],
        &[0x90],
        &[0x90, 60],
        &[0x90, 60, 0x80],
        &[60, 60, 60],
        &[0xF0, 1, 0xF7],
        &[0xE0, 1, 2],
    ] {
        assert_eq!(parse_midi(nothing), None, "{nothing:?}");
    }
}

#[test]
fn names_of_inputs() {
    for text in [
        "evdev:/dev/input/by-id/x:y",
        "gpio:gpiochip0/17",
        "gpio:/dev/gpiochip1/3:high",
    ] {
        assert_eq!(text.parse::<InputName>().unwrap().to_string(), text);
    }
    assert_eq!(
        "gpio:a/1:low".parse(),
        Ok(InputName::Gpio("a/1".parse().unwrap(), false))
    );
    for bad in [
        "",
        "evdev",
        "evdev:",
        "gpio:17",
        "gpio:a/b",
        "gpio:a/1:up",
        "midi:1",
    ] {
        assert!(bad.parse::<InputName>().is_err(), "{bad}");
    }
    assert_eq!(key_code("KEY_PAGEDOWN"), Some(109));
}

const WORD: usize = size_of::<usize>();

/// A `struct input_event`.
fn input_event(ms: usize, kind: u16, code: u16, value: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((ms / 1000).to_ne_bytes());
    bytes.extend((ms % 1000 * 1000).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(code.to_ne_bytes());
    bytes.extend(value.to_ne_bytes());
    assert_eq!(bytes.len(), 2 * WORD + 8);
    bytes
}

#[test]
fn keys_are_read_whole_and_a_device_that_is_not_there_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let mut input = EvdevInput::open(&path).unwrap();
    let said = input.news().unwrap();
    assert!(
        said.ends_with("keys: not there; it is used once it is"),
        "{said}"
    );
    let collect = |input: &mut EvdevInput| {
        let mut heard = Vec::new();
        input.read(&mut |event, at| heard.push((event, at)));
        heard
    };
    assert!(collect(&mut input).is_empty());
    let fifo = || {
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
    };
    fifo();
    let limit = Instant::now() + Duration::from_secs(30);
    while input.fds().is_empty() {
        assert!(Instant::now() < limit);
        wait_for(&[], None, input.due());
        collect(&mut input);
    }
    assert!(input.news().unwrap().ends_with("keys: there"));
    let mut to = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let key = |code, down| Event::Key { code, down };
    // A press, its repetition, what is no key, and half a release.
    let release = input_event(5500, 1, 109, 0);
    for bytes in [
        input_event(5000, 1, 109, 1),
        input_event(5250, 1, 109, 2),
        input_event(5250, 0, 0, 0),
        input_event(5250, 4, 4, 1),
        release[..7].to_vec(),
    ] {
        to.write_all(&bytes).unwrap();
    }
    assert_eq!(collect(&mut input), [(key(109, true), ms(5000))]);
    to.write_all(&release[7..]).unwrap();
    to.write_all(&input_event(6000, 1, 104, 1)).unwrap();
    assert_eq!(
        collect(&mut input),
        [(key(109, false), ms(5500)), (key(104, true), ms(6000))]
    );
    // What isn't a device is said.
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let failure = EvdevInput::open(&file).err().unwrap();
    assert!(
        failure
            .message
            .ends_with("can't be read: that is no input device"),
        "{failure}"
    );
    let failure = EvdevInput::open("/dev/null".as_ref()).err().unwrap();
    assert!(
        failure
            .message
            .ends_with("can't be read: that is no input device"),
        "{failure}"
    );
}

#[test]
fn what_is_learned_is_added_and_everything_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.toml");
    let said = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert!(write_learned(&path, &note(60, 1), &said("toggle")).unwrap());
    let first = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        first,
        "version = 1\n\n[[map]]\nnote = 60\nchannel = 1\ndo = \"toggle\"\n"
    );
    let mine = format!("# mine\n{first}# the end\n");
    std::fs::write(&path, &mine).unwrap();
    let words = ["mute".to_owned(), "lead vox".to_owned()];
    let key = Event::Key {
        code: 109,
        down: true,
    };
    assert!(write_learned(&path, &key, &words).unwrap());
    let second = std::fs::read_to_string(&path).unwrap();
    assert!(
        second.starts_with("# mine\nversion = 1\n\n[[map]]\nnote = 60\n"),
        "{second}"
    );
    assert!(second.contains("# the end\n"), "{second}");
    let mut m = Map::parse(&second).unwrap();
    let verb = Verb::Mute(TrackRef::Name("lead vox".into()), Switch::On);
    let asked = m.take(&key, ms(0));
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].entry, &asked[0].verb), (1, &verb));
    // No press of anything; a verb that needs more; a file that is none.
    assert!(!write_learned(&path, &note(60, 0), &words).unwrap());
    assert!(write_learned(&path, &note(60, 1), &said("gain drums")).is_err());
    assert!(write_learned(&path, &controller(7, 1), &said("gain drums")).unwrap());
    std::fs::write(&path, "version = 1\n[[map]]\n").unwrap();
    let failure = write_learned(&path, &key, &words).unwrap_err();
    assert!(
        failure.message.ends_with("map.toml:2:1: missing key `do`"),
        "{failure}"
    );
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1);
}

proptest! {
    #[test]
    fn any_bytes_of_midi_are_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..5)) {
        if let Some(event) = parse_midi(&bytes) {
            let mut m = map("[[map]]\nnote = 60\ndo = \"play\"\n[[map]]\ncontroller = 7\ndo = \"master\"\n");
            prop_assert!(m.take(&Event::Midi(event), ms(0)).len() <= 1);
        }
    }
}
