//! Tokens → text as people write it: how many blanks stand before a token.
//!
//! Where the source had text, its gaps say so. Where it had tokens only, punctuation is set as English sets it.

/// Blanks that one gap has at most: places in a damaged table may lie far apart.
pub const LONGEST_GAP: u32 = 1_000;

/// A token, with its first and one past its last character where the source has text.
pub type Placed<'t> = (&'t str, Option<(u32, u32)>);

/// The blanks before each token of a sentence, none before the first. A gap longer than [`LONGEST_GAP`] is one blank.
pub fn blanks<'t>(tokens: impl IntoIterator<Item = Placed<'t>>) -> Vec<u32> {
    let (mut quoted, mut after_opening) = (false, false);
    let mut previous: Option<Option<u32>> = None;
    let gap = |(text, characters): Placed<'t>| {
        let is_quote = text == "\"";
        let gap = match (previous, characters) {
            (None, _) => 0,
            (Some(Some(end)), Some((start, _))) => start.saturating_sub(end),
            _ => u32::from(!(after_opening || closes(text) || (is_quote && quoted))),
        };
        quoted ^= is_quote;
        after_opening = opens(text) || (is_quote && quoted);
        previous = Some(characters.map(|(_, end)| end));
        if gap > LONGEST_GAP { 1 } else { gap }
    };
    tokens.into_iter().map(gap).collect()
}

/// The text of a sentence.
pub fn text<'t, I>(tokens: I) -> String
where
    I: IntoIterator<Item = Placed<'t>> + Clone,
{
    let mut text = String::new();
    for (blanks, (token, _)) in blanks(tokens.clone()).into_iter().zip(tokens) {
        text.extend((0..blanks).map(|_| ' '));
        text.push_str(token);
    }
    text
}

/// Whether what follows a token joins on to it.
fn opens(token: &str) -> bool {
    matches!(token, "(" | "[" | "{" | "“" | "‘" | "«" | "$" | "£" | "€")
}

/// Whether a token joins on to what stands before it.
fn closes(token: &str) -> bool {
    let marks = |text: &str| text.chars().all(|c| ".,;:!?)]}%”’»…".contains(c));
    (!token.is_empty() && marks(token)) || matches!(token, "'s" | "’s" | "n't" | "'" | "'re" | "'ve" | "'ll" | "'d")
}
