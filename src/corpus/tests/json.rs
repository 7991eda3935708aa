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
    assert_eq!(reason(items[0].key("n").unwrap().number_u32()), "a[0].n: expected a whole number below 2^32, got -7");
    assert_eq!(reason(items[1].number_u32()), "a[1]: expected a whole number below 2^32, got 4294967296");
    assert_eq!(reason(items[1].text()), "a[1]: expected a text, got 4294967296");
    assert_eq!(reason(list.key("x")), "a: expected an object, got a list");
    assert_eq!(reason(root.text()), "record: expected a text, got an object");
    assert_eq!(reason(root.only(&["a", "bbb"])), "record: expected no key but `a`, `bbb`, got `b`");
}

#[test]
fn what_is_not_json_is_a_fault() {
    for bytes in [&b""[..], b"{", b"{}{}", b"[1,]", b"\"\xff\"", b"{\"a\": 01}", &[b'['; 100_000]] {
        assert_eq!(Json::parse(bytes).unwrap_err().column, "record");
    }
    assert_eq!(reason(Json::parse(b"{\"a\" 1}")), "record: expected JSON: expected `:` at line 1 column 6");
}
