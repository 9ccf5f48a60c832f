//! Datagrams are verbs, and anything at all is harmless.

use proptest::prelude::*;
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType, encoder};

use super::read::part;
use super::*;
use crate::control::{Switch, Target};
use crate::song::Time;
use crate::units::TrackRef;

fn bytes(addr: &str, args: Vec<OscType>) -> Vec<u8> {
    encoder::encode(&message(addr, args)).unwrap()
}

fn message(addr: &str, args: Vec<OscType>) -> OscPacket {
    OscPacket::Message(OscMessage {
        addr: addr.into(),
        args,
    })
}

/// What one message asks for.
fn asked(addr: &str, args: Vec<OscType>) -> Option<OscRequest> {
    let mut requests = read_osc(&bytes(addr, args));
    assert!(requests.len() <= 1);
    requests.pop()
}

fn verb(addr: &str, args: Vec<OscType>) -> Option<Verb> {
    match asked(addr, args) {
        Some(OscRequest::Verb(from, verb)) => {
            assert_eq!(from, addr);
            Some(verb)
        }
        None => None,
        other => panic!("{other:?}"),
    }
}

fn refused(addr: &str, args: Vec<OscType>) -> ErrorCode {
    match asked(addr, args) {
        Some(OscRequest::Refused(_, refusal)) => refusal.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_are_words_and_a_button_saves() {
    let many: Vec<String> = (0..20).map(|n| format!("/sets/{n}.toml")).collect();
    let args = many.iter().map(|file| file.as_str().into()).collect();
    let files = many.iter().map(Into::into).collect();
    assert_eq!(verb("/backline/load", args), Some(Verb::Load(files)));
    let file = "/sets/a b.toml";
    let address = format!("/backline/load/{}", part(file));
    let load = Some(Verb::Load(vec![file.into()]));
    assert_eq!(verb(&address, vec![1.0f32.into()]), load);
    assert_eq!(asked(&address, vec![0.0f32.into()]), None);
    assert_eq!(
        verb("/backline/save", vec![1.into()]),
        Some(Verb::Save(None))
    );
    assert_eq!(asked("/backline/save", vec![0.into()]), None);
    let save = Some(Verb::Save(Some(file.into())));
    assert_eq!(verb("/backline/save", vec![file.into()]), save);
}

#[test]
fn addresses_and_arguments_are_words() {
    let drums = || TrackRef::Name("drums".into());
    let six = || "-6".parse().unwrap();
    for (addr, args) in [
        ("/backline/gain/drums", vec![(-6.0f32).into()]),
        ("/backline/gain/drums/-6", vec![]),
        ("/backline/gain", vec!["drums".into(), (-6).into()]),
        ("/backline/gain/drums", vec![OscType::Double(-6.0)]),
        ("/backline/gain/drums", vec!["-6dB".into()]),
    ] {
        let wanted = Verb::Gain(
            drums(),
            if args.last() == Some(&"-6dB".into()) {
                "-6dB".parse().unwrap()
            } else {
                six()
            },
        );
        assert_eq!(verb(addr, args), Some(wanted), "{addr}");
    }
    assert_eq!(
        verb("/backline/gain/2", vec![OscType::Float(f32::NEG_INFINITY)]),
        Some(Verb::Gain(TrackRef::Number(2), "-inf".parse().unwrap()))
    );
    assert_eq!(
        verb("/backline/pan/lead%20vox", vec![0.5f32.into()]),
        Some(Verb::Pan(TrackRef::Name("lead vox".into()), 0.5))
    );
    assert_eq!(
        verb("/backline/seek", vec![90i32.into()]),
        Some(Verb::Seek(Target::At("90".parse::<Time>().unwrap())))
    );
}

#[test]
fn a_button_does_something_when_it_is_pressed_and_nothing_when_it_is_let_go() {
    for (addr, wanted) in [
        ("/backline/play", Verb::Play),
        (
            "/backline/jump/@Chorus",
            Verb::parse("jump", &["@Chorus".into()]).unwrap(),
        ),
        ("/backline/loop", Verb::parse("loop", &[]).unwrap()),
        (
            "/backline/seek/30",
            Verb::parse("seek", &["30".into()]).unwrap(),
        ),
    ] {
        for on in [OscType::Float(1.0), OscType::Int(127), OscType::Bool(true)] {
            assert_eq!(verb(addr, vec![on]), Some(wanted.clone()), "{addr}");
        }
        for off in [OscType::Float(0.0), OscType::Int(0), OscType::Bool(false)] {
            assert_eq!(verb(addr, vec![off]), None, "{addr}");
        }
        assert_eq!(verb(addr, vec![]), Some(wanted), "{addr}");
    }
    let mute = |on| Some(Verb::Mute(TrackRef::Number(1), on));
    assert_eq!(
        verb("/backline/mute/1", vec![1.0f32.into()]),
        mute(Switch::On)
    );
    assert_eq!(verb("/backline/mute/1", vec![0.into()]), mute(Switch::Off));
    assert_eq!(
        verb("/backline/mute/1/toggle", vec![]),
        mute(Switch::Toggle)
    );
}

#[test]
fn what_makes_no_sense_is_refused_and_what_is_for_others_is_not() {
    assert_eq!(refused("/backline/dance", vec![]), ErrorCode::UnknownVerb);
    assert_eq!(refused("/backline/gain/1", vec![]), ErrorCode::BadValue);
    assert_eq!(
        refused("/backline/gain/1", vec![OscType::Nil]),
        ErrorCode::BadValue
    );
    assert_eq!(
        refused("/backline/gain/1", vec![OscType::Float(f32::NAN)]),
        ErrorCode::BadValue
    );
    assert_eq!(refused("/backline/gain/*", vec![]), ErrorCode::BadValue);
    assert_eq!(
        refused("/backline/subscribe", vec![31.into()]),
        ErrorCode::BadValue
    );
    assert_eq!(
        refused("/backline/subscribe", vec![1.into(), 0.into()]),
        ErrorCode::BadValue
    );
    assert_eq!(asked("/other/play", vec![]), None);
    assert_eq!(asked("/backline/error", vec!["a".into()]), None);
    assert_eq!(asked("/backline/reply", vec!["a".into()]), None);
}

fn bundle(content: Vec<OscPacket>) -> OscPacket {
    OscPacket::Bundle(OscBundle {
        timetag: OscTime::from((0, 1)),
        content,
    })
}

#[test]
fn bundles_are_their_messages_as_deep_as_is_allowed() {
    let play = || message("/backline/play", vec![]);
    let pause = || message("/backline/pause", vec![]);
    let nested = bundle(vec![play(), bundle(vec![pause(), play()])]);
    let verbs: Vec<Verb> = read_osc(&encoder::encode(&nested).unwrap())
        .into_iter()
        .map(|r| match r {
            OscRequest::Verb(_, verb) => verb,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(verbs, [Verb::Play, Verb::Pause, Verb::Play]);
    let mut deep = play();
    for _ in 0..5 {
        deep = bundle(vec![deep]);
    }
    let deep = read_osc(&encoder::encode(&deep).unwrap());
    assert!(matches!(&deep[..], [OscRequest::Refused(..)]), "{deep:?}");
    let many = bundle(vec![play(); 65]);
    let many = read_osc(&encoder::encode(&many).unwrap());
    assert_eq!(many.len(), 65);
    assert!(matches!(many.last(), Some(OscRequest::Refused(..))));
}

#[test]
fn what_is_too_deep_for_a_stack_is_refused() {
    // Bundles in bundles to the last byte.
    let mut deep = Vec::new();
    for left in (0..400).rev() {
        deep.extend(b"#bundle\0\0\0\0\0\0\0\0\x01");
        deep.extend((left * 20u32).to_be_bytes());
    }
    assert!(matches!(&read_osc(&deep)[..], [OscRequest::Refused(..)]));
    // Lists in lists.
    let mut lists = b"/backline/play\0\0,".to_vec();
    lists.extend([b'['; 4000]);
    lists.extend([0; 3]);
    assert!(matches!(&read_osc(&lists)[..], [OscRequest::Refused(..)]));
    let long = vec![b'/'; DATAGRAM + 1];
    assert!(matches!(&read_osc(&long)[..], [OscRequest::Refused(..)]));
}

#[test]
fn addresses_of_sockets() {
    let at = |text: &str| text.parse::<OscAddress>().map(|a| a.to_string());
    assert_eq!(at("9000").unwrap(), "127.0.0.1:9000");
    assert_eq!(at("0.0.0.0:9000").unwrap(), "0.0.0.0:9000");
    assert_eq!(at("[::1]:9000").unwrap(), "[::1]:9000");
    assert_eq!(at("stage.local:9000").unwrap(), "stage.local:9000");
    assert_eq!(at("none").unwrap(), "none");
    for bad in [
        "", "0", ":9000", "a", "a:", "a:b", "1:2:3", "+9000", "99999", "::1:9000", "[x]:1",
    ] {
        assert!(at(bad).is_err(), "{bad}");
    }
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let again = OscSocket::open(&taken.parse().unwrap()).err().unwrap();
    assert_eq!(again.code, crate::exit::Code::Unavailable);
    assert_eq!(
        again.message,
        format!("OSC at {taken}: another program listens there")
    );
}

proptest! {
    #[test]
    fn a_name_comes_through_an_address(name in "[^.\\p{Cc}]{1,20}") {
        prop_assume!(name.parse::<TrackRef>().is_ok_and(|t| matches!(t, TrackRef::Name(_))));
        let track = TrackRef::Name(name.clone());
        let addr = format!("/backline/mute/{}/on", part(&track.to_string()));
        prop_assert_eq!(verb(&addr, vec![]), Some(Verb::Mute(track, Switch::On)));
    }

    #[test]
    fn any_datagram_is_harmless(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        kind in 0..3,
    ) {
        let head: &[u8] = match kind {
            0 => b"",
            1 => b"#bundle\0\0\0\0\0\0\0\0\x01",
            _ => b"/backline/gain\0\0",
        };
        let _ = read_osc(&[head, &bytes].concat());
    }
}
