//! Registering, logging in, and who is registered.

use accounts::users::Making;
use anyhow::{Result, bail};
use files::diagnostic::{escape, quote};
use protocol::keyfiles::Account;

use super::Menu;
use super::console::say;
use crate::cli::clock::now;
use crate::cli::users::tell;

pub(super) fn register(menu: &mut Menu<'_>) -> Result<()> {
    let account = asked(menu)?;
    if menu.console.is_terminal() {
        let again = menu.console.ask_secret("once more: ")?;
        if Account::new(&*account.name, again) != account {
            bail!("those are two different passwords");
        }
    }
    let making = &mut Making { entropy: &mut menu.entropy, from: now() };
    tell(&menu.people.register(&account, making)?, menu.output);
    menu.output.remark(&format!("registered {}", quote(&account.name)));
    Ok(())
}

pub(super) fn log_in(menu: &mut Menu<'_>) -> Result<()> {
    let account = asked(menu)?;
    menu.people.log_in(&account)?;
    menu.user = Some(account);
    Ok(())
}

pub(super) fn list(menu: &mut Menu<'_>) -> Result<()> {
    let names = menu.people.names()?;
    if names.is_empty() {
        menu.output.remark("nobody is registered");
    }
    let lines: Vec<String> = names.iter().map(|name| escape(name) + "\n").collect();
    say(&lines.concat())
}

fn asked(menu: &Menu<'_>) -> Result<Account> {
    let name = menu.console.ask("user name: ")?;
    Ok(Account::new(name.trim(), menu.console.ask_secret("password: ")?))
}
