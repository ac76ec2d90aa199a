//! The file `scenarios layout new` writes: a protocol in a few frames, every key explained.

/// A commented layout file for a protocol of this name.
pub fn starter(name: &str) -> String {
    TEMPLATE.replace("NAME", name)
}

const TEMPLATE: &str = r#"# What reports call the protocol.
name = "NAME"

# One line, shown by `scenarios layout check`.
about = "Numbered messages with a MAC, and a line of text to say goodbye."

# One name for each port the server listens on.
ports = ["main"]

# The frames of the protocol. What arrives is measured against one type after the other, in this order, and the first
# whose tags fit is taken. Bytes that fit none come out as RAW: the attacker passes them on as they are.
[[frame]]
name = "MSG"
# Who sends it, "client" or "server"; both, if not given.
from = "client"
# On connections to which of the `ports`; all, if not given.
# port = "main"
# The largest frame, in bytes, header included; 1 MiB if not given.
max = 65536
# Fields in the order they are sent. What a field is:
#   tag = "MG", tag = { hex = "4d47" }   always these bytes: they tell the type
#   length = "u16"                       how long the frame is: u8, u16, u24 … u64, or "digits"
#     order = "little"                   its bytes, if not "big"
#     counts = "rest"                    what follows it; "frame" is all of the frame, ["body"] only these fields
#     plus = 4                           and so many more (or fewer: -4) are declared
#   number = "u32"                       a number rules can compare; order as above, or "digits"
#   role = "mac"                         or nonce, iv, ciphertext, signature, certificate, public-key, bytes
# and where it ends, if that does not say so already:
#   bytes = 32                           after so many bytes
#   rest = true                          where the others leave it: needs a length before it
#   until = "|", until = { hex = "00" }  at this delimiter, which belongs to the frame and to no field
#   json = true                          at the brace that closes a JSON object
#   member = "seq"                       it is a member of the JSON object before it
fields = [
  { name = "magic", tag = "MG" },
  { name = "length", length = "u16" },
  { name = "seq", number = "u32" },
  { name = "body", rest = true, role = "ciphertext" },
  { name = "mac", bytes = 32, role = "mac" },
]

# A line: its last delimiter ends the frame.
[[frame]]
name = "BYE"
fields = [
  { name = "word", tag = "BYE", until = "|" },
  { name = "count", number = "digits", until = "\n" },
]

# A frame that is one JSON object, and what ends it. Members of a fixed value tell such types apart.
# [[frame]]
# name = "HELLO"
# json = true
# fields = [
#   { name = "type", member = "type", tag = "hello" },
#   { name = "nonce", member = "nonce", role = "nonce" },
#   { name = "newline", tag = "\n" },
# ]

# Nothing in the bytes says where it ends: what one read returns is one frame.
# [[frame]]
# name = "READ"
# one-read = true
# fields = [{ name = "bytes", rest = true }]
"#;
