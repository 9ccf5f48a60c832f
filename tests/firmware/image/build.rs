//! Picks the board's memory and hands the linker its scripts.

use std::path::Path;
use std::{env, fs};

fn main() {
    let target = env::var("TARGET").unwrap_or_default();
    let board = match target.as_str() {
        "thumbv6m-none-eabi" => "microbit",
        "thumbv7em-none-eabihf" => "mps2-an386",
        other => panic!("no board has a processor for {other}"),
    };
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let memory = format!("boards/{board}.x");
    fs::copy(&memory, Path::new(&out).join("memory.x")).expect("the board's memory can be copied");
    println!("cargo:rerun-if-changed={memory}");
    println!("cargo:rustc-link-search={out}");
    for arg in ["--nmagic", "-Tlink.x", "-Tdefmt.x"] {
        println!("cargo:rustc-link-arg-bins={arg}");
    }
}
