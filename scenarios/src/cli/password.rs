//! Who a user of the program is, and their password: from a file, or asked for without showing what is typed.

use std::io::{self, ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use protocol::keyfiles::Account;
use targets::endpoint_programs::outbox::first_line;

use super::interrupt::{interrupted, left_to};

/// Options that say who somebody is.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Who {
    /// The name
    #[arg(long, value_name = "NAME")]
    user: String,
    /// Take the password from the first line of this file; else it is asked for, on a terminal
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// How often to ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ask {
    /// Once: a wrong one will be noticed.
    Once,
    /// Twice: a wrong one would be kept.
    Twice,
}

impl Who {
    /// Name and password.
    pub(super) fn account(&self, ask: Ask) -> Result<Account> {
        account(&self.user, self.password_file.as_deref(), ask)
    }
}

/// Name and password.
pub(super) fn account(name: &str, file: Option<&Path>, ask: Ask) -> Result<Account> {
    if let Some(file) = file {
        let password = first_line(file).map_err(|why| anyhow!("--password-file {why}"))?;
        return Ok(Account::new(name, password));
    }
    if !io::stdin().is_terminal() {
        bail!("no password: --password-file FILE, or a terminal to ask on");
    }
    let Some(password) = secret("password: ")? else { bail!("no password") };
    let account = Account::new(name, password);
    if ask == Ask::Twice {
        let again = Account::new(name, secret("once more: ")?.unwrap_or_default());
        if again != account {
            bail!("those are two different passwords");
        }
    }
    Ok(account)
}

/// Ask for a secret on the terminal, which does not show it; nothing at the end of input.
pub(super) fn secret(prompt: &str) -> Result<Option<String>> {
    left_to(|| match rpassword::prompt_password(prompt) {
        Ok(password) => Ok(Some(password)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        // Here the terminal shows again what is typed.
        Err(error) if error.kind() == ErrorKind::Interrupted => interrupted(),
        Err(error) => Err(anyhow!("cannot ask for a password: {error}")),
    })
}
