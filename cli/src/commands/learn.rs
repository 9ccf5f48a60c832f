//! `backline learn`: waits for what is pressed next, and adds it to the mapping.

use super::Ending;
use super::play::surfaces::open_inputs;
use crate::args::Learn;
use crate::control::Verb;
use crate::control::surface::{
    Event, MidiEvent, MidiFrom, Source, learned, wait_for, write_learned,
};
use crate::exit::{Code, Failure};

pub(super) fn run(order: &Learn) -> Result<Ending, Failure> {
    for notice in &order.notices {
        eprintln!("backline: {notice}");
    }
    // What no input could do is said before anybody presses one.
    let any = Event::Midi(MidiEvent::Controller {
        channel: 1,
        controller: 1,
        value: 1,
    });
    let sound = |why: String| match why.split_once(": ") {
        // (The place is in a text of our own.)
        Some((place, what)) if place.bytes().all(|b| b.is_ascii_digit() || b == b':') => {
            Failure::usage(what)
        }
        _ => Failure::usage(why),
    };
    learned("", &any, &order.words).map_err(sound)?;
    let (verb, words) = order
        .words
        .split_first()
        .map_or(("", &[][..]), |(v, w)| (v, w));
    let follows = Verb::parse(verb, words).is_err();
    let mut sources = open_inputs(&order.name, &order.midi, &order.inputs)?;
    if order.midi == MidiFrom::Jack {
        sources.push(open_jack(order)?);
    }
    let wanted = match follows {
        true => "Move a controller",
        false => "Press something",
    };
    eprintln!("{wanted}; Ctrl-C ends without a change.");
    loop {
        let mut events = Vec::new();
        for source in &mut sources {
            if let Some(news) = source.news() {
                eprintln!("backline: {news}");
            }
            source.read(&mut |event, _| events.push(event));
        }
        for event in events {
            if follows && !matches!(event, Event::Midi(MidiEvent::Controller { .. })) {
                continue;
            }
            if write_learned(&order.map, &event, &order.words)? {
                eprintln!(
                    "{event}: {} ({})",
                    order.words.join(" "),
                    order.map.display()
                );
                return Ok(Ending::Code(Code::Done));
            }
        }
        wait_for(&sources, None, None);
    }
}

/// A JACK client that is there to learn.
#[cfg(feature = "jack")]
fn open_jack(order: &Learn) -> Result<Box<dyn Source>, Failure> {
    use crate::control::surface::JackInput;

    let options = backend_jack::JackOptions {
        client_name: order.name.clone(),
        server_name: order.server.clone(),
        connect: super::play::output::rules(&order.connect).0,
        ..backend_jack::JackOptions::default()
    };
    Ok(Box::new(JackInput::open(options)?))
}

#[cfg(not(feature = "jack"))]
fn open_jack(_: &Learn) -> Result<Box<dyn Source>, Failure> {
    let message = "this backline has no JACK built in";
    Err(Failure::new(Code::Unavailable, message))
}
