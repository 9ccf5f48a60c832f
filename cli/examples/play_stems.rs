//! Plays stems through the library, with the latency monitor at `full`.
//!
//! `cargo run --example play_stems [INPUT...]`: without inputs the demo song, to nowhere.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backline::player::{Note, Output, PlayerBuilder};
use backline::song::{Request, load};
use engine_core::monitor::MonitorLevel;

fn main() -> Result<(), Box<dyn Error>> {
    let mut inputs: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if inputs.is_empty() {
        inputs.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/song"));
    }
    let setlist = load(&Request {
        inputs: &inputs,
        sequence: false,
        on_end: None,
        max_gain_db: 12.0,
    })?;
    let mut player = PlayerBuilder::new(setlist)
        .output(Output::Null { speed: 1.0 })
        .monitor_level(MonitorLevel::Full)
        .build()?;
    player.play();
    while !player.is_over() {
        match player.next_note(Duration::from_secs(1)) {
            Some(Note::Position(p)) => println!("{:?} at frame {}", p.state, p.frame),
            Some(Note::Summary(s)) => println!("{} frames, {:?}", s.frames, s.ended),
            Some(note) => println!("{note:?}"),
            None => {}
        }
    }
    let stats = player.latency_stats();
    println!(
        "{} callbacks, {:.3} ms on average, {:.3} ms at most, {:.1} % of {:.3} ms used",
        stats.total_callbacks, stats.mean_ms, stats.max_ms, stats.usage_pct, stats.budget_ms
    );
    Ok(())
}
