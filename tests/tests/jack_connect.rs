//! Connecting: what was asked for, all of it, nothing else, and in one sentence why not.

use std::process::Command;

use backline_tests::jack_look::Look;
use backline_tests::jackd::Jackd;
use backline_tests::program::{Home, Outcome, Running, wait_until};
use libc::SIGTERM;

fn start(home: &Home, server: &Jackd, args: &str) -> Running {
    let mut command: Command = home.backline(args);
    command.env("JACK_DEFAULT_SERVER", server.name());
    Running::start(&mut command)
}

fn end(playing: Running) -> Outcome {
    playing.signal(SIGTERM);
    let ended = playing.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    ended
}

#[test]
fn what_is_missing_keeps_the_rest_is_said_once_and_connected_when_it_comes() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 60_000);
    let args = "play a.wav --name mine --status json --connect main_L=system:playback_2 \
                --connect main_R=late:in --connect main_R=/late:.*2/";
    let mut playing = start(&home, &server, args);
    playing.wait_until_playing();
    let look = Look::open(&server, "look");
    assert_eq!(look.connections("mine:main_L"), ["system:playback_2"]);
    assert_eq!(look.connections("mine:main_R"), Vec::<String>::new());
    let late = Look::open(&server, "late");
    late.audio_input("in");
    late.audio_input("in2");
    late.activate();
    let mut both = ["late:in".to_owned(), "late:in2".to_owned()];
    wait_until("the late ports' connections", || {
        let mut to = look.connections("mine:main_R");
        to.sort();
        to == both
    });
    // Gone and back, it is connected again, and nothing more is said.
    drop(late);
    wait_until("the end of them", || {
        look.connections("mine:main_R").is_empty()
    });
    let late = Look::open(&server, "late");
    late.audio_input("in");
    late.activate();
    both[1].clear();
    wait_until("a connection again", || {
        look.connections("mine:main_R") == both[..1]
    });
    let ended = end(playing);
    assert_eq!(
        ended.warnings(),
        ["Not there yet: late:in (for main_R) and 1 more; connected as soon as it appears."]
    );
}

#[test]
fn what_can_not_be_connected_is_refused_in_a_sentence() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 500);
    let look = Look::open(&server, "look");
    look.midi_input("notes");
    look.audio_input("one");
    look.audio_input("two");
    for (rule, says) in [
        (
            "main_L=look:notes",
            "The JACK port look:notes is no audio input; name one that is",
        ),
        (
            "main_L=system:capture_1",
            "The JACK port system:capture_1 is no audio input; name one that is",
        ),
        (
            "main_L=/look:.*/",
            "2 JACK inputs match a port like /look:.*/, and it must be one; narrow the pattern",
        ),
        (
            "drums=look:one",
            "There is no port \"drums\" to connect; the ports are main_L, main_R",
        ),
    ] {
        let refused = start(&home, &server, &format!("play a.wav --connect {rule}")).finish();
        assert_eq!(refused.code, Some(64), "{refused:#?}");
        assert_eq!(refused.err, format!("backline: {says}\n"), "{rule}");
    }
    // The MIDI port alone would match, too.
    let midi = "play a.wav --status json --connect main_L=/look:notes/";
    let ended = start(&home, &server, midi).finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(
        ended.warnings(),
        ["Not there yet: a port like /look:notes/ (for main_L); connected as soon as it appears."]
    );
}

#[test]
fn a_pattern_that_is_none_needs_no_server_to_be_refused() {
    let home = Home::new();
    home.wav("a.wav", 500);
    let why = "expected a regular expression between the slashes (found open group without closing ')'), not `(`";
    let flag = home.run("play a.wav --connect main_L=/(/");
    assert_eq!(flag.code, Some(64), "{flag:#?}");
    assert!(flag.err.contains(why), "{flag:#?}");
    assert_eq!(
        flag.err.lines().count(),
        2,
        "a sentence and a hint: {flag:#?}"
    );
    home.file("c.toml", "connect = [\"main_L=/(/\"]\n");
    let config = home.run("play a.wav --config c.toml");
    assert_eq!(config.code, Some(78), "{config:#?}");
    assert!(config.err.contains("c.toml:1:"), "{config:#?}");
    assert!(config.err.contains(why), "{config:#?}");
    home.file(
        "s.toml",
        "version = 1\n[[tracks]]\nfile = \"a.wav\"\n[[buses]]\nname = \"main\"\njack = [\"a:b\", \"/(/\"]\n",
    );
    let song = home.run("play s.toml");
    assert_eq!(song.code, Some(65), "{song:#?}");
    assert!(song.err.contains("s.toml:6:"), "{song:#?}");
    assert!(song.err.contains(why), "{song:#?}");
}

#[test]
fn a_song_says_where_its_buses_go_and_a_flag_goes_before_it() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("song/drums.wav", 60_000);
    home.wav("song/click.wav", 60_000);
    home.file(
        "song/song.toml",
        "version = 1\n\
         [[tracks]]\nfile = \"drums.wav\"\n\
         [[tracks]]\nfile = \"click.wav\"\nbus = \"click\"\n\
         [[buses]]\nname = \"click\"\njack = [\"system:playback_3\", \"/.*:playback_4/\"]\n",
    );
    let look = Look::open(&server, "look");
    let connected = |args: &str| -> [Vec<String>; 4] {
        let args = format!("play song --name mine --status json {args}");
        let mut playing = start(&home, &server, &args);
        playing.wait_until_playing();
        let ports = ["main_L", "main_R", "click_L", "click_R"];
        let to = ports.map(|port| look.connections(&format!("mine:{port}")));
        let ended = end(playing);
        assert_eq!(ended.warnings(), Vec::<String>::new());
        to
    };
    let system = |n: u32| vec![format!("system:playback_{n}")];
    assert_eq!(connected(""), [system(1), system(2), system(3), system(4)]);
    assert_eq!(
        connected("--connect click_L=system:playback_1"),
        [vec![], vec![], system(1), system(4)]
    );
    let nowhere: [Vec<String>; 4] = Default::default();
    assert_eq!(connected("--connect none"), nowhere);
}

#[test]
fn a_configuration_s_rules_hold_for_songs_that_have_the_port() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 500);
    home.file(
        "c.toml",
        "connect = [\"physical\", \"click_L=system:playback_3\"]\n",
    );
    let ended = start(&home, &server, "play a.wav --config c.toml --status json").finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(
        ended.warnings(),
        ["There is no port click_L to connect this time."]
    );
}

#[test]
fn a_taken_name_gets_a_number_which_is_said() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 500);
    let _first = Look::open(&server, "mine");
    let ended = start(&home, &server, "play a.wav --name mine --status json").finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(
        ended.warnings(),
        ["The name \"mine\" is taken on the JACK server; this client is \"mine-01\"."]
    );
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let home = Home::new();
    home.wav("a.wav", 500);
    let says = "No JACK server named \"nowhere\" is running for this user; start one or choose another backend";
    let jack = home.run("play a.wav --backend jack --server nowhere");
    assert_eq!(jack.code, Some(69), "{jack:#?}");
    assert_eq!(jack.err, format!("backline: {says}\n"));
    let auto = home.run("play a.wav --server nowhere");
    assert_eq!(auto.code, Some(69), "{auto:#?}");
    assert_eq!(
        auto.err,
        format!("backline: --server is for JACK: {says}\n")
    );
}

#[test]
fn more_ports_than_the_server_has_are_refused() {
    let Some(server) = Jackd::start_with_ports(256, 48_000, 16) else {
        return;
    };
    let home = Home::new();
    for n in 0..12 {
        home.wav(&format!("song/t{n}.wav"), 500);
    }
    let refused = start(&home, &server, "play song --ports tracks --connect none").finish();
    assert_eq!(refused.code, Some(69), "{refused:#?}");
    let err = refused.err.trim_end();
    assert!(err.contains("refused port \"backline:t"), "{err}");
    assert!(
        err.ends_with("play fewer buses or tracks, or raise its number of ports (jackd -p)"),
        "{err}"
    );
    assert_eq!(err.lines().count(), 1, "{err}");
    let fits = start(&home, &server, "play song/t0.wav --connect none").finish();
    assert_eq!(fits.code, Some(0), "{fits:#?}");
}

#[test]
fn a_server_is_started_only_when_told_to_and_ends_with_us() {
    // The lock on the name, and what to call.
    let Some(mut server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 60_000);
    let name = server.name().to_owned();
    let driver = "-r -S -d dummy -r 44100 -p 512 -C 2 -P 2";
    home.file(
        ".jackdrc",
        format!("/usr/bin/jackd -T -n {name} {driver}\n"),
    );
    server.kill();
    let command = |args: &str| {
        let mut command = home.backline(args);
        command
            .env("JACK_DEFAULT_SERVER", &name)
            .env("JACK_NO_AUDIO_RESERVATION", "1")
            .env_remove("JACK_NO_START_SERVER");
        command
    };
    let run = |command: &mut Command| Running::start(command).finish();
    // Not by itself, …
    let unasked = run(&mut command("play a.wav --backend jack"));
    assert_eq!(unasked.code, Some(69), "{unasked:#?}");
    assert!(unasked.err.contains("No JACK server"), "{unasked:#?}");
    // … nor where it is forbidden, …
    let mut forbidden = command("play a.wav --start-server");
    let forbidden = run(forbidden.env("JACK_NO_START_SERVER", "1"));
    assert_eq!(forbidden.code, Some(69), "{forbidden:#?}");
    assert_eq!(
        forbidden.err,
        format!(
            "backline: --start-server is for JACK: No JACK server named \"{name}\" is running, and $JACK_NO_START_SERVER forbids starting one; unset it or start the server\n"
        )
    );
    assert!(!backend_jack::server_running(Some(&name)));
    // … but on the word of a flag, an environment variable or a configuration.
    let mut playing = Running::start(&mut command("play a.wav --start-server --status json"));
    let warning = playing.wait_for("a warning", |e| e["event"] == "warning");
    assert_eq!(
        warning["message"],
        format!("the JACK server {name} was started")
    );
    let started = playing.wait_for("start", |e| e["event"] == "started");
    assert_eq!(
        (&started["backend"], &started["period"]),
        (&"jack".into(), &512.into())
    );
    let look = Look::open(&server, "look");
    assert_eq!(look.connections("backline:main_L"), ["system:playback_1"]);
    drop(look);
    // Every line of ours is ours: jackd's own are not among them.
    let ended = end(playing);
    assert_eq!(ended.summary()["rate"], 44_100);
    wait_until("the end of the server", || {
        !backend_jack::server_running(Some(&name))
    });
    // One that can't be started is said, too.
    home.file(".jackdrc", "/usr/bin/jackd -d nonsense\n");
    let mut broken = command("play a.wav --backend jack");
    let broken = run(broken.env("BACKLINE_START_SERVER", "1"));
    assert_eq!(broken.code, Some(69), "{broken:#?}");
    assert!(
        broken
            .err
            .contains("could not be started; try the command in ~/.jackdrc by hand"),
        "{broken:#?}"
    );
}
