//! Following a transport that a test moves by hand: whatever is heard is its frame.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use backline::control::{Answer, ErrorCode, Looped, Target, Verb, When};
use backline::player::{OnLoss, OnReturn, Player, PlayerBuilder, Transport};
use backline::report::State;
use backline::song::{Bus, Song, Time};
use backline_tests::session::{SOON, close, until};
use backline_tests::stems::{frame_of, name_of, setlist, song, track, write_ramp};
use backline_tests::step::Stepper;
use engine_core::outside::Outside;

const RATE: u32 = 48_000;
const LENGTH: u64 = 1_000_000;

/// A stem that names its frames on output 1, and one that takes longer to read on output 2.
fn slow_song(dir: &std::path::Path) -> Song {
    let ramp = write_ramp(dir, "ramp", RATE, LENGTH, 1.0);
    let slow = write_ramp(dir, "slow", 2 * RATE, 2 * LENGTH, 1.0);
    let mut song = song("ramp", vec![track("ramp", &ramp), track("slow", &slow)]);
    for (i, t) in song.tracks.iter_mut().enumerate() {
        let name = format!("out{i}");
        t.bus = Some(name.clone());
        song.buses.push(Bus {
            outputs: vec![i as u16 + 1],
            ..Bus::named(&name)
        });
    }
    song
}

/// Frames of the transport heard and silent from `at` on; all others are in a fade-out of 64 frames.
#[track_caller]
fn right_and_silent(heard: &[f32], at: u64) -> (usize, usize) {
    let (mut right, mut silent, mut fading) = (0, 0, 0);
    for (frame, x) in (at..).zip(heard) {
        let want = name_of(frame);
        if *x == want {
            right += 1;
        } else if *x == 0.0 {
            silent += 1;
        } else {
            assert!(0.0 < *x && *x < want, "{x} at frame {frame}");
            fading += 1;
        }
    }
    assert!(fading <= 64, "one fade-out, not {fading} frames of it");
    (right, silent)
}

#[test]
fn starved_it_goes_on_where_the_transport_is_then() {
    let dir = tempfile::tempdir().unwrap();
    let device = Stepper::new(RATE, 256);
    device.follow(Outside::default());
    let player = PlayerBuilder::new(setlist(vec![slow_song(dir.path())]))
        .output(device.output())
        .ring_ms(100)
        .transport(Transport::Follow)
        .build()
        .unwrap();
    player.play();
    until("ready where it stands", || {
        device.rush(256);
        device.in_step()
    });
    let silence = device.take();
    assert!(silence[0].iter().all(|x| *x == 0.0), "it stands");
    let at = 100_000;
    device.follow(Outside {
        rolling: false,
        frame: at,
    });
    until("ready where it was sent", || {
        device.rush(256);
        device.in_step()
    });
    device.take();
    device.follow(Outside {
        rolling: true,
        frame: at,
    });
    // Faster than the stems can be read.
    let mut heard: Vec<f32> = Vec::new();
    let rush = |heard: &mut Vec<f32>| {
        device.rush(256);
        heard.extend(&device.take()[0]);
    };
    while heard.len() < 256 || heard[heard.len() - 256..].iter().any(|x| *x != 0.0) {
        rush(&mut heard);
        assert!(heard.len() < LENGTH as usize / 2, "it never starves");
    }
    let starved = heard.len();
    let (before, _) = right_and_silent(&heard, at);
    assert!(before >= 256);
    // In good time again.
    until("it has caught up", || {
        rush(&mut heard);
        thread::sleep(Duration::from_millis(3));
        let (right, _) = right_and_silent(&heard, at);
        right > before + 10_000
    });
    let (_, silent) = right_and_silent(&heard, at);
    let back = (starved..heard.len()).find(|&i| heard[i] != 0.0).unwrap();
    let after = &heard[back..];
    let (right, _) = right_and_silent(after, at + back as u64);
    assert_eq!(right, after.len(), "exact from then on");
    let status = player.status();
    until("it is counted", || player.status().starved_frames > 0);
    assert_eq!(status.starvations, 1);
    assert!(silent < RATE as usize * 5, "{silent} frames of silence");
    close(player, SOON);
}

/// A song of one stem that names its frames, on a device with a transport that stands at 0.
fn session(
    dir: &std::path::Path,
    transport: Transport,
    policy: (OnLoss, OnReturn),
) -> (Player, Stepper) {
    let ramp = write_ramp(dir, "ramp", RATE, LENGTH, 1.0);
    let device = Stepper::new(RATE, 256);
    device.follow(Outside::default());
    let player = PlayerBuilder::new(setlist(vec![song("ramp", vec![track("ramp", &ramp)])]))
        .output(device.output())
        .ring_ms(200)
        .transport(transport)
        .on_loss(policy.0, policy.1)
        .build()
        .unwrap();
    (player, device)
}

fn at(frame: u64) -> Outside {
    Outside {
        rolling: false,
        frame,
    }
}

fn rolling(frame: u64) -> Outside {
    Outside {
        rolling: true,
        ..at(frame)
    }
}

/// Plays until something is heard; which frame that was.
fn first_heard(device: &Stepper) -> u64 {
    device.take();
    let mut first = None;
    until("sound", || {
        device.rush(64);
        let heard = device.take();
        first = heard[0].iter().find(|x| **x != 0.0).copied();
        first.is_some()
    });
    frame_of(first.unwrap_or_default())
}

fn lose(device: &Stepper, player: &Player, times: u32) {
    device.plug(None);
    until("the loss", || player.status().losses == times);
}

fn return_at(device: &Stepper, rate: u32) {
    let opens = device.opens();
    device.plug(Some(rate));
    until("the return", || device.opens() == opens + 1);
}

#[test]
fn who_leads_takes_the_next_servers_transport_to_the_place_it_had() {
    let dir = tempfile::tempdir().unwrap();
    let policy = (OnLoss::Wait, OnReturn::Resume);
    let (player, device) = session(dir.path(), Transport::Lead, policy);
    player.play();
    assert_eq!(first_heard(&device), 0);
    until("some seconds", || {
        device.rush(256);
        device.outside().unwrap().frame > 90_000
    });
    lose(&device, &player, 1);
    let held = player.status().position.frame;
    assert!((80_000..92_000).contains(&held), "{held}");
    // Three servers that die again before their transport has done anything.
    device.obey(false);
    for times in 2..5 {
        return_at(&device, RATE);
        until("it is started", || device.runs());
        device.rush(256);
        lose(&device, &player, times);
        assert_eq!(player.status().position.frame, held);
    }
    device.obey(true);
    return_at(&device, 2 * RATE);
    // Each frame of the stem is two now.
    device.take();
    until("it rolls from there", || {
        device.rush(256);
        device.outside().unwrap().rolling
    });
    let begun = device.outside().unwrap().frame;
    assert!(begun.abs_diff(2 * held) <= 1024, "{held} → {begun}");
    let heard = first_heard(&device);
    assert!((held..held + RATE as u64).contains(&heard), "{heard}");
    close(player, SOON);
}

#[test]
fn who_leads_and_is_to_stay_stands_at_the_place_it_had() {
    for policy in [
        (OnLoss::Wait, OnReturn::Stay),
        (OnLoss::Stop, OnReturn::Resume),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (player, device) = session(dir.path(), Transport::Lead, policy);
        player.play();
        first_heard(&device);
        until("some time", || {
            device.rush(256);
            device.outside().unwrap().frame > 50_000
        });
        lose(&device, &player, 1);
        let held = player.status().position.frame;
        return_at(&device, RATE);
        until("it stands there", || {
            device.rush(256);
            device.outside() == Some(at(held))
        });
        until("paused", || {
            device.rush(256);
            let position = player.status().position;
            (position.state, position.frame) == (State::Paused, held)
        });
        player.play();
        assert_eq!(first_heard(&device), held);
        close(player, SOON);
    }
}

#[test]
fn who_follows_joins_the_next_transport_only_where_the_policy_lets_it() {
    for (policy, joins) in [
        ((OnLoss::Wait, OnReturn::Resume), true),
        ((OnLoss::Wait, OnReturn::Restart), true),
        ((OnLoss::Wait, OnReturn::Stay), false),
        ((OnLoss::Stop, OnReturn::Resume), false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (player, device) = session(dir.path(), Transport::Follow, policy);
        device.follow(rolling(1000));
        player.play();
        first_heard(&device);
        lose(&device, &player, 1);
        return_at(&device, RATE);
        until("it is in the graph", || device.runs());
        device.follow(rolling(200_000));
        device.take();
        if !joins {
            until("it says why", || {
                device.rush(256);
                let reason = player.status().position.reason;
                reason.is_some_and(|r| r.contains("play"))
            });
            for _ in 0..200 {
                device.rush(256);
                thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(player.status().position.state, State::Paused, "{policy:?}");
            assert!(device.take()[0].iter().all(|x| *x == 0.0), "{policy:?}");
            player.play();
        }
        assert!(first_heard(&device) >= 200_000, "{policy:?}");
        close(player, SOON);
    }
}

#[test]
fn a_session_that_nobody_had_started_stays_so() {
    for transport in [Transport::Follow, Transport::Lead] {
        let dir = tempfile::tempdir().unwrap();
        let policy = (OnLoss::Wait, OnReturn::Resume);
        let (player, device) = session(dir.path(), transport, policy);
        lose(&device, &player, 1);
        return_at(&device, RATE);
        until("the hold is over", || {
            player.status().position.reason.is_none()
        });
        thread::sleep(Duration::from_millis(50));
        assert!(!device.runs(), "{transport:?}");
        device.follow(rolling(10_000));
        player.play();
        let first = first_heard(&device);
        match transport {
            Transport::Lead => assert_eq!(first, 0),
            _ => assert!(first >= 10_000, "{first}"),
        }
        close(player, SOON);
    }
}

/// What came of a verb, played on until it is there.
fn order(player: &Player, device: &Stepper, verb: Verb) -> Answer {
    let (done, answer) = std::sync::mpsc::channel();
    player.remote().order(verb, move |answer| {
        let _ = done.send(answer);
    });
    let mut last = None;
    until("the answer", || {
        device.rush(64);
        last = answer.try_iter().last().or(last.take());
        !matches!(last, None | Some(Answer::Accepted))
    });
    last.expect("an answer")
}

fn is_refused(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused(refusal) if refusal.code == ErrorCode::Transport)
}

#[test]
fn what_a_remote_wishes_moves_the_transport_or_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let policy = (OnLoss::Wait, OnReturn::Stay);
    let seek = |frame| Verb::Seek(Target::At(Time::Frames(frame)));
    let (player, device) = session(dir.path(), Transport::Lead, policy);
    let done = order(&player, &device, Verb::Play);
    assert!(matches!(done, Answer::Done { .. }), "{done:?}");
    // (It may have begun before the answer was here.)
    first_heard(&device);
    let moves = |verb: Verb, to: u64, rolls: bool| {
        let done = order(&player, &device, verb.clone());
        assert!(matches!(done, Answer::Done { .. }), "{verb:?}: {done:?}");
        until("the transport does it", || {
            device.rush(64);
            let outside = device.outside().unwrap();
            let near = (to..to + 20_000).contains(&outside.frame);
            (outside.rolling, near) == (rolls, true)
        });
    };
    moves(seek(500_000), 500_000, true);
    moves(Verb::Jump(Time::Frames(200_000), When::Now), 200_000, true);
    moves(Verb::Pause, 200_000, false);
    moves(Verb::Toggle, 200_000, true);
    moves(Verb::Toggle, 200_000, false);
    moves(Verb::Stop, 0, false);
    assert_eq!(device.outside(), Some(at(0)));
    let bar = Verb::Jump(Time::Frames(0), When::SectionEnd);
    assert!(is_refused(&order(&player, &device, bar)));
    assert!(is_refused(&order(
        &player,
        &device,
        Verb::Loop(Looped::Here)
    )));
    close(player, SOON);

    let (player, device) = session(dir.path(), Transport::Follow, policy);
    device.follow(rolling(1000));
    let done = order(&player, &device, Verb::Play);
    assert!(matches!(done, Answer::Done { .. }), "{done:?}");
    first_heard(&device);
    for verb in [Verb::Play, Verb::Pause, Verb::Toggle, Verb::Stop, seek(5)] {
        let refused = order(&player, &device, verb.clone());
        assert!(is_refused(&refused), "{verb:?}: {refused:?}");
    }
    assert!(device.outside().unwrap().rolling);
    // The mixer is nobody else's.
    let done = order(&player, &device, Verb::ClearSolo);
    assert!(matches!(done, Answer::Done { .. }), "{done:?}");
    close(player, SOON);
}

#[test]
fn what_is_loaded_is_heard_at_the_frame_where_the_transport_is() {
    let dir = tempfile::tempdir().unwrap();
    let policy = (OnLoss::Wait, OnReturn::Resume);
    let (player, device) = session(dir.path(), Transport::Follow, policy);
    let softer = write_ramp(dir.path(), "softer", RATE, LENGTH, 0.5);
    player.play();
    until("ready where it stands", || {
        device.rush(256);
        device.in_step()
    });
    device.take();
    device.follow(rolling(0));
    let mut heard: Vec<f32> = Vec::new();
    let rush = |heard: &mut Vec<f32>| {
        until("ready", || device.in_step());
        device.rush(256);
        heard.extend(&device.take()[0]);
        thread::sleep(Duration::from_millis(3));
    };
    while heard.len() < 10_000 {
        rush(&mut heard);
    }
    let (sender, answers) = channel();
    let words = [softer.to_str().unwrap().to_owned()];
    let load = Verb::parse("load", &words).unwrap();
    player.remote().order(load, move |answer| {
        let _ = sender.send(answer);
    });
    let other = |heard: &[f32]| {
        let mut named = (0..).zip(heard);
        let found = named.find(|&(frame, x)| *x == name_of(frame) * 0.5);
        found.map(|(frame, _)| frame)
    };
    until("the other song", || {
        rush(&mut heard);
        other(&heard).is_some()
    });
    let cut: u64 = other(&heard).unwrap();
    while heard.len() < cut as usize + 20_000 {
        rush(&mut heard);
    }
    assert!(cut > 10_000);
    for (frame, x) in (0..).zip(&heard) {
        let level = if frame < cut { 1.0 } else { 0.5 };
        assert_eq!(
            *x,
            name_of(frame) * level,
            "at {frame}, the cut was at {cut}"
        );
    }
    assert!(matches!(answers.recv_timeout(SOON), Ok(Answer::Accepted)));
    assert!(matches!(
        answers.recv_timeout(SOON),
        Ok(Answer::Done { frame: 0 })
    ));
    assert_eq!(player.status().songs, ["softer"]);
    close(player, SOON);
}
