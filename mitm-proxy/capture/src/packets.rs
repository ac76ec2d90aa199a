//! The packets of a file, pcapng or pcap, whatever its byte order and its units of time.

use std::io::Read;

use super::error::Why;
use super::format::LARGEST;
use super::source::{Broken, Endian, Fields, Source};

pub(super) const SECTION: u32 = 0x0A0D_0D0A;
pub(super) const INTERFACE: u32 = 1;
pub(super) const OBSOLETE_PACKET: u32 = 2;
pub(super) const SIMPLE_PACKET: u32 = 3;
pub(super) const ENHANCED_PACKET: u32 = 6;

const OPTION_RESOLUTION: u16 = 9;
const OPTION_OFFSET: u16 = 14;

/// A section with more interfaces than this is an attack on memory.
const MOST_INTERFACES: usize = 1 << 16;

/// Packets of an input, one after the other.
#[derive(Debug)]
pub(super) struct Packets<R> {
    source: Source<R>,
    kind: Kind,
    /// The section a pcapng file begins with, until somebody has asked for it.
    first: Option<Block>,
}

/// A block of a pcapng file that has been read: its body is in the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) kind: u32,
    pub(super) endian: Endian,
    offset: u64,
    /// Of the whole block, in bytes.
    length: u32,
    /// The first bytes of a section's body.
    order: Option<[u8; 4]>,
}

/// A packet, not looked into.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    /// Nanoseconds since 1970, where the file says so.
    pub(super) at: Option<u64>,
    /// `LINKTYPE_` number; nothing if its interface is unknown.
    pub(super) link: Option<u16>,
    pub(super) bytes: &'a [u8],
    /// How many bytes it had on the wire.
    pub(super) whole: u32,
    /// Its block says that it has more bytes than the block.
    pub(super) overlong: bool,
}

#[derive(Debug)]
enum Kind {
    Pcap { endian: Endian, clock: Clock, link: u16 },
    Pcapng { endian: Endian, interfaces: Vec<Interface> },
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: u16,
    /// Bytes of a packet that are kept; 0: all.
    kept: u32,
    clock: Clock,
}

/// A unit of time and where counting begins.
#[derive(Clone, Copy, Debug)]
struct Clock {
    unit: Unit,
    /// Seconds after 1970.
    offset: i64,
}

#[derive(Clone, Copy, Debug)]
enum Unit {
    /// So many nanoseconds.
    Long(u64),
    /// So many to a nanosecond.
    Short(u64),
    /// 2 to the power of this many to a second.
    Binary(u32),
}

impl<R: Read> Packets<R> {
    /// Read the head of a file.
    pub(super) fn new(input: R) -> Result<Self, Broken> {
        let mut source = Source::new(input);
        let found: [u8; 4] = source.array("a file's magic number")?;
        let clock = |nanoseconds| Clock { unit: Unit::Long(nanoseconds), offset: 0 };
        let (endian, clock) = match u32::from_be_bytes(found) {
            SECTION => {
                let (endian, interfaces) = (Endian::Little, Vec::new());
                let kind = Kind::Pcapng { endian, interfaces };
                let mut packets = Self { source, kind, first: None };
                packets.first = Some(packets.section(0)?);
                return Ok(packets);
            }
            0xA1B2_C3D4 => (Endian::Big, clock(1000)),
            0xD4C3_B2A1 => (Endian::Little, clock(1000)),
            0xA1B2_3C4D => (Endian::Big, clock(1)),
            0x4D3C_B2A1 => (Endian::Little, clock(1)),
            _ => return Err(Broken { offset: 0, why: Why::NotACapture { found } }),
        };
        let head: [u8; 20] = source.array("a pcap file's head")?;
        let mut fields = Fields { rest: &head, endian };
        let (major, minor) = version(&mut fields);
        if major != 2 {
            return Err(Broken { offset: 4, why: Why::Version { major, minor } });
        }
        // Time zone, accuracy and length kept are of no use. The upper half of the type is about checksums.
        fields.array::<12>();
        let link = fields.u32().unwrap_or_default() & 0xffff;
        let link = u16::try_from(link).unwrap_or_default();
        Ok(Self { source, kind: Kind::Pcap { endian, clock, link }, first: None })
    }

    /// The link type of a pcap file; nothing for pcapng, where interfaces have one each.
    pub(super) fn link(&self) -> Option<u16> {
        match &self.kind {
            Kind::Pcap { link, .. } => Some(*link),
            Kind::Pcapng { .. } => None,
        }
    }

    /// Bytes that have been read.
    pub(super) fn offset(&self) -> u64 {
        self.source.offset
    }

    /// The next packet; nothing at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Packet<'_>>, Broken> {
        match &self.kind {
            Kind::Pcap { endian, clock, link } => {
                let (endian, clock, link) = (*endian, *clock, *link);
                self.record(endian, clock, link)
            }
            Kind::Pcapng { .. } => self.blocks(),
        }
    }

    fn record(
        &mut self,
        endian: Endian,
        clock: Clock,
        link: u16,
    ) -> Result<Option<Packet<'_>>, Broken> {
        let offset = self.source.offset;
        let Some([a, b, c, whole]) = self.source.head::<16>("a packet's head")?.map(|head| {
            let mut fields = Fields { rest: &head, endian };
            [(); 4].map(|()| fields.u32().unwrap_or_default())
        }) else {
            return Ok(None);
        };
        if c > LARGEST {
            return Err(Broken { offset, why: Why::PacketLength { length: c } });
        }
        self.source.body(c, "a packet")?;
        let at = u64::from(a) * 1_000_000_000 + clock.nanoseconds(u64::from(b));
        let bytes = self.source.bytes(c);
        Ok(Some(Packet { at: Some(at), link: Some(link), bytes, whole, overlong: false }))
    }

    /// The next block of a pcapng file; nothing at its end.
    pub(super) fn block(&mut self) -> Result<Option<Block>, Broken> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let offset = self.source.offset;
        let Some(kind) = self.source.head::<4>("a block's type")? else { return Ok(None) };
        if u32::from_be_bytes(kind) == SECTION {
            return self.section(offset).map(Some);
        }
        let Kind::Pcapng { endian, .. } = self.kind else { return Ok(None) };
        let length = endian.u32(self.source.array("a block's length")?);
        self.rest(offset, endian, length, 12)?;
        Ok(Some(Block { kind: endian.u32(kind), endian, offset, length, order: None }))
    }

    /// The body of the block read last, in two pieces.
    pub(super) fn body<'a>(&'a self, block: &'a Block) -> [&'a [u8]; 2] {
        let order = block.order.as_ref().map_or(&[][..], |order| order);
        let rest = block
            .length
            .saturating_sub(12)
            .saturating_sub(u32::try_from(order.len()).unwrap_or_default());
        [order, self.source.bytes(rest)]
    }

    /// Blocks up to and with the next that has a packet.
    fn blocks(&mut self) -> Result<Option<Packet<'_>>, Broken> {
        loop {
            let Some(block) = self.block()? else { return Ok(None) };
            let Block { kind, endian, offset, length, .. } = block;
            let Kind::Pcapng { interfaces, .. } = &mut self.kind else { return Ok(None) };
            let body = self.source.bytes(length.saturating_sub(12));
            let mut fields = Fields { rest: body, endian };
            let short = Broken { offset, why: Why::BlockLength { length } };
            match kind {
                INTERFACE => {
                    if interfaces.len() == MOST_INTERFACES {
                        return Err(Broken { offset, why: Why::Interfaces });
                    }
                    interfaces.push(Interface::read(&mut fields).ok_or(short)?);
                }
                ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET => {
                    let found = Found::read(kind, &mut fields, interfaces).ok_or(short)?;
                    let start = body.len() - fields.rest.len();
                    let held = fields.rest.len();
                    let (_, bytes) = self.source.bytes(length.saturating_sub(12)).split_at(start);
                    let kept = found.kept as usize;
                    let bytes = bytes.get(..kept.min(held)).unwrap_or_default();
                    let Found { at, link, whole, .. } = found;
                    return Ok(Some(Packet { at, link, bytes, whole, overlong: kept > held }));
                }
                _ => {}
            }
        }
    }

    /// The head of a section, after its type.
    fn section(&mut self, offset: u64) -> Result<Block, Broken> {
        let length = self.source.array("a section's length")?;
        let order: [u8; 4] = self.source.array("a section's byte order")?;
        let endian = match u32::from_be_bytes(order) {
            0x1A2B_3C4D => Endian::Big,
            0x4D3C_2B1A => Endian::Little,
            _ => return Err(Broken { offset: offset + 8, why: Why::ByteOrder { found: order } }),
        };
        let length = endian.u32(length);
        if length < 28 {
            return Err(Broken { offset, why: Why::BlockLength { length } });
        }
        self.rest(offset, endian, length, 16)?;
        let mut fields = Fields { rest: self.source.bytes(4), endian };
        let (major, minor) = version(&mut fields);
        if major != 1 {
            return Err(Broken { offset: offset + 12, why: Why::Version { major, minor } });
        }
        self.kind = Kind::Pcapng { endian, interfaces: Vec::new() };
        Ok(Block { kind: SECTION, endian, offset, length, order: Some(order) })
    }

    /// A block's body into the buffer, and its end, where all but so many bytes are still to come.
    fn rest(&mut self, offset: u64, endian: Endian, length: u32, less: u32) -> Result<(), Broken> {
        if length > LARGEST || !length.is_multiple_of(4) || length < less {
            return Err(Broken { offset, why: Why::BlockLength { length } });
        }
        self.source.body(length - less, "a block")?;
        let end = self.source.offset;
        let last = endian.u32(self.source.array("a block's length at its end")?);
        if last != length {
            return Err(Broken { offset: end, why: Why::BlockEnd { first: length, last } });
        }
        Ok(())
    }
}

/// What a block says of its packet.
struct Found {
    at: Option<u64>,
    link: Option<u16>,
    kept: u32,
    whole: u32,
}

impl Found {
    fn read(kind: u32, fields: &mut Fields<'_>, interfaces: &[Interface]) -> Option<Self> {
        if kind == SIMPLE_PACKET {
            let length = fields.u32()?;
            let interface = interfaces.first();
            let kept = match interface {
                Some(interface) if interface.kept > 0 => length.min(interface.kept),
                _ => length,
            };
            return Some(Self { at: None, link: interface.map(|it| it.link), kept, whole: length });
        }
        let interface = if kind == ENHANCED_PACKET {
            fields.u32()? as usize
        } else {
            let number = usize::from(fields.u16()?);
            // How many packets were lost before.
            fields.u16()?;
            number
        };
        let interface = interfaces.get(interface);
        let units = fields.halves()?;
        let kept = fields.u32()?;
        let whole = fields.u32()?;
        let at = interface.map(|interface| interface.clock.since_1970(units));
        Some(Self { at, link: interface.map(|interface| interface.link), kept, whole })
    }
}

impl Interface {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let link = fields.u16()?;
        fields.u16()?;
        let kept = fields.u32()?;
        let mut clock = Clock { unit: Unit::Long(1000), offset: 0 };
        let endian = fields.endian;
        while let Some((code, value)) = fields.option() {
            match (code, value) {
                (OPTION_RESOLUTION, [resolution, ..]) => clock.unit = Unit::of(*resolution),
                (OPTION_OFFSET, value) => {
                    let seconds = Fields { rest: value, endian }.u64();
                    clock.offset = seconds.unwrap_or_default().cast_signed();
                }
                _ => {}
            }
        }
        Some(Self { link, kept, clock })
    }
}

impl Unit {
    /// `if_tsresol`: a power of ten, or of two where the first bit is set.
    fn of(resolution: u8) -> Self {
        let power = u32::from(resolution & 0x7f);
        if resolution & 0x80 != 0 {
            Self::Binary(power)
        } else if power <= 9 {
            Self::Long(10_u64.pow(9 - power))
        } else {
            Self::Short(10_u64.checked_pow(power - 9).unwrap_or(u64::MAX))
        }
    }
}

impl Clock {
    fn nanoseconds(self, units: u64) -> u64 {
        match self.unit {
            Unit::Long(each) => units.saturating_mul(each),
            Unit::Short(many) => units / many,
            Unit::Binary(power) => {
                let nanoseconds = (u128::from(units) * 1_000_000_000) >> power;
                u64::try_from(nanoseconds).unwrap_or(u64::MAX)
            }
        }
    }

    fn since_1970(self, units: u64) -> u64 {
        let nanoseconds = self.nanoseconds(units);
        if self.offset == 0 {
            return nanoseconds;
        }
        let all = i128::from(nanoseconds) + i128::from(self.offset) * 1_000_000_000;
        u64::try_from(all.max(0)).unwrap_or(u64::MAX)
    }
}

fn version(fields: &mut Fields<'_>) -> (u16, u16) {
    (fields.u16().unwrap_or_default(), fields.u16().unwrap_or_default())
}
