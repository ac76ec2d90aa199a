//! The key and the certificate of who is logged in.

use std::path::PathBuf;

use accounts::pem_files::{Credential, private_key};
use accounts::user_files::{Existing, write};
use accounts::users::Making;
use anyhow::{Result, bail};
use files::diagnostic::{quote, quote_path};
use protocol::pki::x509::{Checks, Reading, X509Error};

use super::Menu;
use super::console::say;
use crate::cli::clock::now;
use crate::cli::pki::show;
use crate::cli::users::tell;

pub(super) fn export(menu: &mut Menu<'_>) -> Result<()> {
    let name = menu.user()?.name.clone();
    let which = menu.console.ask("private or public: ")?;
    let path = file(menu, "new file: ")?;
    let pem = match which.trim() {
        "private" => menu.people.private_key(&name)?.to_pem()?,
        "public" => menu.people.public_key(&name)?.to_pem()?,
        other => bail!("{} is neither", quote(other)),
    };
    if path.symlink_metadata().is_ok() {
        bail!("{}: there is one already", quote_path(&path));
    }
    write(&path, pem.as_bytes(), Existing::Keep)?;
    menu.output.remark(&format!("wrote {}", path.display()));
    Ok(())
}

pub(super) fn import(menu: &mut Menu<'_>) -> Result<()> {
    let name = menu.user()?.name.clone();
    let path = file(menu, "file with a private key: ")?;
    let sure = menu.console.ask("it takes the place of your key; yes if that is right: ")?;
    if sure.trim() != "yes" {
        bail!("nothing was replaced");
    }
    let key = private_key(&path)?;
    let making = &mut Making { entropy: &mut menu.entropy, from: now() };
    tell(&menu.people.import_key(&name, &key, making, Existing::Replace)?, menu.output);
    Ok(())
}

pub(super) fn certificate(menu: &mut Menu<'_>) -> Result<()> {
    let name = &menu.user()?.name;
    let own = menu.people.certificate(name)?;
    say(&show::text(&show::facts(&Credential::Certificate(Box::new(own.clone())))))?;
    let checks = Checks {
        now: Some(now()),
        authority: None,
        common_name: Some(name),
        reading: Reading::Tolerant,
    };
    let verdict = match own.verify(&menu.people.authority()?, checks) {
        Err(error @ X509Error::Algorithm(_)) => format!("NOT checked: {error}\n"),
        Err(error) => format!("NOT valid: {error}\n"),
        Ok(key) if menu.people.private_key(name)?.public_key() != key => {
            "NOT valid: for another key than yours\n".to_owned()
        }
        Ok(_) => "valid, by the authority of this folder\n".to_owned(),
    };
    say(&verdict)
}

fn file(menu: &Menu<'_>, question: &str) -> Result<PathBuf> {
    let path = menu.console.ask(question)?;
    if path.trim().is_empty() {
        bail!("no file");
    }
    Ok(PathBuf::from(path.trim()))
}
