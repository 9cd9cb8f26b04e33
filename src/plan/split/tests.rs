//! What is cut out and what is left, against a list of members and against serde_json.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn part(name: &str, keep: bool, id: Option<IdAt>) -> FusedPart {
    FusedPart { name: name.to_owned(), keep, id }
}

/// The document and the parts that are left of `answer`; `-` is none.
fn cut(answer: &str, parts: &[FusedPart]) -> (String, Vec<String>) {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).expect("pieces of a text");
    let (document, cut) = split(&Bytes::copy_from_slice(answer.as_bytes()), parts);
    let part = |place| cut.get(place).map_or_else(|| "-".to_owned(), text);
    (text(&document), (0..parts.len()).map(part).collect())
}

#[test]
fn a_member_goes_with_one_comma_and_the_space_around_it() {
    let check = |answer: &str, document: &str, similar: &str| {
        let got = cut(answer, &[part("similar", false, None)]);
        assert_eq!(got, (document.to_owned(), vec![similar.to_owned()]), "{answer}");
    };
    check(r#"{"id":1,"similar":{"a":1}}"#, r#"{"id":1}"#, r#"{"a":1}"#);
    check(r#"{"similar":{"a":1},"id":1}"#, r#"{"id":1}"#, r#"{"a":1}"#);
    check(r#"{"a":1,"similar":{},"id":1}"#, r#"{"a":1,"id":1}"#, "{}");
    check(r#"{"similar":{}}"#, "{}", "{}");
    check(" { \"a\" : 1 , \"similar\" :\n{ } , \"b\":2 } ", " { \"a\" : 1 , \"b\":2 } ", "{ }");
    check(r#"{"simil\u0061r":{"x":[1]},"id":1}"#, r#"{"id":1}"#, r#"{"x":[1]}"#);
    // Twice: both go, and the last one holds.
    check(r#"{"similar":{"a":1},"b":2,"similar":{"a":2}}"#, r#"{"b":2}"#, r#"{"a":2}"#);
    check(r#"{"similar":{"a":1},"similar":null}"#, "{}", "-");
    // Names inside of values are none of ours.
    check(
        r#"{"a":{"similar":{}},"b":"\"similar\":{}"}"#,
        r#"{"a":{"similar":{}},"b":"\"similar\":{}"}"#,
        "-",
    );
    check("{}", "{}", "-");
}

#[test]
fn what_cannot_be_an_answer_of_its_own_is_no_part() {
    let check = |value: &str, is_part: bool| {
        let (document, parts) =
            cut(&format!(r#"{{"id":1,"similar":{value}}}"#), &[part("similar", false, None)]);
        assert_eq!((document.as_str(), parts[0] != "-"), (r#"{"id":1}"#, is_part), "{value}");
    };
    check(r#"{"page":1,"results":[]}"#, true);
    check(r#"{"results":[{"status_code":34}]}"#, true);
    check(r#"{"success":false,"status_code":34,"status_message":"gone"}"#, false);
    check(r#"{"status_message":"gone","status_code":34}"#, false);
    check(r#"{"errors":["page must be less than or equal to 500"]}"#, false);
    for other in ["null", "true", "7", "\"x\"", "[]", "[{\"id\":1}]"] {
        check(other, false);
    }
}

#[test]
fn an_answer_that_is_no_object_is_handed_on_as_it_is() {
    for answer in ["null", "[1,{\"similar\":{}}]", "\"similar\"", " 7 "] {
        let got = cut(answer, &[part("similar", false, None)]);
        assert_eq!(got, (answer.to_owned(), vec!["-".to_owned()]));
    }
}

#[test]
fn a_part_gets_the_id_that_it_would_have_alone() {
    let check = |value: &str, at: IdAt, expect: &str| {
        let answer = format!(r#"{{"credits":{value},"id": 603 ,"id2":4}}"#);
        assert_eq!(
            cut(&answer, &[part("credits", false, Some(at))]).1,
            [expect.to_owned()],
            "{value} {at:?}"
        );
    };
    check(r#"{"cast":[],"crew":[]}"#, IdAt::First, r#"{"id":603,"cast":[],"crew":[]}"#);
    check(r#"{"cast":[],"crew":[]}"#, IdAt::Second, r#"{"cast":[],"id":603,"crew":[]}"#);
    check(r#"{"cast":[],"crew":[]}"#, IdAt::Last, r#"{"cast":[],"crew":[],"id":603}"#);
    check(r#"{"cast":[]}"#, IdAt::Second, r#"{"cast":[],"id":603}"#);
    check("{ }", IdAt::Last, r#"{"id":603 }"#);
    check(r#"{"id":9,"cast":[]}"#, IdAt::First, r#"{"id":9,"cast":[]}"#);
    let (_, parts) = cut(r#"{"credits":{"cast":[]}}"#, &[part("credits", false, Some(IdAt::First))]);
    assert_eq!(parts, [r#"{"cast":[]}"#], "an answer without an id has none to give");
}

#[test]
fn what_the_fetch_appends_itself_stays_and_is_a_part_too() {
    let parts = [part("credits", true, Some(IdAt::Last)), part("similar", false, None)];
    let (document, cut) = cut(r#"{"id":5,"credits":{"cast":[]},"similar":{"page":1}}"#, &parts);
    assert_eq!(document, r#"{"id":5,"credits":{"cast":[]}}"#);
    assert_eq!(cut, [r#"{"cast":[],"id":5}"#, r#"{"page":1}"#]);
}

#[test]
fn parts_that_are_not_touched_are_not_copied() {
    let answer = Bytes::from(r#"{"id":5,"similar":{"page":1}}"#.to_owned());
    let (document, parts) = split(&answer, &[part("similar", false, None)]);
    let similar = parts.get(0).expect("it is there");
    assert!(answer.as_ptr_range().contains(&similar.as_ptr()));
    assert_eq!((document.len(), parts.bytes()), (8, 10));
}

/// A member as its author wrote it: everything between a comma and the next.
#[derive(Clone, Debug)]
struct Member {
    key: String,
    text: String,
    value: String,
}

fn space() -> impl Strategy<Value = String> {
    "[ \n\r\t]{0,2}"
}

/// JSON of any kind, with the names that are cut inside of it.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?(e[+-]?[0-9])?",
        any::<String>().prop_map(|text| Value::from(text).to_string()),
        Just(r#""\ud83d\ude00,\"similar\":{""#.to_owned()),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let name =
            prop_oneof![Just("similar"), Just("watch/providers"), Just("id"), Just("status_code"), Just("a")];
        let member = (space(), name, space(), inner.clone(), space()).prop_map(
            |(before, name, between, value, after)| format!("{before}\"{name}\"{between}:{value}{after}"),
        );
        prop_oneof![
            (space(), vec(inner, 0..4))
                .prop_map(|(space, all)| format!("[{space}{}]", all.join(&format!("{space},")))),
            vec(member, 0..4).prop_map(|all| format!("{{{}}}", all.join(","))),
        ]
    })
}

fn member() -> impl Strategy<Value = Member> {
    let key = prop_oneof![
        3 => Just("similar".to_owned()),
        2 => Just("watch/providers".to_owned()),
        2 => Just("credits".to_owned()),
        1 => Just("id".to_owned()),
        1 => Just("similar ".to_owned()),
        2 => any::<String>(),
    ];
    let escapes = vec(0_u8..4, 0..8);
    (key, escapes, value(), space(), space(), space(), space()).prop_map(
        |(key, escapes, value, a, b, c, d)| {
            let mut written = String::from("\"");
            for (place, letter) in key.chars().enumerate() {
                match escapes.get(place) {
                    // Every letter may be written as its number.
                    Some(0) => {
                        for unit in letter.encode_utf16(&mut [0; 2]) {
                            written.extend(["\\u", &format!("{unit:04x}")]);
                        }
                    }
                    Some(1) if letter == '/' => written += "\\/",
                    _ => {
                        let quoted = Value::from(letter.to_string()).to_string();
                        written += &quoted[1..quoted.len() - 1];
                    }
                }
            }
            Member { key, text: format!("{a}{written}\"{b}:{c}{value}{d}"), value }
        },
    )
}

proptest! {
    #[test]
    fn cutting_leaves_the_object_without_the_members_byte_for_byte(
        members in vec(member(), 0..8),
        (before, after) in (space(), space()),
        keep in any::<bool>(),
    ) {
        let object = |members: &[&Member]| {
            let texts: Vec<&str> = members.iter().map(|member| member.text.as_str()).collect();
            format!("{before}{{{}}}{after}", texts.join(","))
        };
        let parts = [part("similar", false, None), part("watch/providers", false, None), part("credits", keep, None)];
        let answer = object(&members.iter().collect::<Vec<_>>());
        let (document, cut) = cut(&answer, &parts);

        let goes = |member: &Member| parts.iter().any(|part| !part.keep && part.name == member.key);
        let left: Vec<&Member> = members.iter().filter(|member| !goes(member)).collect();
        if left.len() == members.len() {
            prop_assert_eq!(&document, &answer);
        } else {
            prop_assert_eq!(&document, &object(&left));
        }
        let mut expect: Value = serde_json::from_str(&answer).expect("an object");
        let all = expect.clone();
        for part in parts.iter().filter(|part| !part.keep) {
            expect.as_object_mut().expect("an object").shift_remove(&part.name);
        }
        prop_assert_eq!(serde_json::from_str::<Value>(&document).expect("an object"), expect);

        for (part, cut) in parts.iter().zip(cut) {
            let last = members.iter().rfind(|member| member.key == part.name);
            let is_answer = |value: &Value| {
                value.as_object().is_some_and(|object| ERROR_KEYS.iter().all(|key| !object.contains_key(*key)))
            };
            match last {
                Some(member) if is_answer(&all[&part.name]) => prop_assert_eq!(cut, member.value.as_str()),
                _ => prop_assert_eq!(cut, "-"),
            }
        }
    }
}
