//! Clients of the control socket that nobody would want.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What one of the flood's clients does until it is told to stop, by its number: one in five behaves, and counts the answers.
pub fn hostile(number: usize, path: &Path, stop: &AtomicBool, answered: &AtomicU64) {
    let mut seed = number as u64 + 1;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = UnixStream::connect(path) else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        let short = Some(Duration::from_millis(200));
        let _ = (
            stream.set_write_timeout(short),
            stream.set_read_timeout(short),
        );
        match number % 5 {
            // Well-behaved, and fast: in bursts, every answer read.
            0 => {
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                'asking: while !stop.load(Ordering::Relaxed) {
                    let gain = random() % 12;
                    let one = format!(
                        "{{\"verb\":\"gain\",\"args\":[2,-{gain}]}}\n{{\"verb\":\"dance\"}}\n"
                    );
                    if stream.write_all(one.repeat(10).as_bytes()).is_err() {
                        break;
                    }
                    for _ in 0..20 {
                        line.clear();
                        if !matches!(lines.read_line(&mut line), Ok(1..)) {
                            break 'asking;
                        }
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            // Never reads.
            1 => {
                let one =
                    "{\"verb\":\"status\"}\n{\"verb\":\"subscribe\",\"args\":[30]}\n".repeat(50);
                while !stop.load(Ordering::Relaxed) && stream.write_all(one.as_bytes()).is_ok() {}
                while !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            // Garbage.
            2 => {
                while !stop.load(Ordering::Relaxed) {
                    let mut bytes: Vec<u8> = (0..2000).map(|_| random() as u8).collect();
                    bytes.push(b'\n');
                    let mut room = [0; 65536];
                    let _ = stream.read(&mut room);
                    if stream.write_all(&bytes).is_err() {
                        break;
                    }
                }
            }
            // Half a line, and gone.
            3 => {
                let _ = stream.write_all(b"{\"verb\":\"pau");
                std::thread::sleep(Duration::from_millis(random() % 20));
            }
            // A line without an end.
            _ => {
                let piece = vec![b'a'; 1 << 16];
                for _ in 0..1600 {
                    if stop.load(Ordering::Relaxed) || stream.write_all(&piece).is_err() {
                        break;
                    }
                }
            }
        }
    }
}
