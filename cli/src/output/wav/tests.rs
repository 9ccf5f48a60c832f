use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use super::*;

fn create(path: &Path) -> Result<WavWriter, OutputError> {
    WavWriter::create(path, WavFormat::S16, Dither::None, 48_000, 2)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn appears_whole_and_only_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    let mut w = create(&path).unwrap();
    let samples: Vec<u8> = (0..800_000u32).map(|i| (i * 7 % 251) as u8).collect();
    // Pieces that end within frames and buffers, and one larger than the buffer.
    let (head, tail) = samples.split_at(300_001);
    w.write_bytes(head).unwrap();
    for piece in tail.chunks(777) {
        w.write_bytes(piece).unwrap();
    }
    assert!(!path.exists());
    assert_eq!(names(dir.path()).len(), 1);
    assert_eq!(w.frames(), 200_000);
    let written = w.finish().unwrap();
    assert_eq!(
        written,
        Written {
            frames: 200_000,
            clips: 0
        }
    );
    assert_eq!(names(dir.path()), ["a.wav"]);
    let file = fs::read(&path).unwrap();
    assert_eq!(file[..4], *b"RIFF");
    assert_eq!(file[4..8], (file.len() as u32 - 8).to_le_bytes());
    let at = file.len() - samples.len();
    assert_eq!(file[at - 4..at], 800_000u32.to_le_bytes());
    assert!(file[at..] == samples);
}

#[test]
fn planes_come_out_as_the_converter_gives_them() {
    let dir = tempfile::tempdir().unwrap();
    for (format, dither) in [
        (WavFormat::S16, Dither::Tpdf),
        (WavFormat::S24, Dither::None),
        (WavFormat::F32, Dither::None),
    ] {
        let path = dir.path().join("a.wav");
        let frames = 90_001;
        let planes: Vec<Vec<f32>> = (0..3)
            .map(|c| (0..frames).map(|i| (i + c) as f32 / 80_000.0).collect())
            .collect();
        let views: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
        let mut converter = Converter::<MAX_CHANNELS>::new(format.sample_format(), dither);
        let mut want = vec![0; frames * 3 * format.sample_format().bytes()];
        let clips = converter.interleave(&views, frames, &mut want);

        let mut w = WavWriter::create(&path, format, dither, 44_100, 3).unwrap();
        let mut done = 0;
        for n in [1, 70_000, 0, frames - 70_001] {
            let part: Vec<&[f32]> = views.iter().map(|p| &p[done..]).collect();
            w.write(&part, n).unwrap();
            done += n;
        }
        assert_eq!(w.clips(), u64::from(clips));
        assert_eq!(w.finish().unwrap().frames, frames as u64);
        let file = fs::read(&path).unwrap();
        let pad = want.len() % 2;
        let at = file.len() - want.len() - pad;
        assert!(file[at..file.len() - pad] == want, "{format:?}");
        assert_eq!(file.len() % 2, 0);
    }
}

#[test]
fn missing_planes_are_silent() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    let mut w = create(&path).unwrap();
    w.write(&[&[0.0; 3]], 10).unwrap();
    assert_eq!(w.finish().unwrap().frames, 10);
    let file = fs::read(&path).unwrap();
    assert_eq!(file[file.len() - 44..][..4], 40u32.to_le_bytes());
    assert_eq!(file[file.len() - 40..], [0; 40]);
}

#[test]
fn a_dropped_writer_leaves_nothing_and_the_old_file_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    fs::write(&path, b"old").unwrap();
    let mut w = create(&path).unwrap();
    w.write_bytes(&[1; 400_000]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    drop(w);
    assert_eq!(names(dir.path()), ["a.wav"]);
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

#[test]
fn a_replaced_file_keeps_its_permissions_and_a_link_its_target() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real.wav");
    fs::write(&real, b"old").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let link = dir.path().join("link.wav");
    symlink("real.wav", &link).unwrap();
    create(&link).unwrap().finish().unwrap();
    assert_eq!(names(dir.path()), ["link.wav", "real.wav"]);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&real).unwrap()[..4], *b"RIFF");
    assert_eq!(
        fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o640
    );
    // A link to nothing yet creates what it names.
    let dangling = dir.path().join("new.wav");
    symlink("made.wav", &dangling).unwrap();
    create(&dangling).unwrap().finish().unwrap();
    assert!(
        fs::symlink_metadata(dir.path().join("made.wav"))
            .unwrap()
            .is_file()
    );
}

#[test]
fn a_full_disk_removes_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    fs::write(&path, b"old").unwrap();
    let mut w = create(&path).unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    w.sink = w.sink.map(|s| s.with_file(full));
    let e = w.write_bytes(&[0; 300_000]).unwrap_err();
    assert!(matches!(e, OutputError::Full(_)), "{e}");
    assert_eq!(
        e.to_string(),
        format!(
            "{}: the disk is full; free some space or write to another disk",
            path.display()
        )
    );
    // Before the writer is dropped.
    assert_eq!(names(dir.path()), ["a.wav"]);
    assert!(matches!(w.write_bytes(&[0]), Err(OutputError::Failed(_))));
    assert!(matches!(w.finish(), Err(OutputError::Failed(_))));
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

#[test]
fn a_disk_that_is_full_at_the_very_end_removes_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    let mut w = create(&path).unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    w.sink = w.sink.map(|s| s.with_file(full));
    w.write_bytes(&[0; 400]).unwrap();
    assert!(matches!(w.finish(), Err(OutputError::Full(_))));
    assert!(names(dir.path()).is_empty());
}

#[test]
fn what_can_be_known_at_once_is_said_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    assert!(matches!(
        create(&d.join("no/a.wav")).err(),
        Some(OutputError::NoFolder(_))
    ));
    assert!(matches!(create(d).err(), Some(OutputError::IsFolder(_))));
    assert!(matches!(
        create(Path::new("/dev/full/x")).err(),
        Some(OutputError::NoFolder(_))
    ));
    // As root no permission holds one back, but a kernel's own file system does.
    let e = create(Path::new("/proc/a.wav")).err().unwrap();
    assert!(
        matches!(e, OutputError::NotPermitted(_) | OutputError::NoFolder(_)),
        "{e}"
    );
    for channels in [0, MAX_CHANNELS + 1] {
        let e = WavWriter::create(&d.join("a"), WavFormat::F32, Dither::None, 48_000, channels);
        assert!(matches!(e.err(), Some(OutputError::Channels { .. })));
    }
    assert!(names(d).is_empty());
}

#[test]
fn a_device_is_written_in_place() {
    let path = Path::new("/dev/full");
    let mut w = create(path).unwrap();
    w.write_bytes(&[0; 4]).unwrap();
    assert!(matches!(w.finish(), Err(OutputError::Full(_))));
    create(Path::new("/dev/null")).unwrap().finish().unwrap();
    use std::os::unix::fs::FileTypeExt;
    assert!(
        fs::metadata("/dev/null")
            .unwrap()
            .file_type()
            .is_char_device()
    );
}

fn fifo(dir: &Path) -> PathBuf {
    let path = dir.join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    path
}

#[test]
fn a_fifo_is_streamed() {
    let dir = tempfile::tempdir().unwrap();
    let path = fifo(dir.path());
    let reader = path.clone();
    let reader = std::thread::spawn(move || fs::read(reader).unwrap());
    let mut w = create(&path).unwrap();
    w.write_bytes(&[9; 300_004]).unwrap();
    assert_eq!(w.finish().unwrap().frames, 75_001);
    let got = reader.join().unwrap();
    let header = Header {
        format: WavFormat::S16,
        rate: 48_000,
        channels: 2,
        rf64_from: u32::MAX.into(),
    };
    let header = header.bytes(Extent::Stream);
    assert_eq!(got[..header.len()], header);
    assert!(got[header.len()..] == [9; 300_004]);
    assert_eq!(names(dir.path()), ["fifo"]);
}

#[test]
fn a_reader_that_goes_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = fifo(dir.path());
    let mut child = Command::new("head")
        .args(["-c", "10"])
        .arg(&path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut w = create(&path).unwrap();
    let mut result = Ok(());
    // More than any pipe holds.
    for _ in 0..64 {
        result = w.write_bytes(&[0; 256 * 1024]);
        if result.is_err() {
            break;
        }
    }
    child.wait().unwrap();
    let e = result.unwrap_err();
    assert!(matches!(e, OutputError::Closed(_)), "{e}");
    assert_eq!(
        OutputError::Closed("-".into()).to_string(),
        "standard output: closed by its reader before the end"
    );
}

#[test]
fn over_the_limit_it_becomes_an_rf64() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    for (n, id, place) in [(920, b"RIFF", b"JUNK"), (924, b"RF64", b"ds64")] {
        // 72 bytes of header count besides the samples.
        let mut w =
            WavWriter::create_rf64_from(&path, WavFormat::S16, Dither::None, 48_000, 2, 996)
                .unwrap();
        w.write_bytes(&vec![5; n]).unwrap();
        w.finish().unwrap();
        let file = fs::read(&path).unwrap();
        assert_eq!(file[..4], *id);
        assert_eq!(file[12..16], *place);
        assert_eq!(file.len(), 80 + n);
        if id == b"RF64" {
            assert_eq!(file[20..28], 996u64.to_le_bytes());
            assert_eq!(file[28..36], 924u64.to_le_bytes());
            assert_eq!(file[36..44], 231u64.to_le_bytes());
        }
        assert_eq!(file[80..], vec![5; n]);
    }
}

#[test]
fn a_file_of_more_than_four_gigabytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    let mut w = WavWriter::create(&path, WavFormat::F32, Dither::None, 48_000, 2).unwrap();
    // A hole of 4.5 GB, which takes no room on the disk, then real samples.
    let hole = 4_500_000_000;
    w.flush().unwrap();
    w.sink.as_mut().unwrap().skip(hole);
    w.bytes += hole;
    w.write_bytes(&[7; 80]).unwrap();
    assert_eq!(w.finish().unwrap().frames, (hole + 80) / 8);
    let mut file = File::open(&path).unwrap();
    let mut head = [0; 94];
    file.read_exact(&mut head).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 94 + hole + 80);
    assert_eq!(head[..20], *b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0");
    assert_eq!(head[20..28], (86 + hole + 80).to_le_bytes());
    assert_eq!(head[28..36], (hole + 80).to_le_bytes());
    assert_eq!(head[36..44], ((hole + 80) / 8).to_le_bytes());
    // The frames still fit the fact chunk.
    assert_eq!(head[82..86], (((hole + 80) / 8) as u32).to_le_bytes());
    assert_eq!(head[86..], *b"data\xff\xff\xff\xff");
    let mut tail = [0; 80];
    file.seek(SeekFrom::End(-80)).unwrap();
    file.read_exact(&mut tail).unwrap();
    assert_eq!(tail, [7; 80]);
}
