//! `scenarios dissector`: all protocols as a plugin for Wireshark.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use files::diagnostic::{quote, quote_path};
use files::layout_file::LayoutFile;
use recordings::dissector::{declared, render, systems};

use super::check::explain;
use super::done::Done;
use super::output::{Output, print};

/// Options of `dissector`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Dissect the protocol of this layout file as well; may be given several times
    #[arg(long, value_name = "FILE")]
    layout: Vec<PathBuf>,
    /// Write it here instead of to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Write the dissector.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let mut protocols = systems(output.catalogue.registry);
    for path in &args.layout {
        let file = LayoutFile::load(path, output.catalogue.registry)
            .map_err(|error| explain(&[error], output))?;
        let protocol = declared(&file);
        if protocols.iter().any(|known| known.name == protocol.name) {
            let (path, name) = (quote_path(path), quote(&protocol.name));
            bail!("{path}: there is a protocol {name} already: give it another name");
        }
        protocols.push(protocol);
    }
    let lua = render(&protocols);
    let Some(out) = &args.out else {
        print(&lua)?;
        return Ok(Done::Expected);
    };
    let shown = out.display();
    std::fs::write(out, lua)
        .with_context(|| format!("cannot write {}", quote(&shown.to_string())))?;
    output.remark(&format!("use it: tshark -X lua_script:{shown} -r CAPTURE"));
    Ok(Done::Expected)
}
