//! symphonia behind [`Packets`]: everything compressed but MPEG audio, and PCM outside WAV.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known as id;
use symphonia::core::codecs::audio::{
    AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, SeekMode, SeekTo, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::units::Timestamp;

use super::packets::{Fault, Packets};
use super::vorbis;

/// So many packets in a row without a frame are no audio.
const MAX_BARREN: usize = 4096;

static CODECS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut registry = CodecRegistry::new();
    symphonia::default::register_enabled_codecs(&mut registry);
    #[cfg(feature = "opus")]
    registry.register_audio_decoder::<symphonia_adapter_libopus::OpusDecoder>();
    registry
});

/// A decoder for `params`; delay and padding are left to the caller.
pub(super) fn make_decoder(
    params: &AudioCodecParameters,
    gapless: bool,
) -> Result<Box<dyn AudioDecoder>, Error> {
    if params.codec == id::CODEC_ID_VORBIS
        && let Some(headers) = &params.extra_data
        && vorbis::book_values(headers) > vorbis::MAX_VALUES
    {
        return Err(Error::Unsupported(
            "vorbis: its code books need more memory than any real ones",
        ));
    }
    let options = AudioDecoderOptions::default().gapless(gapless);
    contained(|| CODECS.make_audio_decoder(params, &options))
}

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside a decoder or demuxer of others. A panic there is caught and told as
/// damage of the file: a panic hook that complains of faults should keep quiet about it.
pub fn is_decoding() -> bool {
    DECODING.get()
}

/// Runs decoder code on foreign bytes; should it panic, that is damage of the file.
pub(super) fn contained<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let before = DECODING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    DECODING.set(before);
    result.unwrap_or(Err(Error::DecodeError("the decoder gave up on it")))
}

/// What a decoder's or demuxer's error means for the file.
pub(super) fn fault(error: Error) -> Fault {
    match error {
        Error::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            Fault::Damaged("the file is cut off".into())
        }
        // symphonia reports faults of a bit stream as `Other`.
        Error::IoError(e) if e.kind() != ErrorKind::Other => Fault::Io(e),
        Error::ResetRequired => Fault::Damaged("another stream begins in the file".into()),
        e => Fault::Damaged(e.to_string()),
    }
}

/// An opened file of a format that symphonia reads.
pub(super) struct Decoder {
    path: PathBuf,
    extension: String,
    /// Length that is claimed, bytes; 0 for none.
    extent: u64,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    /// What the container says of the track.
    pub(super) facts: Facts,
    /// Position of the first frame in the container's count.
    base: i64,
    /// Encoder delay that the caller found; its frames are on negative positions.
    skip: i64,
    /// Seeking within an opened file fails: open it anew.
    reopen: bool,
}

/// What the container says of a track.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) codec: AudioCodecId,
    pub(super) rate: Option<u32>,
    pub(super) channels: Option<usize>,
    pub(super) bits: Option<u32>,
    pub(super) frames: Option<u64>,
    /// The container counts frames, so that positions in it are exact.
    pub(super) counts_frames: bool,
}

/// A file that is taken to end early, or later than it does.
struct Clipped {
    file: File,
    len: u64,
    at: u64,
}

impl Read for Clipped {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let room = out.len().min(left);
        let n = self.file.read(out.get_mut(..room).unwrap_or_default())?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Clipped {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::End(n) => SeekFrom::Start(self.len.saturating_add_signed(n)),
            to => to,
        };
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

impl MediaSource for Clipped {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}

type Opened = (Box<dyn FormatReader>, Box<dyn AudioDecoder>, u32, Facts);

fn open(path: &Path, extension: &str, extent: u64) -> Result<Opened, Error> {
    let file = File::open(path).map_err(Error::IoError)?;
    let mut source: Box<dyn MediaSource> = Box::new(file);
    if extension == "ogg" {
        // A page that is cut off would keep the file from opening at all.
        let file = File::open(path).map_err(Error::IoError)?;
        let len = file.metadata().map_err(Error::IoError)?.len();
        if let Some(len) = super::ogg::cut_off(&file, len).map_err(Error::IoError)? {
            source = Box::new(Clipped { file, len, at: 0 });
        }
    }
    if extent > 0 {
        // Of a box that reaches beyond the end of the file nothing at all would be given.
        let file = File::open(path).map_err(Error::IoError)?;
        let len = extent;
        source = Box::new(Clipped { file, len, at: 0 });
    }
    contained(|| {
        let source = MediaSourceStream::new(source, Default::default());
        let mut hint = Hint::new();
        hint.with_extension(extension);
        let format = symphonia::default::get_probe().probe(
            &hint,
            source,
            Default::default(),
            Default::default(),
        )?;
        let track = format
            .first_track(TrackType::Audio)
            .ok_or(Error::Unsupported("it holds no audio"))?;
        let params = match &track.codec_params {
            Some(CodecParameters::Audio(params)) => params,
            _ => return Err(Error::Unsupported("it holds no audio")),
        };
        let facts = Facts {
            codec: params.codec,
            rate: params.sample_rate,
            channels: params.channels.as_ref().map(|c| c.count()),
            bits: params.bits_per_sample,
            frames: track.num_frames,
            counts_frames: track
                .time_base
                .zip(params.sample_rate)
                .is_some_and(|(base, rate)| base.numer.get() == 1 && base.denom.get() == rate),
        };
        let track_id = track.id;
        let decoder = make_decoder(params, true)?;
        Ok((format, decoder, track_id, facts))
    })
}

impl Decoder {
    /// Opens `path`; `extension` is the usual one of the format that its first bytes show.
    pub(super) fn open(path: &Path, extension: &str) -> Result<Self, Error> {
        Self::open_to(path, extension, 0)
    }

    /// The same for a file whose content claims to reach to `extent` bytes (0: no claim).
    pub(super) fn open_to(path: &Path, extension: &str, extent: u64) -> Result<Self, Error> {
        let (format, decoder, track, facts) = open(path, extension, extent)?;
        Ok(Self {
            path: path.into(),
            extension: extension.into(),
            extent,
            format,
            decoder,
            track,
            facts,
            base: 0,
            skip: 0,
            reopen: extension == "m4a",
        })
    }

    /// The container's number of the track (the serial number of an Ogg stream).
    pub(super) fn track(&self) -> u32 {
        self.track
    }

    /// Position of frame 0 in the container's count.
    pub(super) fn origin(&self) -> i64 {
        self.base.saturating_add(self.skip)
    }

    /// Decodes the end of a file whose container counts whole packets only, to learn its length.
    pub(super) fn look_at_end(&mut self) -> Result<(), Fault> {
        /// Longest packet of any format here, frames.
        const PACKET: u64 = 16_384;
        let Some(claimed) = self.facts.frames else {
            return Ok(());
        };
        self.seek(claimed.saturating_sub(PACKET))?;
        let mut planes = Vec::new();
        let mut end = 0;
        while let Ok(Some(at)) = self.next(&mut planes) {
            end = u64::try_from(at).unwrap_or(0) + planes.first().map_or(0, Vec::len) as u64;
        }
        if end <= claimed && claimed - end < PACKET && end > 0 {
            self.facts.frames = Some(end);
        }
        self.rewind()
    }

    /// Counts positions from `skip` frames after the first.
    pub(super) fn skip(&mut self, skip: u64) {
        self.skip = i64::try_from(skip).unwrap_or(i64::MAX);
    }

    /// Decodes the first packet to learn rate and channels where the container doesn't tell, and
    /// to count from where the file really starts if `rebase` (a cut from a longer stream).
    pub(super) fn look(&mut self, rebase: bool) -> Result<(), Fault> {
        let mut planes = Vec::new();
        if let Some(at) = self.next(&mut planes)? {
            self.facts.channels = Some(planes.len());
            let rate = self.decoder.codec_params().sample_rate;
            self.facts.rate = self.facts.rate.or(rate);
            if rebase {
                self.base += at.max(0);
            }
        }
        self.rewind()
    }

    fn rewind(&mut self) -> Result<(), Fault> {
        let (format, decoder, track, _) =
            open(&self.path, &self.extension, self.extent).map_err(fault)?;
        (self.format, self.decoder, self.track) = (format, decoder, track);
        Ok(())
    }

    /// The name for people of the codec in `container`.
    pub(super) fn name(&self, container: &str) -> String {
        let bits = |prefix: &str| match self.facts.bits {
            Some(bits) => format!("{prefix}{bits}-bit"),
            None => format!("{prefix}PCM"),
        };
        let codec = match self.facts.codec {
            id::CODEC_ID_FLAC => "FLAC".into(),
            id::CODEC_ID_VORBIS => "Vorbis".into(),
            id::CODEC_ID_OPUS => "Opus".into(),
            id::CODEC_ID_ALAC => "ALAC".into(),
            id::CODEC_ID_AAC => "AAC".into(),
            id::CODEC_ID_MP3 => "MP3".into(),
            id::CODEC_ID_ADPCM_MS | id::CODEC_ID_ADPCM_IMA_WAV | id::CODEC_ID_ADPCM_IMA_QT => {
                "ADPCM".into()
            }
            id::CODEC_ID_PCM_ALAW => "A-law".into(),
            id::CODEC_ID_PCM_MULAW => "µ-law".into(),
            id::CODEC_ID_PCM_F32LE | id::CODEC_ID_PCM_F32BE => "32-bit float".into(),
            id::CODEC_ID_PCM_F64LE | id::CODEC_ID_PCM_F64BE => "64-bit float".into(),
            _ => bits(""),
        };
        match container {
            "FLAC" => codec,
            _ => format!("{container} {codec}"),
        }
    }
}

impl Packets for Decoder {
    fn next(&mut self, planes: &mut Vec<Vec<f32>>) -> Result<Option<i64>, Fault> {
        for _ in 0..MAX_BARREN {
            let Some(packet) = contained(|| self.format.next_packet()).map_err(fault)? else {
                return Ok(None);
            };
            if packet.track_id != self.track {
                continue;
            }
            let channels = self.facts.channels;
            let decoder = &mut self.decoder;
            let frames = contained(|| {
                let audio = decoder.decode(&packet)?;
                if channels.is_some_and(|c| c != audio.num_planes()) {
                    return Err(Error::DecodeError("the number of channels changes"));
                }
                if audio.frames() > 0 {
                    audio.copy_to_vecs_planar(planes);
                }
                Ok(audio.frames())
            })
            .map_err(fault)?;
            if frames > 0 {
                let trimmed = i64::try_from(packet.trim_start.get()).unwrap_or(0);
                let at = packet.pts.get().saturating_add(trimmed);
                return Ok(Some(at.saturating_sub(self.base).saturating_sub(self.skip)));
            }
        }
        Err(Fault::Damaged("it holds no audio from there on".into()))
    }

    fn seek(&mut self, target: u64) -> Result<(), Fault> {
        if self.reopen {
            self.rewind()?;
        }
        let at = i64::try_from(target)
            .unwrap_or(i64::MAX)
            .saturating_add(self.base)
            .saturating_add(self.skip);
        let to = SeekTo::Timestamp {
            ts: Timestamp::new(at),
            track_id: self.track,
        };
        let format = &mut self.format;
        match contained(|| format.seek(SeekMode::Accurate, to)) {
            Ok(_) => {
                self.decoder.reset();
                Ok(())
            }
            Err(Error::IoError(e))
                if !matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::Other) =>
            {
                Err(Fault::Io(e))
            }
            Err(_) => {
                // Cut-off files lose their index: read up to the target instead.
                self.rewind()
            }
        }
    }
}
