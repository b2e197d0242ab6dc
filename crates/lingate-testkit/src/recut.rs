//! Re-cuts: the same bytes in other pieces, for the property that framing does not depend on where a read ends.

/// Every way to cut `bytes` in two (at each byte, so also inside UTF-8 sequences and line ends), the whole in one
/// piece first and byte by byte last. No piece is empty, and the pieces of each cut put together are `bytes`.
///
/// `bytes.len() + 1` cuts for two or more bytes; one cut for a single byte; a single cut without pieces for none.
pub fn recuts(bytes: &[u8]) -> impl Iterator<Item = Vec<Vec<u8>>> + '_ {
    let whole = if bytes.is_empty() { Vec::new() } else { vec![bytes.to_vec()] };
    let halves = (1..bytes.len()).map(|at| vec![bytes[..at].to_vec(), bytes[at..].to_vec()]);
    let single = (bytes.len() > 1).then(|| bytes.iter().map(|byte| vec![*byte]).collect());
    std::iter::once(whole).chain(halves).chain(single)
}

#[cfg(test)]
mod tests {
    use super::recuts;

    #[test]
    fn every_cut_keeps_the_bytes() {
        let bytes = "data: é\r\n\r\n".as_bytes();
        let cuts: Vec<_> = recuts(bytes).collect();
        assert_eq!(cuts.len(), bytes.len() + 1);
        for cut in &cuts {
            assert!(cut.iter().all(|piece| !piece.is_empty()));
            assert_eq!(cut.concat(), bytes);
        }
        assert_eq!(cuts[0].len(), 1);
        assert_eq!(cuts[3], vec![b"dat".to_vec(), bytes[3..].to_vec()]);
        assert_eq!(cuts[bytes.len()].len(), bytes.len());
    }

    #[test]
    fn the_short_ones() {
        assert_eq!(recuts(b"").collect::<Vec<_>>(), vec![Vec::<Vec<u8>>::new()]);
        assert_eq!(recuts(b"a").collect::<Vec<_>>(), vec![vec![b"a".to_vec()]]);
        assert_eq!(recuts(b"ab").count(), 3);
    }
}
