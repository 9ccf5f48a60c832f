//! Writing back what was changed while it plays. The disk is waited for by a thread of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::super::wish::Wish;
use super::Controller;
use super::orders::engine_level;
use crate::control::{Answer, Answerer, ErrorCode, Keep, Refusal, Verb};
use crate::save::{self, Written};

/// How long the end of a session waits for a disk.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is being written.
#[derive(Default)]
pub(in super::super) struct Saves {
    thread: Option<JoinHandle<()>>,
}

impl Saves {
    fn is_busy(&self) -> bool {
        self.thread.as_ref().is_some_and(|t| !t.is_finished())
    }

    /// Until it is written, or the disk takes too long: then the old file stays.
    fn wait(&self) {
        let limit = Instant::now() + PATIENCE;
        while self.is_busy() && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Controller {
    /// Sets about an order that writes a file; any other comes back.
    pub(super) fn order_to_write(&mut self, verb: &Verb, answerer: Answerer) -> Option<Answerer> {
        let work: Box<dyn FnOnce() -> Result<Written, Refusal> + Send> = match verb {
            Verb::Save(to) => {
                let mixer = self.song_mixer(&self.songs[self.song]);
                let (to, ceiling) = (to.clone(), self.decks.options.max_gain_db);
                let song = self.songs[self.song].ticket;
                Box::new(move || {
                    let file = match to {
                        None => save::write_back(&mixer, ceiling),
                        Some(to) => save::write_new(&mixer, &to, ceiling),
                    };
                    file.map(|file| Written::Song(song, file))
                })
            }
            Verb::Monitor(level, Keep::Saved) => {
                let Some(path) = self.told.configuration.clone() else {
                    let message = "monitor: this session has no configuration file to save it in; make one, which may be empty, and start with --config FILE";
                    answerer.refuse(Refusal::new(ErrorCode::NoFile, message));
                    return None;
                };
                let level = *level;
                Box::new(move || {
                    save::write_monitor_level(&path, level)?;
                    Ok(Written::Monitor(level, path))
                })
            }
            _ => return Some(answerer),
        };
        self.write(work, answerer);
        None
    }

    fn write(
        &mut self,
        work: impl FnOnce() -> Result<Written, Refusal> + Send + 'static,
        mut answerer: Answerer,
    ) {
        if self.saves.is_busy() {
            let message = "something is being saved at the moment; try again";
            answerer.refuse(Refusal::new(ErrorCode::Busy, message));
            return;
        }
        answerer.accept();
        let own = self.decks.own();
        let named = std::thread::Builder::new().name("backline-save".into());
        // Without a thread the answerer is gone, which is an answer as well.
        self.saves.thread = named
            .spawn(move || own.send(Wish::Written(work(), answerer)))
            .ok();
    }

    /// At the end of a session: what is being written is waited for, and answered.
    pub(super) fn end_saves(&mut self) {
        self.saves.wait();
        while let Some(wish) = self.wishes.next() {
            // Whoever asks for anything else now comes too late, and hears that.
            if let Wish::Written(written, answerer) = wish {
                self.written(written, answerer);
            }
        }
    }

    /// Something was written, or couldn't be.
    pub(super) fn written(&mut self, written: Result<Written, Refusal>, answerer: Answerer) {
        let file = match written {
            Err(refusal) => return answerer.refuse(refusal),
            Ok(Written::Monitor(level, path)) => {
                self.set_monitor(engine_level(level));
                path
            }
            Ok(Written::Song(ticket, file)) => {
                for song in &mut self.songs {
                    let source = song.song.source.as_ref();
                    // A folder's first file is the song's own from now on. A copy is nobody's.
                    let own = song.ticket == ticket && source.is_none();
                    if own || source.is_some_and(|s| s.path == file.path) {
                        Arc::make_mut(&mut song.song).source = Some(file.clone());
                    }
                }
                file.path
            }
        };
        answerer.last(Answer::Saved {
            frame: self.here(),
            file: whole(&file),
        });
    }
}

fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
