//! A programme of 24 hours, as WAV beyond 4 GB and as FLAC, on a small machine: memory, the time to the first sound, and
//! that every place of it is where it should be.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use backline::player::PlayerBuilder;
use backline::song::Time;
use backline_tests::process::peak_memory_of;
use backline_tests::program::{Home, wait_until};
use backline_tests::session::{SOON, close};
use backline_tests::stems::{setlist, song, track};
use backline_tests::step::Stepper;
use libc::SIGTERM;

const RATE: u32 = 48_000;
const HOUR: u64 = 3600 * RATE as u64;
const DAY: u64 = 24 * HOUR;
/// What a machine with 64 MB can do without: all of the program, at its most.
const MEMORY: u64 = 64 << 20;
/// Frames of a FLAC frame.
const BLOCK: u64 = 32_000;

/// 24 hours of 16-bit mono as RF64 that take no room on the disk: silence, and at the start of each hour its number.
fn wav(dir: &Path) -> PathBuf {
    let path = dir.join("day.wav");
    let mut file = File::create(&path).expect("a file");
    let bytes = DAY * 2;
    let mut head = b"RF64\xff\xff\xff\xffWAVEds64".to_vec();
    head.extend_from_slice(&28u32.to_le_bytes());
    head.extend_from_slice(&(bytes + 72).to_le_bytes());
    head.extend_from_slice(&bytes.to_le_bytes());
    head.extend_from_slice(&DAY.to_le_bytes());
    head.extend_from_slice(&0u32.to_le_bytes());
    head.extend_from_slice(b"fmt \x10\0\0\0\x01\0\x01\0");
    head.extend_from_slice(&RATE.to_le_bytes());
    head.extend_from_slice(&(RATE * 2).to_le_bytes());
    head.extend_from_slice(b"\x02\0\x10\0data\xff\xff\xff\xff");
    file.write_all(&head).expect("a head");
    for hour in 0..24u16 {
        let at = head.len() as u64 + u64::from(hour) * HOUR * 2;
        file.seek(SeekFrom::Start(at)).expect("a place");
        file.write_all(&(100 + hour).to_le_bytes()).expect("a mark");
    }
    file.set_len(head.len() as u64 + bytes).expect("a length");
    path
}

/// A check sum as FLAC has them, high bit first.
fn sum(bytes: &[u8], bits: u32, polynomial: u32) -> u32 {
    let top = 1 << (bits - 1);
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << (bits - 8), |sum, _| {
            let shifted = sum << 1;
            let shifted = if sum & top != 0 {
                shifted ^ polynomial
            } else {
                shifted
            };
            shifted & (2 * top - 1)
        })
    })
}

/// A number as UTF-8 would have it.
fn coded(number: u64) -> Vec<u8> {
    let lead = |mark: u8, shift: u32| mark | (number >> shift) as u8;
    let rest = |shift: u32| 0x80 | (number >> shift & 0x3f) as u8;
    match number {
        0..0x80 => vec![number as u8],
        0x80..0x800 => vec![lead(0xc0, 6), rest(0)],
        0x800..0x1_0000 => vec![lead(0xe0, 12), rest(6), rest(0)],
        _ => vec![lead(0xf0, 18), rest(12), rest(6), rest(0)],
    }
}

/// 24 hours of 16-bit mono as FLAC, in 2 MB: every block is a constant, the number of its hour.
fn flac(dir: &Path) -> PathBuf {
    let path = dir.join("day.flac");
    let mut file = BufWriter::new(File::create(&path).expect("a file"));
    let mut head = b"fLaC\x80\0\0\x22".to_vec();
    for _ in 0..2 {
        head.extend_from_slice(&(BLOCK as u16).to_be_bytes());
    }
    head.extend_from_slice(&[0; 6]);
    // 20 bits of rate, 3 of channels − 1, 5 of bits − 1, 36 of frames.
    head.extend_from_slice(&(u64::from(RATE) << 44 | 15 << 36 | DAY).to_be_bytes());
    head.extend_from_slice(&[0; 16]);
    file.write_all(&head).expect("a head");
    for block in 0..DAY / BLOCK {
        let mut frame = vec![0xff, 0xf8, 0x7a, 0x08];
        frame.extend(coded(block));
        frame.extend_from_slice(&(BLOCK as u16 - 1).to_be_bytes());
        frame.push(sum(&frame, 8, 0x07) as u8);
        frame.push(0);
        frame.extend_from_slice(&(100 + (block * BLOCK / HOUR) as i16).to_be_bytes());
        let check = sum(&frame, 16, 0x8005) as u16;
        frame.extend_from_slice(&check.to_be_bytes());
        file.write_all(&frame).expect("a frame");
    }
    file.flush().expect("all of it");
    path
}

/// The first frame there, in steps of 16 bit.
fn sample(path: &Path, at: u64) -> f32 {
    let driver = Stepper::new(RATE, 64);
    let player = PlayerBuilder::new(setlist(vec![song("day", vec![track("day", path)])]))
        .output(driver.output())
        .start(Some(Time::Frames(at)))
        .build()
        .expect("a player");
    player.play();
    wait_until("the stream", || driver.runs());
    assert!(driver.step(64, SOON));
    let heard = driver.take().swap_remove(0)[0] * 32_768.0;
    close(player, SOON);
    heard
}

#[test]
fn a_day_fits_into_64_mb_and_begins_soon() {
    let home = Home::new();
    for path in [wav(home.path()), flac(home.path())] {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for hour in [0u16, 1, 6, 11, 13, 23] {
            let heard = sample(&path, u64::from(hour) * HOUR);
            assert_eq!(heard, f32::from(100 + hour), "{name}, hour {hour}");
        }
        let mut running = home.start(&format!("play --kiosk --backend null --status json {name}"));
        let started = running.wait_for("the first sound", |e| e["event"] == "started");
        let first = running.wait_until_playing();
        assert_eq!(first["length_frames"], DAY, "{name}");
        for place in ["12:00:00", "1:00:00", "23:00:00", "0:30", "23:59:57"] {
            let asked = Instant::now();
            let ctl = home.run(&format!("ctl seek {place}"));
            assert_eq!(ctl.code, Some(0), "{ctl:?}");
            println!(
                "{name}: to {place} in {:?}, with `ctl`'s own start",
                asked.elapsed()
            );
        }
        running.wait_for("the end", |e| {
            e["frame"].as_u64() > Some(DAY - 3 * u64::from(RATE))
        });
        // Its next turn begins, with files opened anew.
        running.wait_for("the next turn", |e| {
            e["event"] == "position" && e["state"] == "playing" && e["frame"].as_u64() < Some(HOUR)
        });
        let peak = peak_memory_of(&running.pid().to_string());
        running.signal(SIGTERM);
        let ended = running.finish();
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert_eq!(ended.summary()["starvations"], 0, "{ended:#?}");
        let after = started["after_ms"].as_f64().expect("a time");
        println!(
            "{name}: first sound after {after:.0} ms, at most {:.1} MB",
            peak as f64 / f64::from(1 << 20)
        );
        assert!(peak < MEMORY, "{name}: {peak} bytes");
        // 300 ms on a machine that does nothing else: `make bench` measures that. This one may be busy, and the
        // program built for debugging; to read the day first takes minutes.
        assert!(after > 0.0 && after < 15_000.0, "{name}: {after} ms");
    }
}
