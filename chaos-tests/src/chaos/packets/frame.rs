//! Packets as they are on a line. Pure.
//!
//! Between interfaces that exist in memory only the kernel leaves work to a network card that is not
//! there: it hands over segments of up to 64 KB to be cut up, and checksums to be filled in. Whoever
//! takes packets out of the kernel and puts them back does that work.

/// Destination, source and type.
const LINK: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const TCP: u8 = 6;
const UDP: u8 = 17;
/// More fragments, or an offset: only a part of what the checksum is over.
const FRAGMENT: u16 = 0x3fff;

const FIN: u8 = 0x01;
const PUSH: u8 = 0x08;
/// The congestion window was reduced: said once.
const REDUCED: u8 = 0x80;

/// What a frame is on a line of this MTU: itself with its checksum, or a few segments.
pub(super) fn packets(frame: &[u8], mtu: usize) -> Vec<Vec<u8>> {
    match Layout::of(frame) {
        Some(layout) if layout.protocol == TCP && layout.end > LINK + mtu => {
            segments(frame, &layout, mtu)
        }
        Some(layout) => {
            let mut packet = frame.to_vec();
            seal(&mut packet, &layout);
            vec![packet]
        }
        None => vec![frame.to_vec()],
    }
}

/// Where what is in a frame, in bytes from its beginning.
struct Layout {
    protocol: u8,
    /// The TCP or UDP header.
    inner: usize,
    payload: usize,
    end: usize,
}

impl Layout {
    /// `None` if it is not a whole TCP or UDP packet over IPv4.
    fn of(frame: &[u8]) -> Option<Self> {
        let ip = frame.get(LINK..LINK + 20)?;
        let is_whole = number(ip, 6)? & FRAGMENT == 0;
        if frame.get(12..14)? != IPV4 || ip[0] >> 4 != 4 || !is_whole {
            return None;
        }
        let (inner, protocol) = (LINK + usize::from(ip[0] & 0x0f) * 4, ip[9]);
        let end = LINK + usize::from(number(ip, 2)?);
        let payload = match protocol {
            TCP => inner + usize::from(frame.get(inner + 12)? >> 4) * 4,
            UDP => inner + 8,
            _ => return None,
        };
        (payload <= end && end <= frame.len()).then_some(Self { protocol, inner, payload, end })
    }
}

fn segments(frame: &[u8], layout: &Layout, mtu: usize) -> Vec<Vec<u8>> {
    let &Layout { protocol, inner, payload, end } = layout;
    let headers = &frame[..payload];
    let first = u32::from_be_bytes([4, 5, 6, 7].map(|at| frame[inner + at]));
    let id = number(frame, LINK + 4).unwrap_or_default();
    let mut made = Vec::new();
    let mut at = payload;
    while at < end {
        let until = end.min(at + LINK + mtu - payload);
        let mut segment = headers.to_vec();
        segment.extend_from_slice(&frame[at..until]);
        let size = (segment.len() - LINK) as u16;
        segment[LINK + 2..LINK + 4].copy_from_slice(&size.to_be_bytes());
        let id = id.wrapping_add(made.len() as u16);
        segment[LINK + 4..LINK + 6].copy_from_slice(&id.to_be_bytes());
        segment[LINK + 10..LINK + 12].fill(0);
        let sum = folded(sum(&segment[LINK..inner]));
        segment[LINK + 10..LINK + 12].copy_from_slice(&sum.to_be_bytes());
        let sequence = first.wrapping_add((at - payload) as u32);
        segment[inner + 4..inner + 8].copy_from_slice(&sequence.to_be_bytes());
        if at > payload {
            segment[inner + 13] &= !REDUCED;
        }
        if until < end {
            segment[inner + 13] &= !(FIN | PUSH);
        }
        let end = segment.len();
        seal(&mut segment, &Layout { protocol, inner, payload, end });
        made.push(segment);
        at = until;
    }
    made
}

/// Fills in the checksum of what is inside.
fn seal(packet: &mut [u8], layout: &Layout) {
    let &Layout { protocol, inner, end, .. } = layout;
    let place = inner + if protocol == TCP { 16 } else { 6 };
    // A UDP packet need not have one.
    if protocol == UDP && number(packet, place) == Some(0) {
        return;
    }
    packet[place..place + 2].fill(0);
    let addresses = sum(&packet[LINK + 12..LINK + 20]);
    let whole = addresses + u64::from(protocol) + (end - inner) as u64 + sum(&packet[inner..end]);
    let sum = match folded(whole) {
        0 if protocol == UDP => u16::MAX,
        sum => sum,
    };
    packet[place..place + 2].copy_from_slice(&sum.to_be_bytes());
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn sum(bytes: &[u8]) -> u64 {
    let pair =
        |pair: &[u8]| (u64::from(pair[0]) << 8) | pair.get(1).map_or(0, |byte| u64::from(*byte));
    bytes.chunks(2).map(pair).sum()
}

/// The Internet's checksum of a sum (RFC 1071).
fn folded(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A TCP packet with options, its checksum not filled in.
    fn frame(payload: &[u8], flags: u8) -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend(IPV4);
        let size = (20 + 32 + payload.len()) as u16;
        frame.extend([0x45, 0]);
        frame.extend(size.to_be_bytes());
        frame.extend([0xff, 0xff, 0x40, 0, 64, TCP, 0, 0, 10, 1, 2, 3, 10, 1, 2, 4]);
        frame.extend([0x1f, 0x90, 0xc3, 0x50, 0xff, 0xff, 0xff, 0x00, 0, 0, 0, 9]);
        frame.extend([0x80, flags, 1, 1, 0xab, 0xcd, 0, 0]);
        frame.extend([1; 12]);
        frame.extend(payload);
        frame
    }

    /// Right checksums add up to nothing.
    #[track_caller]
    fn is_sealed(packet: &[u8]) {
        let layout = Layout::of(packet).expect("a packet");
        let inner = &packet[layout.inner..layout.end];
        let whole = sum(&packet[LINK + 12..LINK + 20]) + u64::from(layout.protocol);
        assert_eq!(folded(whole + inner.len() as u64 + sum(inner)), 0);
    }

    #[test]
    fn a_small_packet_gets_its_checksum_and_nothing_else() {
        for payload in [&b""[..], b"x", b"hello"] {
            let frame = frame(payload, PUSH);
            let packets = packets(&frame, 1_500);
            let [packet] = &packets[..] else { panic!("one packet") };
            is_sealed(packet);
            let place = LINK + 20 + 16;
            assert_eq!(packet[..place], frame[..place]);
            assert_eq!(packet[place + 2..], frame[place + 2..]);
        }
    }

    #[test]
    fn a_large_segment_is_cut_up() {
        let payload: Vec<u8> = (0..10_001_u32).map(|n| (n % 251) as u8).collect();
        let packets = packets(&frame(&payload, FIN | PUSH | REDUCED | 0x10), 1_500);
        assert_eq!(packets.len(), payload.len().div_ceil(1_448));
        let mut all = Vec::new();
        for (at, packet) in packets.iter().enumerate() {
            assert!(packet.len() <= LINK + 1_500);
            is_sealed(packet);
            assert_eq!(folded(sum(&packet[LINK..LINK + 20])), 0, "the header's own checksum");
            let layout = Layout::of(packet).expect("a packet");
            let sequence = u32::from_be_bytes([4, 5, 6, 7].map(|at| packet[layout.inner + at]));
            assert_eq!(sequence, 0xffff_ff00_u32.wrapping_add(all.len() as u32));
            let (is_first, is_last) = (at == 0, at + 1 == packets.len());
            let mut want = 0x10;
            want |= if is_first { REDUCED } else { 0 };
            want |= if is_last { FIN | PUSH } else { 0 };
            assert_eq!(packet[layout.inner + 13], want);
            all.extend_from_slice(&packet[layout.payload..layout.end]);
        }
        assert_eq!(all, payload);
    }

    #[test]
    fn what_is_not_understood_is_passed_as_it_is() {
        let mut fragment = frame(b"hello", 0);
        fragment[LINK + 6] = 0x20;
        let mut lies = frame(b"hello", 0);
        lies[LINK + 2] = 0xff;
        for frame in [vec![1; 9], vec![3; 60], fragment, lies] {
            assert_eq!(packets(&frame, 1_500), [frame]);
        }
    }
}
