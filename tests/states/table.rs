//! The tables of docs/states.md.

/// One cell: what an operation does in a state.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub heading: String,
    pub operation: String,
    pub state: String,
    pub says: String,
}

/// The rows of the table under a heading, without the line below its head; backticks are left out.
pub fn rows(document: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, section) =
        document.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no heading {heading:?}"));
    let (section, _) = section.split_once("\n## ").unwrap_or((section, ""));
    let table = section.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    let fields = |line: &str| line.trim_matches('|').replace('`', "");
    table.map(|line| fields(line).split('|').map(|field| field.trim().to_string()).collect()).collect()
}

/// Every cell of the table under a heading. A row may be of several operations.
pub fn cells(document: &str, heading: &str) -> Vec<Cell> {
    let rows = rows(document, heading);
    let (head, rows) = rows.split_first().unwrap_or_else(|| panic!("no table under {heading:?}"));
    let mut cells = Vec::new();
    for row in rows {
        assert_eq!(row.len(), head.len(), "{heading}: {row:?}");
        for operation in row[0].split(", ") {
            for (state, says) in head.iter().zip(row).skip(1) {
                cells.push(Cell {
                    heading: heading.into(),
                    operation: operation.into(),
                    state: state.clone(),
                    says: says.clone(),
                });
            }
        }
    }
    cells
}

/// Where the document says something else than what happened.
pub fn differences(documented: &[Cell], happened: &[Cell]) -> Vec<String> {
    assert_eq!(documented.len(), happened.len());
    let pairs = documented.iter().zip(happened).filter(|(documented, happened)| documented != happened);
    pairs
        .map(|(documented, happened)| {
            let Cell { heading, operation, state, says } = documented;
            format!("{heading}: {operation}, {state}: is {}, not {says}", happened.says)
        })
        .collect()
}

/// Functions of the header, with what they take, that work on a key or an alias.
pub fn functions_on_keys(header: &str) -> Vec<String> {
    let functions = header.split("KMS_CALL ").skip(1).filter_map(|rest| rest.split_once('('));
    let others = [
        // Of the store, or of no key in particular.
        "kms_open",
        "kms_flush",
        "kms_close",
        "kms_create_key",
        "kms_list_keys",
        "kms_generate_random",
        "kms_rekey",
        "kms_backup",
        "kms_verify",
        "kms_exchange",
        "kms_stats",
        "kms_as_principal",
        "kms_list_retirable_grants",
        "kms_verify_audit_log",
    ];
    let on_keys = functions.filter(|(_, rest)| rest.trim_start().starts_with("kms_t *kms"));
    on_keys.map(|(name, _)| name.to_string()).filter(|name| !others.contains(&name.as_str())).collect()
}
