//! OSC of the program: answers, feedback, and what hostile datagrams can't do.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use backline_tests::osc::{Tablet, free_port};
use backline_tests::program::{Home, LONG, Running};
use rosc::{OscMessage, OscType};

const PLAY: &str = "play show --backend null --status json --no-keys --on-end loop --control none";

fn playing(home: &Home) -> (Running, SocketAddr) {
    home.wav("show/drums.wav", 20_000);
    home.wav("show/lead vox.wav", 20_000);
    let port = free_port();
    let mut program = home.start(&format!("{PLAY} --osc {port}"));
    program.wait_until_playing();
    (program, ([127, 0, 0, 1], port).into())
}

fn text(text: &str) -> OscType {
    OscType::String(text.into())
}

#[test]
fn what_is_asked_is_answered_and_done() {
    let home = Home::new();
    let (program, at) = playing(&home);
    let mut tablet = Tablet::new(at);
    tablet.send("/backline/gain/drums", vec![OscType::Float(-6.0)]);
    let reply = tablet.wait("/backline/reply");
    assert_eq!(reply[..2], [text("/backline/gain/drums"), text("done")]);
    assert!(matches!(reply[2], OscType::Long(1..)), "{reply:?}");
    tablet.send("/backline/pause", vec![1.into()]);
    assert_eq!(tablet.wait("/backline/reply")[1], text("accepted"));
    assert_eq!(tablet.wait("/backline/reply")[1], text("done"));
    tablet.send("/backline/gain/bass", vec![OscType::Float(-6.0)]);
    let error = tablet.wait("/backline/error");
    assert_eq!(
        error[..2],
        [text("/backline/gain/bass"), text("unknown-track")]
    );
    tablet.send("/backline/dance", vec![]);
    assert_eq!(tablet.wait("/backline/error")[1], text("unknown-verb"));
    tablet.raw(b"nonsense");
    assert_eq!(
        tablet.wait("/backline/error")[..2],
        [text(""), text("bad-request")]
    );
    tablet.send("/backline/status", vec![]);
    assert_eq!(tablet.wait("/backline/state"), [text("paused")]);
    let gain = tablet.wait("/backline/gain/1");
    assert!(
        matches!(gain[..], [OscType::Float(x)] if (x + 6.0).abs() < 0.001),
        "{gain:?}"
    );
    tablet.send("/backline/quit", vec![]);
    let outcome = program.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn who_subscribes_hears_of_changes_by_anybody_and_the_meters() {
    let home = Home::new();
    let (_program, at) = playing(&home);
    let (mut by_number, other) = (Tablet::new(at), Tablet::new(at));
    let mut by_name = Tablet::new(at);
    by_number.send("/backline/subscribe", vec![20.into()]);
    let reply = by_number.wait("/backline/reply");
    assert_eq!(reply[1..], [text("subscribed"), 20.into(), 60.into()]);
    // By another port than it listens on.
    let port = i32::from(by_name.port());
    other.send("/backline/subscribe/names", vec![0.into(), port.into()]);
    assert_eq!(
        by_number.wait("/backline/track/2"),
        [text("lead vox"), text("main")]
    );
    assert_eq!(by_name.wait("/backline/mute/lead%20vox"), [0.into()]);
    by_name.wait("/backline/faults");
    by_number.wait("/backline/faults");

    other.send("/backline/mute/2", vec![1.into()]);
    assert_eq!(by_number.wait("/backline/mute/2"), [1.into()]);
    // Only what has changed, and no meters for who wants none.
    let news = by_name.next("news");
    let wanted = OscMessage {
        addr: "/backline/mute/lead%20vox".into(),
        args: vec![1.into()],
    };
    assert_eq!(news, wanted);
    let level = |args: Vec<OscType>| match args[..] {
        [OscType::Float(db)] => db,
        _ => panic!("{args:?}"),
    };
    // The ramp of a mute is over in a moment.
    let limit = Instant::now() + LONG;
    while level(by_number.wait("/backline/meter/track/2")) > -144.0 {
        assert!(Instant::now() < limit, "never silent");
    }
    let drums = level(by_number.wait("/backline/meter/track/1"));
    assert!((drums - 20.0 * 0.25f32.log10()).abs() < 0.01, "{drums}");
    let first = level(by_number.wait("/backline/position"));
    assert!(level(by_number.wait("/backline/position")) > first);

    by_number.send("/backline/unsubscribe", vec![]);
    by_number.wait("/backline/reply");
    other.send("/backline/mute/2", vec![0.into()]);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(by_number.next_within(Duration::from_millis(1)), None);
}

#[test]
fn hostile_datagrams_are_harmless() {
    let home = Home::new();
    let (program, at) = playing(&home);
    let mut tablet = Tablet::new(at);
    let mut deep = Vec::new();
    for left in (0..3000u32).rev() {
        deep.extend(b"#bundle\0\0\0\0\0\0\0\0\x01");
        deep.extend((left * 20).to_be_bytes());
    }
    let mut lists = b"/backline/play\0\0,".to_vec();
    lists.extend([b'['; 60_000]);
    lists.extend([0; 3]);
    let huge = vec![b'/'; 65_000];
    let half = &deep[..30];
    for _ in 0..200 {
        for bytes in [
            &deep[..],
            &lists,
            &huge,
            half,
            &[],
            &[0; 64],
            b"/backline/gain",
        ] {
            tablet.raw(bytes);
        }
    }
    // More subscribers than there is room for.
    let crowd: Vec<Tablet> = (0..20).map(|_| Tablet::new(at)).collect();
    for mut one in crowd {
        let limit = Instant::now() + LONG;
        // What comes in a flood may get lost.
        loop {
            one.send("/backline/subscribe", vec![30.into()]);
            match one.next_within(Duration::from_millis(200)) {
                Some(m) if ["/backline/reply", "/backline/error"].contains(&m.addr.as_str()) => {
                    break;
                }
                _ => assert!(Instant::now() < limit, "no answer"),
            }
        }
    }
    let limit = Instant::now() + LONG;
    loop {
        tablet.send("/backline/master", vec![OscType::Float(-3.0)]);
        let answer = tablet.next_within(Duration::from_millis(200));
        if answer.is_some_and(|m| m.addr == "/backline/reply") {
            break;
        }
        assert!(Instant::now() < limit, "not served any more");
    }
    tablet.send("/backline/quit", vec![]);
    let outcome = program.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn an_address_that_cannot_be_had_is_69_and_one_that_makes_no_sense_64() {
    let home = Home::new();
    home.wav("show/a.wav", 100);
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let outcome = home.run(&format!("play show --backend null --osc {at}"));
    assert_eq!(outcome.code, Some(69), "{outcome:?}");
    let sentence = format!("backline: OSC at {at}: another program listens there\n");
    assert!(outcome.err.starts_with(&sentence), "{outcome:?}");
    for (address, code) in [
        ("192.0.2.1:9000", 69),
        ("nowhere", 64),
        ("1:2:3", 64),
        ("0", 64),
    ] {
        let outcome = home.run(&format!("play show --backend null --osc {address}"));
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
    }
}
