//! Error numbers of a driver as sentences a person can act on.

use engine_core::backend::{BackendError, BackendErrorKind as Kind};

use crate::holder::{self, Holder};

/// Why opening `device` failed with `errno`. `said`: what alsa-lib had to add.
pub(crate) fn opening(device: &str, errno: i32, said: Option<&str>) -> BackendError {
    match errno {
        libc::ENOENT | libc::ENODEV | libc::ENXIO => BackendError::new(
            Kind::NoDevice,
            format_args!(
                "no ALSA device \"{device}\": check its name (`backline devices`) and that it is plugged in and switched on"
            ),
        ),
        libc::EBUSY | libc::EAGAIN => busy(device, holder::of(device)),
        libc::EACCES | libc::EPERM => BackendError::new(
            Kind::Permission,
            format_args!(
                "no permission to open \"{device}\": add the user to the group `audio` and log in again"
            ),
        ),
        libc::ECONNREFUSED | libc::EHOSTDOWN | libc::ENOTCONN | libc::EHOSTUNREACH => {
            BackendError::new(
                Kind::NoServer,
                format_args!(
                    "the sound server behind \"{device}\" does not run: start it, or name a card (`hw:CARD=…`)"
                ),
            )
        }
        _ => driver(device, "can't be opened", errno, said),
    }
}

fn busy(device: &str, holder: Option<Holder>) -> BackendError {
    match holder {
        Some(Holder { program, process }) => BackendError::new(
            Kind::Busy,
            format_args!(
                "the device \"{device}\" is busy: {program} (process {process}) has it; end that program, or play through another device"
            ),
        ),
        None => BackendError::new(
            Kind::Busy,
            format_args!(
                "the device \"{device}\" is busy: another program has it, such as PipeWire or PulseAudio (`fuser -v /dev/snd/*` shows which)"
            ),
        ),
    }
}

/// Anything the driver said that has no kind of its own.
pub(crate) fn driver(device: &str, what: &str, errno: i32, said: Option<&str>) -> BackendError {
    let kind = if is_gone(errno) {
        Kind::NoDevice
    } else {
        Kind::Driver
    };
    match said {
        Some(said) => BackendError::new(
            kind,
            format_args!("\"{device}\" {what}: {} ({said})", name(errno)),
        ),
        None => BackendError::new(kind, format_args!("\"{device}\" {what}: {}", name(errno))),
    }
}

/// Whether the error number says that the device is no longer there.
pub(crate) fn is_gone(errno: i32) -> bool {
    matches!(errno, libc::ENODEV | libc::ENXIO)
}

/// The system's text for an error number.
pub(crate) fn name(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    match text.rfind(" (os error") {
        Some(end) => text.get(..end).unwrap_or_default().to_lowercase(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_busy_device_is_said() {
        let mpv = Holder {
            program: "mpv".into(),
            process: 77,
        };
        let e = busy("hw:CARD=x", Some(mpv));
        assert_eq!(e.kind, Kind::Busy);
        assert!(e.message.contains("busy: mpv (process 77) has it"), "{e}");
    }

    #[test]
    fn each_error_has_its_kind_and_names_the_device() {
        for (errno, kind, word) in [
            (libc::ENOENT, Kind::NoDevice, "plugged in"),
            (libc::ENODEV, Kind::NoDevice, "plugged in"),
            (libc::EBUSY, Kind::Busy, "PipeWire"),
            (libc::EACCES, Kind::Permission, "group `audio`"),
            (libc::ECONNREFUSED, Kind::NoServer, "sound server"),
            (libc::EIO, Kind::Driver, "input/output error"),
        ] {
            let e = opening("hw:CARD=x", errno, None);
            assert_eq!(e.kind, kind, "{errno}");
            assert!(
                e.message.contains("hw:CARD=x") && e.message.contains(word),
                "{e}"
            );
        }
    }
}
