//! Numbers as base62 text, alphabet `0-9A-Za-z`.

/// The digits in order of their value.
pub(crate) const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How many values six digits hold: 62⁶.
pub(crate) const SIX_DIGITS: u64 = 62u64.pow(6);

/// Six digits, most significant first, padded with `0`. The value counts modulo 62⁶.
pub(crate) fn six_digits(value: u64) -> [u8; 6] {
    let mut rest = value % SIX_DIGITS;
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

/// Whether every byte is a base62 digit.
pub(crate) fn is_base62(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads_and_wraps() {
        assert_eq!(&six_digits(0), b"000000");
        assert_eq!(&six_digits(61), b"00000z");
        assert_eq!(&six_digits(62), b"000010");
        assert_eq!(&six_digits(SIX_DIGITS - 1), b"zzzzzz");
        assert_eq!(six_digits(SIX_DIGITS + 7), six_digits(7));
    }
}
