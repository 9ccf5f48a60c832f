//! The guest rig itself: counted time, a card that paces, a loopback that is bit-exact. Runs in the guest only
//! (`tests/rig/guest/runner.sh`), which is why `Cargo.toml` leaves it out of a plain `cargo test`.

use alsa::pcm::{Access, Format, Frames, HwParams, PCM};
use alsa::{Direction, ValueOr};
use std::time::Instant;

const RATE: u32 = 48_000;

fn open(device: &str, direction: Direction, period: Frames, buffer: Frames) -> PCM {
    let pcm = PCM::new(device, direction, false).unwrap();
    {
        let wish = HwParams::any(&pcm).unwrap();
        wish.set_access(Access::RWInterleaved).unwrap();
        wish.set_format(Format::S16LE).unwrap();
        wish.set_channels(2).unwrap();
        wish.set_rate(RATE, ValueOr::Nearest).unwrap();
        wish.set_period_size(period, ValueOr::Nearest).unwrap();
        wish.set_buffer_size(buffer).unwrap();
        pcm.hw_params(&wish).unwrap();
    }
    pcm
}

#[test]
fn runs_in_the_guest() {
    assert_eq!(
        std::env::var("BACKLINE_GUEST").as_deref(),
        Ok("1"),
        "start me through tests/rig/guest/runner.sh"
    );
}

/// Guest time is counted, so one second of audio takes one second, at periods no busy host could hold.
#[test]
fn a_second_of_audio_takes_a_second_at_64_frames() {
    let pcm = open("hw:Dummy", Direction::Playback, 64, 128);
    let silence = [0i16; 2 * 64];
    let io = pcm.io_i16().unwrap();
    let begin = Instant::now();
    for _ in 0..RATE / 64 {
        // An underrun would be an error here: nothing recovers it.
        assert_eq!(io.writei(&silence).unwrap(), 64);
    }
    pcm.drain().unwrap();
    let seconds = begin.elapsed().as_secs_f64();
    assert!((seconds - 1.0).abs() < 0.02, "{seconds} s");
}

/// What goes into one end of the loopback comes out of the other, sample for sample.
#[test]
fn the_loopback_is_bit_exact() {
    const FRAMES: usize = RATE as usize / 2;
    // While draining, the loopback's last tick is not to be trusted: silence goes there.
    const PAD: usize = RATE as usize / 10;
    // Starts at 1, so that the first sample that isn't 0 is the first of the ramp.
    let sent: Vec<i16> = (0..2 * FRAMES).map(|n| (n % 32_000 + 1) as i16).collect();

    let capture = open("hw:Loopback,1,0", Direction::Capture, 1024, 16_384);
    capture.start().unwrap();
    let reader = std::thread::spawn(move || {
        let io = capture.io_i16().unwrap();
        let mut heard = vec![0i16; 2 * RATE as usize];
        let mut at = 0;
        while at < heard.len() {
            let end = heard.len().min(at + 2048);
            at += 2 * io.readi(&mut heard[at..end]).unwrap();
        }
        heard
    });
    let playback = open("hw:Loopback,0,0", Direction::Playback, 480, 3840);
    let io = playback.io_i16().unwrap();
    let mut all = sent.clone();
    all.resize(2 * (FRAMES + PAD), 0);
    for chunk in all.chunks(2 * 480) {
        assert_eq!(io.writei(chunk).unwrap(), chunk.len() / 2);
    }
    playback.drain().unwrap();

    let heard = reader.join().unwrap();
    let first = heard
        .iter()
        .position(|&x| x != 0)
        .expect("something arrives");
    assert!(heard[first..].starts_with(&sent), "the payload differs");
}
