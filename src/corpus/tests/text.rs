//! Sentences and tokens of running text.

use crate::text::{Characters, Place, segment};
use proptest::prelude::*;

/// Sentences parted by `|`, tokens by spaces.
fn shown(text: &str, breaks: &[u32], spans: &[(u32, u32)]) -> String {
    let sentences = segment(text, breaks, spans).unwrap().sentences;
    let words = |sentence: &Vec<_>| sentence.iter().map(|token: &crate::Token| token.text.to_string()).collect();
    sentences.iter().map(words).map(|words: Vec<String>| words.join(" ")).collect::<Vec<_>>().join("|")
}

fn check(text: &str, expected: &str) {
    assert_eq!(shown(text, &[], &[]), expected, "of {text:?}");
}

#[test]
fn punctuation_stands_alone() {
    check("alpha-methyldopa 0.2 [3H] a_b", "alpha - methyldopa 0 . 2 [ 3H ] a _ b");
    check("  spaced\tout \n", "spaced out");
    check("", "");
    check(" \n\n ", "");
}

#[test]
fn any_script_has_tokens() {
    check("naïve 5µg/kg ±2", "naïve 5µg / kg ± 2");
    check("e\u{301}tude", "e\u{301}tude");
    check("咖啡因。治疗", "咖 啡 因 。|治 疗");
    check("«Да?» Нет.", "« Да ? »|Нет .");
    check("क ख। ग", "क ख ।|ग");
}

#[test]
fn marks_stay_with_what_they_mark() {
    check("राम दिल्ली में है", "राम दिल्ली में है");
    check("ที่นั่น แม่น้ำ", "ที่นั่น แม่น้ำ");
    check("הָעִבְרִית عَرَبِيّ", "הָעִבְרִית عَرَبِيّ");
    check("কৃষ্ণ தமிழ் తెలుగు മലയാളം සිංහල ខ្មែរ မြန်မာ བོད", "কৃষ্ণ தமிழ் తెలుగు മലയാളം සිංහල ខ្មែរ မြန်မာ བོད");
    // A voiced kana in two characters, an ideograph of another shape, a vowel under a Latin letter.
    check("か\u{3099}き葛\u{E0100}城 a\u{1DC4}b", "か\u{3099} き 葛\u{E0100} 城 a\u{1DC4}b");
    assert_eq!(shown("दिल्ली", &[], &[(0, 3)]), "दिल ्ली", "a span's end is a boundary");
}

#[test]
fn marks_have_no_case() {
    check("It fell. e\u{301}tude rose. E\u{301}tude fell.", "It fell . e\u{301}tude rose .|E\u{301}tude fell .");
    check("by E\u{301}. Dupont", "by E\u{301} . Dupont");
}

#[test]
fn stops_of_other_scripts_end_sentences() {
    check("क ख।ग घ। ङ॥ च", "क ख ।|ग घ ।|ङ ॥|च");
    check("كيف؟هو۔ نعم؟ لا", "كيف ؟|هو ۔|نعم ؟|لا");
    check("ሰላም። እንዴት፧ ደህና", "ሰላም ።|እንዴት ፧|ደህና");
    check("Այո։ Ոչ։ ខ្មែរ។ មាន မြန်မာ။ဟုတ်", "Այո ։|Ոչ ։|ខ្មែរ ។|មាន မြန်မာ ။|ဟုတ်");
    check("値は１．５である．次に", "値 は １ ． ５ で あ る ．|次 に");
    check("Really‼ Yes⁉ no", "Really ‼|Yes ⁉ no");
    check("(क। ख) ग। घ", "( क । ख ) ग ।|घ");
}

#[test]
fn sentences_begin_and_end_with_quotes_of_any_country() {
    check("„Er fiel.“ Dann stand er. „Gut.“", "„ Er fiel . “|Dann stand er .|„ Gut . “");
    check("« Il tomba. » Puis il rit. «Bien.» Oui", "« Il tomba . »|Puis il rit .|« Bien . »|Oui");
    check("Se fue. ¿Volvió? ¡Sí! Bien.", "Se fue .|¿ Volvió ?|¡ Sí !|Bien .");
    check("他走了。“你好。”她说", "他 走 了 。|“ 你 好 。 ”|她 说");
    check("He said so.“It fell.” Then", "He said so . “ It fell . ”|Then");
}

#[test]
fn a_date_is_in_one_sentence() {
    check("He left on Jan. 3. They stayed.", "He left on Jan . 3 .|They stayed .");
    check("From Sept. 3rd to 5 Dec. 1999. Then", "From Sept . 3rd to 5 Dec . 1999 .|Then");
    check("He left in Jan. They stayed.", "He left in Jan .|They stayed .");
    check("See Fig. 2A and Figs. 3b. Then", "See Fig . 2A and Figs . 3b .|Then");
}

#[test]
fn a_stop_before_a_capital_ends_a_sentence() {
    check("It fell. Then it rose! Did it? 5 did.", "It fell .|Then it rose !|Did it ?|5 did .");
    check("It fell. mRNA rose. p53 did not.", "It fell .|mRNA rose .|p53 did not .");
    check("It fell in vitro. then rose.", "It fell in vitro . then rose .");
    check("\"It fell.\" (It rose.) \"So?\"", "\" It fell . \"|( It rose . )|\" So ? \"");
    check("Rebound . This", "Rebound .|This");
    check("Wait... What?! No.", "Wait . . .|What ? !|No .");
}

#[test]
fn an_abbreviation_does_not_end_a_sentence() {
    check("5 mg vs. 10 mg, i.e. Double, e.g. Triple.", "5 mg vs . 10 mg , i . e . Double , e . g . Triple .");
    check("See Fig. 2 and No. 5 by Dr. Who et al. The end.", "See Fig . 2 and No . 5 by Dr . Who et al . The end .");
    check("We said no. Then yes.", "We said no .|Then yes .");
    check("Clinic, S. Salvatore, by J. Smith.", "Clinic , S . Salvatore , by J . Smith .");
    check("The U.S. Food Administration", "The U . S . Food Administration");
    check("injected i.v. MK801 was", "injected i . v . MK801 was");
    check("injected i.v. Later it was", "injected i . v .|Later it was");
    check("1. First we did. 2. Then we", "1 . First we did .|2 . Then we");
}

#[test]
fn a_capital_that_names_a_kind_is_no_initial() {
    check("It was hepatitis C. Later", "It was hepatitis C .|Later");
    check("10 mol/L. Later COX-I. Later", "10 mol / L .|Later COX - I .|Later");
}

#[test]
fn no_sentence_ends_inside_brackets() {
    check("Found (n = 5. Not six) here. Then", "Found ( n = 5 . Not six ) here .|Then");
    check("Odd ( here. Then", "Odd ( here .|Then");
    check("1) here. Then 2) there. Then", "1 ) here .|Then 2 ) there .|Then");
}

#[test]
fn a_blank_line_ends_a_sentence_and_a_line_does_not() {
    check("a title\n\nthe text\nflows on\r\n \r\nthe end", "a title|the text flows on|the end");
    check("odd (\n\nthe text. Then )", "odd (|the text .|Then )");
}

#[test]
fn a_break_ends_a_sentence_and_a_span_holds_one_together() {
    assert_eq!(shown("a title the text", &[7], &[]), "a title|the text");
    assert_eq!(shown("Vitamin B. Deficiency is", &[], &[]), "Vitamin B . Deficiency is");
    assert_eq!(shown("It fell. Then it rose.", &[], &[(3, 13)]), "It fell . Then it rose .");
    assert_eq!(shown("a title the text", &[7], &[(2, 11)]), "a title the text");
    assert_eq!(shown("a title the text", &[7], &[(0, 8), (7, 11)]), "a title|the text");
}

#[test]
fn spans_cut_tokens() {
    assert_eq!(shown("prelithium-like", &[], &[(3, 10)]), "pre lithium - like");
    assert_eq!(shown("咖啡因ab", &[], &[(3, 4)]), "咖 啡 因 a b");
    let segmented = segment("One. Prelithium rose.", &[], &[(8, 15), (4, 20)]).unwrap();
    assert_eq!(segmented.locate((8, 15)), Some(Place { sentence: 1, start: 3, end: 4 }));
    assert_eq!(segmented.locate((4, 20)), Some(Place { sentence: 1, start: 2, end: 5 }));
    assert_eq!(segmented.locate((0, 20)), None, "two sentences");
    assert_eq!(segmented.locate((9, 12)), None, "less than a token");
    assert_eq!(segmented.locate((4, 5)), None, "whitespace");
}

#[test]
fn a_span_must_lie_in_the_text() {
    let reason =
        |span| segment("six ch", &[], &[(0, 1), span]).map_err(|unfit| (unfit.span, unfit.reason)).unwrap_err();
    assert_eq!(reason((2, 2)), (Some(1), "expected an end after the start 2, got 2".to_owned()));
    assert_eq!(reason((2, 7)), (Some(1), "expected an end within the text's 6 characters, got 7".to_owned()));
    assert_eq!(reason((3, 4)), (Some(1), "expected a mention, got nothing but whitespace".to_owned()));
    let long = segment(&"a".repeat(1_001), &[], &[(0, 1_001)]).unwrap_err();
    assert_eq!(long.reason, "expected a mention of at most 1000 characters, got 1001");
}

/// Each of these would take minutes if any step looked back or ahead without bound.
#[test]
fn hostile_text_takes_linear_time() {
    for unit in ["(", ")", "(. A ", ". ", "。", "।", "．1", "」", "\" ", "a.", "\n\n", "\u{301}", "A. ", "i.e. "] {
        let text = unit.repeat(400_000);
        let spans: Vec<(u32, u32)> = (0..100_000).map(|start| (start, start + 1_000)).collect();
        let unfit = segment(&text, &[5; 100_000], &spans).err().and_then(|unfit| unfit.span);
        assert!(unfit.is_none() || unit == "\n\n");
    }
}

#[test]
fn characters_are_counted_not_bytes() {
    let characters = Characters::new("5 µg ‰");
    assert_eq!(
        (characters.slice((2, 4)), characters.slice((5, 6)), characters.slice((5, 7))),
        (Some("µg"), Some("‰"), None)
    );
    assert_eq!((characters.slice((4, 3)), characters.slice((0, 7))), (None, None));
    assert_eq!((Characters::new("ab").slice((1, 2)), Characters::new("ab").slice((1, 3))), (Some("b"), None));
}

/// Text with what sentence rules look at, and spans and breaks in it, or next to it.
fn marked_text() -> impl Strategy<Value = (String, Vec<u32>, Vec<(u32, u32)>)> {
    let unit = prop_oneof![
        8 => "[ a-zA-Z0-9.!?()'\"-]",
        1 => "\n\n|e\\.g\\. |vs\\. |Fig\\. 2|。|é|e\u{301}|咖",
        1 => any::<char>().prop_map(String::from),
    ];
    let text = proptest::collection::vec(unit, 1..120).prop_map(|units| units.concat());
    text.prop_flat_map(|text| {
        let length = u32::try_from(text.chars().count()).unwrap();
        let span = (0..length, 1..30_u32).prop_map(move |(start, extent)| (start, (start + extent).min(length)));
        (Just(text), proptest::collection::vec(0..length + 2, 0..4), proptest::collection::vec(span, 0..8))
    })
}

proptest! {
    #[test]
    fn segmentation_keeps_the_text_and_the_spans((text, breaks, spans) in marked_text()) {
        let characters: Vec<char> = text.chars().collect();
        let slice = |(start, end): (u32, u32)| -> String { characters[start as usize..end as usize].iter().collect() };
        let spans: Vec<(u32, u32)> = spans.into_iter().filter(|&span| !slice(span).trim().is_empty()).collect();
        let segmented = segment(&text, &breaks, &spans).unwrap();
        let tokens: Vec<_> = segmented.sentences.iter().flatten().collect();

        prop_assert!(segmented.sentences.iter().all(|sentence| !sentence.is_empty()));
        let joined: String = tokens.iter().map(|token| &*token.text).collect();
        prop_assert_eq!(joined, text.split_whitespace().collect::<String>());
        for token in &tokens {
            prop_assert_eq!(&*token.text, slice(token.characters.unwrap()));
        }
        for &span in &spans {
            let place = segmented.locate(span).unwrap();
            let covered = &tokens[place.start as usize..place.end as usize];
            let first = covered.first().and_then(|token| token.characters).unwrap().0;
            let past = covered.last().and_then(|token| token.characters).unwrap().1;
            prop_assert!(slice((first, past)) == slice(span).trim());
            let before: usize = segmented.sentences[..place.sentence as usize].iter().map(Vec::len).sum();
            prop_assert!(before <= place.start as usize);
            prop_assert!(place.end as usize <= before + segmented.sentences[place.sentence as usize].len());
        }
    }

    #[test]
    fn a_break_outside_spans_always_ends_a_sentence((text, breaks, _) in marked_text()) {
        let segmented = segment(&text, &breaks, &[]).unwrap();
        for sentence in &segmented.sentences {
            let start = sentence[0].characters.unwrap().0;
            let past = sentence[sentence.len() - 1].characters.unwrap().1;
            prop_assert!(!breaks.iter().any(|&place| start < place && place < past));
        }
    }
}
