//! Following a transport that a test moves by hand: whatever is heard is its frame.

use std::thread;
use std::time::Duration;

use backline::player::{PlayerBuilder, Transport};
use backline::song::{Bus, Song};
use backline_tests::session::{SOON, close, until};
use backline_tests::stems::{name_of, setlist, song, track, write_ramp};
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
