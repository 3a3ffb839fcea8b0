//! Which characters a placeholder stands for.

/// The characters of a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// `digits`: `0-9`.
    Digits,
    /// `hex`: `0-9a-f`.
    Hex,
    /// `upperhex`: `0-9A-F`.
    UpperHex,
    /// `base32`: `A-Z2-7` (RFC 4648 §6).
    Base32,
    /// `base36`: `0-9a-z`.
    Base36,
    /// `base58`: letters and digits without `0`, `O`, `I` and `l`.
    Base58,
    /// `base62`: letters and digits.
    Base62,
    /// `base64`: letters, digits, `+` and `/` (RFC 4648 §4). Padding is written as text: `{base64:43}=`.
    Base64,
    /// `base64url`: letters, digits, `-` and `_` (RFC 4648 §5).
    Base64Url,
}

impl Alphabet {
    /// All of them, in the order messages list them.
    pub const ALL: [Self; 9] = [
        Self::Digits,
        Self::Hex,
        Self::UpperHex,
        Self::Base32,
        Self::Base36,
        Self::Base58,
        Self::Base62,
        Self::Base64,
        Self::Base64Url,
    ];

    /// Its name in a pattern.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Hex => "hex",
            Self::UpperHex => "upperhex",
            Self::Base32 => "base32",
            Self::Base36 => "base36",
            Self::Base58 => "base58",
            Self::Base62 => "base62",
            Self::Base64 => "base64",
            Self::Base64Url => "base64url",
        }
    }

    /// The alphabet of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alphabet| alphabet.name() == name)
    }

    /// Whether the character is one of it.
    pub const fn contains(self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::UpperHex => matches!(byte, b'0'..=b'9' | b'A'..=b'F'),
            Self::Base32 => matches!(byte, b'A'..=b'Z' | b'2'..=b'7'),
            Self::Base36 => matches!(byte, b'0'..=b'9' | b'a'..=b'z'),
            Self::Base58 => byte.is_ascii_alphanumeric() && !matches!(byte, b'0' | b'O' | b'I' | b'l'),
            Self::Base62 => byte.is_ascii_alphanumeric(),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'),
            Self::Base64Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
        }
    }

    /// How many random bits a character of it carries, in hundredths, rounded down.
    pub(super) const fn centibits(self) -> u32 {
        match self {
            Self::Digits => 332,
            Self::Hex | Self::UpperHex => 400,
            Self::Base32 => 500,
            Self::Base36 => 516,
            Self::Base58 => 585,
            Self::Base62 => 595,
            Self::Base64 | Self::Base64Url => 600,
        }
    }
}
