use std::f64::consts::TAU;

use super::*;
use crate::media::Spec;

/// A reader that makes its samples up.
struct Fake {
    spec: Spec,
    at: u64,
    end: u64,
    damaged_at: Option<u64>,
    sample: Box<dyn Fn(usize, u64) -> f32 + Send>,
}

fn fake(
    rate: u32,
    channels: usize,
    end: u64,
    sample: impl Fn(usize, u64) -> f32 + Send + 'static,
) -> Fake {
    Fake {
        spec: Spec {
            path: "a.wav".into(),
            format: "WAV 16-bit".into(),
            rate,
            channels,
            // What a header claims doesn't count.
            frames: None,
            notice: None,
        },
        at: 0,
        end,
        damaged_at: None,
        sample: Box::new(sample),
    }
}

impl Reader for Fake {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn read(&mut self, planes: &mut [&mut [f32]]) -> Result<usize, MediaError> {
        assert_eq!(planes.len(), self.spec.channels);
        if self.damaged_at == Some(self.at) {
            self.end = self.at;
            self.damaged_at = None;
            return Err(MediaError::Damaged {
                path: self.spec.path.clone(),
                frame: self.at,
                what: "bad block".into(),
            });
        }
        // Short reads are legal.
        let stop = self.damaged_at.unwrap_or(self.end);
        let n = (stop - self.at).min(planes[0].len() as u64).min(5000);
        for (c, plane) in planes.iter_mut().enumerate() {
            // What is beyond the frames read is nothing.
            plane.fill(99.0);
            for i in 0..n {
                plane[i as usize] = (self.sample)(c, self.at + i);
            }
        }
        self.at += n;
        Ok(n as usize)
    }

    fn seek(&mut self, _: u64) -> Result<(), MediaError> {
        panic!("a stream can't be sought");
    }
}

fn sine(level_db: f64, hz: f64, rate: u32) -> impl Fn(usize, u64) -> f32 + Send {
    move |_, i| (10f64.powf(level_db / 20.0) * (TAU * hz * i as f64 / f64::from(rate)).sin()) as f32
}

#[test]
fn the_reference_tone_of_ebu_tech_3341() {
    // Test case 1: a stereo sine of 1 kHz at −23 dBFS for 20 s has −23.0 ± 0.1 LUFS.
    let f = analyse(Box::new(fake(
        48_000,
        2,
        960_000,
        sine(-23.0, 1000.0, 48_000),
    )));
    assert_eq!(f.frames, 960_000);
    assert!((f.seconds - 20.0).abs() < 1e-12);
    let l = f.loudness_lufs.unwrap();
    assert!((l + 23.0).abs() < 0.1, "{l}");
    assert!((f.peak_db.unwrap() + 23.0).abs() < 0.01);
    assert!((f.peak - 0.070_795).abs() < 1e-5);
    assert!(f.notice.is_none() && f.damage.is_none());
}

#[test]
fn a_peak_is_found_wherever_it_is() {
    for (channel, at, value) in [(0, 0, -1.5), (1, 123_456, 0.75), (2, 199_999, -0.5)] {
        let f = fake(44_100, 3, 200_000, move |c, i| {
            if (c, i) == (channel, at) { value } else { 0.0 }
        });
        let f = analyse(Box::new(f));
        assert_eq!(f.frames, 200_000);
        assert_eq!(f.peak, f32::abs(value));
    }
}

#[test]
fn silence_and_emptiness_are_not_measured() {
    for end in [0, 1, 480_000] {
        let f = analyse(Box::new(fake(48_000, 1, end, |_, _| 0.0)));
        assert_eq!(f.frames, end);
        assert_eq!(f.peak, 0.0);
        assert_eq!(f.peak_db, None);
        assert_eq!(f.loudness_lufs, None);
    }
}

#[test]
fn what_is_no_number_is_silence() {
    let f = fake(48_000, 2, 96_000, |c, i| match (c, i % 3) {
        (0, 0) => f32::NAN,
        (0, 1) => f32::INFINITY,
        _ => 0.25,
    });
    let f = analyse(Box::new(f));
    assert_eq!(f.peak, 0.25);
    assert!(f.loudness_lufs.is_some_and(f64::is_finite));
}

#[test]
fn many_channels_have_a_peak_but_no_loudness() {
    let f = analyse(Box::new(fake(
        48_000,
        16,
        48_000,
        sine(-6.0, 440.0, 48_000),
    )));
    assert_eq!(f.loudness_lufs, None);
    assert!(f.peak_db.is_some());
}

#[test]
fn damage_ends_the_measure_but_not_the_listing() {
    let mut f = fake(48_000, 1, 96_000, |_, _| 0.5);
    f.damaged_at = Some(12_345);
    f.spec.notice = Some("Its start is not exact.".into());
    let f = analyse(Box::new(f));
    assert_eq!(f.frames, 12_345);
    assert!(matches!(
        f.damage,
        Some(MediaError::Damaged { frame: 12_345, .. })
    ));
    assert_eq!(
        f.notice.as_deref(),
        Some("Its start is not exact. a.wav: damaged at frame 12345: bad block")
    );
}

fn info() -> FileInfo {
    FileInfo {
        path: "a.wav".into(),
        format: "WAV 16-bit".into(),
        rate: 48_000,
        channels: 2,
        frames: 96_001,
        seconds: 96_001.0 / 48_000.0,
        peak: 0.5,
        peak_db: Some(-6.020_599_9),
        loudness_lufs: Some(-23.456),
        notice: None,
        damage: None,
    }
}

fn infos() -> [FileInfo; 2] {
    let silent = FileInfo {
        path: "b\u{1b}.flac".into(),
        format: "FLAC".into(),
        channels: 1,
        frames: 0,
        seconds: 0.0,
        peak: 0.0,
        peak_db: None,
        loudness_lufs: None,
        notice: Some("a \"notice\"".into()),
        ..info()
    };
    [info(), silent]
}

#[test]
fn json_of_a_list() {
    assert_eq!(json(&[]), "[]\n");
    assert_eq!(
        serde_json::to_string(&infos()).unwrap(),
        "[{\"path\":\"a.wav\",\"format\":\"WAV 16-bit\",\"rate\":48000,\"channels\":2,\
         \"frames\":96001,\"seconds\":2.000021,\"peak_db\":-6.02,\"loudness_lufs\":-23.46,\
         \"notice\":null},{\"path\":\"b\\u001b.flac\",\"format\":\"FLAC\",\"rate\":48000,\
         \"channels\":1,\"frames\":0,\"seconds\":0.0,\"peak_db\":null,\"loudness_lufs\":null,\
         \"notice\":\"a \\\"notice\\\"\"}]"
    );
    let parsed: serde_json::Value = serde_json::from_str(&json(&infos())).unwrap();
    assert_eq!(parsed.as_array().unwrap().len(), 2);
    // A peak of just under full scale is 0, not −0.
    let mut f = info();
    f.peak_db = Some(-0.0001);
    assert!(json(&[f]).contains("\"peak_db\": 0.0,"));
}

#[test]
fn a_table_for_people() {
    assert_eq!(
        table(&infos()),
        "File     Format          Rate  Ch  Length  Frames       Peak    Loudness\n\
         a.wav    WAV 16-bit  48000 Hz   2  0:02.0   96001  -6.0 dBFS  -23.5 LUFS\n\
         b\u{fffd}.flac  FLAC        48000 Hz   1  0:00.0       0          -           -\n\
         b\u{fffd}.flac: a \"notice\"\n"
    );
}
