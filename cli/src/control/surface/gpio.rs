//! GPIO lines: a button or a switch on a Raspberry Pi's header.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use gpiocdev::Request;
use gpiocdev::line::{Bias, EdgeDetection, EdgeKind};

use super::event::{Event, LineName};
use super::source::Source;
use crate::exit::{Code, Failure};

/// Events that are read at a time.
const STRETCH: usize = 64;

/// A line.
pub struct GpioInput {
    name: LineName,
    request: Request,
    news: Option<String>,
    broken: bool,
}

impl GpioInput {
    /// Takes the line. `high`: it is active when it is high, and pulled down; else it is active when it is low
    /// (a button to ground), and pulled up.
    ///
    /// # Errors
    /// Code 69: there is no such chip or line, or somebody has it.
    pub fn open(name: &LineName, high: bool) -> Result<Self, Failure> {
        let path = match name.chip.contains('/') {
            true => PathBuf::from(&name.chip),
            false => PathBuf::from("/dev").join(&name.chip),
        };
        let failure = |why: String| Failure::new(Code::Unavailable, format!("gpio:{name}: {why}"));
        let chip = gpiocdev::chip::Chip::from_path(&path)
            .map_err(|e| failure(format!("there is no chip `{}` ({e})", path.display())))?;
        let info = chip
            .info()
            .map_err(|e| failure(format!("the chip can't be read: {e}")))?;
        if name.line >= info.num_lines {
            let count = info.num_lines;
            return Err(failure(format!("the chip has {count} lines, from 0")));
        }
        let mut request = Request::builder();
        request
            .on_chip(&path)
            .with_consumer("backline")
            .with_line(name.line)
            .as_input()
            .with_edge_detection(EdgeDetection::BothEdges);
        match high {
            true => request.as_active_high().with_bias(Bias::PullDown),
            false => request.as_active_low().with_bias(Bias::PullUp),
        };
        let request = request.request().map_err(|e| {
            failure(format!("the line can't be had: {e}"))
                .hint("another program may have it, or its driver has no pull resistor")
        })?;
        Ok(Self {
            name: name.clone(),
            request,
            news: None,
            broken: false,
        })
    }
}

impl Source for GpioInput {
    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        match self.broken {
            true => Vec::new(),
            false => vec![self.request.as_fd()],
        }
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn read(&mut self, to: &mut dyn FnMut(Event, Duration)) {
        for _ in 0..STRETCH {
            match self.request.has_edge_event() {
                Ok(true) => {}
                Ok(false) => return,
                Err(e) => return self.lost(&e),
            }
            match self.request.read_edge_event() {
                Ok(edge) => to(
                    Event::Line {
                        line: self.name.clone(),
                        down: edge.kind == EdgeKind::Rising,
                    },
                    Duration::from_nanos(edge.timestamp_ns),
                ),
                Err(e) => return self.lost(&e),
            }
        }
    }

    fn news(&mut self) -> Option<String> {
        self.news.take()
    }
}

impl GpioInput {
    fn lost(&mut self, why: &gpiocdev::Error) {
        if !self.broken {
            self.broken = true;
            self.news = Some(format!("gpio:{}: can't be read any more: {why}", self.name));
        }
    }
}
