//! Numbers in frames, and what a length declares.

/// How a number is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Encoding {
    /// Binary, the most significant byte first.
    Big,
    /// Binary, the least significant byte first.
    Little,
    /// ASCII decimal digits.
    Digits,
}

/// A big-endian number of at most 8 bytes; longer ones keep their last 8.
pub fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

impl Encoding {
    /// The number in a field; nothing for digits that are none, or too many.
    pub fn read(self, field: &[u8]) -> Option<u64> {
        match self {
            Self::Big => Some(number(field)),
            Self::Little => {
                let bytes = field.iter().take(8).rev();
                Some(bytes.fold(0, |value, byte| value << 8 | u64::from(*byte)))
            }
            Self::Digits => {
                let text = std::str::from_utf8(field).ok().filter(|text| !text.starts_with('+'));
                text.and_then(|text| text.parse().ok())
            }
        }
    }

    /// A field of `size` bytes with this number. One that does not fit loses its highest digits. A field of 0 bytes
    /// has no fixed size: it has as many digits as the number.
    pub fn write(self, value: u64, size: usize) -> Vec<u8> {
        let mut field = match self {
            Self::Big => [vec![0; size.saturating_sub(8)], value.to_be_bytes().to_vec()].concat(),
            Self::Little => {
                let mut field = value.to_le_bytes().to_vec();
                field.resize(size, 0);
                return field;
            }
            Self::Digits => format!("{value:0size$}").into_bytes(),
        };
        match size {
            0 => field,
            _ => field.split_off(field.len().saturating_sub(size)),
        }
    }

    /// The largest number a field of `size` bytes can hold, of those that fit into 64 bits.
    pub fn largest(self, size: usize) -> u64 {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let end = match self {
            Self::Big | Self::Little => 1u64.checked_shl(size.saturating_mul(8)),
            Self::Digits => 10u64.checked_pow(size),
        };
        end.map_or(u64::MAX, |end| end - 1)
    }
}

/// What a length field says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Length {
    /// How it is written.
    pub encoding: Encoding,
    /// Which bytes it counts.
    pub counts: Counts,
    /// What is declared beyond that; negative if some of those bytes are not counted, such as a MAC at the end.
    pub plus: i64,
}

/// Which bytes a length counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Counts {
    /// Those behind it, to the end of the frame. A delimiter of its own is in front of them.
    Following,
    /// All of the frame.
    Frame,
}

impl Length {
    /// The number of bytes that follow it.
    pub const fn following(encoding: Encoding) -> Self {
        Self { encoding, counts: Counts::Following, plus: 0 }
    }

    /// The bytes of the frame, if `field` is what stands in it and ends at `end`. What cannot be is 0 or the
    /// largest number: neither is allowed in any frame.
    pub fn total(self, field: &[u8], end: usize) -> usize {
        let Some(declared) = self.encoding.read(field) else { return usize::MAX };
        let before = match self.counts {
            Counts::Following => end,
            Counts::Frame => 0,
        };
        let total = i128::from(declared) - i128::from(self.plus) + before as i128;
        usize::try_from(total.max(0)).unwrap_or(usize::MAX)
    }

    /// What it declares in a frame of `total` bytes, if it ends at `end`.
    pub fn declares(self, end: usize, total: usize) -> u64 {
        let counted = match self.counts {
            Counts::Following => total.saturating_sub(end),
            Counts::Frame => total,
        };
        u64::try_from((counted as i128 + i128::from(self.plus)).max(0)).unwrap_or(u64::MAX)
    }
}
