//! Mixes two stems to 16-bit samples on standard output:
//! cargo run -p engine-core --features alloc --example two_stems | aplay -f S16_LE -r 48000 -c 2
use engine_core::bus::BusLayout;
use engine_core::convert::{Converter, Dither, SampleFormat};
use engine_core::cut::{At, Cut};
use engine_core::deck::{Deck, DeckSpec};
use engine_core::engine::EngineConfig;
use engine_core::host::{self, BLOCK, HostControls};
use engine_core::{backend::Process, clock::NoClock, command::Command, fade::Curve};
use engine_core::{controls::TrackSetting, ring::Ring, strip::StripSpec, ticket::Ticket};
use std::{io::Write, sync::Arc};

#[rustfmt::skip] // Laid out by hand, to be read on one screen.
fn main() -> std::io::Result<()> {
    // An engine with one stereo bus, on output planes 0 and 1. Changed controls glide for 10 ms.
    let mut layout = BusLayout::new();
    layout.add(&[0, 1]).expect("an empty layout has room");
    let config = EngineConfig { rate: 48_000, ramp: 480, direct_from: 2 };
    let (mut engine, mut handle) = host::engine(config, layout, NoClock);

    // A song of four seconds. Blocks go to each track filled and come back to be filled again.
    let (ticket, song, end) = (Ticket(1), Ticket(1), Some(192_000));
    let spec = DeckSpec { ticket, song, end, prime: 1024, resume: 1024, followed: false };
    let controls = Arc::new(HostControls::new());
    let mut deck = Box::new(Deck::new(spec, controls.clone()));
    let mut lanes = [220.0, 277.0].map(|hertz: f32| {
        let ((full, filled), (mut home, free)) = (Ring::shared(), Ring::shared());
        (0..8).for_each(|_| drop(home.push(host::block(2))));
        assert!(deck.add_track(StripSpec::into_bus(1, 0), filled, home).is_ok());
        (full, free, 0, hertz)
    });
    controls.set_track(1, TrackSetting { gain: 0.5, pan: 0.7, mute: false, solo: false });
    controls.commit();
    let cut = Cut { deck, at: At::Now, fade: 0, curve: Curve::Linear };
    for command in [Command::Cut(cut), Command::Play { fade: 0 }] {
        assert!(handle.send(command).is_ok(), "the ring holds 63 commands");
    }

    let (mut planes, mut bytes) = ([[0.0; 512]; 2], [0; 4 * 512]);
    let mut converter = Converter::<2>::new(SampleFormat::S16, Dither::Tpdf);
    while handle.board().take_stop_flag() != Some(ticket) {
        for (full, free, next, hertz) in &mut lanes {
            while let Some(mut block) = free.pop() {
                block.tag.ticket = ticket;
                (block.tag.start_frame, block.tag.len) = (*next, BLOCK as u32);
                for (x, frame) in block.planes[0].iter_mut().zip(*next..) {
                    *x = 0.4 * (frame as f32 * *hertz / 48_000.0 * std::f32::consts::TAU).sin();
                }
                block.seal(1);
                *next += BLOCK as u64;
                assert!(full.push(block).is_ok(), "a ring has room for all its blocks");
            }
        }
        engine.process(&mut planes.each_mut().map(|p| p.as_mut_slice()), 512);
        converter.interleave(&planes.each_ref().map(|p| p.as_slice()), 512, &mut bytes);
        std::io::stdout().write_all(&bytes)?;
    }
    Ok(())
}
