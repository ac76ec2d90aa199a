//! `[keys]`: sets of key files that the attacker has: the lab's, where it is somebody with keys of its own or has stolen
//! some, or files beside the scenario.

use std::collections::BTreeMap;

use mitm_proxy::world::Folder;
use protocol::keyfiles::{Account, KeyFiles};
use protocol::system::System;
use protocol::weakness::Profile;

use super::Payloads;
use crate::diagnostic::quote;
use crate::toml_reader::{Node, Reader, Table};

/// What stands before the path of a file of the lab.
const LAB: &str = "lab:";

/// The largest key file, in bytes.
const MAX_KEY_FILE: usize = 1 << 20;

/// Read all sets.
pub(super) fn sets(
    reader: &mut Reader,
    node: &Node<'_>,
    systems: &[&'static System],
    payloads: &dyn Payloads,
) -> BTreeMap<String, Folder> {
    let mut sets = BTreeMap::new();
    let Some(table) = reader.open_table(node, "keys") else { return sets };
    let lab = systems.iter().fold(KeyFiles::new(), |mut all, system| {
        all.extend((system.lab)(Profile::as_built(system)));
        all.extend((system.lab)(Profile::HARDENED));
        all
    });
    for (key, node) in table.entries() {
        if let Some(table) = reader.open_table(node, key.get_ref()) {
            let folder = folder(reader, &table, &lab, payloads);
            sets.insert(key.get_ref().to_string(), folder);
        }
    }
    sets
}

/// Read `register`: who registers before the run, and with what password.
pub(super) fn registration(
    reader: &mut Reader,
    node: &Node<'_>,
    systems: &[&'static System],
) -> Option<(String, String)> {
    if let Some(system) = systems.iter().find(|system| system.register.is_none()) {
        let message = format!("`{}` has no users", system.name);
        reader.mistake(node.span(), message, "nobody can register");
        return None;
    }
    let table = reader.table(node, "register", &["name", "password"])?;
    reader.require(&table, "a registration", &["name", "password"]);
    let mut text = |key| table.get(key).and_then(|node| reader.string(node, key));
    Some((text("name")?.to_owned(), text("password")?.to_owned()))
}

fn folder(
    reader: &mut Reader,
    table: &Table<'_>,
    lab: &KeyFiles,
    payloads: &dyn Payloads,
) -> Folder {
    let mut folder = Folder::default();
    for (key, node) in table.entries() {
        let Some(value) = reader.string(node, key.get_ref()) else { continue };
        if key.get_ref() == "account" {
            if let Some((name, password)) = value.split_once(':') {
                folder.account = Some(Account::new(name, password));
            } else {
                let message = "an account is a name and a password".to_owned();
                reader.mistake(node.span(), message, "expected `name:password`");
            }
            continue;
        }
        let name = key.get_ref().to_string();
        if let Some(path) = value.strip_prefix(LAB) {
            if lab.contains_key(path) {
                folder.lab.insert(name, path.to_owned());
            } else {
                let known: Vec<&str> = lab.keys().map(String::as_str).collect();
                reader.unknown(node.span(), "file of the lab", path, &known);
            }
        } else if let Some(content) = file(reader, node, value, payloads) {
            folder.files.insert(name, content);
        }
    }
    folder
}

fn file(
    reader: &mut Reader,
    node: &Node<'_>,
    path: &str,
    payloads: &dyn Payloads,
) -> Option<String> {
    let content = payloads.read(path).and_then(|content| match content.len() {
        0..=MAX_KEY_FILE => {
            String::from_utf8(content.to_vec()).map_err(|_| "is not text".to_owned())
        }
        len => Err(format!("has {len} bytes, a key file at most {MAX_KEY_FILE}")),
    });
    match content {
        Ok(content) => Some(content),
        Err(reason) => {
            let message = format!("the file {} {reason}", quote(path));
            let help = "files of the lab are written `lab:<path>`; other paths are relative to the folder of the scenario";
            reader.mistake_with_help(node.span(), message, "cannot be read", help.to_owned());
            None
        }
    }
}
