//! What cbindgen wrote, as data. Its output has few shapes; anything else is an error, never skipped.

/// A documentation comment, line by line.
pub type Doc = Vec<String>;

/// `type name` or `type name[count]`: a struct member or a parameter.
pub struct Variable {
    pub doc: Doc,
    /// With its stars: "const char *const *".
    pub ty: String,
    pub name: String,
    pub count: Option<usize>,
}

pub enum Kind {
    Constant { value: String },
    Alias { ty: String },
    Opaque,
    Struct { members: Vec<Variable> },
    Function { returns: String, parameters: Vec<Variable> },
}

pub struct Item {
    pub doc: Doc,
    pub name: String,
    pub kind: Kind,
    /// Index into the files of the C ABI, and the position there: the order of the header.
    pub place: (usize, usize),
}

pub struct Model {
    pub items: Vec<Item>,
    /// The first sentence of each file's own documentation.
    pub headings: Vec<String>,
}

impl Model {
    /// `declarations` is cbindgen's text for `sources`.
    pub fn parse(declarations: &str, sources: &[String]) -> Result<Model, String> {
        let mut items = Vec::new();
        let mut doc = Doc::new();
        let mut lines = declarations.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if line.is_empty() {
                continue;
            }
            if line == "/**" {
                doc = read_doc(&mut lines)?;
                continue;
            }
            let (name, kind) = if let Some(define) = line.strip_prefix("#define ") {
                let (name, value) = define.split_once(' ').ok_or_else(|| unknown(line))?;
                (name.to_string(), Kind::Constant { value: value.to_string() })
            } else if line == "typedef struct {" {
                read_struct(&mut lines)?
            } else if let Some(rest) = line.strip_prefix("typedef struct ") {
                let name = rest.split(' ').next().unwrap_or_default();
                (name.to_string(), Kind::Opaque)
            } else if let Some(rest) = line.strip_prefix("typedef ") {
                let alias = variable(rest.trim_end_matches(';'), Doc::new())?;
                (alias.name, Kind::Alias { ty: alias.ty })
            } else {
                read_function(line)?
            };
            let place = place(&name, &kind, sources)?;
            items.push(Item { doc: std::mem::take(&mut doc), name, kind, place });
        }
        items.sort_by_key(|item| item.place);
        let headings = sources.iter().map(|source| heading(source)).collect();
        Ok(Model { items, headings })
    }

    pub fn structs(&self) -> impl Iterator<Item = (&Item, &[Variable])> {
        self.items.iter().filter_map(|item| match &item.kind {
            Kind::Struct { members } => Some((item, members.as_slice())),
            _ => None,
        })
    }
}

fn unknown(line: &str) -> String {
    format!("a declaration of an unknown shape: {line}")
}

fn read_doc<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Result<Doc, String> {
    let mut doc = Doc::new();
    for line in lines {
        if line == "*/" {
            return Ok(doc);
        }
        let line = line.strip_prefix('*').ok_or_else(|| unknown(line))?;
        if line.contains("*/") || line.contains("/*") {
            return Err(format!("a comment must not hold a comment's bounds: {line}"));
        }
        doc.push(line.strip_prefix(' ').unwrap_or(line).to_string());
    }
    Err("a comment without an end".into())
}

fn read_struct<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Result<(String, Kind), String> {
    let mut members = Vec::new();
    let mut doc = Doc::new();
    while let Some(line) = lines.next() {
        if line == "/**" {
            doc = read_doc(lines)?;
        } else if let Some(name) = line.strip_prefix("} ") {
            return Ok((name.trim_end_matches(';').to_string(), Kind::Struct { members }));
        } else {
            let member = line.strip_suffix(';').ok_or_else(|| unknown(line))?;
            members.push(variable(member, std::mem::take(&mut doc))?);
        }
    }
    Err("a struct without an end".into())
}

fn read_function(line: &str) -> Result<(String, Kind), String> {
    let (head, parameters) =
        line.strip_suffix(");").and_then(|line| line.split_once('(')).ok_or_else(|| unknown(line))?;
    let head = variable(head, Doc::new())?;
    let parameters = match parameters {
        "void" => Vec::new(),
        list => list.split(", ").map(|one| variable(one, Doc::new())).collect::<Result<_, _>>()?,
    };
    Ok((head.name, Kind::Function { returns: head.ty, parameters }))
}

/// Splits "const char *const *tokens" and "char id[65]" into type, name and count.
fn variable(text: &str, doc: Doc) -> Result<Variable, String> {
    let (text, count) = match text.strip_suffix(']').and_then(|t| t.split_once('[')) {
        Some((text, count)) => (text, Some(count.parse::<usize>().map_err(|e| format!("{text}: {e}"))?)),
        None => (text, None),
    };
    let start = text.rfind([' ', '*']).ok_or_else(|| unknown(text))? + 1;
    let (ty, name) = text.split_at(start);
    if name.is_empty() {
        return Err(unknown(text));
    }
    Ok(Variable { doc, ty: ty.trim_end().to_string(), name: name.to_string(), count })
}

fn place(name: &str, kind: &Kind, sources: &[String]) -> Result<(usize, usize), String> {
    let (declaration, ends) = match kind {
        Kind::Constant { .. } => (format!("pub const {name}"), ":"),
        Kind::Alias { .. } => (format!("pub type {name}"), " "),
        Kind::Opaque | Kind::Struct { .. } => (format!("pub struct {name}"), " "),
        Kind::Function { .. } => (format!("extern \"C\" fn {name}"), "("),
    };
    let declaration = declaration + ends;
    let found = sources.iter().enumerate().find_map(|(file, text)| Some((file, text.find(&declaration)?)));
    found.ok_or_else(|| format!("`{declaration}` is in no source file"))
}

fn heading(source: &str) -> String {
    let own = source.lines().take_while(|line| line.starts_with("//!"));
    let text = own.map(|line| line.trim_start_matches("//!").trim()).collect::<Vec<_>>().join(" ");
    match text.find(". ") {
        Some(end) => text[..=end].to_string(),
        None => text,
    }
}
