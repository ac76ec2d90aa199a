//! `scenarios suite`: the published program's terminal menu. People register and log in; who is logged in
//! encrypts, hashes, signs, manages keys and sends to a server. Every line of standard input is an answer, so it
//! works from a pipe too; menus and questions go to standard error, results to standard output.

use std::io::{self, Write};

use anyhow::Result;
use files::diagnostic::quote;
use protocol::keyfiles::Account;

use super::done::Done;
use super::output::Output;

pub(crate) mod console;
mod crypto;
mod keys;
mod menu;
mod people;
mod send;

use console::{Console, Over};

pub(crate) use menu::{Args, Menu};

/// A line of the menu.
struct Entry {
    /// Chooses it, as its number does.
    word: &'static str,
    about: &'static str,
    run: fn(&mut Menu<'_>) -> Result<()>,
}

/// For everybody. The first three are those of the published program.
const OUTSIDE: &[Entry] = &[
    Entry { word: "register", about: "register a user", run: people::register },
    Entry { word: "login", about: "log in", run: people::log_in },
    Entry { word: "users", about: "show who is registered", run: people::list },
];

/// For who is logged in.
const INSIDE: &[Entry] = &[
    Entry { word: "encrypt", about: "encrypt a text with AES-CBC", run: crypto::encrypt },
    Entry { word: "decrypt", about: "decrypt a text", run: crypto::decrypt },
    Entry { word: "hash", about: "hash a text with SHA-256 or MD5", run: crypto::hash },
    Entry { word: "check-hash", about: "check the hash of a text", run: crypto::check_hash },
    Entry { word: "sign", about: "sign a text with your key", run: crypto::sign },
    Entry { word: "check-sign", about: "check the signature of a text", run: crypto::check_sign },
    Entry { word: "export", about: "copy your key into a file", run: keys::export },
    Entry { word: "import", about: "take over a key from a file", run: keys::import },
    Entry { word: "certificate", about: "show your certificate", run: keys::certificate },
    Entry { word: "text", about: "send a text to the server", run: send::text },
    Entry { word: "file", about: "send a file to the server", run: send::file },
];

/// Show the menu and do what is chosen, until there is no more to read.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let mut menu = Menu {
        args,
        output,
        console: Console::new(),
        people: args.place.people()?,
        entropy: super::pki::entropy(args.seed, "suite menu")?,
        user: None,
    };
    loop {
        let Err(error) = menu.turn() else { continue };
        match error.downcast::<Over>() {
            Ok(Over(None)) => return Ok(Done::Expected),
            Ok(Over(Some(error))) => return Err(error.into()),
            Err(error) => {
                let _ = writeln!(io::stderr(), "error: {error:#}");
            }
        }
    }
}

impl Menu<'_> {
    /// One choice, and what follows from it.
    fn turn(&mut self) -> Result<()> {
        let (entries, title, leave) = match &self.user {
            None => (OUTSIDE, "nobody is logged in".to_owned(), "quit"),
            Some(user) => (INSIDE, format!("{} is logged in", quote(&user.name)), "logout"),
        };
        self.output.remark(&format!("\n{title}"));
        for (number, entry) in (1..).zip(entries) {
            self.output.remark(&format!("{number:>3}  {:<12} {}", entry.word, entry.about));
        }
        self.output.remark(&format!("{:>3}  {leave}", 0));
        let choice = self.console.ask("choose: ")?;
        let choice = choice.trim();
        if choice == "0" || choice == leave {
            return if self.user.take().is_some() { Ok(()) } else { Err(Over(None).into()) };
        }
        let number = choice.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let named = || entries.iter().find(|entry| entry.word == choice);
        match number.and_then(|number| entries.get(number)).or_else(named) {
            Some(entry) => (entry.run)(self),
            None => anyhow::bail!("no entry {} here: choose a number or a word", quote(choice)),
        }
    }

    /// Who is logged in.
    fn user(&self) -> Result<&Account> {
        // Entries for who is logged in are shown to nobody else.
        self.user.as_ref().ok_or_else(|| anyhow::anyhow!("nobody is logged in"))
    }
}
