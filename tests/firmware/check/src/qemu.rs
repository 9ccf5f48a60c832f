//! One run of an image in QEMU, with the counting plug-in.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use defmt_decoder::{DecodeError, Table};

use crate::board::Board;

/// What a run showed.
pub struct Run {
    /// What the firmware said, a line each.
    pub log: Vec<String>,
    /// Instructions between the marks, for each time they were passed.
    pub spans: Vec<u64>,
    /// Instructions of all spans by function, most first.
    pub symbols: Vec<(u64, String)>,
    /// Lowest address of the stack that was written.
    pub stack: u64,
}

/// Seconds after which a run counts as hung. One takes less than one.
const PATIENCE: &str = "120";

/// Runs `image`, whose static memory ends at `statics_end`.
pub fn run(board: &Board, image: &Path, statics_end: u64, plugin: &Path) -> Result<Run> {
    let counts = image.with_extension("counts");
    let _ = fs::remove_file(&counts);
    let plugin = format!(
        "{},out={},floor={statics_end:#x}",
        plugin.display(),
        counts.display()
    );
    // The clock counts instructions and skips what is slept: every run is like any other.
    let output = Command::new("timeout")
        .args([PATIENCE, "qemu-system-arm", "-M", board.machine])
        .args(["-nographic", "-monitor", "none", "-serial", "none"])
        .args(["-semihosting-config", "enable=on,target=native"])
        .args([
            "-icount",
            &format!("shift={},sleep=off", board.icount_shift),
        ])
        .args(["-plugin", &plugin, "-kernel"])
        .arg(image)
        .stdin(Stdio::null())
        .output()
        .context("qemu-system-arm can't be started")?;
    let log = decode(&fs::read(image)?, &output.stdout)?;
    if !output.status.success() {
        bail!(
            "{}: {} on {}\n{}\n{}",
            image.display(),
            output.status,
            board.machine,
            log.join("\n"),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let mut run = Run {
        log,
        spans: Vec::new(),
        symbols: Vec::new(),
        stack: 0,
    };
    let text = fs::read_to_string(&counts).context("the plug-in has counted nothing")?;
    for line in text.lines() {
        let mut words = line.splitn(3, ' ');
        let (kind, count) = (words.next(), words.next().and_then(|n| n.parse().ok()));
        match (kind, count) {
            (Some("span"), Some(n)) => run.spans.push(n),
            (Some("symbol"), Some(n)) => {
                let name = rustc_demangle::demangle(words.next().unwrap_or("?"));
                run.symbols.push((n, format!("{name:#}")));
            }
            (Some("stack"), Some(n)) => run.stack = n,
            (Some("total"), Some(_)) => {}
            _ => bail!("the plug-in wrote {line:?}"),
        }
    }
    run.symbols.sort_by(|a, b| b.cmp(a));
    Ok(run)
}

/// The lines that defmt's frames stand for.
fn decode(elf: &[u8], bytes: &[u8]) -> Result<Vec<String>> {
    let table = Table::parse(elf)?.context("the image has no defmt strings")?;
    let mut decoder = table.new_stream_decoder();
    decoder.received(bytes);
    let mut log = Vec::new();
    loop {
        match decoder.decode() {
            Ok(frame) => log.push(frame.display_message().to_string()),
            Err(DecodeError::UnexpectedEof) => return Ok(log),
            Err(DecodeError::Malformed) => bail!("what the firmware sent isn't defmt"),
        }
    }
}
