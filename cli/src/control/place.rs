//! Where the socket is: made, found, and never left behind.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::exit::{Code, Failure};

/// Where a session with a service manager has its socket, besides the user's folder.
const SERVICES: &str = "/run/backline";

/// Where a session listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `NAME.sock` in the runtime folder; nowhere, if there is none.
    Usual,
    /// Nowhere.
    Nowhere,
    /// There.
    At(PathBuf),
}

impl Place {
    /// What `--control` says.
    pub fn named(text: &str) -> Self {
        match text {
            "none" => Self::Nowhere,
            path => Self::At(path.into()),
        }
    }

    /// The socket's path for a session of that name; a folder of the user's that is to hold it is made.
    ///
    /// # Errors
    /// Code 74: the folder can't be made.
    pub fn path(
        &self,
        name: &str,
        env: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Option<PathBuf>, Failure> {
        let folder = match self {
            Self::Nowhere => return Ok(None),
            Self::At(path) => return Ok(Some(path.clone())),
            Self::Usual => match service_folder(env) {
                Some(folder) => folder,
                None => match user_folder(env) {
                    Some(folder) => {
                        let made = DirBuilder::new()
                            .recursive(true)
                            .mode(0o700)
                            .create(&folder);
                        made.map_err(|e| {
                            let folder = folder.display();
                            let message =
                                format!("{folder}: can't be made for the control socket: {e}");
                            Failure::new(Code::Io, message).hint("--control none plays without one")
                        })?;
                        folder
                    }
                    None => return Ok(None),
                },
            },
        };
        Ok(Some(folder.join(format!("{name}.sock"))))
    }
}

fn absolute(name: &str, env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = PathBuf::from(env(name)?);
    path.is_absolute().then_some(path)
}

/// systemd's, which may name several.
fn service_folder(env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let all = env("RUNTIME_DIRECTORY")?;
    let first = std::env::split_paths(&all).next()?;
    (first.is_absolute() && first.is_dir()).then_some(first)
}

fn user_folder(env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = absolute("XDG_RUNTIME_DIR", env)?;
    folder.is_dir().then(|| folder.join("backline"))
}

/// Who may connect: the user, and the members of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The group, by name or number.
    pub group: Option<String>,
}

impl Access {
    fn gid(&self) -> Result<Option<u32>, Failure> {
        let Some(group) = &self.group else {
            return Ok(None);
        };
        if let Ok(number) = group.parse() {
            return Ok(Some(number));
        }
        let all = fs::read_to_string("/etc/group").unwrap_or_default();
        let known = all.lines().find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next() == Some(group);
            found.then(|| fields.nth(1)?.parse().ok()).flatten()
        });
        match known {
            Some(gid) => Ok(Some(gid)),
            None => Err(Failure::usage(format!(
                "--control-group: there is no group `{group}` in /etc/group"
            ))),
        }
    }
}

/// A socket that is listened on. Its file goes with it.
#[derive(Debug)]
pub struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Makes the socket. One that a session left behind is replaced.
    ///
    /// # Errors
    /// Code 69: a session listens there already, or the place is taken by something else. Code 64: there is no
    /// such group. Code 74: it can't be made.
    pub fn open(path: &Path, access: &Access) -> Result<Self, Failure> {
        let gid = access.gid()?;
        let failed = |e: io::Error| {
            let message = format!("{}: the control socket can't be made: {e}", path.display());
            Failure::new(Code::Io, message).hint("--control none plays without one")
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // Of two that find a socket left behind only one may replace it.
        let lock = File::open(folder).map_err(failed)?;
        lock.lock().map_err(failed)?;
        clear(path)?;
        // Nobody else may connect before it is known who may: it is made where nobody else can go.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let nest = folder.join(format!(".{name}.{}", std::process::id()));
        DirBuilder::new()
            .mode(0o700)
            .create(&nest)
            .map_err(failed)?;
        let made = bind(&nest.join("s"), path, gid);
        let _ = fs::remove_dir_all(&nest);
        Ok(Self {
            listener: made.map_err(failed)?,
            path: path.to_owned(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn bind(at: &Path, path: &Path, gid: Option<u32>) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(at)?;
    listener.set_nonblocking(true)?;
    if gid.is_some() {
        std::os::unix::fs::chown(at, None, gid)?;
    }
    let mode = if gid.is_some() { 0o660 } else { 0o600 };
    fs::set_permissions(at, Permissions::from_mode(mode))?;
    fs::rename(at, path)?;
    Ok(listener)
}

/// Removes what a session left behind.
fn clear(path: &Path) -> Result<(), Failure> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let shown = path.display();
    if !found.file_type().is_socket() {
        let message =
            format!("{shown} is there and is no socket: the control socket needs another place");
        return Err(Failure::new(Code::Unavailable, message));
    }
    match UnixStream::connect(path) {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
            let _ = fs::remove_file(path);
            Ok(())
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Failure::new(
            Code::Unavailable,
            format!("{shown}: can't find out whether a session listens there: {e}"),
        )),
        Ok(_) => Err(Failure::new(
            Code::Unavailable,
            format!("a session listens on {shown} already"),
        )
        .hint("give this one another name with --name, or play with --control none")),
    }
}

/// The folders in which sessions' sockets are looked for.
pub fn folders(env: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let service = SERVICES.into();
    user_folder(env).into_iter().chain([service]).collect()
}

/// The socket of the session of that name; without a name, of the only one there is.
///
/// # Errors
/// Code 69: none runs. Code 64: several do.
pub fn find(name: Option<&str>, folders: &[PathBuf]) -> Result<PathBuf, Failure> {
    if let Some(name) = name {
        let file = format!("{name}.sock");
        let paths = folders.iter().map(|folder| folder.join(&file));
        return paths.into_iter().find(|path| path.exists()).ok_or_else(|| {
            Failure::new(Code::Unavailable, format!("no session `{name}` runs here"))
        });
    }
    let mut live = sessions(folders);
    match live.len() {
        0 => Err(Failure::new(
            Code::Unavailable,
            "no session runs here that can be controlled",
        )),
        1 => Ok(live.swap_remove(0).1),
        _ => {
            let names: Vec<&str> = live.iter().map(|(name, _)| name.as_str()).collect();
            let message = format!("several sessions run here: {}", names.join(", "));
            Err(Failure::usage(message).hint("choose one with --name"))
        }
    }
}

/// The sessions that run, by name, and their sockets.
pub fn sessions(folders: &[PathBuf]) -> Vec<(String, PathBuf)> {
    let mut live: Vec<(String, PathBuf)> = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(name) = name.strip_suffix(".sock") else {
                continue;
            };
            // A session that is hidden by one of the user's folder is reached by --control alone.
            let hidden = live.iter().any(|(n, _)| n == name);
            if !name.starts_with('.') && !hidden && UnixStream::connect(&path).is_ok() {
                live.push((name.to_owned(), path));
            }
        }
    }
    live.sort();
    live
}
