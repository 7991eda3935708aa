//! JSON fields and the paths of their faults.

use crate::Fault;
use crate::formats::json::Json;

fn reason<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
    let Fault { column, reason } = result.unwrap_err();
    format!("{column}: {reason}")
}

#[test]
fn values_are_read_by_path() {
    let json = Json::parse(br#"{"a": [{"n": 7, "t": "x\ny", "r": -1.5}], "b": null}"#).unwrap();
    let root = json.root();
    let list = root.key("a").unwrap();
    let item = list.items().unwrap().next().unwrap();
    assert_eq!(item.key("n").unwrap().number_u32(), Ok(7));
    assert_eq!(item.key("t").unwrap().text(), Ok("x\ny"));
    assert_eq!(item.key("n").unwrap().to_string(), "a[0].n");
    assert!(root.optional("b").unwrap().is_none());
    assert!(root.optional("c").unwrap().is_none());
}

#[test]
fn faults_name_their_path() {
    let json = Json::parse(br#"{"a": [{"n": -7, "t": 1, "t": 2}, 4294967296], "b": null}"#).unwrap();
    let root = json.root();
    let list = root.key("a").unwrap();
    let items: Vec<_> = list.items().unwrap().collect();
    assert_eq!(reason(root.key("b")), "b: missing");
    assert_eq!(reason(items[0].key("m")), "a[0].m: missing");
    assert_eq!(reason(items[0].key("t")), "a[0].t: expected one such key, got several");
    assert_eq!(
        reason(items[0].key("n").unwrap().number_u32()),
        "a[0].n: expected a whole number from 0 and below 2^32, got -7"
    );
    assert_eq!(reason(items[1].number_u32()), "a[1]: expected a whole number from 0 and below 2^32, got 4294967296");
    for (number, shown) in
        [("-7", "-7"), ("7.0", "7.0"), ("-1.5", "-1.5"), ("-9223372036854775808", "-9223372036854775808")]
    {
        let json = Json::parse(number.as_bytes()).unwrap();
        let expected = format!("record: expected a text or a whole number from 0, got {shown}");
        assert_eq!(reason(json.root().identifier()), expected);
    }
    assert_eq!(reason(items[1].text()), "a[1]: expected a text, got 4294967296");
    assert_eq!(reason(list.key("x")), "a: expected an object, got a list");
    assert_eq!(reason(root.text()), "record: expected a text, got an object");
    assert_eq!(root.strays(&["a", "bbb"], &[]), Ok(vec![("b", None)]));
    assert_eq!(reason(root.strays(&["a", "B"], &[])), "record: expected the key `B`, got `b`");
}

#[test]
fn what_is_not_json_is_a_fault() {
    for bytes in [&b""[..], b"{", b"{}{}", b"[1,]", b"\"\xff\"", b"{\"a\": 01}", &[b'['; 100_000]] {
        assert_eq!(Json::parse(bytes).unwrap_err().column, "record");
    }
    assert_eq!(reason(Json::parse(b"{\"a\" 1}")), "record: expected JSON: expected `:` at line 1 column 6");
}

#[test]
fn slips_are_told_from_other_keys() {
    let strays = |key: &str| {
        let json = format!("{{\"{key}\": 1, \"text\": 1}}");
        let json = Json::parse(json.as_bytes()).unwrap();
        let strays = json.root().strays(&["entities", "relations"], &["id", "text", "title", "evidence"])?;
        Ok::<_, Fault>(strays.iter().map(|(_, meant)| meant.map(str::to_owned)).collect::<Vec<_>>())
    };
    for slip in ["relation", "Relations", "realtions", "enities"] {
        assert!(strays(slip).is_err(), "{slip}");
    }
    for (slip, name) in [("ID", "id"), ("titles", "title"), ("evidences", "evidence")] {
        assert_eq!(strays(slip), Ok(vec![Some(name.to_owned())]), "{slip}");
    }
    // A key that is there cannot be meant by another.
    for other in ["qid", "ids", "file", "tests", "lang", "meta", "label", "score", "relationship_notes"] {
        assert_eq!(strays(other), Ok(vec![None]), "{other}");
    }
}

#[test]
fn an_object_of_lists_becomes_a_list_of_objects() {
    let turned = |text: &str| {
        let mut json = Json::parse(text.as_bytes()).unwrap();
        json.turn().map(|()| format!("{json:?}"))
    };
    let plain = |text: &str| format!("{:?}", Json::parse(text.as_bytes()).unwrap());
    assert_eq!(turned(r#"{"a": [1, 2], "b": [[], null]}"#), Ok(plain(r#"[{"a": 1, "b": []}, {"a": 2, "b": null}]"#)));
    assert_eq!(turned(r#"{"a": [], "b": []}"#), Ok(plain("[]")));
    for same in ["[1]", "{}", r#"{"a": 1, "b": [2]}"#, "null"] {
        assert_eq!(turned(same), Ok(plain(same)));
    }
    let unequal = turned(r#"{"a": [1, 2], "b": [1]}"#).unwrap_err();
    assert_eq!(unequal, "expected 2 items under each key, as under the first, got 1 under `b`");
}
