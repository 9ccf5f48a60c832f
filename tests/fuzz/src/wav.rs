//! Any bytes as a WAV file in one of its three forms: as a file and from a pipe, which must agree,
//! and with seeks, which must be exact.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use backline::media::{MediaError, OpenOptions, Reader, open};

use super::media::{Choice, play};
use super::scratch::with_file;

/// Bytes that a pipe holds without a reader.
const PIPE: usize = 32 * 1024;

/// Reads the bytes as a WAV file, whatever their first twelve are, and the same from a pipe.
///
/// # Panics
/// When the two differ, or a seek gives other samples than reading from the start.
pub fn wav(data: &[u8]) {
    let mut bytes = data
        .get(..data.len().min(PIPE))
        .unwrap_or_default()
        .to_vec();
    let Some(head) = bytes.first_chunk_mut::<12>() else {
        return;
    };
    if !matches!(&head[..4], b"RIFF" | b"RF64" | b"BW64") {
        let form = [b"RIFF", b"RF64", b"BW64"][usize::from(head[0] % 3)];
        head[..4].copy_from_slice(form);
    }
    head[8..].copy_from_slice(b"WAVE");

    let mut choice = Choice::from(data);
    let from_file = with_file(&bytes, |path| {
        let mut reader = open(path, &OpenOptions::default()).ok()?;
        play(&mut *reader, &mut choice);
        reader.seek(0).ok()?;
        let all = Samples::of(&mut *reader);
        for _ in 0..4 {
            let target = choice.below(all.frames() as u64 + 2) as usize;
            reader.seek(target as u64).ok()?;
            let part = Samples::of(&mut *reader);
            for (whole, part) in all.planes.iter().zip(&part.planes) {
                let from = whole.get(target..).unwrap_or_default();
                let n = from.len().min(part.len());
                assert!(from.len() >= part.len(), "a seek to {target} gives more");
                assert!(
                    bits(&from[..n]) == bits(&part[..n]),
                    "after a seek to {target}"
                );
            }
        }
        Some((reader.spec().clone(), all))
    });

    let (output, mut input) = std::io::pipe().expect("a pipe");
    input.write_all(&bytes).expect("room in a pipe");
    drop(input);
    let path = PathBuf::from(format!("/proc/self/fd/{}", output.as_raw_fd()));
    let Ok(mut pipe) = open(&path, &OpenOptions::default()) else {
        return;
    };
    let from_pipe = Samples::of(&mut *pipe);
    let Some((spec, from_file)) = from_file else {
        return;
    };
    assert_eq!(
        (spec.rate, spec.channels, &spec.format),
        (pipe.spec().rate, pipe.spec().channels, &pipe.spec().format)
    );
    for (file, pipe) in from_file.planes.iter().zip(&from_pipe.planes) {
        let n = file.len().min(pipe.len());
        assert!(bits(&file[..n]) == bits(&pipe[..n]), "file and pipe differ");
    }
    if pipe.seek(0).is_ok() {
        play(&mut *pipe, &mut choice);
    }
}

fn bits(samples: &[f32]) -> Vec<u32> {
    samples.iter().map(|x| x.to_bits()).collect()
}

/// What a reader gives from where it stands to its end.
struct Samples {
    planes: Vec<Vec<f32>>,
}

impl Samples {
    fn of(reader: &mut dyn Reader) -> Self {
        let channels = reader.spec().channels;
        let mut planes = vec![Vec::new(); channels];
        let mut part = vec![[0.0f32; 1000]; channels];
        loop {
            let mut slices: Vec<&mut [f32]> = part.iter_mut().map(|p| &mut p[..]).collect();
            match reader.read(&mut slices) {
                Ok(n) if n > 0 => {
                    for (plane, part) in planes.iter_mut().zip(&part) {
                        plane.extend_from_slice(&part[..n]);
                    }
                }
                Ok(_) | Err(MediaError::Damaged { .. }) => return Self { planes },
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn frames(&self) -> usize {
        self.planes.first().map_or(0, Vec::len)
    }
}
