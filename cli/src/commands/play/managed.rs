//! Playing under a session manager: nothing before it says which session, and another one when it
//! says so. See `cli/docs/nsm.md`.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::{Duration, Instant};

use super::refusal::Refusal as Refused;
use super::session::{Input, Next, Outcome, Session};
use super::signals::Signal;
use super::{build, warn};
use crate::args::{Play, Run};
use crate::config::{Settings, Source, Status, Transport};
use crate::control::surface::MidiFrom;
use crate::exit::{Code, Failure};
use crate::nsm::{Contents, Link, Project, Refusal, Request, Restored, Ticket};
use crate::player::{Mixer, OnReturn, Player};
use crate::report::Reporter;
use crate::song::Overrides;
use crate::terminal::Keys;
use crate::units::Level;

/// How often is looked whether something is to be saved.
const LOOK: Duration = Duration::from_millis(250);
/// How long a save may wait for the player's answer.
const ANSWER: Duration = Duration::from_secs(8);

/// A session the manager asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Open {
    path: PathBuf,
    display: String,
    client_id: String,
}

/// The manager's side of a session that plays.
pub(super) struct Attached<'a> {
    link: &'a Link,
    project: Project,
    settings: Settings,
    mono: bool,
    /// The mixer as it was written.
    saved: Mixer,
    dirty: bool,
    asked: Option<Receiver<Mixer>>,
    looked: Instant,
}

/// How waiting for the manager ended.
enum Waited {
    Open(Open),
    Signal(i32),
}

/// Joins the manager at `url` and plays its sessions.
///
/// # Errors
/// There is no manager.
pub(super) fn run(
    play: &Play,
    link: &Link,
    born: Instant,
    reporter: &mut Reporter,
    inputs: &Receiver<Input>,
    sender: &Sender<Input>,
) -> Outcome {
    let mut keys = None;
    let mut next = None;
    let mut play = play.clone();
    // (Which was said.)
    play.settings.midi.value = MidiFrom::None;
    loop {
        let open = match next.take() {
            Some(open) => open,
            None => match wait(inputs, |_| None) {
                Waited::Open(open) => open,
                Waited::Signal(number) => return Outcome::before_any(number, reporter),
            },
        };
        let mut project = Project::new(open.path.clone());
        let begun = begin(&play, link, &open, project.clone(), born, reporter);
        // They make the first session that is new, and no other.
        play.run.inputs.clear();
        let (attached, player, plays) = match begun {
            Ok(Some(begun)) => begun,
            Ok(None) => {
                link.reply(Ticket::Open, "an empty session");
                let what = empty(&open);
                link.message(2, &what);
                warn(reporter, "empty-session", what);
                // Until somebody has put something there.
                let mut look = |to: Ticket| match project.contents() {
                    Ok(Contents::Nothing) => {
                        link.reply(to, "nothing to save: the session is empty");
                        link.message(2, &empty(&open));
                        None
                    }
                    Ok(Contents::Songs(_)) => {
                        link.reply(to, "found something to play");
                        Some(open.clone())
                    }
                    Err(failure) => {
                        link.refuse(to, Refusal::BadProject, &failure.message);
                        None
                    }
                };
                next = match wait(inputs, &mut look) {
                    Waited::Open(open) => Some(open),
                    Waited::Signal(number) => return Outcome::before_any(number, reporter),
                };
                continue;
            }
            Err(refused) => {
                let failure = refused.event();
                link.refuse(Ticket::Open, refusal(&refused), &failure.message);
                warn(reporter, "session", failure.message);
                continue;
            }
        };
        link.reply(Ticket::Open, "ready");
        link.dirty(false);
        if keys.is_none()
            && play.keys
            && matches!(play.settings.status.value, Status::Text | Status::Tui)
        {
            keys = Keys::open(sender.clone()).unwrap_or_default();
        }
        let session = Session::new(player, reporter, inputs, &mut keys).managed(attached, plays);
        let outcome = session.run();
        match outcome.next {
            Some(Next::Open(open)) => next = Some(open),
            _ => return outcome,
        }
    }
}

/// Waits for the manager's word. `look` is called at each save and may open something.
fn wait(inputs: &Receiver<Input>, mut look: impl FnMut(Ticket) -> Option<Open>) -> Waited {
    loop {
        match inputs.recv_timeout(Duration::from_secs(3600)) {
            Ok(Input::Manager(Request::Open {
                path,
                display,
                client_id,
            })) => {
                return Waited::Open(Open {
                    path,
                    display,
                    client_id,
                });
            }
            Ok(Input::Manager(Request::Save)) => {
                if let Some(open) = look(Ticket::Save) {
                    return Waited::Open(open);
                }
            }
            Ok(Input::Signal(Signal::End(number))) => return Waited::Signal(number),
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            // Cannot be: we hold a sender.
            Err(RecvTimeoutError::Disconnected) => return Waited::Signal(0),
        }
    }
}

/// What somebody should do with an empty session.
fn empty(open: &Open) -> String {
    format!(
        "the session {} is empty: put stems, or folders of stems, into {} and save it, or start backline in it with a song (backline play SONG)",
        open.display,
        open.path.display()
    )
}

/// Loads a session, or makes a new one from the inputs. `None`: there is nothing to play. Beside it
/// comes whether to play at once, which a new one does, and one that follows the transport.
fn begin<'a>(
    play: &Play,
    link: &'a Link,
    open: &Open,
    mut project: Project,
    born: Instant,
    reporter: &mut Reporter,
) -> Result<Option<(Attached<'a>, Player, bool)>, Refused> {
    let (play, restored) = match project.contents()? {
        Contents::Songs(restored) => (as_saved(play, &restored)?, Some(restored)),
        Contents::Nothing if play.run.inputs.is_empty() => return Ok(None),
        Contents::Nothing => (play.clone(), None),
    };
    if play.run.inputs.iter().any(|i| i.as_os_str() == "-") {
        return Err(Failure::usage("standard input can't be kept in a session").into());
    }
    let mut play = play;
    crate::config::check_client_name(&open.client_id).map_err(|expected| {
        let id = &open.client_id;
        Failure::usage(format!(
            "the session manager's name for us is `{id}`; expected {expected}"
        ))
    })?;
    play.settings.name.value = open.client_id.clone();
    // A follower's transport says when. In a session there may be nobody to tell it so once more after a loss of the server.
    let follows = play.settings.transport.value == Transport::Follow;
    let again = follows && matches!(play.settings.on_return.source, Source::Default);
    let player = build(&play, born, reporter, |builder| {
        let mut builder = builder.present(true).finish_at_end(false);
        if again {
            builder = builder.on_loss(super::on_loss(&play.settings), OnReturn::Resume);
        }
        match &restored {
            Some(r) => builder
                .first_song(r.song)
                .master(r.master)
                .strips(r.strips.clone()),
            None => builder,
        }
    })?;
    if let Some(range) = restored.as_ref().and_then(|r| r.looping.clone()) {
        player.set_loop(Some(range));
    }
    let saved = player.mixer().recv_timeout(ANSWER).map_err(|_| {
        let message = "the player does not answer".to_owned();
        Failure::new(Code::Software, message)
    })?;
    let mono = play.run.mono;
    if restored.is_none() {
        project.save(&saved, mono, &play.settings)?;
    }
    let plays = restored.is_none() || follows;
    let attached = Attached {
        link,
        project,
        settings: play.settings,
        mono,
        saved,
        dirty: false,
        asked: None,
        looked: Instant::now(),
    };
    Ok(Some((attached, player, plays)))
}

/// The order to play what a session holds: of the command line only its settings still count.
fn as_saved(play: &Play, restored: &Restored) -> Result<Play, Failure> {
    Ok(Play {
        run: Run {
            inputs: restored.inputs.clone(),
            sequence: false,
            overrides: Overrides::default(),
            master: Level::UNITY,
            mono: restored.mono,
            start: None,
            end: None,
        },
        passes: crate::args::Passes::Times(1),
        on_end: None,
        kiosk: false,
        settings: play.layers.with_session(&restored.settings)?,
        notices: Vec::new(),
        ..play.clone()
    })
}

/// In the protocol's words.
fn refusal(refused: &Refused) -> Refusal {
    match refused.failure.code {
        Code::NoInput => Refusal::NoSuchFile,
        Code::Data | Code::Usage | Code::Config => Refusal::BadProject,
        Code::Io => Refusal::CreateFailed,
        _ => Refusal::General,
    }
}

impl Attached<'_> {
    /// What the manager wants. `Some`: another session.
    pub fn obey(&mut self, request: Request, player: &Player) -> Option<Open> {
        match request {
            Request::Open {
                path,
                display,
                client_id,
            } => Some(Open {
                path,
                display,
                client_id,
            }),
            Request::Save => {
                self.save(player);
                None
            }
        }
    }

    fn save(&mut self, player: &Player) {
        let Ok(mixer) = player.mixer().recv_timeout(ANSWER) else {
            let message = "the player is busy; try again";
            self.link.refuse(Ticket::Save, Refusal::NotNow, message);
            return;
        };
        match self.project.save(&mixer, self.mono, &self.settings) {
            Ok(()) => {
                self.saved = mixer;
                self.asked = None;
                self.link.reply(Ticket::Save, "saved");
                self.tell_dirty(false);
            }
            Err(failure) => {
                let why = Refusal::CreateFailed;
                self.link.refuse(Ticket::Save, why, &failure.message);
            }
        }
    }

    /// Tells the manager when there is something to save, or no more. Never waits.
    pub fn tend(&mut self, player: &Player) {
        if let Some(answer) = self.asked.take() {
            match answer.try_recv() {
                Ok(mixer) => self.tell_dirty(!mixer.sounds_like(&self.saved)),
                Err(TryRecvError::Empty) => self.asked = Some(answer),
                Err(TryRecvError::Disconnected) => {}
            }
        } else if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            self.asked = Some(player.mixer());
        }
    }

    fn tell_dirty(&mut self, dirty: bool) {
        if std::mem::replace(&mut self.dirty, dirty) != dirty {
            self.link.dirty(dirty);
        }
    }

    /// A sentence for the user, who may look at the manager only.
    pub fn say(&self, priority: i32, message: &str) {
        self.link.message(priority, message);
    }
}
