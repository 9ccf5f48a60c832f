//! The program. All of it is in the library, where a test can have it with an allocator of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    backline::program::main()
}
