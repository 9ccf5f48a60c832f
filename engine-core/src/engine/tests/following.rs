//! Following an outside transport: what is heard is its frame, or nothing.

use super::*;
use crate::outside::Outside;

/// The transport, and what was heard with it: its frame where it rolled.
struct Followed {
    rig: Rig,
    controls: Arc<HostControls>,
    feeds: Vec<Feed>,
    at: Outside,
    due: Vec<Option<u64>>,
}

impl Followed {
    fn new() -> Self {
        let mut rig = Rig::new(0);
        rig.engine.follow(Outside::default());
        rig.send(Command::Play { fade: 0 });
        Self {
            rig,
            controls: Arc::new(HostControls::new()),
            feeds: Vec::new(),
            at: Outside::default(),
            due: Vec::new(),
        }
    }

    /// Hands over a deck that plays the song's frames from `frame` on, with so many blocks filled.
    fn prepare(&mut self, frame: u64, end: Option<u64>, blocks: usize) {
        let stems: [Stem; 1] = [ramp];
        let end = end.map(|e: u64| e.saturating_sub(frame));
        let (deck, mut feed) = (self.rig).deck(1, &self.controls, &stems, frame, end, 40);
        feed.fill(blocks);
        self.rig.cut(deck, At::Outside { frame }, 480);
        self.feeds.push(feed);
    }

    fn go(&mut self, rolling: bool, frame: u64) {
        self.at = Outside { rolling, frame };
    }

    /// One cycle, its frames given in calls of at most 64.
    fn cycle(&mut self, frames: usize) {
        self.rig.engine.follow(self.at);
        let mut left = frames;
        while left > 0 {
            let n = left.min(64);
            self.rig.run(n);
            left -= n;
        }
        for _ in 0..frames {
            self.due.push(self.at.rolling.then_some(self.at.frame));
            self.at.frame += u64::from(self.at.rolling);
        }
    }

    /// Output frames that are the transport's, with the song's end at `end`; panics at any that is
    /// neither that nor silence.
    fn heard(&self, end: u64) -> usize {
        let due = self.due.iter().zip(&self.rig.out).enumerate();
        due.filter(|(i, (due, x))| {
            let want = due.filter(|f| *f < end).map_or([0.0; 2], ramp);
            assert!(
                **x == want || **x == [0.0; 2],
                "frame {i}: {x:?}, not {want:?}"
            );
            want != [0.0; 2] && **x == want
        })
        .count()
    }

    fn starvations(&self) -> (u32, u32) {
        let c = self.rig.handle.board().counters();
        (c.starvations, c.starved_frames)
    }
}

#[test]
fn it_plays_the_transports_frame_through_start_stop_and_locate() {
    let mut f = Followed::new();
    f.prepare(0, None, 40);
    f.cycle(100);
    assert!(f.rig.engine.in_step());
    assert_eq!(f.heard(u64::MAX), 0, "it stands");
    f.go(true, 0);
    f.cycle(1000);
    f.go(false, 1000);
    f.cycle(100);
    f.go(true, 1000);
    f.cycle(500);
    assert_eq!(f.heard(u64::MAX), 1500);
    // Located while it rolls: the server has it stand until all are ready.
    f.go(false, 777);
    f.cycle(64);
    assert!(!f.rig.engine.in_step(), "nothing is prepared");
    f.prepare(777, None, 40);
    assert!(f.rig.engine.in_step());
    f.go(true, 777);
    f.cycle(1000);
    assert_eq!(f.heard(u64::MAX), 2500);
    assert_eq!(f.starvations(), (0, 0));
}

#[test]
fn a_deck_primed_ahead_comes_in_on_the_very_frame() {
    let mut f = Followed::new();
    f.go(true, 5000);
    f.cycle(300);
    f.prepare(6001, None, 40);
    f.cycle(1000);
    assert_eq!(f.heard(u64::MAX), 299, "from frame 6001 on");
    assert_eq!(f.starvations(), (0, 0), "coming in late is no fault");
    // One that comes too late goes home unplayed.
    f.rig.events();
    f.prepare(6200, None, 40);
    f.cycle(100);
    assert_eq!(f.rig.handle.take_deck().map(|d| d.frame()), Some(0));
    assert!(matches!(f.rig.events()[..], [EventKind::CutDropped { .. }]));
    assert_eq!(f.heard(u64::MAX), 399);
}

#[test]
fn starved_it_catches_up_instead_of_falling_behind() {
    let mut f = Followed::new();
    f.prepare(0, None, 4);
    f.go(true, 0);
    f.cycle(2000);
    // The reserve is faded out, so it is neither the ramp nor silence.
    let reserve = 4 * BLOCK - RESERVE as usize..4 * BLOCK;
    f.rig.out[reserve].fill([0.0; 2]);
    assert_eq!(f.heard(u64::MAX), 4 * BLOCK - RESERVE as usize);
    assert_eq!(f.starvations(), (1, 2000 - 4 * BLOCK as u32));
    // The data is back, but it is yesterday's.
    f.feeds[0].fill(30);
    f.cycle(100);
    f.prepare(2200, None, 40);
    f.cycle(1000);
    assert_eq!(f.heard(u64::MAX), 4 * BLOCK - RESERVE as usize + 900);
    assert_eq!(f.starvations(), (1, 2200 - 4 * BLOCK as u32));
}

#[test]
fn past_its_end_a_song_is_silence_in_step() {
    let mut f = Followed::new();
    f.prepare(900, Some(1000), 40);
    f.go(true, 900);
    f.cycle(500);
    assert_eq!(f.heard(1000), 100);
    assert_eq!(f.rig.state(), State::Playing);
    assert_eq!(f.rig.handle.board().take_stop_flag(), None);
    let shown = f.rig.handle.board().position().outside.unwrap();
    assert!(shown.in_step && shown.at.frame == 1400);
    assert_eq!(f.starvations(), (0, 0));
    // And where it stands after that, it is ready with nothing.
    f.go(false, 1400);
    f.cycle(10);
    assert!(f.rig.engine.in_step());
}

#[test]
fn a_pause_needs_no_fade_where_nothing_sounds() {
    let mut f = Followed::new();
    f.prepare(0, None, 40);
    f.cycle(10);
    f.rig.send(Command::Pause { fade: 480 });
    f.cycle(10);
    assert_eq!(f.rig.state(), State::Paused);
    assert!(
        f.rig.engine.in_step(),
        "nobody waits for one that is paused"
    );
    f.go(true, 0);
    f.cycle(100);
    assert_eq!(f.heard(u64::MAX), 0);
}
