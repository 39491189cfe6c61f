use super::*;

fn problems<T>(import: &Import<T>) -> Vec<(u32, Option<&str>, &str)> {
    import
        .problems
        .iter()
        .map(|problem| (problem.row, problem.column.as_deref(), problem.code))
        .collect()
}

#[test]
fn kno_04_entries_are_imported_with_a_report_by_row() {
    let file = b"Question,Answer,Tags,priority,id,expires at,what\n\
        When?,Now,\"a;b\",5,q1,2026-02-01,x\n,No,,,,,\nWho?,Me,,900,,soon,\nWhen again?,Now,,,q1,,\n";
    let import = import_entries(file, &hint("a.csv"), &Limits::default()).expect("it can be read");
    assert_eq!(import.total, 4);
    assert_eq!(import.ignored_columns, ["what"]);
    assert_eq!(
        problems(&import),
        [
            (2, Some("title"), "row_field_missing"),
            (3, Some("priority"), "row_field_invalid"),
            (3, Some("expires at"), "row_field_invalid"),
            (4, None, "row_id_duplicate"),
        ]
    );
    let [row] = import.rows.as_slice() else { panic!("one row, not {:?}", import.rows) };
    assert_eq!((row.row, row.external_id.as_str()), (1, "q1"));
    assert_eq!((row.item.title.as_str(), row.item.content.as_str()), ("When?", "Now"));
    assert_eq!(row.item.keywords, ["a", "b"]);
    assert_eq!((row.item.priority, row.item.expires_at_ms), (5, Some(1_769_904_000_000)));
}

#[test]
fn kno_04_json_and_lines_are_the_same_rows() {
    let read = |file: &str| {
        let import = import_entries(file.as_bytes(), &Hint::default(), &Limits::default())
            .expect("it can be read");
        assert_eq!(problems(&import), []);
        import.rows
    };
    let one = r#"{"title":"a","content":"b","metadata":{"x":1}}"#;
    let two = r#"{"title":"c","text":"d"}"#;
    let rows = read(&format!("[{one},{two}]"));
    assert_eq!(rows.len(), 2);
    assert_eq!(rows, read(&format!("{one}\n\n{two}\n")));
    assert_eq!(rows, read(&format!(r#"{{"entries":[{one},{two}]}}"#)));
    assert_eq!(rows[0].item.metadata, r#"{"x":1}"#);
    assert_eq!(rows[0].external_id.len(), 32, "derived of the row");
    assert_ne!(rows[0].external_id, rows[1].external_id);
}

#[test]
fn kno_04_the_catalogue_is_imported() {
    let file = "sku\tname\tprice\tcurrency\tstock\taliases\ttype\nD-1\tDoor\t1,234.50\teur\t3\tgate|portal\t\n\
        S-1\tFitting\t$20\t\t\t\tservice\nX\tBad\t12\t\t-1\t\ttoy\n";
    let import =
        import_catalogue(file.as_bytes(), &hint("a.tsv"), &Limits::default()).expect("it is read");
    assert_eq!(
        problems(&import),
        [
            (3, Some("kind"), "row_field_invalid"),
            (3, Some("currency"), "row_field_invalid"),
            (3, Some("stock"), "row_field_invalid"),
        ]
    );
    let door = &import.rows[0];
    assert_eq!(door.external_id, "D-1");
    assert_eq!((door.item.price_micros, door.item.currency.as_str()), (Some(1_234_500_000), "EUR"));
    assert_eq!(door.item.aliases, ["gate", "portal"]);
    let fitting = &import.rows[1].item;
    assert_eq!((fitting.kind, fitting.currency.as_str()), (ItemKind::Service, "USD"));
}

#[test]
fn files_without_rows_are_refused_whole() {
    let code = |bytes: &[u8], limits: &Limits| {
        import_entries(bytes, &hint("a.csv"), limits).map_err(|problem| problem.code).err()
    };
    assert_eq!(code(b"", &Limits::default()), Some("import_unreadable"));
    let few = Limits { rows_max: 1, ..Limits::default() };
    assert_eq!(code(b"a\n1\n2\n", &few), Some("file_text_too_large"));
    let json = import_entries(b"[1, {", &hint("a.json"), &Limits::default());
    assert_eq!(json.map_err(|problem| problem.code).err(), Some("import_unreadable"));
    let mixed = import_entries(b"[1]", &hint("a.json"), &Limits::default()).expect("rows");
    assert_eq!(problems(&mixed), [(1, None, "row_malformed")]);
}
