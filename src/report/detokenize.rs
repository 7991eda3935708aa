//! Tokens → text as people write it: where a space stands before a token.
//!
//! Where the source had text, its gaps say so. Where it had tokens only, punctuation is set as English sets it.

use table::rows::TokenRow;

/// A document's sentences: their tokens, each with the space before it, if there is one.
pub fn sentences(tokens: &[TokenRow], n_sentences: u32) -> Vec<Vec<String>> {
    let mut sentences = vec![Vec::new(); n_sentences as usize];
    for sentence in tokens.chunk_by(|a, b| a.sent_id == b.sent_id) {
        let Some(place) = sentence.first().and_then(|token| sentences.get_mut(token.sent_id as usize)) else {
            continue;
        };
        *place = spaced(sentence);
    }
    sentences
}

fn spaced(tokens: &[TokenRow]) -> Vec<String> {
    let mut quoted = false;
    let mut spaced: Vec<String> = Vec::with_capacity(tokens.len());
    let mut previous: Option<&TokenRow> = None;
    let mut after_opening = false;
    for token in tokens {
        let is_quote = &*token.text == "\"";
        let joined = previous.is_none_or(|previous| match (previous.char_end, token.char_start) {
            (Some(end), Some(start)) => start <= end,
            _ => after_opening || closes(&token.text) || (is_quote && quoted),
        });
        spaced.push(if joined { token.text.to_string() } else { format!(" {}", token.text) });
        quoted ^= is_quote;
        after_opening = opens(&token.text) || (is_quote && quoted);
        previous = Some(token);
    }
    spaced
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
