//! What this user may have: real-time priority and locked memory.

use super::{Finding, System};

const CHECK: &str = "limits";
/// What a session with many stems may take, MiB.
const MEMLOCK_MIB: u64 = 256;
const CAP_IPC_LOCK: u32 = 14;
const CAP_SYS_NICE: u32 = 23;
const RAISE: &str = "join the group that may (Debian: `sudo usermod -aG audio $USER`, then log in anew), and see to it that \
    /etc/security/limits.d has `@audio - rtprio 95` and `@audio - memlock unlimited`; in a systemd unit: LimitRTPRIO=95, LimitMEMLOCK=infinity";

/// The limits of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Highest real-time priority; `None` is unknown.
    pub rtprio: Option<u64>,
    /// Bytes that may be locked; `u64::MAX` is no limit, `None` unknown.
    pub memlock: Option<u64>,
}

impl Limits {
    pub fn of(system: &System) -> Self {
        let text = system.read("proc/self/limits").unwrap_or_default();
        let soft = |name: &str| {
            let line = text.lines().find_map(|l| l.strip_prefix(name))?;
            match line.split_whitespace().next()? {
                "unlimited" => Some(u64::MAX),
                number => number.parse().ok(),
            }
        };
        Self {
            rtprio: match system.can(CAP_SYS_NICE) {
                true => Some(99),
                false => soft("Max realtime priority"),
            },
            memlock: match system.can(CAP_IPC_LOCK) {
                true => Some(u64::MAX),
                false => soft("Max locked memory"),
            },
        }
    }
}

/// `priority` is what the settings ask for.
pub(super) fn judge(limits: &Limits, priority: u32) -> Vec<Finding> {
    let mut findings = Vec::new();
    match limits.rtprio {
        None => {}
        Some(0) => findings.push(Finding::warning(
            CHECK,
            "this user may have no real-time priority, so anything else may interrupt the sound",
            RAISE,
        )),
        Some(most) if most < u64::from(priority) => findings.push(Finding::warning(
            CHECK,
            format!("real-time priority is allowed up to {most}, and {priority} is set"),
            format!("set a lower one (--rt-priority {most}), or {RAISE}"),
        )),
        Some(most) => findings.push(Finding::ok(
            CHECK,
            format!("real-time priority is allowed up to {most}"),
        )),
    }
    match limits.memlock {
        None => {}
        Some(u64::MAX) => findings.push(Finding::ok(CHECK, "memory can be locked without limit")),
        Some(bytes) if bytes >> 20 < MEMLOCK_MIB => findings.push(Finding::warning(
            CHECK,
            format!(
                "{} MiB of memory may be locked: of a session that needs more, nothing is, and a page fault may interrupt the sound",
                bytes >> 20
            ),
            RAISE,
        )),
        Some(bytes) => findings.push(Finding::ok(
            CHECK,
            format!("{} MiB of memory can be locked", bytes >> 20),
        )),
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::system::tree;
    use super::*;

    const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units
Max locked memory         8388608              8388608              bytes
Max realtime priority     0                    0                    \n";

    #[test]
    fn plain_users_limits_are_read() {
        let status = "CapEff:\t0000000000000000\n";
        let (_dir, system) = tree(&[("proc/self/limits", LIMITS), ("proc/self/status", status)]);
        let limits = Limits::of(&system);
        assert_eq!((limits.rtprio, limits.memlock), (Some(0), Some(8 << 20)));
        let all = judge(&limits, 60);
        assert!(all.iter().all(|f| f.level == Level::Warning), "{all:?}");
        assert!(all[1].message.starts_with("8 MiB"));
    }

    #[test]
    fn capabilities_go_before_limits() {
        let status = "Name:\tx\nCapEff:\t0000000000804000\n";
        let (_dir, system) = tree(&[("proc/self/limits", LIMITS), ("proc/self/status", status)]);
        let limits = Limits::of(&system);
        assert_eq!((limits.rtprio, limits.memlock), (Some(99), Some(u64::MAX)));
        assert!(judge(&limits, 98).iter().all(|f| f.level == Level::Ok));
    }

    #[test]
    fn a_priority_beyond_the_limit_is_told_with_both() {
        let limits = Limits {
            rtprio: Some(20),
            memlock: None,
        };
        let all = judge(&limits, 60);
        assert_eq!(all.len(), 1);
        assert_eq!(
            all[0].message,
            "real-time priority is allowed up to 20, and 60 is set"
        );
        assert!(
            judge(
                &Limits {
                    rtprio: None,
                    memlock: None
                },
                60
            )
            .is_empty()
        );
    }
}
