//! Source text inside a message: in backticks, on one line, never longer than a message bears.

const LONGEST: usize = 40;

/// `text` in backticks, control characters escaped, cut after 40 characters with `…`.
pub fn quoted(text: &str) -> String {
    let mut quote = String::from("`");
    for character in text.chars().take(LONGEST) {
        if character.is_control() {
            quote.extend(character.escape_default());
        } else {
            quote.push(character);
        }
    }
    if text.chars().nth(LONGEST).is_some() {
        quote.push('…');
    }
    quote.push('`');
    quote
}
