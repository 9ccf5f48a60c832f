//! Rendering is the mixing law: what comes out equals the law evaluated in plain `f32`, track by
//! track, bit for bit, however the work is cut into calls.

use std::path::{Path, PathBuf};

use backline::exit::Code;
use backline::media::{self, OpenOptions};
use backline::output::{WavFormat, WavWriter};
use backline::player::OnDamage;
use backline::render::{Files, FilesSpec, Options, Pulled, RenderError, Rendering};
use backline::song::{Bus, OnEnd, Request, Setlist, Song, Time, Track, load};
use engine_core::convert::Dither;
use proptest::prelude::*;
use tempfile::TempDir;

const RATE: u32 = 48_000;

/// A stem's samples: channels × frames.
type Planes = Vec<Vec<f32>>;

fn write_wav(path: &Path, rate: u32, planes: &Planes) {
    let mut wav =
        WavWriter::create(path, WavFormat::F32, Dither::None, rate, planes.len()).unwrap();
    let slices: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
    wav.write(&slices, planes[0].len()).unwrap();
    wav.finish().unwrap();
}

fn read_file(path: &Path) -> Planes {
    let mut reader = media::open(path, &OpenOptions::default()).unwrap();
    let frames = media::exact_frames(&mut *reader).unwrap() as usize;
    let mut planes = vec![vec![0.0; frames]; reader.spec().channels];
    let mut slices: Vec<&mut [f32]> = planes.iter_mut().map(|p| &mut p[..]).collect();
    assert_eq!(reader.read(&mut slices).unwrap(), frames);
    planes
}

fn track(name: &str, file: PathBuf) -> Track {
    Track {
        name: name.to_owned(),
        file,
        made: None,
        gain: 1.0,
        pan: 0.0,
        mute: false,
        solo: false,
        bus: Some("main".to_owned()),
        offset: Time::Frames(0),
    }
}

fn song(tracks: Vec<Track>, buses: Vec<Bus>) -> Song {
    Song {
        title: "song".to_owned(),
        tracks,
        buses,
        sections: Vec::new(),
        tempo: Vec::new(),
        lead_nanos: 0,
        on_end: OnEnd::Stop,
        handover: Default::default(),
        ..Song::default()
    }
}

fn list(songs: Vec<Song>) -> Setlist {
    Setlist { songs }
}

fn bus(name: &str, outputs: &[u16]) -> Bus {
    Bus {
        outputs: outputs.to_vec(),
        ..Bus::named(name)
    }
}

/// The whole mix, and every stem.
fn pull(setlist: Setlist, options: Options) -> Result<(Planes, Vec<Planes>), RenderError> {
    let mut rendering = Rendering::open(setlist, options)?;
    let files = rendering.stem_files().to_vec();
    let mut mix = vec![Vec::new(); rendering.channels()];
    let mut stems: Vec<Planes> = files.iter().map(|f| vec![Vec::new(); f.channels]).collect();
    let take = |to: &mut Planes, from: &[Vec<f32>], n: usize| {
        for (to, from) in to.iter_mut().zip(from) {
            to.extend_from_slice(&from[..n]);
        }
    };
    loop {
        match rendering.pull()? {
            Pulled::Frames(n) => {
                take(&mut mix, rendering.mix(), n);
                for (stem, file) in stems.iter_mut().zip(&files) {
                    take(stem, rendering.stem(file), n);
                }
            }
            Pulled::Waiting => {}
            Pulled::End => break,
        }
    }
    assert_eq!(rendering.done(), rendering.total());
    assert_eq!(rendering.counters().starvations, 0);
    assert_eq!(rendering.counters().stale_blocks, 0);
    Ok((mix, stems))
}

fn mix_of(setlist: Setlist, options: Options) -> Planes {
    pull(setlist, options).unwrap().0
}

fn assert_bits(got: &Planes, want: &Planes) {
    assert_eq!(got.len(), want.len(), "channels");
    for (c, (got, want)) in got.iter().zip(want).enumerate() {
        assert_eq!(got.len(), want.len(), "frames of channel {c}");
        for (i, (g, w)) in got.iter().zip(want).enumerate() {
            assert_eq!(
                g.to_bits(),
                w.to_bits(),
                "channel {c} frame {i}: {g:e} for {w:e}"
            );
        }
    }
}

/// Noise that meets every corner of the law: loud, quiet, below the floor, nothing at all.
fn noise(seed: u64, channels: usize, frames: usize) -> Planes {
    let mut s = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        s
    };
    (0..channels)
        .map(|_| {
            let quiet = next() % frames.max(1) as u64;
            (0..frames as u64)
                .map(|i| {
                    let r = next();
                    let x = (r >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
                    match r % 16 {
                        0 => x * 1e-13,
                        1 => x * 6.0,
                        // Whole blocks of silence.
                        _ if i > quiet && i < quiet + 700 => 0.0,
                        _ => x,
                    }
                })
                .collect()
        })
        .collect()
}

/// A track of a random song.
#[derive(Clone, Debug)]
struct Part {
    channels: usize,
    frames: usize,
    offset: u64,
    gain: f32,
    pan: f32,
    mute: bool,
    solo: bool,
    side: bool,
}

fn part() -> impl Strategy<Value = Part> {
    let gain = prop_oneof![Just(1.0f32), Just(0.0), Just(1e-7), 0.0f32..4.0];
    let pan = prop_oneof![Just(0.0f32), Just(-1.0), Just(1.0), -1.0f32..1.0];
    (
        1usize..=2,
        1usize..6000,
        prop_oneof![Just(0u64), 0u64..3000],
        gain,
        pan,
        prop::bool::weighted(0.15),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.25),
    )
        .prop_map(
            |(channels, frames, offset, gain, pan, mute, solo, side)| Part {
                channels,
                frames,
                offset,
                gain,
                pan,
                mute,
                solo,
                side,
            },
        )
}

fn clean(x: f32) -> f32 {
    if x.abs() >= 2f32.powi(-40) { x } else { 0.0 }
}

fn coefficient(c: f32) -> f32 {
    if c.abs() < 2f32.powi(-20) { 0.0 } else { c }
}

/// The law, in the slowest and plainest way. Main is on the first `main` outputs, side on the
/// one after.
fn law(parts: &[Part], stems: &[Planes], main: usize, levels: [f32; 2], master: f32) -> Planes {
    let length = parts
        .iter()
        .map(|p| p.offset as usize + p.frames)
        .max()
        .unwrap();
    let any_solo = parts.iter().any(|p| p.solo);
    let mut out = vec![vec![0.0f32; length]; main + 1];
    for frame in 0..length {
        let mut acc = [0.0f32; 3];
        for (part, stem) in parts.iter().zip(stems) {
            let active = !part.mute && (part.solo || !any_solo);
            let gain = if active { part.gain } else { 0.0 };
            let Some(i) = frame.checked_sub(part.offset as usize) else {
                continue;
            };
            let Some(&l) = stem[0].get(i) else { continue };
            let l = clean(l);
            let r = stem.get(1).map_or(l, |right| clean(right[i]));
            let pans = [(1.0 - part.pan).min(1.0), (1.0 + part.pan).min(1.0)];
            let folded = if part.channels == 2 { (l + r) * 0.5 } else { l };
            if part.side {
                acc[main] += coefficient(gain) * folded;
            } else if main == 1 {
                acc[0] += coefficient(gain) * folded;
            } else {
                acc[0] += coefficient(gain * pans[0]) * l;
                acc[1] += coefficient(gain * pans[1]) * r;
            }
        }
        for (c, out) in out.iter_mut().enumerate() {
            // The side bus doesn't follow the master.
            let level = if c == main {
                levels[1]
            } else {
                levels[0] * master
            };
            out[frame] = acc[c] * coefficient(level);
        }
    }
    out
}

fn random_song(
    folder: &TempDir,
    seed: u64,
    parts: &[Part],
    main: usize,
    levels: [f32; 2],
) -> (Song, Vec<Planes>) {
    let mut tracks = Vec::new();
    let mut stems = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        let planes = noise(seed + i as u64, part.channels, part.frames);
        let path = folder.path().join(format!("{i}.wav"));
        write_wav(&path, RATE, &planes);
        tracks.push(Track {
            gain: part.gain,
            pan: part.pan,
            mute: part.mute,
            solo: part.solo,
            bus: Some(if part.side { "side" } else { "main" }.to_owned()),
            offset: Time::Frames(part.offset),
            ..track(&format!("t{i}"), path)
        });
        stems.push(planes);
    }
    let outs: Vec<u16> = (1..=main as u16).collect();
    let buses = vec![
        Bus {
            level: levels[0],
            ..bus("main", &outs)
        },
        Bus {
            level: levels[1],
            follow_master: false,
            ..bus("side", &[main as u16 + 1])
        },
    ];
    (song(tracks, buses), stems)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_rendering_is_the_law_bit_for_bit(
        seed: u64,
        parts in prop::collection::vec(part(), 1..9),
        main in 1usize..=2,
        levels in prop_oneof![Just([1.0f32, 1.0]), (0.0f32..2.0, 0.0f32..2.0).prop_map(|(a, b)| [a, b])],
        master in prop_oneof![Just(1.0f32), 0.0f32..2.0],
        cut in (0.0f64..0.9, 0.1f64..1.0),
        repeat in 1u32..4,
        chunk in prop_oneof![Just(1usize), Just(256), Just(2048), 2usize..9000],
    ) {
        let folder = TempDir::new().unwrap();
        let seed = seed >> 1;
        let (song, stems) = random_song(&folder, seed, &parts, main, levels);
        let whole = law(&parts, &stems, main, levels, master);
        let length = whole[0].len();
        let start = (cut.0 * length as f64) as usize;
        let end = (start + 1 + (cut.1 * (length - start) as f64) as usize).min(length);
        let want: Planes = whole
            .iter()
            .map(|p| p[start..end].repeat(repeat as usize))
            .collect();
        let got = mix_of(list(vec![song]), Options {
            master,
            start: Some(Time::Frames(start as u64)),
            end: Some(Time::Frames(end as u64)),
            repeat,
            chunk,
            ..Options::default()
        });
        assert_bits(&got, &want);
    }
}

fn some_parts() -> Vec<Part> {
    (0..7)
        .map(|i| Part {
            channels: 1 + i % 2,
            frames: 20_000 - 1500 * i,
            offset: 300 * (i as u64 % 3),
            gain: 0.5 + 0.1 * i as f32,
            pan: 0.3 * i as f32 - 0.9,
            mute: i == 2,
            solo: false,
            side: i == 5,
        })
        .collect()
}

#[test]
fn the_bytes_of_a_file_depend_on_neither_the_run_nor_the_chunk() {
    let folder = TempDir::new().unwrap();
    let (song, _) = random_song(&folder, 7, &some_parts(), 2, [0.8, 0.4]);
    for (format, dither) in [
        (WavFormat::S16, Dither::Tpdf),
        (WavFormat::S24, Dither::None),
        (WavFormat::F32, Dither::None),
    ] {
        let mut first: Option<Vec<u8>> = None;
        for chunk in [2048, 2048, 1, 77, 256, 4096, 65_536, usize::MAX] {
            let options = Options {
                chunk,
                ..Options::default()
            };
            let mut rendering = Rendering::open(list(vec![song.clone()]), options).unwrap();
            let path = folder.path().join("out.wav");
            let spec = FilesSpec {
                mix: Some(path.clone()),
                stems: None,
                format,
                dither,
            };
            let mut files = Files::create(&spec, &rendering).unwrap();
            loop {
                match rendering.pull().unwrap() {
                    Pulled::Frames(n) => files.write(&rendering, n).unwrap(),
                    Pulled::Waiting => {}
                    Pulled::End => break,
                }
            }
            assert_eq!(files.finish().unwrap().frames, rendering.total());
            let bytes = std::fs::read(&path).unwrap();
            match &first {
                None => first = Some(bytes),
                Some(first) => assert!(*first == bytes, "{format:?} with chunk {chunk}"),
            }
        }
    }
}

#[test]
fn a_song_of_mixed_rates_is_aligned() {
    let folder = TempDir::new().unwrap();
    let mut tracks = Vec::new();
    // A pulse after a quarter of a second and one sample at each rate.
    for (i, rate) in [44_100u32, 48_000, 96_000, 32_000].into_iter().enumerate() {
        let at = rate as usize / 4;
        let mut plane = vec![0.0; rate as usize / 2];
        plane[at] = 1.0;
        let path = folder.path().join(format!("{rate}.wav"));
        write_wav(&path, rate, &vec![plane]);
        tracks.push(Track {
            pan: if i % 2 == 0 { -1.0 } else { 1.0 },
            bus: Some(format!("b{i}")),
            ..track(&rate.to_string(), path)
        });
    }
    let buses = (0..4).map(|i| bus(&format!("b{i}"), &[i + 1])).collect();
    let got = mix_of(
        list(vec![song(tracks, buses)]),
        Options {
            rate: Some(RATE),
            ..Options::default()
        },
    );
    for plane in &got {
        assert_eq!(plane.len(), RATE as usize / 2);
        let top = (0..plane.len())
            .max_by(|a, b| plane[*a].abs().total_cmp(&plane[*b].abs()))
            .unwrap();
        assert_eq!(top, RATE as usize / 4);
    }
}

#[test]
fn a_bus_alone_is_what_it_is_in_the_mix() {
    let folder = TempDir::new().unwrap();
    let (song, _) = random_song(&folder, 3, &some_parts(), 2, [0.7, 0.3]);
    let whole = mix_of(list(vec![song.clone()]), Options::default());
    for (name, channels) in [("main", 0..2), ("side", 2..3)] {
        let alone = mix_of(
            list(vec![song.clone()]),
            Options {
                only_bus: Some(name.to_owned()),
                ..Options::default()
            },
        );
        assert_bits(&alone, &whole[channels].to_vec());
    }
    let none = Options {
        only_bus: Some("drums".to_owned()),
        ..Options::default()
    };
    let error = Rendering::open(list(vec![song]), none).err().unwrap();
    assert_eq!(error.code(), Code::Usage);
    assert_eq!(
        error.to_string(),
        "there is no bus `drums`; the song has main, side"
    );
}

#[test]
fn stems_add_up_to_the_mix() {
    let folder = TempDir::new().unwrap();
    let parts: Vec<Part> = some_parts()
        .into_iter()
        .map(|p| Part {
            channels: 2,
            side: false,
            ..p
        })
        .collect();
    let (song, _) = random_song(&folder, 11, &parts, 2, [1.0, 1.0]);
    for mix in [true, false] {
        let options = Options {
            mix,
            stems: true,
            ..Options::default()
        };
        let (got, stems) = pull(list(vec![song.clone()]), options).unwrap();
        let want = mix_of(list(vec![song.clone()]), Options::default());
        if mix {
            assert_bits(&got, &want);
        }
        assert_eq!(stems.len(), parts.len());
        let mut sum = vec![vec![0.0f32; want[0].len()]; 2];
        for stem in &stems {
            for (sum, plane) in sum.iter_mut().zip(stem) {
                assert_eq!(plane.len(), sum.len());
                sum.iter_mut().zip(plane).for_each(|(s, x)| *s += x);
            }
        }
        assert_bits(&sum, &want[..2].to_vec());
    }
}

#[test]
fn a_wide_stem_is_one_file_of_all_its_channels() {
    let folder = TempDir::new().unwrap();
    let planes = noise(5, 4, 3000);
    let path = folder.path().join("quad.wav");
    write_wav(&path, RATE, &planes);
    let options = Options {
        stems: true,
        ..Options::default()
    };
    let setlist = list(vec![song(vec![track("quad", path)], Vec::new())]);
    let (mix, stems) = pull(setlist, options).unwrap();
    let want: Planes = planes
        .iter()
        .map(|p| p.iter().map(|x| clean(*x)).collect())
        .collect();
    assert_bits(&mix, &want);
    assert_eq!(stems.len(), 1);
    assert_bits(&stems[0], &want);
}

#[test]
fn a_setlist_follows_without_a_gap_as_often_as_asked_for() {
    let folder = TempDir::new().unwrap();
    let other = TempDir::new().unwrap();
    let (mut a, _) = random_song(&folder, 1, &some_parts()[..3], 2, [1.0, 1.0]);
    let (mut b, _) = random_song(&other, 2, &some_parts()[2..], 2, [0.5, 0.5]);
    let one = mix_of(list(vec![a.clone()]), Options::default());
    let two = mix_of(list(vec![b.clone()]), Options::default());
    a.on_end = OnEnd::Hold;
    b.on_end = OnEnd::Loop;
    let got = mix_of(
        list(vec![a, b]),
        Options {
            repeat: 3,
            ..Options::default()
        },
    );
    let want: Planes = one
        .iter()
        .zip(&two)
        .map(|(one, two)| [one.as_slice(), two].concat().repeat(3))
        .collect();
    assert_bits(&got, &want);
}

#[test]
fn a_damaged_stem_is_silent_from_there_on_or_an_error() {
    let folder = TempDir::new().unwrap();
    let planes = noise(9, 1, 5000);
    let path = folder.path().join("cut.wav");
    write_wav(&path, RATE, &planes);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let len = file.metadata().unwrap().len();
    file.set_len(len - 4 * 2000).unwrap();
    let long = folder.path().join("long.wav");
    write_wav(&long, RATE, &vec![vec![0.25; 5000]]);
    let setlist = list(vec![song(
        vec![track("cut", path), track("long", long)],
        Vec::new(),
    )]);

    let mut rendering = Rendering::open(setlist.clone(), Options::default()).unwrap();
    let mut left = Vec::new();
    while let Pulled::Frames(n) = loop {
        match rendering.pull().unwrap() {
            Pulled::Waiting => {}
            pulled => break pulled,
        }
    } {
        left.extend_from_slice(&rendering.mix()[0][..n]);
    }
    assert_eq!(left.len(), 5000);
    for (i, x) in left.iter().enumerate() {
        let stem = if i < 3000 { clean(planes[0][i]) } else { 0.0 };
        assert_eq!(*x, 0.0 + stem + 0.25, "frame {i}");
    }
    assert_eq!(rendering.damaged(), 1);
    let warnings = rendering.take_warnings();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].code, "damaged");
    assert_eq!(warnings[0].track.as_deref(), Some("cut"));

    let options = Options {
        on_damage: OnDamage::Stop,
        ..Options::default()
    };
    let error = pull(setlist, options).unwrap_err();
    assert_eq!(error.code(), Code::Data);
    assert!(error.to_string().contains("cut.wav"));
}

#[test]
fn a_start_at_the_end_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.wav");
    write_wav(&path, RATE, &vec![vec![0.5; 100]]);
    let setlist = list(vec![song(vec![track("a", path)], Vec::new())]);
    for (start, end) in [(Some(100), None), (Some(50), Some(50)), (None, Some(0))] {
        let options = Options {
            start: start.map(Time::Frames),
            end: end.map(Time::Frames),
            ..Options::default()
        };
        let error = Rendering::open(setlist.clone(), options).err().unwrap();
        assert_eq!(error.code(), Code::Usage);
    }
}

fn demo() -> Setlist {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/song");
    load(&Request {
        inputs: &[folder],
        sequence: false,
        on_end: None,
        max_gain_db: 12.0,
    })
    .unwrap()
}

#[test]
fn the_demo_song_is_the_law_and_the_same_on_every_machine() {
    let setlist = demo();
    let got = mix_of(setlist.clone(), Options::default());
    let song = &setlist.songs[0];
    let main = song.buses.iter().find(|b| b.name == "main").unwrap();
    let mut want = vec![vec![0.0f32; got[0].len()]; 2];
    for track in song.tracks.iter().filter(|t| t.bus_name() == "main") {
        let stem = read_file(&track.file);
        let pans = [(1.0 - track.pan).min(1.0), (1.0 + track.pan).min(1.0)];
        for (want, pan) in want.iter_mut().zip(pans) {
            let c = coefficient(track.gain * pan);
            for (w, x) in want.iter_mut().zip(&stem[0]) {
                *w += c * clean(*x);
            }
        }
    }
    for plane in &mut want {
        plane.iter_mut().for_each(|x| *x *= main.level);
    }
    assert_bits(&got, &want);

    // FNV-1a over the frames' little-endian samples. Changes only with the song itself.
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for (l, r) in got[0].iter().zip(&got[1]) {
        for byte in [l, r].into_iter().flat_map(|x| x.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    assert_eq!(hash, GOLDEN, "{hash:#018x} over {} frames", got[0].len());
}

const GOLDEN: u64 = 0xba4e_6a5b_b8b6_c091;
