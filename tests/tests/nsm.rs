//! `backline` under a session manager (NSM), on a real JACK server.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use backline_tests::jack_look::Look;
use backline_tests::jackd::Jackd;
use backline_tests::nsm::Manager;
use backline_tests::program::{Home, Running, wait_until};
use backline_tests::stems::write_f32_wav;
use backline_tests::terminal::Terminal;
use libc::SIGTERM;
use rosc::OscType;

fn command(home: &Home, manager: &Manager, server: &str, args: &str) -> Command {
    let mut command = home.backline(args);
    command
        .env("JACK_DEFAULT_SERVER", server)
        .env("NSM_URL", manager.url());
    command
}

/// Every file of a session that isn't a link, and where its links lead.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder").flatten() {
            let (path, kind) = (entry.path(), entry.file_type().expect("a type"));
            let name = path.strip_prefix(folder).expect("inside");
            let name = name.to_string_lossy().into_owned();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_symlink() {
                let target = fs::read_link(&path).expect("a link");
                all.insert(name, target.to_string_lossy().into_owned());
            } else {
                all.insert(name, fs::read_to_string(&path).expect("a text"));
            }
        }
    }
    all
}

fn sentence(message: &rosc::OscMessage) -> String {
    let text = message.args.last().cloned().and_then(OscType::string);
    text.unwrap_or_default()
}

#[test]
fn a_session_is_opened_saved_left_and_comes_back_as_it_was() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("one/drums.wav", 1_000);
    home.wav("one/click.wav", 1_000);
    home.wav("two/drums.wav", 60_000);
    let three = [1_f32, 2.0, 3.0].map(|x| vec![x / 8.0; 48_000]);
    write_f32_wav(&home.path().join("two/pads.wav"), 48_000, &three);
    home.wav("other/choir.wav", 60_000);
    let (a, b) = (home.path().join("s/A"), home.path().join("other"));
    let look = Look::open(&server, "look");
    let mut manager = Manager::new();
    let args = "play one two --bus pads=wide --ports both --connect none --gain drums=-6 --pan drums=0.3 --master -2";
    let mut terminal = Terminal::start(command(&home, &manager, server.name(), args));
    let announced = manager.welcome();
    let texts: Vec<Option<String>> = announced.iter().cloned().map(OscType::string).collect();
    assert_eq!(texts[0].as_deref(), Some("backline"));
    assert_eq!(texts[1].as_deref(), Some(":switch:dirty:message:"));
    assert_eq!(texts[2].as_deref(), Some("backline"));
    assert_eq!(announced[3..5], [1.into(), 1.into()]);
    // No client of JACK's before there is a session.
    let until = Instant::now() + Duration::from_millis(500);
    while Instant::now() < until {
        assert_eq!(look.ports("backline.*"), Vec::<String>::new());
        std::thread::sleep(Duration::from_millis(20));
    }

    // The first session is made of the command line's songs.
    manager.open(&a, "backline.nAAAA").expect("opens");
    let ports = look.ports("backline.nAAAA");
    assert_eq!(ports.len(), 14, "{ports:?}");
    assert!(ports.contains(&"backline.nAAAA:click_R".to_owned()));
    wait_until("a connection", || {
        look.connect("backline.nAAAA:main_L", "system:playback_3")
    });
    manager.wait("/nsm/client/is_clean");
    let made = files(&a);
    let drums = home.path().join("one/drums.wav");
    assert_eq!(made["01 one/drums.wav"], drums.to_string_lossy());
    assert!(made["session.toml"].contains("song = 1\n"), "{made:#?}");
    assert!(made["session.toml"].contains("master_db = -2.0\n"));
    assert!(made["session.toml"].contains("ports = \"both\"\n"));
    assert!(made["session.toml"].contains("connect = [\"none\"]\n"));
    assert!(made["02 two/song.toml"].contains("gain_db = -6.0\npan = 0.3\n"));

    // In the second song something is changed, which is to be saved.
    terminal.wait_for_line("the second song", |line| line.contains("1:00"));
    assert!(!manager.comes("/nsm/client/is_dirty", Duration::from_millis(600)));
    terminal.press("m1m4");
    manager.wait("/nsm/client/is_dirty");
    terminal.wait_for_line("both", |line| line.contains("mute 1 4"));
    manager.save().expect("saves");
    manager.wait("/nsm/client/is_clean");
    let saved = files(&a);
    assert!(saved["session.toml"].contains("song = 2\n"), "{saved:#?}");
    assert!(saved["02 two/song.toml"].contains("mute = true\n"));
    // Of a stem of three channels one is set otherwise.
    assert!(
        saved["session.toml"]
            .contains("song = 2\nname = \"pads.3\"\ngain_db = 0.0\npan = 0.0\nmute = true\n"),
        "{saved:#?}"
    );
    assert!(saved["01 one/song.toml"].contains("mute = false\n"));

    // Another session, in the same process: what somebody has put there.
    manager.open(&b, "backline.nBBBB").expect("opens");
    assert_eq!(look.ports("backline.nAAAA"), Vec::<String>::new());
    assert!(
        look.ports("backline.nBBBB")
            .contains(&"backline.nBBBB:choir_L".to_owned())
    );
    terminal.press("m1");
    manager.wait("/nsm/client/is_dirty");

    // And back. It waits for somebody to play it; its ports can be connected before.
    manager.open(&a, "backline.nAAAA").expect("opens");
    assert_eq!(look.ports("backline.nAAAA"), ports);
    assert!(look.connect("backline.nAAAA:click_L", "system:playback_4"));
    manager.save().expect("saves");
    assert_eq!(files(&a), saved);
    // SAFETY: the program hasn't been waited for, so the id is its own.
    unsafe { libc::kill(terminal.pid(), SIGTERM) };
    assert_eq!(terminal.finish().0, Some(0));
    assert!(!b.join("session.toml").exists(), "nobody saved it");

    // Started by the manager, by its name alone.
    let mut manager = Manager::new();
    let mut bare = command(&home, &manager, server.name(), "");
    let running = Running::start(bare.env("BACKLINE_STATUS", "json"));
    manager.welcome();
    manager.open(&a, "backline.nAAAA").expect("opens");
    assert_eq!(look.ports("backline.nAAAA"), ports);
    assert!(look.connect("backline.nAAAA:main_L", "system:playback_3"));
    manager.save().expect("saves");
    assert_eq!(files(&a), saved);
    assert!(!manager.comes("/nsm/client/is_dirty", Duration::from_millis(600)));
    let asked = Instant::now();
    running.signal(SIGTERM);
    let ended = running.finish();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(ended.summary()["ended"], "stopped");
    assert!(asked.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_empty_session_says_what_to_do_and_takes_what_it_is_given() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    let path = home.path().join("s/new");
    let look = Look::open(&server, "look");
    let mut manager = Manager::new();
    let running = Running::start(&mut command(&home, &manager, server.name(), ""));
    manager.welcome();
    manager.open(&path, "backline.n1").expect("opens");
    let says = sentence(&manager.wait("/nsm/client/message"));
    assert!(
        says.starts_with("the session new is empty: put stems, or folders of stems, into "),
        "{says}"
    );
    assert_eq!(look.ports("backline.*"), Vec::<String>::new());
    assert_eq!(
        manager.save().as_deref(),
        Ok("nothing to save: the session is empty")
    );
    home.wav("s/new/b/drums.wav", 1_000);
    home.wav("s/new/a/keys.wav", 1_000);
    manager.save().expect("saves");
    wait_until("ports", || !look.ports("backline.n1").is_empty());
    manager.wait("/nsm/client/is_clean");
    manager.save().expect("saves");
    let session = fs::read_to_string(path.join("session.toml")).expect("a session");
    assert!(session.contains("songs = [\"a\", \"b\"]\n"), "{session}");
    running.signal(SIGTERM);
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn a_session_that_can_not_be_opened_is_refused_and_the_next_one_is() {
    let Some(server) = Jackd::start(256, 48_000) else {
        return;
    };
    let home = Home::new();
    home.wav("good/drums.wav", 1_000);
    let broken = home.file("broken/song.toml", "version = 1\n[[tracks]]\nfile = 3\n");
    let missing = home.file(
        "missing/song.toml",
        "version = 1\n[[tracks]]\nfile = \"gone.wav\"\n",
    );
    let mut manager = Manager::new();
    let running = Running::start(&mut command(&home, &manager, server.name(), ""));
    manager.welcome();
    let open = |manager: &mut Manager, file: &Path| {
        manager.open(file.parent().expect("a folder"), "backline.n1")
    };
    let (code, why) = open(&mut manager, &broken).expect_err("refused");
    assert_eq!(code, -9, "{why}");
    assert!(why.contains("broken/song.toml:3:"), "{why}");
    let (code, why) = open(&mut manager, &missing).expect_err("refused");
    assert_eq!(code, -5, "{why}");
    assert!(why.contains("gone.wav"), "{why}");
    let long = "x".repeat(64);
    let (code, why) = manager
        .open(&home.path().join("good"), &long)
        .expect_err("refused");
    assert_eq!(code, -9, "{why}");
    let look = Look::open(&server, "look");
    manager
        .open(&home.path().join("good"), "backline.n1")
        .expect("opens");
    assert!(!look.ports("backline.n1").is_empty());
    running.signal(SIGTERM);
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn without_a_server_a_session_is_refused_and_asked_for_again() {
    let home = Home::new();
    home.wav("s/drums.wav", 1_000);
    let mut manager = Manager::new();
    let args = "play --backend jack --server nowhere";
    let running = Running::start(&mut command(&home, &manager, "nowhere", args));
    manager.welcome();
    for _ in 0..2 {
        let (code, why) = manager
            .open(&home.path().join("s"), "backline.n1")
            .expect_err("refused");
        assert_eq!(code, -1, "{why}");
        assert!(
            why.starts_with("No JACK server named \"nowhere\" is running"),
            "{why}"
        );
    }
    running.signal(SIGTERM);
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn a_manager_that_is_none_is_said() {
    let home = Home::new();
    home.wav("a.wav", 200);
    let with = |url: &str, args: &str| {
        let mut command = home.backline(args);
        Running::start(command.env("NSM_URL", url)).finish()
    };
    let bad = with("localhost:17000", "");
    assert_eq!(bad.code, Some(69), "{bad:#?}");
    assert_eq!(
        bad.err,
        "backline: NSM_URL is `localhost:17000`, which is no address like osc.udp://localhost:17000/; unset it to play without a session manager\n"
    );
    // With something to play, it is played.
    let plays = with("localhost:17000", "play a.wav --backend null --status json");
    assert_eq!(plays.code, Some(0), "{plays:#?}");
    let warning = plays.events().into_iter().find(|e| e["event"] == "warning");
    let warning = warning.expect("a warning");
    assert_eq!(warning["code"], "session-manager");
    assert_eq!(plays.summary()["ended"], "end");
    // And without the variable a name alone is not enough.
    assert_eq!(home.run("").code, Some(64));
}
