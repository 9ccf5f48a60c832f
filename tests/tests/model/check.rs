//! A program is checked: engine against reference, one slicing against another.

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine_core::event::EventKind;

use crate::engine::{After, Outcome, Slicing};
use crate::program::Program;
use crate::transport::Reference;

/// Runs a program on one engine.
pub type Runner = fn(&Program, Slicing) -> Outcome;

/// What programs have led to: what isn't in there is not tested.
#[derive(Debug, Default)]
pub struct Seen {
    /// Samples that are not 0 and compared bit by bit.
    pub settled: u64,
    /// Samples that are not 0 and compared roughly.
    pub moving: u64,
    pub cuts: u64,
    pub dropped_cuts: u64,
    pub pauses: u64,
    pub ends: u64,
    pub starvations: u64,
    /// Steps after which a deck plays in step with an outside transport.
    pub in_step: u64,
}

impl Seen {
    fn add(&mut self, outcome: &Outcome) {
        let in_step = |a: &&After| a.outside.is_some_and(|o| o.in_step && o.at.rolling);
        self.in_step += outcome.after.iter().filter(in_step).count() as u64;
        for event in &outcome.events {
            match event.kind {
                EventKind::Cut { .. } => self.cuts += 1,
                EventKind::CutDropped { .. } => self.dropped_cuts += 1,
                EventKind::Paused { .. } => self.pauses += 1,
                EventKind::Ended { .. } => self.ends += 1,
                EventKind::Starved { .. } => self.starvations += 1,
                _ => {}
            }
        }
    }
}

/// What is wrong with a program, if anything is. `block` is the engine's, `seed` decides on the
/// slicing.
pub fn check(
    program: &Program,
    run: Runner,
    block: usize,
    seed: u64,
    seen: &mut Seen,
) -> Result<(), String> {
    let all = || {
        let most = [1, 5, 64, 300, 3000][seed as usize % 5];
        let whole = run(program, Slicing::Whole);
        against_reference(program, &whole, block, seen)?;
        seen.add(&whole);
        let sliced = run(program, Slicing::Random(seed, most));
        same(&whole, &sliced).map_err(|e| format!("in calls of up to {most} frames: {e}"))
    };
    catch_unwind(AssertUnwindSafe(all)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(text.unwrap_or_else(|| "a panic".into()))
    })
}

fn against_reference(
    program: &Program,
    outcome: &Outcome,
    block: usize,
    seen: &mut Seen,
) -> Result<(), String> {
    let mut reference = Reference::new(program, block);
    let mut from = 0;
    let mut told = 0;
    for (i, (step, after)) in program.steps.iter().zip(&outcome.after).enumerate() {
        let before = reference.starved;
        reference.stop_flag = None;
        reference.step(&step.actions, step.frames);
        for event in &reference.events[told..] {
            let heard = outcome.events.get(told);
            if heard != Some(event) {
                return Err(format!("step {i}: told {heard:?}, not {event:?}"));
            }
            told += 1;
        }
        let expected = After {
            position: reference.position(),
            outside: reference.followed(),
            starved: reference.starved,
            stop_flag: reference.stop_flag,
        };
        if expected != *after {
            return Err(format!(
                "step {i}: after it {after:?}, not {expected:?} (before it starved {before:?})"
            ));
        }
        for (frame, planes) in reference.heard.iter().enumerate() {
            for (plane, want) in planes.iter().enumerate() {
                let got = outcome.heard[plane][from + frame];
                let sounds = u64::from(got != 0.0);
                let fits = if want.moves {
                    seen.moving += sounds;
                    let bound = 1e-6 * want.weight.max(1.0);
                    want.overflows || (f64::from(got) - want.near).abs() <= bound
                } else {
                    seen.settled += sounds;
                    got.to_bits() == want.law.to_bits()
                };
                if !fits {
                    return Err(format!(
                        "step {i}, frame {frame} of it, {} in all, plane {plane}: {got:?}, not {want:?}",
                        from + frame
                    ));
                }
            }
        }
        from += step.frames;
        reference.heard.clear();
    }
    match outcome.events.get(told) {
        Some(event) => Err(format!("told {event:?} as well")),
        None => Ok(()),
    }
}

fn same(whole: &Outcome, sliced: &Outcome) -> Result<(), String> {
    for (plane, (a, b)) in whole.heard.iter().zip(&sliced.heard).enumerate() {
        if a.len() != b.len() {
            return Err(format!("{} frames, not {}", b.len(), a.len()));
        }
        for (frame, (a, b)) in a.iter().zip(b).enumerate() {
            if a.to_bits() != b.to_bits() {
                return Err(format!("frame {frame}, plane {plane}: {b:?}, not {a:?}"));
            }
        }
    }
    for (a, b) in whole.events.iter().zip(&sliced.events) {
        if a != b {
            return Err(format!("told {b:?}, not {a:?}"));
        }
    }
    if whole != sliced {
        return Err("it ends otherwise".into());
    }
    Ok(())
}

/// Leaves out of a program whatever isn't needed for a fault.
pub fn shrink(program: &Program, faulty: impl Fn(&Program) -> bool) -> Program {
    let mut least = program.clone();
    loop {
        let before = size(&least);
        // Later steps first: they are the most.
        for step in (0..least.steps.len()).rev() {
            let mut fewer = least.clone();
            fewer.steps.remove(step);
            if faulty(&fewer) {
                least = fewer;
                continue;
            }
            for action in (0..least.steps[step].actions.len()).rev() {
                let mut fewer = least.clone();
                fewer.steps[step].actions.remove(action);
                if faulty(&fewer) {
                    least = fewer;
                }
            }
            let frames = least.steps[step].frames;
            for shorter in [0, frames / 2, frames.saturating_sub(1)] {
                let mut fewer = least.clone();
                fewer.steps[step].frames = shorter;
                if shorter < least.steps[step].frames && faulty(&fewer) {
                    least = fewer;
                    break;
                }
            }
        }
        if size(&least) == before {
            return least;
        }
    }
}

fn size(program: &Program) -> (usize, usize, usize) {
    let actions = program.steps.iter().map(|s| s.actions.len()).sum();
    let frames = program.steps.iter().map(|s| s.frames).sum();
    (program.steps.len(), actions, frames)
}
