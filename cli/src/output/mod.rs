//! Writing a mix as a WAV file, to a pipe or to standard output.

mod error;
mod header;
mod sink;
mod wav;

pub use error::OutputError;
pub use header::WavFormat;
pub use wav::{MAX_CHANNELS, WavWriter, Written};
