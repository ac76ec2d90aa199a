//! What an endpoint is to say, as flags of `connect` and `serve`.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::ArgMatches;
use protocol::endpoint::Kind;
use protocol::system::System;
use targets::endpoint_programs::outbox::Item;

/// The flags.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct MessageArgs {
    /// Send this text; may be given several times, and mixed with the others: all is sent in order
    #[arg(long, value_name = "TEXT")]
    text: Vec<String>,
    /// Send this file as an image
    #[arg(long, value_name = "FILE")]
    image: Vec<PathBuf>,
    /// Send this file as a video
    #[arg(long, value_name = "FILE")]
    video: Vec<PathBuf>,
    /// Send this file as what its name says it is
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Send these comma-separated numbers
    #[arg(long, value_name = "N,N,…", allow_hyphen_values = true)]
    numbers: Vec<String>,
}

impl MessageArgs {
    /// What to send, in the order of the flags.
    ///
    /// # Errors
    /// `system` does not carry it, or a file is not there.
    pub(super) fn items(&self, system: &System, matches: &ArgMatches) -> Result<Vec<Item>> {
        let mut items: Vec<(usize, Item)> = Vec::new();
        let mut add = |id: &str, own: Vec<Item>| {
            items.extend(matches.indices_of(id).into_iter().flatten().zip(own));
        };
        let files = |paths: &[PathBuf], kind: Option<Kind>| {
            paths.iter().map(|path| Item::File(path.clone(), kind)).collect()
        };
        add("text", self.text.iter().cloned().map(Item::Text).collect());
        add("numbers", self.numbers.iter().cloned().map(Item::Numbers).collect());
        add("image", files(&self.image, Some(Kind::Image)));
        add("video", files(&self.video, Some(Kind::Video)));
        add("file", files(&self.file, None));
        items.sort_by_key(|(at, _)| *at);
        for (_, item) in &items {
            item.check(system).map_err(|why| anyhow!("{why}"))?;
        }
        Ok(items.into_iter().map(|(_, item)| item).collect())
    }
}
