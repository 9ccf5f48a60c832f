//! Edges where two things meet in one place.

use super::*;
use crate::status::Position;

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
        count: 1,
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

/// No data at all comes any more, and the next deck isn't there either.
#[test]
fn nothing_is_skipped_where_data_and_the_next_deck_are_missing_together() {
    let mut rig = Rig::new(0);
    let c = Arc::new(HostControls::new());
    let (deck, mut feed) = rig.deck(1, &c, &[ramp], 0, None, 40);
    let of = deck.spec().ticket;
    feed.fill(4);
    rig.cut(deck, At::Now, 0);
    rig.send(Command::Play { fade: 0 });
    // In the middle of the fade-out over the reserve, 30 frames before the end of the data.
    rig.run(4 * BLOCK - 30);
    rig.send(Command::Pause { fade: 0 });
    rig.run(0);
    let (next, mut f2) = rig.deck(1, &c, &[ramp], 0, None, 4);
    let next_ticket = next.spec().ticket;
    let frame = 4 * BLOCK as u64 + 10;
    rig.cut(next, At::Frame { of, frame }, 0);
    rig.send(Command::Play { fade: 0 });
    rig.run(500);
    let at = rig.handle.board().position();
    assert_eq!((at.deck_frame, at.holding), (4 * BLOCK as u64, true));
    // Ten frames of sound before the next hold are none.
    feed.fill(36);
    rig.run(500);
    assert_eq!(
        rig.handle.board().position(),
        Position {
            engine_frame: at.engine_frame + 500,
            fill_frames: 36 * BLOCK as u32,
            ..at
        }
    );
    f2.fill(4);
    rig.run(10);
    let position = rig.handle.board().position();
    assert_eq!((position.deck, position.deck_frame), (of, frame));
    rig.run(100);
    assert_eq!(rig.handle.board().position().deck, next_ticket);
    let counters = rig.handle.board().counters();
    // One before the pause, one after it.
    assert_eq!((counters.starvations, counters.stale_blocks), (2, 0));
}

#[test]
fn a_stop_that_meets_a_starvation_arrives_without_data() {
    let (mut rig, _, deck, _feed) = playing(0, 4);
    rig.run(4 * BLOCK - RESERVE as usize - 10);
    rig.events();
    rig.send(Command::Stop { fade: 960 });
    rig.run(500);
    assert_eq!(rig.state(), State::Stopped);
    let frame = 4 * BLOCK as u64;
    assert!(rig.events().contains(&EventKind::Stopped { deck, frame }));
}

#[test]
fn what_waits_for_the_rest_happens_in_the_frame_of_the_rest() {
    // Cancelled after the fade-out ended: it was cut to already, however long the calls are.
    for call in [1, 64, 300] {
        let (mut rig, c, _, _feed) = playing(0, 40);
        let (next, _unfed) = rig.deck(1, &c, &[ones], 0, None, 4);
        let ticket = next.spec().ticket;
        rig.cut(next, At::Now, 0);
        rig.send(Command::Pause { fade: 100 });
        let mut left = 300;
        while left > 0 {
            rig.run(call.min(left));
            left -= call.min(left);
        }
        rig.send(Command::Cancel(ticket));
        rig.run(0);
        assert_eq!(rig.handle.board().position().deck, ticket);
    }
}

#[test]
fn a_stale_cut_comes_back_when_nothing_plays_either() {
    let (mut rig, c, deck, _feed) = playing(0, 40);
    rig.send(Command::Pause { fade: 0 });
    rig.run(0);
    let (next, _unfed) = rig.deck(1, &c, &[ones], 0, None, 4);
    let ticket = next.spec().ticket;
    let of = Ticket(99);
    rig.cut(next, At::Frame { of, frame: 0 }, 0);
    rig.run(0);
    assert_eq!(rig.handle.board().position().deck, deck);
    let back = rig.handle.take_deck().map(|d| d.spec().ticket);
    assert_eq!(back, Some(ticket));
}

#[test]
fn a_song_begins_with_its_exclusive_solo() {
    let mut rig = Rig::new(1000);
    let c = Arc::new(HostControls::new());
    let (deck, mut feed) = rig.deck(1, &c, &[ones, ones], 0, None, 4);
    feed.fill(4);
    rig.cut(deck, At::Now, 0);
    rig.run(0);
    rig.send(Command::Play { fade: 0 });
    c.set_track(
        1,
        TrackSetting {
            solo: true,
            ..Default::default()
        },
    );
    rig.send(Command::ExclusiveSolo {
        song: Ticket(1),
        track: 1,
    });
    rig.run(10);
    assert!(rig.out.iter().all(|x| *x == [1.0, 1.0]));
}

#[test]
fn a_timed_fade_does_not_go_below_silence() {
    let (mut rig, _, _, _feed) = playing(0, 40);
    rig.handle.board().set_master(-1.0);
    rig.send(Command::FadeMaster {
        level: -1.0,
        frames: 10,
    });
    rig.run(20);
    assert_eq!(rig.out[20], [0.0, 0.0]);
}

#[test]
fn a_deck_shorter_than_its_fade_ends_at_its_length() {
    let (mut rig, c, _, _feed) = playing(0, 40);
    let (next, mut feed) = rig.deck(1, &c, &[ones], 0, Some(300), 4);
    let deck = next.spec().ticket;
    feed.fill(4);
    rig.cut(next, At::Now, 500);
    rig.run(1000);
    assert_eq!(rig.state(), State::Ended);
    assert!(
        rig.events()
            .contains(&EventKind::Ended { deck, frame: 300 })
    );
}

/// A deck that waits for its first data is silent: there is nothing to fade from, and nothing to wait for.
#[test]
fn what_is_cut_to_before_anything_sounded_begins_at_once_and_unfaded() {
    let mut rig = Rig::new(0);
    let c = Arc::new(HostControls::new());
    let (first, _unfed) = rig.deck(1, &c, &[ones], 0, None, 4);
    rig.cut(first, At::Now, 0);
    rig.send(Command::Play { fade: 0 });
    rig.run(10);
    let (next, mut feed) = rig.deck(1, &c, &[ramp], 0, None, 4);
    feed.fill(4);
    rig.cut(next, At::Now, 480);
    rig.run(20);
    assert_eq!(rig.out[9], [0.0; 2]);
    assert_eq!(rig.out[10], ramp(0));
    assert_eq!(rig.out[29], ramp(19));
}

#[test]
fn a_hold_in_the_fade_from_a_deck_at_its_end_goes_over() {
    let mut rig = Rig::new(0);
    let c = Arc::new(HostControls::new());
    let (mut first, mut feed) = rig.deck(1, &c, &[ones], 0, Some(300), 4);
    let mut spec = first.spec();
    spec.followed = true;
    first.rewind(spec);
    feed.fill(4);
    rig.cut(first, At::Now, 0);
    rig.send(Command::Play { fade: 0 });
    rig.run(250);
    let (next, mut feed) = rig.deck(1, &c, &[ones], 0, None, 8);
    let ticket = next.spec().ticket;
    feed.fill(2);
    // The old deck ends in the fade, and the new one's data runs out in it.
    rig.cut(next, At::Now, 1000);
    rig.run(1000);
    assert!(rig.handle.board().position().holding);
    feed.fill(6);
    rig.run(1000);
    let position = rig.handle.board().position();
    assert_eq!((position.deck, position.holding), (ticket, false));
    assert_eq!(rig.out[2249], [1.0; 2]);
}

#[test]
fn a_hold_is_reached_in_time_where_the_next_deck_is_late_and_data_runs_out_too() {
    let (mut rig, c, of, _feed) = playing(0, 4);
    let end_of_data = 4 * BLOCK as u64;
    rig.run(4 * BLOCK - RESERVE as usize);
    let (next, mut feed) = rig.deck(1, &c, &[ramp], 0, None, 4);
    let ticket = next.spec().ticket;
    // In the middle of the fade-out over the reserve.
    let frame = end_of_data - 40;
    rig.cut(next, At::Frame { of, frame }, 0);
    for _ in 0..500 {
        rig.run(1);
    }
    let position = rig.handle.board().position();
    assert_eq!((position.deck_frame, position.holding), (frame, true));
    rig.events();
    feed.fill(4);
    rig.run(1);
    let cut = EventKind::Cut {
        to: ticket,
        asked: Some(frame),
        actual: frame,
    };
    assert!(rig.events().contains(&cut));
}
