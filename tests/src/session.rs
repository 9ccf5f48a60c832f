//! What tests do with a player on any output.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use backend_alsa::AlsaOptions;
use backend_jack::{ConnectRule, JackOptions};
use backline::player::{Output, Player};
use backline::report::Summary;
use engine_core::convert::Dither;

use crate::jackd::{Jackd, Recorder};

/// Longest time for anything that takes moments.
pub const SOON: Duration = Duration::from_secs(20);

/// An ALSA PCM of the rig.
pub fn alsa(device: String) -> Output {
    Output::Alsa(AlsaOptions {
        device,
        dither: Dither::None,
        rt_priority: None,
        ..AlsaOptions::default()
    })
}

/// A client on `server`, its `ports` connected to the recorder's inputs in order.
pub fn jack(server: &Jackd, ports: &[&str], recorder: Option<&Recorder>) -> Output {
    match recorder {
        Some(r) => jack_to(server, ports, (1..=ports.len()).map(|i| r.input(i))),
        None => jack_to(server, &[], std::iter::empty()),
    }
}

/// The rule that connects `port` to the input called `dest`.
pub fn exact(port: &str, dest: &str) -> ConnectRule {
    ConnectRule::Exact {
        port: port.into(),
        dest: dest.into(),
    }
}

/// A client on `server`, its `ports` connected to these inputs in order.
pub fn jack_to(server: &Jackd, ports: &[&str], inputs: impl Iterator<Item = String>) -> Output {
    let connect = ports.iter().zip(inputs);
    let connect = connect.map(|(port, dest)| exact(port, &dest));
    Output::Jack {
        options: JackOptions {
            server_name: Some(server.name().into()),
            connect: connect.collect(),
            ..JackOptions::default()
        },
        physical: false,
        as_songs_say: true,
    }
}

/// The planes of a file of interleaved 32-bit floats.
///
/// # Panics
/// When it can't be read or holds no whole frames.
pub fn read_raw(file: &Path, channels: usize) -> Vec<Vec<f32>> {
    let data = std::fs::read(file).expect("what was heard");
    assert!(data.len().is_multiple_of(4 * channels), "whole frames");
    let mut planes = vec![Vec::with_capacity(data.len() / 4 / channels); channels];
    for frame in data.chunks_exact(4 * channels) {
        for (plane, x) in planes.iter_mut().zip(frame.chunks_exact(4)) {
            plane.push(f32::from_le_bytes([x[0], x[1], x[2], x[3]]));
        }
    }
    planes
}

/// Polls until `reached`.
///
/// # Panics
/// With `what`, after [`SOON`].
pub fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let limit = Instant::now() + SOON;
    while !reached() {
        assert!(Instant::now() < limit, "never came: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for the end of a session; its account.
///
/// # Panics
/// When it isn't over within `limit`.
pub fn finish(mut player: Player, limit: Duration) -> Summary {
    let (done, over) = mpsc::channel();
    let remote = player.remote();
    // In a thread, so that a player that hangs fails the test instead of hanging it.
    let waiting = std::thread::spawn(move || {
        let summary = player.wait();
        drop(player);
        let _ = done.send(summary);
    });
    let summary = over.recv_timeout(limit).unwrap_or_else(|_| {
        panic!("the session doesn't end in time: {:#?}", remote.status());
    });
    waiting.join().expect("a player that doesn't panic");
    summary.expect("every session ends with a summary")
}

/// Closes a session now; its account.
///
/// # Panics
/// When that takes longer than `limit`.
pub fn close(player: Player, limit: Duration) -> Summary {
    player.quit();
    finish(player, limit)
}

/// A file of the rig's faulty PCM, and the PCM's name.
pub fn faulty(folder: &Path, settings: &str) -> (PathBuf, String) {
    let file = folder.join("heard.raw");
    let device = format!("faulty:FILE={},{settings}", file.display());
    (file, device)
}
