//! The whole of `backline` with the allocation trap armed.

use std::process::ExitCode;

use backline_trap as _;

fn main() -> ExitCode {
    backline::program::main()
}
