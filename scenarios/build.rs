//! The catalogue is embedded at compile time. Cargo knows of the files it embedded, not of new ones: this
//! makes it look at the whole folder.
#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

fn main() {
    println!("cargo::rerun-if-changed=attacks");
}
