//! The hardware's volume on the kernel's own drivers, in the virtual machine: set when the card is opened, live, after
//! its return; never above its ceiling, whoever turns it up; left alone unless it is named.

use std::time::Duration;

use alsa::mixer::{Mixer, Selem, SelemChannelId, SelemId};
use backend_alsa::{Alsa, AlsaOptions, MixerOptions};
use backline::control::{Answer, Verb};
use backline::player::{Note, OnLoss, OnReturn, Output, PlayerBuilder};
use backline::units::Level;
use backline_tests::guest::{RATE, unplug, until};
use backline_tests::noise::{Noise, stems};
use backline_tests::stems::setlist;
use engine_core::backend::{Backend, BackendErrorKind as Kind, Closed, Wish};
use engine_core::convert::SampleFormat;

const LONG: Duration = Duration::from_secs(20);
const WISH: Wish<'static> = Wish {
    rate: Some(RATE),
    period: Some(256),
    periods: Some(3),
    format: None,
    outs: &["a", "b"],
};

/// Another program's hand on the card's mixer.
struct Hand(Mixer);

impl Hand {
    fn new() -> Self {
        Self(Mixer::new("hw:Dummy", true).expect("the card's mixer"))
    }

    fn element(&self) -> Selem<'_> {
        self.0.handle_events().unwrap();
        let id = SelemId::new("Master", 0);
        self.0.find_selem(&id).expect("the card's Master")
    }

    /// Steps of the left and the right channel, of 0.3 dB each: 100 is 0 dB.
    fn steps(&self) -> [i64; 2] {
        let element = self.element();
        [SelemChannelId::FrontLeft, SelemChannelId::FrontRight]
            .map(|c| element.get_playback_volume(c).unwrap())
    }

    fn turn(&self, step: i64) {
        self.element().set_playback_volume_all(step).unwrap();
    }
}

fn options(name: &str, level_db: Option<f32>, max_db: Option<f32>) -> AlsaOptions {
    AlsaOptions {
        device: "hw:Dummy".into(),
        mixer: Some(MixerOptions {
            name: name.into(),
            index: 0,
            level_db,
            max_db,
        }),
        ..AlsaOptions::default()
    }
}

fn close(mut backend: Alsa<Noise>) {
    assert_eq!(backend.close(LONG), Closed::Clean);
}

#[test]
fn it_is_set_at_the_opening_and_only_when_that_is_asked_for() {
    let hand = Hand::new();
    let open = |options: AlsaOptions| {
        let mut backend = Alsa::<Noise>::new(options);
        let granted = backend.open(&WISH).expect("the card opens");
        let level = backend.report().volume.map(|v| v.level_db);
        close(backend);
        (hand.steps(), level, granted.notice.to_string())
    };
    hand.turn(90);
    let none = AlsaOptions {
        mixer: None,
        ..options("", None, None)
    };
    assert_eq!(open(none).0, [90; 2]);
    let (steps, level, _) = open(options("Master", None, None));
    assert_eq!((steps, level), ([90; 2], Some(-3.0)));
    let (steps, level, _) = open(options("Master", Some(-10.0), None));
    assert_eq!((steps, level), ([67; 2], Some(-9.9)));
    // The nearest step would be above the ceiling.
    let (steps, ..) = open(options("Master", Some(-10.0), Some(-10.0)));
    assert_eq!(steps, [66; 2]);
    hand.turn(100);
    let (steps, _, notice) = open(options("Master", None, Some(-15.0)));
    assert_eq!(steps, [50; 2]);
    assert!(notice.contains("turned down to -15.0 dB"), "{notice}");
}

#[test]
fn nothing_takes_it_above_its_ceiling() {
    let hand = Hand::new();
    let mut backend = Alsa::new(options("Master", Some(-30.0), Some(-12.0)));
    backend.open(&WISH).unwrap();
    backend
        .start(Noise::new(SampleFormat::S16, u64::MAX).0)
        .unwrap();
    for (db, step) in [
        (-6.0, 60),
        (-21.0, 30),
        (f32::NEG_INFINITY, -50),
        (-15.0, 50),
    ] {
        let wish = backend.set_volume(db).unwrap();
        until("the wish", || backend.report().volume.unwrap().done == wish);
        assert_eq!(hand.steps(), [step; 2], "{db}");
    }
    assert_eq!(backend.report().volume.unwrap().capped, 0);
    for round in 1..=3 {
        hand.turn(100);
        until("the ceiling", || hand.steps() == [60; 2]);
        until("the count", || {
            backend.report().volume.is_some_and(|v| v.capped == round)
        });
    }
    // Below it, others may do as they like.
    hand.turn(-20);
    until("the news", || {
        backend.report().volume.is_some_and(|v| v.level_db == -36.0)
    });
    assert_eq!(hand.steps(), [-20; 2]);
    // A card that is pulled out has none, and is let go at once.
    let card = unplug("snd_dummy");
    drop(hand);
    until("the loss", || backend.report().volume.is_none());
    close(backend);
    card.plug_in();
}

#[test]
fn a_name_that_is_not_there_is_refused_with_those_that_are() {
    for device in ["hw:Dummy", "plughw:Dummy"] {
        let mut backend = Alsa::<Noise>::new(AlsaOptions {
            device: device.into(),
            ..options("Digital", None, None)
        });
        let refused = backend.open(&WISH).map(|_| ()).unwrap_err();
        assert_eq!(refused.kind, Kind::Mixer, "{refused}");
        for words in [device, "no volume \"Digital\"", "Master", "CD"] {
            assert!(refused.message.contains(words), "{refused}");
        }
        // The card is free: another volume of it can be had.
        let mut backend = Alsa::<Noise>::new(AlsaOptions {
            device: device.into(),
            ..options("CD", None, None)
        });
        backend.open(&WISH).unwrap();
        close(backend);
    }
    let mut backend = Alsa::<Noise>::new(options("Master", None, Some(-50.0)));
    let refused = backend.open(&WISH).map(|_| ()).unwrap_err();
    assert_eq!(refused.kind, Kind::Mixer, "{refused}");
    assert!(refused.message.contains("-45 dB"), "{refused}");
    let listed = backend_alsa::list();
    let card = listed.iter().find(|d| d.name == "hw:CARD=Dummy,DEV=0");
    assert!(card.unwrap().volumes.contains(&"Master".into()), "{card:?}");
}

#[test]
fn it_is_turned_live_and_again_when_the_card_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut player = PlayerBuilder::new(setlist(vec![stems(dir.path(), &[60 * u64::from(RATE)])]))
        .output(Output::Alsa(options("Master", Some(-30.0), Some(-12.0))))
        .volume_max(Some(-12.0))
        .rate(Some(RATE))
        .on_loss(OnLoss::Wait, OnReturn::Resume)
        .build()
        .unwrap();
    player.play();
    until("the song", || player.status().position.frame > 10_000);
    let hand = Hand::new();
    assert_eq!(hand.steps(), [0; 2]);
    let ask = |db: f64| {
        let level = Level::from_db(db).unwrap();
        let answer = player.remote().ask(Verb::Volume(level));
        assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
        hand.steps()
    };
    assert_eq!(ask(-3.0), [60; 2]);
    assert_eq!(ask(-18.0), [40; 2]);
    until("the status", || {
        player.status().volume.level_db.map(f64::round) == Some(-18.0)
    });
    let volume = player.status().volume;
    assert_eq!(
        (volume.max_db, volume.mixer.as_deref()),
        (Some(-12.0), Some("Master"))
    );
    assert_eq!(player.status().master, 1.0, "the master is another level");

    drop(hand);
    let card = unplug("snd_dummy");
    until("the loss", || player.status().hold.is_some());
    // What is asked for meanwhile counts, too.
    let level = Level::from_db(-24.0).unwrap();
    let answer = player.remote().ask(Verb::Volume(level));
    assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
    card.plug_in();
    until("the return", || player.status().hold.is_none());
    let hand = Hand::new();
    until("the volume", || hand.steps() == [20; 2]);

    // Somebody turns it up: it is brought back, and that is told, once.
    hand.turn(100);
    until("the ceiling", || hand.steps() == [60; 2]);
    hand.turn(90);
    until("the ceiling", || hand.steps() == [60; 2]);
    player.quit();
    let mut told = 0;
    while !player.is_over() {
        if let Some(Note::Warning(w)) = player.next_note(Duration::from_millis(100)) {
            told += usize::from(w.code == "volume" && w.message.contains("`Master`"));
        }
    }
    assert_eq!(told, 1);
}
