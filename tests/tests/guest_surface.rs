//! Keys, MIDI and GPIO lines by way of the kernel: a device made with uinput, clients of the ALSA sequencer, a chip of gpio-sim.
//! Runs in the guest only (`tests/rig/guest/runner.sh`), which is why `Cargo.toml` leaves it out of a plain `cargo test`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use alsa::Direction;
use alsa::seq::{Addr, EvCtrl, EvNote, Event, EventType, PortCap, PortSubscribe, PortType, Seq};
use backline::control::{Connection, Verb};
use backline_tests::program::{Home, LONG, Running, wait_until};
use evdev::uinput::VirtualDevice;
use evdev::{AttributeSet, InputEvent, KeyCode};
use serde_json::Value;

fn load(module: &str) {
    let loaded = Command::new("modprobe").arg(module).status().unwrap();
    assert!(loaded.success(), "no module {module}");
}

fn home() -> Home {
    let program =
        std::env::var_os("BACKLINE_BIN").expect("start me through tests/rig/guest/runner.sh");
    let home = Home::new().with_program(program);
    home.wav("show/drums.wav", 20_000);
    home.wav("show/vox.wav", 20_000);
    home
}

fn playing(home: &Home, more: &str) -> Running {
    let play = "play show --backend null --status json --no-keys --on-end loop --map map.toml";
    let mut program = home.start(&format!("{play} {more}"));
    program.wait_until_playing();
    program
}

fn status(home: &Home) -> Value {
    let path = home.path().join("run/backline/backline.sock");
    let mut session = Connection::open(&path).unwrap();
    session.send(&Verb::Status).unwrap();
    session.next(Some(LONG)).unwrap().unwrap().body["ok"].clone()
}

fn until(home: &Home, what: &str, reached: impl Fn(&Value) -> bool) {
    wait_until(what, || reached(&status(home)));
}

/// A foot switch, and the file of its events.
fn pedal() -> (VirtualDevice, PathBuf) {
    let mut keys = AttributeSet::<KeyCode>::new();
    keys.insert(KeyCode::KEY_PAGEDOWN);
    keys.insert(KeyCode::KEY_PAGEUP);
    let builder = VirtualDevice::builder()
        .unwrap()
        .name("Pedal")
        .with_keys(&keys)
        .unwrap();
    let mut pedal = builder.build().unwrap();
    let limit = Instant::now() + LONG;
    loop {
        let path = pedal
            .enumerate_dev_nodes_blocking()
            .unwrap()
            .flatten()
            .next();
        if let Some(path) = path.filter(|path| path.exists()) {
            return (pedal, path);
        }
        assert!(Instant::now() < limit, "no file of events");
    }
}

fn press(pedal: &mut VirtualDevice, key: KeyCode) {
    for down in [1, 0] {
        pedal.emit(&[InputEvent::new(1, key.0, down)]).unwrap();
        // Longer than it may bounce.
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_foot_switch_that_is_unplugged_and_comes_back() {
    for module in ["evdev", "uinput"] {
        load(module);
    }
    let home = home();
    home.file(
        "map.toml",
        "version = 1\n[[map]]\nkey = \"KEY_PAGEDOWN\"\ndo = \"toggle\"\n\
         [[map]]\nkey = \"KEY_PAGEUP\"\non = \"release\"\ndo = \"mute vox toggle\"\n",
    );
    let (mut first, path) = pedal();
    // What is in /dev/input/by-id is a link.
    let link = home.path().join("pedal");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let mut program = playing(&home, &format!("--input evdev:{}", link.display()));
    press(&mut first, KeyCode::KEY_PAGEDOWN);
    until(&home, "paused", |s| s["state"] == "paused");
    press(&mut first, KeyCode::KEY_PAGEUP);
    until(&home, "muted", |s| s["tracks"][1]["mute"] == true);
    // Its keys are the session's alone.
    let mut other = evdev::Device::open(&path).unwrap();
    assert!(other.grab().is_err(), "not grabbed");
    drop(other);

    drop(first);
    fs::remove_file(&link).unwrap();
    let said = |program: &mut Running, what: &str| {
        program.wait_for(what, |e| {
            e["code"] == "input" && e["message"].as_str().is_some_and(|m| m.ends_with(what))
        });
    };
    said(&mut program, "gone; it is used again once it is back");
    let (mut second, path) = pedal();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    said(&mut program, "there");
    press(&mut second, KeyCode::KEY_PAGEDOWN);
    until(&home, "playing", |s| s["state"] == "playing");
}

/// A client that sends, with one port.
fn sender(name: &std::ffi::CStr) -> (Seq, i32) {
    let seq = Seq::open(None, Some(Direction::Playback), false).unwrap();
    seq.set_client_name(name).unwrap();
    let caps = PortCap::READ | PortCap::SUBS_READ;
    let port = seq
        .create_simple_port(c"out", caps, PortType::MIDI_GENERIC)
        .unwrap();
    (seq, port)
}

fn send<D: alsa::seq::EventData>((seq, port): &(Seq, i32), kind: EventType, data: &D) {
    let mut event = Event::new(kind, data);
    event.set_source(*port);
    event.set_subs();
    event.set_direct();
    seq.event_output_direct(&mut event).unwrap();
}

fn note(note: u8, velocity: u8) -> EvNote {
    EvNote {
        channel: 9,
        note,
        velocity,
        ..EvNote::default()
    }
}

fn control(param: u32, value: i32) -> EvCtrl {
    EvCtrl {
        channel: 0,
        param,
        value,
    }
}

#[test]
fn midi_by_the_sequencer_of_whoever_connects_and_of_a_client_that_comes_and_goes() {
    load("snd-seq");
    // The sequencer is found by ALSA's configuration.
    let home = home().with_alsa("/usr/share/alsa/alsa.conf");
    home.file(
        "map.toml",
        "version = 1\n[[map]]\nnote = 36\nchannel = 10\ndo = \"toggle\"\n\
         [[map]]\ncontroller = 7\ndo = \"gain drums\"\nrange = [-40, 6]\n\
         [[map]]\nprogram = 3\ndo = \"mute vox toggle\"\n",
    );
    let mut program = playing(&home, "--midi=Keys");
    let said = |program: &mut Running, what: &str| {
        program.wait_for(what, |e| {
            e["code"] == "input" && e["message"].as_str().is_some_and(|m| m.ends_with(what))
        });
    };
    // Anybody, by hand.
    let mine = sender(c"Mine");
    let ours = {
        let clients = alsa::seq::ClientIter::new(&mine.0);
        let mut clients = clients.filter(|c| c.get_name().is_ok_and(|n| n == "backline"));
        clients.next().expect("the session's client").get_client()
    };
    let subscription = PortSubscribe::empty().unwrap();
    subscription.set_sender(Addr {
        client: mine.0.client_id().unwrap(),
        port: mine.1,
    });
    subscription.set_dest(Addr {
        client: ours,
        port: 0,
    });
    mine.0.subscribe_port(&subscription).unwrap();
    send(&mine, EventType::Noteon, &note(36, 1));
    send(&mine, EventType::Noteoff, &note(36, 64));
    until(&home, "paused", |s| s["state"] == "paused");
    send(&mine, EventType::Noteon, &note(36, 100));
    send(&mine, EventType::Noteon, &note(36, 0));
    until(&home, "playing", |s| s["state"] == "playing");
    for value in 0..=127 {
        send(&mine, EventType::Controller, &control(7, value));
    }
    until(&home, "the fader's last", |s| {
        s["tracks"][0]["gain_db"] == 6.0
    });
    send(&mine, EventType::Pgmchange, &control(0, 2));
    until(&home, "muted", |s| s["tracks"][1]["mute"] == true);

    // The one that is named comes, goes, and comes again.
    for (wanted, state) in [(false, "paused"), (true, "playing")] {
        let keys = sender(c"Keys");
        said(&mut program, "is heard");
        send(&keys, EventType::Noteon, &note(36, 1));
        until(&home, state, |s| s["state"] == state);
        send(&keys, EventType::Pgmchange, &control(0, 2));
        until(&home, "the mute", |s| s["tracks"][1]["mute"] == wanted);
        drop(keys);
        said(&mut program, "is gone; it is heard again once it is back");
    }
}

/// A GPIO chip of eight lines. Its pulls are what a button and the world around it do.
struct Chip {
    name: String,
    config: PathBuf,
    lines: PathBuf,
}

impl Chip {
    /// `None` where the kernel has none and none could be made.
    fn new(board: &str) -> Option<Self> {
        let loaded = Command::new("modprobe").arg("gpio-sim").status().unwrap();
        if !loaded.success() {
            eprintln!("SKIP GPIO lines: the module gpio-sim could not be made for this kernel");
            return None;
        }
        let all = PathBuf::from("/sys/kernel/config/gpio-sim");
        if !all.exists() {
            let mount = ["-t", "configfs", "none", "/sys/kernel/config"];
            assert!(
                Command::new("mount")
                    .args(mount)
                    .status()
                    .unwrap()
                    .success()
            );
        }
        let config = all.join(board);
        fs::create_dir_all(config.join("bank")).unwrap();
        fs::write(config.join("bank/num_lines"), "8").unwrap();
        fs::write(config.join("live"), "1").unwrap();
        let told = |file: &str| {
            fs::read_to_string(config.join(file))
                .unwrap()
                .trim()
                .to_owned()
        };
        let (device, name) = (told("dev_name"), told("bank/chip_name"));
        wait_until("the chip's file", || {
            PathBuf::from("/dev").join(&name).exists()
        });
        let lines = PathBuf::from("/sys/devices/platform")
            .join(device)
            .join(&name);
        Some(Self {
            name,
            config,
            lines,
        })
    }

    fn file(&self, line: u32, what: &str) -> PathBuf {
        self.lines.join(format!("sim_gpio{line}")).join(what)
    }

    fn set(&self, line: u32, high: bool) {
        let pull = if high { "pull-up" } else { "pull-down" };
        fs::write(self.file(line, "pull"), pull).unwrap();
    }

    /// Sets it as a contact does: it bounces. Then it rests for longer than that may be.
    fn bounce(&self, line: u32, high: bool) {
        for high in [high, !high, high, !high, high] {
            self.set(line, high);
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(120));
    }

    /// As the program's own pull resistor left it.
    fn is_high(&self, line: u32) -> bool {
        fs::read_to_string(self.file(line, "value")).unwrap().trim() == "1"
    }
}

impl Drop for Chip {
    fn drop(&mut self) {
        let _ = fs::write(self.config.join("live"), "0");
        let _ = fs::remove_dir(self.config.join("bank"));
        let _ = fs::remove_dir(&self.config);
    }
}

#[test]
fn buttons_on_gpio_lines_press_release_and_bounce() {
    let Some(chip) = Chip::new("buttons") else {
        return;
    };
    let home = home();
    let line = |n: u32| format!("[[map]]\nline = \"{}/{n}\"\n", chip.name);
    home.file(
        "map.toml",
        [
            "version = 1\n".to_owned(),
            line(3) + "do = \"toggle\"\n",
            line(3) + "on = \"release\"\ndo = \"mute vox toggle\"\n",
            line(4) + "debounce_ms = 80\ndo = [\"gain drums -6\", \"solo drums toggle\"]\n",
            line(5) + "debounce_ms = 0\ndo = \"mute drums toggle\"\n",
            line(5) + "debounce_ms = 50\ndo = \"solo vox toggle\"\n",
        ]
        .concat(),
    );
    let inputs: Vec<String> = ["3", "4:high", "5"]
        .map(|n| format!("--input gpio:{}/{n}", chip.name))
        .into();
    let inputs = inputs.join(" ");
    let program = playing(&home, &inputs);
    // Pulled to where no button is pressed.
    assert!(chip.is_high(3) && !chip.is_high(4) && chip.is_high(5));
    let (drums, vox) = (
        |s: &Value, key: &str| s["tracks"][0][key].clone(),
        |s: &Value, key: &str| s["tracks"][1][key].clone(),
    );

    chip.bounce(3, false);
    until(&home, "paused", |s| s["state"] == "paused");
    assert_eq!(vox(&status(&home), "mute"), false);
    chip.bounce(3, true);
    until(&home, "muted", |s| vox(s, "mute") == true);
    assert_eq!(status(&home)["state"], "paused", "one press, one toggle");
    chip.bounce(3, false);
    until(&home, "playing", |s| s["state"] == "playing");
    chip.bounce(3, true);
    until(&home, "heard", |s| vox(s, "mute") == false);

    // To the supply, and two verbs for one press; letting it go is nothing to it.
    chip.bounce(4, true);
    until(&home, "soloed", |s| drums(s, "solo") == true);
    assert_eq!(drums(&status(&home), "gain_db"), -6.0);
    chip.bounce(4, false);
    chip.bounce(4, true);
    until(&home, "not soloed", |s| drums(s, "solo") == false);
    chip.bounce(4, false);

    // Without debouncing every one of the three presses counts, with it the first.
    chip.bounce(5, false);
    until(&home, "three times", |s| drums(s, "mute") == true);
    until(&home, "once", |s| vox(s, "solo") == true);
    assert_eq!(drums(&status(&home), "mute"), true);

    // What another has, and what isn't there.
    let refused = |input: &str, said: &str| {
        let play = "play show --backend null --control none --map map.toml --input";
        let outcome = home.run(&format!("{play} gpio:{}/{input}", chip.name));
        assert_eq!(outcome.code, Some(69), "{outcome:?}");
        assert!(outcome.err.contains(said), "{outcome:?}");
    };
    refused("3", "the line can't be had");
    refused("8", "the chip has 8 lines, from 0");

    program.signal(libc::SIGTERM);
    let outcome = program.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn a_line_is_learned() {
    let Some(chip) = Chip::new("learns") else {
        return;
    };
    let home = home();
    let learn = format!("learn --map new.toml --input gpio:{}/6 next", chip.name);
    let program = home.start(&learn);
    // It has the line when it pulls it up.
    wait_until("it listens", || chip.is_high(6));
    chip.bounce(6, false);
    let outcome = program.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let text = fs::read_to_string(home.path().join("new.toml")).unwrap();
    let entry = format!("[[map]]\nline = \"{}/6\"\ndo = \"next\"\n", chip.name);
    assert!(text.ends_with(&entry), "{text}");
}
