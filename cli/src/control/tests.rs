//! Verbs and lines: what is read is what was written, and anything at all is answered.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::MonitorLevel;
use crate::song::Time;
use crate::units::TrackRef;

fn parse(line: &str) -> Result<Verb, Refusal> {
    let mut words = line.split(' ').map(str::to_owned);
    let verb = words.next().unwrap_or_default();
    Verb::parse(&verb, &words.collect::<Vec<_>>())
}

fn refused(line: &str, code: ErrorCode, message: &str) {
    let refusal = parse(line).unwrap_err();
    assert_eq!((refusal.code, refusal.message.as_str()), (code, message));
}

#[test]
fn words_are_verbs() {
    assert_eq!(
        parse("gain name:2 -6").unwrap(),
        Verb::Gain(TrackRef::Name("2".into()), "-6".parse().unwrap())
    );
    assert_eq!(
        parse("mute 3").unwrap(),
        Verb::Mute(TrackRef::Number(3), Switch::On)
    );
    assert_eq!(parse("loop").unwrap(), Verb::Loop(Looped::Here));
    assert_eq!(
        parse("loop @b").unwrap(),
        Verb::Loop(Looped::Section("b".into()))
    );
    assert_eq!(
        parse("loop @a..@b").unwrap(),
        Verb::Loop(Looped::Between("@a..@b".parse().unwrap()))
    );
    assert_eq!(
        parse("seek -90f").unwrap(),
        Verb::Seek(Target::Back(Time::Frames(90)))
    );
    assert_eq!(parse("subscribe").unwrap(), Verb::Subscribe(10));
}

#[test]
fn what_makes_no_sense_is_told_in_a_sentence() {
    let bad = ErrorCode::BadValue;
    refused("dance", ErrorCode::UnknownVerb, "there is no verb `dance`");
    refused(
        "gain drums",
        bad,
        "gain: an argument is missing: it is `gain TRACK LEVEL`",
    );
    refused("play now", bad, "play: an argument too many: it is `play`");
    refused(
        "mute 1 maybe",
        bad,
        "mute: expected on, off or toggle, not `maybe`",
    );
    refused(
        "fade all -6 1",
        bad,
        "fade: expected track, bus or master, not `all`",
    );
    refused(
        "subscribe 31",
        bad,
        "subscribe: expected a whole number from 0 to 30, not `31`",
    );
    refused(
        "seek +@a",
        bad,
        "seek: expected a length such as `3`, `0:10` or `4800f`, not `@a`",
    );
    for (name, shape, help) in VERBS {
        assert!(!help.ends_with('.'), "{name}");
        if !shape.is_empty() && !shape.starts_with('[') {
            assert_eq!(parse(name).unwrap_err().code, bad, "{name}");
        }
    }
}

#[test]
fn lines_are_requests() {
    let request = |line: &str| Request::parse(line.as_bytes());
    let plain = request(r#"{"verb":"gain","args":[2,-6.5],"id":"x","v":1}"#);
    assert_eq!(plain.id, Some(json!("x")));
    assert_eq!(plain.verb, parse("gain 2 -6.5"));
    for (line, code) in [
        ("", ErrorCode::BadRequest),
        ("pause", ErrorCode::BadRequest),
        ("[]", ErrorCode::BadRequest),
        ("{}", ErrorCode::BadRequest),
        (r#"{"verb":1}"#, ErrorCode::BadRequest),
        (r#"{"verb":"play","args":{}}"#, ErrorCode::BadRequest),
        (r#"{"verb":"play","args":[true]}"#, ErrorCode::BadRequest),
        (r#"{"verb":"play","when":1}"#, ErrorCode::BadRequest),
        (r#"{"verb":"play","id":[]}"#, ErrorCode::BadRequest),
        (r#"{"verb":"play","v":2}"#, ErrorCode::Version),
        (r#"{"verb":"pLay"}"#, ErrorCode::UnknownVerb),
    ] {
        assert_eq!(request(line).verb.unwrap_err().code, code, "{line}");
    }
    // The name of a request that is refused is repeated all the same.
    assert_eq!(request(r#"{"id":7,"verb":"x"}"#).id, Some(json!(7)));
    assert_eq!(
        Request::parse(b"{\"verb\":\"\xff\"}")
            .verb
            .unwrap_err()
            .code,
        ErrorCode::BadRequest
    );
}

fn name() -> impl Strategy<Value = String> {
    "[^.\\p{Cc} @][^.\\p{Cc}]{0,12}[^.\\p{Cc} ]"
}

fn any_verb() -> impl Strategy<Value = Verb> {
    let track = || {
        prop_oneof![
            (1usize..200).prop_map(TrackRef::Number),
            name().prop_map(TrackRef::Name)
        ]
    };
    let level = || {
        prop_oneof![
            (-90.0..12.0f64).prop_map(|db| format!("{db}")),
            (0.0..4.0f64).prop_map(|x| format!("x{x}"))
        ]
        .prop_map(|text| text.parse().expect("a level"))
    };
    let length = || {
        prop_oneof![
            any::<u64>().prop_map(Time::Nanos),
            any::<u64>().prop_map(Time::Frames)
        ]
    };
    let place = || prop_oneof![length(), name().prop_map(Time::Section)];
    let switch = || prop_oneof![Just(Switch::On), Just(Switch::Off), Just(Switch::Toggle)];
    let fader = prop_oneof![
        track().prop_map(Fader::Track),
        name().prop_map(Fader::Bus),
        Just(Fader::Master)
    ];
    prop_oneof![
        Just(Verb::Play),
        Just(Verb::Stop),
        Just(Verb::ClearSolo),
        place().prop_map(|t| Verb::Seek(Target::At(t))),
        length().prop_map(|t| Verb::Seek(Target::Forward(t))),
        length().prop_map(|t| Verb::Seek(Target::Back(t))),
        (
            place(),
            prop_oneof![Just(When::Now), Just(When::SectionEnd), Just(When::NextBar)]
        )
            .prop_map(|(t, w)| Verb::Jump(t, w)),
        name().prop_map(|n| Verb::Loop(Looped::Section(n))),
        place().prop_map(|t| Verb::Loop(Looped::Between(crate::units::TimeRange {
            start: Some(t),
            end: None
        }))),
        Just(Verb::Loop(Looped::Off)),
        (track(), level()).prop_map(|(t, l)| Verb::Gain(t, l)),
        (track(), -1.0..1.0f32).prop_map(|(t, p)| Verb::Pan(t, p)),
        (track(), switch()).prop_map(|(t, on)| Verb::Mute(t, on)),
        (track(), switch()).prop_map(|(t, on)| Verb::Solo(t, on)),
        (name(), level()).prop_map(|(b, l)| Verb::Bus(b, l)),
        level().prop_map(Verb::Master),
        level().prop_map(Verb::Volume),
        (fader, level(), length()).prop_map(|(what, to, over)| Verb::Fade { what, to, over }),
        (0..=MAX_RATE).prop_map(Verb::Subscribe),
        proptest::collection::vec(".{1,20}".prop_map(Into::into), 1..5).prop_map(Verb::Load),
        proptest::option::of(".{1,20}".prop_map(Into::into)).prop_map(Verb::Save),
        prop_oneof![Just(Keep::Session), Just(Keep::Saved)]
            .prop_map(|keep| Verb::Monitor(MonitorLevel::Full, keep)),
    ]
}

proptest! {
    #[test]
    fn a_verb_comes_through_its_words_and_its_line(verb in any_verb(), id in ".{0,20}") {
        let (name, words) = verb.words();
        prop_assert_eq!(&Verb::parse(name, &words), &Ok(verb.clone()));
        let id = Value::String(id);
        let line = Request::line(Some(&id), &verb);
        let line = line.strip_suffix('\n').expect("an end");
        prop_assert!(!line.contains('\n'));
        let request = Request::parse(line.as_bytes());
        prop_assert_eq!(request, Request { id: Some(id), verb: Ok(verb) });
    }

    #[test]
    fn any_line_is_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Request::parse(&bytes);
    }

    #[test]
    fn any_words_are_answered(verb in "[a-z-]{0,9}", args in proptest::collection::vec(".{0,12}", 0..5)) {
        if let Err(refusal) = Verb::parse(&verb, &args) {
            prop_assert!(!refusal.message.is_empty());
        }
    }
}
