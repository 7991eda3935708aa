//! Names that are written otherwise than in the text, and are the same for a reader.

/// Letters that are spelt out where text is turned to ASCII.
const SPELT: &[(char, &str)] = &[
    ('α', "alpha"),
    ('β', "beta"),
    ('γ', "gamma"),
    ('δ', "delta"),
    ('ε', "epsilon"),
    ('ζ', "zeta"),
    ('η', "eta"),
    ('θ', "theta"),
    ('ι', "iota"),
    ('κ', "kappa"),
    ('λ', "lambda"),
    ('μ', "mu"),
    ('ν', "nu"),
    ('ξ', "xi"),
    ('ο', "omicron"),
    ('π', "pi"),
    ('ρ', "rho"),
    ('σ', "sigma"),
    ('τ', "tau"),
    ('υ', "upsilon"),
    ('φ', "phi"),
    ('χ', "chi"),
    ('ψ', "psi"),
    ('ω', "omega"),
];

/// Whether two names differ in nothing but blanks, dashes, quotes, case and letters that are spelt out (`α` as `alpha` or
/// `a`).
pub(in crate::formats) fn alike(name: &str, other: &str) -> bool {
    let (name, other) = (folded(name), folded(other));
    let (mut name, mut other) = (&*name, &*other);
    if name.is_empty() || other.is_empty() {
        return false;
    }
    loop {
        (name, other) = match (name, other) {
            ([], []) => return true,
            ([one, name @ ..], [two, other @ ..]) if one == two => (name, other),
            ([one, rest @ ..], _) if let Some(after) = after_spelt(*one, other) => (rest, after),
            (_, [two, rest @ ..]) if let Some(after) = after_spelt(*two, name) => (after, rest),
            _ => return false,
        }
    }
}

/// What follows in `text` behind a letter that is spelt out in it, or stands for its sound.
fn after_spelt(letter: char, text: &[char]) -> Option<&[char]> {
    let (_, spelt) = SPELT.iter().find(|(one, _)| *one == letter)?;
    let starts = text.len() >= spelt.len() && spelt.chars().zip(text).all(|(one, two)| one == *two);
    let initial = spelt.chars().next().filter(|initial| text.first() == Some(initial));
    if starts { text.get(spelt.len()..) } else { initial.and_then(|_| text.get(1..)) }
}

fn folded(name: &str) -> Vec<char> {
    let is_passed_over = |character: &char| character.is_whitespace() || is_dash(*character) || is_quote(*character);
    name.chars().filter(|character| !is_passed_over(character)).flat_map(char::to_lowercase).map(one_form).collect()
}

/// The usual form of letters that have several.
fn one_form(letter: char) -> char {
    match letter {
        'µ' => 'μ',
        'ς' => 'σ',
        'ϵ' => 'ε',
        'ϑ' => 'θ',
        'ϕ' => 'φ',
        // German's letter, which stands for beta in much text.
        'ß' => 'β',
        other => other,
    }
}

fn is_dash(character: char) -> bool {
    matches!(character, '-' | '\u{AD}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}')
}

fn is_quote(character: char) -> bool {
    matches!(
        character,
        '"' | '\'' | '`' | '´' | '«' | '»' | '\u{2018}'..='\u{201F}' | '\u{2032}'..='\u{2037}' | '\u{200B}' | '\u{FEFF}'
    )
}
