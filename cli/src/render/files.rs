//! The files of a rendering: the mix's and the stems'.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use engine_core::convert::Dither;

use super::{RenderError, Rendering, StemFile};
use crate::output::{WavFormat, WavWriter, Written};

/// Where to and how.
#[derive(Clone, Debug)]
pub struct FilesSpec {
    /// The mix's file; `-` is standard output.
    pub mix: Option<PathBuf>,
    /// Folder for a file per track; it is made where it isn't there.
    pub stems: Option<PathBuf>,
    /// Sample format of all of them.
    pub format: WavFormat,
    /// Dither to 16 bit.
    pub dither: Dither,
}

/// Files being written. Those that aren't [`finish`](Self::finish)ed never appear.
pub struct Files {
    mix: Option<WavWriter>,
    stems: Vec<(StemFile, WavWriter)>,
}

impl Files {
    /// Opens the files for a rendering.
    ///
    /// # Errors
    /// A file can't be made, two would have the same name, or a stem that is rendered would be
    /// replaced.
    pub fn create(spec: &FilesSpec, rendering: &Rendering) -> Result<Self, RenderError> {
        refuse_inputs(spec, rendering)?;
        let create = |path: &Path, channels: usize| {
            WavWriter::create(path, spec.format, spec.dither, rendering.rate(), channels)
        };
        if let Some(folder) = &spec.stems {
            fs::create_dir_all(folder).map_err(|error| RenderError::Folder {
                path: folder.clone(),
                error,
            })?;
            for file in rendering.stem_files() {
                let path = folder.join(&file.file);
                if spec.mix.as_ref().is_some_and(|mix| is_same(mix, &path)) {
                    return Err(RenderError::Usage(format!(
                        "{}: is to be the mix and the stem of track `{}` at once; name the mix otherwise",
                        path.display(),
                        file.track
                    )));
                }
            }
        }
        let mix = match &spec.mix {
            Some(path) => Some(create(path, rendering.channels())?),
            None => None,
        };
        let mut stems = Vec::new();
        if let Some(folder) = &spec.stems {
            for file in rendering.stem_files() {
                let writer = create(&folder.join(&file.file), file.channels)?;
                stems.push((file.clone(), writer));
            }
        }
        Ok(Self { mix, stems })
    }

    /// Writes the `frames` frames that a pull gave.
    ///
    /// # Errors
    /// A file can't be written. None of them can be gone on with.
    pub fn write(&mut self, rendering: &Rendering, frames: usize) -> Result<(), RenderError> {
        if let Some(mix) = &mut self.mix {
            write(mix, rendering.mix(), frames)?;
        }
        for (file, stem) in &mut self.stems {
            write(stem, rendering.stem(file), frames)?;
        }
        Ok(())
    }

    /// Completes all of them. The number of clipped samples is their sum.
    ///
    /// # Errors
    /// A file can't be completed; those before it are there.
    pub fn finish(self) -> Result<Written, RenderError> {
        let mut sum = Written {
            frames: 0,
            clips: 0,
        };
        let stems = self.stems.into_iter().map(|(_, stem)| stem);
        for file in self.mix.into_iter().chain(stems) {
            let written = file.finish()?;
            sum.frames = written.frames;
            sum.clips += written.clips;
        }
        Ok(sum)
    }

    /// Samples so far that were beyond full scale and saturated.
    pub fn clips(&self) -> u64 {
        let stems = self.stems.iter().map(|(_, stem)| stem);
        self.mix.iter().chain(stems).map(WavWriter::clips).sum()
    }
}

fn write(file: &mut WavWriter, planes: &[Vec<f32>], frames: usize) -> Result<(), RenderError> {
    let mut few: [&[f32]; 8] = [&[]; 8];
    let slices = planes.iter().map(Vec::as_slice);
    if let Some(few) = few.get_mut(..planes.len()) {
        few.iter_mut()
            .zip(slices)
            .for_each(|(to, plane)| *to = plane);
        file.write(few, frames)?;
    } else {
        let many: Vec<&[f32]> = slices.collect();
        file.write(&many, frames)?;
    }
    Ok(())
}

/// Whether two paths, whose files need not be there yet, name the same file.
fn is_same(a: &Path, b: &Path) -> bool {
    if let (Ok(a), Ok(b)) = (fs::canonicalize(a), fs::canonicalize(b)) {
        return a == b;
    }
    let folder = |path: &Path| {
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
        fs::canonicalize(parent.unwrap_or(Path::new("."))).ok()
    };
    a.file_name().map(OsStr::to_ascii_lowercase) == b.file_name().map(OsStr::to_ascii_lowercase)
        && folder(a).is_some_and(|a| Some(a) == folder(b))
}

/// Makes sure that no output replaces a stem that it is made of.
fn refuse_inputs(spec: &FilesSpec, rendering: &Rendering) -> Result<(), RenderError> {
    let stems = rendering.stem_files();
    let outputs = spec
        .stems
        .iter()
        .flat_map(|folder| stems.iter().map(|s| folder.join(&s.file)))
        .chain(spec.mix.clone());
    let id = |m: Metadata| m.is_file().then(|| (m.dev(), m.ino()));
    for output in outputs {
        let Some(there) = fs::metadata(&output).ok().and_then(id) else {
            continue;
        };
        for input in rendering.inputs() {
            if fs::metadata(input).ok().and_then(id) == Some(there) {
                return Err(RenderError::Usage(format!(
                    "{}: is one of the stems that are rendered, and would be replaced; write to another place",
                    output.display()
                )));
            }
        }
    }
    Ok(())
}
