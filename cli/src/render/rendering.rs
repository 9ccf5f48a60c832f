//! A rendering in progress: the engine, the deck it plays, and what feeds it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use engine_core::backend::Process;
use engine_core::command::Command;
use engine_core::cut::{At, Cut};
use engine_core::deck::RESERVE;
use engine_core::engine::EngineConfig;
use engine_core::fade::Curve;
use engine_core::host::{self, HostEngine, HostHandle};
use engine_core::status::Counters;
use engine_core::ticket::TicketDrum;

use super::stems::Stems;
use super::{MAX_CHUNK, Options, PATIENCE, RenderError, StemFile};
use crate::feeder::{FeedHandle, Feeder, FeederEvent, FeederOptions};
use crate::plan::{Loop, Plan};
use crate::player::kit::{Kit, RingSize};
use crate::player::layout::{Layout, Wiring};
use crate::player::loaded::{LoadOptions, Loaded, load_all};
use crate::player::{HostClock, OnDamage, PlayerError, refuse_other_rates};
use crate::report::Warning;
use crate::song::{OnEnd, Setlist};

/// Rings as short as the caches like them; three chunks in any case.
const RING_MS: u32 = 100;
/// Part of a ring that is refilled at once.
const REFILL: usize = 4;
/// How long a pull waits for stems before it lets the caller look around.
const LOOK: Duration = Duration::from_millis(100);

/// What a pull gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// So many frames, at least 1, at the beginning of every plane.
    Frames(usize),
    /// Nothing yet: the stems are slow. Pull again.
    Waiting,
    /// Everything has been given.
    End,
}

/// How far a rendering is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Title of the song.
    pub song: String,
    /// The song's next frame.
    pub song_frame: u64,
    /// Its length, frames.
    pub song_length: u64,
    /// Frames given so far, repeats included.
    pub done: u64,
    /// Frames of the whole rendering.
    pub total: u64,
}

/// The deck being rendered.
struct Now {
    song: usize,
    plan: Plan,
    /// Frames of the deck, and those of them that were given.
    len: u64,
    given: u64,
    /// How many of its last frames sound together with the next song's first.
    together: u64,
    feed: FeedHandle,
}

/// Songs being rendered. [`pull`](Self::pull) it until the end.
pub struct Rendering {
    // Before the feeder, so that it finds nothing left to do.
    now: Option<Now>,
    /// The deck that fades out meanwhile.
    leaving: Option<FeedHandle>,
    engine: Box<HostEngine<HostClock>>,
    handle: HostHandle<HostClock>,
    songs: Vec<Loaded>,
    plans: Vec<Plan>,
    directs: Vec<Vec<[u16; 2]>>,
    layout: Layout,
    stems: Stems,
    load: LoadOptions,
    size: RingSize,
    on_damage: OnDamage,
    /// Decks begun, and all there will be.
    begun: u64,
    decks: u64,
    tickets: TicketDrum,
    chunk: usize,
    /// Mix first, then stems.
    planes: Vec<Vec<f32>>,
    width: usize,
    done: u64,
    total: u64,
    warnings: Vec<Warning>,
    damaged: u32,
    /// The emptiest ring's frames, and since when it is so while it is waited for.
    stalled: Option<(u64, Instant)>,
    events: Receiver<FeederEvent>,
    feeder: Feeder,
}

impl Rendering {
    /// Opens every stem once, and works out what there is to do. `options.mix` or `options.stems`
    /// must be set.
    ///
    /// # Errors
    /// A stem that can't be opened; songs and options that don't go together.
    pub fn open(setlist: Setlist, options: Options) -> Result<Self, RenderError> {
        if !options.mix && !options.stems {
            return Err(RenderError::Usage(
                "neither the mix nor the stems are wanted".into(),
            ));
        }
        if setlist.songs.iter().any(|song| song.idle) {
            return Err(RenderError::Usage(
                "the setlist has an idle song, and goes on until it is stopped; render its songs instead".into(),
            ));
        }
        let load = LoadOptions {
            skip_broken: false,
            open: options.open.clone(),
            mono: options.mono,
            strict_rate: options.strict_rate,
            overrides: options.overrides.clone(),
            max_gain_db: options.max_gain_db,
            lock_memory: false,
        };
        let mut tickets = TicketDrum::new();
        let (songs, _) = load_all(setlist, &mut tickets, &load)?;
        let Some(rate) = options
            .rate
            .or_else(|| songs.first().and_then(Loaded::usual_rate))
        else {
            return Err(RenderError::Usage("there is no song to render".into()));
        };
        if options.strict_rate {
            refuse_other_rates(&songs, rate)?;
        }
        let wiring = if options.mix {
            Wiring::Channels
        } else {
            Wiring::TrackPorts
        };
        let layout = Layout::new(&songs, wiring, options.only_bus.as_deref())?;
        let stems = if options.stems {
            Stems::of(&songs, options.only_bus.as_deref())
        } else {
            Stems::default()
        };
        let directs = songs
            .iter()
            .map(|song| stems.directs(song, layout.direct_from))
            .collect::<Result<Vec<_>, _>>()?;
        for song in &songs {
            song.set_levels(&layout);
        }
        let list = songs.len() > 1;
        let passes = options.repeat.max(1);
        let plans = plans(&songs, &options, rate, if list { 1 } else { passes })?;
        let list_passes = if list { u64::from(passes) } else { 1 };
        let once = plans
            .iter()
            .fold(0u64, |n, p| n.saturating_add(p.deck_len().unwrap_or(0)));
        let decks = list_passes * songs.len() as u64;
        let twice: u64 = (0..decks.saturating_sub(1))
            .map(|deck| together(&songs, &plans, deck, rate))
            .sum();
        let chunk = options.chunk.clamp(1, MAX_CHUNK);
        let width = if options.mix { layout.outs.len() } else { 0 };
        let config = EngineConfig {
            rate,
            ramp: 0,
            direct_from: layout.direct_from,
        };
        let (engine, handle) = host::engine(config, layout.engine(), HostClock::new());
        handle.board().set_master(options.master);
        let (events_in, events) = mpsc::channel();
        let ring = Duration::from_millis(u64::from(RING_MS));
        let feeder = FeederOptions {
            ring,
            // The mixer is close behind: without this, workers would look all rings over for a block
            // at a time.
            refill: REFILL,
            ..FeederOptions::default()
        };
        let feeder = Feeder::new(feeder, events_in).map_err(PlayerError::from)?;
        Ok(Self {
            now: None,
            leaving: None,
            engine,
            handle,
            warnings: notices(&songs, &layout, options.mix),
            decks,
            plans,
            directs,
            load,
            size: RingSize::new(rate, RING_MS, chunk as u32),
            on_damage: options.on_damage,
            begun: 0,
            tickets,
            chunk,
            planes: vec![vec![0.0; chunk]; width + stems.planes],
            width,
            done: 0,
            total: once.saturating_mul(list_passes).saturating_sub(twice),
            damaged: 0,
            stalled: None,
            songs,
            layout,
            stems,
            events,
            feeder,
        })
    }

    /// Output rate, Hz.
    pub fn rate(&self) -> u32 {
        self.size.rate
    }

    /// Channels of the mix; 0 when it isn't wanted.
    pub fn channels(&self) -> usize {
        self.width
    }

    /// The stems' files, as far as wanted.
    pub fn stem_files(&self) -> &[StemFile] {
        &self.stems.files
    }

    /// The audio files of all songs.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &Path> {
        let files = self.songs.iter().flat_map(|song| song.song.files());
        files.map(PathBuf::as_path)
    }

    /// Frames of the whole rendering.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Frames given so far.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Stems found damaged so far.
    pub fn damaged(&self) -> u32 {
        self.damaged
    }

    /// What the engine has counted.
    pub fn counters(&self) -> Counters {
        self.handle.board().counters()
    }

    /// What the user should know and wasn't told yet.
    pub fn take_warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.warnings)
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let song = self.now.as_ref().map_or(0, |n| n.song);
        let (title, song_length) = self.songs.get(song).map_or((String::new(), 0), |s| {
            (s.song.title.clone(), s.length(self.size.rate))
        });
        Progress {
            song: title,
            song_frame: self.now.as_ref().map_or(0, |n| n.plan.song_frame(n.given)),
            song_length,
            done: self.done,
            total: self.total,
        }
    }

    /// The planes of the mix; what the last pull gave is at their beginning.
    pub fn mix(&self) -> &[Vec<f32>] {
        self.planes.get(..self.width).unwrap_or_default()
    }

    /// The planes of a stem's file, likewise.
    pub fn stem(&self, file: &StemFile) -> &[Vec<f32>] {
        let from = self.width + file.first;
        self.planes
            .get(from..from + file.channels)
            .unwrap_or_default()
    }

    /// Renders the next frames. Waits for the stems at most a tenth of a second.
    ///
    /// # Errors
    /// The rendering can't be completed: damage that is to be an error, a file that can't be
    /// opened again or that gives nothing any more.
    pub fn pull(&mut self) -> Result<Pulled, RenderError> {
        loop {
            match &self.now {
                Some(now) if now.given < now.len - now.together => break,
                _ => {
                    if !self.next_deck()? {
                        return Ok(Pulled::End);
                    }
                }
            }
        }
        let Some(now) = &mut self.now else {
            return Ok(Pulled::End);
        };
        let frames = (now.len - now.together - now.given).min(self.chunk as u64) as usize;
        let begun = now.given > 0;
        let need = frames as u64 + u64::from(RESERVE);
        let need = if begun {
            need
        } else {
            need.max(self.size.prime().into())
        };
        while !self.engine.ready(frames) {
            self.feeder.kick();
            let feeds = [Some(&now.feed), self.leaving.as_ref()];
            let late = |f: &&FeedHandle| !f.wait_primed(need, Instant::now() + LOOK);
            let late = feeds.into_iter().flatten().find(late);
            if let Some(fill) = late.map(FeedHandle::fill_frames) {
                let since = match self.stalled {
                    Some((same, since)) if same == fill => since,
                    _ => Instant::now(),
                };
                self.stalled = Some((fill, since));
                if since.elapsed() > PATIENCE {
                    return Err(self.hangs());
                }
                self.hear()?;
                return Ok(Pulled::Waiting);
            }
        }
        self.stalled = None;
        now.given += frames as u64;
        self.done += frames as u64;
        // Whatever these frames have to do with is told before they are.
        self.hear()?;
        let mut planes: Vec<&mut [f32]> = self
            .planes
            .iter_mut()
            .map(|plane| plane.as_mut_slice())
            .collect();
        self.engine.process(&mut planes, frames);
        self.feeder.kick();
        while self.handle.take_event().is_some() {}
        Ok(Pulled::Frames(frames))
    }

    /// Goes on to the next deck that has any frames.
    fn next_deck(&mut self) -> Result<bool, RenderError> {
        // Its files are closed before the next ones are opened, unless both sound together.
        let together = self.now.as_ref().map_or(0, |now| now.together);
        self.leaving = self.now.take().filter(|n| n.together > 0).map(|n| n.feed);
        while self.begun < self.decks {
            let song = (self.begun % self.songs.len().max(1) as u64) as usize;
            self.begun += 1;
            let (Some(loaded), Some(&plan)) = (self.songs.get(song), self.plans.get(song)) else {
                continue;
            };
            let Some(len) = plan.deck_len().filter(|len| *len > 0) else {
                continue;
            };
            let directs = self.directs.get(song).map_or(&[][..], Vec::as_slice);
            let kit = Kit::open(
                loaded,
                &self.layout,
                directs,
                &self.load,
                self.size,
                self.tickets.draw(),
                plan,
                false,
            )?;
            let feed = self.feeder.feed(kit.supply);
            let cut = Command::Cut(Cut {
                deck: kit.deck,
                at: At::Now,
                fade: u32::try_from(together).unwrap_or(0),
                curve: Curve::EqualPower,
            });
            // There is room: an engine that is called after each pair of them.
            let _ = self.handle.send(cut);
            let _ = self.handle.send(Command::Play { fade: 0 });
            // Obeyed without a frame; the deck before comes back.
            self.engine.process(&mut [], 0);
            while self.handle.take_deck().is_some() {}
            self.now = Some(Now {
                song,
                plan,
                len,
                given: 0,
                together: self.together(self.begun - 1),
                feed,
            });
            return Ok(true);
        }
        Ok(false)
    }

    /// Frames that deck number `deck` of all, from 0, sounds together with the one after it.
    fn together(&self, deck: u64) -> u64 {
        match deck + 1 < self.decks {
            true => together(&self.songs, &self.plans, deck, self.size.rate),
            false => 0,
        }
    }

    /// What the feeder has to tell.
    fn hear(&mut self) -> Result<(), RenderError> {
        while let Ok(event) = self.events.try_recv() {
            match event {
                FeederEvent::Damaged { name, what, .. } => {
                    self.damaged += 1;
                    if self.on_damage == OnDamage::Stop {
                        return Err(RenderError::Damaged(what));
                    }
                    self.warnings.push(Warning {
                        code: "damaged".into(),
                        message: format!("{what}; it is silent from there on"),
                        track: Some(name),
                    });
                }
                FeederEvent::NonFinite {
                    name, frame, count, ..
                } => self.warnings.push(Warning {
                    code: "not-finite".into(),
                    message: format!(
                        "track `{name}` has samples that are no numbers, first near frame {frame} ({count} there); they are rendered as silence"
                    ),
                    track: Some(name),
                }),
            }
        }
        Ok(())
    }

    fn hangs(&mut self) -> RenderError {
        let names =
            self.now
                .take()
                .map_or_else(String::new, |now| match now.feed.retire(Duration::ZERO) {
                    Err(still) => still.names().join(", "),
                    Ok(_) => String::new(),
                });
        let names = if names.is_empty() {
            "the stems".to_owned()
        } else {
            names
        };
        RenderError::Hangs { names }
    }
}

/// Frames that deck number `deck`, from 0, sounds together with the one after it.
fn together(songs: &[Loaded], plans: &[Plan], deck: u64, rate: u32) -> u64 {
    let n = songs.len().max(1) as u64;
    let (this, next) = ((deck % n) as usize, ((deck + 1) % n) as usize);
    let (Some(song), Some(after)) = (songs.get(this), songs.get(next)) else {
        return 0;
    };
    let len = |i: usize| plans.get(i).and_then(Plan::deck_len).unwrap_or(0);
    match song.song.on_end {
        OnEnd::Next => song
            .together(after, rate)
            .min(len(this) / 2)
            .min(len(next) / 2),
        _ => 0,
    }
}

/// What of each song is rendered, once through the list. A song that is alone is repeated.
fn plans(
    songs: &[Loaded],
    options: &Options,
    rate: u32,
    passes: u32,
) -> Result<Vec<Plan>, RenderError> {
    let last = songs.len().saturating_sub(1);
    let mut plans = Vec::new();
    for (i, song) in songs.iter().enumerate() {
        let start = options.start.as_ref().filter(|_| i == 0);
        let end = options.end.as_ref().filter(|_| i == last);
        let part = song.part(start, end, rate)?;
        let silence = match song.song.on_end {
            OnEnd::Next if i < last && part.end >= song.length(rate) => {
                song.song.handover.silence(rate)
            }
            _ => 0,
        };
        let mut plan = Plan::new(part.start, part.end.saturating_add(silence));
        if passes > 1 {
            plan.repeat = Some(Loop {
                a: plan.start,
                b: plan.end,
                passes: Some(passes - 1),
            });
        }
        plans.push(plan);
    }
    Ok(plans)
}

/// What the user should know before it starts.
fn notices(songs: &[Loaded], layout: &Layout, mix: bool) -> Vec<Warning> {
    let warning = |code: &str, message: String, track: Option<&String>| Warning {
        code: code.to_owned().into(),
        message,
        track: track.cloned(),
    };
    let mut notices = Vec::new();
    if mix {
        for (code, message) in &layout.notices {
            notices.push(warning(code, message.clone(), None));
        }
    }
    for song in songs {
        if song.song.on_end == OnEnd::Loop {
            let title = &song.song.title;
            notices.push(warning(
                "no-loop",
                format!("`{title}` would loop without end; it is rendered once (see --repeat)"),
                None,
            ));
        }
        for (track, spec) in song.song.tracks.iter().zip(&song.specs) {
            if let Some(notice) = &spec.notice {
                notices.push(warning("start-unknown", notice.clone(), Some(&track.name)));
            }
        }
    }
    notices
}
