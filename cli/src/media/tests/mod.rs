//! Tests of the media layer over whole files.
