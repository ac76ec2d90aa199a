//! Why a rule or a strategy could not act. A run with such a cause proves nothing, so the verdict is inconclusive and says the cause.

use std::fmt;

use protocol::endpoint::Side;
use protocol::layout::AssembleError;

use crate::condition::FrameRef;

/// Why a rule or a strategy could not act. `Display` gives the sentence that reports show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MisfireCause {
    /// The rule was not triggered by a frame, or an earlier action took the frame away.
    NoFrame,
    /// The attacker poses as the server on this link, so nothing is relayed there.
    LinkIsIntercepted,
    /// The attacker opened this link, so nothing is relayed there.
    LinkIsAttackers,
    /// No frame triggered the rule, and the action does not say which recorded frame it means.
    FrameNotNamed,
    /// The recorded frame that an action names has not been seen yet.
    NotSeen(FrameRef),
    /// Nothing of this end was recorded on this link.
    NothingRecorded {
        /// Whose frames are wanted.
        from: Side,
        /// The link, from 1.
        link: u32,
    },
    /// The layout has no frame type of this name.
    NoFrameType(String),
    /// The layout has no frame type of the name in a template.
    NoTemplateType(String),
    /// The frame at hand has no such field.
    NoField {
        /// The type of the frame.
        frame: &'static str,
        /// The name of the field.
        field: String,
    },
    /// One of the two frames of a `splice` has no such field.
    NoFieldToSplice {
        /// The type of the frame.
        frame: &'static str,
        /// The name of the field.
        field: String,
    },
    /// A frame type has no tag at all.
    NoTag(String),
    /// A frame has no tag of this name, or one of another size.
    NoTagNamed {
        /// The type of the frame.
        frame: &'static str,
        /// The name of the tag.
        tag: &'static str,
    },
    /// An offset lies behind the end of the frame.
    OffsetBeyondEnd {
        /// The offset in bytes, from 0.
        offset: usize,
        /// The size of the frame in bytes.
        size: usize,
        /// The type of the frame.
        frame: &'static str,
    },
    /// A bit lies behind the end of the place.
    BitBeyondEnd {
        /// The field or the offset.
        place: String,
        /// How many bits are there.
        bits: usize,
    },
    /// A number is too large for its field.
    NumberTooLarge {
        /// The number.
        number: u64,
        /// The size of the field in bytes.
        size: usize,
    },
    /// A value has another size than its field.
    WrongSize {
        /// The field.
        place: String,
        /// Its size in bytes.
        size: usize,
        /// The size of the value in bytes.
        given: usize,
    },
    /// Fewer bytes follow an offset than are to be overwritten.
    TooFewBytes {
        /// The offset.
        place: String,
        /// How many bytes follow.
        left: usize,
    },
    /// The frame is too short to be truncated so far; its size in bytes.
    FrameTooShort(usize),
    /// None of the cuts lies within the frame; its size in bytes.
    NoCutWithin(usize),
    /// The cuts would give more segments than this.
    TooManySegments(usize),
    /// An injected frame would have no bytes; what it is.
    NothingToInject(String),
    /// A frame cannot be assembled from these values.
    Assemble(AssembleError),
    /// `every` is not the first action of its rule.
    EveryNotFirst,
    /// `every` stands for too many runs.
    EveryTooMany {
        /// How many it stands for.
        runs: usize,
        /// The most there may be.
        most: usize,
    },
    /// Another rule with `every` has acted in this run.
    EveryTwice,
    /// `every` has nothing to flip in this place.
    EveryEmpty(String),
    /// Nobody is at the end of the link whose memory is wanted.
    NobodyThere,
    /// The memory of this end was not compromised before.
    MemoryUnknown(Side),
    /// The stolen memory cannot open the frame.
    NoKeysForFrame,
    /// The text to replace is not in the plaintext.
    TextNotFound(String),
    /// Whoever plays the server needs a link that opens.
    ServerNeedsOpening,
    /// An impostor cannot use its keys.
    ImpostorKeys {
        /// Whose place it takes.
        plays: Side,
        /// What is wrong with the keys.
        error: String,
    },
    /// The honest endpoints cannot use the keys that the scenario gives them.
    LabKeys {
        /// The name of the set.
        set: &'static str,
        /// What is wrong with the keys.
        error: String,
    },
    /// None of these key files exists.
    NoFile(Vec<String>),
    /// The strategy needs a file that no rule has compromised.
    FileNotCompromised(String),
    /// A file holds no passwords.
    NoPasswordFile {
        /// Its name.
        file: String,
        /// What is wrong with it.
        error: String,
    },
    /// The endpoints offer no copy of their memory ([`Endpoint::compromised`](protocol::endpoint::Endpoint::compromised)).
    NoMemoryCopy,
    /// Nothing says what the long-term keys of these endpoints open
    /// ([`System::decrypt_recording`](protocol::system::System::decrypt_recording)).
    NoDecryption,
    /// There is no endpoint of the lab whose memory or place could be taken.
    NoLabEndpoint,
    /// The attacker has made more frames than this in one run.
    TooManyFrames(u32),
    /// More bytes passed than a judge keeps.
    TooMuchToKeep(usize),
    /// The connection that carries a world's bytes broke by itself.
    PathBroke {
        /// To this end.
        side: Side,
        /// Of this link, from 1.
        link: u32,
        /// What the system says.
        error: String,
    },
    /// The frame has no ciphertext.
    NoCiphertext(&'static str),
    /// The ciphertext is nothing that CBC makes of two blocks or more.
    NotTwoBlocks {
        /// The type of the frame.
        frame: &'static str,
        /// The size of its ciphertext in bytes.
        size: usize,
    },
    /// The record ends before the block that is to be changed.
    RecordTooShort,
    /// The system has no key agreement without authentication.
    NoKeyAgreement(&'static str),
    /// The strategy begins when a link opens, and something else happened.
    BeginsAtOpening,
    /// The system sends no key under RSA.
    NoKeyUnderRsa,
    /// A file holds no public key; its name.
    NoPublicKey(&'static str),
    /// No frame of this type was recorded.
    NothingOfType(&'static str),
    /// What an action of somebody else's says.
    Other(String),
}

impl fmt::Display for MisfireCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFrame => f.write_str("there is no frame in hand"),
            Self::NoMemoryCopy => {
                f.write_str("the endpoints offer no copy of their memory (`Endpoint::compromised`)")
            }
            Self::NoDecryption => f.write_str(
                "nothing says what the keys of these endpoints open (`System::decrypt_recording`)",
            ),
            Self::LinkIsIntercepted => f.write_str(
                "the attacker answers on this link itself, so there is no frame to send on",
            ),
            Self::LinkIsAttackers => {
                f.write_str("the link is the attacker's own, so there is no frame to send on")
            }
            Self::FrameNotNamed => f.write_str("`frame` must say which, there is none in hand"),
            Self::NotSeen(frame) => write!(f, "{frame} was not seen"),
            Self::NothingRecorded { from, link } => {
                write!(f, "the {from} has sent nothing on link {link}")
            }
            Self::NoFrameType(name) => write!(f, "there is no frame type {name}"),
            Self::NoTemplateType(name) => write!(f, "no frame type {name}"),
            Self::NoField { frame, field } => write!(f, "{frame} has no field `{field}` here"),
            Self::NoFieldToSplice { frame, field } => write!(f, "{frame} has no `{field}`"),
            Self::NoTag(frame) => write!(f, "{frame} has no tag"),
            Self::NoTagNamed { frame, tag } => write!(f, "{frame} has no tag `{tag}`"),
            Self::OffsetBeyondEnd { offset, size, frame } => {
                write!(f, "offset {offset} is beyond the {size} bytes of {frame}")
            }
            Self::BitBeyondEnd { place, bits } => write!(f, "{place} has {bits} bits here"),
            Self::NumberTooLarge { number, size } => {
                write!(f, "{number} does not fit into {size} bytes")
            }
            Self::WrongSize { place, size, given } => {
                write!(f, "{place} has {size} bytes, {given} were given")
            }
            Self::TooFewBytes { place, left } => write!(f, "only {left} bytes follow {place}"),
            Self::FrameTooShort(size) => write!(f, "the frame has only {size} bytes"),
            Self::NoCutWithin(size) => write!(f, "no cut lies within the {size} bytes"),
            Self::TooManySegments(most) => write!(f, "more than {most} segments"),
            Self::NothingToInject(what) => {
                write!(f, "there is nothing to inject: {what} has no bytes")
            }
            Self::Assemble(error) => write!(f, "{error}"),
            Self::EveryNotFirst => f.write_str("`every` works as the first action of its rule"),
            Self::EveryTooMany { runs, most } => {
                write!(f, "`every` stands for {runs} runs here, and {most} are the most")
            }
            Self::EveryTwice => f.write_str(
                "`every` works once in a run: the runs of another rule with `every` have begun",
            ),
            Self::EveryEmpty(place) => {
                write!(f, "{place} is empty here, so `every` has nothing to flip")
            }
            Self::NobodyThere => f.write_str("nobody is at that end"),
            Self::MemoryUnknown(side) => write!(f, "the memory of the {side} is not known"),
            Self::NoKeysForFrame => f.write_str("the stolen memory has no keys for this frame"),
            Self::TextNotFound(text) => write!(f, "{text:?} does not stand in it"),
            Self::ServerNeedsOpening => f.write_str("a server is played to a link that opens"),
            Self::ImpostorKeys { plays, error } => {
                write!(f, "nobody can play the {plays} with these keys: {error}")
            }
            Self::LabKeys { set, error } => {
                write!(f, "the endpoints cannot use the keys of `{set}`: {error}")
            }
            Self::NoFile(names) => write!(f, "there is no file {}", names.join(", ")),
            Self::FileNotCompromised(file) => write!(f, "the file {file} was not compromised"),
            Self::NoPasswordFile { file, error } => {
                write!(f, "{file} is no password file: {error}")
            }
            Self::NoLabEndpoint => f.write_str("there is no endpoint of the lab here"),
            Self::TooManyFrames(most) => write!(f, "the attacker has made more than {most} frames"),
            Self::TooMuchToKeep(most) => {
                write!(f, "more than {most} bytes passed, too much to judge")
            }
            Self::PathBroke { side, link, error } => {
                write!(f, "the path to the {side} on link {link} broke: {error}")
            }
            Self::NoCiphertext(frame) => write!(f, "{frame} has no ciphertext"),
            Self::NotTwoBlocks { frame, size } => {
                write!(f, "the ciphertext of {frame}, {size} bytes, is not two blocks or more")
            }
            Self::RecordTooShort => f.write_str("the record is too short"),
            Self::NoKeyAgreement(system) => {
                write!(f, "{system} has no key agreement to take part in")
            }
            Self::BeginsAtOpening => {
                f.write_str("it begins when a link opens: `when = { event = \"open\" }`")
            }
            Self::NoKeyUnderRsa => f.write_str("no key travels under RSA here"),
            Self::NoPublicKey(file) => write!(f, "{file} is no public key"),
            Self::NothingOfType(frame) => write!(f, "no {frame} was recorded"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for MisfireCause {}
