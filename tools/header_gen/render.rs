//! Writes the header from the model: what stands where, and how lines are filled.

use super::CONSTANT_HEADINGS;
use super::layout::layouts;
use super::model::{Doc, Item, Kind, Model, Variable};

const WIDTH: usize = 100;
const PREAMBLE: &str = include_str!("preamble.h");
const POSTAMBLE: &str = "\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n#endif /* KMS_H */\n";

pub fn render(model: &Model) -> Result<String, String> {
    let mut out = String::from(PREAMBLE);
    for item in &model.items {
        if let Kind::Constant { value } = &item.kind {
            constant(&mut out, item, value);
        }
    }
    out += &section("Types. In requests and infos, `reserved` members are 0.");
    for item in &model.items {
        match &item.kind {
            Kind::Alias { ty } => {
                out += &format!("\n{}typedef {} {};\n", comment(&item.doc), c_type(ty), item.name);
            }
            Kind::Opaque => {
                out += &format!(
                    "\n{}typedef struct {} {};\n",
                    comment(&item.doc),
                    opaque_tag(&item.name)?,
                    item.name
                );
            }
            Kind::Struct { members } => structure(&mut out, model, item, members)?,
            Kind::Constant { .. } | Kind::Function { .. } => {}
        }
    }
    let mut file = usize::MAX;
    for item in &model.items {
        let Kind::Function { returns, parameters } = &item.kind else { continue };
        if file != item.place.0 {
            file = item.place.0;
            out += &section(&model.headings[file]);
        }
        out += "\n";
        out += &comment(&item.doc);
        out += &prototype(&item.name, returns, parameters);
    }
    out += &offset_tables(model)?;
    Ok(out + POSTAMBLE)
}

fn section(title: &str) -> String {
    let rule = "-".repeat(WIDTH - 6);
    let text: String = fill(title, WIDTH - 3).iter().map(|line| format!(" * {line}\n")).collect();
    format!("\n/* {rule}\n{text} * {rule} */\n")
}

/// A constant with a comment starts a group; those without one belong to the group before them.
fn constant(out: &mut String, item: &Item, value: &str) {
    if let Some((_, title)) = CONSTANT_HEADINGS.iter().find(|(first, _)| *first == item.name) {
        *out += &section(title);
    }
    if !item.doc.is_empty() {
        *out += "\n";
        *out += &comment(&item.doc);
    }
    *out += &format!("#define {} {value}\n", item.name);
}

fn structure(out: &mut String, model: &Model, item: &Item, members: &[Variable]) -> Result<(), String> {
    let tag = struct_tag(model, &item.name)?;
    *out += &format!("\n{}typedef struct {tag} {{\n", comment(&item.doc));
    let declarations: Vec<String> =
        members.iter().map(|member| format!("  {};", declaration(member))).collect();
    let column = declarations.iter().map(String::len).max().unwrap_or(0) + 2;
    for (member, declaration) in members.iter().zip(&declarations) {
        if member.doc.is_empty() {
            *out += &format!("{declaration}\n");
            continue;
        }
        let lines = fill(&member.doc.join(" "), WIDTH - column - 8);
        let text = lines.join(&format!("\n{:column$} *   ", ""));
        *out += &format!("{declaration:column$}/**< {text} */\n");
    }
    *out += &format!("}} {};\n", item.name);
    if is_extensible(members) {
        *out += &initializer(model, &item.name, members)?;
    }
    Ok(())
}

/// All zeros plus struct_size, every member listed.
fn initializer(model: &Model, name: &str, members: &[Variable]) -> Result<String, String> {
    let zeros = members.iter().skip(1).map(|member| zero(model, member)).collect::<Result<Vec<_>, _>>()?;
    let values = format!("{{sizeof({name}), {}}}", zeros.join(", "));
    let macro_name = stem(name)?.trim_start_matches("kms_").to_uppercase();
    let lines = fill(&values, WIDTH - 5).join(" \\\n    ");
    Ok(format!(
        "\n/** Initializes a {name}: struct_size, and zeros. */\n#define KMS_{macro_name}_INIT \\\n  {lines}\n"
    ))
}

fn zero(model: &Model, member: &Variable) -> Result<String, String> {
    let one = if member.ty.ends_with('*') {
        "NULL".to_string()
    } else if let Some((_, inner)) = model.structs().find(|(item, _)| item.name == member.ty) {
        let inner = inner.iter().map(|member| zero(model, member)).collect::<Result<Vec<_>, _>>()?;
        format!("{{{}}}", inner.join(", "))
    } else {
        "0".to_string()
    };
    Ok(if member.count.is_some() { format!("{{{one}}}") } else { one })
}

fn prototype(name: &str, returns: &str, parameters: &[Variable]) -> String {
    let returns = c_type(returns);
    let list = match parameters {
        [] => "void".to_string(),
        all => all.iter().map(declaration).collect::<Vec<_>>().join(", "),
    };
    let head = format!("KMS_API {returns}{}KMS_CALL {name}(", if returns.ends_with('*') { "" } else { " " });
    if head.len() + list.len() + 2 <= WIDTH {
        return format!("{head}{list});\n");
    }
    // Lines are broken between parameters, never inside one.
    let mut lines = vec![String::new()];
    for one in list.split(", ") {
        let last = lines.last_mut().expect("never empty");
        if last.is_empty() {
            last.push_str(one);
        } else if 4 + last.len() + 2 + one.len() + 2 <= WIDTH {
            last.push_str(", ");
            last.push_str(one);
        } else {
            last.push(',');
            lines.push(one.to_string());
        }
    }
    format!("{head}\n    {});\n", lines.join("\n    "))
}

fn offset_tables(model: &Model) -> Result<String, String> {
    let mut out = section(
        "For callers without a C compiler: offset and size in bytes of every member, on 64-bit and on 32-bit \
         platforms. Integers are in the machine's byte order. kms_struct_size() gives the sizes at run time.",
    );
    out += "\n/*\n";
    for ((item, members), (wide, narrow)) in model.structs().zip(layouts(model)?) {
        out += &format!(" * {:<46}{:>18}{:>18}\n", item.name, "64 bits", "32 bits");
        for ((member, wide), narrow) in members.iter().zip(&wide.members).zip(&narrow.members) {
            let text = declaration(member);
            let (a, b, c, d) = (wide.offset, wide.size, narrow.offset, narrow.size);
            out += &format!(" *   {text:<44}{a:>10}{b:>8}{c:>10}{d:>8}\n");
        }
        out += &format!(" *   {:<44}{:>18}{:>18}\n *\n", "sizeof", wide.size, narrow.size);
    }
    out.truncate(out.len() - " *\n".len());
    out += " */\n";
    Ok(out)
}

fn is_extensible(members: &[Variable]) -> bool {
    members.first().is_some_and(|first| first.name == "struct_size")
}

/// "const char *key", "kms_bytes_t aad", "char id[65]".
fn declaration(variable: &Variable) -> String {
    let ty = c_type(&variable.ty);
    let space = if ty.ends_with('*') { "" } else { " " };
    let count = variable.count.map(|count| format!("[{count}]")).unwrap_or_default();
    format!("{ty}{space}{}{count}", variable.name)
}

/// cbindgen writes `struct kms_t *` where it takes a type for opaque; the header has typedefs only.
fn c_type(ty: &str) -> String {
    ty.replace("struct ", "")
}

/// `kms_stats_t` is `struct kms_stats_values`: in C++ the function kms_stats would hide a tag of its name.
fn struct_tag(model: &Model, name: &str) -> Result<String, String> {
    let tag = stem(name)?;
    let is_function = |item: &Item| item.name == tag && matches!(item.kind, Kind::Function { .. });
    Ok(if model.items.iter().any(is_function) { format!("{tag}_values") } else { tag.to_string() })
}

fn stem(name: &str) -> Result<&str, String> {
    name.strip_suffix("_t").ok_or_else(|| format!("{name}: a struct's name ends in _t"))
}

/// `kms_t` is `struct kms_handle`: the tag leaves `kms` free for C++ namespaces.
fn opaque_tag(name: &str) -> Result<&str, String> {
    if name == "kms_t" { Ok("kms_handle") } else { stem(name) }
}

fn comment(doc: &Doc) -> String {
    if doc.is_empty() {
        return String::new();
    }
    let mut lines: Vec<String> = Vec::new();
    for block in blocks(doc) {
        let (head, text) = block.split_at(hanging_indent(&block));
        let indent = head.len();
        for (i, line) in fill(text, WIDTH - 3 - indent).iter().enumerate() {
            lines.push(format!("{:indent$}{line}", if i == 0 { head } else { "" }));
        }
    }
    match lines.as_slice() {
        [one] if one.len() + 8 <= WIDTH => format!("/** {one} */\n"),
        _ => {
            let body: String =
                lines.iter().map(|line| format!(" * {line}").trim_end().to_string() + "\n").collect();
            format!("/**\n{body} */\n")
        }
    }
}

/// Paragraphs, `\param`s and `\return`s, each as one long line; an empty string is an empty line.
fn blocks(doc: &Doc) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    for line in doc {
        let starts = line.starts_with(['\\', '-']) || line.is_empty();
        match blocks.last_mut() {
            Some(last) if !starts && !last.is_empty() => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => blocks.push(line.clone()),
        }
    }
    blocks
}

fn hanging_indent(block: &str) -> usize {
    match block.split(' ').next() {
        Some("\\param") => {
            let name_end = block["\\param ".len()..].find(' ').map_or(0, |at| at + "\\param ".len());
            name_end + block[name_end..].len() - block[name_end..].trim_start().len()
        }
        Some("\\return") => "\\return ".len(),
        Some("-") => "- ".len(),
        _ => 0,
    }
}

/// Breaks at spaces so that no line is longer than `width`, where words allow it; "x = y" stays together.
fn fill(text: &str, width: usize) -> Vec<String> {
    const TIED: &str = "\u{1}=\u{1}";
    let mut lines: Vec<String> = Vec::new();
    for word in text.replace(" = ", TIED).split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines.iter().map(|line| line.replace(TIED, " = ")).collect()
}
