//! `scenarios users list`.

use anyhow::Result;
use files::diagnostic::escape;
use serde_json::json;

use super::Place;
use crate::cli::done::Done;
use crate::cli::output::{Format, Output, print};

/// Options of `list`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
}

/// List who is registered, a line each, in order.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let people = args.place.people()?;
    let names = people.names()?;
    if output.format == Format::Json {
        let rows: Vec<_> = names
            .iter()
            .map(|name| {
                let keys = people.private_key(name).is_ok();
                let certificate = people.certificate(name).is_ok();
                json!({ "user": name, "keys": keys, "certificate": certificate })
            })
            .collect();
        print(&format!("{:#}\n", serde_json::Value::from(rows)))?;
        return Ok(Done::Expected);
    }
    let lines: Vec<String> = names.iter().map(|name| escape(name) + "\n").collect();
    print(&lines.concat())?;
    Ok(Done::Expected)
}
