//! The scripts of letters, as far as they tell writings apart: by blocks of Unicode, not letter by letter.

/// First and last character of blocks, ascending, and the script of their letters.
const BLOCKS: &[(u32, u32, &str)] = &[
    (0x0041, 0x007A, "Latin"),
    (0x00AA, 0x00AA, "Latin"),
    (0x00BA, 0x024F, "Latin"),
    (0x0250, 0x02AF, "Latin"),
    (0x0370, 0x03FF, "Greek"),
    (0x0400, 0x052F, "Cyrillic"),
    (0x0531, 0x058F, "Armenian"),
    (0x0590, 0x05FF, "Hebrew"),
    (0x0600, 0x06FF, "Arabic"),
    (0x0700, 0x074F, "Syriac"),
    (0x0750, 0x077F, "Arabic"),
    (0x0780, 0x07BF, "Thaana"),
    (0x07C0, 0x07FF, "Nko"),
    (0x08A0, 0x08FF, "Arabic"),
    (0x0900, 0x097F, "Devanagari"),
    (0x0980, 0x09FF, "Bengali"),
    (0x0A00, 0x0A7F, "Gurmukhi"),
    (0x0A80, 0x0AFF, "Gujarati"),
    (0x0B00, 0x0B7F, "Oriya"),
    (0x0B80, 0x0BFF, "Tamil"),
    (0x0C00, 0x0C7F, "Telugu"),
    (0x0C80, 0x0CFF, "Kannada"),
    (0x0D00, 0x0D7F, "Malayalam"),
    (0x0D80, 0x0DFF, "Sinhala"),
    (0x0E00, 0x0E7F, "Thai"),
    (0x0E80, 0x0EFF, "Lao"),
    (0x0F00, 0x0FFF, "Tibetan"),
    (0x1000, 0x109F, "Myanmar"),
    (0x10A0, 0x10FF, "Georgian"),
    (0x1100, 0x11FF, "Hangul"),
    (0x1200, 0x139F, "Ethiopic"),
    (0x13A0, 0x13FF, "Cherokee"),
    (0x1780, 0x17FF, "Khmer"),
    (0x1800, 0x18AF, "Mongolian"),
    (0x1C80, 0x1C8F, "Cyrillic"),
    (0x1C90, 0x1CBF, "Georgian"),
    (0x1D00, 0x1EFF, "Latin"),
    (0x1F00, 0x1FFF, "Greek"),
    (0x2C60, 0x2C7F, "Latin"),
    (0x2D00, 0x2D2F, "Georgian"),
    (0x2D80, 0x2DDF, "Ethiopic"),
    (0x2DE0, 0x2DFF, "Cyrillic"),
    (0x2E80, 0x2FDF, "Han"),
    (0x3005, 0x3007, "Han"),
    (0x3041, 0x309F, "Hiragana"),
    (0x30A0, 0x30FF, "Katakana"),
    (0x3100, 0x312F, "Bopomofo"),
    (0x3130, 0x318F, "Hangul"),
    (0x31F0, 0x31FF, "Katakana"),
    (0x3400, 0x4DBF, "Han"),
    (0x4E00, 0x9FFF, "Han"),
    (0xA640, 0xA69F, "Cyrillic"),
    (0xA720, 0xA7FF, "Latin"),
    (0xAB30, 0xAB6F, "Latin"),
    (0xAC00, 0xD7FF, "Hangul"),
    (0xF900, 0xFAFF, "Han"),
    (0xFB00, 0xFB06, "Latin"),
    (0xFB13, 0xFB17, "Armenian"),
    (0xFB1D, 0xFB4F, "Hebrew"),
    (0xFB50, 0xFDFF, "Arabic"),
    (0xFE70, 0xFEFF, "Arabic"),
    (0xFF21, 0xFF5A, "Latin"),
    (0xFF66, 0xFF9F, "Katakana"),
    (0xFFA0, 0xFFDC, "Hangul"),
    (0x1_0000, 0x1_CFFF, OTHER),
    (0x1_E000, 0x1_FFFF, OTHER),
    (0x2_0000, 0x3_23AF, "Han"),
];
/// What letters of no block above are in, but for symbols that look like letters, as µ and ℓ, which are in none.
const OTHER: &str = "other";

/// The script of a letter, by its name in Unicode; `None` of what is no letter, or one of any script.
pub fn script(letter: char) -> Option<&'static str> {
    if letter.is_ascii_alphabetic() {
        return Some("Latin");
    }
    if letter.is_ascii() || !letter.is_alphabetic() {
        return None;
    }
    let code = u32::from(letter);
    let place = BLOCKS.partition_point(|&(_, last, _)| last < code);
    match BLOCKS.get(place) {
        Some(&(first, _, name)) if first <= code => Some(name),
        _ if matches!(code, 0x80..=0xFF | 0x02B0..=0x036F | 0x2000..=0x2BFF | 0x1_D400..=0x1_D7FF) => None,
        _ => Some(OTHER),
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCKS, script};

    #[test]
    fn letters_have_scripts() {
        for (letters, expected) in [
            ("aZéÿłƏẞﬁＡªꞌ", Some("Latin")),
            ("αΩἀ", Some("Greek")),
            ("жЯѣ", Some("Cyrillic")),
            ("漢々𠀀", Some("Han")),
            ("ひ", Some("Hiragana")),
            ("カーｱ", Some("Katakana")),
            ("한", Some("Hangul")),
            ("عﷲ", Some("Arabic")),
            ("א", Some("Hebrew")),
            ("कखा", Some("Devanagari")),
            ("ไ", Some("Thai")),
            ("𐎀ꓐ", Some("other")),
            ("1 .-×µℓ𝛼—٣", None),
        ] {
            for letter in letters.chars() {
                assert_eq!(script(letter), expected, "{letter}");
            }
        }
        assert!(BLOCKS.windows(2).all(|two| two[0].0 <= two[0].1 && two[0].1 < two[1].0));
    }
}
