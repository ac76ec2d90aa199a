//! The command line: one file per command. Data goes to standard output, everything else to standard error.
//!
//! `scenarios --help` says what the exit codes mean.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{ArgMatches, Args as _, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use files::catalogue::Catalogue;
use files::family::Family;

mod capture;
mod check;
mod clock;
mod connect;
mod conversation;
mod decrypt;
mod dissector;
mod done;
mod explain;
mod grade;
mod import;
mod interrupt;
mod layout;
mod list;
mod live;
mod matrix;
mod messages;
mod new;
mod new_system;
mod output;
mod password;
mod pki;
mod progress;
mod proxy;
mod replay_from;
mod report;
mod run;
mod select;
mod serve;
mod sniff;
mod suite;
mod systems;
mod timing;
mod tools;
mod trials;
mod users;

use done::Done;
use output::Output;

/// What the exit codes mean.
const EXIT_CODES: &str = "Exit codes: 0 all as expected, 1 a verdict differs or not all could be written, 2 could not run, \
    130 interrupted (143 by SIGTERM, 129 by SIGHUP).";

/// A lab for meddling in the middle of secure channels: attacks from scenario files, judged by what the
/// endpoints really did.
#[derive(Parser, Debug)]
#[command(name = "scenarios", version, subcommand_required = true, arg_required_else_help = true)]
#[command(
    after_help = EXIT_CODES
)]
struct Cli {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Commands,
}

#[derive(Subcommand, Debug)]
enum Commands {
    /// Run every scenario of the catalogue; ladders only where something is not as expected
    All(run::Args),
    /// Run scenario files, or all files of folders
    Run(run::PathArgs),
    /// List the scenarios of the catalogue
    List(list::Args),
    /// List the systems: features, profiles, weaknesses
    Systems,
    /// Explain a system, a property or a scenario: what it does, why it works, what stops it, where in the code
    Explain(explain::Args),
    /// Run the catalogue with every weakness alone, and as built without it: what each defence is for
    Matrix(matrix::Args),
    /// Run the catalogue and report: a page to show, and the same as JSON, Markdown, `JUnit` XML and SARIF
    Report(report::Args),
    /// Measure whether a victim takes as long for one kind of forgery as for another: real time, no verdict
    Timing(timing::Args),
    /// Validate scenario files without running them
    Check(check::Args),
    /// Write a commented starter scenario
    New(new::Args),
    /// Write the crate of a system of your own, with its scenarios and tests
    NewSystem(new_system::Args),
    /// Declare the frames of your own protocol in a file, and check it
    Layout(layout::Args),
    /// Write a dissector for Wireshark: all systems, and the protocols of layout files
    Dissector(dissector::Args),
    /// List the sessions and frames of a capture, and make a scenario of one
    Import(import::Args),
    /// Show what a capture carried whose sessions' secrets are in a key log
    Capture(decrypt::Args),
    /// Make, show and check keys, requests and certificates
    Pki(pki::Args),
    /// Register, log in and list the users of `suite`, and manage their keys
    Users(users::Args),
    /// A menu for the users of `suite`: register, log in, encrypt, hash, sign, keys, send
    Suite(suite::Args),
    /// Run the server of a system over TCP
    Serve(serve::Args),
    /// Run a client of a system over TCP
    Connect(connect::Args),
    /// Stand between any client and any server: show, record, and act by rules
    Proxy(proxy::Args),
    /// Capture what crosses an interface, for Wireshark and `import`
    Sniff(sniff::Args),
    /// Many targets, many attacks: a table of who withstands what
    Grade(grade::Args),
}

/// Run the program with these scenarios and systems.
pub(crate) fn main(catalogue: Catalogue) -> ExitCode {
    quiet_victims();
    match dispatch(catalogue) {
        Ok(Done::Expected) => ExitCode::SUCCESS,
        Ok(Done::Unexpected) => ExitCode::from(1),
        Ok(Done::Interrupted) => ExitCode::from(interrupt::code()),
        Err(error) => {
            // A mistake in a file comes with a heading of its own.
            let heading = if error.is::<check::Mistakes>() { "" } else { "error: " };
            let _ = writeln!(io::stderr(), "{heading}{error:#}");
            ExitCode::from(2)
        }
    }
}

/// Each family is a command of its own, so the parser is the derived one plus those.
fn parser() -> Command {
    Family::ALL.iter().fold(Cli::command(), |command, family| {
        let mut sub = run::Args::augment_args(Command::new(family.name()));
        // Recordings can also be played to somebody's server.
        if *family == Family::Replay {
            sub = replay_from::Args::augment_args(sub);
        }
        command.subcommand(sub.about(family.about()))
    })
}

/// A command line that was understood; nothing of it has run.
#[derive(Debug)]
pub struct CommandLine {
    output: Output,
    wanted: Wanted,
}

#[derive(Debug)]
enum Wanted {
    /// A command, and the matches it comes from.
    Command(Box<(Commands, ArgMatches)>),
    /// The scenarios of a family.
    Family(Family, Box<run::Args>),
    /// A recording, played to somebody's server.
    Recording(Box<(replay_from::Args, run::Args)>),
}

impl CommandLine {
    /// Read a command line; the first word is the name of the program. Nothing runs.
    ///
    /// # Errors
    /// What is wrong with it, or the help that it asks for.
    pub fn parse<W>(words: impl IntoIterator<Item = W>) -> Result<Self, clap::Error>
    where
        W: Into<OsString> + Clone,
    {
        let matches = parser().try_get_matches_from(words)?;
        let output = Output::from_arg_matches(&matches)?;
        let family = matches.subcommand().and_then(|(name, sub)| Some((Family::named(name)?, sub)));
        let Some((family, sub)) = family else {
            let command = Cli::from_arg_matches(&matches)?.command;
            return Ok(Self { output, wanted: Wanted::Command(Box::new((command, matches))) });
        };
        let args = run::Args::from_arg_matches(sub)?;
        let live = (family == Family::Replay).then(|| replay_from::Args::from_arg_matches(sub));
        let wanted = match live.transpose()?.filter(replay_from::Args::is_live) {
            Some(live) => Wanted::Recording(Box::new((live, args))),
            None => Wanted::Family(family, Box::new(args)),
        };
        Ok(Self { output, wanted })
    }
}

fn dispatch(catalogue: Catalogue) -> anyhow::Result<Done> {
    let CommandLine { output, wanted } =
        CommandLine::parse(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let output = Output { catalogue, ..output };
    interrupt::ends_the_program();
    let (command, matches) = match wanted {
        Wanted::Family(family, args) => return run::family(family, &args, output),
        Wanted::Recording(both) => {
            let (live, args) = *both;
            return replay_from::run(&live, args.selection(), output);
        }
        Wanted::Command(both) => *both,
    };
    match command {
        Commands::All(args) => run::all(&args, output),
        Commands::Run(args) => run::paths(&args, output),
        Commands::List(args) => list::run(&args, output),
        Commands::Systems => systems::run(output),
        Commands::Explain(args) => explain::run(&args, output),
        Commands::Matrix(args) => matrix::run(&args, output),
        Commands::Report(args) => report::run(&args, output),
        Commands::Timing(args) => timing::run(&args, output),
        Commands::Check(args) => check::run(&args, output),
        Commands::New(args) => new::run(&args, output),
        Commands::NewSystem(args) => new_system::run(&args, output),
        Commands::Layout(args) => layout::run(&args, output),
        Commands::Dissector(args) => dissector::run(&args, output),
        Commands::Import(args) => import::run(&args, output),
        Commands::Capture(args) => decrypt::run(&args, output),
        Commands::Pki(args) => pki::run(&args, output),
        Commands::Users(args) => users::run(&args, output),
        Commands::Suite(args) => suite::run(&args, output),
        Commands::Serve(args) => serve::run(&args, own(&matches, "serve"), output),
        Commands::Sniff(args) => sniff::run(&args, output),
        Commands::Grade(args) => grade::run(&args, output),
        Commands::Proxy(args) => proxy::run(&args, output),
        Commands::Connect(args) => connect::run(&args, own(&matches, "connect"), output),
    }
}

/// The matches of a subcommand, which knows the order of its flags.
fn own<'a>(matches: &'a ArgMatches, name: &str) -> &'a ArgMatches {
    matches.subcommand_matches(name).unwrap_or(matches)
}

/// A panic inside a victim is caught and becomes a finding; its message belongs into the verdict, not
/// into the terminal.
fn quiet_victims() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !mitm_proxy::world::stepping() {
            loud(info);
        }
    }));
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<CommandLine, clap::Error> {
        CommandLine::parse(["scenarios"].into_iter().chain(line.split(' ')))
    }

    #[test]
    fn the_parser_is_sound() {
        parser().debug_assert();
    }

    #[test]
    fn a_command_line_says_what_is_wanted_and_nothing_runs() {
        let command = parse("run nowhere.toml --format json").unwrap();
        let Wanted::Command(both) = command.wanted else { panic!("{command:?}") };
        assert!(matches!(both.0, Commands::Run(_)));
        assert_eq!(command.output.format, output::Format::Json);
        let family = parse("bit-flip --system ccm").unwrap().wanted;
        assert!(matches!(family, Wanted::Family(Family::BitFlip, _)));
        let catalogue = parse("replay").unwrap().wanted;
        assert!(matches!(catalogue, Wanted::Family(Family::Replay, _)));
        let recording =
            parse("replay --from nowhere.pcap --to 127.0.0.1:1 --system helo").unwrap().wanted;
        assert!(matches!(recording, Wanted::Recording(_)));
    }

    #[test]
    fn a_wrong_command_line_and_one_that_asks_for_help_are_told_apart() {
        assert_eq!(parse("sing").unwrap_err().kind(), ErrorKind::InvalidSubcommand);
        assert_eq!(parse("run --sing a.toml").unwrap_err().kind(), ErrorKind::UnknownArgument);
        assert_eq!(parse("help run").unwrap_err().kind(), ErrorKind::DisplayHelp);
    }
}
