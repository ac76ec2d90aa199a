//! What an endpoint refuses something by: the checks, each with a name that scenario files and reports use.

use std::fmt::{self, Display};

/// A refusal: the exact check that failed, and the field it looked at. It goes to the trace; what
/// goes on the wire is whatever the system really sends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Reject {
    /// The check that failed.
    pub check: Check,
    /// The field or thing it looked at.
    pub field: &'static str,
}

impl Reject {
    /// `check` failed on `field`.
    pub const fn new(check: Check, field: &'static str) -> Self {
        Self { check, field }
    }
}

impl Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.check.name(), self.field)
    }
}

crate::open_named_enum! {
    /// The checks an endpoint can refuse something by. Scenario files name them in `blocked_by`.
    Check {
        /// A declared length is outside what the frame allows.
        Length = "length",
        /// The frame is not of the declared form.
        Layout = "layout",
        /// The frame type is not known, or not allowed for this sender.
        Opcode = "opcode",
        /// The frame type is known, but not now.
        Phase = "phase",
        /// The claimed identity has no key here.
        Identity = "identity",
        /// The password is not that of the user.
        Password = "password",
        /// The frame belongs to a session on another connection.
        Connection = "connection",
        /// The message authentication code is wrong.
        Mac = "mac",
        /// The padding is wrong.
        Padding = "padding",
        /// Public-key decryption failed.
        Decryption = "decryption",
        /// The sequence number of a record is not the next one.
        Sequence = "sequence",
        /// The round number is not the expected one.
        Round = "round",
        /// The direction byte is not the expected one.
        Direction = "direction",
        /// The certificate is not signed by the CA.
        Certificate = "certificate",
        /// The name in a certificate is not the expected one.
        Name = "name",
        /// A certificate is not valid at this time.
        Validity = "validity",
        /// A signature is wrong.
        Signature = "signature",
        /// An acknowledgement is not the expected one.
        Acknowledgement = "acknowledgement",
        /// The decrypted content is not of the expected form.
        Content = "content",
        /// A number is not finite, or so large that a sum with others might not be.
        Value = "value",
        /// A sequence number, round or epoch is the last of its width: the next would repeat an earlier one.
        Exhausted = "exhausted",
        /// The peer was silent for too long.
        Timeout = "timeout",
    }
}

impl Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
