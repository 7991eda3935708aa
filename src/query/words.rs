//! The words of a statement, in the form in which the parser takes them as SQL does.

use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, TokenizerError};

/// `a IS DISTINCT FROM b` as an operator.
pub(crate) const DISTINCT: &str = "IS DISTINCT FROM";
/// `a IS NOT DISTINCT FROM b` as an operator.
pub(crate) const NOT_DISTINCT: &str = "IS NOT DISTINCT FROM";

/// What comes behind the comments before a statement.
pub(crate) fn behind_comments(sql: &str) -> &str {
    let mut rest = sql.trim_start();
    loop {
        let next = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n').map_or("", |(_, next)| next)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, next)| next)
        } else {
            return rest;
        };
        rest = next.trim_start();
    }
}

/// The first word, in small letters.
pub(crate) fn first_word(sql: &str) -> String {
    behind_comments(sql).chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_lowercase()
}

/// A statement whose first word the parser knows: `TABLE t` is `FROM t`.
pub(crate) fn known(sql: &str) -> String {
    let rest = behind_comments(sql);
    match rest.split_at_checked(5) {
        Some((_, behind)) if first_word(sql) == "table" => format!("FROM {behind}"),
        _ => rest.to_owned(),
    }
}

/// The words of a statement.
///
/// The parser takes all that stands behind IS DISTINCT FROM for what is compared, `b AND c` of `a IS DISTINCT FROM b AND
/// c` too; as one operator it binds as tightly as SQL has it. The engine knows no `1e-4`.
pub(crate) fn words(sql: &str) -> Result<Vec<TokenWithSpan>, TokenizerError> {
    let all = Tokenizer::new(&GenericDialect, sql).tokenize_with_location()?;
    let (mut words, mut place) = (Vec::with_capacity(all.len()), 0);
    while let Some(word) = all.get(place) {
        let mut word = word.clone();
        let mut taken = 1;
        if let Some((operator, n_words)) = comparison(&all[place..]) {
            word.token = Token::CustomBinaryOperator(operator.to_owned());
            taken = n_words;
        }
        if let Token::Number(digits, _) = &mut word.token
            && digits.contains(['e', 'E'])
            && let Some(number) = digits.parse().ok().filter(|number: &f64| number.is_finite())
        {
            *digits = in_full(number);
        }
        words.push(word);
        place += taken;
    }
    Ok(words)
}

/// The operator that a statement goes on with, and how many words it takes, spaces among them.
fn comparison(words: &[TokenWithSpan]) -> Option<(&'static str, usize)> {
    let said = words.iter().enumerate().filter(|(_, word)| !matches!(word.token, Token::Whitespace(_)));
    let mut keywords = said.map(|(place, word)| match &word.token {
        Token::Word(word) => (place, word.keyword),
        _ => (place, Keyword::NoKeyword),
    });
    let mut next = || keywords.next();
    if next() != Some((0, Keyword::IS)) {
        return None;
    }
    let (operator, distinct) = match next()? {
        (_, Keyword::NOT) => (NOT_DISTINCT, next()?.1),
        (_, other) => (DISTINCT, other),
    };
    match next()? {
        (place, Keyword::FROM) if distinct == Keyword::DISTINCT => Some((operator, place + 1)),
        _ => None,
    }
}

/// A number without an exponent.
pub(crate) fn in_full(number: f64) -> String {
    let full = number.to_string();
    if full.contains('.') { full } else { format!("{full}.0") }
}
