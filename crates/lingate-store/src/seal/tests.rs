//! Tests of the envelope and the keyring: nothing but the very same value, purpose, identity and keys opens.

use zeroize::Zeroizing;

use super::*;

const IDENTITY: &[u8] = b"endpoint/credential/7";
const SECRET: &[u8] = b"sk-needle";

fn sealer() -> Sealer {
    let (keys, _) = DataKeys::first(&Zeroizing::new([7; 32])).unwrap();
    Sealer::new(&keys).unwrap()
}

fn unhex(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn what_was_sealed_opens() {
    let sealer = sealer();
    for plain in [&b""[..], b"x", SECRET, &[0; 100_000]] {
        let envelope = sealer.seal(Purpose::EndpointCredential, IDENTITY, plain).unwrap();
        assert_eq!(envelope.len(), plain.len() + super::super::OVERHEAD);
        assert_eq!(sealer.open(Purpose::EndpointCredential, IDENTITY, &envelope).unwrap(), plain);
    }
}

#[test]
fn the_header_is_the_documented_one() {
    let envelope = sealer().seal(Purpose::CacheEntry, IDENTITY, SECRET).unwrap();
    assert_eq!(&envelope[..9], b"LG\x01\x02\x02\x00\x00\x00\x01");
    assert!(!envelope.windows(SECRET.len()).any(|window| window == SECRET));
}

#[test]
fn the_same_value_never_looks_the_same() {
    let sealer = sealer();
    let one = sealer.seal(Purpose::CacheEntry, IDENTITY, SECRET).unwrap();
    assert_ne!(one, sealer.seal(Purpose::CacheEntry, IDENTITY, SECRET).unwrap());
}

#[test]
fn every_flipped_bit_is_refused() {
    let sealer = sealer();
    let envelope = sealer.seal(Purpose::EndpointCredential, IDENTITY, SECRET).unwrap();
    for bit in 0..envelope.len() * 8 {
        let mut changed = envelope.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(sealer.open(Purpose::EndpointCredential, IDENTITY, &changed), Err(SealError), "bit {bit}");
    }
}

#[test]
fn every_cut_and_any_addition_is_refused() {
    let sealer = sealer();
    let mut envelope = sealer.seal(Purpose::EndpointCredential, IDENTITY, SECRET).unwrap();
    for len in 0..envelope.len() {
        assert_eq!(sealer.open(Purpose::EndpointCredential, IDENTITY, &envelope[..len]), Err(SealError), "len {len}");
    }
    envelope.push(0);
    assert_eq!(sealer.open(Purpose::EndpointCredential, IDENTITY, &envelope), Err(SealError));
}

#[test]
fn another_identity_purpose_or_key_is_refused() {
    let sealer = sealer();
    let envelope = sealer.seal(Purpose::EndpointCredential, IDENTITY, SECRET).unwrap();
    assert_eq!(sealer.open(Purpose::EndpointCredential, b"endpoint/credential/8", &envelope), Err(SealError));
    assert_eq!(sealer.open(Purpose::EndpointCredential, b"", &envelope), Err(SealError));
    assert_eq!(sealer.open(Purpose::CacheEntry, IDENTITY, &envelope), Err(SealError));
    assert_eq!(self::sealer().open(Purpose::EndpointCredential, IDENTITY, &envelope), Err(SealError));
}

#[test]
fn another_purpose_has_another_key() {
    // The header alone would refuse it too, so the header is changed as an attacker would.
    let sealer = sealer();
    let mut envelope = sealer.seal(Purpose::EndpointCredential, IDENTITY, SECRET).unwrap();
    envelope[4] = Purpose::CacheEntry.id().0;
    assert_eq!(sealer.open(Purpose::CacheEntry, IDENTITY, &envelope), Err(SealError));
}

#[test]
fn bytes_cannot_move_between_identity_and_value() {
    let sealer = sealer();
    let envelope = sealer.seal(Purpose::CacheEntry, b"ab", b"c").unwrap();
    assert_eq!(sealer.open(Purpose::CacheEntry, b"a", &envelope), Err(SealError));
    assert_eq!(sealer.open(Purpose::CacheEntry, b"abc", &envelope), Err(SealError));
}

#[test]
fn wrapped_keys_open_with_their_master_key_and_term_only() {
    let master = Zeroizing::new([7; 32]);
    let (_, wrapped) = DataKeys::first(&master).unwrap();
    assert!(DataKeys::unwrap_all(&master, &[(FIRST_TERM, wrapped.clone())]).is_ok());
    assert!(DataKeys::unwrap_all(&Zeroizing::new([8; 32]), &[(FIRST_TERM, wrapped.clone())]).is_err());
    assert!(DataKeys::unwrap_all(&master, &[(2, wrapped)]).is_err());
    assert!(DataKeys::unwrap_all(&master, &[]).is_err());
}

#[test]
fn an_older_term_opens_and_the_newest_seals() {
    let old = DataKeys(BTreeMap::from([(1, Zeroizing::new([1; 32]))]));
    let both = DataKeys(BTreeMap::from([(1, Zeroizing::new([1; 32])), (2, Zeroizing::new([2; 32]))]));
    let (old, both) = (Sealer::new(&old).unwrap(), Sealer::new(&both).unwrap());
    let envelope = old.seal(Purpose::CacheEntry, IDENTITY, SECRET).unwrap();
    assert_eq!(both.open(Purpose::CacheEntry, IDENTITY, &envelope).unwrap(), SECRET);
    let envelope = both.seal(Purpose::CacheEntry, IDENTITY, SECRET).unwrap();
    assert_eq!(term_of(&envelope), Some(2));
    assert_eq!(old.open(Purpose::CacheEntry, IDENTITY, &envelope), Err(SealError));
}

/// What a released lingate wrote must open for ever: a change of the format or of a derivation fails here.
#[test]
fn version_one_opens_for_ever() {
    let master = Zeroizing::new(*b"0123456789abcdef0123456789abcdef");
    let keys = DataKeys::unwrap_all(&master, &[(FIRST_TERM, unhex(WRAPPED))]).unwrap();
    let sealer = Sealer::new(&keys).unwrap();
    assert_eq!(sealer.open(Purpose::EndpointCredential, IDENTITY, &unhex(CREDENTIAL)).unwrap(), SECRET);
    assert_eq!(sealer.open(Purpose::CacheEntry, IDENTITY, &unhex(ENTRY)).unwrap(), SECRET);
    assert_eq!(sealer.cache_file_name("tags"), FILE_NAME);
}

const WRAPPED: &str = "4c470102000000000118244be19a054b99b1e77fde7d05a79306f309ad211af6919b\
    583cb608c69a615af968b89b6d2c3692b537771606e211a70b87bb5c8df301ffa5df5c";
const CREDENTIAL: &str = "4c47010201000000014ec1671c738451f5a1c73cec044cc7cff44660a63f77968e71982f283d081c8f6ea5a56736";
const ENTRY: &str = "4c470102020000000162db4180f69cb14e536e31b9a5a1c2a130a0eff322da2d72d0b594fed06bb7f11c88039786";
const FILE_NAME: &str = "42fb85249eee3e7bf58f7b44476e8de1bd4b1958dc795de0591d7cd2dae5f804";

#[test]
fn debug_shows_no_key() {
    let keys = DataKeys(BTreeMap::from([(1, Zeroizing::new([0xAB; 32]))]));
    assert_eq!(format!("{:?}", Sealer::new(&keys).unwrap()), "Sealer { terms: 1, .. }");
}
