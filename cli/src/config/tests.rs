//! Files, layers, sources and what is shown of them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use engine_core::convert::{Dither, SampleFormat};

use super::*;
use crate::exit::{Code, Failure};
use crate::units::Connect;

fn parse(text: &str) -> Result<Layer, Failure> {
    ConfigFile::parse(Path::new("c.toml"), text)
}

fn refused(text: &str, complaint: &str) {
    assert_eq!(
        parse(text),
        Err(Failure::new(Code::Config, format!("c.toml:{complaint}"))),
        "{text}"
    );
}

fn file(text: &str) -> ConfigFile {
    ConfigFile {
        path: Some("c.toml".into()),
        layer: parse(text).unwrap(),
        notice: None,
    }
}

fn resolve(flags: &str, env: &str, config: &str) -> Settings {
    Settings::resolve(&parse(flags).unwrap(), &parse(env).unwrap(), &file(config)).unwrap()
}

const WHOLE: &str = r#"
    profile = "modern"
    backend = "jack"
    device = "hw:CARD=USB"
    rate = 44100
    period = 512
    periods = 4
    format = "s24_3"
    dither = "none"
    mixer = "Digital,1"
    volume = -20
    volume_max = "-9.5 dB"
    keep_alive = "noise"
    channel_map = "FL,FR"
    ring_ms = 700
    rt_priority = 50
    strict_rate = true
    max_gain_db = -3.5
    preload_limit = 128
    name = "left"
    server = "studio"
    start_server = true
    ports = "tracks"
    transport = "follow"
    connect = ["physical", "click=/a:b/"]
    control = "/run/show.sock"
    control_group = "crew"
    osc = "0.0.0.0:9000"
    map = "/etc/backline/map.toml"
    midi = "nanoPAD2"
    input = ["evdev:/dev/input/event3", "gpio:gpiochip0/17"]
    status = "json"
    on_damage = "stop"
    wait_device = 30
    metrics = "/run/figures.prom"
    keep_state = "/var/lib/backline/state.json"
    on_loss = "exit"
    on_return = "stay"
    [controller]
    poll_ms = 20
    [monitoring]
    level = "sampled"
"#;

#[test]
fn every_key_arrives_with_its_source() {
    let settings = resolve("", "", WHOLE);
    let values: Vec<String> = rows(&settings)
        .iter()
        .map(|row| format!("{} {}", row.key, row.value))
        .collect();
    assert_eq!(
        values,
        [
            r#"profile "modern""#,
            r#"backend "jack""#,
            r#"device "hw:CARD=USB""#,
            "rate 44100",
            "period 512",
            "periods 4",
            r#"format "s24_3""#,
            r#"dither "none""#,
            r#"mixer "Digital,1""#,
            r#"volume "-20 dB""#,
            r#"volume_max "-9.5 dB""#,
            r#"keep_alive "noise""#,
            r#"channel_map "FL,FR""#,
            "ring_ms 700",
            "rt_priority 50",
            "strict_rate true",
            "max_gain_db -3.5",
            "preload_limit 128",
            r#"name "left""#,
            r#"server "studio""#,
            "start_server true",
            r#"ports "tracks""#,
            r#"connect ["physical","click=/a:b/"]"#,
            r#"transport "follow""#,
            r#"control "/run/show.sock""#,
            r#"control_group "crew""#,
            r#"osc "0.0.0.0:9000""#,
            r#"map "/etc/backline/map.toml""#,
            r#"midi "nanoPAD2""#,
            r#"input ["evdev:/dev/input/event3","gpio:gpiochip0/17"]"#,
            r#"status "json""#,
            r#"on_damage "stop""#,
            "wait_device 30",
            r#"metrics "/run/figures.prom""#,
            r#"keep_state "/var/lib/backline/state.json""#,
            r#"on_loss "exit""#,
            r#"on_return "stay""#,
            "controller.poll_ms 20",
            r#"monitoring.level "sampled""#,
        ]
    );
    for row in rows(&settings) {
        assert_eq!(row.source, "c.toml", "{}", row.key);
    }
}

#[test]
fn defaults() {
    let settings = resolve("", "", "");
    assert_eq!(settings.backend.value, BackendChoice::Auto);
    assert_eq!(
        (
            settings.rate.value,
            settings.device.value,
            settings.format.value
        ),
        (None, None, None)
    );
    assert_eq!((settings.period.value, settings.periods.value), (2048, 3));
    assert_eq!(
        (settings.ring_ms.value, settings.rt_priority.value),
        (1000, 60)
    );
    assert_eq!(settings.dither.value, Dither::Tpdf);
    assert_eq!(
        (settings.max_gain_db.value, settings.preload_limit.value),
        (12.0, 64)
    );
    assert_eq!(settings.name.value, "backline");
    assert_eq!(settings.connect.value, [Connect::Physical]);
    assert_eq!(settings.poll_ms.value, 100);
    assert_eq!(
        (settings.on_loss.value, settings.on_return.value),
        (OnLoss::Wait, OnReturn::Stay)
    );
    assert_eq!(
        settings.period.source.to_string(),
        "profile balanced (default)"
    );
    assert_eq!(settings.poll_ms.source, Source::Default);
    let monitor = if cfg!(debug_assertions) {
        MonitorLevel::Full
    } else {
        MonitorLevel::Off
    };
    assert_eq!(settings.monitor.value, monitor);
}

#[test]
fn flag_before_environment_before_file() {
    let seen = |flags, env, config| {
        let rate = resolve(flags, env, config).rate;
        (rate.value, rate.source.to_string())
    };
    let (a, b, c) = ("rate = 8000", "rate = 16000", "rate = 32000");
    assert_eq!(seen(a, b, c), (Some(8000), "--rate".into()));
    assert_eq!(seen("", b, c), (Some(16_000), "BACKLINE_RATE".into()));
    assert_eq!(seen("", "", c), (Some(32_000), "c.toml".into()));
    assert_eq!(seen("", "", ""), (None, "default".into()));
    assert!(resolve(a, "", "").rate.source.is_explicit());
    assert!(!resolve("", "", c).rate.source.is_explicit());
}

#[test]
fn every_field_of_a_profile_is_applied() {
    for (profile, expected) in [
        ("legacy", (4096, 3, 2000, 60)),
        ("balanced", (2048, 3, 1000, 60)),
        ("modern", (1024, 2, 1000, 65)),
        ("low-latency", (128, 2, 500, 70)),
    ] {
        let s = resolve(&format!("profile = '{profile}'"), "", "");
        assert_eq!(
            (
                s.period.value,
                s.periods.value,
                s.ring_ms.value,
                s.rt_priority.value
            ),
            expected
        );
        for source in [
            s.period.source,
            s.periods.source,
            s.ring_ms.source,
            s.rt_priority.source,
        ] {
            assert_eq!(source.to_string(), format!("profile {profile} (--profile)"));
        }
    }
}

#[test]
fn a_profile_goes_before_lower_layers_and_after_its_own() {
    let s = resolve(
        "profile = 'modern'",
        "",
        "period = 256\nprofile = 'legacy'\nring_ms = 300",
    );
    assert_eq!((s.period.value, s.ring_ms.value), (1024, 1000));
    let s = resolve("period = 64", "profile = 'low-latency'", "periods = 8");
    assert_eq!((s.period.value, s.periods.value), (64, 2));
    assert_eq!(
        s.periods.source.to_string(),
        "profile low-latency (BACKLINE_PROFILE)"
    );
    let s = resolve("", "", "period = 256\nprofile = 'legacy'");
    assert_eq!((s.period.value, s.periods.value), (256, 3));
}

#[test]
fn a_device_means_alsa() {
    let backend = |flags: &str, env: &str, config: &str| {
        let backend = resolve(flags, env, config).backend;
        (backend.value, backend.source.to_string())
    };
    let device = "device = 'hw:1'";
    assert_eq!(
        backend(device, "", ""),
        (BackendChoice::Alsa, "--device".into())
    );
    assert_eq!(
        backend(device, "", "backend = 'jack'"),
        (BackendChoice::Alsa, "--device".into())
    );
    assert_eq!(
        backend("", "", device),
        (BackendChoice::Alsa, "c.toml".into())
    );
    assert_eq!(
        backend("backend = 'auto'", device, ""),
        (BackendChoice::Auto, "--backend".into())
    );
    assert_eq!(
        backend("backend = 'jack'", "", device),
        (BackendChoice::Jack, "--backend".into())
    );
    assert_eq!(
        backend("", "", "backend = 'jack'\ndevice = 'hw:1'").0,
        BackendChoice::Jack
    );
    let both = |layer: &str| format!("{device}\nbackend = '{layer}'");
    let error = |flags: &str, env: &str| {
        Settings::resolve(&parse(flags).unwrap(), &parse(env).unwrap(), &file("")).unwrap_err()
    };
    assert_eq!(
        error(&both("jack"), ""),
        Failure::usage("--device names an ALSA device, so it can't be used with --backend jack")
    );
    assert_eq!(
        error("", &both("null")),
        Failure::usage(
            "BACKLINE_DEVICE names an ALSA device, so it can't be used with BACKLINE_BACKEND null"
        )
    );
    assert_eq!(backend(&both("alsa"), "", "").0, BackendChoice::Alsa);
}

#[test]
fn what_a_file_can_not_say() {
    refused(
        "prefix = 1",
        "1:1: unknown key `prefix`, expected one of `profile`, `backend`, `device`, `rate`, `period`, `periods`, `format`, `dither`, `mixer`, `volume`, `volume_max`, `keep_alive`, `channel_map`, `ring_ms`, `rt_priority`, `strict_rate`, `max_gain_db`, `preload_limit`, `name`, `server`, `start_server`, `ports`, `connect`, `transport`, `control`, `control_group`, `osc`, `map`, `midi`, `input`, `status`, `on_damage`, `wait_device`, `metrics`, `keep_state`, `on_loss`, `on_return`, `controller`, `monitoring`",
    );
    refused(
        "\n[controller]\npoll = 1",
        "3:1: unknown key `poll`, expected `poll_ms`",
    );
    refused(
        "[controller]\npoll_ms = 9",
        "2:11: `poll_ms` is 9; it can be 10 to 1000 ms",
    );
    refused(
        "[controller]\npoll_ms = 1001",
        "2:11: `poll_ms` is 1001; it can be 10 to 1000 ms",
    );
    refused("rate = 0", "1:8: `rate` is 0; it can be 4000 to 768000 Hz");
    refused(
        "period = -1",
        "1:10: `period` is -1; it can be 16 to 8192 frames",
    );
    refused("periods = 1", "1:11: `periods` is 1; it can be 2 to 16");
    refused(
        "ring_ms = 5000000000",
        "1:11: `ring_ms` is 5000000000; it can be 100 to 20000 ms",
    );
    refused(
        "rt_priority = 99",
        "1:15: `rt_priority` is 99; it can be 1 to 98",
    );
    refused(
        "preload_limit = 0",
        "1:17: `preload_limit` is 0; it can be 1 to 65536 MB",
    );
    refused(
        "max_gain_db = 24.5",
        "1:15: `max_gain_db` is 24.5; it can be -60 to 24 dB",
    );
    refused(
        "max_gain_db = nan",
        "1:15: `max_gain_db` is NaN; it can be -60 to 24 dB",
    );
    refused(
        "rate = '48k'",
        "1:8: expected a whole number, not string \"48k\"",
    );
    refused(
        "backend = 'pulse'",
        "1:11: unknown value `pulse`, expected one of `auto`, `jack`, `alsa`, `null`",
    );
    refused(
        "format = 's20'",
        "1:10: unknown value `s20`, expected one of `s16`, `s24`, `s24_3`, `s32`, `f32`",
    );
    refused(
        "dither = 'rpdf'",
        "1:10: unknown value `rpdf`, expected one of `none`, `tpdf`",
    );
    refused(
        "profile = 'fast'",
        "1:11: unknown value `fast`, expected one of `legacy`, `balanced`, `modern`, `low-latency`",
    );
    refused(
        "keep_alive = 'hiss'",
        "1:14: expected true, false, `silence` or `noise`",
    );
    refused("volume = true", "1:10: expected a level in dB such as `-6`");
    refused(
        "volume_max = 'loud'",
        "1:14: expected a level in dB such as `-6`, `+3.5dB` or `-inf`, or a factor such as `x0.5`, not `loud`",
    );
    refused(
        "mixer = 'Master,left'",
        "1:9: expected a mixer's name such as `Master` or `Headphone,1`, not `Master,left`",
    );
    refused(
        "name = 'a:b'",
        "1:8: expected a name of 1 to 63 bytes without `:` and `/` that doesn't begin with `.`, not `a:b`",
    );
    refused("server = ''", "1:10: expected a name, not an empty string");
    refused(
        "connect = []",
        "1:11: an empty list connects nothing; say `none`",
    );
    refused(
        "connect = ['none', 'physical']",
        "1:11: `none` stands alone, without other rules",
    );
    refused(
        "connect = 'none'",
        "1:11: expected a list (`[…]` or `[[…]]`), not string \"none\"",
    );
    refused(
        "strict_rate = 1",
        "1:15: expected true or false, not integer `1`",
    );
    refused(
        "[monitoring]\nenable_latency_monitor = true\nlevel = 'off'",
        "1:1: `enable_latency_monitor = true` and `level = \"off\"` contradict each other; remove one",
    );
    refused(
        "rate = ",
        "1:8: string values must be quoted, expected literal string",
    );
}

#[test]
fn monitoring_by_either_key() {
    let level = |text: &str| parse(&format!("[monitoring]\n{text}")).unwrap().monitor;
    assert_eq!(level(""), None);
    assert_eq!(
        level("enable_latency_monitor = true"),
        Some(MonitorLevel::Full)
    );
    assert_eq!(
        level("enable_latency_monitor = false"),
        Some(MonitorLevel::Off)
    );
    assert_eq!(
        level("enable_latency_monitor = false\nlevel = 'sampled'"),
        Some(MonitorLevel::Sampled)
    );
    assert_eq!(
        level("enable_latency_monitor = true\nlevel = 'full'"),
        Some(MonitorLevel::Full)
    );
}

#[test]
fn limits_are_inside() {
    for text in [
        "[controller]\npoll_ms = 10",
        "[controller]\npoll_ms = 1000",
        "rate = 4000",
        "period = 8192",
        "max_gain_db = 24",
        "max_gain_db = -60",
    ] {
        assert!(parse(text).is_ok(), "{text}");
    }
}

/// A home with these files, and the variables that point to it.
struct Home(tempfile::TempDir);

impl Home {
    fn new(files: &[(&str, &str)]) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            let path = home.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn find(&self, wanted: &Wanted, variables: &[(&str, &str)]) -> Result<ConfigFile, Failure> {
        let variables: HashMap<&str, OsString> = variables
            .iter()
            .map(|(name, value)| match *value {
                "none" => (*name, "none".into()),
                value => (*name, self.path(value).into_os_string()),
            })
            .collect();
        ConfigFile::find(wanted, &|name| variables.get(name).cloned())
    }
}

#[test]
fn the_first_file_found_counts() {
    let home = Home::new(&[
        ("named.toml", "rate = 8000"),
        ("xdg/backline/config.toml", "rate = 16000"),
        (".config/backline/config.toml", "rate = 32000"),
    ]);
    let rate = |wanted: &Wanted, variables: &[(&str, &str)]| {
        home.find(wanted, variables).unwrap().layer.rate
    };
    let all = [
        ("BACKLINE_CONFIG", "named.toml"),
        ("XDG_CONFIG_HOME", "xdg"),
        ("HOME", ""),
    ];
    assert_eq!(rate(&Wanted::Search, &all), Some(8000));
    assert_eq!(rate(&Wanted::Search, &all[1..]), Some(16_000));
    assert_eq!(rate(&Wanted::Search, &all[2..]), Some(32_000));
    assert_eq!(
        rate(
            &Wanted::named(home.path(".config/backline/config.toml")),
            &all
        ),
        Some(32_000)
    );
    assert_eq!(
        home.find(&Wanted::named("none"), &all).unwrap(),
        ConfigFile::default()
    );
    let off = [("BACKLINE_CONFIG", "none"), all[1], all[2]];
    assert_eq!(
        home.find(&Wanted::Search, &off).unwrap(),
        ConfigFile::default()
    );
}

#[test]
fn a_missing_file_means_defaults_and_a_broken_one_78() {
    let home = Home::new(&[
        ("xdg/backline/config.toml", "rate = 16000"),
        ("broken.toml", "rate = 1"),
    ]);
    let gone = home.path("gone.toml");
    let found = home
        .find(&Wanted::named(gone.clone()), &[("XDG_CONFIG_HOME", "xdg")])
        .unwrap();
    assert_eq!((found.path, found.layer), (None, Layer::default()));
    let notice = format!(
        "{}: no such configuration file, going on without it",
        gone.display()
    );
    assert_eq!(found.notice.as_deref(), Some(notice.as_str()));
    let found = home
        .find(
            &Wanted::Search,
            &[("BACKLINE_CONFIG", "gone.toml"), ("XDG_CONFIG_HOME", "xdg")],
        )
        .unwrap();
    assert_eq!(
        (found.layer.rate, found.notice.is_some()),
        (Some(16_000), true)
    );
    let broken = home.path("broken.toml");
    assert_eq!(
        home.find(&Wanted::named(broken.clone()), &[]),
        Err(Failure::new(
            Code::Config,
            format!(
                "{}:1:8: `rate` is 1; it can be 4000 to 768000 Hz",
                broken.display()
            )
        ))
    );
    let folder = home.path("xdg");
    assert_eq!(
        home.find(&Wanted::named(folder.clone()), &[]),
        Err(Failure::new(
            Code::Config,
            format!("{}: can't be read: not a regular file", folder.display())
        ))
    );
}

#[test]
fn shown_as_text_and_json() {
    let settings = resolve("rate = 48000", "", "format = 's16'");
    assert_eq!(settings.format.value, Some(SampleFormat::S16));
    let text = to_text(&settings);
    assert!(text.starts_with("# configuration file: c.toml\nprofile = \"balanced\""));
    assert!(text.contains("\nrate = 48000                             # --rate\n"));
    assert!(text.contains("\n# device is not set                      # default\n"));
    assert!(text.contains("\nformat = \"s16\"                           # c.toml\n"));
    // What it prints is a configuration.
    let again = parse(
        &text
            .replace("controller.poll_ms", "[controller]\npoll_ms")
            .replace("monitoring.level", "[monitoring]\nlevel"),
    );
    assert_eq!(again.unwrap().rate, Some(48_000));
    assert!(parse(&text).is_ok(), "{text}");
    let json = to_json(&settings);
    assert_eq!(json["config_file"], "c.toml");
    assert_eq!(
        json["settings"]["rate"],
        serde_json::json!({ "value": 48000, "source": "--rate" })
    );
    assert_eq!(json["settings"]["device"]["value"], serde_json::Value::Null);
    assert_eq!(json["settings"].as_object().unwrap().len(), 39);
}

#[test]
fn the_documented_file_is_good_and_every_key_documented() {
    let doc = include_str!("../../docs/config.md");
    let example = doc
        .split("```toml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let s = resolve("", "", example);
    assert_eq!(
        (s.period.value, s.periods.value, s.poll_ms.value),
        (256, 2, 50)
    );
    for row in rows(&s) {
        let key = row.key.rsplit('.').next().unwrap();
        assert!(doc.contains(&format!("`{key}` |")), "{key}");
    }
    for profile in [
        Profile::Legacy,
        Profile::Balanced,
        Profile::Modern,
        Profile::LowLatency,
    ] {
        let v = profile.values();
        let line = format!(
            "| `{}` | {} | {} | {} | {} |",
            profile.word(),
            v.period,
            v.periods,
            v.ring_ms,
            v.rt_priority
        );
        assert!(doc.contains(&line), "{line}");
    }
}
