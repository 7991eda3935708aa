//! Tokens → text as people write it: how many blanks stand before a token.
//!
//! Where the source had text, its gaps say so. Where it had tokens only, punctuation is set as English sets it.

/// Blanks that one gap has at most: places in a damaged table may lie far apart.
pub const LONGEST_GAP: u32 = 1_000;

/// A token, with its first and one past its last character where the source has text.
pub type Placed<'t> = (&'t str, Option<(u32, u32)>);

/// The blanks before each token of a sentence, none before the first. A gap longer than [`LONGEST_GAP`] is one blank.
pub fn blanks<'t>(tokens: impl IntoIterator<Item = Placed<'t>>) -> Vec<u32> {
    let mut spacing = Spacing::default();
    tokens.into_iter().map(|token| spacing.before(token)).collect()
}

/// The text of a sentence.
pub fn text<'t>(tokens: impl IntoIterator<Item = Placed<'t>>) -> String {
    let (mut text, mut spacing) = (String::new(), Spacing::default());
    for token in tokens {
        (0..spacing.before(token)).for_each(|_| text.push(' '));
        text.push_str(token.0);
    }
    text
}

/// What stands before the next token of a sentence.
#[derive(Default)]
struct Spacing {
    quoted: bool,
    after_opening: bool,
    /// Whether there is a token before.
    begun: bool,
    /// One past its last character, where that is known.
    end: Option<u32>,
}

impl Spacing {
    fn before(&mut self, (text, characters): Placed<'_>) -> u32 {
        let is_quote = text == "\"";
        let gap = match (self.end, characters) {
            _ if !self.begun => 0,
            (Some(end), Some((start, _))) => start.saturating_sub(end),
            _ => u32::from(!(self.after_opening || closes(text) || (is_quote && self.quoted))),
        };
        self.quoted ^= is_quote;
        self.after_opening = opens(text) || (is_quote && self.quoted);
        (self.begun, self.end) = (true, characters.map(|(_, end)| end));
        if gap > LONGEST_GAP { 1 } else { gap }
    }
}

/// Whether a token begins as most words do: a short cut, as all tokens of a corpus come by here.
fn is_word(token: &str) -> bool {
    token.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether what follows a token joins on to it.
fn opens(token: &str) -> bool {
    !is_word(token) && matches!(token, "(" | "[" | "{" | "“" | "‘" | "«" | "$" | "£" | "€")
}

/// Whether a token joins on to what stands before it.
fn closes(token: &str) -> bool {
    if is_word(token) {
        return token == "n't";
    }
    let marks = |text: &str| text.chars().all(|c| ".,;:!?)]}%”’»…".contains(c));
    (!token.is_empty() && marks(token)) || matches!(token, "'s" | "’s" | "'" | "'re" | "'ve" | "'ll" | "'d")
}
