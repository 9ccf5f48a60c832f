//! Conversion against the rule in its slowest form, and what dither does to a spectrum.

extern crate std;
use super::*;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const INTEGER: [SampleFormat; 4] = [
    SampleFormat::S16,
    SampleFormat::S24,
    SampleFormat::S24_3,
    SampleFormat::S32,
];

fn bits(format: SampleFormat) -> u32 {
    match format {
        SampleFormat::S16 => 16,
        SampleFormat::S24 | SampleFormat::S24_3 => 24,
        SampleFormat::S32 | SampleFormat::F32 => 32,
    }
}

/// The rule, in the slowest and plainest way.
fn reference(x: f32, bits: u32) -> (i64, bool) {
    let full = (1u64 << (bits - 1)) as f64;
    if x.is_nan() {
        return (0, false);
    }
    let rounded = (f64::from(x) * full).round_ties_even();
    (
        rounded.clamp(-full, full - 1.0) as i64,
        rounded > full - 1.0 || rounded < -full,
    )
}

fn decode(format: SampleFormat, bytes: &[u8]) -> Vec<i64> {
    bytes
        .chunks_exact(format.bytes())
        .map(|b| match *b {
            [a, b] => i64::from(i16::from_le_bytes([a, b])),
            [a, b, c] => i64::from(i32::from_le_bytes([0, a, b, c]) >> 8),
            [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
            _ => unreachable!(),
        })
        .collect()
}

fn convert(format: SampleFormat, dither: Dither, x: &[f32]) -> (Vec<u8>, u32) {
    let mut out = vec![0xAA; x.len() * format.bytes()];
    let clips = Converter::<1>::new(format, dither).interleave(&[x], x.len(), &mut out);
    (out, clips)
}

fn check_against_reference(x: &[f32]) {
    for format in INTEGER {
        let (bytes, clips) = convert(format, Dither::None, x);
        let mut expected_clips = 0;
        for (x, got) in x.iter().zip(decode(format, &bytes)) {
            let (want, clip) = reference(*x, bits(format));
            assert_eq!(got, want, "{x:e} ({:#010x}) to {format:?}", x.to_bits());
            expected_clips += u32::from(clip);
        }
        assert_eq!(clips, expected_clips, "{format:?}");
    }
}

fn neighbours(x: f32) -> [f32; 3] {
    [x.next_down(), x, x.next_up()]
}

#[test]
fn every_half_step_of_16_bit_and_its_neighbours() {
    let x: Vec<f32> = (-65_700..=65_700)
        .flat_map(|half| neighbours(half as f32 / 65_536.0))
        .collect();
    check_against_reference(&x);
}

#[test]
fn half_steps_of_24_and_32_bit_and_their_neighbours() {
    let mut x = Vec::new();
    for exponent in 0..34 {
        for mantissa in (0..1 << 24).step_by(65_521) {
            let v = mantissa as f32 / (1u64 << exponent) as f32;
            x.extend(neighbours(v / (1 << 24) as f32));
            x.extend(neighbours(-v / (1 << 24) as f32));
        }
    }
    for step in 0..2000 {
        for full in [24, 25, 32, 33] {
            let v = step as f32 / (1u64 << full) as f32;
            x.extend(neighbours(v));
            x.extend(neighbours(-v));
            x.extend(neighbours(1.0 - v));
            x.extend(neighbours(v - 1.0));
        }
    }
    check_against_reference(&x);
}

#[test]
fn the_ends_and_what_no_mixer_should_send() {
    let mut x = vec![f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    for v in [0.0, f32::MIN_POSITIVE, 1e-45, 1.0, 1.000_01, 2.0, f32::MAX] {
        x.extend([v, -v]);
    }
    x.extend(neighbours(1.0));
    x.extend(neighbours(-1.0));
    check_against_reference(&x);
    assert_eq!(convert(SampleFormat::S16, Dither::None, &[-1.0]).1, 0);
    assert_eq!(convert(SampleFormat::S16, Dither::None, &[1.0]).1, 1);
    assert_eq!(convert(SampleFormat::S32, Dither::None, &[1.0]).1, 1);
}

/// Every 4093rd bit pattern of `f32`.
#[test]
fn a_sweep_through_all_floats() {
    let x: Vec<f32> = (0..=u32::MAX).step_by(4093).map(f32::from_bits).collect();
    check_against_reference(&x);
}

#[test]
#[ignore = "all 2³² floats: minutes"]
fn all_floats() {
    for high in 0..1u32 << 10 {
        let x: Vec<f32> = (0..1u32 << 22)
            .map(|low| f32::from_bits(high << 22 | low))
            .collect();
        check_against_reference(&x);
    }
}

#[test]
fn what_came_from_16_bit_goes_out_as_it_was() {
    let x: Vec<f32> = (-32_768..=32_767).map(|v| v as f32 / 32_768.0).collect();
    for format in INTEGER {
        let (bytes, clips) = convert(format, Dither::None, &x);
        assert_eq!(clips, 0);
        let shift = bits(format) - 16;
        for (v, got) in (-32_768i64..).zip(decode(format, &bytes)) {
            assert_eq!(got, v << shift, "{format:?}");
        }
    }
}

#[test]
fn byte_layout_of_every_format() {
    let left = [0.5f32, -1.0];
    let right = [-0.25f32, 1.0 / 8_388_608.0];
    for (format, want) in [
        (
            SampleFormat::S16,
            &[0x00, 0x40, 0x00, 0xE0, 0x00, 0x80, 0x00, 0x00][..],
        ),
        (
            SampleFormat::S24,
            &[
                0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0xE0, 0xFF, //
                0x00, 0x00, 0x80, 0xFF, 0x01, 0x00, 0x00, 0x00,
            ],
        ),
        (
            SampleFormat::S24_3,
            &[
                0x00, 0x00, 0x40, 0x00, 0x00, 0xE0, //
                0x00, 0x00, 0x80, 0x01, 0x00, 0x00,
            ],
        ),
        (
            SampleFormat::S32,
            &[
                0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0xE0, //
                0x00, 0x00, 0x00, 0x80, 0x00, 0x01, 0x00, 0x00,
            ],
        ),
        (
            SampleFormat::F32,
            &[
                0x00, 0x00, 0x00, 0x3F, 0x00, 0x00, 0x80, 0xBE, //
                0x00, 0x00, 0x80, 0xBF, 0x00, 0x00, 0x00, 0x34,
            ],
        ),
    ] {
        let mut out = [0xAA; 20];
        let mut c = Converter::<2>::new(format, Dither::None);
        assert_eq!(c.interleave(&[&left, &right], 2, &mut out), 0);
        let (used, rest) = out.split_at(want.len());
        assert_eq!(used, want, "{format:?}");
        assert!(rest.iter().all(|b| *b == 0xAA));
    }
}

#[test]
fn float_is_copied_bit_by_bit_and_never_clips() {
    let x = [-0.0, 1e-45, 3.0, -4.0, f32::INFINITY, f32::NAN];
    let (bytes, clips) = convert(SampleFormat::F32, Dither::Tpdf, &x);
    assert_eq!(clips, 0);
    let got: Vec<u32> = bytes
        .chunks_exact(4)
        .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let want = [-0.0, 1e-45, 3.0, -4.0, f32::INFINITY, 0.0f32].map(f32::to_bits);
    assert_eq!(got, want);
}

#[test]
fn only_whole_frames_are_written_and_short_planes_go_on_as_silence() {
    let mut c = Converter::<2>::new(SampleFormat::S16, Dither::None);
    let mut out = [0xAA; 11];
    let clips = c.interleave(&[&[2.0, 0.5, 2.0], &[-0.5]], 3, &mut out);
    assert_eq!(clips, 1, "the third frame was left out");
    assert_eq!(out, [0xFF, 0x7F, 0, 0xC0, 0, 0x40, 0, 0, 0xAA, 0xAA, 0xAA]);
    assert_eq!(c.interleave(&[], 3, &mut out), 0);
    assert_eq!(c.interleave(&[&[1.0]], 1, &mut []), 0);
}

#[test]
fn frames_left_out_take_no_noise() {
    let x = [0.1; 200];
    let mut whole = [0; 400];
    Converter::<1>::new(SampleFormat::S16, Dither::Tpdf).interleave(&[&x], 200, &mut whole);
    let mut parts = [0; 400];
    let mut c = Converter::<1>::new(SampleFormat::S16, Dither::Tpdf);
    let (a, b) = parts.split_at_mut(130);
    c.interleave(&[&x], 200, a);
    c.interleave(&[&x], 200, b);
    assert_eq!(whole, parts);
}

#[test]
fn channels_beyond_the_converter_are_rounded_without_noise() {
    let x = [0.5; 100];
    let mut out = [0; 800];
    let mut c = Converter::<2>::new(SampleFormat::S16, Dither::Tpdf);
    c.interleave(&[&x, &x, &x, &x], 100, &mut out);
    let v = decode(SampleFormat::S16, &out);
    let steady = |channel: usize| v.iter().skip(channel).step_by(4).all(|v| *v == 16_384);
    assert_eq!([0, 1, 2, 3].map(steady), [false, false, true, true]);
}

/// Error in steps of 16 bit of `seconds` seconds of the channels' dithered `x`.
fn dither_errors(x: &[f32], channels: usize) -> Vec<Vec<f64>> {
    let mut c = Converter::<32>::new(SampleFormat::S16, Dither::Tpdf);
    let mut out = vec![0; x.len() * channels * 2];
    let planes = vec![x; channels];
    assert_eq!(c.interleave(&planes, x.len(), &mut out), 0);
    let v = decode(SampleFormat::S16, &out);
    (0..channels)
        .map(|channel| {
            v.iter()
                .skip(channel)
                .step_by(channels)
                .zip(x)
                .map(|(v, x)| *v as f64 - f64::from(*x) * 32_768.0)
                .collect()
        })
        .collect()
}

fn mean(x: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = x.len() as f64;
    x.sum::<f64>() / n
}

/// Triangular dither of two steps makes the error's mean 0 and its power ¼ step² whatever the
/// signal: Lipshitz, Wannamaker, Vanderkooy, “Quantization and Dither”, JAES 40 (1992).
#[test]
fn dither_frees_error_mean_and_power_from_the_signal() {
    let n = 400_000;
    for level in [0.0, 0.1, 0.25, 0.5, 0.75, 100.3, -4000.5] {
        let x = vec![level / 32_768.0; n];
        for e in dither_errors(&x, 2) {
            // Five standard errors: of the mean, ½/√n; of the power, less than ½/√n.
            let tolerance = 5.0 * 0.5 / (n as f64).sqrt();
            let m = mean(e.iter().copied());
            let power = mean(e.iter().map(|e| e * e));
            assert!(m.abs() < tolerance, "mean {m} at {level}");
            assert!((power - 0.25).abs() < tolerance, "power {power} at {level}");
            assert!(e.iter().all(|e| e.abs() < 1.5));
        }
    }
}

#[test]
fn dither_is_white_and_independent_between_channels() {
    let n = 100_000;
    let e = dither_errors(&vec![0.3 / 32_768.0; n], 32);
    // Correlations of white noise of power ¼ have a standard error of 0.25/√n.
    let tolerance = 6.0 * 0.25 / (n as f64).sqrt();
    for lag in 1..200 {
        let c = mean(e[0].iter().zip(&e[0][lag..]).map(|(a, b)| a * b));
        assert!(c.abs() < tolerance, "lag {lag}: {c}");
    }
    for a in 0..32 {
        for b in a + 1..32 {
            let c = mean(e[a].iter().zip(&e[b]).map(|(a, b)| a * b));
            assert!(c.abs() < tolerance, "channels {a} and {b}: {c}");
        }
    }
}

#[test]
fn a_tone_below_one_step_survives_with_dither_and_leaves_no_harmonics() {
    let n = 1 << 16;
    let cycles = 701.0;
    let phase = |i: usize, k: f64| 2.0 * core::f64::consts::PI * k * i as f64 / n as f64;
    let x: Vec<f32> = (0..n)
        .map(|i| (0.4 * phase(i, cycles).sin() / 32_768.0) as f32)
        .collect();
    let mut out = vec![0; n * 2];
    let mut c = Converter::<1>::new(SampleFormat::S16, Dither::Tpdf);
    c.interleave(&[&x], n, &mut out);
    let v = decode(SampleFormat::S16, &out);
    let amplitude = |k: f64| {
        let (s, c) = v.iter().enumerate().fold((0.0, 0.0), |(s, c), (i, v)| {
            let v = *v as f64;
            (s + v * phase(i, k).sin(), c + v * phase(i, k).cos())
        });
        2.0 * f64::hypot(s, c) / n as f64
    };
    assert!((amplitude(cycles) - 0.4).abs() < 0.02);
    for harmonic in 2..8 {
        let a = amplitude(cycles * f64::from(harmonic));
        assert!(a < 0.02, "harmonic {harmonic}: {a}");
    }
    let undithered = decode(
        SampleFormat::S16,
        &convert(SampleFormat::S16, Dither::None, &x).0,
    );
    assert!(undithered.iter().all(|v| *v == 0));
}

proptest! {
    #[test]
    fn bytes_do_not_depend_on_how_a_stream_is_cut(
        cuts in prop::collection::vec(0usize..200, 1..12),
        channels in 1usize..6,
        format in prop::sample::select(&[
            SampleFormat::S16, SampleFormat::S24, SampleFormat::S24_3,
            SampleFormat::S32, SampleFormat::F32,
        ][..]),
        tpdf in any::<bool>(),
        seed in any::<u32>(),
    ) {
        let dither = if tpdf { Dither::Tpdf } else { Dither::None };
        let n: usize = cuts.iter().sum();
        let mut s = seed | 1;
        let planes: Vec<Vec<f32>> = (0..channels)
            .map(|_| (0..n).map(|_| {
                s = xorshift32(s);
                s as i32 as f32 / (1u32 << 30) as f32
            }).collect())
            .collect();
        let frame = channels * format.bytes();

        let mut whole = vec![0; n * frame];
        let all: Vec<&[f32]> = planes.iter().map(|p| &p[..]).collect();
        let clips = Converter::<4>::new(format, dither).interleave(&all, n, &mut whole);

        let mut parts = vec![0; n * frame];
        let mut c = Converter::<4>::new(format, dither);
        let (mut at, mut part_clips) = (0, 0);
        for cut in cuts {
            let some: Vec<&[f32]> = planes.iter().map(|p| &p[at..]).collect();
            let out = &mut parts[at * frame..(at + cut) * frame];
            part_clips += c.interleave(&some, cut, out);
            at += cut;
        }
        prop_assert_eq!(whole, parts);
        prop_assert_eq!(clips, part_clips);
    }
}
