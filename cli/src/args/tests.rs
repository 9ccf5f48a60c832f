//! What can be said, and what is said back, word for word.

use std::collections::HashMap;

use engine_core::convert::{Dither, SampleFormat};

use super::*;
use crate::config::{BackendChoice, MonitorLevel, OnDamage, Profile, Source, Status};
use crate::control::surface::MidiFrom;
use crate::exit::Code;
use crate::song::{OnEnd, Time};
use crate::units::{Connect, TrackRef, gain_from_db};

/// Parses a line (arguments separated by single spaces) with these variables and no configuration file.
fn run_with(line: &str, variables: &[(&str, &str)]) -> Result<Action, Failure> {
    let mut variables: HashMap<&str, OsString> = variables
        .iter()
        .map(|(name, value)| (*name, OsString::from(value)))
        .collect();
    variables
        .entry("BACKLINE_CONFIG")
        .or_insert_with(|| "none".into());
    let words = line.split(' ').filter(|word| !word.is_empty());
    let arguments = std::iter::once("backline").chain(words).map(OsString::from);
    parse(arguments, &|name| variables.get(name).cloned())
}

fn play_with(line: &str, variables: &[(&str, &str)]) -> Play {
    match run_with(&format!("play {line}"), variables) {
        Ok(Action::Play(play)) => *play,
        other => panic!("{other:?}"),
    }
}

fn play(line: &str) -> Play {
    play_with(line, &[])
}

fn render(line: &str) -> Render {
    match run_with(&format!("render {line}"), &[]) {
        Ok(Action::Render(render)) => *render,
        other => panic!("{other:?}"),
    }
}

fn printed(line: &str) -> String {
    match run_with(line, &[]) {
        Ok(Action::Print(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// Asserts a usage error's sentence and hint.
fn refused(line: &str, message: &str, hint: &str) {
    let failure = run_with(line, &[]).unwrap_err();
    assert_eq!(
        (
            failure.code,
            failure.message.as_str(),
            failure.hint.as_deref().unwrap_or("")
        ),
        (Code::Usage, message, hint),
        "{line}"
    );
}

const TRY_PLAY: &str = "try `backline play --help`";

#[test]
fn the_description_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_flag_of_play() {
    let all = play(
        "a.wav - --sequence --backend alsa --device hw:CARD=USB --rate 48000 --period 256 --periods 3 --format s24_3 \
         --dither none --gain drums=-6 --gain 2=x0.5 --pan drums=-1 --mute name:3 --solo vox --bus 2=click --master -3 --mono \
         --start 1:00 --end @coda --repeat 3 --on-end hold --out click=3 --out main=1,2 --name left --monitor sampled \
         --status json --no-keys --fail-on-xrun --profile modern --ring-ms 300 --rt-priority 40 --strict-rate --on-damage stop \
         --control /tmp/show.sock --control-group crew --osc 9000 --map m.toml --midi=nanoPAD2 --input evdev:/dev/input/event3 --input gpio:gpiochip0/17 --on-loss exit --on-return stay --preload-limit 10 --config none --max-gain-db 6 --poll-ms 50",
    );
    let name = |name: &str| TrackRef::Name(name.into());
    assert_eq!(all.run.inputs, [PathBuf::from("a.wav"), PathBuf::from("-")]);
    assert!(all.run.sequence && all.run.mono && all.fail_on_xrun && !all.keys);
    assert_eq!(
        all.run.overrides.gains,
        [
            (name("drums"), "-6".parse().unwrap()),
            (TrackRef::Number(2), "x0.5".parse().unwrap())
        ]
    );
    assert_eq!(all.run.overrides.pans, [(name("drums"), -1.0)]);
    assert_eq!(all.run.overrides.mutes, [name("3")]);
    assert_eq!(all.run.overrides.solos, [name("vox")]);
    assert_eq!(
        all.run.overrides.buses,
        [(TrackRef::Number(2), "click".into())]
    );
    assert_eq!(
        all.run.overrides.outs,
        [("click".into(), vec![3]), ("main".into(), vec![1, 2])]
    );
    assert_eq!(all.run.master.gain(12.0), gain_from_db(-3.0));
    assert_eq!(
        (all.run.start, all.run.end),
        (
            Some(Time::Nanos(60_000_000_000)),
            Some(Time::Section("coda".into()))
        )
    );
    assert_eq!(
        (all.passes, all.on_end),
        (Passes::Times(3), Some(OnEnd::Hold))
    );
    let s = all.settings;
    assert_eq!(
        (s.backend.value, s.device.value.as_deref()),
        (BackendChoice::Alsa, Some("hw:CARD=USB"))
    );
    assert_eq!(
        (s.rate.value, s.period.value, s.periods.value),
        (Some(48_000), 256, 3)
    );
    assert_eq!(
        (s.format.value, s.dither.value),
        (Some(SampleFormat::S24_3), Dither::None)
    );
    assert_eq!(
        (s.profile.value, s.ring_ms.value, s.rt_priority.value),
        (Profile::Modern, 300, 40)
    );
    assert_eq!(
        (s.name.value.as_str(), s.monitor.value, s.status.value),
        ("left", MonitorLevel::Sampled, Status::Json)
    );
    assert_eq!(
        (s.strict_rate.value, s.on_damage.value),
        (true, OnDamage::Stop)
    );
    assert_eq!(
        (s.max_gain_db.value, s.preload_limit.value, s.poll_ms.value),
        (6.0, 10, 50)
    );
    assert_eq!(
        (s.control.value.as_deref(), s.control_group.value.as_deref()),
        (Some("/tmp/show.sock"), Some("crew"))
    );
    assert_eq!(s.osc.value.to_string(), "127.0.0.1:9000");
    let inputs: Vec<String> = s.input.value.iter().map(ToString::to_string).collect();
    assert_eq!(inputs, ["evdev:/dev/input/event3", "gpio:gpiochip0/17"]);
    assert_eq!(s.map.value, Some("m.toml".into()));
    assert_eq!(s.midi.value, MidiFrom::Client("nanoPAD2".into()));
    let midi = |line, variable| {
        play_with(line, &[("BACKLINE_MIDI", variable)])
            .settings
            .midi
            .value
    };
    assert_eq!(midi("a --midi", "0"), MidiFrom::Anyone);
    assert_eq!(midi("a", "1"), MidiFrom::Anyone);
    assert_eq!(midi("a", "0"), MidiFrom::None);
    assert_eq!(midi("a --midi=none", "X"), MidiFrom::None);
    let jack = play(
        "a --backend jack --connect main_L=a:b --connect physical --ports tracks --server studio",
    )
    .settings;
    assert_eq!(
        jack.connect.value,
        ["main_L=a:b".parse().unwrap(), Connect::Physical]
    );
    assert_eq!(
        (jack.ports.value.word(), jack.server.value.as_deref()),
        ("tracks", Some("studio"))
    );
}

#[test]
fn nothing_said() {
    let bare = play("song");
    assert_eq!(
        (bare.passes, bare.on_end, bare.keys, bare.fail_on_xrun),
        (Passes::Times(1), None, true, false)
    );
    assert_eq!(bare.run.master.gain(12.0), 1.0);
    assert_eq!((bare.run.start, bare.run.end), (None, None));
    assert_eq!((bare.settings.period.value, bare.notices.len()), (2048, 0));
}

#[test]
fn loops_have_an_optional_value() {
    assert_eq!(play("a --loop").passes, Passes::Loop(None));
    assert_eq!(
        play("a --loop=1..2").passes,
        Passes::Loop(Some("1..2".parse().unwrap()))
    );
    // Without `=`, the next word is an input.
    let split = play("--loop a");
    assert_eq!(
        (split.passes, split.run.inputs),
        (Passes::Loop(None), vec![PathBuf::from("a")])
    );
    refused(
        "play a --loop --repeat 2",
        "--loop can't be used with --repeat",
        TRY_PLAY,
    );
    refused(
        "play a --loop=2..1",
        "--loop: expected a range whose end is after its start, not `2..1`",
        TRY_PLAY,
    );
    refused(
        "play a --repeat 0",
        "--repeat: expected a whole number from 1 to 4294967295, not `0`",
        TRY_PLAY,
    );
}

#[test]
fn values_may_begin_with_a_minus() {
    let run = play("a --gain -x-=-6 --mute -v --master -inf --pan=-x=-1 --max-gain-db -3").run;
    assert_eq!(run.overrides.gains[0].0, TrackRef::Name("-x-".into()));
    assert_eq!(run.overrides.mutes, [TrackRef::Name("-v".into())]);
    assert_eq!(run.master.gain(12.0), 0.0);
}

#[test]
fn refusals() {
    refused("", "a command is missing", "try `backline --help`");
    refused("ply", "there is no command `ply`", "did you mean `play`?");
    refused(
        "examine",
        "there is no command `examine`",
        "try `backline --help`",
    );
    refused(
        "/",
        "there is no command `/`",
        "to play it: `backline play /`",
    );
    refused(
        "play",
        "play needs at least one INPUT: audio files, a folder of stems, or a song file",
        TRY_PLAY,
    );
    refused(
        "play a --periood 3",
        "there is no option --periood",
        "did you mean `--period`?",
    );
    refused("play a --rate", "--rate needs a value", TRY_PLAY);
    let nameless = parse(["backline", "play", ""].map(OsString::from), &|_| None);
    assert_eq!(nameless.unwrap_err().message, "INPUT needs a value");
    refused(
        "play a --backend",
        "--backend needs a value: one of auto, jack, alsa, null",
        TRY_PLAY,
    );
    refused(
        "play a --backend oss",
        "--backend: expected one of auto, jack, alsa, null, not `oss`",
        TRY_PLAY,
    );
    refused(
        "play a --format s20",
        "--format: expected one of s16, s24, s24_3, s32, f32, not `s20`",
        "did you mean `s24`?",
    );
    refused(
        "play a --period 15",
        "--period: expected a whole number from 16 to 8192, not `15`",
        TRY_PLAY,
    );
    refused(
        "play a --poll-ms 9",
        "--poll-ms: expected a whole number from 10 to 1000, not `9`",
        TRY_PLAY,
    );
    refused(
        "play a --rate 48k",
        "--rate: expected a whole number from 4000 to 768000, not `48k`",
        TRY_PLAY,
    );
    refused(
        "play a --max-gain-db 25",
        "--max-gain-db: expected a level from -60 to 24 dB, not `25`",
        TRY_PLAY,
    );
    refused(
        "play a --gain drums",
        "--gain: expected TRACK=LEVEL such as `drums=-6`, not `drums`",
        TRY_PLAY,
    );
    refused(
        "play a --gain drums=nan",
        "--gain: expected a level in dB such as `-6`, `+3.5dB` or `-inf`, or a factor such as `x0.5`, not `nan`",
        TRY_PLAY,
    );
    refused(
        "play a --pan drums=2",
        "--pan: expected a position from -1 (left) to 1 (right), not `2`",
        TRY_PLAY,
    );
    refused(
        "play a --mono=1",
        "--mono takes no value, not `1`",
        TRY_PLAY,
    );
    refused(
        "play a --master 1 --master 2",
        "--master can be given only once",
        TRY_PLAY,
    );
    refused(
        "play a --start 2 --end 1",
        "--end must be after --start",
        "",
    );
    refused("play a --end 0", "--end must be after --start", "");
    refused(
        "play a --name a/b",
        "--name: expected a name of 1 to 63 bytes without `:` and `/` that doesn't begin with `.`, not `a/b`",
        TRY_PLAY,
    );
    refused(
        "play a --device hw:0 --backend jack",
        "--device names an ALSA device, so it can't be used with --backend jack",
        "",
    );
    refused(
        "play a --connect none --connect physical",
        "--connect: `none` stands alone, without other rules",
        "",
    );
    refused(
        "play a --device hw:0 --connect none",
        "--connect is for JACK, and the backend here is alsa",
        "",
    );
    refused(
        "play a --backend null --ports tracks",
        "--ports is for JACK, and the backend here is null",
        "",
    );
    refused("info", "FILE is missing", "try `backline info --help`");
    refused(
        "completions tcsh",
        "SHELL: expected one of bash, elvish, fish, powershell, zsh, not `tcsh`",
        "did you mean `zsh`?",
    );
    refused(
        "config",
        "a command is missing",
        "try `backline config --help`",
    );
    refused(
        "config show x",
        "one argument too many: `x`",
        "try `backline config show --help`",
    );
    refused(
        "play a \u{1b}[2J --x\u{1b}",
        "there is no option --x\u{fffd}",
        TRY_PLAY,
    );
}

#[test]
fn rendering() {
    let all = render(
        "a b -o mix.wav --format f32 --rate 44100 --dither none --only-bus click --stems out --repeat 2 --gain 1=-6 --master 3 --strict-rate --on-damage stop",
    );
    assert_eq!(
        (all.output, all.stems),
        (Some("mix.wav".into()), Some("out".into()))
    );
    assert_eq!(
        (all.format, all.rate, all.repeat),
        (RenderFormat::F32, Some(44_100), 2)
    );
    assert_eq!(all.only_bus.as_deref(), Some("click"));
    assert_eq!(
        (all.settings.dither.value, all.settings.strict_rate.value),
        (Dither::None, true)
    );
    assert_eq!(all.run.overrides.gains.len(), 1);
    let bare = render("a -o -");
    assert_eq!(
        (bare.format, bare.rate, bare.repeat),
        (RenderFormat::S24, None, 1)
    );
    refused(
        "render a",
        "render needs to know where to: -o FILE, or --stems DIR, or both",
        "",
    );
    refused(
        "render -o x",
        "render needs at least one INPUT: audio files, a folder of stems, or a song file",
        "try `backline render --help`",
    );
    refused(
        "render a -o - --status json",
        "-o - and --status json both write to standard output; choose one",
        "",
    );
    refused(
        "render a -o x --format s32",
        "--format: expected one of s16, s24, f32, not `s32`",
        "did you mean `f32`?",
    );
    refused(
        "render a -o x --loop",
        "there is no option --loop",
        "try `backline render --help`",
    );
}

#[test]
fn the_environment_is_below_the_flags() {
    let period = |line, variables: &[(&str, &str)]| {
        let period = play_with(line, variables).settings.period;
        (period.value, period.source.to_string())
    };
    let variables = [("BACKLINE_PERIOD", "512")];
    assert_eq!(period("a", &variables), (512, "BACKLINE_PERIOD".into()));
    assert_eq!(period("a --period 64", &variables), (64, "--period".into()));
    assert_eq!(
        period("a --profile modern", &variables),
        (1024, "profile modern (--profile)".into())
    );
    assert_eq!(period("a", &[("BACKLINE_PERIOD", "")]).0, 2048);

    let env = [
        ("BACKLINE_GAIN", "drums=-6; 2=-inf"),
        ("BACKLINE_MASTER", "-3"),
        ("BACKLINE_MONO", "yes"),
        ("BACKLINE_NO_KEYS", "0"),
        ("BACKLINE_LOOP", "1..2"),
    ];
    let both = play_with("a --master -1", &env);
    assert_eq!(both.run.overrides.gains.len(), 2);
    assert_eq!(both.run.master.to_string(), "-1 dB");
    assert!(both.run.mono && both.keys);
    assert_eq!(both.passes, Passes::Loop(Some("1..2".parse().unwrap())));
    let flagged = play_with("a --gain 1=0 --repeat 2", &env);
    assert_eq!(
        (flagged.run.overrides.gains.len(), flagged.passes),
        (1, Passes::Times(2))
    );
    assert_eq!(
        play_with("a", &[("BACKLINE_LOOP", "1")]).passes,
        Passes::Loop(None)
    );
    assert_eq!(
        play_with("a", &[("BACKLINE_LOOP", "0")]).passes,
        Passes::Times(1)
    );
}

#[test]
fn a_variable_turns_off_what_the_file_turns_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "strict_rate = true").unwrap();
    let file = ("BACKLINE_CONFIG", path.to_str().unwrap());
    assert!(play_with("a", &[file]).settings.strict_rate.value);
    let off = play_with("a", &[file, ("BACKLINE_STRICT_RATE", "0")])
        .settings
        .strict_rate;
    assert_eq!(
        (off.value, off.source),
        (false, Source::Environment("BACKLINE_STRICT_RATE".into()))
    );
    assert!(
        !play_with("a --config none", &[file])
            .settings
            .strict_rate
            .value
    );
}

#[test]
fn variables_are_refused_by_their_names() {
    let refused = |variable: &str, value: &str, message: &str| {
        let failure = run_with("play a", &[(variable, value)]).unwrap_err();
        assert_eq!(failure, Failure::usage(message));
    };
    refused(
        "BACKLINE_PERIODS",
        "1",
        "BACKLINE_PERIODS: expected a whole number from 2 to 16, not `1`",
    );
    refused(
        "BACKLINE_BACKEND",
        "oss",
        "BACKLINE_BACKEND: expected one of auto, jack, alsa, null, not `oss`",
    );
    refused(
        "BACKLINE_MONO",
        "2",
        "BACKLINE_MONO: expected 1 or 0, not `2`",
    );
    refused(
        "BACKLINE_OUT",
        "click=3;main",
        "BACKLINE_OUT: expected BUS=CHANNELS such as `click=3` or `main=1,2` (device channels from 1, each once), not `main`",
    );
    let both = run_with(
        "play a",
        &[("BACKLINE_LOOP", "1"), ("BACKLINE_REPEAT", "2")],
    )
    .unwrap_err();
    assert_eq!(
        both,
        Failure::usage("BACKLINE_REPEAT can't be used with BACKLINE_LOOP")
    );
}

#[test]
fn levels_above_the_ceiling_are_told() {
    assert_eq!(
        play("a --master 20").notices,
        ["--master: 20 dB is above the ceiling, 12 dB is used (--max-gain-db)"]
    );
    assert!(play("a --master 20 --max-gain-db 20").notices.is_empty());
}

#[test]
fn a_broken_configuration_is_78_and_a_usage_error_goes_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "rat = 1").unwrap();
    let code = |line: &str| {
        run_with(&format!("{line} --config {}", path.display()), &[])
            .unwrap_err()
            .code
    };
    assert_eq!(code("play a"), Code::Config);
    assert_eq!(code("render a -o b"), Code::Config);
    assert_eq!(code("config show"), Code::Config);
    assert_eq!(code("play"), Code::Usage);
}

#[test]
fn the_small_commands() {
    assert_eq!(
        run_with("devices", &[]),
        Ok(Action::Devices { json: false })
    );
    assert_eq!(
        run_with("devices", &[("BACKLINE_JSON", "1")]),
        Ok(Action::Devices { json: true })
    );
    assert_eq!(
        run_with("info a b --json", &[]),
        Ok(Action::Info {
            files: vec!["a".into(), "b".into()],
            json: true
        })
    );
    assert_eq!(
        run_with("completions zsh", &[]),
        Ok(Action::Completions(Shell::Zsh))
    );
    assert_eq!(run_with("man", &[]), Ok(Action::Man(None)));
    assert_eq!(run_with("man x", &[]), Ok(Action::Man(Some("x".into()))));
    match run_with(
        "config show --profile legacy --json",
        &[("BACKLINE_RATE", "8000")],
    ) {
        Ok(Action::ConfigShow {
            settings,
            json: true,
            ..
        }) => {
            assert_eq!(
                (settings.period.value, settings.rate.value),
                (4096, Some(8000))
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        printed("--version"),
        format!("backline {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_measurement() {
    let bench = |line: &str, env: &[(&str, &str)]| match run_with(line, env) {
        Ok(Action::Bench(bench)) => bench,
        other => panic!("{other:?}"),
    };
    let plain = bench("bench", &[]);
    assert_eq!((plain.stems, plain.seconds, plain.periods), (24, 24, 2));
    assert!(!plain.json);
    let told = bench(
        "bench --device hw:1 --seconds 7 --json",
        &[("BACKLINE_STEMS", "64"), ("BACKLINE_SECONDS", "9")],
    );
    assert_eq!((told.stems, told.seconds, told.json), (64, 7, true));
    assert_eq!(told.settings.backend.value, BackendChoice::Alsa);
    for bad in [
        "--stems 0",
        "--stems 129",
        "--seconds 5",
        "--backend jack --device x",
        "song",
    ] {
        let code = run_with(&format!("bench {bad}"), &[]).unwrap_err().code;
        assert_eq!(code, Code::Usage, "{bad}");
    }
}

#[test]
fn ctl_takes_levels_and_places_that_begin_with_a_minus() {
    let ctl = |line: &str, env: &[(&str, &str)]| match run_with(&format!("ctl {line}"), env) {
        Ok(Action::Ctl(ctl)) => ctl,
        other => panic!("{other:?}"),
    };
    let gain = ctl("gain drums -inf", &[]);
    assert_eq!(gain.verb.words().1, ["drums", "-inf dB"]);
    assert_eq!((gain.json, gain.name, gain.control), (false, None, None));
    let fade = ctl("--json --name left fade master -6 0:10", &[]);
    assert_eq!(fade.verb.words().1, ["master", "-6 dB", "0:10"]);
    assert_eq!((fade.json, fade.name.as_deref()), (true, Some("left")));
    assert_eq!(ctl("seek -5", &[]).verb.words().1, ["-0:05"]);
    let env = [("BACKLINE_NAME", "left"), ("BACKLINE_JSON", "1")];
    let from_env = ctl("pause", &env);
    assert_eq!(
        (from_env.json, from_env.name.as_deref()),
        (true, Some("left"))
    );
    let socket = ctl("pause --control /run/s", &env);
    assert_eq!((socket.name, socket.control), (None, Some("/run/s".into())));
    refused(
        "ctl pan drums 2",
        "pan: expected a position from -1 (left) to 1 (right), not `2`",
        "",
    );
    refused("ctl", "a command is missing", "try `backline ctl --help`");
}

#[test]
fn a_doctor_takes_broken_settings_for_a_finding() {
    let doctor = |line: &str, env: &[(&str, &str)]| match run_with(line, env) {
        Ok(Action::Doctor(doctor)) => doctor,
        other => panic!("{other:?}"),
    };
    let plain = doctor("doctor", &[]);
    assert!(!plain.strict && !plain.json && plain.files.is_empty());
    let told = doctor(
        "doctor a.wav --server x --strict",
        &[("BACKLINE_JSON", "1"), ("BACKLINE_BACKEND", "jack")],
    );
    assert!(told.strict && told.json);
    let settings = told.settings.unwrap();
    assert_eq!(settings.server.value.as_deref(), Some("x"));
    assert_eq!(settings.backend.value, BackendChoice::Jack);
    let broken = doctor("doctor", &[("BACKLINE_PERIOD", "x")]);
    assert!(broken.settings.unwrap_err().contains("BACKLINE_PERIOD"));
}

#[test]
fn help_says_what_it_does_first() {
    let first = |line: &str| printed(line).lines().next().unwrap_or_default().to_owned();
    for help in ["play --help", "play -h"] {
        assert_eq!(
            first(help),
            "Play a folder's audio files together, as the stems of ONE song"
        );
    }
    assert!(first("--help").starts_with("Real-time multitrack playback"));
    for command in [
        "",
        "play",
        "render",
        "bench",
        "ctl",
        "doctor",
        "check",
        "completions",
        "man",
    ] {
        assert!(
            printed(&format!("{command} --help")).contains("\nExample"),
            "{command}"
        );
    }
    assert!(printed("play --help").contains("--loop[=<A..B>]"));
}

#[test]
fn completions_and_manual_pages() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let script = String::from_utf8(completions(shell)).unwrap();
        assert!(
            script.contains("_BACKLINE_COMPLETE") && script.contains("backline --")
                || shell == Shell::Bash && script.contains("_BACKLINE_LINE"),
            "{shell}"
        );
    }
    let pages = man_pages().unwrap();
    let names = pages.iter().map(|(name, _)| name.as_str());
    let (of_ctl, names): (Vec<&str>, Vec<&str>) =
        names.partition(|n| n.starts_with("backline-ctl-"));
    let verbs = crate::control::VERBS.iter();
    let verbs: Vec<String> = verbs
        .map(|(verb, ..)| format!("backline-ctl-{verb}.1"))
        .collect();
    assert_eq!(of_ctl, verbs);
    assert_eq!(
        names,
        [
            "backline.1",
            "backline-play.1",
            "backline-render.1",
            "backline-check.1",
            "backline-devices.1",
            "backline-info.1",
            "backline-ctl.1",
            "backline-learn.1",
            "backline-bench.1",
            "backline-doctor.1",
            "backline-config.1",
            "backline-config-show.1",
            "backline-unit.1",
            "backline-completions.1",
            "backline-man.1",
        ]
    );
    let play = String::from_utf8(pages[1].1.clone()).unwrap();
    assert!(
        play.contains("stems of ONE song")
            && play.contains("fail\\-on\\-xrun")
            && play.contains("EXIT STATUS")
    );
    assert!(play.contains(".TH backline-play 1"), "{play:.200}");
}
