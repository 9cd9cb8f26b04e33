//! Types that read back, and what is said about texts that are none.

use proptest::prelude::*;

use super::*;

fn any_type() -> impl Strategy<Value = ColumnType> {
    let scalar = prop::sample::select(ColumnType::SCALARS.to_vec())
        .prop_map(|name| ColumnType::scalar(name).expect("a scalar"));
    scalar.prop_recursive(6, 40, 5, |inner| {
        let fields = prop::collection::btree_map("[A-Za-z_][A-Za-z0-9_]{0,8}", inner.clone(), 1..5);
        prop_oneof![
            inner.prop_map(|element| ColumnType::List(Box::new(element))),
            fields.prop_map(|fields| {
                let field = |(name, column_type)| StructField { name, column_type };
                ColumnType::Struct(fields.into_iter().map(field).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn a_type_reads_back_as_it_is_written(column_type in any_type(), spaces in any::<bool>()) {
        let mut text = column_type.to_string();
        if spaces {
            for sign in ["<", ">", ",", ":"] {
                text = text.replace(sign, &format!(" \n{sign} "));
            }
        } else {
            text = text.replace(' ', "");
        }
        prop_assert_eq!(text.parse(), Ok(column_type));
    }

    #[test]
    fn what_is_told_of_any_text_is_bounded_and_within_it(
        text in "((list|struct|int64|row|array|a|b|é|not null|[<>():,?\\[\\] {}\"-]) ?){0,30}",
    ) {
        if let Err(fault) = text.parse::<ColumnType>() {
            prop_assert!(text.get(fault.at.clone()).is_some(), "{:?} of {text:?}", fault.at);
            prop_assert!(fault.to_string().len() < 200);
            prop_assert!(fault.help(&text).len() < 400);
        }
    }
}

#[test]
fn what_is_no_type_says_where_and_what_may_be_meant() {
    let all =
        "there are bool, int32, int64, float64, string, date, timestamp, json, list<T> and struct<a: T, …>";
    let no_fields = "as in `struct<id: int64, name: string>`";
    let null = "a column is nullable unless `required: true`; fields and elements always are";
    for (text, at, message, help) in [
        ("integer", "integer", "there is no type `integer`", "did you mean `int64`?"),
        ("Int64", "Int64", "there is no type `Int64`", "did you mean `int64`?"),
        ("strng", "strng", "there is no type `strng`", "did you mean `string`?"),
        ("quux", "quux", "there is no type `quux`", all),
        ("", "", "a type is missing here", all),
        ("list<itn32>", "itn32", "there is no type `itn32`", "did you mean `list<int32>`?"),
        (
            "struct<a: itn64, b: list<strng>, c: struct<d: boolean>>",
            "itn64",
            "there is no type `itn64`",
            "did you mean `struct<a: int64, b: list<string>, c: struct<d: bool>>`?",
        ),
        ("decimal(10,2)", "decimal", "there is no type `decimal`", DECIMALS),
        ("map<string, int64>", "map", "there is no type `map`", OBJECTS),
        ("list<object>", "object", "there is no type `object`", OBJECTS),
        ("array", "array", "there is no type `array`", "did you mean `list<…>`?"),
        ("array<text>", "array", "there is no type `array`", "did you mean `list<string>`?"),
        (
            "ROW(id bigint, name varchar(20))",
            "ROW",
            "there is no type `ROW`",
            "did you mean `struct<id: int64, name: string>`?",
        ),
        ("record<a: int>", "record", "there is no type `record`", "did you mean `struct<a: int64>`?"),
        ("list", "list", "`list` needs the type of its elements", "as in `list<string>`"),
        ("list<>", "list<>", "`list` needs the type of its elements", "as in `list<string>`"),
        ("list<", "", "a type is missing here", all),
        ("list<string", "", "a `<` is not closed by a `>`", "did you mean `list<string>`?"),
        ("list<list<string>", "", "a `<` is not closed by a `>`", "did you mean `list<list<string>>`?"),
        ("list[string]", "[", BRACKETS, "did you mean `list<string>`?"),
        ("string[]", "[]", BRACKETS, "did you mean `list<string>`?"),
        ("list<int64, string>", ",", "a list has one type of elements", SEVERAL),
        (
            "list<id: int64, name: string>",
            "id:",
            "the elements of a list have no name",
            "did you mean `list<struct<id: int64, name: string>>`?",
        ),
        ("int64<string>", "<string>", "`int64` takes nothing in brackets", "did you mean `int64`?"),
        ("struct", "struct", "`struct` needs its fields", no_fields),
        ("list<struct>", "struct", "`struct` needs its fields", no_fields),
        ("struct<>", "struct<>", "`struct` needs its fields", no_fields),
        ("struct{id: int64; name: string}", "{", BRACKETS, "did you mean `struct<id: int64, name: string>`?"),
        (
            "struct<a int64>",
            "a ",
            "a `:` is missing between the field `a` and its type",
            "did you mean `struct<a: int64>`?",
        ),
        (
            "struct<a: int64 b: string>",
            "b",
            "a `,` is missing before `b`",
            "did you mean `struct<a: int64, b: string>`?",
        ),
        ("struct<a: int64", "", "a `<` is not closed by a `>`", "did you mean `struct<a: int64>`?"),
        ("struct<a: int64,>", ">", "a field is missing here", AS_IN),
        ("struct<: int64>", ":", "a field needs a name before its `:`", "as in `struct<id: int64>`"),
        ("struct<a: >", ">", "a type is missing here", all),
        (
            "struct<int64>",
            "int64",
            "each field of a struct has a name and a type, and here is only `int64`",
            "as in `struct<id: int64>`",
        ),
        (
            "struct<a: int64, a: string>",
            "a",
            "the field `a` stands twice in its struct",
            "take one of the two out, or give it another name",
        ),
        ("struct<a-b: int64>", "a-b", "`a-b` cannot name a field", RENAME),
        ("struct<1st: int64>", "1st", "`1st` cannot name a field", RENAME),
        (
            "struct<\"a\": int64>",
            "\"a\"",
            "`\"a\"` cannot name a field",
            "did you mean `struct<a: int64>`? +",
        ),
        ("struct<a: int64?>", "?", NULLABILITY, "did you mean `struct<a: int64>`? +"),
        ("int64 NOT NULL", " NOT NULL", NULLABILITY, "did you mean `int64`? +"),
        ("int64 x", "x", "nothing may follow the type, and there is `x`", AS_IN),
        ("list<int64>>", ">", "nothing may follow the type, and there is `>`", "did you mean `list<int64>`?"),
    ] {
        let fault = text.parse::<ColumnType>().expect_err(text);
        assert_eq!((&text[fault.at.clone()], &*fault.to_string()), (at, message), "{text}");
        let told = fault.help(text);
        let help = help.replace('+', if message == NULLABILITY { null } else { RENAME });
        assert_eq!(told, help, "{text}");
    }
}

const AS_IN: &str = "as in `list<string>` or `struct<id: int64, name: string>`";
const BRACKETS: &str = "what belongs to a type stands between `<` and `>`";
const NULLABILITY: &str = "types do not say whether a value may be null";
const SEVERAL: &str = "values of several types that belong together are `struct<a: T, …>`";
const RENAME: &str =
    "a field's name has letters, digits and `_`, no digit in front; jq renames, as in `{a_b: .[\"a-b\"]}`";
const OBJECTS: &str =
    "an object with fields known beforehand is `struct<a: T, …>`; one whose keys are data is `json`";
const DECIMALS: &str = "`float64` is the nearest; a `string` by `tostring` keeps every digit";

#[test]
fn types_are_bounded() {
    let nested = |depth: usize| format!("{}int64{}", "list<".repeat(depth), ">".repeat(depth));
    let wide = |fields: usize| {
        let fields: Vec<_> = (0..fields).map(|field| format!("f{field}: int64")).collect();
        format!("struct<{}>", fields.join(", "))
    };
    let error = |text: &str| text.parse::<ColumnType>().map_err(|fault| fault.error).err();
    assert_eq!(error(&nested(TYPE_DEPTH_MAX)), None);
    assert_eq!(error(&nested(TYPE_DEPTH_MAX + 1)), Some(TypeError::TooDeep));
    assert_eq!(error(&nested(2000)), Some(TypeError::TooDeep));
    assert_eq!(error(&wide(TYPE_FIELDS_MAX)), None);
    assert_eq!(error(&wide(TYPE_FIELDS_MAX + 1)), Some(TypeError::TooManyFields));
    assert_eq!(error(&format!("struct<a: {}, b: {}>", wide(130), wide(130))), Some(TypeError::TooManyFields));
    assert_eq!(error(&" ".repeat(TYPE_BYTES_MAX + 1)), Some(TypeError::TooLong));
    let column_type: ColumnType = "struct<a: int64, b: list<struct<c: json, d: date>>>".parse().unwrap();
    assert_eq!(column_type.leaves(), 3);
}

#[test]
fn arrow_types_are_nullable_inside_and_name_the_element() {
    let column_type: ColumnType = "list<struct<id: int64, raw: json>>".parse().unwrap();
    let json = Field::new("raw", DataType::Utf8, true)
        .with_metadata(HashMap::from([("tmdb-etl:type".to_owned(), "json".to_owned())]));
    let fields = Fields::from(vec![Field::new("id", DataType::Int64, true), json]);
    let element = Field::new("element", DataType::Struct(fields), true);
    assert_eq!(column_type.arrow(), DataType::List(Arc::new(element)));
}
