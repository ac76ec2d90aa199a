//! Parameters as data: what an action or a strategy takes, and the arguments it is given. Whoever reads scenario files needs to know no
//! action by name.

use std::collections::BTreeMap;

use crate::condition::FrameRef;

/// The longest delay that an action takes, in milliseconds: one hour.
pub(crate) const MAX_DELAY_MS: u64 = 3_600_000;

/// A parameter of an action.
#[derive(Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What values it takes.
    pub kind: ParamKind,
    /// One phrase.
    pub about: &'static str,
}

impl Param {
    pub(crate) const fn new(name: &'static str, kind: ParamKind, about: &'static str) -> Self {
        Self { name, kind, about }
    }
}

/// What values a parameter takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParamKind {
    /// The name of a field of the frame the rule waits for.
    Field,
    /// The name of a frame type of the system.
    FrameType,
    /// A whole number within these bounds.
    Number(u64, u64),
    /// Several whole numbers.
    Numbers,
    /// Hexadecimal digits.
    Hex,
    /// Any text.
    Text,
    /// Several texts.
    Texts,
    /// The name of one of the scenario's sets of key files.
    Keys,
    /// The name of one of the frames that the scenario brings along.
    Named,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A recorded frame: `{ link, from, type, nth }`.
    Frame,
    /// A new frame: `{ type, fields… }`.
    Template,
}

/// The arguments of one action, by parameter name.
pub type Args = BTreeMap<&'static str, Arg>;

/// One argument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Arg {
    /// For [`ParamKind::Number`].
    Number(u64),
    /// For [`ParamKind::Numbers`].
    Numbers(Vec<u64>),
    /// For [`ParamKind::Hex`] and [`ParamKind::Named`].
    Bytes(Vec<u8>),
    /// For [`ParamKind::Field`], [`ParamKind::FrameType`], [`ParamKind::Text`], [`ParamKind::Keys`] and [`ParamKind::Word`].
    Text(String),
    /// For [`ParamKind::Texts`].
    Texts(Vec<String>),
    /// For [`ParamKind::Flag`].
    Flag(bool),
    /// For [`ParamKind::Frame`].
    Frame(FrameRef),
    /// For [`ParamKind::Template`].
    Template(Template),
}

/// A frame to be made from nothing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Template {
    /// Its type.
    pub frame_type: String,
    /// The bytes of its fields, by name. Tags and lengths fill themselves in.
    pub fields: Vec<(String, Vec<u8>)>,
}

/// Arguments that are well-formed one by one and wrong together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuildError(pub &'static str);

/// A whole number.
pub(crate) fn number(args: &Args, name: &str) -> Option<u64> {
    match args.get(name) {
        Some(Arg::Number(value)) => Some(*value),
        _ => None,
    }
}

/// A link, by its number.
pub(crate) fn link(args: &Args) -> Option<u32> {
    number(args, "link").and_then(|link| u32::try_from(link).ok())
}

/// A text, a name or a word.
pub(crate) fn text<'a>(args: &'a Args, name: &str) -> Option<&'a str> {
    match args.get(name) {
        Some(Arg::Text(value)) => Some(value),
        _ => None,
    }
}

/// Several texts; none where they are not given.
pub(crate) fn texts(args: &Args, name: &str) -> Vec<String> {
    match args.get(name) {
        Some(Arg::Texts(values)) => values.clone(),
        _ => Vec::new(),
    }
}

/// Whether a flag is set.
pub(crate) fn flag(args: &Args, name: &str) -> bool {
    matches!(args.get(name), Some(Arg::Flag(true)))
}

/// Bytes.
pub(crate) fn bytes(args: &Args, name: &str) -> Option<Vec<u8>> {
    match args.get(name) {
        Some(Arg::Bytes(value)) => Some(value.clone()),
        _ => None,
    }
}

/// A recorded frame.
pub(crate) fn frame(args: &Args, name: &str) -> Option<FrameRef> {
    match args.get(name) {
        Some(Arg::Frame(value)) => Some(value.clone()),
        _ => None,
    }
}
