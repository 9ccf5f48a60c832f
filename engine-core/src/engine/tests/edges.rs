//! Edges where two things meet in one place.

use super::*;

/// A playing rig with one deck of `ones`; `filled` of 40 blocks.
fn playing(ramp: u32, filled: usize) -> (Rig, Arc<HostControls>, Ticket, Feed) {
    let mut rig = Rig::new(ramp);
    let c = Arc::new(HostControls::new());
    let (deck, mut feed) = rig.deck(1, &c, &[ones, ones], 0, None, 40);
    let ticket = deck.spec().ticket;
    feed.fill(filled);
    rig.cut(deck, At::Now, 0);
    rig.send(Command::Play { fade: 0 });
    rig.run(1);
    (rig, c, ticket, feed)
}

#[test]
fn a_level_too_small_to_count_is_reached_in_the_time_of_a_ramp() {
    for call in [10, 50] {
        let (mut rig, c, _, _feed) = playing(100, 40);
        rig.handle.board().set_master(1e-9);
        c.set_level(0, 1e-9);
        c.commit();
        while rig.out.len() < 200 {
            rig.run(call);
        }
        assert!(rig.out[101..].iter().all(|x| *x == [0.0; 2]), "{call}");
        assert!(rig.out[50][0] > 0.4);
    }
}

#[test]
fn a_timed_fade_goes_on_when_something_else_changes() {
    let (mut rig, c, _, _feed) = playing(0, 40);
    let s = |gain| TrackSetting {
        gain,
        ..Default::default()
    };
    c.set_track(0, s(0.0));
    rig.send(Command::FadeTrack {
        song: Ticket(1),
        track: 0,
        gain: 0.0,
        frames: 1000,
    });
    rig.run(500);
    c.set_track(1, s(0.5));
    c.commit();
    rig.run(501);
    assert_eq!(rig.out[501], [1.0, 1.0]);
    assert!(rig.out[502][0] < 1.0 && rig.out[502][0] > 0.99);
    assert_eq!(rig.out[1001], [0.5, 0.5]);
}
