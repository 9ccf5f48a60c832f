//! A real-time priority by request, where the limits give none: a desktop's portal
//! (`org.freedesktop.portal.Realtime` on the session bus) has rtkit grant one.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::UnixAddr;
use rustbus::connection::get_session_bus_path;
use rustbus::message_builder::{MarshalledMessage, MessageBuilder, MessageType};
use rustbus::wire::unmarshal::traits::Variant;
use rustbus::{RpcConn, connection::Timeout};

const NAME: &str = "org.freedesktop.portal.Desktop";
const OBJECT: &str = "/org/freedesktop/portal/desktop";
const REALTIME: &str = "org.freedesktop.portal.Realtime";

/// How long the bus and the portal may take, together.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks for a real-time priority of the calling thread, `priority` (1 to 99) or what may be had below it, and returns what
/// was granted. `RLIMIT_RTTIME` of the process becomes what the portal wants: a real-time thread that doesn't
/// block for so long (200 ms usually) ends the process.
///
/// # Errors
/// No session bus, no portal, no answer in two seconds, or its refusal, in words.
pub(crate) fn promote(priority: u8) -> Result<u8, String> {
    let bus = get_session_bus_path().map_err(|e| format!("no session bus: {e:?}"))?;
    promote_by(bus, priority, PATIENCE)
}

fn promote_by(bus: UnixAddr, priority: u8, patience: Duration) -> Result<u8, String> {
    // SAFETY: no arguments, and they can't fail.
    let (process, thread) = unsafe { (libc::getpid(), libc::gettid()) };
    let ids = (
        u64::from(process.unsigned_abs()),
        u64::from(thread.unsigned_abs()),
    );
    let (done, result) = mpsc::channel();
    // On a thread of its own, for a bus that accepts and never speaks can't be left.
    thread::Builder::new()
        .name("backline-portal".into())
        .spawn(move || {
            let _ = done.send(ask(bus, ids, priority, Instant::now() + patience));
        })
        .map_err(|e| e.to_string())?;
    let late = |_| "the portal did not answer in time".to_owned();
    result.recv_timeout(patience).map_err(late)?
}

fn ask(bus: UnixAddr, ids: (u64, u64), priority: u8, end: Instant) -> Result<u8, String> {
    let left = || Timeout::Duration(end.saturating_duration_since(Instant::now()));
    let bad = |e: &dyn std::fmt::Debug| format!("{e:?}");
    let mut bus = RpcConn::connect_to_path(bus, left()).map_err(|e| bad(&e))?;
    let mut call = |mut message: MarshalledMessage| {
        let sent = bus.send_message(&mut message).map_err(|e| bad(&e))?;
        let serial = sent.write(left()).map_err(|(unsent, e)| {
            unsent.force_finish();
            bad(&e)
        })?;
        let reply = bus.wait_response(serial, left()).map_err(|e| bad(&e))?;
        match reply.typ {
            MessageType::Error => Err(reply.dynheader.error_name.unwrap_or_default()),
            _ => Ok(reply),
        }
    };
    let property = |name: &str| {
        let mut message = to_portal("org.freedesktop.DBus.Properties", "Get");
        let pushed = message.body.push_param2(REALTIME, name);
        pushed.map_err(|e| bad(&e)).map(|()| message)
    };
    let most = call(property("MaxRealtimePriority")?)?;
    let most: i32 = (most.body.parser().get::<Variant>())
        .and_then(|value| value.get())
        .map_err(|e| bad(&e))?;
    let micros = call(property("RTTimeUSecMax")?)?;
    let micros: i64 = (micros.body.parser().get::<Variant>())
        .and_then(|value| value.get())
        .map_err(|e| bad(&e))?;
    let granted = i32::from(priority).min(most);
    let (Ok(granted), Ok(micros)) = (u8::try_from(granted), u64::try_from(micros)) else {
        return Err("the portal names limits that can't be".into());
    };
    if granted == 0 {
        return Err("the portal grants none".into());
    }
    limit(micros)?;
    let mut message = to_portal(REALTIME, "MakeThreadRealtimeWithPID");
    (message.body)
        .push_param3(ids.0, ids.1, u32::from(granted))
        .map_err(|e| bad(&e))?;
    call(message).map(|_| granted)
}

fn to_portal(interface: &str, method: &str) -> MarshalledMessage {
    MessageBuilder::new()
        .call(method)
        .on(OBJECT)
        .with_interface(interface)
        .at(NAME)
        .build()
}

/// Limits how long a real-time thread of the process may run without blocking: rtkit refuses those that could hold a processor
/// for ever. A limit that is lower already stays.
fn limit(micros: libc::rlim_t) -> Result<(), String> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure outlives both calls.
    let done = unsafe {
        libc::getrlimit(libc::RLIMIT_RTTIME, &mut limit) == 0 && {
            limit.rlim_max = limit.rlim_max.min(micros);
            limit.rlim_cur = limit.rlim_cur.min(limit.rlim_max);
            libc::setrlimit(libc::RLIMIT_RTTIME, &limit) == 0
        }
    };
    match done {
        true => Ok(()),
        false => Err(std::io::Error::last_os_error().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// Longer than any test keeps a processor: the limit stays with the process.
    const MICROS: i64 = 60_000_000;

    /// Process, thread, priority.
    type Asked = (u64, u64, u32);

    /// A session bus of the test's own.
    struct Bus(Child, tempfile::TempDir);

    impl Bus {
        fn start() -> Option<Self> {
            let folder = tempfile::tempdir().unwrap();
            // The machine's own configuration would start the services it has.
            let config = folder.path().join("bus.conf");
            let text = format!(
                "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
                 \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\
                 <busconfig><type>session</type><listen>unix:path={}/bus</listen>\
                 <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
                 <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
                folder.path().display()
            );
            std::fs::write(&config, text).unwrap();
            let started = Command::new("dbus-daemon")
                .args(["--nofork", "--print-address=1"])
                .arg(format!("--config-file={}", config.display()))
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn();
            let Ok(mut daemon) = started else {
                eprintln!("SKIP portal: there is no dbus-daemon");
                return None;
            };
            let mut said = String::new();
            let out = daemon.stdout.take().unwrap();
            BufReader::new(out).read_line(&mut said).unwrap();
            assert!(said.starts_with("unix:path="), "{said}");
            Some(Self(daemon, folder))
        }

        fn address(&self) -> UnixAddr {
            UnixAddr::new(&self.1.path().join("bus")).unwrap()
        }

        /// A portal that answers so many calls, and grants as rtkit does, if it may: what it was asked for, and whether it might.
        /// After these it hears one more for `silence` and says nothing.
        fn portal(
            &self,
            most: i32,
            answers: usize,
            silence: Duration,
        ) -> thread::JoinHandle<Vec<(Asked, bool)>> {
            let forever = || Timeout::Duration(Duration::from_secs(60));
            let mut bus = RpcConn::connect_to_path(self.address(), forever()).unwrap();
            let mut name = rustbus::standard_messages::request_name(NAME, 0);
            let serial = bus.send_message(&mut name).unwrap().write_all().unwrap();
            bus.wait_response(serial, forever()).unwrap();
            bus.set_filter(Box::new(|_| true));
            thread::spawn(move || {
                let mut granted = Vec::new();
                for _ in 0..answers {
                    let call = bus.wait_call(forever()).unwrap();
                    let mut reply = call.dynheader.make_response();
                    if call.dynheader.member.as_deref() == Some("Get") {
                        let (interface, name) = call.body.parser().get2::<&str, &str>().unwrap();
                        assert_eq!(interface, REALTIME);
                        match name {
                            "MaxRealtimePriority" => reply.body.push_variant(most).unwrap(),
                            _ => reply.body.push_variant(MICROS).unwrap(),
                        }
                    } else {
                        let asked: Asked = call.body.parser().get3().unwrap();
                        // SAFETY: an all-zero `sched_param` is valid, and it outlives the call.
                        let done = unsafe {
                            let mut param: libc::sched_param = core::mem::zeroed();
                            param.sched_priority = asked.2 as i32;
                            let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
                            libc::sched_setscheduler(asked.1 as i32, policy, &param)
                        };
                        granted.push((asked, done == 0));
                    }
                    bus.send_message(&mut reply).unwrap().write_all().unwrap();
                }
                if !silence.is_zero() {
                    bus.wait_call(forever()).unwrap();
                    thread::sleep(silence);
                }
                granted
            })
        }
    }

    impl Drop for Bus {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// Asked for by a thread that isn't real-time already.
    fn asked(bus: &Bus, patience: Duration) -> (Result<u8, String>, i32, u64) {
        let bus = bus.address();
        let thread = thread::spawn(move || {
            let result = promote_by(bus, 45, patience);
            // SAFETY: no pointers; 0 is the calling thread.
            let policy = unsafe { libc::sched_getscheduler(0) } & !libc::SCHED_RESET_ON_FORK;
            // SAFETY: no arguments.
            (result, policy, unsafe { libc::gettid() } as u64)
        });
        thread.join().unwrap()
    }

    #[test]
    fn the_portal_is_asked_for_what_it_grants() {
        let Some(bus) = Bus::start() else { return };
        for (most, wanted) in [(20, 20), (99, 45)] {
            let portal = bus.portal(most, 3, Duration::ZERO);
            let (result, policy, thread) = asked(&bus, PATIENCE * 10);
            let process = u64::from(std::process::id());
            let [(asked, may)] = portal.join().unwrap()[..] else {
                panic!("one request");
            };
            assert_eq!(asked, (process, thread, wanted));
            assert_eq!(result, Ok(wanted as u8));
            assert_eq!(policy == libc::SCHED_RR, may);
        }
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the structure outlives the call.
        unsafe { libc::getrlimit(libc::RLIMIT_RTTIME, &mut limit) };
        assert_eq!(
            (limit.rlim_cur, limit.rlim_max),
            (MICROS as u64, MICROS as u64)
        );
    }

    #[test]
    fn nobody_to_ask_a_refusal_and_silence_are_told_from_another() {
        let Some(bus) = Bus::start() else { return };
        let (result, ..) = asked(&bus, PATIENCE * 10);
        let why = result.unwrap_err();
        assert!(why.contains("org.freedesktop.DBus.Error"), "{why}");
        let portal = bus.portal(0, 2, Duration::ZERO);
        assert_eq!(
            asked(&bus, PATIENCE * 10).0,
            Err("the portal grants none".into())
        );
        portal.join().unwrap();
        let portal = bus.portal(20, 1, Duration::from_secs(6));
        let (result, ..) = asked(&bus, Duration::from_secs(3));
        assert!(result.is_err(), "{result:?}");
        portal.join().unwrap();
    }
}
