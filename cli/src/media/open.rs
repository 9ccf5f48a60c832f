//! Opening: what a file is, who reads it, and where its material begins.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use symphonia::core::codecs::audio::well_known as id;
use symphonia::core::errors::Error;

use super::decoder::Decoder;
use super::mp3::Mp3;
use super::ogg::Ogg;
use super::packets::{Fault, PacketReader};
use super::preload::Preloaded;
use super::riff::{Head, HeadError, read_head};
use super::sniff::{Kind, sniff};
use super::stream::WavPipe;
use super::wav::{Walk, WavFile, read_full_at};
use super::{MediaError, OpenOptions, Reader, Spec, aiff, caf, mp4};

/// Sample rates that are believed, Hz.
const RATES: std::ops::RangeInclusive<u32> = 1000..=1_536_000;
/// Channels that are believed.
const MAX_CHANNELS: usize = 128;
/// Frames that are believed: 265 days at 48 kHz.
const MAX_FRAMES: u64 = 1 << 40;
/// Samples in the fragments of an MP4 file that are believed, whatever its length.
const MAX_RUN_SAMPLES: u64 = 1 << 24;
/// Core rates up to this are taken for HE-AAC where a raw stream can't tell, Hz.
const HE_AAC_CORE: u32 = 24_000;

/// Opens a file at its own rate. `-` is a WAV on standard input; a named pipe works like it.
///
/// What the file is shows in its content, not in its name. Frame 0 is the first frame of the
/// material wherever the format tells it; [`Spec::notice`] says so where it doesn't.
///
/// # Errors
/// [`MediaError::Missing`], [`MediaError::Unreadable`], or [`MediaError::Unsupported`] with what to do
/// instead. A damaged file opens as long as its header is whole; reading it tells the damage.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Box<dyn Reader>, MediaError> {
    let reader = open_any(path, options)?;
    match reader.spec().frames {
        Some(frames) if frames > MAX_FRAMES => Err(unsupported(
            path,
            format!("a length of {frames} frames can't be right"),
        )),
        _ => Ok(reader),
    }
}

fn open_any(path: &Path, options: &OpenOptions) -> Result<Box<dyn Reader>, MediaError> {
    if path == Path::new("-") {
        return Ok(Box::new(WavPipe::open(
            path,
            Box::new(io::stdin()),
            options,
        )?));
    }
    let unreadable = |error| unreadable(path, error);
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    let kind = about.file_type();
    if kind.is_dir() {
        return Err(unsupported(path, "a folder, not an audio file"));
    }
    if kind.is_fifo() || kind.is_char_device() || kind.is_socket() {
        return Ok(Box::new(WavPipe::open(path, Box::new(file), options)?));
    }
    let len = about.len();
    if len == 0 {
        return Err(unsupported(path, "the file is empty"));
    }
    match sniff(&file, len).map_err(unreadable)? {
        Kind::Wav => open_wav(path, file, len, options),
        Kind::Mpeg(start) => {
            let (spec, packets) = Mp3::open(path, file, len, start)?;
            check_shape(path, spec.rate, spec.channels)?;
            Ok(Box::new(PacketReader::new(spec, packets)))
        }
        Kind::Mp4 => open_mp4(path, &file, len, options),
        Kind::Adts => open_adts(path, options),
        Kind::Aiff => open_aiff(path, file, len),
        Kind::Caf => open_caf(path, file, len, options),
        Kind::Flac => open_decoder(path, "flac", "FLAC", options),
        Kind::Ogg => open_decoder(path, "ogg", "Ogg", options),
        Kind::Matroska => open_decoder(path, "mka", "Matroska", options),
        Kind::Wave64 => Err(unsupported(
            path,
            "Sony Wave64 isn't supported; convert it to WAV (RF64 beyond 4 GB) or FLAC",
        )),
        Kind::Unknown => Err(unsupported(
            path,
            "no audio format that backline knows (WAV, AIFF, CAF, FLAC, MP3, Ogg, M4A, AAC, Matroska)",
        )),
    }
}

fn unsupported(path: &Path, what: impl Into<String>) -> MediaError {
    MediaError::Unsupported {
        path: path.into(),
        what: what.into(),
    }
}

fn unreadable(path: &Path, error: io::Error) -> MediaError {
    match error.kind() {
        io::ErrorKind::NotFound => MediaError::Missing(path.into()),
        _ => MediaError::Unreadable {
            path: path.into(),
            error,
        },
    }
}

/// Refuses rates and channel counts that only a broken header holds.
pub(super) fn check_shape(path: &Path, rate: u32, channels: usize) -> Result<(), MediaError> {
    if !RATES.contains(&rate) {
        return Err(unsupported(
            path,
            format!("a sample rate of {rate} Hz can't be right"),
        ));
    }
    if !(1..=MAX_CHANNELS).contains(&channels) {
        return Err(unsupported(
            path,
            format!("{channels} channels: at most {MAX_CHANNELS} are supported"),
        ));
    }
    Ok(())
}

/// The sentence for a file that symphonia refuses.
fn refused(path: &Path, container: &str, error: Error) -> MediaError {
    match error {
        Error::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof => unsupported(
            path,
            format!("{container} that is cut off or damaged at its beginning"),
        ),
        Error::IoError(e) if e.kind() != io::ErrorKind::Other => unreadable(path, e),
        Error::Unsupported("aac: aac too complex") => unsupported(
            path,
            "AAC of a kind that isn't supported (HE-AAC, or more than two channels); convert it to FLAC or WAV",
        ),
        Error::Unsupported("isomp4: missing moov atom") => unsupported(
            path,
            "M4A without its index: cut off, or not finished when it was recorded",
        ),
        e => unsupported(
            path,
            format!("{container} that can't be decoded: {e}; convert it to FLAC or WAV"),
        ),
    }
}

fn open_wav(
    path: &Path,
    file: File,
    len: u64,
    options: &OpenOptions,
) -> Result<Box<dyn Reader>, MediaError> {
    let mut walk = Walk {
        file: &file,
        pos: 0,
    };
    let head = read_head(&mut walk, Some(len)).map_err(|e| head_error(path, e))?;
    check_shape(path, head.rate, head.channels)?;
    match head.coding {
        Some(coding) => Ok(Box::new(WavFile::new(path, file, len, &head, coding))),
        None => open_compressed_wav(path, len, &head, options),
    }
}

fn open_aiff(path: &Path, file: File, len: u64) -> Result<Box<dyn Reader>, MediaError> {
    let mut walk = Walk {
        file: &file,
        pos: 0,
    };
    let head = aiff::read_head(&mut walk, len).map_err(|e| head_error(path, e))?;
    check_shape(path, head.rate, head.channels)?;
    let coding = head
        .coding
        .ok_or_else(|| unsupported(path, "AIFF without plain samples"))?;
    Ok(Box::new(WavFile::new(path, file, len, &head, coding)))
}

fn open_caf(
    path: &Path,
    file: File,
    len: u64,
    options: &OpenOptions,
) -> Result<Box<dyn Reader>, MediaError> {
    let mut walk = Walk {
        file: &file,
        pos: 0,
    };
    let head = caf::read_head(&mut walk).map_err(|e| head_error(path, e))?;
    let Some((head, coding)) = head.and_then(|h| h.coding.map(|c| (h, c))) else {
        return open_decoder(path, "caf", "CAF", options);
    };
    check_shape(path, head.rate, head.channels)?;
    Ok(Box::new(WavFile::new(path, file, len, &head, coding)))
}

fn head_error(path: &Path, error: HeadError) -> MediaError {
    match error {
        HeadError::Io(error) => unreadable(path, error),
        HeadError::Bad(what) => unsupported(path, what),
    }
}

fn open_compressed_wav(
    path: &Path,
    len: u64,
    head: &Head,
    options: &OpenOptions,
) -> Result<Box<dyn Reader>, MediaError> {
    if head.form != "WAV" {
        return Err(unsupported(
            path,
            format!(
                "compressed {} isn't supported; convert it to FLAC or WAV",
                head.form
            ),
        ));
    }
    // What the sizes claim, so that a file that is cut off opens all the same.
    let extent = head
        .data_len
        .map_or(len, |n| head.data_start.saturating_add(n).max(len));
    let mut decoder = Decoder::open_to(path, "wav", extent).map_err(|e| refused(path, "WAV", e))?;
    // The last block is padded; only `fact` tells where the material ends in it.
    decoder.facts.frames = head.fact.or(decoder.facts.frames);
    let cut = head
        .data_len
        .is_some_and(|n| n > len.saturating_sub(head.data_start));
    if cut && head.fact.is_none() {
        decoder.facts.frames = None;
    }
    let spec = spec_of(path, &mut decoder, "WAV")?;
    Ok(Box::new(Preloaded::load(spec, decoder, 0, options)?))
}

/// What is known of a decoder's file, after its first packet if need be.
fn spec_of(path: &Path, decoder: &mut Decoder, container: &str) -> Result<Spec, MediaError> {
    let rebase = container == "Ogg" && decoder.facts.codec != id::CODEC_ID_OPUS;
    let unknown = decoder.facts.rate.is_none() || decoder.facts.channels.is_none();
    if unknown || rebase {
        decoder.look(rebase).map_err(|fault| match fault {
            Fault::Io(error) => unreadable(path, error),
            Fault::Damaged(what) => unsupported(
                path,
                format!("{container} that can't be decoded from its first packet on: {what}"),
            ),
        })?;
    }
    let facts = &decoder.facts;
    let (Some(rate), Some(channels)) = (facts.rate, facts.channels) else {
        return Err(unsupported(
            path,
            format!("{container} without any audio in it"),
        ));
    };
    check_shape(path, rate, channels)?;
    Ok(Spec {
        path: path.into(),
        format: decoder.name(container),
        rate,
        channels,
        frames: facts.frames.filter(|&f| f > 0),
        notice: None,
    })
}

/// Opens what can be streamed as a stream, anything else in memory.
fn open_decoder(
    path: &Path,
    extension: &str,
    container: &str,
    options: &OpenOptions,
) -> Result<Box<dyn Reader>, MediaError> {
    let mut decoder =
        Decoder::open(path, extension).map_err(|e| refused_codec(path, container, e))?;
    if container == "Matroska" {
        // Its length is in milliseconds.
        decoder.facts.frames = None;
    }
    if container == "Ogg" && decoder.facts.codec == id::CODEC_ID_OPUS {
        // Its positions count the encoder's delay, which the decoder leaves out.
        let delay = opus_delay(path);
        decoder.facts.frames = decoder.facts.frames.map(|f| f.saturating_sub(delay));
    }
    if container == "CAF" && decoder.facts.codec == id::CODEC_ID_ALAC {
        // ffmpeg counts the last packet as a whole one.
        decoder.look_at_end().map_err(|fault| match fault {
            Fault::Io(error) => unreadable(path, error),
            Fault::Damaged(what) => unsupported(path, format!("CAF that can't be decoded: {what}")),
        })?;
    }
    let mut spec = spec_of(path, &mut decoder, container)?;
    if container == "CAF" && decoder.facts.codec == id::CODEC_ID_AAC {
        spec.notice = Some("AAC in a CAF file may start some 20 to 50 ms late; for exact sync use WAV, FLAC or M4A".into());
    }
    let lossy = matches!(
        decoder.facts.codec,
        id::CODEC_ID_AAC
            | id::CODEC_ID_OPUS
            | id::CODEC_ID_MP1
            | id::CODEC_ID_MP2
            | id::CODEC_ID_MP3
            | id::CODEC_ID_ADPCM_MS
            | id::CODEC_ID_ADPCM_IMA_WAV
            | id::CODEC_ID_ADPCM_IMA_QT
    );
    if container == "Matroska" || lossy || !decoder.facts.counts_frames {
        return Ok(Box::new(Preloaded::load(spec, decoder, 0, options)?));
    }
    if container == "Ogg" {
        let file = File::open(path).map_err(|e| unreadable(path, e))?;
        return Ok(Box::new(PacketReader::new(spec, Ogg::new(decoder, file))));
    }
    Ok(Box::new(PacketReader::new(spec, decoder)))
}

fn refused_codec(path: &Path, container: &str, error: Error) -> MediaError {
    if cfg!(not(feature = "opus")) && matches!(container, "Ogg" | "Matroska") && holds_opus(path) {
        return unsupported(
            path,
            "Opus needs a backline built with the feature `opus`; convert it to FLAC or WAV",
        );
    }
    refused(path, container, error)
}

/// The encoder's delay that the first page of an Ogg Opus file states, frames at 48 kHz
/// (RFC 7845, 5.1: two bytes, ten after the start of `OpusHead`); 0 when it can't be found.
fn opus_delay(path: &Path) -> u64 {
    let mut head = [0u8; 4096];
    let got = File::open(path).and_then(|f| read_full_at(&f, 0, &mut head));
    let head = head.get(..got.unwrap_or(0)).unwrap_or_default();
    let at = head.windows(8).position(|w| w == b"OpusHead");
    at.and_then(|at| head.get(at + 10..at + 12))
        .and_then(|b| b.try_into().ok())
        .map_or(0, |b| u64::from(u16::from_le_bytes(b)))
}

/// Whether the first pages of a file name the Opus codec.
fn holds_opus(path: &Path) -> bool {
    let mut head = [0u8; 16 * 1024];
    let got = File::open(path).and_then(|f| read_full_at(&f, 0, &mut head));
    let head = head.get(..got.unwrap_or(0)).unwrap_or_default();
    head.windows(8).any(|w| w == b"OpusHead") || head.windows(6).any(|w| w == b"A_OPUS")
}

fn open_mp4(
    path: &Path,
    file: &File,
    len: u64,
    options: &OpenOptions,
) -> Result<Box<dyn Reader>, MediaError> {
    let told = mp4::read(file, len).map_err(|e| unreadable(path, e))?;
    let told = told.unwrap_or_default();
    if told.he_aac {
        return Err(unsupported(
            path,
            "HE-AAC isn't supported, it would lose the upper half of its band; convert it to FLAC or WAV",
        ));
    }
    // symphonia goes through them one by one.
    if told.run_samples > len.max(MAX_RUN_SAMPLES) {
        return Err(unsupported(
            path,
            format!(
                "M4A whose fragments claim {} samples can't be right",
                told.run_samples
            ),
        ));
    }
    let extent = told.extent.max(len);
    let mut decoder = Decoder::open_to(path, "m4a", extent).map_err(|e| refused(path, "M4A", e))?;
    if decoder.facts.codec == id::CODEC_ID_OPUS {
        return Err(unsupported(
            path,
            "Opus inside MP4 isn't supported; put it into Ogg, or convert it to FLAC or WAV",
        ));
    }
    let mut spec = spec_of(path, &mut decoder, "M4A")?;
    let lossless = matches!(decoder.facts.codec, id::CODEC_ID_ALAC | id::CODEC_ID_FLAC);
    let to_frames = |n: u64| {
        let scaled = u128::from(n) * u128::from(spec.rate);
        u64::try_from(scaled / u128::from(told.scale.max(1))).unwrap_or(u64::MAX)
    };
    let skip = told.start.map_or(0, to_frames);
    spec.frames = match told.frames.map(to_frames) {
        Some(frames) => Some(frames),
        None => spec
            .frames
            .map(|f| f.saturating_sub(skip))
            .filter(|&f| f > 0),
    };
    spec.notice = if told.several_parts {
        Some(
            "its edit list plays several parts; it is played from the first one on without edits"
                .into(),
        )
    } else if told.start.is_none() && !lossless {
        Some("this file doesn't tell its encoder's delay, so it may start some 20 to 50 ms late; for exact sync use WAV or FLAC".into())
    } else {
        None
    };
    if lossless && decoder.facts.counts_frames {
        decoder.skip(skip);
        return Ok(Box::new(PacketReader::new(spec, decoder)));
    }
    Ok(Box::new(Preloaded::load(spec, decoder, skip, options)?))
}

fn open_adts(path: &Path, options: &OpenOptions) -> Result<Box<dyn Reader>, MediaError> {
    let mut decoder = Decoder::open(path, "aac").map_err(|e| refused(path, "AAC", e))?;
    // It has no header that could tell; what symphonia gives is an estimate.
    decoder.facts.frames = None;
    let mut spec = spec_of(path, &mut decoder, "ADTS")?;
    if spec.rate <= HE_AAC_CORE {
        return Err(unsupported(
            path,
            format!(
                "a raw AAC stream at {} Hz is most likely HE-AAC, which isn't supported; convert it to FLAC or WAV",
                spec.rate
            ),
        ));
    }
    spec.notice = Some("a raw AAC stream doesn't tell its encoder's delay, so it starts some 20 to 50 ms late; for exact sync use WAV, FLAC or M4A".into());
    Ok(Box::new(Preloaded::load(spec, decoder, 0, options)?))
}
