//! Tests of the media layer over whole files.

mod damage;
mod formats;
mod resampling;
mod wav;
