//! `inject`: send a frame nobody sent: made from a template, from raw bytes, or a recorded one out of its
//! place.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use protocol::endpoint::Side;
use protocol::layout::{Field, Frame, FrameSpec, Role, Size};

use crate::action::{Action, ActionContext, ActionSpec, Needs, Outgoing, Target};
use crate::condition::FrameRef;
use crate::misfire::MisfireCause;
use crate::params::{
    Arg, BuildError, MAX_DELAY_MS, Param, ParamKind, Template, bytes, flag, frame, link, number,
    text,
};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "inject",
    about: "send a frame nobody sent: from a template, from bytes, or a recorded one out of place",
    params: &[
        Param::new("to", ParamKind::Word(&["client", "server"]), "which end gets it"),
        Param::new(
            "template",
            ParamKind::Template,
            "a new frame; tags and lengths fill themselves in, other fields are zero",
        ),
        Param::new("hex", ParamKind::Hex, "or any bytes"),
        Param::new("frame", ParamKind::Frame, "or a recorded frame"),
        Param::new(
            "named",
            ParamKind::Named,
            "or a frame of an earlier recording: a table `[recorded.<name>]` of the scenario",
        ),
        Param::new(
            "link",
            ParamKind::Number(1, 1000),
            "on this link; on that of the rule if not given",
        ),
        Param::new("before", ParamKind::Flag, "ahead of the frame in hand, not after it"),
        Param::new(
            "new_connection",
            ParamKind::Flag,
            "on a connection of the attacker's own, to the port of the link",
        ),
        Param::new(
            "delay_ms",
            ParamKind::Number(1, MAX_DELAY_MS),
            "how much later, in virtual time",
        ),
    ],
    build: |args| {
        let to = match text(args, "to") {
            Some("client") => Side::Client,
            Some(_) => Side::Server,
            None => return Err(BuildError("`inject` needs `to`")),
        };
        let raw = match (bytes(args, "hex"), bytes(args, "named")) {
            (Some(_), Some(_)) => return Err(BuildError(ONE_OF)),
            (hex, named) => hex.or(named),
        };
        let content = match (args.get("template"), raw, frame(args, "frame")) {
            (Some(Arg::Template(template)), None, None) => Content::Template(template.clone()),
            (None, Some(bytes), None) => Content::Raw(bytes.into()),
            (None, None, Some(frame)) => Content::Recorded(frame),
            _ => return Err(BuildError(ONE_OF)),
        };
        if matches!(&content, Content::Raw(bytes) if bytes.is_empty()) {
            return Err(BuildError("there is nothing to inject: give at least one byte"));
        }
        let new_connection = flag(args, "new_connection");
        if new_connection && to == Side::Client {
            return Err(BuildError("a new connection goes to the server"));
        }
        let before = flag(args, "before");
        let delay = Duration::from_millis(number(args, "delay_ms").unwrap_or(0));
        let link = link(args);
        Ok(Arc::new(Inject { to, content, link, before, new_connection, delay }))
    },
};

/// Send a new frame of this type to one end. Tags and lengths fill themselves in; a field that is not given is zero.
///
/// ```
/// use mitm_proxy::prelude::*;
///
/// let forged = Template { frame_type: "CLIENT_DATA".to_owned(), fields: Vec::new() };
/// let rule = Rule::new(when("SERVER_HELLO"), inject(Side::Server, forged));
/// # let _ = rule;
/// ```
pub fn inject(to: Side, template: Template) -> impl Action {
    Inject::new(to, Content::Template(template))
}

/// Send these bytes to one end, whatever they are.
pub fn inject_bytes(to: Side, bytes: impl Into<Bytes>) -> impl Action {
    Inject::new(to, Content::Raw(bytes.into()))
}

/// Send a recorded frame to one end, out of its place.
pub fn inject_recorded(to: Side, frame: FrameRef) -> impl Action {
    Inject::new(to, Content::Recorded(frame))
}

/// Send these bytes to the server on a connection of the attacker's own.
pub fn inject_on_new_connection(bytes: impl Into<Bytes>) -> impl Action {
    Inject { new_connection: true, ..Inject::new(Side::Server, Content::Raw(bytes.into())) }
}

const ONE_OF: &str = "give one of `template`, `hex`, `frame` and `named`";

#[derive(Debug)]
struct Inject {
    to: Side,
    content: Content,
    link: Option<u32>,
    before: bool,
    new_connection: bool,
    delay: Duration,
}

#[derive(Debug)]
enum Content {
    Template(Template),
    Raw(Bytes),
    Recorded(FrameRef),
}

impl Inject {
    /// On the link of the rule, at once, after the frame in hand.
    fn new(to: Side, content: Content) -> Self {
        let (link, before, new_connection, delay) = (None, false, false, Duration::ZERO);
        Self { to, content, link, before, new_connection, delay }
    }
}

impl Action for Inject {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let (frame, copy_of, what) = match &self.content {
            Content::Template(template) => {
                let spec = ctx.layout.frame(&template.frame_type);
                let spec =
                    spec.ok_or_else(|| MisfireCause::NoTemplateType(template.frame_type.clone()))?;
                let mut values: Vec<(&str, &[u8])> = Vec::new();
                for (name, value) in &template.fields {
                    // A field that this profile does not have is nobody's fault.
                    if spec.field(name).is_some() {
                        values.push((name, value));
                    }
                }
                // A field nobody gives a value is zero bytes.
                let zeros: Vec<(&str, Vec<u8>)> = missing(spec, &template.fields).collect();
                values.extend(zeros.iter().map(|(name, zeros)| (*name, &zeros[..])));
                let bytes = spec.assemble(&values).map_err(MisfireCause::Assemble)?;
                let frame = Frame { spec: spec.clone(), bytes: bytes.into() };
                (frame, None, format!("forged {}", template.frame_type))
            }
            Content::Raw(bytes) => {
                let spec = Arc::new(FrameSpec::raw());
                (Frame { spec, bytes: bytes.clone() }, None, "injected bytes".to_owned())
            }
            Content::Recorded(wanted) => {
                let (number, frame) = ctx.recorded(wanted)?;
                (frame, Some(number), format!("replay of {number}"))
            }
        };
        if frame.bytes.is_empty() {
            return Err(MisfireCause::NothingToInject(what));
        }
        let link = self.link.unwrap_or(ctx.link);
        let on = if self.new_connection {
            Target::NewConnection { like: link }
        } else {
            Target::Link(link)
        };
        let mut outgoing = Outgoing::made(frame, self.to, on, copy_of, what);
        outgoing.after = self.delay;
        if self.before {
            ctx.out.insert(0, outgoing);
        } else {
            ctx.out.push(outgoing);
        }
        Ok(())
    }

    fn needs(&self) -> Needs {
        match self.content {
            Content::Recorded(_) => Needs::Recordings,
            Content::Template(_) | Content::Raw(_) => Needs::Frame,
        }
    }
}

/// The fields of `spec` that are neither given nor fill themselves in, with as many zeros as they have bytes.
fn missing(
    spec: &FrameSpec,
    given: &[(String, Vec<u8>)],
) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let own = |field: &&Field| !matches!(field.role, Role::Tag(_)) && !field.role.is_length();
    let fields = spec.fields.iter().filter(own);
    fields.filter(|field| given.iter().all(|(name, _)| name != field.name)).map(|field| match field
        .size
    {
        Size::Fixed(size) => (field.name, vec![0; size]),
        _ => (field.name, Vec::new()),
    })
}
