//! Text of others in our messages and tables: on one line, and no longer than its place bears.
//!
//! What would steer a terminal or turn the direction of writing is escaped wherever text reaches people: in excerpts, in
//! the tables of [`super::aligned`], and, by [`harmless`], in each line on stderr. Formats for programs (CSV, JSON)
//! have text as it is.

use std::borrow::Cow;

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
        let unit: &str = if character.is_control() || steers(character) {
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

/// A message with what would steer a terminal escaped. Its lines stay lines and its tabs tabs: messages of libraries have
/// several of them.
pub fn harmless(message: &str) -> Cow<'_, str> {
    let is_escaped =
        |character| !matches!(character, '\n' | '\t') && (char::is_control(character) || steers(character));
    if !message.contains(is_escaped) {
        return Cow::Borrowed(message);
    }
    let mut shown = String::with_capacity(message.len());
    for character in message.chars() {
        if is_escaped(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Whether a character, itself unseen, changes how others are seen: separators of lines, marks of direction, and what
/// joins, annotates or tags. Not the two joiners (U+200C, U+200D), which scripts need.
fn steers(character: char) -> bool {
    matches!(
        character,
        '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
    )
}
