//! The user's groups: who may use the cards and real-time priorities.

use super::limits::Limits;
use super::{Finding, System};

const CHECK: &str = "groups";
/// Groups that distributions give the rights to.
const GROUPS: [&str; 3] = ["audio", "realtime", "pipewire"];

/// A group of `/etc/group`.
struct Group {
    name: String,
    id: String,
    members: Vec<String>,
}

fn groups(system: &System) -> Vec<Group> {
    let text = system.read("etc/group").unwrap_or_default();
    let group = |line: &str| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        let members = fields.next().unwrap_or_default().split(',');
        Some(Group {
            name: name.to_owned(),
            id: id.to_owned(),
            members: members.map(str::to_owned).collect(),
        })
    };
    let all = text.lines().filter_map(group);
    all.filter(|g| GROUPS.contains(&g.name.as_str())).collect()
}

fn user(system: &System, id: &str) -> Option<String> {
    let text = system.read("etc/passwd")?;
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    })
}

pub(super) fn judge(system: &System, limits: &Limits) -> Option<Finding> {
    let ids = system.own("Uid")?;
    let id = ids.split_whitespace().nth(1)?;
    if id == "0" {
        return Some(Finding::ok(CHECK, "this is root, who may use every card"));
    }
    let name = user(system, id).unwrap_or_else(|| format!("number {id}"));
    let mut has: Vec<String> = system
        .own("Groups")?
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    has.extend(system.own("Gid")?.split_whitespace().map(str::to_owned));
    let all = groups(system);
    let (of, others): (Vec<&Group>, Vec<&Group>) = all.iter().partition(|g| has.contains(&g.id));
    if let Some(late) = others.iter().find(|g| g.members.contains(&name)) {
        return Some(Finding::warning(
            CHECK,
            format!(
                "user {name} is in group {}, but not in this session yet",
                late.name
            ),
            "log out and in again",
        ));
    }
    let names: Vec<&str> = of.iter().map(|g| g.name.as_str()).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        return Some(Finding::ok(CHECK, format!("user {name} is in {names}")));
    }
    // A desktop's session may have given the rights otherwise.
    if limits.rtprio.is_some_and(|most| most > 0) {
        return Some(Finding::ok(
            CHECK,
            format!("user {name} has its rights without group audio"),
        ));
    }
    Some(Finding::warning(
        CHECK,
        format!("user {name} is not in group audio"),
        format!(
            "`sudo usermod -aG audio {name}`, then log out and in again; in a systemd unit: SupplementaryGroups=audio"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::system::tree;
    use super::*;

    fn of(uid: &str, groups: &str, members: &str, rtprio: u64) -> Finding {
        let status = format!(
            "Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t1000\t1000\t1000\t1000\nGroups:\t{groups}\n"
        );
        let group = format!("root:x:0:\naudio:x:29:{members}\nkim:x:1000:\n");
        let (_dir, system) = tree(&[
            ("proc/self/status", &status),
            ("etc/group", &group),
            (
                "etc/passwd",
                "root:x:0:0::/root:/bin/sh\nkim:x:1000:1000::/home/kim:/bin/sh\n",
            ),
        ]);
        let limits = Limits {
            rtprio: Some(rtprio),
            memlock: None,
        };
        judge(&system, &limits).unwrap()
    }

    #[test]
    fn members_root_and_the_privileged_are_fine() {
        assert_eq!(of("0", "0", "", 0).level, Level::Ok);
        let member = of("1000", "29 1000", "kim", 0);
        assert_eq!(
            (member.level, member.message.as_str()),
            (Level::Ok, "user kim is in audio")
        );
        assert_eq!(of("1000", "1000", "", 95).level, Level::Ok);
    }

    #[test]
    fn others_are_told_what_to_type() {
        let outsider = of("1000", "1000", "sam", 0);
        assert_eq!(outsider.level, Level::Warning);
        assert!(outsider.advice.unwrap().contains("usermod -aG audio kim"));
        let fresh = of("1000", "1000", "sam,kim", 0);
        assert!(fresh.advice.unwrap().contains("log out and in"));
    }
}
