//! Resampling: alignment, length, exact seeks.

use super::super::testing::*;
use super::super::{MediaError, at_rate, resampled_frames};

const PAIRS: [(u32, u32); 6] = [
    (44_100, 48_000),
    (48_000, 44_100),
    (96_000, 48_000),
    (22_050, 48_000),
    (8000, 44_100),
    (47_999, 48_000),
];

#[test]
fn the_same_rate_is_the_same_reader() {
    let r = at_rate(Box::new(Ramp::new(48_000, 2, 100)), 48_000).unwrap();
    assert_eq!(r.spec().format, "ramp");
    let r = at_rate(Box::new(Ramp::new(48_000, 2, 100)), 0).unwrap();
    assert_eq!(r.spec().rate, 48_000);
}

#[test]
fn lengths_are_rounded_half_up() {
    assert_eq!(resampled_frames(1, 2, 1), 1);
    assert_eq!(resampled_frames(1, 3, 1), 0);
    assert_eq!(resampled_frames(441, 44_100, 48_000), 480);
    assert_eq!(resampled_frames(u64::MAX, 1, 48_000), u64::MAX);
    for (from, to) in PAIRS {
        for len in [0, 1, 2, 1000, 1029, 12_345, 100_001] {
            for known in [true, false] {
                let ramp = Ramp::new(from, 2, len);
                let ramp = if known { ramp } else { ramp.unknown() };
                let mut r = at_rate(Box::new(ramp), to).unwrap();
                let want = resampled_frames(len, from, to);
                assert_eq!(r.spec().frames, known.then_some(want));
                assert_eq!(r.spec().rate, to);
                let (planes, error) = drain(&mut *r);
                assert!(error.is_none());
                assert_eq!(planes[1].len() as u64, want, "{len} at {from} to {to}");
            }
        }
    }
}

#[test]
fn a_seek_gives_the_bits_of_linear_reading() {
    for (from, to) in PAIRS {
        let mut r = at_rate(Box::new(Ramp::new(from, 2, 150_001)), to).unwrap();
        let (all, _) = drain(&mut *r);
        let total = all[0].len() as u64;
        let mut random = Random(u64::from(from));
        for n in 0..60 {
            let target = match n {
                0 => 0,
                1 => total - 1,
                2 => total,
                3 => total + 9999,
                _ => random.below(total),
            };
            r.seek(target).unwrap();
            let len = 1 + random.below(3000) as usize;
            let got = take(&mut *r, len).unwrap();
            let target = target as usize;
            for (a, g) in all.iter().zip(&got) {
                let end = (target + len).min(a.len());
                let want = a.get(target..end).unwrap_or_default();
                assert_eq!(g.len(), want.len(), "target {target}");
                let same = g.iter().zip(want).all(|(x, y)| x.to_bits() == y.to_bits());
                assert!(same, "target {target} at {from} to {to}");
            }
        }
    }
}

/// A raised-cosine pulse at a known time comes out at that very time.
#[test]
fn frame_0_lies_on_frame_0() {
    let dir = tempfile::tempdir().unwrap();
    for (from, to) in PAIRS {
        let centre = 0.25f64;
        let width = 0.002f64;
        let pulse = |t: f64| {
            let x = (t - centre) / width;
            if x.abs() < 1.0 {
                0.25 * (1.0 + (x * std::f64::consts::PI).cos())
            } else {
                0.0
            }
        };
        let bytes = wav(S24, from, 1, u64::from(from) / 2, |f, _| {
            (pulse(f as f64 / f64::from(from)) * 32_767.0) as i16
        });
        let path = write(dir.path(), "pulse.wav", &bytes);
        let mut r = at_rate(open_default(&path).unwrap(), to).unwrap();
        let (planes, _) = drain(&mut *r);
        let worst = planes[0]
            .iter()
            .enumerate()
            .map(|(f, &x)| (f64::from(x) - pulse(f as f64 / f64::from(to))).abs())
            .fold(0.0, f64::max);
        // One frame beside it would be off by far more than 16-bit rounding and ripple.
        assert!(worst < 1e-3, "{worst} at {from} to {to}");
    }
}

#[test]
fn damage_comes_after_everything_good() {
    for (from, to) in PAIRS {
        let mut ramp = Ramp::new(from, 1, 30_000);
        ramp.damaged = true;
        let mut r = at_rate(Box::new(ramp), to).unwrap();
        let want = resampled_frames(30_000, from, to);
        for _ in 0..2 {
            let (planes, error) = drain(&mut *r);
            assert_eq!(planes[0].len() as u64, want);
            assert!(matches!(
                error,
                Some(MediaError::Damaged { frame: 30_000, .. })
            ));
            assert!(matches!(drain(&mut *r), (p, None) if p[0].is_empty()));
            r.seek(0).unwrap();
        }
    }
}

#[test]
fn what_is_no_sound_stays_where_it_is_and_spoils_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let bad: [(usize, f32); 6] = [
        (0, f32::NAN),
        (4000, f32::INFINITY),
        (4001, f32::NEG_INFINITY),
        (9999, 3e38),
        (15_000, -1e19),
        (20_000, f32::NAN),
    ];
    let file = |name: &str, spoilt: bool| {
        let mut bytes = wav(Store(3, 32), 44_100, 1, 20_001, |f, _| step(f / 64, 0) / 4);
        let data = bytes.len() - 20_001 * 4;
        for (frame, x) in bad {
            let at = data + frame * 4;
            let x = if spoilt { x } else { 0.0 };
            bytes[at..at + 4].copy_from_slice(&x.to_le_bytes());
        }
        at_rate(
            open_default(&write(dir.path(), name, &bytes)).unwrap(),
            48_000,
        )
        .unwrap()
    };
    let (good, _) = drain(&mut *file("good.wav", false));
    let mut reader = file("bad.wav", true);
    let (all, error) = drain(&mut *reader);
    assert!(error.is_none());
    let mut found = Vec::new();
    for (frame, (bad, good)) in all[0].iter().zip(&good[0]).enumerate() {
        match bad.is_finite() {
            true => assert_eq!(bad, good, "{frame}"),
            false => found.push(frame as u64),
        }
    }
    let want = bad.map(|(frame, _)| resampled_frames(frame as u64, 44_100, 48_000));
    assert_eq!(found, want);
    reader.seek(want[3] - 10).unwrap();
    let part = take(&mut *reader, 20).unwrap();
    let at: Vec<_> = part[0].iter().map(|x| x.is_finite()).collect();
    assert_eq!(at.iter().position(|finite| !finite), Some(10));
}

#[test]
fn rates_with_nothing_in_common_are_refused_before_they_take_seconds() {
    let refused = |from, channels| match at_rate(Box::new(Ramp::new(from, channels, 100)), 48_000) {
        Err(MediaError::Unsupported { what, .. }) => what.contains("48000 Hz"),
        Err(other) => panic!("{other}"),
        Ok(_) => false,
    };
    // What there is in the world: any multiple, and clocks that are a little off.
    for rate in [
        8000, 11_025, 22_050, 32_000, 44_056, 44_100, 47_952, 88_200, 176_400, 192_000, 768_000,
    ] {
        assert!(!refused(rate, 128), "{rate}");
    }
    assert!(!refused(47_999, 32) && !refused(191_999, 2));
    assert!(refused(1_535_999, 1) && refused(767_957, 1) && refused(47_999, 128));
}
