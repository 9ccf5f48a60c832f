use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::event::{DeviceState, State, tests::summary};
use super::super::spool::BOUND;
use super::super::spool::tests::{Page, stuck};
use super::*;

/// A reporter on pages, with a clock and a terminal set by hand.
struct Desk {
    reporter: Reporter,
    people: Page,
    programs: Page,
    now_ms: Arc<AtomicU64>,
    /// Columns; 0 is the background.
    columns: Arc<AtomicU64>,
}

impl Desk {
    fn new(mode: Mode, terminal: bool) -> Self {
        let (people, programs) = (Page::default(), Page::default());
        let now_ms = Arc::new(AtomicU64::new(0));
        let columns = Arc::new(AtomicU64::new(60));
        let (n, c) = (now_ms.clone(), columns.clone());
        let width: Width =
            Box::new(move || Some(c.load(Ordering::Relaxed) as usize).filter(|c| *c > 0));
        let reporter = Reporter::on(
            mode,
            Box::new(people.clone()),
            Box::new(programs.clone()),
            terminal.then_some(width),
            Box::new(move || Duration::from_millis(n.load(Ordering::Relaxed))),
        );
        Self {
            reporter,
            people,
            programs,
            now_ms,
            columns,
        }
    }

    fn at(&mut self, ms: u64, position: &Position) {
        self.now_ms.store(ms, Ordering::Relaxed);
        self.reporter.position(position, &meters());
        self.flush();
    }

    fn flush(&self) {
        let long = Duration::from_secs(30);
        assert!(self.reporter.people.flush(long));
        if let Some(p) = &self.reporter.programs {
            assert!(p.flush(long));
        }
    }
}

fn meters() -> Meters {
    Meters {
        rate: 1000,
        ..Meters::default()
    }
}

fn playing(frame: u64) -> Position {
    Position {
        frame,
        length_frames: Some(9000),
        state: State::Playing,
        reason: None,
        song: None,
        section: None,
        latency: Default::default(),
    }
}

fn warning() -> Warning {
    Warning {
        code: "damaged".into(),
        message: "m".into(),
        track: None,
    }
}

fn failure() -> Failure {
    Failure {
        code: "lost".into(),
        message: "e".into(),
    }
}

#[test]
fn a_log_file_gets_changes_only() {
    let mut d = Desk::new(Mode::Text, false);
    for ms in (0..5000).step_by(100) {
        d.at(ms, &playing(ms));
    }
    let mut p = playing(5000);
    p.state = State::Paused;
    d.at(5000, &p);
    d.at(5100, &p);
    p.section = Some("B".into());
    d.at(5101, &p);
    d.reporter.warning(&warning());
    d.reporter.error(&failure());
    d.reporter.device(&Device {
        state: DeviceState::Running,
        reason: None,
    });
    d.reporter.summary(&summary());
    d.flush();
    assert_eq!(
        d.people.text(),
        "playing at 0:00.0 of 0:09.0\n\
         paused at 0:05.0 of 0:09.0\n\
         paused at 0:05.0 of 0:09.0: B\n\
         warning: m\n\
         backline: e\n\
         device: running\n"
            .to_string()
            + &text::summary(&summary(), 0)
            + "\n"
    );
    assert_eq!(d.programs.text(), "");
}

#[test]
fn json_goes_to_standard_output_ten_times_a_second() {
    let mut d = Desk::new(Mode::Json, true);
    // Polled every 2 ms for a second.
    for ms in (0..1000).step_by(2) {
        d.at(ms, &playing(ms));
    }
    let lines = d.programs.text();
    assert!((10..=11).contains(&lines.lines().count()), "{lines}");
    assert!(lines.starts_with(
        "{\"event\":\"position\",\"v\":1,\"t_ms\":0,\"frame\":0,\"length_frames\":9000,\
         \"state\":\"playing\",\"reason\":null,\"song\":null,\"section\":null,\"output_latency_frames\":null,\"output_latency_ms\":null}\n"
    ));
    assert_eq!(d.people.text(), "");
}

#[test]
fn json_keeps_up_with_polls_that_jitter() {
    let mut d = Desk::new(Mode::Json, false);
    for ms in [0, 103, 198, 301, 397, 500, 595, 702, 799, 901] {
        d.at(ms, &playing(ms));
    }
    assert_eq!(d.programs.text().lines().count(), 10);
}

#[test]
fn json_tells_a_turn_at_once_and_nothing_twice() {
    let mut d = Desk::new(Mode::Json, false);
    let mut p = playing(1);
    d.at(0, &p);
    p.state = State::Paused;
    d.at(1, &p);
    d.at(2, &p);
    for ms in (100..1000).step_by(100) {
        d.at(ms, &p);
    }
    assert_eq!(d.programs.text().lines().count(), 2);
    // A seek while paused comes at the next due time.
    p.frame = 77;
    d.at(1000, &p);
    d.reporter.warning(&warning());
    d.reporter.error(&failure());
    d.reporter.summary(&summary());
    d.reporter.summary(&summary());
    d.reporter.warning(&warning());
    d.flush();
    let text = d.programs.text();
    let lines: Vec<_> = text.lines().skip(2).collect();
    assert!(lines[0].contains("\"frame\":77,"));
    assert_eq!(
        lines[1],
        "{\"event\":\"warning\",\"v\":1,\"t_ms\":1000,\"code\":\"damaged\",\"message\":\"m\",\"track\":null}"
    );
    assert!(lines[2].starts_with("{\"event\":\"error\""));
    assert!(lines[3].starts_with("{\"event\":\"summary\""));
    assert_eq!(lines.len(), 4);
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    // People learn of errors in any mode.
    assert_eq!(d.people.text(), "backline: e\n");
}

#[test]
fn a_terminal_has_a_live_line() {
    let mut d = Desk::new(Mode::Text, true);
    d.at(0, &playing(0));
    d.at(50, &playing(50));
    d.at(100, &playing(100));
    d.reporter.warning(&warning());
    d.flush();
    // Narrow: cut.
    d.columns.store(12, Ordering::Relaxed);
    d.at(200, &playing(200));
    d.columns.store(0, Ordering::Relaxed);
    d.at(300, &playing(300));
    d.reporter.warning(&warning());
    d.flush();
    d.columns.store(12, Ordering::Relaxed);
    d.at(400, &playing(400));
    d.reporter.park();
    d.at(500, &playing(500));
    d.reporter.summary(&summary());
    let line = |t: &str| format!("playing  {t} / 0:09.0  xruns -  late -  starved 0");
    let e = "\r\x1b[K";
    assert_eq!(
        d.people.text(),
        [
            &line("0:00.0"),
            e,
            &line("0:00.1"),
            e,
            "warning: m\n",
            &line("0:00.1"),
            e,
            "playing  0:0",
            // In the background nothing is erased or drawn.
            "warning: m\n",
            "playing  0:0",
            e,
            "playing  0:0",
            e,
            &text::summary(&summary(), 0),
            "\n",
        ]
        .concat()
    );
}

#[test]
fn none_is_errors_only() {
    let mut d = Desk::new(Mode::None, true);
    d.at(0, &playing(0));
    d.reporter.warning(&warning());
    d.reporter.error(&failure());
    d.reporter.statistics(&summary());
    d.reporter.summary(&summary());
    d.flush();
    assert_eq!(
        d.people.text(),
        format!("backline: e\n{}\n", text::statistics(&summary()))
    );
    assert_eq!(d.programs.text(), "");
}

#[test]
fn a_stuck_pipe_loses_lines_and_the_summary_says_so() {
    let (go, out, page) = stuck();
    let mut r = Reporter::on(
        Mode::Json,
        Box::new(io::sink()),
        Box::new(out),
        None,
        Box::new(|| Duration::ZERO),
    );
    // One write may be stuck with some of them, the queue holds its bound, the rest is lost.
    for _ in 0..3 * BOUND {
        r.warning(&warning());
    }
    // Nobody reads: it gives up after a moment.
    r.summary(&summary());
    drop(r);
    while go.send(Ok(())).is_ok() {
        if page.text().contains("summary") {
            break;
        }
    }
    let text = page.text();
    let last = text.lines().last().unwrap();
    let last: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["event"], "summary");
    let kept = text.lines().count() as u64 - 1;
    assert!(kept >= BOUND as u64);
    assert_eq!(last["dropped_lines"], 3 * BOUND as u64 - kept);
}

#[test]
fn a_closed_pipe_is_no_matter() {
    let (go, out, page) = stuck();
    let mut r = Reporter::on(
        Mode::Json,
        Box::new(io::sink()),
        Box::new(out),
        None,
        Box::new(|| Duration::ZERO),
    );
    r.warning(&warning());
    go.send(Err(ErrorKind::BrokenPipe.into())).unwrap();
    for _ in 0..3 * BOUND {
        r.warning(&warning());
    }
    r.summary(&summary());
    assert_eq!(page.text(), "");
}
