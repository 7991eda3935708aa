//! Text of others in our messages and tables: on one line, and no longer than its place bears.

use unicode_width::UnicodeWidthChar;

/// Columns that source text takes in a message: 40 of the text, and the mark that there was more.
const IN_MESSAGES: usize = 41;

/// The beginning of `text` in at most `most` columns of a screen, the last of them `…` where there is more. Control
/// characters, those of writing direction among them, are escaped: no text can break a line or the terminal.
pub fn excerpt(text: &str, most: usize) -> String {
    let (mut shown, mut width, mut cut) = (String::new(), 0, 0);
    let mut buffer = [0; 4];
    for character in text.chars() {
        let escaped: String;
        let unit: &str = if breaks(character) {
            escaped = character.escape_default().collect();
            &escaped
        } else {
            character.encode_utf8(&mut buffer)
        };
        width += unit.chars().map(|unit| unit.width().unwrap_or_default()).sum::<usize>();
        if width > most {
            shown.truncate(cut);
            shown.push('…');
            return shown;
        }
        shown.push_str(unit);
        if width < most {
            cut = shown.len();
        }
    }
    shown
}

/// The beginning of `text` in backticks, as messages show it.
pub fn quoted(text: &str) -> String {
    format!("`{}`", excerpt(text, IN_MESSAGES))
}

fn breaks(character: char) -> bool {
    let turns = matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    character.is_control() || turns
}
