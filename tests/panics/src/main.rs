//! Looks for a way from an audio callback to a panic, in its own machine code.
//!
//! It is compiled as the program is released and links the callbacks of both backends on the host's
//! engine, never calls them, disassembles itself and follows every call from them. An index that isn't
//! proved to be in range, an `unwrap`, an overflow that is checked: each is a call of `core::panicking`,
//! and shows up as a way there.

mod graph;

use std::process::ExitCode;
use std::time::Duration;

use backend_alsa::{Alsa, AlsaOptions};
use backend_jack::{Jack, JackOptions};
use backline::player::HostClock;
use engine_core::backend::{Backend, Wish};
use engine_core::bus::BusLayout;
use engine_core::engine::EngineConfig;
use engine_core::host::{self, HostEngine};
use engine_core::seat::{Borrower, Seat};

use crate::graph::Graph;

type Engine = Borrower<Box<HostEngine<HostClock>>>;

/// What an audio thread calls, as the ends of mangled names begin.
const ROOTS: [(&str, &str); 6] = [
    ("JACK's process callback", "callbacks10on_process17h"),
    ("JACK's slow-sync callback", "callbacks7on_sync17h"),
    ("the ALSA worker's call of the engine", "Worker$GT$3ask17h"),
    ("the ALSA worker's conversion", "Worker$GT$7convert17h"),
    ("the engine's process", "backend..Process$GT$7process17h"),
    ("the conversion of samples", "GT$10interleave17h"),
];

/// Not entered: a freewheeling cycle, or its slow-sync, may wait, and no clock runs then; libjack is loaded, and the system's clock looked
/// up, once and long before a callback; and what a panic that unwinds to the C caller would meet, which takes a panic first.
const BARRED: [&str; 7] = [
    "10wait_ready",
    "9transport4wait17h",
    "18init_clock_gettime",
    "4once5futexNtB5_4Once4call",
    "19panic_cannot_unwind",
    "16panic_in_cleanup",
    "14panic_nounwind",
];

fn seated() -> Engine {
    let config = EngineConfig {
        rate: 48_000,
        ramp: 240,
        direct_from: 2,
    };
    let (engine, _) = host::engine(config, BusLayout::new(), HostClock::new());
    Seat::new(engine).borrower().expect("the first")
}

/// Has the linker keep a backend with all it needs.
fn keep(mut backend: impl Backend<Engine>) {
    let wish = Wish {
        rate: None,
        period: None,
        periods: None,
        format: None,
        outs: &["a"],
    };
    if backend.open(&wish).is_ok() {
        let _ = backend.start(seated());
    }
    backend.close(Duration::ZERO);
}

fn main() -> ExitCode {
    if std::env::args().len() > 1 {
        keep(Jack::new(JackOptions::default()));
        keep(Alsa::new(AlsaOptions::default()));
    }
    let graph = match std::env::current_exe()
        .map_err(|e| e.to_string())
        .and_then(|program| Graph::of(&program))
    {
        Ok(graph) => graph,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let mut found = false;
    for (what, root) in ROOTS {
        let functions = graph.named(root);
        if functions.is_empty() {
            eprintln!("{what} is not in this program: the check looks for `{root}`");
            found = true;
        }
        for function in functions {
            let panics = |name: &str| name.contains("9panicking");
            let barred = |name: &str| BARRED.iter().any(|b| name.contains(b));
            match graph.way(function, panics, barred) {
                Some(way) => {
                    eprintln!("{what} can panic:\n    {}", way.join("\n    calls "));
                    found = true;
                }
                None => println!("{what}: no way to a panic"),
            }
        }
    }
    if found {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
