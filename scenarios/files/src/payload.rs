//! Real input in place of what a script sends: `--text` and `--file`.

use std::path::Path;

use bytes::Bytes;
use mitm_proxy::script::Step;
use protocol::endpoint::{Kind, Message};

use crate::catalogue::Beside;
use crate::diagnostic::{quote, quote_path};
use crate::scenario::{Payloads, Scenario};

/// What the user wants to be sent. The n-th text replaces the n-th text or numbers of a script, the n-th file
/// its n-th image or video.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    /// Texts, and numbers as text.
    pub texts: Vec<String>,
    /// Files: name and content.
    pub files: Vec<(String, Bytes)>,
}

impl Payload {
    /// Read a file to send.
    ///
    /// # Errors
    /// Why it cannot be sent, in a line that names it.
    pub fn read(path: &Path) -> Result<(String, Bytes), String> {
        let shown = quote_path(path);
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| format!("{shown}: the path has no file name in UTF-8"))?;
        let beside = Beside { folder: "".into() };
        let content =
            path.to_str().map_or(Err("is not UTF-8".to_owned()), |path| beside.read(path));
        let content = content.map_err(|why| format!("{shown} {why}"))?;
        Ok((name.to_owned(), content))
    }

    /// Put the payload into a scenario, with remarks on messages that could not be replaced.
    pub fn replace_in(&self, scenario: &mut Scenario) {
        let mut texts = self.texts.iter();
        let mut files = self.files.iter();
        let mut replaced = false;
        let mut notes = Vec::new();
        for step in scenario.plan.scripts.values_mut().flatten() {
            let Step::Send(message) = step else { continue };
            match message.kind {
                Kind::Text => {
                    let Some(text) = texts.next() else { continue };
                    *message = Message::text(text);
                }
                Kind::Numbers => {
                    let Some(text) = texts.next() else { continue };
                    let numbers = text.split(',').all(|part| part.trim().parse::<f64>().is_ok());
                    if !numbers {
                        let text = quote(text);
                        notes.push(format!(
                            "--text {text}: this system sends comma-separated numbers; {message} stays"
                        ));
                        continue;
                    }
                    *message = Message::numbers(text);
                }
                Kind::Image | Kind::Video => {
                    let Some((name, content)) = files.next() else { continue };
                    *message = Message::file(name, content.clone());
                }
                Kind::Aggregate => continue,
            }
            replaced = true;
        }
        if !self.files.is_empty() && files.len() == self.files.len() {
            notes.push("--file: this script sends no file".to_owned());
        }
        if !self.texts.is_empty() && texts.len() == self.texts.len() {
            notes.push("--text: this script sends no text".to_owned());
        }
        scenario.replaced = replaced;
        scenario.notes = notes;
    }
}
