//! The ports of `backline play` on a JACK server: their names, what people are told of them, and
//! that they stay.

use std::process::Command;

use backline_tests::jack_look::Look;
use backline_tests::jackd::Jackd;
use backline_tests::program::{Home, Running, wait_until};
use jack::PortFlags;
use libc::SIGTERM;

fn start(home: &Home, server: &Jackd, args: &str) -> Running {
    let mut command: Command = home.backline(args);
    command.env("JACK_DEFAULT_SERVER", server.name());
    Running::start(&mut command)
}

#[test]
fn buses_then_tracks_with_names_for_machines_and_for_people() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("song/Drüms.wav", 30_000);
    home.wav("song/click.wav", 30_000);
    let look = Look::open(&server, "look");
    let mut playing = start(
        &home,
        &server,
        "play song --ports both --name mine --status json",
    );
    playing.wait_until_playing();
    assert_eq!(
        look.ports("mine"),
        [
            "mine:main_L",
            "mine:main_R",
            "mine:click_L",
            "mine:click_R",
            "mine:click-2_L",
            "mine:click-2_R",
            "mine:Drums_L",
            "mine:Drums_R",
        ]
    );
    for port in look.ports("mine") {
        let flags = look.flags(&port).expect("a port");
        let wanted = PortFlags::IS_OUTPUT | PortFlags::IS_TERMINAL;
        assert_eq!(flags, wanted, "{port}");
    }
    let of = |port: &str, key: &str| look.property(&format!("mine:{port}"), key);
    wait_until("metadata", || of("Drums_R", "order").is_some());
    assert_eq!(of("main_L", "pretty-name").as_deref(), Some("main L"));
    assert_eq!(of("main_L", "order").as_deref(), Some("1"));
    assert_eq!(of("main_L", "port-group").as_deref(), Some("main"));
    assert_eq!(of("Drums_R", "pretty-name").as_deref(), Some("Drüms R"));
    assert_eq!(of("Drums_R", "order").as_deref(), Some("8"));
    assert_eq!(of("Drums_R", "port-group").as_deref(), Some("Drüms"));
    // By themselves only main's ports are connected.
    let to = |port: &str| look.connections(&format!("mine:{port}"));
    assert_eq!(to("main_L"), ["system:playback_1"]);
    assert_eq!(to("main_R"), ["system:playback_2"]);
    for silent in ["click_L", "click_R", "click-2_L", "Drums_L", "Drums_R"] {
        assert_eq!(to(silent), Vec::<String>::new(), "{silent}");
    }
    playing.signal(SIGTERM);
    assert_eq!(playing.finish().code, Some(0));
}

#[test]
fn a_list_has_all_ports_from_the_start_and_a_song_s_change_leaves_the_patch() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("one/drums.wav", 1_500);
    home.wav("two/drums.wav", 60_000);
    home.wav("two/click.wav", 60_000);
    let look = Look::open(&server, "look");
    let args = "play one two --ports both --name mine --connect none --status json";
    let mut playing = start(&home, &server, args);
    playing.wait_for("the first song", |e| {
        e["event"] == "position" && e["song"] == "one" && e["state"] == "playing"
    });
    let before = look.ports("mine");
    assert!(before.contains(&"mine:click_L".to_owned()), "{before:?}");
    // Taken by hand, one of a port that the first song has not got.
    wait_until("a connection", || {
        look.connect("mine:main_L", "system:playback_3")
    });
    assert!(look.connect("mine:click_R", "system:playback_4"));
    playing.wait_for("the second song", |e| {
        e["event"] == "position" && e["song"] == "two" && e["frame"].as_u64() > Some(24_000)
    });
    assert_eq!(look.ports("mine"), before);
    assert_eq!(look.connections("mine:main_L"), ["system:playback_3"]);
    assert_eq!(look.connections("mine:click_R"), ["system:playback_4"]);
    playing.signal(SIGTERM);
    assert_eq!(playing.finish().code, Some(0));
}

#[test]
fn names_of_any_kind_and_length_become_ports() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    // More than a track's name may have, the same in ASCII, more than a server takes when written as it sounds, and odd.
    let long = "鑵".repeat(80);
    home.wav(&format!("song/{long}a.wav"), 30_000);
    home.wav(&format!("song/{long}b.wav"), 30_000);
    home.wav("song/Fl:te (1).wav", 30_000);
    home.wav("song/Fl+te (1).wav", 30_000);
    home.wav("song/  .wav", 30_000);
    let look = Look::open(&server, "look");
    let mut playing = start(
        &home,
        &server,
        "play song --ports tracks --connect none --status json",
    );
    playing.wait_until_playing();
    let ports = look.ports("backline");
    assert_eq!(ports.len(), 10, "{ports:#?}");
    for port in &ports {
        assert!(port.is_ascii() && port.len() < 256, "{port}");
    }
    assert!(ports.contains(&"backline:Fl_te__1__L".into()), "{ports:#?}");
    assert!(
        ports.contains(&"backline:Fl_te__1_-2_L".into()),
        "{ports:#?}"
    );
    let longest: Vec<&String> = ports.iter().filter(|p| p.len() > 200).collect();
    assert_eq!(longest.len(), 4, "{ports:#?}");
    let pretty = |port: &&String| look.property(port, "pretty-name");
    wait_until("metadata", || longest.iter().all(|p| pretty(p).is_some()));
    let shown: Vec<String> = longest.iter().filter_map(pretty).collect();
    let cut = "鑵".repeat(58);
    for side in ["L", "R"] {
        assert!(shown.contains(&format!("{cut} {side}")), "{shown:?}");
        assert!(shown.contains(&format!("{cut} 2 {side}")), "{shown:?}");
    }
    playing.signal(SIGTERM);
    assert_eq!(playing.finish().code, Some(0));
}

#[test]
fn without_buses_nothing_is_connected_and_that_is_said() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("a.wav", 500);
    let ended = start(&home, &server, "play a.wav --ports tracks --status json").finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(
        ended.warnings(),
        [
            "with --ports tracks nothing is connected by itself: say what goes where with --connect PORT=DEST, or patch it"
        ]
    );
    let quiet = "play a.wav --ports tracks --connect none --status json";
    let ended = start(&home, &server, quiet).finish();
    assert_eq!(ended.warnings(), Vec::<String>::new());
    let refused = start(
        &home,
        &server,
        "play a.wav --ports tracks --connect physical",
    )
    .finish();
    assert_eq!(refused.code, Some(64), "{refused:#?}");
    assert_eq!(
        refused.err,
        "backline: --connect physical connects bus main, and with --ports tracks there are no buses; --ports both has them\n"
    );
}
