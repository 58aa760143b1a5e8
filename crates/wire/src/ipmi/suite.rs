//! The cipher suites: what they are made of, and the primitives under them.

use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};

use super::Malformed;

const BLOCK: usize = 16;

/// A cipher suite of RMCP+; both encrypt with AES-CBC-128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Suite {
    /// Suite 3: HMAC-SHA1, HMAC-SHA1-96.
    Sha1,
    /// Suite 17: HMAC-SHA256, HMAC-SHA256-128.
    Sha256,
}

impl Suite {
    /// Every suite, the better first.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha1];

    /// The suite's number.
    pub const fn id(self) -> u8 {
        match self {
            Self::Sha1 => 3,
            Self::Sha256 => 17,
        }
    }

    /// The suite with this number.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.id() == id)
    }

    /// Authentication, integrity and confidentiality algorithm numbers.
    pub const fn algorithms(self) -> [u8; 3] {
        match self {
            Self::Sha1 => [1, 1, 1],
            Self::Sha256 => [3, 4, 1],
        }
    }

    /// The suite that consists of these algorithms.
    pub fn from_algorithms(algorithms: [u8; 3]) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.algorithms() == algorithms)
    }

    /// Length of the truncated digest that ends RAKP 4 and every session packet.
    pub(super) const fn check_len(self) -> usize {
        match self {
            Self::Sha1 => 12,
            Self::Sha256 => 16,
        }
    }

    /// The keyed digest of all parts in a row.
    pub(super) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha1 => keyed::<Hmac<sha1::Sha1>>(key, parts),
            Self::Sha256 => keyed::<Hmac<sha2::Sha256>>(key, parts),
        }
    }
}

fn keyed<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// Encrypts a payload: the IV, then the padded blocks.
pub(super) fn encrypt(key: &[u8; BLOCK], iv: [u8; BLOCK], payload: &[u8]) -> Vec<u8> {
    let mut plain = payload.to_vec();
    let pad = (BLOCK - (payload.len() + 1) % BLOCK) % BLOCK;
    plain.extend((1..=pad).map(|count| u8::try_from(count).expect("less than a block")));
    plain.push(u8::try_from(pad).expect("less than a block"));
    let mut cipher = cbc::Encryptor::<aes::Aes128>::new(key.into(), &iv.into());
    let (blocks, _) = plain.as_chunks_mut::<BLOCK>();
    for block in blocks {
        cipher.encrypt_block(block.into());
    }
    let mut sealed = iv.to_vec();
    sealed.append(&mut plain);
    sealed
}

/// Undoes [`encrypt`] and checks the padding.
pub(super) fn decrypt(key: &[u8; BLOCK], sealed: &[u8]) -> Result<Vec<u8>, Malformed> {
    const WHAT: &str = "encrypted payload";
    let (iv, rest) = super::take::<BLOCK>(sealed, WHAT)?;
    let mut plain = rest.to_vec();
    let (blocks, odd) = plain.as_chunks_mut::<BLOCK>();
    if !odd.is_empty() || blocks.is_empty() {
        return Err(Malformed::Short(WHAT));
    }
    let mut cipher = cbc::Decryptor::<aes::Aes128>::new(key.into(), iv.into());
    for block in blocks {
        cipher.decrypt_block(block.into());
    }
    unpad(plain)
}

fn unpad(mut plain: Vec<u8>) -> Result<Vec<u8>, Malformed> {
    let wrong = Malformed::Checksum("encrypted payload");
    let pad = usize::from(plain.pop().ok_or(wrong)?);
    let len = plain.len().checked_sub(pad).ok_or(wrong)?;
    let counts = plain[len..].iter().zip(1_usize..);
    if pad >= BLOCK || counts.into_iter().any(|(byte, count)| usize::from(*byte) != count) {
        return Err(wrong);
    }
    plain.truncate(len);
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_survives_encryption() {
        for len in 0..70 {
            let payload = vec![0xa5; len];
            let sealed = encrypt(&[7; 16], [9; 16], &payload);
            assert_eq!(sealed.len() % 16, 0);
            assert_eq!(decrypt(&[7; 16], &sealed), Ok(payload));
        }
    }

    #[test]
    fn digests_agree_with_published_vectors() {
        // RFC 2202 case 2 and RFC 4231 case 2
        let parts: &[&[u8]] = &[b"what do ya want ", b"for nothing?"];
        let sha1 = Suite::Sha1.hmac(b"Jefe", parts);
        assert_eq!(sha1[..4], [0xef, 0xfc, 0xdf, 0x6a]);
        let sha256 = Suite::Sha256.hmac(b"Jefe", parts);
        assert_eq!(sha256[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    }
}
