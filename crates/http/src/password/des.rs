//! The traditional crypt(3): 25 times DES on a block of zeros, with the password as the key and two
//! letters of salt that exchange bits inside (FIPS 46-3 names the tables).

use super::ALPHABET;

/// Two letters of salt and eleven of the block.
const STORED_BYTES: usize = 13;

/// Letters of a password that count.
const PASSWORD_BYTES: usize = 8;

/// Whether that may be a stored form: no other kind is without a mark.
pub fn is_stored(stored: &[u8]) -> bool {
    matches!(stored, [a, b, ..] if value(*a).is_some() && value(*b).is_some())
}

/// The stored form of a password with the salt of another one.
pub fn crypt(stored: &[u8], password: &[u8]) -> Option<Vec<u8>> {
    let salt = stored.get(..2)?;
    let salt_bits = value(salt[0])? | value(salt[1])? << 6;
    let keys = keys(key(password));
    let mut block = 0;
    for _ in 0..25 {
        block = encrypt(block, &keys, salt_bits);
    }
    let mut out = Vec::with_capacity(STORED_BYTES);
    out.extend_from_slice(salt);
    // The highest bits first; the last letter has four of them.
    for index in 0..11 {
        let shift = 58 - 6 * index;
        let bits = if shift >= 0 {
            block >> shift
        } else {
            block << -shift
        };
        out.push(ALPHABET[(bits & 63) as usize]);
    }
    Some(out)
}

/// What a letter of the salt stands for.
fn value(letter: u8) -> Option<u32> {
    ALPHABET
        .iter()
        .position(|&other| other == letter)
        .map(|at| at as u32)
}

/// Seven bits of each letter; DES ignores the lowest of a byte.
fn key(password: &[u8]) -> u64 {
    let mut bytes = [0; PASSWORD_BYTES];
    for (byte, letter) in bytes.iter_mut().zip(password) {
        *byte = letter << 1;
    }
    u64::from_be_bytes(bytes)
}

/// The keys of the sixteen rounds, 48 bits each.
fn keys(key: u64) -> [u64; 16] {
    const HALF: u64 = (1 << 28) - 1;
    let both = permute(key, 64, &KEY_CHOICE_1);
    let (mut left, mut right) = (both >> 28, both & HALF);
    KEY_SHIFTS.map(|shift| {
        let turn = |half: u64| (half << shift | half >> (28 - shift)) & HALF;
        (left, right) = (turn(left), turn(right));
        permute(left << 28 | right, 56, &KEY_CHOICE_2)
    })
}

fn encrypt(block: u64, keys: &[u64; 16], salt: u32) -> u64 {
    let block = permute(block, 64, &INITIAL);
    let (mut left, mut right) = (block >> 32, block & 0xffff_ffff);
    for key in keys {
        (left, right) = (right, left ^ round(right, *key, salt));
    }
    permute(right << 32 | left, 64, &FINAL)
}

fn round(half: u64, key: u64, salt: u32) -> u64 {
    let expanded = salted(permute(half, 32, &EXPANSION), salt) ^ key;
    let mut out = 0;
    for (index, table) in S_BOXES.iter().enumerate() {
        let bits = (expanded >> (42 - 6 * index)) as usize & 63;
        let row = (bits >> 4 & 2) | (bits & 1);
        let column = bits >> 1 & 15;
        out = out << 4 | u64::from(table[row * 16 + column]);
    }
    permute(out, 32, &PERMUTATION)
}

/// Exchanges bit `n` of the first half of 48 bits with bit `n` of the second one, for each bit `n`
/// of the salt, counted from the highest.
fn salted(bits: u64, salt: u32) -> u64 {
    let mask = u64::from(salt.reverse_bits() >> 8);
    let exchanged = (bits ^ bits >> 24) & mask;
    bits ^ exchanged ^ exchanged << 24
}

/// Takes the bits that a table names; it counts from 1, from the highest of `width` bits.
fn permute(bits: u64, width: u32, table: &[u8]) -> u64 {
    table.iter().fold(0, |out, &from| {
        out << 1 | (bits >> (width - u32::from(from)) & 1)
    })
}

const KEY_SHIFTS: [u32; 16] = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];

#[rustfmt::skip]
const INITIAL: [u8; 64] = [
    58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4,
    62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32, 24, 16, 8,
    57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3,
    61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31, 23, 15, 7,
];

#[rustfmt::skip]
const FINAL: [u8; 64] = [
    40, 8, 48, 16, 56, 24, 64, 32, 39, 7, 47, 15, 55, 23, 63, 31,
    38, 6, 46, 14, 54, 22, 62, 30, 37, 5, 45, 13, 53, 21, 61, 29,
    36, 4, 44, 12, 52, 20, 60, 28, 35, 3, 43, 11, 51, 19, 59, 27,
    34, 2, 42, 10, 50, 18, 58, 26, 33, 1, 41, 9, 49, 17, 57, 25,
];

#[rustfmt::skip]
const EXPANSION: [u8; 48] = [
    32, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 12, 13, 12, 13, 14, 15, 16, 17,
    16, 17, 18, 19, 20, 21, 20, 21, 22, 23, 24, 25, 24, 25, 26, 27, 28, 29, 28, 29, 30, 31, 32, 1,
];

#[rustfmt::skip]
const PERMUTATION: [u8; 32] = [
    16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10,
    2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
];

#[rustfmt::skip]
const KEY_CHOICE_1: [u8; 56] = [
    57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3,
    60, 52, 44, 36, 63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37,
    29, 21, 13, 5, 28, 20, 12, 4,
];

#[rustfmt::skip]
const KEY_CHOICE_2: [u8; 48] = [
    14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
    41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];

#[rustfmt::skip]
const S_BOXES: [[u8; 64]; 8] = [
    [14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7,
     0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12, 11, 9, 5, 3, 8,
     4, 1, 14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0,
     15, 12, 8, 2, 4, 9, 1, 7, 5, 11, 3, 14, 10, 0, 6, 13],
    [15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10,
     3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1, 10, 6, 9, 11, 5,
     0, 14, 7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15,
     13, 8, 10, 1, 3, 15, 4, 2, 11, 6, 7, 12, 0, 5, 14, 9],
    [10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8,
     13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5, 14, 12, 11, 15, 1,
     13, 6, 4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7,
     1, 10, 13, 0, 6, 9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12],
    [7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15,
     13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2, 12, 1, 10, 14, 9,
     10, 6, 9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4,
     3, 15, 0, 6, 10, 1, 13, 8, 9, 4, 5, 11, 12, 7, 2, 14],
    [2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9,
     14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15, 10, 3, 9, 8, 6,
     4, 2, 1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14,
     11, 8, 12, 7, 1, 14, 2, 13, 6, 15, 0, 9, 10, 4, 5, 3],
    [12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11,
     10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13, 14, 0, 11, 3, 8,
     9, 14, 15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6,
     4, 3, 2, 12, 9, 5, 15, 10, 11, 14, 1, 7, 6, 0, 8, 13],
    [4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1,
     13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5, 12, 2, 15, 8, 6,
     1, 4, 11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2,
     6, 11, 13, 8, 1, 4, 10, 7, 9, 5, 0, 15, 14, 2, 3, 12],
    [13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7,
     1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6, 11, 0, 14, 9, 2,
     7, 11, 4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8,
     2, 1, 14, 7, 4, 10, 8, 13, 15, 12, 9, 0, 3, 5, 6, 11],
];
